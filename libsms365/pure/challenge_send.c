/* Sending a message: reserve, charge, make the request, record what came of it. */
#include "pure/challenge_state.h"

#include <stdio.h>
#include <string.h>

/* Seconds after which the provider sends an SMS in the place of a Viber message: the least that it takes. */
#define VIBER_VALIDITY "60"

/* Fresh bytes from the seed: names messages. */
static bool draw_id(struct sms365_challenge *ch, uint8_t id[SMS365_ID_BYTES])
{
    uint8_t block[SMS365_MAC_BYTES];
    const bool drawn = sms365_draw(block, ch->seed, ch->drawn++);

    if (drawn)
        memcpy(id, block, SMS365_ID_BYTES);
    return drawn;
}

uint8_t challenge_share(const struct sms365_challenge *ch)
{
    const bool usual = sms365_place_is_recent(&ch->state.places, ch->place, ch->limits.guard.window_ms, &ch->now);

    return usual ? SMS365_SHARE_USUAL : SMS365_SHARE_OTHER;
}

/* --- Reserving --- */

/* The holder's challenge must still be the one this process decided upon, or none if there was none. */
static enum sms365_reason change_reserve(struct sms365_challenge *ch)
{
    int64_t retry_after_ms = 0;

    sms365_state_prune(&ch->state, &ch->limits, &ch->now);
    const struct sms365_slot *held = sms365_state_held(&ch->state, ch->holder);
    if (held != NULL && memcmp(held->id, ch->slot.id, sizeof held->id) != 0)
        return SMS365_REASON_SUPERSEDED;
    if (challenge_sim_refused(ch, ch->fresh.msisdn))
        return SMS365_REASON_SIM_CHANGED;
    memset(&ch->before, 0, sizeof ch->before);
    if (held != NULL)
        ch->before = *held;
    ch->fresh.sent_ms = ch->now.boot_ms; /* not when it was asked for: the store may have taken its time */
    ch->fresh.share = challenge_share(ch);
    memcpy(ch->fresh.chain, held == NULL ? ch->fresh.id : held->chain, sizeof ch->fresh.chain);
    const enum sms365_reason reason =
        sms365_state_reserve(&ch->state, &ch->limits, &ch->fresh, &ch->now, &retry_after_ms);
    challenge_retry_after(ch, retry_after_ms);
    return reason;
}

static bool is_limit(enum sms365_reason reason)
{
    return reason == SMS365_REASON_TOO_MANY_SENDS || reason == SMS365_REASON_TOO_MANY_FROM_HOST ||
           reason == SMS365_REASON_STORE_SPENT;
}

/* What keeps a message from being sent, and says nothing against the code of an earlier one. */
static bool is_trouble(enum sms365_reason reason)
{
    return reason == SMS365_REASON_UNREACHABLE || reason == SMS365_REASON_NO_BALANCE ||
           reason == SMS365_REASON_KEY_REFUSED || reason == SMS365_REASON_PROVIDER_REFUSED ||
           reason == SMS365_REASON_BAD_NUMBER || reason == SMS365_REASON_WRONG_ADDRESS;
}

/* The first of the routes that this login has not tried; their number when there is none. */
size_t challenge_untried(const struct sms365_challenge *ch)
{
    size_t route = 0;

    while (route < ch->routes.count && (ch->tried >> route & 1) != 0)
        route++;
    return route;
}

/* A message could not be sent. The code before it is asked for again: all is as if the person had not asked for more.
 */
static void spare(struct sms365_challenge *ch)
{
    challenge_note(ch, SMS365_TEXT_STILL_GOOD, sms365_text_denial(ch->language, ch->why));
    ch->spared = true;
    ch->why = ch->pending = SMS365_REASON_NONE;
    ch->outcome.retry_after_s = ch->retry_after_s = 0;
    memset(&ch->fresh, 0, sizeof ch->fresh);
    memset(&ch->before, 0, sizeof ch->before);
    memset(&ch->spend, 0, sizeof ch->spend);
    challenge_prompt(ch);
}

/* Nothing was sent. Whoever has a code that can still be entered is asked for it. */
static void send_refused(struct sms365_challenge *ch)
{
    const bool open = ch->slot.phase == SMS365_PHASE_OPEN && challenge_number(ch, ch->slot.msisdn) != NULL;
    const bool barred = ch->why == SMS365_REASON_SIM_CHANGED || ch->why == SMS365_REASON_COUNTRY_REFUSED;
    const size_t next = challenge_untried(ch);
    char duration[32];

    ch->resumed = ch->resumed || open; /* what is asked for is no news */
    if (barred && next < ch->routes.count) {
        challenge_send(ch, next);
    } else if (open && barred) {
        challenge_note(ch, SMS365_TEXT_NO_OTHER, NULL);
        challenge_prompt(ch);
    } else if (open && is_limit(ch->why)) {
        sms365_text_duration(duration, ch->language, ch->outcome.retry_after_s * 1000);
        challenge_note(ch, SMS365_TEXT_NO_MORE_SENDS, duration);
        ch->outcome.retry_after_s = 0;
        challenge_prompt(ch);
    } else if (open && is_trouble(ch->why) && !ch->spared) {
        spare(ch); /* once: where nothing can be sent, asking again and again leads nowhere */
    } else {
        challenge_refuse(ch, ch->why);
    }
}

/* --- What came of it --- */

/* Put the present message into its slot, as far as it is still ours. */
static enum sms365_reason change_open(struct sms365_challenge *ch)
{
    struct sms365_slot *slot = sms365_state_slot(&ch->state, ch->slot.id);

    if (slot == NULL || slot->phase != SMS365_PHASE_SENDING)
        return SMS365_REASON_SUPERSEDED;
    sms365_state_correct(&ch->state, &ch->limits, slot, ch->cost, &ch->now);
    *slot = ch->slot;
    slot->cost = ch->cost;
    return SMS365_REASON_NONE;
}

/* Is another way taken after the one that was refused? */
static bool falls_back(const struct sms365_challenge *ch)
{
    return (ch->pending == SMS365_REASON_BAD_NUMBER || ch->pending == SMS365_REASON_PROVIDER_REFUSED) &&
           challenge_untried(ch) < ch->routes.count;
}

/* Did the provider itself say that it sends nothing, and is that the end of it? */
static bool is_refused(const struct sms365_challenge *ch)
{
    const enum sms365_reason reason = ch->pending;

    return !falls_back(ch) && (reason == SMS365_REASON_BAD_NUMBER || reason == SMS365_REASON_PROVIDER_REFUSED ||
                                  reason == SMS365_REASON_KEY_REFUSED || reason == SMS365_REASON_NO_BALANCE);
}

static enum sms365_reason change_refund(struct sms365_challenge *ch)
{
    sms365_state_refund(&ch->state, &ch->limits, ch->fresh.id, &ch->before, is_refused(ch), &ch->now);
    return SMS365_REASON_NONE;
}

static void refunded(struct sms365_challenge *ch)
{
    ch->slot = ch->before;
    ch->newest = false;
    ch->why = ch->pending;
    if (falls_back(ch))
        challenge_send(ch, challenge_untried(ch));
    else
        send_refused(ch);
}

static void refund_user(struct sms365_challenge *ch)
{
    challenge_write(ch, change_refund, refunded, challenge_refuse_why);
}

static void refund_all(struct sms365_challenge *ch)
{
    challenge_refund(ch, &ch->slot, refund_user);
}

/* Nothing was sent, for certain: the charge is given back, then the person told. */
static void not_sent(struct sms365_challenge *ch, enum sms365_reason reason)
{
    ch->pending = reason;
    if (reason == SMS365_REASON_NO_BALANCE)
        challenge_note_no_balance(ch, refund_all);
    else
        refund_all(ch);
}

enum sms365_reason challenge_reason_of(const struct sms365_event *event)
{
    switch (event->err) {
    case SMS365_REFUSED:
        return event->provider_error == 101                                   ? SMS365_REASON_KEY_REFUSED
               : event->provider_error == 102 || event->provider_error == 103 ? SMS365_REASON_BAD_NUMBER
               : event->provider_error == 105                                 ? SMS365_REASON_NO_BALANCE
                                                                              : SMS365_REASON_PROVIDER_REFUSED;
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

static void opened(struct sms365_challenge *ch)
{
    const int64_t delta = ch->cost - ch->slot.cost;

    ch->slot.cost = ch->cost;
    if (delta != 0)
        challenge_correct(ch, delta, challenge_follow);
    else
        challenge_follow(ch);
}

/* The provider's account, as far as the reply tells. */
static void note_balance(struct sms365_challenge *ch, const char *balance)
{
    ch->low_balance = ch->conf->low_balance > 0 && balance != NULL &&
                      sms365_cost_parse(balance) < ch->conf->low_balance * SMS365_COST_UNIT;
}

static const char *sms_id(const struct sms365_event *event)
{
    const char *id = event->fields[SMS365_FIELD_SMS_ID];

    return id != NULL ? id : event->fields[SMS365_FIELD_ID];
}

/* What the reply tells of the delivery. Without a name that its status can be asked by, nothing ever will. */
static enum sms365_delivery delivery_told(const struct sms365_challenge *ch, const char *status)
{
    const struct sms365_slot *slot = &ch->slot;

    if (slot->channel == SMS365_CHANNEL_VIBER ||
        (slot->local && slot->auth_id[0] == '\0' && ch->conf->callback[0] == '\0'))
        return SMS365_DELIVERY_UNKNOWN;
    return slot->local || status == NULL ? SMS365_DELIVERY_PENDING : sms365_delivery_parse(status);
}

/* False when the reply does not name the message as it has to be named. */
static bool take_reply(struct sms365_challenge *ch, const struct sms365_event *event)
{
    struct sms365_slot *slot = &ch->slot;
    const char *id = slot->local ? sms_id(event) : event->fields[SMS365_FIELD_AUTH_ID];
    const char *status = event->fields[SMS365_FIELD_AUTH_STATUS];
    const char *cost = event->fields[SMS365_FIELD_COST];
    const int64_t told = cost == NULL ? slot->cost : sms365_cost_parse(cost);

    if (!slot->local && !is_auth_id(id))
        return false;
    slot->phase = SMS365_PHASE_OPEN;
    slot->auth_id[0] = '\0';
    if (is_auth_id(id)) /* of a code of ours it is only asked for its status */
        (void)sms365_str_copy(slot->auth_id, sizeof slot->auth_id, id);
    if (event->key == NULL || !sms365_str_copy(slot->key, sizeof slot->key, event->key))
        slot->key[0] = '\0';
    slot->delivery = (uint8_t)delivery_told(ch, status);
    ch->cost = challenge_may_cost(slot, told) ? told : slot->cost;
    note_balance(ch, event->fields[SMS365_FIELD_BALANCE]);
    return true;
}

static void open_slot(struct sms365_challenge *ch)
{
    ch->report_until_ms = ch->now.boot_ms + challenge_wait_s(ch) * 1000;
    challenge_write(ch, change_open, opened, challenge_refuse_why);
}

/* It may have been sent. A code of ours can be entered then; the provider's cannot be checked without its authId. */
static void maybe_sent(struct sms365_challenge *ch, enum sms365_reason reason)
{
    if (!ch->slot.local) {
        challenge_prompt_lost(ch, reason);
        return;
    }
    ch->slot.phase = SMS365_PHASE_OPEN;
    ch->slot.delivery = SMS365_DELIVERY_UNKNOWN;
    ch->cost = ch->slot.cost;
    open_slot(ch);
}

static enum sms365_endpoint_id endpoint_of(const struct sms365_slot *slot)
{
    return slot->channel == SMS365_CHANNEL_VIBER ? SMS365_EP_VIBER_SEND
           : slot->local                         ? SMS365_EP_SMS_SEND
                                                 : SMS365_EP_2FA_SEND;
}

static void on_sent(struct sms365_challenge *ch, const struct sms365_event *event)
{
    sms365_wipe(ch->message, sizeof ch->message);
    switch (event->err) {
    case SMS365_OK:
        break;
    case SMS365_REFUSED:
        /* Only what the reference documents says that no message went out. */
        if (sms365_endpoint_refuses(endpoint_of(&ch->slot), event->provider_error))
            not_sent(ch, challenge_reason_of(event));
        else
            maybe_sent(ch, SMS365_REASON_PROVIDER_REFUSED);
        return;
    case SMS365_REPLY_LOST:
    case SMS365_BAD_REPLY:
        maybe_sent(ch, challenge_reason_of(event));
        return;
    default: /* what never left this machine */
        not_sent(ch, challenge_reason_of(event));
        return;
    }
    if (take_reply(ch, event))
        open_slot(ch);
    else
        challenge_prompt_lost(ch, SMS365_REASON_BAD_REPLY);
}

/* --- The request --- */

/* False when the callback's URL cannot be made. */
static bool add_callback(struct sms365_challenge *ch, size_t *count)
{
    char token[SMS365_TOKEN_SIZE];

    if (!sms365_token_make(token, &ch->callback_key, ch->slot.id) ||
        !sms365_callback_url(ch->callback_url, sizeof ch->callback_url, ch->conf->callback, token))
        return false;
    challenge_param(ch, count, "callback", ch->callback_url);
    return true;
}

static void call_provider(struct sms365_challenge *ch)
{
    const bool callback = ch->conf->callback[0] != '\0';
    int64_t timeout_ms = ch->conf->timeout_s * 1000;
    size_t count = 0;

    challenge_param(ch, &count, "to", ch->slot.msisdn);
    if (ch->slot.local)
        challenge_param(ch, &count, "text", ch->message);
    else if (ch->text[0] != '\0')
        challenge_param(ch, &count, "text", ch->text);
    if (ch->slot.channel == SMS365_CHANNEL_VIBER) {
        if (ch->conf->viber_from[0] != '\0')
            challenge_param(ch, &count, "from", ch->conf->viber_from);
        challenge_param(ch, &count, "validity", VIBER_VALIDITY);
        challenge_param(ch, &count, "sms_fallback", "true");
        challenge_param(ch, &count, "sms_text", ch->message);
        if (ch->conf->from[0] != '\0')
            challenge_param(ch, &count, "sms_from", ch->conf->from);
    } else if (ch->conf->from[0] != '\0') {
        challenge_param(ch, &count, "from", ch->conf->from);
    }
    if (ch->ucs)
        challenge_param(ch, &count, "ucs", "true");
    if (callback && ch->slot.channel == SMS365_CHANNEL_SMS && !add_callback(ch, &count)) {
        challenge_deny(ch, SMS365_REASON_INTERNAL);
        return;
    }
    if (!callback && !ch->slot.local) {
        (void)snprintf(ch->wait, sizeof ch->wait, "%d", (int)challenge_wait_s(ch));
        challenge_param(ch, &count, "wait", ch->wait);
        timeout_ms += challenge_wait_s(ch) * 1000;
    }
    challenge_call(ch, endpoint_of(&ch->slot), count, true, timeout_ms, on_sent);
}

static void charged(struct sms365_challenge *ch)
{
    ch->newest = ch->slot.phase == SMS365_PHASE_OPEN && ch->slot.delivery != SMS365_DELIVERY_FAILED;
    ch->slot = ch->fresh;
    ch->resumed = false;
    ch->outcome.retry_after_s = 0;
    call_provider(ch);
}

/* Others had no room for it: the user is not charged either. */
static void user_refunded(struct sms365_challenge *ch)
{
    ch->why = ch->pending;
    ch->outcome.retry_after_s = ch->retry_after_s;
    send_refused(ch);
}

static void charge_refused(struct sms365_challenge *ch)
{
    ch->pending = ch->why;
    ch->retry_after_s = ch->outcome.retry_after_s;
    challenge_write(ch, change_refund, user_refunded, challenge_refuse_why);
}

/*
 * The user is charged first, the others after: whoever stops a login between the two has used up messages of his own,
 * and of the others no more than those.
 */
static void reserved(struct sms365_challenge *ch)
{
    challenge_charge(ch, charged, charge_refused);
}

static void account_looked_at(struct sms365_challenge *ch)
{
    challenge_write(ch, change_reserve, reserved, send_refused);
}

/* --- Beginning --- */

/* A code of our own: the message with it, and the hash by which it will be known. */
static bool make_code(struct sms365_challenge *ch)
{
    char code[SMS365_DIGITS_MAX + 1];
    const bool made = sms365_draw_digits(code, (int)ch->conf->code_digits, ch->seed, &ch->drawn) &&
                      sms365_sms_put_code(ch->message, sizeof ch->message, ch->text, code) &&
                      challenge_code_mac(ch, &ch->fresh, code, ch->fresh.code_mac);

    sms365_wipe(code, sizeof code);
    return made;
}

size_t challenge_route(const struct sms365_challenge *ch)
{
    for (size_t i = 0; i < ch->routes.count; i++) {
        const struct sms365_route *route = &ch->routes.entries[i];
        if (route->channel == ch->slot.channel && strcmp(ch->numbers[route->number].msisdn, ch->slot.msisdn) == 0)
            return i;
    }
    return 0;
}

void challenge_send(struct sms365_challenge *ch, size_t index)
{
    const struct sms365_route *route = &ch->routes.entries[index];
    const struct sms365_number *number = &ch->numbers[route->number];

    if (ch->questions >= SMS365_QUESTIONS_MAX) { /* its code could not be asked for */
        challenge_deny(ch, SMS365_REASON_TOO_MANY_QUESTIONS);
        return;
    }
    ch->tried |= 1u << index;
    ch->sending = true;
    if (!sms365_number_allowed(number->msisdn, ch->conf->countries)) {
        ch->why = SMS365_REASON_COUNTRY_REFUSED;
        send_refused(ch);
        return;
    }
    memset(&ch->fresh, 0, sizeof ch->fresh);
    memcpy(ch->fresh.holder, ch->holder, sizeof ch->fresh.holder);
    ch->fresh.phase = SMS365_PHASE_SENDING;
    ch->fresh.channel = route->channel;
    ch->fresh.local = ch->conf->code == SMS365_CODE_LOCAL;
    ch->fresh.digits = ch->fresh.local ? (uint8_t)ch->conf->code_digits : SMS365_CODE_DIGITS;
    ch->fresh.cost = sms365_cost_parse(number->cost);
    (void)sms365_str_copy(ch->fresh.msisdn, sizeof ch->fresh.msisdn, number->msisdn);
    if (!draw_id(ch, ch->fresh.id) || (ch->fresh.local && !make_code(ch)))
        challenge_deny(ch, SMS365_REASON_INTERNAL);
    else
        challenge_look_at_balance(ch, account_looked_at, send_refused);
}
