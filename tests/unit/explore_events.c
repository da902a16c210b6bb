/* The events of the model: what each choice does to store and provider, and what the process gets to see of it. */
#include "explore.h"

#include <stdio.h>
#include <string.h>

/* "2468" is never right. The digits of a phone number that are shown are none of these. */
static const char codes[WORLD_MESSAGES][8] = {"9017", "8206", "7395", "6184", "5073", "9162", "8351", "7240", "6439",
    "5328", "4217", "9906", "8815", "7724", "6633", "5542"};

static const char *const delivery_words[DELIVERY_WORDS] = {"s", "d", "f", NULL, "?"};
static const char long_id[] = "0123456789012345678901234567890123456789012345678901234567890123456789";
static const char *const bad_ids[BAD_IDS] = {NULL, "", "a b", "a\nb", "\xce\xb1", "a\x7f", long_id + 5};
/* 101 to 106: 2fa/send. 300 to 302: 2fa/check. The last stands for all that are not documented. */
static const int refusals[REFUSALS] = {101, 102, 103, 105, 106, 300, 301, 302, 999, 0};
static const char *const keys[] = {"main", NULL, "k"};
static const char *const odd_auths[ODD_AUTHS] = {
    NULL, "", "OK", "Ok", " ok", "ok ", "ok\n", "okok", "o", "1", "true", "nok "};

const char *event_code(const struct message *message)
{
    return codes[message - world.common.messages];
}

/* Short authIds and, every other, the longest that fits. */
static const char *auth_id_of(int index)
{
    static char ids[WORLD_MESSAGES][SMS365_AUTH_ID_SIZE];
    char *id = ids[index];

    if (id[0] == '\0') {
        memcpy(id, long_id, SMS365_AUTH_ID_SIZE - 1);
        id[0] = (char)('A' + index);
        id[index % 2 == 0 ? 3 : SMS365_AUTH_ID_SIZE - 1] = '\0';
    }
    return id;
}

bool event_says_not_sent(int error)
{
    return error >= 101 && error <= 106; /* what the reference documents for 2fa/send */
}

const char *event_key(int message)
{
    return keys[message % 3];
}

int event_auth_id(const char *text)
{
    for (int i = 0; i < world.common.message_count; i++)
        if (strcmp(text, auth_id_of(i)) == 0)
            return i;
    return NOBODY;
}

/* --- Store --- */

static void make_record(struct sms365_event *event, const struct proc *proc, enum choice choice)
{
    static struct sms365_record record;
    const struct cell *cell = &world.common.cells[proc->ch.action.class];

    event->kind = SMS365_EVENT_RECORD;
    event->record = &record;
    record.version = cell->version;
    record.length = cell->length;
    memcpy(record.value, cell->value, cell->length);
    record.value[cell->length] = 0;
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
static bool commit(struct proc *proc)
{
    const struct sms365_action *action = &proc->ch.action;
    struct cell *cell = &world.common.cells[action->class];

    if (action->version != cell->version)
        return false;
    if (action->class == SMS365_CLASS_USER)
        ledger_written(proc, action->value, action->length);
    else
        ledger_host_written(proc, action->value, action->length);
    memset(cell->value, 0, sizeof cell->value);
    memcpy(cell->value, action->value, action->length);
    cell->length = action->length;
    cell->version++;
    return true;
}

static void make_written(struct sms365_event *event, struct proc *proc, struct move move)
{
    struct cell *cell = &world.common.cells[proc->ch.action.class];

    event->kind = SMS365_EVENT_WRITTEN;
    if (move.choice == CAS_CONFLICT) {
        /* Another user of the store wrote, and left the contents as they were. */
        cell->version++;
        world.common.conflicts--;
        event->err = SMS365_CONFLICT;
    } else if (move.choice == CAS_ERR) {
        event->err = (enum sms365_err)move.arg;
    } else if (!commit(proc)) {
        event->err = SMS365_CONFLICT;
    } else if (move.choice == CAS_ERR_WRITTEN) {
        event->err = (enum sms365_err)move.arg;
    }
    event->version = cell->version;
}

/* --- Provider --- */

static struct message *flying(const struct proc *proc)
{
    const int index = ledger_find(proc->ch.slot.id);

    return index == NOBODY ? NULL : &world.common.messages[index];
}

static void make_sent(struct sms365_event *event, struct proc *proc, struct move move)
{
    struct message *message = flying(proc);
    const int index = ledger_find(proc->ch.slot.id);

    event->kind = SMS365_EVENT_REPLY;
    if (message == NULL) /* sent without a charge: the rules have said so */
        return;
    event->auth_id = auth_id_of(index);
    event->auth_status = "d";
    event->key = event_key(index);
    message->stage = STAGE_LOST;
    switch (move.choice) {
    case SEND_BAD_ID:
        event->auth_id = bad_ids[move.arg];
        break;
    case SEND_REFUSED:
        event->err = SMS365_REFUSED;
        event->provider_error = refusals[move.arg];
        if (event_says_not_sent(event->provider_error))
            message->stage = STAGE_NOT_SENT;
        break;
    case SEND_ERR:
        event->err = (enum sms365_err)move.arg;
        if (move.arg != SMS365_REPLY_LOST && move.arg != SMS365_BAD_REPLY)
            message->stage = STAGE_NOT_SENT;
        break;
    case SEND_OK:
        event->auth_status = delivery_words[move.arg];
        message->stage = STAGE_SENT;
        message->failed = event->auth_status != NULL && strcmp(event->auth_status, "f") == 0;
        break;
    default:
        break; /* an event that does not fit: the message may well have been sent */
    }
}

static const char *param(const struct proc *proc, const char *name)
{
    for (size_t i = 0; i < proc->ch.action.param_count; i++)
        if (strcmp(proc->ch.action.params[i].name, name) == 0)
            return proc->ch.action.params[i].value;
    return "";
}

static void make_checked(struct sms365_event *event, struct proc *proc, struct move move)
{
    const int index = event_auth_id(param(proc, "authId"));
    struct message *message = index == NOBODY ? NULL : &world.common.messages[index];
    const bool right = message != NULL && !message->forgotten && strcmp(param(proc, "code"), event_code(message)) == 0;

    event->kind = SMS365_EVENT_REPLY;
    event->auth = "ok"; /* counts for nothing beside an error */
    if (move.choice == CHECK_ODD) {
        event->auth = odd_auths[move.arg];
    } else if (move.choice == CHECK_REFUSED) {
        event->err = SMS365_REFUSED;
        event->provider_error = refusals[move.arg];
        if (event->provider_error == 302 && message != NULL)
            message->forgotten = 1;
    } else if (move.choice == CHECK_ERR) {
        event->err = (enum sms365_err)move.arg;
    } else if (message == NULL || message->forgotten) {
        event->err = SMS365_REFUSED;
        event->provider_error = 302;
    } else if (!right) {
        event->auth = "nok";
        message->wrong = 1;
    } else if (move.choice == CHECK_TRUE) {
        proc->diary.accepted = (int8_t)index;
        message->accepted = 1;
    }
    if (right && current_run->provider_once)
        message->forgotten = 1;
}

/* --- Person and reports --- */

bool event_is_code(enum answer answer)
{
    return answer <= ANSWER_OLD;
}

static const char *other_code(int index)
{
    for (int i = world.common.message_count; i-- > 0;)
        if (i != index)
            return codes[i];
    return codes[WORLD_MESSAGES - 1];
}

static const char *answer_text(const struct proc *proc, enum answer answer)
{
    static char text[100 * 1024 + 1];
    const int index = ledger_find(proc->ch.slot.id);
    const char *right = codes[index == NOBODY ? 0 : index];
    static const char *const plain[ANSWER_COUNT] = {[ANSWER_WRONG] = "2468",
        [ANSWER_AGAIN] = "r",
        [ANSWER_AGAIN_CAPITAL] = " R\n",
        [ANSWER_OTHER] = "o",
        [ANSWER_OTHER_CAPITAL] = "\tO ",
        [ANSWER_EMPTY] = "",
        [ANSWER_BLANKS] = " \t\r\n",
        [ANSWER_WIDE] = "\xef\xbc\x99\xef\xbc\x90\xef\xbc\x91\xef\xbc\x97",
        [ANSWER_PASSWORD] = "hunter2-Secret",
        [ANSWER_LATIN_B] = "b"};

    switch (answer) {
    case ANSWER_RIGHT:
        return right;
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

    event->kind = SMS365_EVENT_REPORT;
    if (report == REPORT_NONE)
        return;
    memcpy(id, proc->ch.slot.id, sizeof id);
    if (report == REPORT_OTHER)
        id[3] ^= 1;
    (void)sms365_token_make(token, &callback_key, id);
    if (report == REPORT_FORGED)
        token[30] = token[30] == 'A' ? 'B' : 'A';
    memset(query, 0, sizeof query);
    (void)snprintf(query, sizeof query, "site=1&t=%s&msgid=7&status=%s&cost=1&to=306971234567", token, words[report]);
    event->query = query;
    event->length = report == REPORT_EMPTY ? 0 : strlen(query);
    if (report == REPORT_LONG) {
        memset(query + event->length, '&', sizeof query - event->length);
        event->length = SMS365_REPORT_MAX + 1;
    } else if (report == REPORT_NUL) {
        event->length++;
    }
    struct message *message = flying(proc);
    if (report == REPORT_FAILED && message != NULL)
        message->failed = 1;
}

/* --- All together --- */

/* What an event of another kind, or at an impossible time, brings along: everything that one could wish for. */
static void make_tempting(struct sms365_event *event, const struct proc *proc, struct move move)
{
    make_record(event, proc, GET_OK);
    event->version = world.common.cells[SMS365_CLASS_USER].version;
    event->auth_id = auth_id_of(0);
    event->auth_status = "d";
    event->auth = "ok";
    event->answer = answer_text(proc, ANSWER_RIGHT);
    make_report(event, proc, REPORT_DELIVERED);
    event->kind = (enum sms365_event_kind)move.arg;
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
    case SMS365_ACTION_CALL:
        if (proc->ch.action.endpoint == SMS365_EP_2FA_SEND)
            make_sent(event, proc, move);
        else
            make_checked(event, proc, move);
        break;
    case SMS365_ACTION_TELL:
        event->kind = SMS365_EVENT_TOLD;
        break;
    case SMS365_ACTION_ASK:
        event->kind = SMS365_EVENT_ANSWER;
        event->answer = answer_text(proc, move.choice == ANSWER ? (enum answer)move.arg : ANSWER_RIGHT);
        break;
    case SMS365_ACTION_WAIT:
        make_report(event, proc, move.choice == REPORT ? (enum report)move.arg : REPORT_DELIVERED);
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
        if (proc->ch.action.kind == SMS365_ACTION_CALL && proc->ch.action.endpoint == SMS365_EP_2FA_SEND)
            make_sent(event, proc, move);
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
