/* What a challenge does with messages and codes: send, prompt, check. */
#include "pure/challenge_state.h"

#include <stdio.h>
#include <string.h>

/* --- Sending --- */

/* Fresh bytes from the seed: names messages. */
static bool draw(struct sms365_challenge *ch, uint8_t id[SMS365_ID_BYTES])
{
    struct sms365_mac_key key;
    uint8_t mac[SMS365_MAC_BYTES];
    const unsigned counter = ch->drawn++;

    memcpy(key.bytes, ch->seed, sizeof key.bytes);
    const bool drawn = sms365_hmac(mac, &key, &counter, sizeof counter);
    sms365_wipe(&key, sizeof key);
    if (drawn)
        memcpy(id, mac, SMS365_ID_BYTES);
    return drawn;
}

/* The holder's challenge must still be the one this process decided upon, or none if there was none. */
static enum sms365_reason change_reserve(struct sms365_challenge *ch)
{
    int64_t retry_after_ms = 0;

    sms365_state_prune(&ch->state, &ch->limits, &ch->now);
    const struct sms365_slot *held = sms365_state_held(&ch->state, ch->holder);
    if (held != NULL && memcmp(held->id, ch->slot.id, sizeof held->id) != 0)
        return SMS365_REASON_SUPERSEDED;
    ch->fresh.sent_ms = ch->now.boot_ms; /* not when it was asked for: the store may have taken its time */
    const bool usual = sms365_place_is_usual(&ch->state.places, ch->place, &ch->limits.guard, &ch->now);
    ch->fresh.share = usual ? SMS365_SHARE_USUAL : SMS365_SHARE_OTHER;
    memcpy(ch->fresh.chain, held == NULL ? ch->fresh.id : held->chain, sizeof ch->fresh.chain);
    const enum sms365_reason reason =
        sms365_state_reserve(&ch->state, &ch->limits, &ch->fresh, &ch->now, &retry_after_ms);
    ch->outcome.retry_after_s = (retry_after_ms + 999) / 1000;
    return reason;
}

static void reserve_refused(struct sms365_challenge *ch)
{
    char duration[32];

    if (ch->why == SMS365_REASON_TOO_MANY_SENDS && ch->questions > 0 && ch->slot.phase == SMS365_PHASE_OPEN) {
        sms365_text_duration(duration, ch->language, ch->outcome.retry_after_s * 1000);
        sms365_text_format(
            ch->note, sizeof ch->note, ch->language, SMS365_TEXT_NO_MORE_SENDS, (const char *const[]){duration, NULL});
        ch->outcome.retry_after_s = 0;
        challenge_prompt(ch);
        return;
    }
    challenge_deny(ch, ch->why);
}

/* Put the present message into its slot, as far as it is still ours. */
static enum sms365_reason change_open(struct sms365_challenge *ch)
{
    struct sms365_slot *slot = sms365_state_slot(&ch->state, ch->slot.id);

    if (slot == NULL || slot->phase != SMS365_PHASE_SENDING)
        return SMS365_REASON_SUPERSEDED;
    *slot = ch->slot;
    return SMS365_REASON_NONE;
}

static enum sms365_reason change_refund(struct sms365_challenge *ch)
{
    sms365_state_refund(&ch->state, ch->slot.id);
    return SMS365_REASON_NONE;
}

static void deny_why(struct sms365_challenge *ch)
{
    challenge_deny(ch, ch->why);
}

static void refunded(struct sms365_challenge *ch)
{
    memset(&ch->slot, 0, sizeof ch->slot);
    challenge_deny(ch, ch->pending);
}

/* Why a call that failed denies. */
static enum sms365_reason reason_of_call(const struct sms365_event *event)
{
    switch (event->err) {
    case SMS365_REFUSED:
        return challenge_reason_of(event->provider_error);
    case SMS365_UNREACHABLE:
        return SMS365_REASON_UNREACHABLE;
    case SMS365_WRONG_ADDRESS:
        return SMS365_REASON_WRONG_ADDRESS;
    case SMS365_NO_KEY:
        return SMS365_REASON_CONFIG_UNUSABLE;
    case SMS365_REPLY_LOST:
        return SMS365_REASON_REPLY_LOST;
    case SMS365_BAD_REPLY:
        return SMS365_REASON_BAD_REPLY;
    default:
        return SMS365_REASON_INTERNAL;
    }
}

/* Nothing was sent, for certain: the charge is given back, then the person told. */
static void not_sent(struct sms365_challenge *ch, enum sms365_reason reason)
{
    ch->pending = reason;
    challenge_write(ch, change_refund, refunded, deny_why);
}

static bool is_auth_id(const char *text)
{
    size_t length = 0;

    if (text == NULL)
        return false;
    for (; text[length] != '\0'; length++)
        if (text[length] <= ' ' || text[length] > '~' || length + 1 >= SMS365_AUTH_ID_SIZE)
            return false;
    return length > 0;
}

static void on_sent(struct sms365_challenge *ch, const struct sms365_event *event)
{
    switch (event->err) {
    case SMS365_OK:
        break;
    case SMS365_REFUSED:
        /* Only what the reference documents says that no message went out. */
        if (event->provider_error >= SMS365_REFUSAL_FIRST && event->provider_error <= SMS365_REFUSAL_LAST)
            not_sent(ch, reason_of_call(event));
        else
            challenge_prompt_lost(ch, SMS365_REASON_PROVIDER_REFUSED);
        return;
    case SMS365_REPLY_LOST:
    case SMS365_BAD_REPLY:
        challenge_prompt_lost(ch, reason_of_call(event));
        return;
    default: /* what never left this machine */
        not_sent(ch, reason_of_call(event));
        return;
    }
    if (!is_auth_id(event->auth_id)) {
        challenge_prompt_lost(ch, SMS365_REASON_BAD_REPLY);
        return;
    }
    ch->slot.phase = SMS365_PHASE_OPEN;
    (void)sms365_str_copy(ch->slot.auth_id, sizeof ch->slot.auth_id, event->auth_id);
    if (event->key == NULL || !sms365_str_copy(ch->slot.key, sizeof ch->slot.key, event->key))
        ch->slot.key[0] = '\0';
    ch->slot.delivery =
        (uint8_t)(event->auth_status == NULL ? SMS365_DELIVERY_PENDING : sms365_delivery_parse(event->auth_status));
    ch->report_until_ms = ch->now.boot_ms + ch->wait_ms;
    challenge_write(ch, change_open, challenge_prompt, deny_why);
}

static void add_param(struct sms365_challenge *ch, size_t *count, const char *name, const char *value)
{
    ch->params[(*count)++] = (struct sms365_param){name, value};
}

static void reserved(struct sms365_challenge *ch)
{
    char token[SMS365_TOKEN_SIZE];
    int64_t timeout_ms = ch->timeout_ms;
    size_t count = 0;

    ch->slot = ch->fresh;
    ch->resumed = false;
    ch->outcome.retry_after_s = 0;
    add_param(ch, &count, "to", ch->slot.msisdn);
    if (ch->text[0] != '\0')
        add_param(ch, &count, "text", ch->text);
    if (ch->ucs)
        add_param(ch, &count, "ucs", "true");
    if (ch->from[0] != '\0')
        add_param(ch, &count, "from", ch->from);
    if (ch->callback[0] != '\0') {
        if (!sms365_token_make(token, &ch->callback_key, ch->slot.id) ||
            !sms365_callback_url(ch->callback_url, sizeof ch->callback_url, ch->callback, token)) {
            challenge_deny(ch, SMS365_REASON_INTERNAL);
            return;
        }
        add_param(ch, &count, "callback", ch->callback_url);
    } else {
        (void)snprintf(ch->wait, sizeof ch->wait, "%d", (int)(ch->wait_ms / 1000));
        add_param(ch, &count, "wait", ch->wait);
        timeout_ms += ch->wait_ms;
    }
    challenge_call(ch, SMS365_EP_2FA_SEND, count, true, timeout_ms, on_sent);
}

void challenge_send(struct sms365_challenge *ch, const char *msisdn)
{
    if (ch->questions >= SMS365_QUESTIONS_MAX) { /* its code could not be asked for */
        challenge_deny(ch, SMS365_REASON_TOO_MANY_QUESTIONS);
        return;
    }
    memset(&ch->fresh, 0, sizeof ch->fresh);
    if (!draw(ch, ch->fresh.id)) {
        challenge_deny(ch, SMS365_REASON_INTERNAL);
        return;
    }
    memcpy(ch->fresh.holder, ch->holder, sizeof ch->fresh.holder);
    ch->fresh.phase = SMS365_PHASE_SENDING;
    (void)sms365_str_copy(ch->fresh.msisdn, sizeof ch->fresh.msisdn, msisdn);
    challenge_write(ch, change_reserve, reserved, reserve_refused);
}

/* --- Prompting --- */

static void on_answer(struct sms365_challenge *ch, const struct sms365_event *event);

static void show_prompt(struct sms365_challenge *ch)
{
    static const enum sms365_text deliveries[] = {
        [SMS365_DELIVERY_PENDING] = SMS365_TEXT_PENDING,
        [SMS365_DELIVERY_DONE] = SMS365_TEXT_DELIVERED,
        [SMS365_DELIVERY_FAILED] = SMS365_TEXT_FAILED,
    };
    char masked[32];
    char delivery[64];
    char others[96];
    char age[32];
    char left[64];
    char number[16];
    const int tries = ch->limits.tries - ch->slot.tries;
    const size_t used = strlen(ch->note);

    sms365_msisdn_mask(masked, ch->slot.msisdn);
    sms365_text_format(delivery, sizeof delivery, ch->language, deliveries[ch->slot.delivery], NULL);
    sms365_text_format(
        others, sizeof others, ch->language, ch->number_count > 1 ? SMS365_TEXT_AGAIN_OTHER : SMS365_TEXT_AGAIN, NULL);
    sms365_text_duration(age, ch->language, ch->now.boot_ms - ch->slot.sent_ms);
    (void)snprintf(number, sizeof number, "%d", tries);
    sms365_text_format(left, sizeof left, ch->language, tries == 1 ? SMS365_TEXT_ONE_TRY : SMS365_TEXT_TRIES,
        (const char *const[]){number, NULL});
    (void)sms365_str_copy(ch->prompt, sizeof ch->prompt, ch->note);
    ch->note[0] = '\0';
    if (ch->resumed)
        sms365_text_format(ch->prompt + used, SMS365_PROMPT_SIZE, ch->language, SMS365_TEXT_CODE_AGAIN,
            (const char *const[]){masked, age, delivery, left, others, NULL});
    else
        sms365_text_format(ch->prompt + used, SMS365_PROMPT_SIZE, ch->language, SMS365_TEXT_CODE,
            (const char *const[]){masked, delivery, others, NULL});
    challenge_ask(ch, ch->prompt, on_answer);
}

static void wait_for_report(struct sms365_challenge *ch, bool discard);

static void on_report(struct sms365_challenge *ch, const struct sms365_event *event)
{
    enum sms365_delivery delivery;

    if (event->query == NULL) {
        show_prompt(ch);
    } else if (sms365_report_parse(&delivery, event->query, event->length, &ch->callback_key, ch->slot.id)) {
        ch->slot.delivery = (uint8_t)delivery;
        show_prompt(ch);
    } else if (++ch->discards <= SMS365_DISCARDS_MAX) {
        wait_for_report(ch, true);
    } else {
        show_prompt(ch);
    }
}

static void wait_for_report(struct sms365_challenge *ch, bool discard)
{
    const int64_t left_ms = ch->report_until_ms - ch->now.boot_ms;

    memset(&ch->action, 0, sizeof ch->action);
    ch->action.kind = SMS365_ACTION_WAIT;
    ch->action.id = ch->slot.id;
    ch->action.discard = discard;
    ch->action.timeout_ms = left_ms < 0 ? 0 : left_ms;
    ch->then = on_report;
}

void challenge_prompt(struct sms365_challenge *ch)
{
    if (ch->questions >= SMS365_QUESTIONS_MAX)
        challenge_deny(ch, SMS365_REASON_TOO_MANY_QUESTIONS);
    else if (ch->callback[0] != '\0' && ch->slot.delivery == SMS365_DELIVERY_PENDING)
        wait_for_report(ch, false);
    else
        show_prompt(ch);
}

/* Blanks around an answer are cut. False when what is left does not fit size, so that it cannot be one of ours. */
static bool trim_answer(char *out, size_t size, const char *answer)
{
    static const char blanks[] = " \t\r\n";
    const char *start = answer + strspn(answer, blanks);
    size_t length = strlen(start);

    while (length > 0 && strchr(blanks, start[length - 1]) != NULL)
        length--;
    if (length >= size)
        return false;
    memcpy(out, start, length);
    out[length] = '\0';
    return true;
}

static bool is_code(const char *text)
{
    return strlen(text) == SMS365_CODE_DIGITS && strspn(text, "0123456789") == SMS365_CODE_DIGITS;
}

/* Send a further message, to this number, if it is not too soon. */
static void send_again(struct sms365_challenge *ch, const char *msisdn)
{
    const int64_t left_ms = sms365_slot_resend_ms(&ch->slot, &ch->limits, &ch->now);
    char duration[32];

    if (left_ms == 0) {
        challenge_send(ch, msisdn);
        return;
    }
    sms365_text_duration(duration, ch->language, left_ms);
    sms365_text_format(
        ch->note, sizeof ch->note, ch->language, SMS365_TEXT_TOO_SOON, (const char *const[]){duration, NULL});
    if (ch->slot.phase == SMS365_PHASE_OPEN)
        challenge_prompt(ch);
    else
        challenge_prompt_lost(ch, ch->pending);
}

static void send_other(struct sms365_challenge *ch)
{
    size_t index = 0;

    if (ch->number_count < 2) {
        sms365_text_format(ch->note, sizeof ch->note, ch->language, SMS365_TEXT_NO_OTHER, NULL);
        challenge_prompt(ch);
        return;
    }
    while (index < ch->number_count && strcmp(ch->numbers[index], ch->slot.msisdn) != 0)
        index++;
    send_again(ch, ch->numbers[(index + 1) % ch->number_count]);
}

static void on_answer(struct sms365_challenge *ch, const struct sms365_event *event)
{
    char answer[16];

    if (event->answer == NULL) {
        challenge_deny(ch, SMS365_REASON_NO_ANSWER);
    } else if (!trim_answer(answer, sizeof answer, event->answer)) {
        challenge_deny(ch, SMS365_REASON_NOT_A_CODE);
    } else if (answer[0] == '\0') {
        challenge_deny(ch, SMS365_REASON_NO_ANSWER);
    } else if (strcmp(answer, "r") == 0 || strcmp(answer, "R") == 0) {
        send_again(ch, ch->slot.msisdn);
    } else if (strcmp(answer, "o") == 0 || strcmp(answer, "O") == 0) {
        send_other(ch);
    } else if (is_code(answer)) {
        memcpy(ch->code, answer, sizeof ch->code);
        challenge_check(ch);
    } else {
        challenge_deny(ch, SMS365_REASON_NOT_A_CODE);
    }
    sms365_wipe(answer, sizeof answer);
}

static void on_lost_answer(struct sms365_challenge *ch, const struct sms365_event *event)
{
    char answer[16];

    if (event->answer != NULL && trim_answer(answer, sizeof answer, event->answer) &&
        (strcmp(answer, "r") == 0 || strcmp(answer, "R") == 0))
        send_again(ch, ch->slot.msisdn);
    else
        challenge_deny(ch, ch->pending);
}

void challenge_prompt_lost(struct sms365_challenge *ch, enum sms365_reason reason)
{
    char masked[32];
    const size_t used = strlen(ch->note);

    ch->pending = reason;
    if (ch->questions >= SMS365_QUESTIONS_MAX) {
        challenge_deny(ch, reason);
        return;
    }
    sms365_msisdn_mask(masked, ch->slot.msisdn);
    (void)sms365_str_copy(ch->prompt, sizeof ch->prompt, ch->note);
    ch->note[0] = '\0';
    sms365_text_format(
        ch->prompt + used, SMS365_PROMPT_SIZE, ch->language, SMS365_TEXT_LOST, (const char *const[]){masked, NULL});
    challenge_ask(ch, ch->prompt, on_lost_answer);
}

/* --- Checking --- */

/* The slot in the store, as long as it is the challenge that this process asked about. */
static struct sms365_slot *own_slot(struct sms365_challenge *ch)
{
    struct sms365_slot *slot = sms365_state_slot(&ch->state, ch->slot.id);
    const bool same = slot != NULL && slot->phase == SMS365_PHASE_OPEN &&
                      memcmp(slot->holder, ch->holder, sizeof slot->holder) == 0 &&
                      strcmp(slot->auth_id, ch->slot.auth_id) == 0;

    return same ? slot : NULL;
}

static enum sms365_reason change_charge(struct sms365_challenge *ch)
{
    struct sms365_slot *slot = own_slot(ch);
    int64_t retry_after_ms = 0;

    if (sms365_slot_life_ms(&ch->slot, &ch->limits, &ch->now) <= 0)
        return SMS365_REASON_EXPIRED;
    if (slot == NULL)
        return SMS365_REASON_SUPERSEDED;
    const enum sms365_reason reason = sms365_state_charge(&ch->state, &ch->limits, slot, &ch->now, &retry_after_ms);
    ch->outcome.retry_after_s = (retry_after_ms + 999) / 1000;
    if (reason != SMS365_REASON_NONE)
        return reason;
    slot->delivery = ch->slot.delivery;
    ch->slot = *slot;
    return SMS365_REASON_NONE;
}

/* Take the challenge out of the store: of all processes that try, one finds it there. */
static enum sms365_reason change_consume(struct sms365_challenge *ch)
{
    if (own_slot(ch) == NULL)
        return SMS365_REASON_SUPERSEDED;
    sms365_state_succeed(&ch->state, &ch->slot, ch->place, &ch->now);
    return SMS365_REASON_NONE;
}

static enum sms365_reason change_drop(struct sms365_challenge *ch)
{
    (void)sms365_state_drop(&ch->state, ch->slot.id);
    return SMS365_REASON_NONE;
}

static void gone(struct sms365_challenge *ch)
{
    challenge_deny(ch, SMS365_REASON_EXPIRED);
}

static void on_checked(struct sms365_challenge *ch, const struct sms365_event *event)
{
    const char *auth = event->auth == NULL ? "" : event->auth;

    sms365_wipe(ch->code, sizeof ch->code);
    if (event->err == SMS365_REFUSED && event->provider_error == 302) /* "No authentication message found for authId" */
        challenge_write(ch, change_drop, gone, deny_why);
    else if (event->err != SMS365_OK)
        challenge_deny(ch, reason_of_call(event));
    else if (strcmp(auth, "ok") == 0)
        challenge_write(ch, change_consume, challenge_allow, deny_why);
    else if (strcmp(auth, "nok") != 0)
        challenge_deny(ch, SMS365_REASON_BAD_REPLY);
    else
        challenge_deny(ch, ch->slot.tries < ch->limits.tries ? SMS365_REASON_WRONG_CODE : SMS365_REASON_TRIES_USED);
}

static void charged(struct sms365_challenge *ch)
{
    size_t count = 0;

    if (sms365_slot_life_ms(&ch->slot, &ch->limits, &ch->now) <= 0) { /* the store took its time */
        challenge_deny(ch, SMS365_REASON_EXPIRED);
        return;
    }
    add_param(ch, &count, "authId", ch->slot.auth_id);
    add_param(ch, &count, "code", ch->code);
    challenge_call(ch, SMS365_EP_2FA_CHECK, count, false, ch->timeout_ms, on_checked);
    ch->action.key = ch->slot.key; /* the authId is one of that key's account */
}

void challenge_check(struct sms365_challenge *ch)
{
    challenge_write(ch, change_charge, charged, deny_why);
}

enum sms365_reason challenge_reason_of(int provider_error)
{
    switch (provider_error) {
    case 101:
        return SMS365_REASON_KEY_REFUSED;
    case 102:
    case 103:
        return SMS365_REASON_BAD_NUMBER;
    case 105:
        return SMS365_REASON_NO_BALANCE;
    default:
        return SMS365_REASON_PROVIDER_REFUSED;
    }
}
