#include "drive/drive.h"

#include "base/err.h"
#include "edges/process.h"
#include "edges/spool.h"

#include <string.h>
#include <syslog.h>

#define ERROR_CREDENTIALS 101 /* the provider's: the key is not good, or not from here */
#define ANSWER_SIZE 512       /* bytes of an answer at a prompt; whatever is longer is no code */

/* What events point at, until the challenge has been fed. */
struct scratch {
    struct sms365_record record;
    struct sms365_reply *reply;
    char answer[ANSWER_SIZE];
    char report[SMS365_REPORT_MAX + 1];
    struct sms365_error err;
};

static void do_get(const struct sms365_drive *drive, const struct sms365_action *action, struct sms365_event *event,
    struct scratch *scratch)
{
    event->kind = SMS365_EVENT_RECORD;
    event->err = sms365_store_get(drive->store, action->class, action->name, &scratch->record, &scratch->err);
    event->record = &scratch->record;
    if (event->err != SMS365_OK)
        sms365_log_line(drive->log, LOG_ERR, "state store: %s", scratch->err.text);
}

static void do_cas(const struct sms365_drive *drive, const struct sms365_challenge *challenge,
    const struct sms365_action *action, struct sms365_event *event, struct scratch *scratch)
{
    struct sms365_record *record = &scratch->record;

    event->kind = SMS365_EVENT_WRITTEN;
    event->err =
        sms365_challenge_value(challenge, record->value, &record->length)
            ? sms365_store_cas(drive->store, action->class, action->name, action->version, record->value,
                  record->length, 0, &event->version, &scratch->err)
            : sms365_error_set(&scratch->err, SMS365_BAD_ARGUMENT, "%s: the record does not fit", action->name);
    if (event->err != SMS365_OK && event->err != SMS365_CONFLICT)
        sms365_log_line(drive->log, LOG_ERR, "state store: %s", scratch->err.text);
}

static void do_sum(const struct sms365_drive *drive, const struct sms365_action *action, struct sms365_event *event,
    struct scratch *scratch)
{
    event->kind = SMS365_EVENT_SUM;
    event->err = sms365_store_sum(drive->store, action->class, action->window_ms, &event->total, &scratch->err);
    if (event->err != SMS365_OK)
        sms365_log_line(drive->log, LOG_ERR, "state store: %s", scratch->err.text);
}

static enum sms365_err call_once(
    const struct sms365_drive *drive, const struct sms365_action *action, struct scratch *scratch)
{
    const struct sms365_provider_request request = {
        .endpoint = action->endpoint,
        .params = action->params,
        .param_count = action->param_count,
        .once = action->once,
        .key = action->key == NULL ? NULL : sms365_keys_find(drive->provider->keys, action->key),
        .timeout_ms = action->timeout_ms,
    };

    return sms365_provider_call(drive->provider, &request, &scratch->reply, &scratch->err);
}

static void do_call(const struct sms365_drive *drive, const struct sms365_action *action, struct sms365_event *event,
    struct scratch *scratch)
{
    event->kind = SMS365_EVENT_REPLY;
    event->err = call_once(drive, action, scratch);
    /* The key may have been replaced since it was loaded (sms365 key rotate): what is refused was not done. */
    if (event->err == SMS365_REFUSED && sms365_reply_error(scratch->reply) == ERROR_CREDENTIALS &&
        drive->renew_keys != NULL && drive->renew_keys(drive->renew_context)) {
        sms365_reply_free(scratch->reply);
        event->err = call_once(drive, action, scratch);
    }
    if (event->err != SMS365_OK)
        sms365_log_line(drive->log, LOG_ERR, "%s: %s", sms365_endpoint_get(action->endpoint)->path, scratch->err.text);
    if (drive->provider->chosen != NULL)
        event->key = drive->provider->chosen->name;
    if (scratch->reply == NULL)
        return;
    event->provider_error = sms365_reply_error(scratch->reply);
    for (unsigned i = 0; i < SMS365_REPLY_FIELDS; i++)
        event->fields[i] = sms365_reply_get(scratch->reply, sms365_reply_field_name((enum sms365_reply_field)i));
}

static void do_ask(const struct sms365_drive *drive, const struct sms365_action *action, struct sms365_event *event,
    struct scratch *scratch)
{
    const struct sms365_dialogue *dialogue = drive->dialogue;

    event->kind = SMS365_EVENT_ANSWER;
    if (dialogue->ask(dialogue->context, action->text, true, scratch->answer, sizeof scratch->answer))
        event->answer = scratch->answer;
    scratch->answer[sizeof scratch->answer - 1] = '\0';
}

static void do_wait(const struct sms365_drive *drive, const struct sms365_action *action, struct sms365_event *event,
    struct scratch *scratch)
{
    event->kind = SMS365_EVENT_REPORT;
    if (action->id == NULL) {
        sms365_pause(action->timeout_ms);
        return;
    }
    if (sms365_spool_wait(drive->spool, action->id, action->discard, action->timeout_ms, scratch->report,
            &event->length, &scratch->err) != SMS365_OK)
        sms365_log_line(drive->log, LOG_WARNING, "%s", scratch->err.text);
    else if (event->length > 0)
        event->query = scratch->report;
}

static void carry_out(const struct sms365_drive *drive, const struct sms365_challenge *challenge,
    const struct sms365_action *action, struct sms365_event *event, struct scratch *scratch)
{
    switch (action->kind) {
    case SMS365_ACTION_GET:
        do_get(drive, action, event, scratch);
        break;
    case SMS365_ACTION_CAS:
        do_cas(drive, challenge, action, event, scratch);
        break;
    case SMS365_ACTION_SUM:
        do_sum(drive, action, event, scratch);
        break;
    case SMS365_ACTION_CALL:
        do_call(drive, action, event, scratch);
        break;
    case SMS365_ACTION_ASK:
        do_ask(drive, action, event, scratch);
        break;
    case SMS365_ACTION_WAIT:
        do_wait(drive, action, event, scratch);
        break;
    case SMS365_ACTION_TELL:
        event->kind = SMS365_EVENT_TOLD;
        if (drive->dialogue->tell != NULL)
            drive->dialogue->tell(drive->dialogue->context, action->text);
        break;
    case SMS365_ACTION_LOG:
        event->kind = SMS365_EVENT_LOGGED;
        sms365_log_line(drive->log, action->priority, "%s", action->text);
        break;
    case SMS365_ACTION_DONE:
        break;
    }
}

enum sms365_err sms365_drive_run(const struct sms365_drive *drive, struct sms365_challenge *challenge,
    struct sms365_outcome *outcome, struct sms365_error *err)
{
    struct scratch *scratch = sms365_secret_new(sizeof *scratch);
    struct sms365_action action;

    *outcome = (struct sms365_outcome){.verdict = SMS365_DENY, .reason = SMS365_REASON_INTERNAL};
    if (scratch == NULL)
        return sms365_error_set(err, SMS365_NO_MEMORY, "out of memory");
    for (;;) {
        struct sms365_event event = {0};
        sms365_challenge_next(challenge, &action);
        if (action.kind == SMS365_ACTION_DONE)
            break;
        carry_out(drive, challenge, &action, &event, scratch);
        /* A clock that cannot be read leaves a time of zero, which the challenge takes for what it is: no valid event.
         */
        if (sms365_now_read(&event.now, &scratch->err) != SMS365_OK)
            sms365_log_line(drive->log, LOG_ERR, "%s", scratch->err.text);
        sms365_challenge_feed(challenge, &event);
        sms365_reply_free(scratch->reply);
        scratch->reply = NULL;
        sms365_wipe(scratch->answer, sizeof scratch->answer);
    }
    *outcome = action.outcome;
    sms365_secret_delete(scratch, sizeof *scratch);
    return SMS365_OK;
}
