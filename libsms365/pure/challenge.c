/* The frame of the machine: next and feed, deciding, writing to the store. */
#include "pure/challenge_state.h"

#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

/* The event that answers each action. */
static const enum sms365_event_kind answers[] = {
    [SMS365_ACTION_GET] = SMS365_EVENT_RECORD,
    [SMS365_ACTION_CAS] = SMS365_EVENT_WRITTEN,
    [SMS365_ACTION_SUM] = SMS365_EVENT_SUM,
    [SMS365_ACTION_CALL] = SMS365_EVENT_REPLY,
    [SMS365_ACTION_TELL] = SMS365_EVENT_TOLD,
    [SMS365_ACTION_ASK] = SMS365_EVENT_ANSWER,
    [SMS365_ACTION_WAIT] = SMS365_EVENT_REPORT,
    [SMS365_ACTION_LOG] = SMS365_EVENT_LOGGED,
};

const char *sms365_reply_field_name(enum sms365_reply_field field)
{
    static const char *const names[SMS365_REPLY_FIELDS] = {
        [SMS365_FIELD_AUTH_ID] = "authId",
        [SMS365_FIELD_AUTH_STATUS] = "authStatus",
        [SMS365_FIELD_AUTH] = "auth",
        [SMS365_FIELD_SMS_ID] = "smsId",
        [SMS365_FIELD_ID] = "id",
        [SMS365_FIELD_COST] = "cost",
        [SMS365_FIELD_BALANCE] = "balance",
        [SMS365_FIELD_SMS_STATUS] = "sms.status",
        [SMS365_FIELD_RESULT] = "result",
        [SMS365_FIELD_MCC] = "mcc",
        [SMS365_FIELD_MNC] = "mnc",
        [SMS365_FIELD_PORTED] = "ported",
    };

    return names[field];
}

void challenge_set(struct sms365_challenge *ch, enum sms365_action_kind kind, challenge_handler *then)
{
    memset(&ch->action, 0, sizeof ch->action);
    ch->action.kind = kind;
    ch->action.sending = ch->sending;
    ch->then = then;
}

void challenge_record(struct sms365_challenge *ch, enum sms365_action_kind kind, enum sms365_class class,
    const char *name, challenge_handler *then)
{
    challenge_set(ch, kind, then);
    ch->action.class = class;
    ch->action.name = name;
}

void challenge_ask(struct sms365_challenge *ch, const char *prompt, challenge_handler *then)
{
    ch->sending = ch->asks_backup = ch->instead = false;
    challenge_set(ch, SMS365_ACTION_ASK, then);
    ch->action.text = prompt;
    ch->questions++;
}

void challenge_call(struct sms365_challenge *ch, enum sms365_endpoint_id endpoint, size_t params, bool once,
    int64_t timeout_ms, challenge_handler *then)
{
    if (params > SMS365_CALL_PARAMS_MAX) {
        challenge_deny(ch, SMS365_REASON_INTERNAL);
        return;
    }
    challenge_set(ch, SMS365_ACTION_CALL, then);
    ch->action.endpoint = endpoint;
    ch->action.params = ch->params;
    ch->action.param_count = params;
    ch->action.once = once;
    ch->action.timeout_ms = timeout_ms;
}

void challenge_param(struct sms365_challenge *ch, size_t *count, const char *name, const char *value)
{
    if (*count < SMS365_CALL_PARAMS_MAX)
        ch->params[*count] = (struct sms365_param){name, value};
    (*count)++; /* one too many is refused by challenge_call() */
}

/* --- Tallies --- */

bool challenge_take_tally(struct sms365_challenge *ch, const struct sms365_event *event, struct sms365_tally *tally)
{
    return event->err == SMS365_OK && event->record != NULL &&
           sms365_tally_decode(tally, &ch->now, event->record->value, event->record->length);
}

void challenge_put_tally(struct sms365_challenge *ch, enum sms365_class class, const char *name, uint64_t version,
    const struct sms365_tally *tally, challenge_handler *then)
{
    if (!sms365_tally_encode(tally, &ch->now, ch->tally, sizeof ch->tally, &ch->tally_length)) {
        challenge_deny(ch, SMS365_REASON_INTERNAL);
        return;
    }
    challenge_record(ch, SMS365_ACTION_CAS, class, name, then);
    ch->action.version = version;
}

/* --- Deciding --- */

void challenge_retry_after(struct sms365_challenge *ch, int64_t ms)
{
    ch->outcome.retry_after_s = (ms + 999) / 1000;
}

static void done(struct sms365_challenge *ch, const struct sms365_event *event)
{
    (void)event;
    challenge_set(ch, SMS365_ACTION_DONE, NULL);
    ch->action.outcome = ch->outcome;
}

static void log_outcome(struct sms365_challenge *ch, const struct sms365_event *event)
{
    (void)event;
    challenge_audit(ch);
    challenge_set(ch, SMS365_ACTION_LOG, done);
    ch->action.text = ch->audit;
    ch->action.priority = ch->outcome.verdict == SMS365_ALLOW ? LOG_NOTICE : LOG_WARNING;
}

/* For these reasons the store's record has no challenge that could be answered, whatever was seen of one before. */
static bool is_open_after(enum sms365_reason reason)
{
    return reason != SMS365_REASON_TRIES_USED && reason != SMS365_REASON_EXPIRED &&
           reason != SMS365_REASON_SUPERSEDED && reason != SMS365_REASON_TOO_MANY_SENDS &&
           reason != SMS365_REASON_SIM_CHANGED;
}

void challenge_denial_text(struct sms365_challenge *ch, enum sms365_reason reason)
{
    char duration[32];
    char number[16];
    char left[64];
    size_t used;

    if (reason == SMS365_REASON_NOT_ENROLLED) {
        sms365_text_not_enrolled(ch->prompt, SMS365_PROMPT_SIZE, ch->language, ch->conf->contact);
    } else if (reason == SMS365_REASON_WRONG_CODE) {
        (void)snprintf(number, sizeof number, "%d", ch->outcome.tries_left);
        sms365_text_format(left, sizeof left, ch->language,
            ch->outcome.tries_left == 1 ? SMS365_TEXT_ONE_TRY : SMS365_TEXT_TRIES, (const char *const[]){number, NULL});
        sms365_text_format(
            ch->prompt, SMS365_PROMPT_SIZE, ch->language, SMS365_TEXT_WRONG, (const char *const[]){left, NULL});
    } else {
        (void)sms365_str_copy(ch->prompt, sizeof ch->prompt, sms365_text_denial(ch->language, reason));
    }
    if (ch->outcome.retry_after_s > 0) {
        used = strlen(ch->prompt);
        sms365_text_duration(duration, ch->language, ch->outcome.retry_after_s * 1000);
        sms365_text_format(ch->prompt + used, sizeof ch->prompt - used, ch->language, SMS365_TEXT_LATER,
            (const char *const[]){duration, NULL});
    }
}

void challenge_deny(struct sms365_challenge *ch, enum sms365_reason reason)
{
    sms365_wipe(ch->code, sizeof ch->code);
    sms365_wipe(ch->message, sizeof ch->message);
    ch->settled = true;
    ch->outcome.verdict = SMS365_DENY;
    ch->outcome.reason = reason;
    if (reason == SMS365_REASON_STORE_FAILED || reason == SMS365_REASON_INTERNAL)
        ch->outcome.retry_after_s = 0; /* of a limit that was met before */
    ch->outcome.tries_left = is_open_after(reason) ? sms365_slot_tries_left(&ch->slot, &ch->limits, &ch->now) : 0;
    if (!ch->known || !ch->first_factor) {
        log_outcome(ch, NULL);
        return;
    }
    challenge_denial_text(ch, reason);
    /* sshd holds texts back until the next prompt: what nobody would otherwise see stands in a prompt itself. */
    if (ch->questions == 0) {
        const size_t used = strlen(ch->prompt);
        sms365_text_format(ch->prompt + used, sizeof ch->prompt - used, ch->language, SMS365_TEXT_PRESS_ENTER, NULL);
        challenge_ask(ch, ch->prompt, log_outcome);
    } else {
        challenge_set(ch, SMS365_ACTION_TELL, log_outcome);
        ch->action.text = ch->prompt;
    }
}

void challenge_refuse(struct sms365_challenge *ch, enum sms365_reason reason)
{
    if (!challenge_offer_backup(ch, reason))
        challenge_deny(ch, reason);
}

void challenge_refuse_why(struct sms365_challenge *ch)
{
    challenge_refuse(ch, ch->why);
}

static void settle(struct sms365_challenge *ch, enum sms365_verdict verdict, enum sms365_reason reason)
{
    sms365_wipe(ch->code, sizeof ch->code);
    ch->settled = true;
    ch->outcome = (struct sms365_outcome){.verdict = verdict, .reason = reason};
    log_outcome(ch, NULL);
}

void challenge_allow(struct sms365_challenge *ch, enum sms365_reason reason)
{
    settle(ch, SMS365_ALLOW, reason);
}

void challenge_bypass(struct sms365_challenge *ch, enum sms365_reason reason)
{
    settle(ch, SMS365_BYPASS, reason);
}

/* --- Writing to the store --- */

static void write_user(struct sms365_challenge *ch, bool fresh);

bool challenge_again(struct sms365_challenge *ch)
{
    ch->loaded = false;
    return ++ch->conflicts <= SMS365_CONFLICTS_MAX;
}

static void on_user_record(struct sms365_challenge *ch, const struct sms365_event *event)
{
    if (event->err != SMS365_OK || event->record == NULL ||
        !sms365_state_decode(&ch->state, &ch->now, event->record->value, event->record->length)) {
        challenge_deny(ch, SMS365_REASON_STORE_FAILED);
        return;
    }
    ch->version = event->record->version;
    ch->loaded = true;
    ch->backups_left = sms365_backup_left(&ch->state.backup);
    if (ch->change == NULL)
        ch->after(ch);
    else
        write_user(ch, true);
}

static void on_user_written(struct sms365_challenge *ch, const struct sms365_event *event)
{
    if (event->err == SMS365_CONFLICT && challenge_again(ch)) {
        challenge_write(ch, ch->change, ch->after, ch->refused);
        return;
    }
    if (event->err != SMS365_OK) {
        challenge_deny(ch, SMS365_REASON_STORE_FAILED);
        return;
    }
    ch->version = event->version;
    ch->after(ch);
}

static void set_user_action(struct sms365_challenge *ch, enum sms365_action_kind kind, challenge_handler *then)
{
    challenge_record(ch, kind, SMS365_CLASS_USER, ch->user, then);
}

/* fresh: the record was read just now. One that was read before a person's answer is no ground for a refusal. */
static void write_user(struct sms365_challenge *ch, bool fresh)
{
    ch->why = ch->change(ch);
    if (ch->why != SMS365_REASON_NONE) {
        ch->loaded = false;
        if (fresh) {
            ch->refused(ch);
        } else {
            ch->outcome.retry_after_s = 0;
            set_user_action(ch, SMS365_ACTION_GET, on_user_record);
        }
        return;
    }
    sms365_state_prune(&ch->state, &ch->limits, &ch->now);
    ch->backups_left = sms365_backup_left(&ch->state.backup);
    set_user_action(ch, SMS365_ACTION_CAS, on_user_written);
    ch->action.version = ch->version;
}

void challenge_write(
    struct sms365_challenge *ch, challenge_change *change, challenge_step *after, challenge_step *refused)
{
    ch->change = change;
    ch->after = after;
    ch->refused = refused;
    if (ch->loaded)
        write_user(ch, false);
    else
        set_user_action(ch, SMS365_ACTION_GET, on_user_record);
}

/* --- Next and feed --- */

void sms365_challenge_next(struct sms365_challenge *ch, struct sms365_action *action)
{
    *action = ch->action;
}

bool sms365_challenge_value(const struct sms365_challenge *ch, uint8_t value[SMS365_RECORD_MAX], size_t *length)
{
    if (ch->action.kind != SMS365_ACTION_CAS)
        return false;
    if (ch->action.class == SMS365_CLASS_USER)
        return sms365_state_encode(&ch->state, &ch->now, value, SMS365_RECORD_MAX, length);
    memcpy(value, ch->tally, ch->tally_length);
    *length = ch->tally_length;
    return true;
}

void sms365_challenge_feed(struct sms365_challenge *ch, const struct sms365_event *event)
{
    if (ch->action.kind == SMS365_ACTION_DONE)
        return;
    if (ch->settled) {
        /* Decided already: whatever comes of telling and logging changes nothing. */
        ch->then(ch, event);
        return;
    }
    /* The boot clock does not go back, and a boot does not change under a living process. */
    if (event->kind != answers[ch->action.kind] || event->now.boot_ms < ch->now.boot_ms ||
        memcmp(event->now.boot_id, ch->now.boot_id, sizeof ch->now.boot_id) != 0) {
        challenge_deny(ch, SMS365_REASON_INTERNAL);
        return;
    }
    ch->now = event->now;
    ch->then(ch, event);
}

void sms365_challenge_free(struct sms365_challenge *ch)
{
    if (ch != NULL)
        sms365_secret_delete(ch, sizeof *ch);
}
