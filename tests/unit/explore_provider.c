/* The provider of the model: what it knows, and what it says. */
#include "explore.h"

#include <ctype.h>
#include <string.h>

static const char *const delivery_words[DELIVERY_WORDS] = {"s", "d", "f", NULL, "?"};
static const char long_id[] = "0123456789012345678901234567890123456789012345678901234567890123456789";
static const char *const bad_ids[BAD_IDS] = {NULL, "", "a b", "a\nb", "\xce\xb1", "a\x7f", long_id + 5};
/* 101 to 106: sends. 300 to 302: 2fa/check. 501: viber/send. 0 stands for all that are not documented. */
static const int refusals[REFUSALS] = {101, 102, 103, 105, 106, 300, 301, 302, 999, 0, 104, 501};
static const char *const keys[] = {"main", NULL, "k"};
static const char *const odd_auths[ODD_AUTHS] = {
    NULL, "", "OK", "Ok", " ok", "ok ", "ok\n", "okok", "o", "1", "true", "nok "};

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

bool event_is_send(const struct sms365_action *action)
{
    return action->endpoint == SMS365_EP_2FA_SEND || action->endpoint == SMS365_EP_SMS_SEND ||
           action->endpoint == SMS365_EP_VIBER_SEND;
}

/* What the reference documents for each of them. */
bool event_says_not_sent(enum sms365_endpoint_id endpoint, int error)
{
    if (endpoint == SMS365_EP_VIBER_SEND)
        return error == 101 || error == 501;
    return error >= 101 && error <= 106 && (error != 104 || endpoint == SMS365_EP_SMS_SEND);
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

const char *event_param(const struct proc *proc, const char *name)
{
    for (size_t i = 0; i < proc->ch.action.param_count; i++)
        if (strcmp(proc->ch.action.params[i].name, name) == 0)
            return proc->ch.action.params[i].value;
    return "";
}

/* --- Sends --- */

/* The code that the person reads in the message: its digits at the end. */
static void read_code(struct message *message, const char *text)
{
    size_t length = strlen(text);
    size_t digits = 0;

    while (digits < length && isdigit((unsigned char)text[length - digits - 1]))
        digits++;
    if (digits < sizeof message->code)
        memcpy(message->code, text + length - digits, digits + 1);
}

static void make_sent(struct sms365_event *event, struct proc *proc, struct move move)
{
    const int index = ledger_find(proc->ch.slot.id);
    struct message *message = index == NOBODY ? NULL : &world.common.messages[index];
    const enum sms365_endpoint_id endpoint = proc->ch.action.endpoint;
    const enum sms365_reply_field id = endpoint == SMS365_EP_2FA_SEND   ? SMS365_FIELD_AUTH_ID
                                       : endpoint == SMS365_EP_SMS_SEND ? SMS365_FIELD_SMS_ID
                                                                        : SMS365_FIELD_ID;

    if (message == NULL) /* sent without a charge: the rules have said so */
        return;
    event->fields[id] = auth_id_of(index);
    event->fields[SMS365_FIELD_AUTH_STATUS] = "d";
    event->fields[SMS365_FIELD_COST] = current_run->costs ? REPLY_COST_TEXT : NULL;
    event->key = event_key(index);
    message->stage = STAGE_LOST;
    if (endpoint != SMS365_EP_2FA_SEND)
        read_code(message, event_param(proc, "text"));
    switch (move.choice) {
    case SEND_BAD_ID:
        event->fields[id] = bad_ids[move.arg];
        if (endpoint != SMS365_EP_2FA_SEND)
            message->stage = STAGE_SENT;
        break;
    case SEND_REFUSED:
        event->err = SMS365_REFUSED;
        event->provider_error = refusals[move.arg];
        if (event_says_not_sent(endpoint, event->provider_error))
            message->stage = STAGE_NOT_SENT;
        break;
    case SEND_ERR:
        event->err = (enum sms365_err)move.arg;
        if (move.arg != SMS365_REPLY_LOST && move.arg != SMS365_BAD_REPLY)
            message->stage = STAGE_NOT_SENT;
        break;
    case SEND_OK:
        event->fields[SMS365_FIELD_AUTH_STATUS] = delivery_words[move.arg];
        message->stage = STAGE_SENT;
        message->given_up = !current_run->callback && (endpoint == SMS365_EP_2FA_SEND || current_run->no_wait);
        message->failed = endpoint == SMS365_EP_2FA_SEND && move.arg == WORD_FAILED;
        if (current_run->costs)
            message->cost = REPLY_COST;
        break;
    default:
        break; /* an event that does not fit: the message may well have been sent */
    }
}

/* --- Checks --- */

static void make_checked(struct sms365_event *event, struct proc *proc, struct move move)
{
    const int index = event_auth_id(event_param(proc, "authId"));
    struct message *message = index == NOBODY ? NULL : &world.common.messages[index];
    const bool right =
        message != NULL && !message->forgotten && strcmp(event_param(proc, "code"), event_code(message)) == 0;
    const char **auth = &event->fields[SMS365_FIELD_AUTH];

    *auth = "ok"; /* counts for nothing beside an error */
    if (move.choice == CHECK_ODD) {
        *auth = odd_auths[move.arg];
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
        *auth = "nok";
        message->wrong = 1;
    } else if (move.choice == CHECK_TRUE) {
        proc->diary.accepted = (int8_t)index;
        message->accepted = 1;
    }
    if (right && current_run->provider_once)
        message->forgotten = 1;
}

/* --- Looks --- */

static void make_status(struct sms365_event *event, struct proc *proc, struct move move)
{
    const int index = event_auth_id(event_param(proc, "smsId"));
    struct message *message = index == NOBODY ? NULL : &world.common.messages[index];

    event->fields[SMS365_FIELD_SMS_STATUS] = "f"; /* counts for nothing beside an error */
    if (move.choice == STATUS_ERR)
        event->err = (enum sms365_err)move.arg;
    else if (move.choice == STATUS_OK)
        event->fields[SMS365_FIELD_SMS_STATUS] = delivery_words[move.arg];
    if (move.choice == STATUS_OK && move.arg == WORD_FAILED && message != NULL)
        message->failed = 1;
}

static void make_looked(struct sms365_event *event, struct proc *proc, struct move move)
{
    const bool confirmed = subjects[proc->diary.subject].confirmed;

    event->fields[SMS365_FIELD_RESULT] = "OK";
    event->fields[SMS365_FIELD_MCC] = "202";
    event->fields[SMS365_FIELD_MNC] = confirmed == (move.choice == HLR_CHANGED) ? "01" : "05";
    event->fields[SMS365_FIELD_PORTED] = "no";
    if (move.choice == HLR_ERR) {
        event->err = (enum sms365_err)move.arg;
    } else if (move.choice == HLR_ODD && move.arg == 0) {
        event->fields[SMS365_FIELD_RESULT] = "ERROR";
    } else if (move.choice == HLR_ODD && move.arg == 1) {
        event->fields[SMS365_FIELD_RESULT] = NULL;
    } else if (move.choice == HLR_ODD) {
        event->fields[SMS365_FIELD_MCC] = event->fields[SMS365_FIELD_PORTED] = NULL;
        event->fields[SMS365_FIELD_MNC] = "";
    }
}

void provider_reply(struct sms365_event *event, struct proc *proc, struct move move)
{
    event->kind = SMS365_EVENT_REPLY;
    if (event_is_send(&proc->ch.action))
        make_sent(event, proc, move);
    else if (proc->ch.action.endpoint == SMS365_EP_STATUS_SMS)
        make_status(event, proc, move);
    else if (proc->ch.action.endpoint == SMS365_EP_HLR_LOOKUP)
        make_looked(event, proc, move);
    else
        make_checked(event, proc, move);
}

void provider_tempt(struct sms365_event *event, const struct proc *proc)
{
    (void)proc;
    event->fields[SMS365_FIELD_AUTH_ID] = event->fields[SMS365_FIELD_SMS_ID] = auth_id_of(0);
    event->fields[SMS365_FIELD_AUTH_STATUS] = event->fields[SMS365_FIELD_SMS_STATUS] = "d";
    event->fields[SMS365_FIELD_AUTH] = "ok";
    event->fields[SMS365_FIELD_RESULT] = "OK";
}
