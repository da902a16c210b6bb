/* Inside of a challenge, shared by the files that make it up (and by the tests that explore it). */
#ifndef SMS365_CHALLENGE_STATE_H
#define SMS365_CHALLENGE_STATE_H

#include "pure/challenge.h"
#include "pure/draw.h"
#include "pure/report.h"
#include "pure/sms.h"
#include "pure/text.h"

#define SMS365_TALLY_NAME_SIZE (SMS365_RECORD_TALLY_NAME_MAX + 1)

typedef void challenge_handler(struct sms365_challenge *ch, const struct sms365_event *event);
typedef void challenge_step(struct sms365_challenge *ch);
/* Change ch->state; NONE when it may be written, otherwise why not. */
typedef enum sms365_reason challenge_change(struct sms365_challenge *ch);

/* What one message is charged to beside the user, one after the other. */
enum challenge_ledger { LEDGER_NUMBER, LEDGER_ADDRESS, LEDGER_STORE, LEDGERS };
enum challenge_spending { SPEND_CHARGE, SPEND_REFUND, SPEND_CORRECT };

struct challenge_spend {
    enum challenge_spending mode;
    unsigned next;        /* enum challenge_ledger */
    unsigned charged;     /* how many of them, when the charging was stopped */
    unsigned shard, busy; /* which shard; how many were found held */
    int64_t delta;        /* CORRECT: what the cost is more than was counted */
    int64_t retry_after_ms;
    enum sms365_reason why; /* it was stopped */
    char name[SMS365_TALLY_NAME_SIZE];
    challenge_step *after;   /* once all are written */
    challenge_step *refused; /* once what was charged has been given back */
};

struct sms365_challenge {
    /* What it was made of. */
    const struct sms365_conf *conf;
    struct sms365_limits limits;
    enum sms365_language language;
    char text[SMS365_SMS_TEXT_MAX + 1]; /* expanded but for the code; "": the provider's own */
    bool ucs;                           /* it needs more than the GSM alphabet */
    struct sms365_mac_key callback_key, holder_key;
    uint8_t seed[SMS365_SEED_BYTES];
    char user[SMS365_SUBJECT_TEXT_SIZE];
    char service[SMS365_SUBJECT_TEXT_SIZE];
    char host[SMS365_SUBJECT_TEXT_SIZE];
    char peer[SMS365_SUBJECT_TEXT_SIZE]; /* host as it is counted: sms365_cidr_peer() */
    uint8_t holder[SMS365_HOLDER_BYTES];
    uint8_t place[SMS365_PLACE_BYTES];
    uint8_t grace[SMS365_PLACE_BYTES];
    bool known, own_host, exempt, remembered, first_factor, count_host, has_grace;
    struct sms365_number numbers[SMS365_NUMBERS_MAX];
    size_t number_count;
    struct sms365_routes routes;

    /* Where it stands. */
    struct sms365_now now;
    struct sms365_action action;
    challenge_handler *then;  /* takes what comes of action */
    challenge_change *change; /* of the write under way; NULL: only reading */
    challenge_step *after;    /* once it is written */
    challenge_step *refused;  /* when change says why not (ch->why) */
    enum sms365_reason why;
    enum sms365_reason pending; /* what a denial will be for, once the store or the person has answered */
    unsigned conflicts, questions, drawn, discards;
    bool loaded; /* state and version are what the store had when last seen */
    uint64_t version;
    struct sms365_state state;
    struct challenge_spend spend;
    struct sms365_slot slot;   /* the present message; zeroed while there is none */
    struct sms365_slot fresh;  /* the message to reserve */
    struct sms365_slot before; /* what it replaces in the store; zeroed: nothing */
    int64_t retry_after_s;     /* of a refusal that is told once the charges are given back */
    int64_t cost, cost_delta;  /* that a report tells; and how much more that is than was counted */
    unsigned tried;            /* routes to which this login sent, a bit each */
    bool resumed;
    bool spared;                           /* a message could not be sent, and the code before it was asked for again */
    bool sending;                          /* a message is on its way to be sent, or what came of it to be recorded */
    bool newest;                           /* an older message of this challenge may still arrive */
    bool looked, sim_changed, sim_unknown; /* what hlr/lookup said, or did not */
    unsigned backup_index;                 /* the backup code that was found right, and its hash */
    uint8_t backup_hash[SMS365_BACKUP_HASH_BYTES];
    bool by_backup;          /* a backup code was tried */
    bool asks_backup;        /* the prompt is for one, */
    bool instead;            /* in the place of a denial for `pending` */
    bool low_balance;        /* a reply said so */
    int backups_left;        /* as last seen in the store */
    int64_t report_until_ms; /* boot clock: until then the report is waited for before the prompt is shown */
    struct sms365_outcome outcome;
    bool settled; /* the outcome is decided, and only being told and logged */

    /* What actions point at. */
    uint8_t tally[SMS365_RECORD_TALLY_MAX]; /* to be written; a user's record is `state` */
    size_t tally_length;
    struct sms365_param params[SMS365_CALL_PARAMS_MAX];
    char callback_url[SMS365_VALUE_SIZE];
    char wait[24];
    char code[SMS365_DIGITS_MAX + 1];
    char message[SMS365_SMS_TEXT_MAX + 1]; /* with the code in it */
    char note[SMS365_PROMPT_SIZE];
    char prompt[2 * SMS365_PROMPT_SIZE];
    char audit[SMS365_AUDIT_SIZE];
};

/* --- challenge.c --- */

/* Decide: DENY for this reason. Tells whoever proved the first factor, logs, is done. */
void challenge_deny(struct sms365_challenge *ch, enum sms365_reason reason);
/* The same, but somebody who has backup codes is asked for one first, where one would do. */
void challenge_refuse(struct sms365_challenge *ch, enum sms365_reason reason);
/* The other decisions. ALLOW: only for the step after the slot, or a backup code, was consumed in the store. */
void challenge_allow(struct sms365_challenge *ch, enum sms365_reason reason);
void challenge_bypass(struct sms365_challenge *ch, enum sms365_reason reason);
/* What is told of a denial, into ch->prompt. */
void challenge_denial_text(struct sms365_challenge *ch, enum sms365_reason reason);

/* Set what is to be done, and who takes what comes of it. */
void challenge_set(struct sms365_challenge *ch, enum sms365_action_kind kind, challenge_handler *then);
void challenge_record(struct sms365_challenge *ch, enum sms365_action_kind kind, enum sms365_class class,
    const char *name, challenge_handler *then);
void challenge_ask(struct sms365_challenge *ch, const char *prompt, challenge_handler *then);
void challenge_call(struct sms365_challenge *ch, enum sms365_endpoint_id endpoint, size_t params, bool once,
    int64_t timeout_ms, challenge_handler *then);
void challenge_param(struct sms365_challenge *ch, size_t *count, const char *name, const char *value);

/* What a limit says of when it lets go, rounded up to whole seconds. */
void challenge_retry_after(struct sms365_challenge *ch, int64_t ms);

/* The tally that a GET brought. False when it could not be read. */
bool challenge_take_tally(struct sms365_challenge *ch, const struct sms365_event *event, struct sms365_tally *tally);
/* Write the tally in the place of the record that a GET brought. */
void challenge_put_tally(struct sms365_challenge *ch, enum sms365_class class, const char *name, uint64_t version,
    const struct sms365_tally *tally, challenge_handler *then);

/* A lost compare-and-swap: false when it was one too many. */
bool challenge_again(struct sms365_challenge *ch);
/* Read the user's record if need be, apply change, write; then go on with after, or refused when change refuses. */
void challenge_write(
    struct sms365_challenge *ch, challenge_change *change, challenge_step *after, challenge_step *refused);
/* A `refused` that refuses for ch->why. */
void challenge_refuse_why(struct sms365_challenge *ch);

/* Write the line of a challenge that is decided into ch->audit. */
void challenge_audit(struct sms365_challenge *ch);

/* --- challenge_spend.c --- */

/* Charge ch->fresh to number, address and store, or none of them. */
void challenge_charge(struct sms365_challenge *ch, challenge_step *after, challenge_step *refused);
/*
 * Can a message that was expected to cost what slot says cost this much? Reports come over the network: one that says a
 * thousand times more would use up everybody's messages.
 */
bool challenge_may_cost(const struct sms365_slot *slot, int64_t cost);
/* Give back what slot was charged. */
void challenge_refund(struct sms365_challenge *ch, const struct sms365_slot *slot, challenge_step *after);
/* The cost of ch->slot is more (or less) by delta than was counted. */
void challenge_correct(struct sms365_challenge *ch, int64_t delta, challenge_step *after);
/* Has the provider said lately that nothing is left? Goes on with after, or else (ch->why) with refused. */
void challenge_look_at_balance(struct sms365_challenge *ch, challenge_step *after, challenge_step *refused);
/* Remember that it has. */
void challenge_note_no_balance(struct sms365_challenge *ch, challenge_step *after);

/* --- challenge_send.c --- */

/* Send by this route: charge, send, record. */
void challenge_send(struct sms365_challenge *ch, size_t route);
/* Where this login counts, by the record as it was read: enum sms365_share_id. */
uint8_t challenge_share(const struct sms365_challenge *ch);
/* The first of the routes that this login has not tried; their number when there is none. */
size_t challenge_untried(const struct sms365_challenge *ch);
/* The route of the present message. */
size_t challenge_route(const struct sms365_challenge *ch);
/* Why a call that failed denies. */
enum sms365_reason challenge_reason_of(const struct sms365_event *event);

/* --- challenge_prompt.c --- */

/* How long the delivery report of a message is waited for. */
int64_t challenge_wait_s(const struct sms365_challenge *ch);
/* What is known of the delivery of a message just sent decides: the next route, or the prompt. */
void challenge_follow(struct sms365_challenge *ch);
/* Show the prompt for the present message, a report that has come in meanwhile included. */
void challenge_prompt(struct sms365_challenge *ch);
/* The prompt after a reply that was lost: nothing can be entered but a wish for a new message. */
void challenge_prompt_lost(struct sms365_challenge *ch, enum sms365_reason reason);
/* The prompt again, for a code or, where none can be entered, for a wish. */
void challenge_prompt_again(struct sms365_challenge *ch);
/* Say something before the next prompt. */
void challenge_note(struct sms365_challenge *ch, enum sms365_text text, const char *argument);

/* --- challenge_check.c --- */

/* Have ch->code checked: charge a try, ask the provider or compare, consume. */
void challenge_check(struct sms365_challenge *ch);
/* The keyed hash by which a code of ours is known. */
bool challenge_code_mac(const struct sms365_challenge *ch, const struct sms365_slot *slot, const char *code,
    uint8_t mac[SMS365_CODE_MAC_BYTES]);
/* The user's number; NULL when it is none of them. */
const struct sms365_number *challenge_number(const struct sms365_challenge *ch, const char *msisdn);
/* Has it moved to another network, as far as the store knows, and is it refused for that? */
bool challenge_sim_refused(const struct sms365_challenge *ch, const char *msisdn);

/* --- challenge_backup.c --- */

/* Ask for a backup code, as wished. */
void challenge_backup(struct sms365_challenge *ch);
/* Ask for one in the place of a denial. False when none would do. */
bool challenge_offer_backup(struct sms365_challenge *ch, enum sms365_reason reason);

#endif
