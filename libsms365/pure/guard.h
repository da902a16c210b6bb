/*
 * The guard: what stands between four digits and somebody who guesses. Arithmetic on values, like policy.h, with the
 * same clock.
 *
 * A user's failures are counted in two shares: one for the places at which this user lately got in (`usual`), one for
 * all others. Who guesses from elsewhere uses up the other share, and the owner still gets in from the usual place.
 * Each share has
 *   - a budget of failed tries in a window of days, which no later success refills; used up, the share is locked until
 *     an administrator unlocks it, or its owner with a backup code;
 *   - a lockout after some failed challenges in a row, doubling with each further one;
 *   - the moments of its sends.
 * A try is charged before it is made. What a challenge failed before its own holder ended it with the right code is
 * given back: that was a typing error.
 */
#ifndef SMS365_GUARD_H
#define SMS365_GUARD_H

#include "base/clock.h"
#include "pure/conf.h"
#include "pure/tally.h"
#include "sms365.h"

#define SMS365_FAILS_MAX 20 /* failed tries kept: no fewer than the budget may be */
#define SMS365_SENDS_MAX 32 /* moments of sends kept: no fewer than sends_per_hour may be */
#define SMS365_PLACES_MAX 8 /* usual places of one user; the one that was noted least lately makes room */
#define SMS365_PLACE_BYTES 8
#define SMS365_CHAIN_BYTES 4 /* names a challenge through all its messages */

struct sms365_guard_limits {
    int budget;             /* failed tries in the window; at most SMS365_FAILS_MAX */
    int64_t window_ms;      /* also how long a place stays usual */
    int lockout_after;      /* failed challenges in a row that bring no lockout */
    int64_t lockout_ms;     /* the first one */
    int64_t lockout_max_ms; /* the longest */
};

/* What the configuration says. */
struct sms365_guard_limits sms365_guard_limits_of(const struct sms365_conf *conf);

enum sms365_share_id { SMS365_SHARE_OTHER, SMS365_SHARE_USUAL, SMS365_SHARES };

struct sms365_fail {
    int64_t when_ms;
    uint8_t chain[SMS365_CHAIN_BYTES];
};

/* Plain data; {0} is a share that never saw a failure. */
struct sms365_share {
    size_t send_count;
    int64_t sends[SMS365_SENDS_MAX]; /* within the hour, oldest first */
    struct sms365_tally day;         /* of sends */
    struct sms365_tally backups;     /* wrong backup codes */
    size_t fail_count;
    struct sms365_fail fails[SMS365_FAILS_MAX]; /* oldest first */
    uint8_t row;                                /* failed challenges since the last success */
    int64_t row_ms;                             /* when the last of them failed first */
    bool locked;                                /* the budget was used up */
};

/* A place, or whatever else is remembered by name and last moment. */
struct sms365_place {
    uint8_t name[SMS365_PLACE_BYTES]; /* keyed hash */
    int64_t last_ms;
};

struct sms365_places {
    size_t count;
    struct sms365_place entries[SMS365_PLACES_MAX];
};

/* Milliseconds until the lockout lets go; 0: there is none. */
int64_t sms365_share_lockout_ms(
    const struct sms365_share *share, const struct sms365_guard_limits *limits, const struct sms365_now *now);

/* May a challenge begin? NONE, LOCKED (until unlocked) or LOCKED_OUT (*retry_after_ms). */
enum sms365_reason sms365_share_may_begin(const struct sms365_share *share, const struct sms365_guard_limits *limits,
    const struct sms365_now *now, int64_t *retry_after_ms);

/*
 * Charge one try of a challenge, before it is made. The first of a challenge also counts the challenge as failed, until
 * it succeeds. NONE, LOCKED, or LOCKED_OUT (a challenge that failed already may use up its tries).
 */
enum sms365_reason sms365_share_charge(struct sms365_share *share, const struct sms365_guard_limits *limits,
    const uint8_t chain[SMS365_CHAIN_BYTES], const struct sms365_now *now, int64_t *retry_after_ms);

/* The challenge ended with the right code: what it was charged is given back, the row of failures ends. */
void sms365_share_succeed(struct sms365_share *share, const uint8_t chain[SMS365_CHAIN_BYTES]);

/* Forget failures older than the window. A lock stays. */
void sms365_share_prune(
    struct sms365_share *share, const struct sms365_guard_limits *limits, const struct sms365_now *now);

/* An administrator's word: no failure, no row, no lock. Sends stay counted. */
void sms365_share_unlock(struct sms365_share *share);

/* A backup code was right: what is locked or used up begins anew, what is not stays counted, and the row ends. */
void sms365_share_open(struct sms365_share *share, const struct sms365_guard_limits *limits);

/* Was it noted within the window? */
bool sms365_place_is_recent(const struct sms365_places *places, const uint8_t name[SMS365_PLACE_BYTES],
    int64_t window_ms, const struct sms365_now *now);

/* Note it now. */
void sms365_place_add(
    struct sms365_places *places, const uint8_t name[SMS365_PLACE_BYTES], const struct sms365_now *now);

/* What the limits amount to, for `sms365 policy` and whoever chooses them. */
struct sms365_figures {
    double chance_per_run;  /* that a guesser who uses up one budget hits */
    double chance_per_year; /* that one who keeps at it all year, in every share and store, hits */
    double tries_per_year;  /* that he has for it */
};

/* code_digits: of a code; stores: how many stores count on their own. The figures are upper bounds. */
void sms365_figures_compute(
    struct sms365_figures *figures, const struct sms365_guard_limits *limits, int code_digits, int stores);

/* The chance that somebody who keeps guessing backup codes of one user all year hits one. An upper bound, too. */
double sms365_backup_chance_per_year(const struct sms365_guard_limits *limits, int stores);

/* Messages that somebody can cause, at most. */
struct sms365_messages {
    int64_t hour;    /* in any hour */
    int64_t day;     /* in 24 hours from the first one, and so each day for as long as one likes */
    int64_t any_day; /* in any 24 hours: the end of one such day and the beginning of the next */
    int64_t cost;    /* of `day`, in thousandths of a credit; 0: no cap but that of the count */
};

/* Under a cap of 24 hours and so many an hour (0: no limit of an hour's), `times` as often side by side. */
struct sms365_messages sms365_messages_of(const struct sms365_cap *day, int64_t per_hour, int64_t times);

/* Under a cap for the sum of several tallies, whose days begin together and not with a message. */
struct sms365_messages sms365_messages_of_sum(const struct sms365_cap *day, int64_t times);

#endif
