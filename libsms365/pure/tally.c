#include "pure/tally.h"

#include <string.h>

/* Nothing counts for longer than a year, the most that failed_tries_days may be. */
#define AGE_MAX_MS ((int64_t)400 * SMS365_DAY_MS)

/* How long a message may take from its reservation to its charge. */
#define LATE_MAX_MS 10000

static const uint8_t tally_magic[4] = {'S', '3', 't', 1};

void sms365_head_put(struct sms365_writer *writer, const uint8_t magic[4], const struct sms365_now *now)
{
    sms365_put_bytes(writer, magic, 4);
    sms365_put_bytes(writer, now->boot_id, sizeof now->boot_id);
    sms365_put_i64(writer, now->boot_ms);
    sms365_put_i64(writer, now->wall_s);
}

bool sms365_head_take(
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

int64_t sms365_moment_take(struct sms365_reader *reader, int64_t shift_ms, const struct sms365_now *now)
{
    const int64_t oldest = now->boot_ms - AGE_MAX_MS;
    int64_t moment;

    if (__builtin_add_overflow(sms365_take_i64(reader), shift_ms, &moment))
        reader->failed = true;
    if (reader->failed || moment > now->boot_ms)
        return now->boot_ms;
    return moment < oldest ? oldest : moment;
}

void sms365_tally_prune(struct sms365_tally *tally, int64_t window_ms, const struct sms365_now *now)
{
    if (now->boot_ms - tally->since_ms >= window_ms)
        memset(tally, 0, sizeof *tally);
}

bool sms365_tally_charge(struct sms365_tally *tally, const struct sms365_cap *cap, int64_t counted_ms, int64_t cost,
    const struct sms365_now *now, int64_t *retry_after_ms)
{
    sms365_tally_prune(tally, cap->window_ms, now);
    if (tally->count >= cap->count || (cap->cost > 0 && tally->cost + cost > cap->cost)) {
        *retry_after_ms = tally->since_ms + cap->window_ms - now->boot_ms;
        return false;
    }
    /* A process that stood still in between (its owner can stop it) makes no window shorter. */
    if (counted_ms < now->boot_ms - LATE_MAX_MS)
        counted_ms = now->boot_ms;
    if (tally->count == 0)
        tally->since_ms = cap->together ? now->boot_ms - now->boot_ms % cap->window_ms : counted_ms;
    else if (counted_ms < tally->since_ms)
        tally->since_ms = counted_ms;
    tally->count++;
    tally->cost += cost;
    return true;
}

/* Does the tally hold what was counted at that moment? What a window that is over counted is no business of the next.
 */
static bool holds(struct sms365_tally *tally, int64_t window_ms, int64_t counted_ms, const struct sms365_now *now)
{
    sms365_tally_prune(tally, window_ms, now);
    return tally->count > 0 && tally->since_ms <= counted_ms;
}

void sms365_tally_refund(
    struct sms365_tally *tally, int64_t window_ms, int64_t counted_ms, int64_t cost, const struct sms365_now *now)
{
    if (!holds(tally, window_ms, counted_ms, now))
        return;
    tally->count--;
    tally->cost = tally->cost > cost ? tally->cost - cost : 0;
}

void sms365_tally_correct(
    struct sms365_tally *tally, int64_t window_ms, int64_t counted_ms, int64_t delta, const struct sms365_now *now)
{
    if (holds(tally, window_ms, counted_ms, now))
        tally->cost = tally->cost + delta > 0 ? tally->cost + delta : 0;
}

void sms365_tally_put(struct sms365_writer *writer, const struct sms365_tally *tally)
{
    sms365_put_i64(writer, tally->since_ms);
    sms365_put_i64(writer, tally->count);
    sms365_put_i64(writer, tally->cost);
}

void sms365_tally_take(
    struct sms365_reader *reader, struct sms365_tally *tally, int64_t shift_ms, const struct sms365_now *now)
{
    tally->since_ms = sms365_moment_take(reader, shift_ms, now);
    tally->count = sms365_take_i64(reader);
    tally->cost = sms365_take_i64(reader);
    /* Sums of them must not overflow; nobody sends a trillion messages. */
    if (tally->count < 0 || tally->count > INT64_C(1) << 40 || tally->cost < 0 || tally->cost > INT64_C(1) << 50)
        reader->failed = true;
}

bool sms365_tally_encode(
    const struct sms365_tally *tally, const struct sms365_now *now, uint8_t *out, size_t size, size_t *length)
{
    struct sms365_writer writer = {.data = out, .size = size};

    sms365_head_put(&writer, tally_magic, now);
    sms365_tally_put(&writer, tally);
    *length = writer.used;
    return !writer.failed;
}

bool sms365_tally_decode(struct sms365_tally *tally, const struct sms365_now *now, const uint8_t *data, size_t length)
{
    struct sms365_reader reader = {.data = data, .length = length};
    int64_t shift_ms;

    memset(tally, 0, sizeof *tally);
    if (length == 0)
        return true;
    if (!sms365_head_take(&reader, tally_magic, now, &shift_ms))
        return false;
    sms365_tally_take(&reader, tally, shift_ms, now);
    return !reader.failed && reader.used == length;
}
