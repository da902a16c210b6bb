/* Having a code checked: charge a try, ask the provider or compare, look at the SIM if need be, consume. */
#include "pure/challenge_state.h"
#include "pure/sim.h"

#include <string.h>

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
    challenge_retry_after(ch, retry_after_ms);
    if (reason != SMS365_REASON_NONE)
        return reason;
    slot->delivery = ch->slot.delivery;
    ch->slot = *slot;
    return SMS365_REASON_NONE;
}

const struct sms365_number *challenge_number(const struct sms365_challenge *ch, const char *msisdn)
{
    for (size_t i = 0; i < ch->number_count; i++)
        if (strcmp(ch->numbers[i].msisdn, msisdn) == 0)
            return &ch->numbers[i];
    return NULL;
}

/* The number's name in the lists of those whose network was looked at, and found changed. */
static bool sim_name(const struct sms365_challenge *ch, const char *msisdn, uint8_t name[SMS365_PLACE_BYTES])
{
    const struct sms365_number *number = challenge_number(ch, msisdn);

    return number != NULL && sms365_sim_name(name, number, &ch->holder_key);
}

bool challenge_sim_refused(const struct sms365_challenge *ch, const char *msisdn)
{
    uint8_t sim[SMS365_PLACE_BYTES];

    return ch->conf->hlr == SMS365_HLR_BLOCK && sim_name(ch, msisdn, sim) &&
           sms365_place_is_recent(&ch->state.swapped, sim, INT64_MAX, &ch->now);
}

/* Take the challenge out of the store: of all processes that try, one finds it there. */
static enum sms365_reason change_consume(struct sms365_challenge *ch)
{
    uint8_t sim[SMS365_PLACE_BYTES];

    if (own_slot(ch) == NULL)
        return SMS365_REASON_SUPERSEDED;
    /* Another challenge may have found out, and this look may have failed. */
    if (challenge_sim_refused(ch, ch->slot.msisdn))
        return SMS365_REASON_SIM_CHANGED;
    if (ch->looked && sim_name(ch, ch->slot.msisdn, sim))
        sms365_place_add(&ch->state.looked, sim, &ch->now);
    if (ch->has_grace)
        sms365_place_add(&ch->state.graces, ch->grace, &ch->now);
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

static void consumed(struct sms365_challenge *ch)
{
    challenge_allow(ch, SMS365_REASON_CODE_ACCEPTED);
}

static void wrong(struct sms365_challenge *ch)
{
    challenge_deny(ch, ch->slot.tries < ch->limits.tries ? SMS365_REASON_WRONG_CODE : SMS365_REASON_TRIES_USED);
}

/* --- A right code: is the SIM still the user's? --- */

static enum sms365_reason change_swapped(struct sms365_challenge *ch)
{
    uint8_t sim[SMS365_PLACE_BYTES];

    if (!sim_name(ch, ch->slot.msisdn, sim))
        return SMS365_REASON_INTERNAL;
    sms365_place_add(&ch->state.swapped, sim, &ch->now);
    (void)sms365_state_drop(&ch->state, ch->slot.id);
    return SMS365_REASON_NONE;
}

static void swapped(struct sms365_challenge *ch)
{
    challenge_refuse(ch, SMS365_REASON_SIM_CHANGED);
}

/* Known before, and another now. The provider writes codes as texts and as numbers: zeros in front count for nothing.
 */
static bool differs(const char *before, const char *now)
{
    if (before[0] == '\0' || now == NULL || now[0] == '\0')
        return false;
    return strcmp(before + strspn(before, "0"), now + strspn(now, "0")) != 0;
}

static void on_looked(struct sms365_challenge *ch, const struct sms365_event *event)
{
    const struct sms365_number *number = challenge_number(ch, ch->slot.msisdn);
    const char *result = event->fields[SMS365_FIELD_RESULT];

    /* A network that could not be told shuts nobody out; the log says so. */
    ch->sim_unknown = true;
    if (number != NULL && event->err == SMS365_OK && result != NULL && strcmp(result, "OK") == 0) {
        ch->looked = true;
        ch->sim_unknown = false;
        ch->sim_changed = differs(number->mcc, event->fields[SMS365_FIELD_MCC]) ||
                          differs(number->mnc, event->fields[SMS365_FIELD_MNC]) ||
                          differs(number->ported, event->fields[SMS365_FIELD_PORTED]);
    }
    if (ch->sim_changed && ch->conf->hlr == SMS365_HLR_BLOCK)
        challenge_write(ch, change_swapped, swapped, challenge_refuse_why);
    else
        challenge_write(ch, change_consume, consumed, challenge_refuse_why);
}

static bool must_look(const struct sms365_challenge *ch)
{
    const int64_t every_ms = ch->conf->hlr_every_days * SMS365_DAY_MS;
    uint8_t sim[SMS365_PLACE_BYTES];

    return ch->conf->hlr != SMS365_HLR_OFF && sim_name(ch, ch->slot.msisdn, sim) &&
           !sms365_place_is_recent(&ch->state.looked, sim, every_ms, &ch->now);
}

static void accepted(struct sms365_challenge *ch)
{
    size_t count = 0;

    if (!must_look(ch)) {
        challenge_write(ch, change_consume, consumed, challenge_refuse_why);
        return;
    }
    challenge_param(ch, &count, "mobile", ch->slot.msisdn);
    challenge_call(ch, SMS365_EP_HLR_LOOKUP, count, false, ch->conf->timeout_s * 1000, on_looked);
}

/* --- Is it right? --- */

static void on_checked(struct sms365_challenge *ch, const struct sms365_event *event)
{
    const char *auth = event->fields[SMS365_FIELD_AUTH] == NULL ? "" : event->fields[SMS365_FIELD_AUTH];

    sms365_wipe(ch->code, sizeof ch->code);
    if (event->err == SMS365_REFUSED && event->provider_error == 302) /* "No authentication message found for authId" */
        challenge_write(ch, change_drop, gone, challenge_refuse_why);
    else if (event->err != SMS365_OK)
        challenge_deny(ch, challenge_reason_of(event));
    else if (strcmp(auth, "ok") == 0)
        accepted(ch);
    else if (strcmp(auth, "nok") == 0)
        wrong(ch);
    else
        challenge_deny(ch, SMS365_REASON_BAD_REPLY);
}

bool challenge_code_mac(const struct sms365_challenge *ch, const struct sms365_slot *slot, const char *code,
    uint8_t mac[SMS365_CODE_MAC_BYTES])
{
    uint8_t whole[SMS365_MAC_BYTES];
    uint8_t text[4 + SMS365_ID_BYTES + SMS365_DIGITS_MAX] = "code";
    const size_t digits = strlen(code);

    memcpy(text + 4, slot->id, SMS365_ID_BYTES);
    memcpy(text + 4 + SMS365_ID_BYTES, code, digits);
    const bool hashed = sms365_hmac(whole, &ch->holder_key, text, 4 + SMS365_ID_BYTES + digits);
    if (hashed)
        memcpy(mac, whole, SMS365_CODE_MAC_BYTES);
    sms365_wipe(text, sizeof text);
    return hashed;
}

static void compare(struct sms365_challenge *ch)
{
    uint8_t mac[SMS365_CODE_MAC_BYTES];
    const bool hashed = challenge_code_mac(ch, &ch->slot, ch->code, mac);

    sms365_wipe(ch->code, sizeof ch->code);
    if (!hashed)
        challenge_deny(ch, SMS365_REASON_INTERNAL);
    else if (sms365_equal(mac, ch->slot.code_mac, sizeof mac))
        accepted(ch);
    else
        wrong(ch);
}

static void charged(struct sms365_challenge *ch)
{
    size_t count = 0;

    if (sms365_slot_life_ms(&ch->slot, &ch->limits, &ch->now) <= 0) { /* the store took its time */
        challenge_deny(ch, SMS365_REASON_EXPIRED);
        return;
    }
    if (ch->slot.local) {
        compare(ch);
        return;
    }
    challenge_param(ch, &count, "authId", ch->slot.auth_id);
    challenge_param(ch, &count, "code", ch->code);
    challenge_call(ch, SMS365_EP_2FA_CHECK, count, false, ch->conf->timeout_s * 1000, on_checked);
    ch->action.key = ch->slot.key; /* the authId is one of that key's account */
}

void challenge_check(struct sms365_challenge *ch)
{
    challenge_write(ch, change_charge, charged, challenge_refuse_why);
}
