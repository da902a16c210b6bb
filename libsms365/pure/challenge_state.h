/* Inside of a challenge, shared by the files that make it up (and by the tests that explore it). */
#ifndef SMS365_CHALLENGE_STATE_H
#define SMS365_CHALLENGE_STATE_H

#include "pure/challenge.h"
#include "pure/report.h"
#include "pure/sms.h"
#include "pure/text.h"

typedef void challenge_handler(struct sms365_challenge *ch, const struct sms365_event *event);
typedef void challenge_step(struct sms365_challenge *ch);
/* Change ch->state; NONE when it may be written, otherwise why not. */
typedef enum sms365_reason challenge_change(struct sms365_challenge *ch);

struct sms365_challenge {
    /* What it was made of. */
    struct sms365_limits limits;
    int64_t wait_ms;
    int64_t timeout_ms;
    enum sms365_language language;
    const char *from, *callback, *contact;
    char text[SMS365_SMS_TEXT_MAX + 1]; /* expanded but for the code; "": the provider's own */
    bool ucs;                           /* it needs more than the GSM alphabet */
    struct sms365_mac_key callback_key, holder_key;
    uint8_t seed[SMS365_SEED_BYTES];
    char user[SMS365_SUBJECT_TEXT_SIZE];
    char service[SMS365_SUBJECT_TEXT_SIZE];
    char host[SMS365_SUBJECT_TEXT_SIZE];
    uint8_t holder[SMS365_HOLDER_BYTES];
    uint8_t place[SMS365_PLACE_BYTES];
    bool known, first_factor, count_host;
    char numbers[SMS365_NUMBERS_MAX][SMS365_MSISDN_SIZE];
    size_t number_count;

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
    struct sms365_slot slot;  /* the present message; zeroed while there is none */
    struct sms365_slot fresh; /* the message to reserve */
    bool resumed;
    int64_t report_until_ms; /* boot clock: until then the report is waited for before the prompt is shown */
    struct sms365_outcome outcome;
    bool settled; /* the outcome is decided, and only being told and logged */

    /* What actions point at. */
    uint8_t value[SMS365_RECORD_MAX];
    struct sms365_param params[SMS365_CALL_PARAMS_MAX];
    char callback_url[SMS365_VALUE_SIZE];
    char wait[24];
    char code[SMS365_CODE_DIGITS + 1];
    char note[SMS365_PROMPT_SIZE];
    char prompt[2 * SMS365_PROMPT_SIZE];
    char audit[SMS365_AUDIT_SIZE];
};

/* Decide: DENY for this reason. Tells whoever proved the first factor, logs, is done. */
void challenge_deny(struct sms365_challenge *ch, enum sms365_reason reason);
/* The other decision. Only for the step after the challenge's slot was consumed in the store. */
void challenge_allow(struct sms365_challenge *ch);

/* Write the line of a challenge that is decided into ch->audit: key=value pairs, texts quoted. */
void challenge_audit(struct sms365_challenge *ch);

/* Read the user's record if need be, apply change, write; then go on with after, or refused when change refuses. */
void challenge_write(
    struct sms365_challenge *ch, challenge_change *change, challenge_step *after, challenge_step *refused);

/* Actions. */
void challenge_ask(struct sms365_challenge *ch, const char *prompt, challenge_handler *then);
void challenge_call(struct sms365_challenge *ch, enum sms365_endpoint_id endpoint, size_t params, bool once,
    int64_t timeout_ms, challenge_handler *then);

/* Send to this number: charge, send, record. */
void challenge_send(struct sms365_challenge *ch, const char *msisdn);
/* Show the prompt for the present message, a report that has come in meanwhile included. */
void challenge_prompt(struct sms365_challenge *ch);
/* The prompt after a reply that was lost: nothing can be entered but a wish for a new message. */
void challenge_prompt_lost(struct sms365_challenge *ch, enum sms365_reason reason);
/* Have ch->code checked: charge a try, ask the provider, consume. */
void challenge_check(struct sms365_challenge *ch);

/* The reason that a refusal of the provider is told as. */
enum sms365_reason challenge_reason_of(int provider_error);

#endif
