/*
 * The challenge: one attempt to prove possession of a phone, as a state machine without I/O. It is the only place that
 * decides who gets in.
 *
 *   sms365_challenge_next(ch, &action)    what is to be done now; the same again until it is fed
 *   sms365_challenge_feed(ch, &event)     what came of it
 *
 * and so on until the action is DONE. Every event that does not answer the present action ends in DENY.
 *
 * A challenge is plain data without pointers of its own but the configuration's texts: it can be copied, compared and
 * thrown away at any step, and nothing it has not got from the store or the provider can make it say ALLOW.
 */
#ifndef SMS365_CHALLENGE_H
#define SMS365_CHALLENGE_H

#include "base/clock.h"
#include "base/record.h"
#include "pure/api.h"
#include "pure/conf.h"
#include "pure/crypto.h"
#include "pure/number.h"
#include "pure/policy.h"
#include "pure/route.h"

#define SMS365_CODE_DIGITS 4 /* of the provider's codes (2fa/send: "a random 4-digit number") */
#define SMS365_NUMBERS_MAX 8
#define SMS365_QUESTIONS_MAX 5   /* prompts that one login may show */
#define SMS365_DISCARDS_MAX 3    /* reports that are none, before they are no longer waited for */
#define SMS365_CONFLICTS_MAX 100 /* times that a lost compare-and-swap is tried again */
#define SMS365_SEED_BYTES 32
#define SMS365_SUBJECT_TEXT_SIZE 257
#define SMS365_PROMPT_SIZE 512
#define SMS365_CALL_PARAMS_MAX 10
#define SMS365_VALUE_SIZE 1024
#define SMS365_AUDIT_SIZE 2048

/* What a challenge is made of. Everything is copied but conf, which outlives it. */
struct sms365_challenge_setup {
    const char *user;
    const char *service;
    const char *host;    /* "" when there is none */
    const char *machine; /* this host's name, for the text of the message */
    const char *holder;  /* names the one who may answer */
    const char *place;   /* what beside host tells where the person sits: a key's fingerprint, a terminal's owner */
    const char *grace;   /* what a grace period is bound to beside host; NULL: there is none */
    const char *origin;  /* site that the code is bound to; NULL or "": none */
    bool known;
    bool own_host;     /* host is this machine, or that cannot be told: no trusted network */
    bool exempt;       /* a member of groups that need no code */
    bool remembered;   /* in a browser that shows a ticket of SMS365_PURPOSE_REMEMBER for this user, which holds */
    bool first_factor; /* proved, or configured not to matter */
    bool count_host;   /* no first factor was proved: the attempt counts against the address */
    const struct sms365_number *numbers;
    size_t number_count; /* 0: not enrolled */
    const struct sms365_conf *conf;
    struct sms365_mac_key callback_key;
    struct sms365_mac_key holder_key;
    uint8_t seed[SMS365_SEED_BYTES]; /* fresh randomness */
    struct sms365_now now;
};

enum sms365_action_kind {
    SMS365_ACTION_GET,  /* read a record: class, name */
    SMS365_ACTION_CAS,  /* write it: class, name, version, and sms365_challenge_value() */
    SMS365_ACTION_SUM,  /* add up the tallies of a class, of the last window_ms */
    SMS365_ACTION_CALL, /* make a request */
    SMS365_ACTION_TELL, /* show a text */
    SMS365_ACTION_ASK,  /* show a prompt, get an answer */
    SMS365_ACTION_WAIT, /* look for the delivery report of `id`, for at most timeout_ms; without id: just wait */
    SMS365_ACTION_LOG,  /* write an audit line */
    SMS365_ACTION_DONE  /* the outcome is final */
};

/* Pointers are into the challenge: valid until it is fed. */
struct sms365_action {
    enum sms365_action_kind kind;
    /* GET, CAS, SUM */
    enum sms365_class class;
    const char *name;
    uint64_t version;
    int64_t window_ms;
    /* CALL */
    enum sms365_endpoint_id endpoint;
    const struct sms365_param *params;
    size_t param_count;
    bool once;          /* a send: never to be written twice */
    bool sending;       /* any kind: a step towards a message */
    const char *key;    /* name of the key to use; NULL or "": as configured */
    int64_t timeout_ms; /* also WAIT */
    /* WAIT */
    const uint8_t *id;
    bool discard; /* what is there now is no report of ours: remove it first */
    /* TELL, ASK, LOG */
    const char *text;
    int priority; /* LOG: syslog's */
    /* DONE */
    struct sms365_outcome outcome;
};

enum sms365_event_kind {
    SMS365_EVENT_RECORD,  /* GET: record, or err */
    SMS365_EVENT_WRITTEN, /* CAS: version, or err (CONFLICT, others) */
    SMS365_EVENT_SUM,     /* SUM: total, or err */
    SMS365_EVENT_REPLY,   /* CALL: err and what the reply held */
    SMS365_EVENT_TOLD,    /* TELL */
    SMS365_EVENT_ANSWER,  /* ASK: answer; NULL: there is none */
    SMS365_EVENT_REPORT,  /* WAIT: query and length; NULL: none came in time */
    SMS365_EVENT_LOGGED   /* LOG */
};

/* What the machine reads of replies; the names in them: sms365_reply_field_name(). */
enum sms365_reply_field {
    SMS365_FIELD_AUTH_ID,     /* 2fa/send */
    SMS365_FIELD_AUTH_STATUS, /* 2fa/send */
    SMS365_FIELD_AUTH,        /* 2fa/check */
    SMS365_FIELD_SMS_ID,      /* sms/send; seen as `id` too, which is also viber/send's */
    SMS365_FIELD_ID,
    SMS365_FIELD_COST,
    SMS365_FIELD_BALANCE,
    SMS365_FIELD_SMS_STATUS, /* status/sms */
    SMS365_FIELD_RESULT,     /* hlr/lookup */
    SMS365_FIELD_MCC,
    SMS365_FIELD_MNC,
    SMS365_FIELD_PORTED,
    SMS365_REPLY_FIELDS
};

/* The field as sms365_reply_get() takes it; static. */
const char *sms365_reply_field_name(enum sms365_reply_field field);

struct sms365_event {
    enum sms365_event_kind kind;
    struct sms365_now now;
    enum sms365_err err;
    const struct sms365_record *record;
    uint64_t version;
    int provider_error; /* with err REFUSED */
    const char *key;    /* name of the key that was used; NULL when it cannot be told */
    struct sms365_tally total;
    const char *fields[SMS365_REPLY_FIELDS]; /* of the reply, by enum sms365_reply_field; NULL when missing */
    const char *answer;
    const char *query;
    size_t length;
};

struct sms365_challenge;

/* Make one. Errors: BAD_ARGUMENT (a text too long), CRYPTO, NO_MEMORY. */
enum sms365_err sms365_challenge_new(struct sms365_challenge **challenge, const struct sms365_challenge_setup *setup);

void sms365_challenge_next(struct sms365_challenge *ch, struct sms365_action *action);
/*
 * What a CAS is to write, of class and name: at most SMS365_RECORD_MAX bytes into value. Made when asked for, since a
 * challenge that waits for the provider needs no room for it. False when it does not fit: then nothing may be written.
 */
bool sms365_challenge_value(const struct sms365_challenge *ch, uint8_t value[SMS365_RECORD_MAX], size_t *length);

void sms365_challenge_feed(struct sms365_challenge *ch, const struct sms365_event *event);

/* Wipe and free. NULL is taken. */
void sms365_challenge_free(struct sms365_challenge *ch);

#endif
