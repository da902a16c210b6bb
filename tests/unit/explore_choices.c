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

static void add_store(struct list *list, const struct sms365_action *action)
{
    const bool full = current_run->alphabet == ALPHABET_FULL;

    if (action->kind == SMS365_ACTION_GET) {
        add(list, GET_OK, 0);
        if (!full)
            return;
        add_errs(list, GET_ERR);
        add(list, GET_NOTHING, 0);
        if (world.common.cells[action->class].length > 0) {
            add(list, GET_CUT, 0);
            add(list, GET_ALTERED, 0);
        }
        add(list, GET_LONGER, 0);
    } else {
        add(list, CAS_OK, 0);
        if (world.common.conflicts > 0)
            add(list, CAS_CONFLICT, 0);
        if (full) {
            add_errs(list, CAS_ERR);
            add_errs(list, CAS_ERR_WRITTEN);
        }
    }
}

static void add_send(struct list *list)
{
    const bool model = current_run->alphabet == ALPHABET_MODEL;

    if (current_run->alphabet == ALPHABET_FULL) {
        add_all(list, SEND_OK, DELIVERY_WORDS);
        add_all(list, SEND_BAD_ID, BAD_IDS);
        add_all(list, SEND_REFUSED, REFUSALS);
        add_errs(list, SEND_ERR);
        return;
    }
    if (current_run->alphabet != ALPHABET_PAIR)
        add(list, SEND_OK, WORD_SENT);
    if (current_run->alphabet == ALPHABET_RACE)
        return;
    add(list, SEND_OK, WORD_FAILED); /* failed: another may be asked for at once */
    add(list, SEND_REFUSED, REFUSAL_NO_BALANCE);
    add(list, SEND_ERR, SMS365_REPLY_LOST);
    if (model)
        add(list, SEND_ERR, SMS365_NO_MEMORY);
}

static void add_check(struct list *list)
{
    add(list, CHECK_TRUE, 0);
    if (current_run->alphabet == ALPHABET_FULL) {
        add_all(list, CHECK_ODD, ODD_AUTHS);
        add_all(list, CHECK_REFUSED, REFUSALS);
        add_errs(list, CHECK_ERR);
    } else if (current_run->alphabet != ALPHABET_RACE) {
        add(list, CHECK_ERR, SMS365_REPLY_LOST);
        if (current_run->alphabet == ALPHABET_MODEL)
            add(list, CHECK_REFUSED, REFUSAL_GONE);
    }
}

static void add_answers(struct list *list)
{
    const enum alphabet alphabet = current_run->alphabet;

    if (alphabet == ALPHABET_FULL) {
        add_all(list, ANSWER, ANSWER_COUNT);
        return;
    }
    add(list, ANSWER, ANSWER_RIGHT);
    if (alphabet == ALPHABET_RACE)
        return;
    add(list, ANSWER, ANSWER_WRONG);
    add(list, ANSWER, ANSWER_AGAIN);
    add(list, ANSWER, ANSWER_NULL);
    if (current_run->numbers > 1)
        add(list, ANSWER, ANSWER_OTHER);
    if (alphabet == ALPHABET_MODEL && world.common.message_count > 1)
        add(list, ANSWER, ANSWER_OLD);
}

static void add_reports(struct list *list)
{
    if (current_run->alphabet == ALPHABET_FULL) {
        add_all(list, REPORT, REPORT_COUNT);
        return;
    }
    add(list, REPORT, REPORT_NONE);
    if (current_run->alphabet == ALPHABET_MODEL)
        add(list, REPORT, REPORT_FAILED);
}

static size_t fitting_kind(enum sms365_action_kind kind)
{
    static const enum sms365_event_kind kinds[] = {SMS365_EVENT_RECORD, SMS365_EVENT_WRITTEN, SMS365_EVENT_REPLY,
        SMS365_EVENT_TOLD, SMS365_EVENT_ANSWER, SMS365_EVENT_REPORT, SMS365_EVENT_LOGGED};

    return kinds[kind];
}

size_t event_choices(const struct proc *proc, struct move *moves, uint8_t index)
{
    const struct sms365_action *action = &proc->ch.action;
    struct list list = {moves, 0, index};

    switch (action->kind) {
    case SMS365_ACTION_GET:
    case SMS365_ACTION_CAS:
        add_store(&list, action);
        break;
    case SMS365_ACTION_CALL:
        if (action->endpoint == SMS365_EP_2FA_SEND)
            add_send(&list);
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
        add_reports(&list);
        break;
    default:
        add(&list, CARRY_ON, 0);
        break;
    }
    if (current_run->alphabet == ALPHABET_FULL) {
        add(&list, CLOCK_BACK, 0);
        add(&list, OTHER_BOOT, 0);
        for (size_t kind = 0; kind <= SMS365_EVENT_LOGGED; kind++)
            if (kind != fitting_kind(action->kind))
                add(&list, WRONG_KIND, kind);
    }
    return list.count;
}
