/*
 * Tallies: what was counted since a moment, and whether more is allowed. Values in, values out; moments as in policy.h.
 * A tally is the whole record of the store's classes HOST, SPEND, SHARD and FLAG, and part of a user's.
 */
#ifndef SMS365_TALLY_H
#define SMS365_TALLY_H

#include "base/clock.h"
#include "base/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SMS365_HOUR_MS 3600000
#define SMS365_DAY_MS 86400000
#define SMS365_COST_UNIT 1000 /* costs are kept in thousandths of a credit */

/* {0} never counted anything. */
struct sms365_tally {
    int64_t since_ms; /* the earliest of what is counted */
    int64_t count;
    int64_t cost;
};

/* How much there may be within a window that begins with the first. */
struct sms365_cap {
    int64_t window_ms;
    int64_t count;
    int64_t cost;  /* 0: no cap */
    bool together; /* windows follow one another from the boot on: tallies that are summed must begin together */
};

/* Start anew when the window is over. */
void sms365_tally_prune(struct sms365_tally *tally, int64_t window_ms, const struct sms365_now *now);

/*
 * Count one more, of this cost, as of counted_ms: now, or a little earlier, as what is refunded or corrected later is
 * known by that moment. More than 10 s earlier: as of now, and it may stay counted as it is. False, and nothing is
 * counted, beyond the cap; *retry_after_ms: until the window ends.
 */
bool sms365_tally_charge(struct sms365_tally *tally, const struct sms365_cap *cap, int64_t counted_ms, int64_t cost,
    const struct sms365_now *now, int64_t *retry_after_ms);

/* Take back one that was counted at that moment, or change its cost, as far as the window of then still lasts. */
void sms365_tally_refund(
    struct sms365_tally *tally, int64_t window_ms, int64_t counted_ms, int64_t cost, const struct sms365_now *now);
void sms365_tally_correct(
    struct sms365_tally *tally, int64_t window_ms, int64_t counted_ms, int64_t delta, const struct sms365_now *now);

/* A record that is a tally. Length 0 is one that never counted. decode: false when it is none. */
bool sms365_tally_encode(
    const struct sms365_tally *tally, const struct sms365_now *now, uint8_t *out, size_t size, size_t *length);
bool sms365_tally_decode(struct sms365_tally *tally, const struct sms365_now *now, const uint8_t *data, size_t length);

/* --- Records of all kinds --- */

/* The head of a record: what it is (and the version of its layout), and when it was written by which clock. */
void sms365_head_put(struct sms365_writer *writer, const uint8_t magic[4], const struct sms365_now *now);
/* *shift_ms: what to add to a moment of the record's boot to get one of this boot. */
bool sms365_head_take(
    struct sms365_reader *reader, const uint8_t magic[4], const struct sms365_now *now, int64_t *shift_ms);
/* A moment in the time of `now`: never later than it, and no older than can matter, so that ages do not overflow. */
int64_t sms365_moment_take(struct sms365_reader *reader, int64_t shift_ms, const struct sms365_now *now);

void sms365_tally_put(struct sms365_writer *writer, const struct sms365_tally *tally);
void sms365_tally_take(
    struct sms365_reader *reader, struct sms365_tally *tally, int64_t shift_ms, const struct sms365_now *now);

#endif
