#include "pure/policy.h"

#include "base/wire.h"

#include <string.h>

/* Nothing is remembered for longer than an hour. */
#define AGE_MAX_MS ((int64_t)2 * SMS365_HOUR_MS)

/* First bytes of a record: what it is, and the version of its layout. */
static const uint8_t user_magic[4] = {'S', '3', 'u', 1};
static const uint8_t host_magic[4] = {'S', '3', 'h', 1};

static void put_header(struct sms365_writer *writer, const uint8_t magic[4], const struct sms365_now *now)
{
    sms365_put_bytes(writer, magic, 4);
    sms365_put_bytes(writer, now->boot_id, sizeof now->boot_id);
    sms365_put_i64(writer, now->boot_ms);
    sms365_put_i64(writer, now->wall_s);
}

/* What to add to a moment of the record's boot to get one of this boot. */
static bool take_header(
    struct sms365_reader *reader, const uint8_t magic[4], const struct sms365_now *now, int64_t *shift_ms)
{
    uint8_t found[4];
    uint8_t boot_id[SMS365_BOOT_ID_BYTES];
    int64_t away_ms;

    sms365_take_bytes(reader, found, sizeof found);
    sms365_take_bytes(reader, boot_id, sizeof boot_id);
    const int64_t boot_ms = sms365_take_i64(reader);
    const int64_t wall_s = sms365_take_i64(reader);
    if (reader->failed || memcmp(found, magic, sizeof found) != 0)
        return false;
    *shift_ms = 0;
    if (memcmp(boot_id, now->boot_id, sizeof boot_id) == 0)
        return true;
    if (__builtin_sub_overflow(now->wall_s, wall_s, &away_ms) ||
        __builtin_mul_overflow(away_ms, (int64_t)1000, &away_ms))
        return false;
    if (away_ms < 0)
        away_ms = 0;
    return !__builtin_sub_overflow(now->boot_ms, away_ms, shift_ms) &&
           !__builtin_sub_overflow(*shift_ms, boot_ms, shift_ms);
}

/* A moment in the time of `now`: never later than it, and no older than can matter, so that ages do not overflow. */
static int64_t take_moment(struct sms365_reader *reader, int64_t shift_ms, const struct sms365_now *now)
{
    const int64_t oldest = now->boot_ms - AGE_MAX_MS;
    int64_t moment;

    if (__builtin_add_overflow(sms365_take_i64(reader), shift_ms, &moment))
        reader->failed = true;
    if (reader->failed || moment > now->boot_ms)
        return now->boot_ms;
    return moment < oldest ? oldest : moment;
}

static void put_slot(struct sms365_writer *writer, const struct sms365_slot *slot)
{
    sms365_put_bytes(writer, slot->id, sizeof slot->id);
    sms365_put_bytes(writer, slot->holder, sizeof slot->holder);
    sms365_put_u8(writer, slot->phase);
    sms365_put_u8(writer, slot->delivery);
    sms365_put_u8(writer, slot->tries);
    sms365_put_i64(writer, slot->sent_ms);
    sms365_put_text(writer, slot->msisdn);
    sms365_put_text(writer, slot->auth_id);
}

static void take_slot(
    struct sms365_reader *reader, struct sms365_slot *slot, int64_t shift_ms, const struct sms365_now *now)
{
    sms365_take_bytes(reader, slot->id, sizeof slot->id);
    sms365_take_bytes(reader, slot->holder, sizeof slot->holder);
    slot->phase = sms365_take_u8(reader);
    slot->delivery = sms365_take_u8(reader);
    slot->tries = sms365_take_u8(reader);
    slot->sent_ms = take_moment(reader, shift_ms, now);
    sms365_take_text(reader, slot->msisdn, sizeof slot->msisdn);
    sms365_take_text(reader, slot->auth_id, sizeof slot->auth_id);
    if ((slot->phase != SMS365_PHASE_SENDING && slot->phase != SMS365_PHASE_OPEN) ||
        slot->delivery > SMS365_DELIVERY_FAILED || (slot->phase == SMS365_PHASE_OPEN && slot->auth_id[0] == '\0'))
        reader->failed = true;
}

bool sms365_state_encode(
    const struct sms365_state *state, const struct sms365_now *now, uint8_t *out, size_t size, size_t *length)
{
    struct sms365_writer writer = {.data = out, .size = size};

    put_header(&writer, user_magic, now);
    sms365_put_u8(&writer, (uint8_t)state->send_count);
    for (size_t i = 0; i < state->send_count; i++)
        sms365_put_i64(&writer, state->sends[i]);
    sms365_put_u8(&writer, (uint8_t)state->slot_count);
    for (size_t i = 0; i < state->slot_count; i++)
        put_slot(&writer, &state->slots[i]);
    *length = writer.used;
    return !writer.failed;
}

bool sms365_state_decode(struct sms365_state *state, const struct sms365_now *now, const uint8_t *data, size_t length)
{
    struct sms365_reader reader = {.data = data, .length = length};
    int64_t shift_ms;

    memset(state, 0, sizeof *state);
    if (length == 0)
        return true;
    if (!take_header(&reader, user_magic, now, &shift_ms))
        return false;
    const size_t sends = sms365_take_u8(&reader);
    if (sends > SMS365_SENDS_MAX)
        return false;
    for (size_t i = 0; i < sends; i++)
        state->sends[i] = take_moment(&reader, shift_ms, now);
    const size_t slots = sms365_take_u8(&reader);
    if (slots > SMS365_OPEN_MAX)
        return false;
    for (size_t i = 0; i < slots; i++)
        take_slot(&reader, &state->slots[i], shift_ms, now);
    state->send_count = sends;
    state->slot_count = slots;
    if (memcmp(data + sizeof user_magic, now->boot_id, sizeof now->boot_id) != 0) {
        memset(state->slots, 0, sizeof state->slots);
        state->slot_count = 0;
    }
    return !reader.failed && reader.used == length;
}

static void remove_send(struct sms365_state *state, size_t index)
{
    state->send_count--;
    memmove(&state->sends[index], &state->sends[index + 1], (state->send_count - index) * sizeof *state->sends);
    state->sends[state->send_count] = 0;
}

static void remove_slot(struct sms365_state *state, size_t index)
{
    state->slot_count--;
    memmove(&state->slots[index], &state->slots[index + 1], (state->slot_count - index) * sizeof *state->slots);
    memset(&state->slots[state->slot_count], 0, sizeof *state->slots);
}

void sms365_state_prune(struct sms365_state *state, const struct sms365_limits *limits, const struct sms365_now *now)
{
    while (state->send_count > 0 && now->boot_ms - state->sends[0] >= SMS365_HOUR_MS)
        remove_send(state, 0);
    for (size_t i = state->slot_count; i-- > 0;)
        if (sms365_slot_life_ms(&state->slots[i], limits, now) <= 0)
            remove_slot(state, i);
}

struct sms365_slot *sms365_state_held(struct sms365_state *state, const uint8_t holder[SMS365_HOLDER_BYTES])
{
    for (size_t i = 0; i < state->slot_count; i++)
        if (memcmp(state->slots[i].holder, holder, SMS365_HOLDER_BYTES) == 0)
            return &state->slots[i];
    return NULL;
}

struct sms365_slot *sms365_state_slot(struct sms365_state *state, const uint8_t id[SMS365_ID_BYTES])
{
    for (size_t i = 0; i < state->slot_count; i++)
        if (memcmp(state->slots[i].id, id, SMS365_ID_BYTES) == 0)
            return &state->slots[i];
    return NULL;
}

enum sms365_reason sms365_state_reserve(struct sms365_state *state, const struct sms365_limits *limits,
    const struct sms365_slot *slot, const struct sms365_now *now, int64_t *retry_after_ms)
{
    struct sms365_slot *held = sms365_state_held(state, slot->holder);

    if (state->send_count >= (size_t)limits->sends_per_hour || state->send_count >= SMS365_SENDS_MAX) {
        /* The send that has to be an hour old before there is room for one more. */
        const size_t limit = (size_t)limits->sends_per_hour;
        const size_t oldest = state->send_count > limit ? state->send_count - limit : 0;
        *retry_after_ms = state->sends[oldest] + SMS365_HOUR_MS - now->boot_ms;
        return SMS365_REASON_TOO_MANY_SENDS;
    }
    if (held == NULL && state->slot_count >= SMS365_OPEN_MAX) {
        *retry_after_ms = limits->life_ms;
        for (size_t i = 0; i < state->slot_count; i++) {
            const int64_t left_ms = sms365_slot_life_ms(&state->slots[i], limits, now);
            *retry_after_ms = left_ms < *retry_after_ms ? left_ms : *retry_after_ms;
        }
        return SMS365_REASON_TOO_MANY_OPEN;
    }
    state->sends[state->send_count++] = slot->sent_ms;
    *(held != NULL ? held : &state->slots[state->slot_count++]) = *slot;
    return SMS365_REASON_NONE;
}

void sms365_state_refund(struct sms365_state *state, const uint8_t id[SMS365_ID_BYTES])
{
    const struct sms365_slot *slot = sms365_state_slot(state, id);

    if (slot == NULL)
        return;
    for (size_t i = state->send_count; i-- > 0;) {
        if (state->sends[i] == slot->sent_ms) {
            remove_send(state, i);
            break;
        }
    }
    (void)sms365_state_drop(state, id);
}

bool sms365_state_drop(struct sms365_state *state, const uint8_t id[SMS365_ID_BYTES])
{
    const struct sms365_slot *slot = sms365_state_slot(state, id);

    if (slot == NULL)
        return false;
    remove_slot(state, (size_t)(slot - state->slots));
    return true;
}

int64_t sms365_slot_life_ms(
    const struct sms365_slot *slot, const struct sms365_limits *limits, const struct sms365_now *now)
{
    return slot->sent_ms + limits->life_ms - now->boot_ms;
}

int sms365_slot_tries_left(
    const struct sms365_slot *slot, const struct sms365_limits *limits, const struct sms365_now *now)
{
    const bool open = slot->phase == SMS365_PHASE_OPEN && sms365_slot_life_ms(slot, limits, now) > 0;

    return open && slot->tries < limits->tries ? limits->tries - slot->tries : 0;
}

int64_t sms365_slot_resend_ms(
    const struct sms365_slot *slot, const struct sms365_limits *limits, const struct sms365_now *now)
{
    const int64_t left_ms = slot->sent_ms + limits->resend_after_ms - now->boot_ms;

    return slot->delivery == SMS365_DELIVERY_FAILED || left_ms < 0 ? 0 : left_ms;
}

bool sms365_host_encode(
    const struct sms365_host_state *host, const struct sms365_now *now, uint8_t *out, size_t size, size_t *length)
{
    struct sms365_writer writer = {.data = out, .size = size};

    put_header(&writer, host_magic, now);
    sms365_put_i64(&writer, host->since_ms);
    sms365_put_i64(&writer, host->attempts);
    *length = writer.used;
    return !writer.failed;
}

bool sms365_host_decode(
    struct sms365_host_state *host, const struct sms365_now *now, const uint8_t *data, size_t length)
{
    struct sms365_reader reader = {.data = data, .length = length};
    int64_t shift_ms;

    memset(host, 0, sizeof *host);
    if (length == 0)
        return true;
    if (!take_header(&reader, host_magic, now, &shift_ms))
        return false;
    host->since_ms = take_moment(&reader, shift_ms, now);
    host->attempts = sms365_take_i64(&reader);
    return !reader.failed && reader.used == length && host->attempts >= 0;
}

bool sms365_host_charge(struct sms365_host_state *host, const struct sms365_limits *limits,
    const struct sms365_now *now, int64_t *retry_after_ms)
{
    if (host->attempts == 0 || now->boot_ms - host->since_ms >= SMS365_HOUR_MS)
        *host = (struct sms365_host_state){.since_ms = now->boot_ms};
    if (host->attempts >= limits->host_attempts_per_hour) {
        *retry_after_ms = host->since_ms + SMS365_HOUR_MS - now->boot_ms;
        return false;
    }
    host->attempts++;
    return true;
}
