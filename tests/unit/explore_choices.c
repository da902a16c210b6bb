/* Which choices there are for an action. */
#include "explore.h"

struct list {
    struct move *moves;
    size_t count;
    uint8_t proc;
};

static void add(struct list *list, enum choice choice, size_t arg)
{
    list->moves[list->count++] = (struct move){MOVE_STEP, list->proc, (uint8_t)choice, (uint8_t)arg};
}

/* Every error but those that are choices of their own. */
static void add_errs(struct list *list, enum choice choice)
{
    const bool store = choice == CAS_ERR || choice == CAS_ERR_WRITTEN;
    const enum sms365_err other = store ? SMS365_CONFLICT : SMS365_REFUSED;

    for (enum sms365_err err = SMS365_NO_MEMORY; err <= SMS365_DENIED; err++)
        if (err != other || choice == GET_ERR)
            add(list, choice, err);
}

static void add_all(struct list *list, enum choice choice, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add(list, choice, i);
}

/*
 * A tally of messages or the flag. There are ten steps at these to every message, and whatever goes wrong there goes
 * wrong in the same way: all of it is tried in the runs that are for it.
 */
static bool is_brief(const struct sms365_action *action)
{
    const bool record = action->kind == SMS365_ACTION_GET || action->kind == SMS365_ACTION_CAS;

    return !current_run->tallies &&
           (action->kind == SMS365_ACTION_SUM ||
               (record && action->class != SMS365_CLASS_USER && action->class != SMS365_CLASS_HOST));
}

static void add_brief(struct list *list, const struct sms365_action *action)
{
    const enum choice choice = action->kind == SMS365_ACTION_GET   ? GET_ERR
                               : action->kind == SMS365_ACTION_CAS ? CAS_ERR
                                                                   : SUM_ERR;

    add(list, choice, SMS365_NO_MEMORY);
    if (action->kind == SMS365_ACTION_CAS)
        add(list, CAS_ERR_WRITTEN, SMS365_NO_MEMORY);
}

static void add_store(struct list *list, const struct sms365_action *action)
{
    const bool full = current_run->alphabet == ALPHABET_FULL && !is_brief(action);
    struct record record;

    if (action->kind == SMS365_ACTION_GET) {
        add(list, GET_OK, 0);
        if (full) {
            add_errs(list, GET_ERR);
            add(list, GET_NOTHING, 0);
            if (world_record(&record, action) && *record.length > 0) {
                add(list, GET_CUT, 0);
                add(list, GET_ALTERED, 0);
            }
            add(list, GET_LONGER, 0);
        }
    } else if (action->kind == SMS365_ACTION_CAS) {
        add(list, CAS_OK, 0);
        if (world.common.conflicts > 0)
            add(list, CAS_CONFLICT, 0);
        if (full) {
            add_errs(list, CAS_ERR);
            add_errs(list, CAS_ERR_WRITTEN);
        }
    } else {
        add(list, SUM_OK, 0);
        if (full)
            add_errs(list, SUM_ERR);
    }
    if (current_run->alphabet == ALPHABET_FULL && !full)
        add_brief(list, action);
    if (current_run->busy && action->class == SMS365_CLASS_SHARD && action->kind == SMS365_ACTION_GET)
        add(list, GET_ERR, SMS365_BUSY);
}

/* Where everything is tried at tallies, the rest of the world works. */
static enum alphabet alphabet_of_people(void)
{
    return current_run->tallies ? ALPHABET_MODEL : current_run->alphabet;
}

static void add_send(struct list *list, enum sms365_endpoint_id endpoint)
{
    const bool model = alphabet_of_people() == ALPHABET_MODEL;
    const bool reports = endpoint == SMS365_EP_2FA_SEND; /* how it was delivered */

    if (alphabet_of_people() == ALPHABET_FULL) {
        add_all(list, SEND_OK, reports ? DELIVERY_WORDS : 1);
        add_all(list, SEND_BAD_ID, BAD_IDS);
        add_all(list, SEND_REFUSED, REFUSALS);
        add_errs(list, SEND_ERR);
        return;
    }
    if (alphabet_of_people() != ALPHABET_PAIR || !reports)
        add(list, SEND_OK, WORD_SENT);
    if (alphabet_of_people() == ALPHABET_RACE)
        return;
    if (reports)
        add(list, SEND_OK, WORD_FAILED); /* failed: another may be asked for at once */
    add(list, SEND_REFUSED, current_run->balance ? REFUSAL_NO_BALANCE : REFUSAL_KEY);
    add(list, SEND_ERR, SMS365_REPLY_LOST);
    if (model)
        add(list, SEND_ERR, SMS365_NO_MEMORY);
    if (model && current_run->outage_backup)
        add(list, SEND_ERR, SMS365_UNREACHABLE);
}

static void add_status(struct list *list)
{
    add(list, STATUS_OK, WORD_SENT);
    add(list, STATUS_OK, WORD_FAILED);
    if (current_run->alphabet == ALPHABET_MODEL)
        add(list, STATUS_ERR, SMS365_REPLY_LOST);
    if (current_run->alphabet != ALPHABET_FULL)
        return;
    add(list, STATUS_OK, WORD_SENT + 1);
    add(list, STATUS_OK, WORD_FAILED + 1);
    add(list, STATUS_OK, WORD_FAILED + 2);
    add_errs(list, STATUS_ERR);
}

static void add_look(struct list *list)
{
    add(list, HLR_SAME, 0);
    add(list, HLR_CHANGED, 0);
    add(list, HLR_ERR, SMS365_REPLY_LOST);
    if (current_run->alphabet != ALPHABET_FULL)
        return;
    add_all(list, HLR_ODD, ODD_LOOKS);
    add_errs(list, HLR_ERR);
}

static void add_check(struct list *list)
{
    add(list, CHECK_TRUE, 0);
    if (alphabet_of_people() == ALPHABET_FULL) {
        add_all(list, CHECK_ODD, ODD_AUTHS);
        add_all(list, CHECK_REFUSED, REFUSALS);
        add_errs(list, CHECK_ERR);
    } else if (alphabet_of_people() != ALPHABET_RACE) {
        add(list, CHECK_ERR, SMS365_REPLY_LOST);
        if (alphabet_of_people() == ALPHABET_MODEL)
            add(list, CHECK_REFUSED, REFUSAL_GONE);
    }
}

static void add_answers(struct list *list)
{
    const enum alphabet alphabet = alphabet_of_people();

    if (alphabet == ALPHABET_FULL) {
        add_all(list, ANSWER, ANSWER_COUNT);
        return;
    }
    if (alphabet == ALPHABET_RACE) {
        add(list, ANSWER, world.procs[list->proc].diary.prompt >= PROMPT_BACKUP ? ANSWER_BACKUP : ANSWER_RIGHT);
        if (current_run->backup && world.procs[list->proc].diary.prompt < PROMPT_BACKUP)
            add(list, ANSWER, ANSWER_BACKUP_WISH);
        return;
    }
    add(list, ANSWER, ANSWER_RIGHT);
    add(list, ANSWER, ANSWER_WRONG);
    add(list, ANSWER, ANSWER_AGAIN);
    add(list, ANSWER, ANSWER_NULL);
    if (current_run->numbers > 1 || current_run->channels != NULL)
        add(list, ANSWER, ANSWER_OTHER);
    if (current_run->backup && world.procs[list->proc].diary.prompt < PROMPT_BACKUP)
        add(list, ANSWER, ANSWER_BACKUP_WISH);
    if (current_run->backup && world.procs[list->proc].diary.prompt >= PROMPT_BACKUP) {
        add(list, ANSWER, ANSWER_BACKUP);
        add(list, ANSWER, ANSWER_BACKUP_USED);
        add(list, ANSWER, ANSWER_BACKUP_WRONG);
    }
    if (alphabet == ALPHABET_MODEL && world.common.message_count > 1)
        add(list, ANSWER, ANSWER_OLD);
}

static void add_reports(struct list *list, const struct sms365_action *action)
{
    if (action->id == NULL) { /* only time goes by */
        add(list, REPORT, REPORT_NONE);
        return;
    }
    if (alphabet_of_people() == ALPHABET_FULL) {
        add_all(list, REPORT, REPORT_COUNT);
        return;
    }
    add(list, REPORT, REPORT_NONE);
    if (alphabet_of_people() == ALPHABET_MODEL)
        add(list, REPORT, REPORT_FAILED);
    if (current_run->costs)
        add(list, REPORT, REPORT_DELIVERED);
}

static size_t fitting_kind(enum sms365_action_kind kind)
{
    static const enum sms365_event_kind kinds[] = {SMS365_EVENT_RECORD, SMS365_EVENT_WRITTEN, SMS365_EVENT_SUM,
        SMS365_EVENT_REPLY, SMS365_EVENT_TOLD, SMS365_EVENT_ANSWER, SMS365_EVENT_REPORT, SMS365_EVENT_LOGGED};

    return kinds[kind];
}

size_t event_choices(const struct proc *proc, struct move *moves, uint8_t index)
{
    const struct sms365_action *action = &proc->ch.action;
    struct list list = {moves, 0, index};

    switch (action->kind) {
    case SMS365_ACTION_GET:
    case SMS365_ACTION_CAS:
    case SMS365_ACTION_SUM:
        add_store(&list, action);
        break;
    case SMS365_ACTION_CALL:
        if (event_is_send(action))
            add_send(&list, action->endpoint);
        else if (action->endpoint == SMS365_EP_STATUS_SMS)
            add_status(&list);
        else if (action->endpoint == SMS365_EP_HLR_LOOKUP)
            add_look(&list);
        else
            add_check(&list);
        break;
    case SMS365_ACTION_ASK:
        if (proc->ch.settled)
            add(&list, ANSWER, ANSWER_EMPTY);
        else
            add_answers(&list);
        break;
    case SMS365_ACTION_WAIT:
        add_reports(&list, action);
        break;
    default:
        add(&list, CARRY_ON, 0);
        break;
    }
    if (current_run->alphabet == ALPHABET_FULL && !is_brief(action)) {
        add(&list, CLOCK_BACK, 0);
        add(&list, OTHER_BOOT, 0);
        for (size_t kind = 0; kind <= SMS365_EVENT_LOGGED; kind++)
            if (kind != fitting_kind(action->kind))
                add(&list, WRONG_KIND, kind);
    }
    return list.count;
}
