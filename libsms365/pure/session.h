/*
 * Signed tickets: what a browser carries as proof of something that was decided before. A ticket names its key, itself
 * (id) and its times; what else it is for is signed with it but does not stand in it: whoever shows it must do so for
 * the same purpose, service, host, user, enrolment and network.
 *
 *   text = base64url(key id (4) | id (16) | issued (8) | seen (8) | expires (8) | HMAC-SHA256 (32))
 *
 * Texts are taken in their canonical form only, and nothing is ever filed under a text: a ticket is known by its id.
 * Moments are seconds since 1970.
 */
#ifndef SMS365_SESSION_H
#define SMS365_SESSION_H

#include "pure/crypto.h"
#include "pure/number.h"

#define SMS365_TICKET_ID_BYTES 16
#define SMS365_TICKET_SIZE 103 /* of a text, with the NUL */
#define SMS365_ENROLMENT_BYTES 16
#define SMS365_TICKET_SKEW_S                                                                                           \
    60 /* how far ahead of the clock a ticket may be: hosts that share keys differ a little                            \
        */

/* What a ticket proves. */
enum sms365_purpose {
    SMS365_PURPOSE_SESSION = 1,  /* a code was accepted */
    SMS365_PURPOSE_LOGIN = 2,    /* nothing but that it is the same browser as before */
    SMS365_PURPOSE_FORM = 3,     /* a form was shown to the browser whose LOGIN ticket has this id */
    SMS365_PURPOSE_REMEMBER = 4, /* a code was accepted in this browser, which was to be remembered */
    SMS365_PURPOSE_TRUSTED = 5   /* no code was asked for, and none is wherever the network is trusted */
};

/* Bytes of any kind, not terminated; borrowed. */
struct sms365_span {
    const void *data;
    size_t length;
};

/* What a ticket is for. */
struct sms365_scope {
    enum sms365_purpose purpose;
    struct sms365_span service, host, user;
    struct sms365_span network; /* where the browser is; empty: anywhere */
    uint8_t enrolment[SMS365_ENROLMENT_BYTES];
};

struct sms365_ticket {
    uint8_t id[SMS365_TICKET_ID_BYTES];
    int64_t issued_s;
    int64_t seen_s;    /* when it was last renewed */
    int64_t expires_s; /* not valid from then on */
};

enum sms365_ticket_state {
    SMS365_TICKET_VALID,
    SMS365_TICKET_FORGED,    /* not made by this key for this scope, or not in the canonical form */
    SMS365_TICKET_OTHER_KEY, /* names another key: the master key was changed, or it is forged */
    SMS365_TICKET_EXPIRED,   /* too old, or not seen for too long */
    SMS365_TICKET_EARLY      /* of a later time than the clock's: that was set back */
};

/* How long tickets are good for. 0: no bound but the ticket's own. */
struct sms365_ticket_limits {
    int64_t life_s; /* from when it was issued, whatever the ticket says */
    int64_t idle_s; /* from when it was last renewed */
};

/* A key made ready: belongs to one thread at a time. new returns NULL when libcrypto fails; free takes NULL. */
struct sms365_ticket_key;
struct sms365_ticket_key *sms365_ticket_key_new(const struct sms365_mac_key *key);
void sms365_ticket_key_free(struct sms365_ticket_key *key);

/* Write the ticket's text. False when libcrypto fails, or a part of the scope is longer than 65,535 bytes. */
bool sms365_ticket_make(char out[SMS365_TICKET_SIZE], const struct sms365_ticket_key *key,
    const struct sms365_scope *scope, const struct sms365_ticket *ticket);

/* Read a text of length bytes. *ticket is set when VALID or EXPIRED, and zeroed otherwise. */
enum sms365_ticket_state sms365_ticket_check(struct sms365_ticket *ticket, const struct sms365_ticket_key *key,
    const struct sms365_scope *scope, const struct sms365_ticket_limits *limits, const char *text, size_t length,
    int64_t now_s);

/*
 * Names the numbers that a user has, in their order: when one changes, tickets of before are no longer good. False when
 * libcrypto fails.
 */
bool sms365_enrolment(uint8_t out[SMS365_ENROLMENT_BYTES], const struct sms365_ticket_key *key,
    const struct sms365_number *numbers, size_t count);

#endif
