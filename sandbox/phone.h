/*
 * The phone: every message that was sent, oldest first, up to a number beyond which the oldest are forgotten. Every
 * change gives a message a new revision, so that whoever saw revision N can ask for all that is newer.
 */
#ifndef SANDBOX_PHONE_H
#define SANDBOX_PHONE_H

#include "chance.h"
#include "msisdn.h"

#include <cjson/cJSON.h>

#define PHONE_MESSAGES_MAX 10000
#define MESSAGE_TEXT_MAX 1600 /* characters: the longest text that the reference's endpoints take */
#define MESSAGE_FROM_MAX 16
#define CODE_DIGITS 4
#define AUTH_ID_DIGITS 32
#define ID_TEXT 21

enum channel { CHANNEL_SMS, CHANNEL_VIBER };

/* What is sent as a text message when a Viber message fails. */
struct fallback {
    char *from, *text;
    bool flash, unicode;
    unsigned parts;
    milli cost;
};

struct message {
    uint64_t seq; /* 1, 2, 3...: the number under which it is found again */
    uint64_t revision;
    char id[ID_TEXT];
    uint64_t account, bulk;           /* who sent it; with which others, 0: alone */
    char auth_id[AUTH_ID_DIGITS + 1]; /* of 2fa/send; else empty */
    char code[CODE_DIGITS + 1];       /* likewise */
    char to[MSISDN_TEXT];
    char *from, *text, *callback; /* callback may be NULL */
    enum channel channel;
    struct fallback *fallback; /* NULL: none */
    int64_t validity_ms;       /* after which it has failed; 0: never */
    char status, fate; /* what it is, and what its report will say: s, d, f; a draft's fate is 0 if not sealed */
    bool scheduled, cancelled; /* not on the phone yet; never */
    bool flash, unicode;
    bool told;           /* status/get has told its report */
    int64_t reported_ms; /* wall clock; 0: there is no report */
    unsigned parts;
    milli cost;
    const char *mcc, *mnc;
    int64_t time_ms;               /* wall clock */
    struct message *older, *newer; /* by revision */
};

struct phone {
    struct message *message[PHONE_MESSAGES_MAX]; /* a ring: seq modulo its size */
    uint64_t first_seq, next_seq;
    uint64_t revision, cleared_at; /* revisions */
    uint64_t first_id;
    struct message *oldest_change, *newest_change;
};

void phone_init(struct phone *p, struct chance *chance);
void phone_clear(struct phone *p);
void phone_free(struct phone *p);

/* Frees what a message points to. */
void message_free_parts(struct message *m);

/* Takes the message's own texts over; gives it seq and id. */
struct message *phone_add(struct phone *p, const struct message *draft);
struct message *phone_find(const struct phone *p, uint64_t seq);
/* A text message of the account, cancelled ones apart. */
struct message *phone_find_sms(const struct phone *p, uint64_t account, const char *id);
struct message *phone_find_auth(const struct phone *p, const char *auth_id);
/* Marks it as changed: it gets the newest revision. */
void phone_touch(struct phone *p, struct message *m);

/* The earliest change after that revision, NULL if there is none. */
const struct message *phone_changed_since(const struct phone *p, uint64_t revision);

cJSON *message_json(const struct message *m);
cJSON *phone_json(const struct phone *p, const char *to); /* to: NULL for all */

#endif
