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
#define WORLD_HOSTS 3
#define WORLD_RECORD_MAX 3584
#define WORLD_GRACES 4
#define WORLD_BACKUPS 2 /* backup codes that there are at first, where there are any */
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
    SUBJECT_CONFIRMED,       /* the holder, after an administrator confirmed the number's new network */
    SUBJECT_TRUSTED,         /* the holder, from a trusted network */
    SUBJECT_LOOPBACK,        /* the holder, from this machine's own address, which that network contains */
    SUBJECT_EXEMPT,          /* the holder, in a group that needs no code */
    SUBJECT_UNPROVED_FRIEND, /* in such a group, from a trusted network, and no first factor was proved */
    SUBJECT_UNKNOWN_FRIEND,  /* the same of a name that nobody has */
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
    int sends_per_day, sends_per_address;
    int store_left; /* messages that the store may still send, others' having been counted; -1: none; 0: many */
    int cost_per_day;
    int give_up_s, grace_s;
    int hlr;              /* enum sms365_hlr */
    const char *channels; /* NULL: SMS to each number */
    const char *countries;
    bool local; /* codes of our own */
    bool backup, outage_backup;
    bool trusted, ignore_unenrolled;
    bool remember, remembered; /* browsers may be remembered; whoever logs in does so from one that is */
    bool callback, greek, no_wait, no_from;
    bool provider_once; /* the provider forgets a message whose code it accepted */
    bool balance;       /* the provider's account may be empty */
    bool costs;         /* replies and reports tell of costs */
    bool caps;          /* the caps on messages beside the user's are within reach */
    bool days;          /* the clock moves by days */
    bool busy;          /* shards of the store may be held by a process that stands still */
    bool tallies;       /* whatever can go wrong goes wrong at tallies, too */
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
    int8_t replaced;     /* the message whose place in the store it took; NOBODY */
    uint8_t retired;     /* nothing can come of it any more */
    uint8_t route;       /* world_route() */
    uint8_t host;        /* of the login */
    uint8_t shard;       /* where it was counted */
    uint8_t paid;        /* ledgers that it was charged to (bits of enum challenge_ledger) */
    uint8_t local;       /* its code is the machine's own */
    uint8_t refused;     /* the provider would not send it to this number, or by this way */
    uint8_t given_up;    /* its report was waited for as long as configured */
    uint8_t uncaused;    /* nothing had happened that a message without a wish may follow */
    char code[12];       /* of such a message */
    int64_t paid_ms;     /* true time at which it was charged first */
    int64_t cost;        /* as last told */
};

/* Failed challenges in a row. */
struct conduct {
    int64_t row;
    int64_t row_ms; /* true time at which the last of them failed first */
};

/* Records other than the user's. */
enum cell_id {
    CELL_HOST,
    CELL_ADDRESS = CELL_HOST + WORLD_HOSTS,
    CELL_NUMBER = CELL_ADDRESS + WORLD_HOSTS, /* each in both shares */
    CELL_SHARD = CELL_NUMBER + WORLD_NUMBERS * SMS365_SHARES,
    CELL_FLAG = CELL_SHARD + 2, /* two shards stand for all */
    CELL_COUNT
};

struct cell {
    uint64_t version;
    uint64_t length;
    uint8_t value[SMS365_RECORD_TALLY_MAX];
};

struct user_cell {
    uint64_t version;
    uint64_t length;
    uint8_t value[WORLD_RECORD_MAX];
};

/* Prompts, as a person can tell them apart. */
enum prompt { PROMPT_NONE, PROMPT_CODE, PROMPT_LOST, PROMPT_BACKUP, PROMPT_OFFER };
/* What hlr/lookup told a process. */
enum look { LOOK_NONE, LOOK_SAME, LOOK_CHANGED, LOOK_NOTHING };
#define WRONG_BACKUP (-2)

/* What the rules remember of one process. */
struct diary {
    int64_t since_ms;    /* true time at which its last store action began */
    uint64_t reasons;    /* for which it may deny, once doomed (bits of enum sms365_reason) */
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
    int8_t last;         /* the message it sent last; NOBODY */
    uint8_t prompt;      /* enum prompt of the last one */
    uint8_t offered;     /* a denial was decided, and a backup code asked for in its place */
    uint8_t routes;      /* by which it sent, or had a message when it began; a bit each */
    uint8_t waited;      /* the report of that message was waited for, and none came */
    uint8_t paid;        /* ledgers charged for the message to come */
    uint8_t paid_cell;   /* of the number */
    uint8_t paid_shard;
    uint8_t summed;      /* and found within the store's cap */
    uint8_t balance;     /* looked at since the last message, and not used up */
    uint8_t no_balance;  /* the provider said so to this process */
    uint8_t wrote;       /* the user's record, or a tally of messages */
    uint8_t usual;       /* the place was a usual one when the user's record was last read or written */
    uint8_t began;       /* the same, when the sending began */
    uint8_t limited;     /* when the user's record was last read there was no room for one more message */
    uint8_t looked;      /* enum look */
    int8_t backup;       /* the backup code entered; NOBODY, or WRONG_BACKUP */
    uint8_t backup_paid; /* and charged for it */
    int8_t backup_used;  /* the one that this process took out of the store; NOBODY */
    char typed[12];      /* the code entered last; "" */
    int64_t paid_ms;
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
    uint16_t backups_used;                /* a bit each */
    uint8_t backups_wrong[SMS365_SHARES]; /* tried since a right one, and charged */
    uint8_t looked, swapped;              /* numbers found unchanged at some time, and changed; world_sim() bits */
    int64_t paused_ms;              /* true time at which the provider's account was last noted as empty; 0: never */
    int64_t grace_ms[WORLD_GRACES]; /* and at which a code was last entered there; 0: never */
    struct message messages[WORLD_MESSAGES];
    struct cell cells[CELL_COUNT];
    struct user_cell user; /* last: only the used part of it is saved */
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
    /* SUM */
    SUM_OK,
    SUM_ERR, /* arg */
    /* 2fa/send, sms/send, viber/send */
    SEND_OK,      /* arg: delivery_words[] */
    SEND_BAD_ID,  /* arg: bad_ids[] */
    SEND_REFUSED, /* arg: refusals[] */
    SEND_ERR,     /* arg: enum sms365_err */
    /* 2fa/check */
    CHECK_TRUE, /* what the provider says */
    CHECK_ODD,  /* arg: odd_auths[] */
    CHECK_REFUSED,
    CHECK_ERR,
    /* status/sms */
    STATUS_OK,  /* arg: delivery_words[] */
    STATUS_ERR, /* arg */
    /* hlr/lookup */
    HLR_SAME,
    HLR_CHANGED,
    HLR_ODD, /* arg: an answer that says nothing, in one way or another */
    HLR_ERR, /* arg */
    /* ASK */
    ANSWER, /* arg: enum answer */
    /* WAIT */
    REPORT, /* arg: enum report */
    /* TELL, LOG */
    CARRY_ON
};

/* Places in the tables of explore_events.c that are named elsewhere, and their lengths. */
enum { WORD_SENT = 0, WORD_FAILED = 2, DELIVERY_WORDS = 5 };
enum { REFUSAL_KEY = 0, REFUSAL_NUMBER = 1, REFUSAL_NO_BALANCE = 3, REFUSAL_GONE = 7, REFUSALS = 12 };
enum { BAD_IDS = 7, ODD_AUTHS = 12, ODD_LOOKS = 3 };

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
    ANSWER_BACKUP_WISH,
    ANSWER_BACKUP, /* the first that was not used yet */
    ANSWER_BACKUP_USED,
    ANSWER_BACKUP_WRONG,
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
bool event_says_not_sent(enum sms365_endpoint_id endpoint, int error);
bool event_is_send(const struct sms365_action *action);
/* A parameter of the process's request; "" when it is not there. */
const char *event_param(const struct proc *proc, const char *name);
/* What messages cost in the end, by their replies and by their reports; one credit is supposed before. */
#define REPLY_COST 500
#define REPLY_COST_TEXT "0.5"
#define REPORT_COST 250
#define REPORT_COST_TEXT "0.25"
/* The events of a call. */
void provider_reply(struct sms365_event *event, struct proc *proc, struct move move);
/* The reply that has everything one could wish for. */
void provider_tempt(struct sms365_event *event, const struct proc *proc);
/* Which of the backup codes stands there; WRONG_BACKUP. */
int event_backup(const char *text);
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
    uint8_t host;
    uint8_t grace; /* the same where a code holds for both for a while; 0: nowhere */
    bool exempt;
    bool confirmed;
};

extern const struct subject_info subjects[SUBJECT_COUNT];
extern const char world_numbers[WORLD_NUMBERS][SMS365_MSISDN_SIZE];
extern const char *const world_hosts[WORLD_HOSTS];
extern char world_backups[WORLD_BACKUPS][SMS365_BACKUP_TEXT_SIZE];
extern const struct sms365_mac_key callback_key;

#define STORE_CAP 20000                        /* a twentieth of it is more than a user has anyway */
#define STORE_ROOM (STORE_CAP - STORE_CAP / 4) /* for places that are not usual */
#define PAUSE_MS (30 * 1000)                   /* as long as the cool-down, too */

const struct sms365_conf *subject_conf(const struct run *run);
void subject_backups(struct sms365_backup *backup);
/* Make the login's challenge, at its own place in the model. */
void subject_login(struct proc *proc, enum subject subject);
struct sms365_now world_now(void);
/* A record of the model: where its version, length and value are. False when nobody should know that name. */
struct record {
    uint64_t *version, *length;
    uint8_t *value;
    size_t size;
    int cell; /* enum cell_id; NOBODY: the user's */
};
bool world_record(struct record *record, const struct sms365_action *action);
/* A way by which a message can go: its bit. */
uint8_t world_route(enum sms365_channel channel, uint8_t number);
/* A number on the network that was confirmed for this subject: its bit. */
uint8_t world_sim(uint8_t subject, uint8_t number);

#include "explore_rules.h"

#endif
