#include "pure/policy.h"

#include "base/wire.h"

#include <string.h>

/* Nothing counts for longer than a year, the most that failed_tries_days may be. */
#define AGE_MAX_MS ((int64_t)400 * 24 * SMS365_HOUR_MS)

/* First bytes of a record: what it is, and the version of its layout. */
static const uint8_t user_magic[4] = {'S', '3', 'u', 2};
static const uint8_t host_magic[4] = {'S', '3', 'h', 1};

struct sms365_limits sms365_limits_of(const struct sms365_conf *conf)
{
    return (struct sms365_limits){
        .tries = (int)conf->tries,
        .life_ms = conf->life_s * 1000,
        .resend_after_ms = conf->resend_after_s * 1000,
        .sends_per_hour = (int)conf->sends_per_hour,
        .host_attempts_per_hour = (int)conf->host_attempts_per_hour,
        .guard = sms365_guard_limits_of(conf),
    };
}

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
    sms365_put_u8(writer, slot->share);
    sms365_put_bytes(writer, slot->chain, sizeof slot->chain);
    sms365_put_i64(writer, slot->sent_ms);
    sms365_put_text(writer, slot->msisdn);
    sms365_put_text(writer, slot->auth_id);
    sms365_put_text(writer, slot->key);
}

static void take_slot(
    struct sms365_reader *reader, struct sms365_slot *slot, int64_t shift_ms, const struct sms365_now *now)
{
    sms365_take_bytes(reader, slot->id, sizeof slot->id);
    sms365_take_bytes(reader, slot->holder, sizeof slot->holder);
    slot->phase = sms365_take_u8(reader);
    slot->delivery = sms365_take_u8(reader);
    slot->tries = sms365_take_u8(reader);
    slot->share = sms365_take_u8(reader);
    sms365_take_bytes(reader, slot->chain, sizeof slot->chain);
    slot->sent_ms = take_moment(reader, shift_ms, now);
    sms365_take_text(reader, slot->msisdn, sizeof slot->msisdn);
    sms365_take_text(reader, slot->auth_id, sizeof slot->auth_id);
    sms365_take_text(reader, slot->key, sizeof slot->key);
    if ((slot->phase != SMS365_PHASE_SENDING && slot->phase != SMS365_PHASE_OPEN) ||
        slot->delivery > SMS365_DELIVERY_FAILED || slot->share >= SMS365_SHARES ||
        (slot->phase == SMS365_PHASE_OPEN && slot->auth_id[0] == '\0'))
        reader->failed = true;
}

static void put_share(struct sms365_writer *writer, const struct sms365_share *share)
{
    sms365_put_u8(writer, (uint8_t)share->send_count);
    for (size_t i = 0; i < share->send_count; i++)
        sms365_put_i64(writer, share->sends[i]);
    sms365_put_u8(writer, (uint8_t)share->fail_count);
    for (size_t i = 0; i < share->fail_count; i++) {
        sms365_put_i64(writer, share->fails[i].when_ms);
        sms365_put_bytes(writer, share->fails[i].chain, sizeof share->fails[i].chain);
    }
    sms365_put_u8(writer, share->row);
    sms365_put_i64(writer, share->row_ms);
    sms365_put_u8(writer, share->locked);
}

/* A count within its bound, or 0 and a failed reader. */
static size_t take_count(struct sms365_reader *reader, size_t most)
{
    const size_t count = sms365_take_u8(reader);

    if (count > most)
        reader->failed = true;
    return reader->failed ? 0 : count;
}

static void take_share(
    struct sms365_reader *reader, struct sms365_share *share, int64_t shift_ms, const struct sms365_now *now)
{
    share->send_count = take_count(reader, SMS365_SENDS_MAX);
    for (size_t i = 0; i < share->send_count; i++)
        share->sends[i] = take_moment(reader, shift_ms, now);
    share->fail_count = take_count(reader, SMS365_FAILS_MAX);
    for (size_t i = 0; i < share->fail_count; i++) {
        share->fails[i].when_ms = take_moment(reader, shift_ms, now);
        sms365_take_bytes(reader, share->fails[i].chain, sizeof share->fails[i].chain);
    }
    share->row = sms365_take_u8(reader);
    share->row_ms = take_moment(reader, shift_ms, now);
    share->locked = sms365_take_u8(reader) != 0;
}

bool sms365_state_encode(
    const struct sms365_state *state, const struct sms365_now *now, uint8_t *out, size_t size, size_t *length)
{
    struct sms365_writer writer = {.data = out, .size = size};

    put_header(&writer, user_magic, now);
    for (size_t i = 0; i < SMS365_SHARES; i++)
        put_share(&writer, &state->shares[i]);
    sms365_put_u8(&writer, (uint8_t)state->places.count);
    for (size_t i = 0; i < state->places.count; i++) {
        sms365_put_bytes(&writer, state->places.entries[i].name, SMS365_PLACE_BYTES);
        sms365_put_i64(&writer, state->places.entries[i].last_ms);
    }
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
    for (size_t i = 0; i < SMS365_SHARES; i++)
        take_share(&reader, &state->shares[i], shift_ms, now);
    state->places.count = take_count(&reader, SMS365_PLACES_MAX);
    for (size_t i = 0; i < state->places.count; i++) {
        sms365_take_bytes(&reader, state->places.entries[i].name, SMS365_PLACE_BYTES);
        state->places.entries[i].last_ms = take_moment(&reader, shift_ms, now);
    }
    state->slot_count = take_count(&reader, SMS365_OPEN_MAX);
    for (size_t i = 0; i < state->slot_count; i++)
        take_slot(&reader, &state->slots[i], shift_ms, now);
    if (memcmp(data + sizeof user_magic, now->boot_id, sizeof now->boot_id) != 0) {
        memset(state->slots, 0, sizeof state->slots);
        state->slot_count = 0;
    }
    if (!reader.failed && reader.used == length)
        return true;
    memset(state, 0, sizeof *state);
    return false;
}

static void remove_send(struct sms365_share *share, size_t index)
{
    share->send_count--;
    memmove(&share->sends[index], &share->sends[index + 1], (share->send_count - index) * sizeof *share->sends);
    share->sends[share->send_count] = 0;
}

static void remove_slot(struct sms365_state *state, size_t index)
{
    state->slot_count--;
    memmove(&state->slots[index], &state->slots[index + 1], (state->slot_count - index) * sizeof *state->slots);
    memset(&state->slots[state->slot_count], 0, sizeof *state->slots);
}

void sms365_state_prune(struct sms365_state *state, const struct sms365_limits *limits, const struct sms365_now *now)
{
    for (size_t i = 0; i < SMS365_SHARES; i++) {
        struct sms365_share *share = &state->shares[i];
        while (share->send_count > 0 && now->boot_ms - share->sends[0] >= SMS365_HOUR_MS)
            remove_send(share, 0);
        sms365_share_prune(share, &limits->guard, now);
    }
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

/* The send that has to be an hour old before there is room for one more. */
static int64_t next_send_ms(const struct sms365_share *share, size_t limit, const struct sms365_now *now)
{
    const size_t oldest = share->send_count > limit ? share->send_count - limit : 0;

    return share->sends[oldest] + SMS365_HOUR_MS - now->boot_ms;
}

/* Until the first of the open challenges is too old. */
static int64_t next_slot_ms(
    const struct sms365_state *state, const struct sms365_limits *limits, const struct sms365_now *now)
{
    int64_t least_ms = limits->life_ms;

    for (size_t i = 0; i < state->slot_count; i++) {
        const int64_t left_ms = sms365_slot_life_ms(&state->slots[i], limits, now);
        least_ms = left_ms < least_ms ? left_ms : least_ms;
    }
    return least_ms;
}

enum sms365_reason sms365_state_reserve(struct sms365_state *state, const struct sms365_limits *limits,
    const struct sms365_slot *slot, const struct sms365_now *now, int64_t *retry_after_ms)
{
    struct sms365_slot *held = sms365_state_held(state, slot->holder);
    struct sms365_share *share = &state->shares[slot->share];
    const enum sms365_reason reason = sms365_share_may_begin(share, &limits->guard, now, retry_after_ms);

    if (reason != SMS365_REASON_NONE)
        return reason;
    if (share->send_count >= (size_t)limits->sends_per_hour || share->send_count >= SMS365_SENDS_MAX) {
        *retry_after_ms = next_send_ms(share, (size_t)limits->sends_per_hour, now);
        return SMS365_REASON_TOO_MANY_SENDS;
    }
    if (held == NULL && state->slot_count >= SMS365_OPEN_MAX) {
        *retry_after_ms = next_slot_ms(state, limits, now);
        return SMS365_REASON_TOO_MANY_OPEN;
    }
    share->sends[share->send_count++] = slot->sent_ms;
    *(held != NULL ? held : &state->slots[state->slot_count++]) = *slot;
    return SMS365_REASON_NONE;
}

void sms365_state_refund(struct sms365_state *state, const uint8_t id[SMS365_ID_BYTES])
{
    const struct sms365_slot *slot = sms365_state_slot(state, id);

    if (slot == NULL)
        return;
    struct sms365_share *share = &state->shares[slot->share];
    for (size_t i = share->send_count; i-- > 0;) {
        if (share->sends[i] == slot->sent_ms) {
            remove_send(share, i);
            break;
        }
    }
    (void)sms365_state_drop(state, id);
}

enum sms365_reason sms365_state_charge(struct sms365_state *state, const struct sms365_limits *limits,
    struct sms365_slot *slot, const struct sms365_now *now, int64_t *retry_after_ms)
{
    if (slot->tries >= limits->tries)
        return SMS365_REASON_TRIES_USED;
    const enum sms365_reason reason =
        sms365_share_charge(&state->shares[slot->share], &limits->guard, slot->chain, now, retry_after_ms);
    if (reason == SMS365_REASON_NONE)
        slot->tries++;
    return reason;
}

void sms365_state_succeed(struct sms365_state *state, const struct sms365_slot *slot,
    const uint8_t place[SMS365_PLACE_BYTES], const struct sms365_now *now)
{
    sms365_share_succeed(&state->shares[slot->share], slot->chain);
    sms365_place_add(&state->places, place, now);
    (void)sms365_state_drop(state, slot->id);
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
