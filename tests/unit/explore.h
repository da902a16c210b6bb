/*
 * The model in which challenges are explored: a store with compare-and-swap, a provider that knows which code belongs
 * to which message, a person, a clock, and up to three processes. A search (explore_search.c) takes every move in every
 * state; rules (explore_rules.c, explore_ledger.c) look at every step.
 *
 * The whole model is one struct at one address: a state is saved and restored by copying, and pointers inside stay
 * good. States are hashed as bytes: whatever is put into the model is zeroed before its fields are set.
 */
#ifndef EXPLORE_H
#define EXPLORE_H

#include "pure/challenge_state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORLD_PROCS 3
#define WORLD_MESSAGES 16
#define WORLD_NUMBERS 3
#define WORLD_RECORD_MAX 1536
#define WORLD_MOVES_MAX 256
#define NOBODY (-1)

/* --- What is explored --- */

/*
 * FULL: every outcome there is, impossible ones too. MODEL: what a working store and provider do, losses included.
 * PAIR: of that, what two processes can make of each other. RACE: right codes only.
 */
enum alphabet { ALPHABET_FULL, ALPHABET_MODEL, ALPHABET_PAIR, ALPHABET_RACE };

/* Who logs in. */
enum subject {
    SUBJECT_HOLDER,
    SUBJECT_MOVED,         /* the same holder, after the user's number was changed */
    SUBJECT_COUNTED,       /* the same holder, where no first factor is asked for */
    SUBJECT_OTHER_HOLDER,  /* the same user and service, another connection */
    SUBJECT_OTHER_SERVICE, /* the same user and session, another service */
    SUBJECT_UNENROLLED,
    SUBJECT_UNPROVED,
    SUBJECT_UNKNOWN,
    SUBJECT_COUNT
};

#define ALLOWS(subject) (1u << (subject))

/* One exploration: configuration and bounds. 0: the default. */
struct run {
    const char *name;
    enum alphabet alphabet;
    unsigned subjects; /* who may log in, a bit each */
    /* configuration */
    int numbers, tries, sends_per_hour, host_attempts_per_hour, failed_tries, lockout_after;
    int wait_s; /* made from no_wait */
    int crowd;  /* challenges of other holders that are open from the beginning */
    bool callback, greek, no_wait;
    bool provider_once; /* the provider forgets a message whose code it accepted */
    /* bounds, for one sequence of events */
    int procs;     /* alive at a time */
    int logins;    /* in all */
    int clocks;    /* moves of the clock */
    int conflicts; /* compare-and-swaps lost to a writer outside the model */
    int crashes;
    int reboots;
    int effort; /* 0: always; 1: not in --light; 2: in --deep alone */
};

/* --- The state of the model --- */

enum stage { STAGE_RESERVED, STAGE_FLYING, STAGE_SENT, STAGE_LOST, STAGE_NOT_SENT };

/* One message: what the provider knows of it, and what the rules have to remember. */
struct message {
    int64_t since_ms;  /* true time at which the process set out to send it */
    int64_t called_ms; /* and at which the request was made */
    uint8_t id[SMS365_ID_BYTES];
    uint8_t stage;       /* enum stage */
    uint8_t subject;     /* of the login that sent it */
    uint8_t number;      /* which */
    uint8_t boot;        /* in which it was sent */
    uint8_t charged;     /* tries that the store has been charged for it */
    uint8_t checks;      /* made at the provider */
    uint8_t allows;      /* logins it let in */
    uint8_t wrong;       /* the provider said so of an answer */
    uint8_t failed;      /* its delivery, as the process knows */
    uint8_t accepted;    /* its code, by the provider */
    uint8_t opened;      /* its process learned the authId, and the store too */
    uint8_t superseded;  /* by a newer one of the same holder */
    uint8_t gone;        /* left the store otherwise */
    uint8_t forgotten;   /* by the provider */
    uint8_t too_soon;    /* for its holder and number */
    uint8_t after_wrong; /* the holder's open message was answered wrongly */
    uint8_t share;       /* enum sms365_share_id: where it counts */
    uint8_t chain;       /* the first message of its challenge */
    uint8_t spent;       /* tries charged to the guard, and not given back */
    uint8_t retired;     /* nothing can come of it any more */
};

/* Failed challenges in a row. */
struct conduct {
    int64_t row;
    int64_t row_ms; /* true time at which the last of them failed first */
};

struct cell {
    uint64_t version;
    size_t length;
    uint8_t value[WORLD_RECORD_MAX];
};

/* What the rules remember of one process. */
struct diary {
    int64_t since_ms;    /* true time at which its last store action began */
    uint32_t reasons;    /* for which it may deny, once doomed (bits of enum sms365_reason) */
    uint8_t live;        /* it runs */
    uint8_t subject;     /* enum subject */
    uint8_t login;       /* its number in this sequence */
    uint8_t asks;        /* prompts so far */
    uint8_t wished;      /* the person asked for a message, and none was sent since */
    uint8_t sends;       /* messages so far */
    uint8_t counted;     /* its attempt was charged to the address */
    uint8_t doom;        /* the rule that fails when it does not deny, plus one; 0: free */
    uint8_t doom_writes; /* before it denies, it may put the store right */
    int8_t may_send;     /* the message that its last write charged; NOBODY */
    int8_t may_check;    /* the message of which its last write charged a try; NOBODY */
    int8_t accepted;     /* the message whose code the provider accepted; NOBODY */
    int8_t consumed;     /* the message it took out of the store; NOBODY */
    uint8_t conflicted;  /* compare-and-swaps lost */
    char typed[8];       /* the code entered last; "" */
};

struct proc {
    struct diary diary;
    struct sms365_challenge ch;
};

/* Everything but the processes. */
struct common {
    int64_t true_ms; /* real time since the model began: what the rules count by */
    int64_t boot_base_ms;
    int64_t wall_offset_s;
    uint8_t boots;
    uint8_t logins, clocks, conflicts, crashes, reboots; /* left of the bounds */
    uint8_t message_count;
    uint8_t usual; /* places where the user got in, a bit each */
    struct conduct conducts[SMS365_SHARES];
    struct message messages[WORLD_MESSAGES];
    struct cell cells[SMS365_CLASS_COUNT];
};

struct world {
    struct common common;
    struct proc procs[WORLD_PROCS];
};

extern struct world world;
extern const struct run *current_run;

/* --- Moves --- */

enum move_kind { MOVE_STEP, MOVE_CLOCK, MOVE_REBOOT, MOVE_LOGIN, MOVE_CRASH };

enum choice {
    CHOICE_NONE,
    /* any action */
    WRONG_KIND, /* arg: the kind */
    CLOCK_BACK,
    OTHER_BOOT,
    /* GET */
    GET_OK,
    GET_ERR, /* arg: enum sms365_err */
    GET_NOTHING,
    GET_CUT,
    GET_ALTERED,
    GET_LONGER,
    /* CAS */
    CAS_OK, /* a conflict when the version is not the present one */
    CAS_CONFLICT,
    CAS_ERR,         /* arg; nothing was written */
    CAS_ERR_WRITTEN, /* arg; it was */
    /* 2fa/send */
    SEND_OK,      /* arg: delivery_words[] */
    SEND_BAD_ID,  /* arg: bad_ids[] */
    SEND_REFUSED, /* arg: refusals[] */
    SEND_ERR,     /* arg: enum sms365_err */
    /* 2fa/check */
    CHECK_TRUE, /* what the provider says */
    CHECK_ODD,  /* arg: odd_auths[] */
    CHECK_REFUSED,
    CHECK_ERR,
    /* ASK */
    ANSWER, /* arg: enum answer */
    /* WAIT */
    REPORT, /* arg: enum report */
    /* TELL, LOG */
    CARRY_ON
};

/* Places in the tables of explore_events.c that are named elsewhere, and their lengths. */
enum { WORD_SENT = 0, WORD_FAILED = 2, DELIVERY_WORDS = 5 };
enum { REFUSAL_NO_BALANCE = 3, REFUSAL_GONE = 7, REFUSALS = 10 };
enum { BAD_IDS = 7, ODD_AUTHS = 12 };

enum answer {
    ANSWER_RIGHT,
    ANSWER_RIGHT_BLANKS,
    ANSWER_WRONG,
    ANSWER_OLD, /* the code of another message */
    ANSWER_AGAIN,
    ANSWER_AGAIN_CAPITAL,
    ANSWER_OTHER,
    ANSWER_OTHER_CAPITAL,
    ANSWER_NULL,
    ANSWER_EMPTY,
    ANSWER_BLANKS,
    ANSWER_THREE,
    ANSWER_FIVE,
    ANSWER_SIGN,
    ANSWER_SPLIT,
    ANSWER_WIDE,
    ANSWER_PASSWORD,
    ANSWER_LONG,
    ANSWER_LATIN_B,
    ANSWER_COUNT
};

enum report {
    REPORT_NONE,
    REPORT_DELIVERED,
    REPORT_FAILED,
    REPORT_OLD_WORD, /* delivered, as older replies have it */
    REPORT_PENDING,
    REPORT_OTHER, /* the token of another message */
    REPORT_FORGED,
    REPORT_EMPTY,
    REPORT_LONG,
    REPORT_NUL,
    REPORT_COUNT
};

struct move {
    uint8_t kind; /* enum move_kind */
    uint8_t proc;
    uint8_t choice; /* enum choice; for CLOCK, REBOOT and LOGIN: which */
    uint8_t arg;
};

/* The moves possible now; returns their number. */
size_t world_moves(struct move moves[WORLD_MOVES_MAX]);
void world_begin(const struct run *run);
void world_do(struct move move);
uint64_t world_hash(void);
/* A few words for a trace; kind: the action that the process had. */
void move_describe(char *out, size_t size, struct move move, enum sms365_action_kind kind);

/* --- explore_choices.c, explore_events.c --- */

size_t event_choices(const struct proc *proc, struct move *moves, uint8_t index);
/* Perform what the choice means in store and provider, and make the event that the process gets. */
void event_make(struct proc *proc, struct move move, struct sms365_event *event);
const char *event_code(const struct message *message);
/* The message of that authId; NOBODY. */
int event_auth_id(const char *text);
/* True for an answer that is a code. */
bool event_is_code(enum answer answer);
/* Does this refusal of a send say that no message went out? */
bool event_says_not_sent(int error);
/* The key that a message was sent with; NULL when that cannot be told. */
const char *event_key(int message);

/* --- explore_subjects.c --- */

struct subject_info {
    const char *name, *user, *service, *holder;
    bool known, first_factor, count_host;
    uint8_t identity; /* the same for the same holder */
    uint8_t first_number;
    uint8_t place; /* the same where the same service is used from the same place */
    bool enrolled;
};

extern const struct subject_info subjects[SUBJECT_COUNT];
extern const char world_numbers[WORLD_NUMBERS][SMS365_MSISDN_SIZE];
extern const char world_host[];
extern const struct sms365_mac_key callback_key;

const struct sms365_conf *subject_conf(const struct run *run);
/* Make the login's challenge, at its own place in the model. */
void subject_login(struct proc *proc, enum subject subject);
struct sms365_now world_now(void);

/* --- Rules --- */

#define RULES                                                                                                          \
    RULE(starts_with_deny)                                                                                             \
    RULE(allow_needs_an_accepted_code)                                                                                 \
    RULE(allow_needs_the_slot_consumed)                                                                                \
    RULE(allow_needs_a_proved_known_enrolled_subject)                                                                  \
    RULE(one_allow_per_message)                                                                                        \
    RULE(message_needs_a_proved_known_enrolled_subject)                                                                \
    RULE(message_goes_to_the_own_number)                                                                               \
    RULE(message_is_charged_first)                                                                                     \
    RULE(charges_cover_messages)                                                                                       \
    RULE(messages_per_hour)                                                                                            \
    RULE(message_has_a_cause)                                                                                          \
    RULE(wrong_code_sends_nothing)                                                                                     \
    RULE(resend_waits)                                                                                                 \
    RULE(message_can_be_answered)                                                                                      \
    RULE(message_is_written_once)                                                                                      \
    RULE(message_is_as_configured)                                                                                     \
    RULE(check_is_charged_first)                                                                                       \
    RULE(tries_per_message)                                                                                            \
    RULE(check_only_by_the_holder)                                                                                     \
    RULE(check_only_the_newest)                                                                                        \
    RULE(check_only_in_life)                                                                                           \
    RULE(check_uses_the_key_of_the_send)                                                                               \
    RULE(failed_tries_are_limited)                                                                                     \
    RULE(lockout_waits)                                                                                                \
    RULE(check_only_what_was_typed)                                                                                    \
    RULE(answers_stay_secret)                                                                                          \
    RULE(numbers_are_masked)                                                                                           \
    RULE(texts_are_clean)                                                                                              \
    RULE(audit_line_is_well_formed)                                                                                    \
    RULE(unexpected_event_denies)                                                                                      \
    RULE(clock_going_back_denies)                                                                                      \
    RULE(store_failure_denies)                                                                                         \
    RULE(answer_that_is_no_code_denies)                                                                                \
    RULE(only_an_exact_ok_is_accepted)                                                                                 \
    RULE(failed_send_opens_nothing)                                                                                    \
    RULE(settled_is_final)                                                                                             \
    RULE(done_is_final)                                                                                                \
    RULE(five_questions)                                                                                               \
    RULE(it_ends)                                                                                                      \
    RULE(conflicts_are_bounded)                                                                                        \
    RULE(strangers_learn_nothing)                                                                                      \
    RULE(strangers_are_counted)                                                                                        \
    RULE(only_own_records)                                                                                             \
    RULE(only_own_report_counts)                                                                                       \
    RULE(outcome_is_true)

enum rule {
#define RULE(name) RULE_##name,
    RULES
#undef RULE
        RULE_COUNT
};

/* A rule is broken: told with the moves that led here, once a rule; the search does not go on from here. */
void violate(enum rule rule, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What the rules compare a process with after it was fed. */
struct glimpse {
    struct sms365_outcome outcome;
    enum sms365_action_kind kind;
    bool settled;
    uint8_t delivery;
};

/* Before the process is fed: what the choice obliges it to. */
void rules_before(struct proc *proc, struct move move, const struct sms365_event *event, struct glimpse *before);
/* After it: is the action it has now one it may have? */
void rules_after(struct proc *proc, struct move move, const struct glimpse *before);
/* The first action of a login. */
void rules_begin(struct proc *proc);
/* The texts of its action. */
void rules_texts(const struct proc *proc);
/* A process that is done is fed everything: nothing may change. */
void rules_probe_done(struct proc *proc);
/* A process that wants to write loses for ever: it must give up, and not before its time. */
void rules_probe_conflicts(struct proc *proc);

/* --- The ledger: what writes to the store mean --- */

/* proc has written this record; the cell still has the old one. */
void ledger_written(struct proc *proc, const uint8_t *value, size_t length);
void ledger_host_written(struct proc *proc, const uint8_t *value, size_t length);
/* Messages made, or that may have been, within the hour. */
int ledger_messages(void);
/* Is this one of them? */
bool ledger_counts(const struct message *message);
/* Sends that the user's record is charged for, within the hour. */
int ledger_charges(void);
/* The index of a message; NOBODY. */
int ledger_find(const uint8_t id[SMS365_ID_BYTES]);
/* Forget messages at the end of the list that were never sent. */
void ledger_tidy(void);
/* Two subjects that are one holder. */
bool ledger_same_holder(uint8_t a, uint8_t b);
/* By how much times across boots may be off. */
int64_t ledger_slack_ms(void);

/* --- explore_guard.c --- */

#define LOCKOUT_MS (30 * 1000) /* as long as the cool-down: the clock's moves reach both ends of it */
#define LOCKOUT_MAX_MS (300 * 1000)

/* A message was reserved, in the place of the holder's message `held`, or of none (NOBODY). */
void guard_reserved(const struct proc *proc, struct message *message, int held);
/* A try was charged for it. */
void guard_charged(const struct proc *proc, struct message *message);
/* Its code was right, and its slot taken. */
void guard_succeeded(const struct message *message);
/* Messages of a share within the hour. */
int guard_messages(uint8_t share);

/* --- explore_search.c --- */

struct totals {
    size_t states, transitions, terminals;
    unsigned longest;
    double sequences;
    uint32_t reasons; /* for which processes decided: bits of enum sms365_reason */
};

/* Explore one run to its bounds. */
void search_run(const struct run *run, struct totals *totals);
/* A process decided, for this reason. */
void search_decided(enum sms365_reason reason);

/* Rules broken so far. */
int violations(void);
/* Leave the program as soon as this rule is broken. */
void violation_expected(enum rule rule);
const char *rule_name(enum rule rule);

#endif
