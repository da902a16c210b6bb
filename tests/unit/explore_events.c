/* The events of the model: what each choice does to the store, and what the process gets to see of it. */
#include "explore.h"

#include <stdio.h>
#include <string.h>

/* "2468" is never right. The digits of a phone number that are shown are none of these. */
static const char codes[WORLD_MESSAGES][8] = {"9017", "8206", "7395", "6184", "5073", "9162", "8351", "7240", "6439",
    "5328", "4217", "9906", "8815", "7724", "6633", "5542"};

static const char wrong_codes[2][8] = {"2468", "246813"};

const char *event_code(const struct message *message)
{
    return message->local ? message->code : codes[message - world.common.messages];
}

/* --- Store --- */

static void make_record(struct sms365_event *event, const struct proc *proc, enum choice choice)
{
    static struct sms365_record record;
    struct record cell;

    event->kind = SMS365_EVENT_RECORD;
    event->record = &record;
    memset(&record, 0, offsetof(struct sms365_record, value));
    if (!world_record(&cell, &proc->ch.action)) /* the rules have said so */
        return;
    record.version = *cell.version;
    record.length = *cell.length;
    memcpy(record.value, cell.value, record.length);
    record.value[record.length] = 0;
    if (choice == GET_NOTHING)
        event->record = NULL;
    else if (choice == GET_CUT)
        record.length--;
    else if (choice == GET_LONGER)
        record.length++;
    else if (choice == GET_ALTERED)
        record.value[0] ^= 0x20;
}

/* Write what the process wants written. False when its version is not the present one. */
static bool commit(struct proc *proc, const struct record *cell)
{
    const struct sms365_action *action = &proc->ch.action;
    static uint8_t value[SMS365_RECORD_MAX];
    size_t length;

    if (action->version != *cell->version || !sms365_challenge_value(&proc->ch, value, &length) || length > cell->size)
        return false;
    if (action->class == SMS365_CLASS_USER)
        ledger_written(proc, value, length);
    else if (action->class == SMS365_CLASS_HOST)
        ledger_host_written(proc, cell, value, length);
    else
        spend_written(proc, cell, value, length);
    memset(cell->value, 0, cell->size);
    memcpy(cell->value, value, length);
    *cell->length = length;
    ++*cell->version;
    return true;
}

static void make_written(struct sms365_event *event, struct proc *proc, struct move move)
{
    struct record cell;

    event->kind = SMS365_EVENT_WRITTEN;
    if (!world_record(&cell, &proc->ch.action))
        return;
    if (move.choice == CAS_CONFLICT) {
        /* Another user of the store wrote, and left the contents as they were. */
        ++*cell.version;
        world.common.conflicts--;
        event->err = SMS365_CONFLICT;
    } else if (move.choice == CAS_ERR) {
        event->err = (enum sms365_err)move.arg;
    } else if (!commit(proc, &cell)) {
        event->err = SMS365_CONFLICT;
    } else if (move.choice == CAS_ERR_WRITTEN) {
        event->err = (enum sms365_err)move.arg;
    }
    event->version = *cell.version;
}

static void make_sum(struct sms365_event *event, const struct proc *proc)
{
    event->kind = SMS365_EVENT_SUM;
    event->total = spend_sum(proc->ch.action.window_ms);
}

/* --- Person and reports --- */

bool event_is_code(enum answer answer)
{
    return answer <= ANSWER_OLD;
}

static struct message *flying(const struct proc *proc)
{
    const int index = ledger_find(proc->ch.slot.id);

    return index == NOBODY ? NULL : &world.common.messages[index];
}

static const char *other_code(int index)
{
    for (int i = world.common.message_count; i-- > 0;)
        if (i != index && event_code(&world.common.messages[i])[0] != '\0')
            return event_code(&world.common.messages[i]);
    return current_run->local ? "554422" : codes[WORLD_MESSAGES - 1];
}

int event_backup(const char *text)
{
    for (int i = 0; i < WORLD_BACKUPS; i++)
        if (strncmp(text, world_backups[i], strlen(world_backups[i])) == 0)
            return i;
    return WRONG_BACKUP;
}

static const char *backup_text(bool used)
{
    for (int i = 0; current_run->backup && i < WORLD_BACKUPS; i++)
        if (((world.common.backups_used >> i & 1) != 0) == used)
            return world_backups[i];
    return "1357-8642";
}

static const char *answer_text(const struct proc *proc, enum answer answer)
{
    static char text[100 * 1024 + 1];
    const int index = ledger_find(proc->ch.slot.id);
    const char *right = index == NOBODY ? codes[0] : event_code(&world.common.messages[index]);
    static const char *const plain[ANSWER_COUNT] = {[ANSWER_AGAIN] = "r",
        [ANSWER_AGAIN_CAPITAL] = " R\n",
        [ANSWER_OTHER] = "o",
        [ANSWER_OTHER_CAPITAL] = "\tO ",
        [ANSWER_EMPTY] = "",
        [ANSWER_BLANKS] = " \t\r\n",
        [ANSWER_WIDE] = "\xef\xbc\x99\xef\xbc\x90\xef\xbc\x91\xef\xbc\x97",
        [ANSWER_PASSWORD] = "hunter2-Secret",
        [ANSWER_BACKUP_WISH] = "b",
        [ANSWER_BACKUP_WRONG] = "1357-8642"};

    switch (answer) {
    case ANSWER_RIGHT:
        return right;
    case ANSWER_WRONG:
        return wrong_codes[current_run->local];
    case ANSWER_BACKUP:
        return backup_text(false);
    case ANSWER_BACKUP_USED:
        return backup_text(true);
    case ANSWER_OLD:
        return other_code(index);
    case ANSWER_RIGHT_BLANKS:
        (void)snprintf(text, sizeof text, " \t%s \r\n", right);
        return text;
    case ANSWER_THREE:
        (void)snprintf(text, sizeof text, "%.3s", right);
        return text;
    case ANSWER_FIVE:
        (void)snprintf(text, sizeof text, "%s7", right);
        return text;
    case ANSWER_SIGN:
        (void)snprintf(text, sizeof text, "+%.3s", right);
        return text;
    case ANSWER_SPLIT:
        (void)snprintf(text, sizeof text, "%.2s %s", right, right + 2);
        return text;
    case ANSWER_LONG:
        memset(text, '7', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        return text;
    default:
        return plain[answer];
    }
}

static void make_report(struct sms365_event *event, const struct proc *proc, enum report report)
{
    static char query[4096];
    char token[SMS365_TOKEN_SIZE];
    uint8_t id[SMS365_ID_BYTES];
    static const char *const words[REPORT_COUNT] = {[REPORT_DELIVERED] = "d",
        [REPORT_FAILED] = "f",
        [REPORT_OLD_WORD] = "2",
        [REPORT_PENDING] = "s",
        [REPORT_OTHER] = "d",
        [REPORT_FORGED] = "d",
        [REPORT_EMPTY] = "",
        [REPORT_LONG] = "d",
        [REPORT_NUL] = "d"};

    struct message *message = flying(proc);

    event->kind = SMS365_EVENT_REPORT;
    if (report == REPORT_NONE) {
        if (message != NULL && proc->ch.action.id != NULL)
            message->given_up = 1;
        return;
    }
    memcpy(id, proc->ch.slot.id, sizeof id);
    if (report == REPORT_OTHER)
        id[3] ^= 1;
    (void)sms365_token_make(token, &callback_key, id);
    if (report == REPORT_FORGED)
        token[30] = token[30] == 'A' ? 'B' : 'A';
    memset(query, 0, sizeof query);
    (void)snprintf(query, sizeof query, "site=1&t=%s&msgid=7&status=%s&cost=%s&to=306971234567", token, words[report],
        current_run->costs ? REPORT_COST_TEXT : "1");
    event->query = query;
    event->length = report == REPORT_EMPTY ? 0 : strlen(query);
    if (report == REPORT_LONG) {
        memset(query + event->length, '&', sizeof query - event->length);
        event->length = SMS365_REPORT_MAX + 1;
    } else if (report == REPORT_NUL) {
        event->length++;
    }
    if (report == REPORT_FAILED && message != NULL)
        message->failed = 1;
    if (report <= REPORT_OLD_WORD && message != NULL && current_run->costs && !message->superseded && !message->gone)
        message->cost = REPORT_COST;
}

/* --- All together --- */

/* What an event of another kind, or at an impossible time, brings along: everything that one could wish for. */
static void make_tempting(struct sms365_event *event, const struct proc *proc, struct move move)
{
    struct proc user;

    memcpy(&user.ch.action, &proc->ch.action, sizeof user.ch.action);
    if (proc->ch.action.kind > SMS365_ACTION_CAS)
        user.ch.action.class = SMS365_CLASS_USER;
    make_record(event, &user, GET_OK);
    event->version = world.common.user.version;
    provider_tempt(event, proc);
    event->answer = answer_text(proc, ANSWER_RIGHT);
    make_report(event, proc, REPORT_DELIVERED);
    event->kind = (enum sms365_event_kind)move.arg;
}

/* Time goes by while nothing is waited for but time. */
static void make_waited(struct sms365_event *event, const struct proc *proc, struct move move)
{
    struct message *message = flying(proc);

    make_report(event, proc, move.choice == REPORT ? (enum report)move.arg : REPORT_DELIVERED);
    if (proc->ch.action.id != NULL)
        return;
    world.common.true_ms += proc->ch.action.timeout_ms;
    if (message != NULL && world.common.true_ms - message->called_ms >= proc->ch.conf->give_up_after_s * 1000)
        message->given_up = 1;
}

static void make_fitting(struct sms365_event *event, struct proc *proc, struct move move)
{
    switch (proc->ch.action.kind) {
    case SMS365_ACTION_GET:
        make_record(event, proc, (enum choice)move.choice);
        if (move.choice == GET_ERR)
            event->err = (enum sms365_err)move.arg;
        break;
    case SMS365_ACTION_CAS:
        make_written(event, proc, move);
        break;
    case SMS365_ACTION_SUM:
        make_sum(event, proc);
        if (move.choice == SUM_ERR)
            event->err = (enum sms365_err)move.arg;
        break;
    case SMS365_ACTION_CALL:
        provider_reply(event, proc, move);
        break;
    case SMS365_ACTION_TELL:
        event->kind = SMS365_EVENT_TOLD;
        break;
    case SMS365_ACTION_ASK:
        event->kind = SMS365_EVENT_ANSWER;
        event->answer = answer_text(proc, move.choice == ANSWER ? (enum answer)move.arg : ANSWER_RIGHT);
        break;
    case SMS365_ACTION_WAIT:
        make_waited(event, proc, move);
        break;
    default:
        event->kind = SMS365_EVENT_LOGGED;
        break;
    }
}

void event_make(struct proc *proc, struct move move, struct sms365_event *event)
{
    memset(event, 0, sizeof *event);
    if (move.choice == WRONG_KIND) {
        if (proc->ch.action.kind == SMS365_ACTION_CALL && event_is_send(&proc->ch.action))
            provider_reply(event, proc, move);
        make_tempting(event, proc, move);
    } else {
        make_fitting(event, proc, move);
    }
    event->now = world_now();
    if (move.choice == CLOCK_BACK)
        event->now.boot_ms = proc->ch.now.boot_ms - 1;
    else if (move.choice == OTHER_BOOT)
        event->now.boot_id[7] ^= 1;
}
