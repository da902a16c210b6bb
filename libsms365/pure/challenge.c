/* The frame of the machine: making one, next and feed, writing to the store, deciding. */
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
    [SMS365_ACTION_CALL] = SMS365_EVENT_REPLY,
    [SMS365_ACTION_TELL] = SMS365_EVENT_TOLD,
    [SMS365_ACTION_ASK] = SMS365_EVENT_ANSWER,
    [SMS365_ACTION_WAIT] = SMS365_EVENT_REPORT,
    [SMS365_ACTION_LOG] = SMS365_EVENT_LOGGED,
};

static void set_action(struct sms365_challenge *ch, enum sms365_action_kind kind, challenge_handler *then)
{
    memset(&ch->action, 0, sizeof ch->action);
    ch->action.kind = kind;
    ch->then = then;
}

void challenge_ask(struct sms365_challenge *ch, const char *prompt, challenge_handler *then)
{
    set_action(ch, SMS365_ACTION_ASK, then);
    ch->action.text = prompt;
    ch->questions++;
}

void challenge_call(struct sms365_challenge *ch, enum sms365_endpoint_id endpoint, size_t params, bool once,
    int64_t timeout_ms, challenge_handler *then)
{
    set_action(ch, SMS365_ACTION_CALL, then);
    ch->action.endpoint = endpoint;
    ch->action.params = ch->params;
    ch->action.param_count = params;
    ch->action.once = once;
    ch->action.timeout_ms = timeout_ms;
}

/* --- Deciding --- */

static void done(struct sms365_challenge *ch, const struct sms365_event *event)
{
    (void)event;
    set_action(ch, SMS365_ACTION_DONE, NULL);
    ch->action.outcome = ch->outcome;
}

static void log_outcome(struct sms365_challenge *ch, const struct sms365_event *event)
{
    (void)event;
    challenge_audit(ch);
    set_action(ch, SMS365_ACTION_LOG, done);
    ch->action.text = ch->audit;
    ch->action.priority = ch->outcome.verdict == SMS365_DENY ? LOG_WARNING : LOG_NOTICE;
}

/* For these reasons the store's record has no challenge that could be answered, whatever was seen of one before. */
static bool is_open_after(enum sms365_reason reason)
{
    return reason != SMS365_REASON_TRIES_USED && reason != SMS365_REASON_EXPIRED &&
           reason != SMS365_REASON_SUPERSEDED && reason != SMS365_REASON_TOO_MANY_SENDS;
}

/* What the person is told about a denial. */
static void denial_text(struct sms365_challenge *ch, enum sms365_reason reason)
{
    char duration[32];
    char number[16];
    char left[64];
    size_t used;

    if (reason == SMS365_REASON_NOT_ENROLLED) {
        sms365_text_format(ch->prompt, SMS365_PROMPT_SIZE, ch->language, SMS365_TEXT_NOT_ENROLLED,
            (const char *const[]){ch->contact, NULL});
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
    ch->settled = true;
    ch->outcome.verdict = SMS365_DENY;
    ch->outcome.reason = reason;
    ch->outcome.tries_left = is_open_after(reason) ? sms365_slot_tries_left(&ch->slot, &ch->limits, &ch->now) : 0;
    if (!ch->known || !ch->first_factor) {
        log_outcome(ch, NULL);
        return;
    }
    denial_text(ch, reason);
    /* sshd holds texts back until the next prompt: what nobody would otherwise see stands in a prompt itself. */
    if (ch->questions == 0) {
        const size_t used = strlen(ch->prompt);
        sms365_text_format(ch->prompt + used, sizeof ch->prompt - used, ch->language, SMS365_TEXT_PRESS_ENTER, NULL);
        challenge_ask(ch, ch->prompt, log_outcome);
    } else {
        set_action(ch, SMS365_ACTION_TELL, log_outcome);
        ch->action.text = ch->prompt;
    }
}

void challenge_allow(struct sms365_challenge *ch)
{
    sms365_wipe(ch->code, sizeof ch->code);
    ch->settled = true;
    ch->outcome.verdict = SMS365_ALLOW;
    ch->outcome.reason = SMS365_REASON_CODE_ACCEPTED;
    log_outcome(ch, NULL);
}

/* --- Writing to the store --- */

static void write_user(struct sms365_challenge *ch, bool fresh);

static bool conflict_again(struct sms365_challenge *ch)
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
    if (ch->change == NULL)
        ch->after(ch);
    else
        write_user(ch, true);
}

static void on_user_written(struct sms365_challenge *ch, const struct sms365_event *event)
{
    if (event->err == SMS365_CONFLICT && conflict_again(ch)) {
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
    set_action(ch, kind, then);
    ch->action.class = SMS365_CLASS_USER;
    ch->action.name = ch->user;
}

/* fresh: the record was read just now. One that was read before a person's answer is no ground for a refusal. */
static void write_user(struct sms365_challenge *ch, bool fresh)
{
    size_t length;

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
    if (!sms365_state_encode(&ch->state, &ch->now, ch->value, sizeof ch->value, &length)) {
        challenge_deny(ch, SMS365_REASON_INTERNAL);
        return;
    }
    set_user_action(ch, SMS365_ACTION_CAS, on_user_written);
    ch->action.version = ch->version;
    ch->action.value = ch->value;
    ch->action.length = length;
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

/* --- The beginning: who is it, and what is open --- */

static void on_loaded(struct sms365_challenge *ch)
{
    sms365_state_prune(&ch->state, &ch->limits, &ch->now);
    const struct sms365_slot *held = sms365_state_held(&ch->state, ch->holder);
    bool mine = false;

    for (size_t i = 0; held != NULL && i < ch->number_count; i++)
        mine = mine || strcmp(held->msisdn, ch->numbers[i]) == 0;
    if (!mine) { /* none, or to a number that is the user's no more */
        if (held != NULL)
            ch->slot = *held;
        challenge_send(ch, ch->numbers[0]);
        return;
    }
    ch->slot = *held;
    ch->resumed = true;
    if (held->phase == SMS365_PHASE_SENDING) {
        challenge_prompt_lost(ch, SMS365_REASON_REPLY_LOST);
    } else if (held->tries >= ch->limits.tries) {
        ch->outcome.retry_after_s = (sms365_slot_life_ms(held, &ch->limits, &ch->now) + 999) / 1000;
        challenge_deny(ch, SMS365_REASON_TRIES_USED);
    } else {
        challenge_prompt(ch);
    }
}

static void admit(struct sms365_challenge *ch)
{
    if (ch->number_count == 0)
        challenge_deny(ch, SMS365_REASON_NOT_ENROLLED);
    else
        challenge_write(ch, NULL, on_loaded, NULL);
}

static void on_generic_answer(struct sms365_challenge *ch, const struct sms365_event *event)
{
    (void)event;
    challenge_deny(ch, ch->known ? SMS365_REASON_NO_FIRST_FACTOR : SMS365_REASON_UNKNOWN_USER);
}

static void host_counted(struct sms365_challenge *ch)
{
    if (ch->known && ch->first_factor) {
        admit(ch);
        return;
    }
    sms365_text_format(ch->prompt, sizeof ch->prompt, ch->language, SMS365_TEXT_GENERIC, NULL);
    challenge_ask(ch, ch->prompt, on_generic_answer);
}

static void read_host(struct sms365_challenge *ch);

static void on_host_written(struct sms365_challenge *ch, const struct sms365_event *event)
{
    if (event->err == SMS365_OK)
        host_counted(ch);
    else if (event->err == SMS365_CONFLICT && conflict_again(ch))
        read_host(ch);
    else
        challenge_deny(ch, SMS365_REASON_STORE_FAILED);
}

/* Attempts without an address (consoles, su) count together, under a name that no host has. */
static void set_host_action(struct sms365_challenge *ch, enum sms365_action_kind kind, challenge_handler *then)
{
    set_action(ch, kind, then);
    ch->action.class = SMS365_CLASS_HOST;
    ch->action.name = ch->host[0] == '\0' ? "(local)" : ch->host;
}

static void on_host_record(struct sms365_challenge *ch, const struct sms365_event *event)
{
    struct sms365_host_state host;
    int64_t retry_after_ms = 0;
    size_t length;

    if (event->err != SMS365_OK || event->record == NULL ||
        !sms365_host_decode(&host, &ch->now, event->record->value, event->record->length)) {
        challenge_deny(ch, SMS365_REASON_STORE_FAILED);
        return;
    }
    if (!sms365_host_charge(&host, &ch->limits, &ch->now, &retry_after_ms)) {
        ch->outcome.retry_after_s = (retry_after_ms + 999) / 1000;
        challenge_deny(ch, SMS365_REASON_TOO_MANY_FROM_HOST);
        return;
    }
    if (!sms365_host_encode(&host, &ch->now, ch->value, SMS365_RECORD_HOST_MAX, &length)) {
        challenge_deny(ch, SMS365_REASON_INTERNAL);
        return;
    }
    set_host_action(ch, SMS365_ACTION_CAS, on_host_written);
    ch->action.version = event->record->version;
    ch->action.value = ch->value;
    ch->action.length = length;
}

static void read_host(struct sms365_challenge *ch)
{
    set_host_action(ch, SMS365_ACTION_GET, on_host_record);
}

/* --- Making, next, feed --- */

/* Only a numeric address goes into a message: a name is what whoever owns its DNS zone wants it to be. */
static bool is_numeric(const char *host)
{
    return host[0] != '\0' && host[strspn(host, "0123456789abcdefABCDEF.:")] == '\0' && strpbrk(host, ".:") != NULL;
}

static bool expand_text(struct sms365_challenge *ch, const struct sms365_challenge_setup *setup)
{
    const struct sms365_sms_words words = {
        .host = setup->machine,
        .service = ch->service,
        .user = ch->user,
        .address = is_numeric(ch->host) ? ch->host : "",
    };
    struct sms365_sms_size size;

    if (!sms365_sms_expand(ch->text, sizeof ch->text, setup->conf->text, &words) ||
        !sms365_sms_measure(ch->text, &size))
        return false;
    ch->ucs = size.ucs;
    return true;
}

/* out = the first length bytes of a keyed hash of kind, service and text, each ended by a NUL. */
static bool hash_name(
    const struct sms365_challenge *ch, const char *kind, const char *text, uint8_t *out, size_t length)
{
    uint8_t mac[SMS365_MAC_BYTES];
    struct sms365_buf name;

    sms365_buf_init(&name, 16384);
    sms365_buf_printf(&name, "%s%c%s%c%s", kind, 0, ch->service, 0, text);
    const bool hashed = !name.failed && sms365_hmac(mac, &ch->holder_key, sms365_buf_text(&name), name.length);
    sms365_buf_free(&name);
    if (hashed)
        memcpy(out, mac, length);
    return hashed;
}

static bool copy_setup(struct sms365_challenge *ch, const struct sms365_challenge_setup *setup)
{
    const struct sms365_conf *conf = setup->conf;

    ch->limits = sms365_limits_of(conf);
    ch->wait_ms = conf->wait_s * 1000;
    ch->timeout_ms = conf->timeout_s * 1000;
    ch->language = (enum sms365_language)conf->language;
    ch->from = conf->from;
    ch->callback = conf->callback;
    ch->contact = conf->contact;
    ch->callback_key = setup->callback_key;
    ch->holder_key = setup->holder_key;
    memcpy(ch->seed, setup->seed, sizeof ch->seed);
    ch->known = setup->known;
    ch->first_factor = setup->first_factor;
    ch->count_host = setup->count_host;
    ch->now = setup->now;
    ch->number_count = setup->number_count;
    for (size_t i = 0; i < setup->number_count; i++)
        memcpy(ch->numbers[i], setup->numbers[i], sizeof ch->numbers[i]);
    return hash_name(ch, "holder", setup->holder, ch->holder, sizeof ch->holder) &&
           hash_name(ch, "place", setup->place, ch->place, sizeof ch->place);
}

enum sms365_err sms365_challenge_new(struct sms365_challenge **challenge, const struct sms365_challenge_setup *setup)
{
    struct sms365_challenge *ch;
    const struct sms365_conf *conf = setup->conf;

    *challenge = NULL;
    if (setup->number_count > SMS365_NUMBERS_MAX || setup->holder[0] == '\0' || conf->sends_per_hour > SMS365_SENDS_MAX)
        return SMS365_BAD_ARGUMENT;
    ch = sms365_secret_new(sizeof *ch);
    if (ch == NULL)
        return SMS365_NO_MEMORY;
    /* A name that nobody has is only hashed: as much of it as fits will do. */
    const bool fits = sms365_str_copy(ch->user, sizeof ch->user, setup->user);
    if (!fits && !setup->known)
        memcpy(ch->user, setup->user, sizeof ch->user - 1);
    if ((!fits && setup->known) || !sms365_str_copy(ch->service, sizeof ch->service, setup->service) ||
        !sms365_str_copy(ch->host, sizeof ch->host, setup->host) || !expand_text(ch, setup)) {
        sms365_challenge_free(ch);
        return SMS365_BAD_ARGUMENT;
    }
    if (!copy_setup(ch, setup)) {
        sms365_challenge_free(ch);
        return SMS365_CRYPTO;
    }
    if (!ch->known || !ch->first_factor || ch->count_host)
        read_host(ch);
    else
        admit(ch);
    *challenge = ch;
    return SMS365_OK;
}

void sms365_challenge_next(struct sms365_challenge *ch, struct sms365_action *action)
{
    *action = ch->action;
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
