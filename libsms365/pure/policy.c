#include "pure/policy.h"

#include "base/wire.h"
#include "pure/draw.h"
#include "pure/route.h"

#include <string.h>

static const uint8_t user_magic[4] = {'S', '3', 'u', 3};

/* One user takes no more than a tenth of what the store may send, in both shares together. */
#define SHARE_OF_STORE (10 * SMS365_SHARES)

/* The lesser of two caps on cost, of which 0 is none. */
static int64_t lesser_cost(int64_t a, int64_t b)
{
    return a == 0 ? b : b == 0 || a < b ? a : b;
}

struct sms365_limits sms365_limits_of(const struct sms365_conf *conf)
{
    return (struct sms365_limits){
        .tries = (int)conf->tries,
        .life_ms = conf->life_s * 1000,
        .resend_after_ms = conf->resend_after_s * 1000,
        .sends_per_hour = (int)conf->sends_per_hour,
        .day = {SMS365_DAY_MS,
            conf->sends_per_day < conf->sends_per_day_host / SHARE_OF_STORE ? conf->sends_per_day
                                                                            : conf->sends_per_day_host / SHARE_OF_STORE,
            lesser_cost(
                conf->cost_per_day * SMS365_COST_UNIT, conf->cost_per_day_host * SMS365_COST_UNIT / SHARE_OF_STORE),
            false},
        .address_day = {SMS365_DAY_MS, conf->sends_per_day_address, conf->cost_per_day_address * SMS365_COST_UNIT,
            false},
        .store_day = {SMS365_DAY_MS, conf->sends_per_day_host, conf->cost_per_day_host * SMS365_COST_UNIT, true},
        .attempts = {SMS365_HOUR_MS, conf->host_attempts_per_hour, 0, false},
        .guard = sms365_guard_limits_of(conf),
    };
}

static void put_slot(struct sms365_writer *writer, const struct sms365_slot *slot)
{
    sms365_put_bytes(writer, slot->id, sizeof slot->id);
    sms365_put_bytes(writer, slot->holder, sizeof slot->holder);
    sms365_put_u8(writer, slot->phase);
    sms365_put_u8(writer, slot->delivery);
    sms365_put_u8(writer, slot->tries);
    sms365_put_u8(writer, slot->share);
    sms365_put_u8(writer, slot->channel);
    sms365_put_u8(writer, slot->digits);
    sms365_put_u8(writer, slot->local);
    sms365_put_bytes(writer, slot->chain, sizeof slot->chain);
    sms365_put_bytes(writer, slot->code_mac, sizeof slot->code_mac);
    sms365_put_i64(writer, slot->sent_ms);
    sms365_put_i64(writer, slot->cost);
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
    slot->channel = sms365_take_u8(reader);
    slot->digits = sms365_take_u8(reader);
    slot->local = sms365_take_u8(reader) != 0;
    sms365_take_bytes(reader, slot->chain, sizeof slot->chain);
    sms365_take_bytes(reader, slot->code_mac, sizeof slot->code_mac);
    slot->sent_ms = sms365_moment_take(reader, shift_ms, now);
    slot->cost = sms365_take_i64(reader);
    sms365_take_text(reader, slot->msisdn, sizeof slot->msisdn);
    sms365_take_text(reader, slot->auth_id, sizeof slot->auth_id);
    sms365_take_text(reader, slot->key, sizeof slot->key);
    if ((slot->phase != SMS365_PHASE_SENDING && slot->phase != SMS365_PHASE_OPEN) ||
        slot->delivery >= SMS365_DELIVERIES || slot->share >= SMS365_SHARES || slot->channel >= SMS365_CHANNELS ||
        slot->cost < 0 || slot->cost > SMS365_SLOT_COST_MAX || slot->digits < 1 || slot->digits > SMS365_DIGITS_MAX ||
        (slot->phase == SMS365_PHASE_OPEN && !slot->local && slot->auth_id[0] == '\0'))
        reader->failed = true;
}

static void put_share(struct sms365_writer *writer, const struct sms365_share *share)
{
    sms365_put_u8(writer, (uint8_t)share->send_count);
    for (size_t i = 0; i < share->send_count; i++)
        sms365_put_i64(writer, share->sends[i]);
    sms365_tally_put(writer, &share->day);
    sms365_tally_put(writer, &share->backups);
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
        share->sends[i] = sms365_moment_take(reader, shift_ms, now);
    sms365_tally_take(reader, &share->day, shift_ms, now);
    sms365_tally_take(reader, &share->backups, shift_ms, now);
    share->fail_count = take_count(reader, SMS365_FAILS_MAX);
    for (size_t i = 0; i < share->fail_count; i++) {
        share->fails[i].when_ms = sms365_moment_take(reader, shift_ms, now);
        sms365_take_bytes(reader, share->fails[i].chain, sizeof share->fails[i].chain);
    }
    share->row = sms365_take_u8(reader);
    share->row_ms = sms365_moment_take(reader, shift_ms, now);
    share->locked = sms365_take_u8(reader) != 0;
}

static void put_places(struct sms365_writer *writer, const struct sms365_places *places)
{
    sms365_put_u8(writer, (uint8_t)places->count);
    for (size_t i = 0; i < places->count; i++) {
        sms365_put_bytes(writer, places->entries[i].name, SMS365_PLACE_BYTES);
        sms365_put_i64(writer, places->entries[i].last_ms);
    }
}

static void take_places(
    struct sms365_reader *reader, struct sms365_places *places, int64_t shift_ms, const struct sms365_now *now)
{
    places->count = take_count(reader, SMS365_PLACES_MAX);
    for (size_t i = 0; i < places->count; i++) {
        sms365_take_bytes(reader, places->entries[i].name, SMS365_PLACE_BYTES);
        places->entries[i].last_ms = sms365_moment_take(reader, shift_ms, now);
    }
}

bool sms365_state_encode(
    const struct sms365_state *state, const struct sms365_now *now, uint8_t *out, size_t size, size_t *length)
{
    struct sms365_writer writer = {.data = out, .size = size};

    sms365_head_put(&writer, user_magic, now);
    for (size_t i = 0; i < SMS365_SHARES; i++)
        put_share(&writer, &state->shares[i]);
    put_places(&writer, &state->places);
    put_places(&writer, &state->graces);
    put_places(&writer, &state->looked);
    put_places(&writer, &state->swapped);
    sms365_backup_put(&writer, &state->backup);
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
    if (!sms365_head_take(&reader, user_magic, now, &shift_ms))
        return false;
    for (size_t i = 0; i < SMS365_SHARES; i++)
        take_share(&reader, &state->shares[i], shift_ms, now);
    take_places(&reader, &state->places, shift_ms, now);
    take_places(&reader, &state->graces, shift_ms, now);
    take_places(&reader, &state->looked, shift_ms, now);
    take_places(&reader, &state->swapped, shift_ms, now);
    sms365_backup_take(&reader, &state->backup);
    state->slot_count = take_count(&reader, SMS365_OPEN_MAX);
    for (size_t i = 0; i < state->slot_count; i++)
        take_slot(&reader, &state->slots[i], shift_ms, now);
    if (memcmp(data + sizeof user_magic, now->boot_id, sizeof now->boot_id) != 0) {
        memset(state->slots, 0, sizeof state->slots);
        state->slot_count = 0;
        memset(&state->graces, 0, sizeof state->graces);
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
        sms365_tally_prune(&share->day, limits->day.window_ms, now);
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

/* Open challenges of a share; *least_ms: until the first of them is too old. */
static size_t count_open(const struct sms365_state *state, uint8_t share, const struct sms365_limits *limits,
    const struct sms365_now *now, int64_t *least_ms)
{
    size_t count = 0;

    *least_ms = limits->life_ms;
    for (size_t i = 0; i < state->slot_count; i++) {
        const int64_t left_ms = sms365_slot_life_ms(&state->slots[i], limits, now);
        if (state->slots[i].share != share)
            continue;
        count++;
        *least_ms = left_ms < *least_ms ? left_ms : *least_ms;
    }
    return count;
}

enum sms365_reason sms365_state_reserve(struct sms365_state *state, const struct sms365_limits *limits,
    const struct sms365_slot *slot, const struct sms365_now *now, int64_t *retry_after_ms)
{
    struct sms365_slot *held = sms365_state_held(state, slot->holder);
    struct sms365_share *share = &state->shares[slot->share];
    int64_t open_ms;
    const enum sms365_reason reason = sms365_share_may_begin(share, &limits->guard, now, retry_after_ms);

    if (reason != SMS365_REASON_NONE)
        return reason;
    if (share->send_count >= (size_t)limits->sends_per_hour || share->send_count >= SMS365_SENDS_MAX) {
        *retry_after_ms = next_send_ms(share, (size_t)limits->sends_per_hour, now);
        return SMS365_REASON_TOO_MANY_SENDS;
    }
    if (held == NULL && (count_open(state, slot->share, limits, now, &open_ms) >= SMS365_OPEN_MAX / SMS365_SHARES ||
                            state->slot_count >= SMS365_OPEN_MAX)) {
        *retry_after_ms = open_ms;
        return SMS365_REASON_TOO_MANY_OPEN;
    }
    if (!sms365_tally_charge(&share->day, &limits->day, slot->sent_ms, slot->cost, now, retry_after_ms))
        return SMS365_REASON_TOO_MANY_SENDS;
    share->sends[share->send_count++] = slot->sent_ms;
    *(held != NULL ? held : &state->slots[state->slot_count++]) = *slot;
    return SMS365_REASON_NONE;
}

/* A send leaves the hour's messages, or stays until a resend would be allowed. */
static void return_send(struct sms365_share *share, const struct sms365_limits *limits, int64_t sent_ms, bool asked)
{
    const int64_t as_of_ms = sent_ms - SMS365_HOUR_MS + limits->resend_after_ms;
    size_t i = share->send_count;

    while (i > 0 && share->sends[i - 1] != sent_ms)
        i--;
    if (i == 0)
        return;
    remove_send(share, i - 1);
    if (!asked)
        return;
    for (i = share->send_count++; i > 0 && share->sends[i - 1] > as_of_ms; i--)
        share->sends[i] = share->sends[i - 1];
    share->sends[i] = as_of_ms;
}

void sms365_state_refund(struct sms365_state *state, const struct sms365_limits *limits,
    const uint8_t id[SMS365_ID_BYTES], const struct sms365_slot *before, bool asked, const struct sms365_now *now)
{
    struct sms365_slot *slot = sms365_state_slot(state, id);

    if (slot == NULL)
        return;
    struct sms365_share *share = &state->shares[slot->share];
    return_send(share, limits, slot->sent_ms, asked);
    sms365_tally_refund(&share->day, limits->day.window_ms, slot->sent_ms, slot->cost, now);
    if (before->phase != 0)
        *slot = *before;
    else
        (void)sms365_state_drop(state, id);
}

void sms365_state_correct(struct sms365_state *state, const struct sms365_limits *limits, struct sms365_slot *slot,
    int64_t cost, const struct sms365_now *now)
{
    sms365_tally_correct(&state->shares[slot->share].day, limits->day.window_ms, slot->sent_ms, cost - slot->cost, now);
    slot->cost = cost;
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
