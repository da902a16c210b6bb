/*
 * Policy: what a user's record in the store holds, and the arithmetic of limits on it. Values in, values out: no store,
 * no clock.
 *
 * Moments are milliseconds of the current boot's clock (negative: before this boot). When a record comes from another
 * boot, the wall clock tells how long the machine was away, never less than nothing; so time powered off counts, and a
 * clock set back only makes a wait start again. A code and a grace period, which such a clock would make live longer,
 * do not outlive the boot that they began in.
 */
#ifndef SMS365_POLICY_H
#define SMS365_POLICY_H

#include "base/clock.h"
#include "pure/backup.h"
#include "pure/guard.h"
#include "pure/msisdn.h"
#include "pure/tally.h"
#include "sms365.h"

#define SMS365_ID_BYTES 16      /* names one message sent, and its delivery report */
#define SMS365_HOLDER_BYTES 16  /* keyed hash of service and holder */
#define SMS365_AUTH_ID_SIZE 65  /* the provider's authId, with the NUL */
#define SMS365_KEY_NAME_SIZE 33 /* of the key store's names, with the NUL */
#define SMS365_OPEN_MAX 16      /* challenges of one user that may be open side by side, half of them in each share */
#define SMS365_CODE_MAC_BYTES 16
#define SMS365_SLOT_COST_MAX ((int64_t)1000000 * SMS365_COST_UNIT) /* no message costs more */

/* The figures of the configuration that policy and the challenge need. */
struct sms365_limits {
    int tries;       /* per code */
    int64_t life_ms; /* of a code */
    int64_t resend_after_ms;
    int sends_per_hour;            /* per user and share */
    struct sms365_cap day;         /* messages of a user in one share, and to a number */
    struct sms365_cap address_day; /* messages caused from one address */
    struct sms365_cap store_day;   /* messages of this store */
    struct sms365_cap attempts;    /* from one address without a first factor */
    struct sms365_guard_limits guard;
};

/* What the configuration says. */
struct sms365_limits sms365_limits_of(const struct sms365_conf *conf);

enum sms365_phase {
    SMS365_PHASE_SENDING = 1, /* reserved: the request may or may not have been made, or its reply was lost */
    SMS365_PHASE_OPEN = 2     /* sent: the provider's authId is known */
};

#define SMS365_DELIVERIES (SMS365_DELIVERY_UNKNOWN + 1)

/* One open challenge. */
struct sms365_slot {
    uint8_t id[SMS365_ID_BYTES];
    uint8_t holder[SMS365_HOLDER_BYTES];
    uint8_t phase;                     /* enum sms365_phase */
    uint8_t delivery;                  /* enum sms365_delivery */
    uint8_t tries;                     /* charged so far */
    uint8_t share;                     /* enum sms365_share_id: where it counts */
    uint8_t channel;                   /* enum sms365_channel */
    uint8_t digits;                    /* of its code */
    bool local;                        /* the code is ours: code_mac is its keyed hash */
    uint8_t chain[SMS365_CHAIN_BYTES]; /* names the challenge through all its messages */
    uint8_t code_mac[SMS365_CODE_MAC_BYTES];
    int64_t sent_ms;
    int64_t cost;
    char msisdn[SMS365_MSISDN_SIZE];
    char auth_id[SMS365_AUTH_ID_SIZE]; /* the provider's authId; with a code of ours its smsId, which may be "" */
    char key[SMS365_KEY_NAME_SIZE];    /* of the account that knows auth_id; "": as configured */
};

/* A user's record. Plain data; {0} is that of a user never seen. */
struct sms365_state {
    struct sms365_share shares[SMS365_SHARES];
    struct sms365_places places;  /* where the user got in */
    struct sms365_places graces;  /* what a code was entered at, and need not be again for a while */
    struct sms365_places looked;  /* numbers whose network was looked at, */
    struct sms365_places swapped; /* and found changed */
    struct sms365_backup backup;
    size_t slot_count;
    struct sms365_slot slots[SMS365_OPEN_MAX];
};

/* Bytes of an encoded record: at most size; false when it does not fit. */
bool sms365_state_encode(
    const struct sms365_state *state, const struct sms365_now *now, uint8_t *out, size_t size, size_t *length);

/*
 * Decode, in the time of `now`; length 0 is an empty record. Challenges and graces of another boot are left out. False
 * when it is not one of ours.
 */
bool sms365_state_decode(struct sms365_state *state, const struct sms365_now *now, const uint8_t *data, size_t length);

/* Forget sends older than an hour, failures older than the guard's window, and challenges whose code is too old. */
void sms365_state_prune(struct sms365_state *state, const struct sms365_limits *limits, const struct sms365_now *now);

/* The holder's challenge, or the one of that id; NULL when there is none. */
struct sms365_slot *sms365_state_held(struct sms365_state *state, const uint8_t holder[SMS365_HOLDER_BYTES]);
struct sms365_slot *sms365_state_slot(struct sms365_state *state, const uint8_t id[SMS365_ID_BYTES]);

/*
 * Charge one send to the slot's share and put slot in the place of the holder's present challenge, or beside the
 * others. NONE when done; LOCKED, LOCKED_OUT, TOO_MANY_SENDS or TOO_MANY_OPEN (*retry_after_ms: until it lets go) when
 * it may not be.
 */
enum sms365_reason sms365_state_reserve(struct sms365_state *state, const struct sms365_limits *limits,
    const struct sms365_slot *slot, const struct sms365_now *now, int64_t *retry_after_ms);

/*
 * Take back a send that was certainly not made, and its challenge; before, which it had replaced, is open again (phase
 * 0: there was none). One that the provider was asked for, and refused, stays among the hour's messages until a resend
 * would be allowed: whoever could ask for it as often as he likes would have the provider refuse everybody.
 */
void sms365_state_refund(struct sms365_state *state, const struct sms365_limits *limits,
    const uint8_t id[SMS365_ID_BYTES], const struct sms365_slot *before, bool asked, const struct sms365_now *now);

/* Charge one try, to the code and to the guard. NONE; or TRIES_USED, LOCKED, LOCKED_OUT (*retry_after_ms). */
enum sms365_reason sms365_state_charge(struct sms365_state *state, const struct sms365_limits *limits,
    struct sms365_slot *slot, const struct sms365_now *now, int64_t *retry_after_ms);

/* Another cost of the slot's message became known: count the difference, in its share. */
void sms365_state_correct(struct sms365_state *state, const struct sms365_limits *limits, struct sms365_slot *slot,
    int64_t cost, const struct sms365_now *now);

/* The right code was entered: give the challenge's failures back, remember the place, drop the challenge. */
void sms365_state_succeed(struct sms365_state *state, const struct sms365_slot *slot,
    const uint8_t place[SMS365_PLACE_BYTES], const struct sms365_now *now);

/* Drop the challenge of that id. False when it is not there. */
bool sms365_state_drop(struct sms365_state *state, const uint8_t id[SMS365_ID_BYTES]);

/* Milliseconds until the code is too old; 0 or less: it is. */
int64_t sms365_slot_life_ms(
    const struct sms365_slot *slot, const struct sms365_limits *limits, const struct sms365_now *now);

/* Codes that may still be tried against it; 0 unless it is open and young enough. */
int sms365_slot_tries_left(
    const struct sms365_slot *slot, const struct sms365_limits *limits, const struct sms365_now *now);

/* Milliseconds until this challenge may be sent again to the same number; 0: now. A message that failed may be at once.
 */
int64_t sms365_slot_resend_ms(
    const struct sms365_slot *slot, const struct sms365_limits *limits, const struct sms365_now *now);

#endif
