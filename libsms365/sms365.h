/*
 * libsms365: a second factor by text message.
 *
 * One struct sms365 is a configuration read, checked and ready: sms365_open() makes it, sms365_login() runs a whole
 * challenge on it (send a code, ask for it, have it checked), sms365_call() makes any request of the provider's API,
 * and the functions named after endpoints (sms365_2fa_send()) make those that a second factor is built from. An
 * instance belongs to one thread at a time; different instances are independent.
 *
 * Strings handed in stay the caller's and are copied where they are kept. Strings handed out belong to the object they
 * come from. Times are in seconds (_s) or milliseconds (_ms).
 */
#ifndef SMS365_H
#define SMS365_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SMS365_API __attribute__((visibility("default")))
#else
#define SMS365_API
#endif

/* What a function returns. SMS365_OK is 0. */
#define SMS365_ERRORS                                                                                                  \
    SMS365_ERR(OK, "done")                                                                                             \
    SMS365_ERR(NO_MEMORY, "out of memory")                                                                             \
    SMS365_ERR(BAD_ARGUMENT, "a value is out of bounds")                                                               \
    SMS365_ERR(BAD_CONFIG, "the configuration is not usable")                                                          \
    SMS365_ERR(BAD_OWNER, "a file's owner or mode is not safe")                                                        \
    SMS365_ERR(IO, "reading or writing failed")                                                                        \
    SMS365_ERR(NOT_FOUND, "not there")                                                                                 \
    SMS365_ERR(EXISTS, "already there")                                                                                \
    SMS365_ERR(CONFLICT, "changed by another process meanwhile")                                                       \
    SMS365_ERR(CORRUPT, "damaged, or not what it claims to be")                                                        \
    SMS365_ERR(BUSY, "held by another process for too long")                                                           \
    SMS365_ERR(FULL, "no room left")                                                                                   \
    SMS365_ERR(CRYPTO, "a cryptographic operation failed")                                                             \
    SMS365_ERR(UNREACHABLE, "the provider cannot be reached; nothing was sent to it")                                  \
    SMS365_ERR(REPLY_LOST, "the provider's reply was lost; it may have acted")                                         \
    SMS365_ERR(BAD_REPLY, "the reply is not one of the provider's API")                                                \
    SMS365_ERR(REFUSED, "the provider refused")                                                                        \
    SMS365_ERR(WRONG_ADDRESS, "no key may be used from this machine's address")                                        \
    SMS365_ERR(NO_KEY, "there is no usable key")                                                                       \
    SMS365_ERR(DENIED, "denied")

enum sms365_err {
#define SMS365_ERR(name, text) SMS365_##name,
    SMS365_ERRORS
#undef SMS365_ERR
};

/* A code, and a text for a person: what failed, where (file:line, address, URL without query), what to do. */
struct sms365_error {
    enum sms365_err code;
    char text[512];
    int provider_error; /* the provider's own code with REFUSED; else 0 */
};

/* The code's own text. Never NULL; static. */
SMS365_API const char *sms365_strerror(enum sms365_err code);

/* Version of the library, "major.minor.patch". Static. */
SMS365_API const char *sms365_version(void);

struct sms365;

/* How to open. Every field may be NULL or 0. */
struct sms365_options {
    const char *conf;             /* configuration file; default /etc/sms365/sms365.conf */
    const char *service;          /* whose [service NAME] section counts, for example "sshd" */
    const char *const *overrides; /* "name=value" of the configuration, as PAM arguments; ends with NULL */
    /* Where log lines go; priorities are syslog's. Default: nowhere. */
    void (*log)(void *context, int priority, const char *text);
    void *log_context;
};

/*
 * Read and check configuration, keys and users, open the state store. On error *instance is NULL, err says what is
 * wrong (all mistakes of the configuration have gone to the log, each with file and line). Errors: BAD_CONFIG,
 * BAD_OWNER, NOT_FOUND, CORRUPT, IO, NO_MEMORY, NO_KEY, CRYPTO.
 */
SMS365_API enum sms365_err sms365_open(
    struct sms365 **instance, const struct sms365_options *options, struct sms365_error *err);

/* Close connections and files, wipe secrets. NULL is taken. */
SMS365_API void sms365_close(struct sms365 *instance);

/* Who wants in. */
struct sms365_subject {
    const char *user;    /* as the system names it (getpwnam), never as typed */
    const char *service; /* what for: "sshd", "sudo", a web service's name */
    const char *host;    /* remote address or name, for limits and the log; NULL when there is none */
    /*
     * The one connection, terminal session or browser that may answer: only the same holder resumes a challenge.
     * NULL: this process's session (user id, session id and its leader's start, boot).
     */
    const char *holder;
    /*
     * Where the person sits, as exactly as can be told beside the host (key fingerprint, terminal): failures from where
     * this user lately got in are counted apart from all others. An IPv6 host counts as its /64. NULL: the host alone.
     * The PAM module passes sshd's SSH_AUTH_INFO_0 with a remote host, else the caller's name, or the terminal's.
     */
    const char *place;
    /*
     * What a grace period is bound to beside the host's very address: it must be the same when the next login asks for
     * it, and nobody else's (a key, a terminal session). NULL: no grace period.
     */
    const char *grace;
    bool known;        /* the user exists on this system */
    bool first_factor; /* the first factor was proved */
};

/*
 * How to talk to the person. ask shows a prompt and puts the answer, NUL-terminated, into answer (size bytes).
 * It returns false when there is none (end of input, cancelled, too long): the login is denied. secret: do not echo.
 */
struct sms365_dialogue {
    bool (*ask)(void *context, const char *prompt, bool secret, char *answer, size_t size);
    void (*tell)(void *context, const char *text); /* may be NULL */
    void *context;
};

enum sms365_verdict {
    SMS365_DENY,  /* everything but the two below */
    SMS365_ALLOW, /* a code of this challenge was accepted */
    SMS365_BYPASS /* no code was needed, by a rule that the configuration names */
};

/* Why a verdict is what it is: name (for logs and programs) and text for a person. */
#define SMS365_REASONS                                                                                                 \
    SMS365_REASON(NONE, "none", "nothing was decided")                                                                 \
    SMS365_REASON(CODE_ACCEPTED, "code_accepted", "the code was right")                                                \
    SMS365_REASON(BACKUP_CODE, "backup_code", "the backup code was right")                                             \
    SMS365_REASON(TRUSTED_NETWORK, "trusted_network", "no code is needed from this network")                           \
    SMS365_REASON(GRACE, "grace", "a code was entered a short time ago")                                               \
    SMS365_REASON(REMEMBERED, "remembered", "a code was entered in this browser before")                               \
    SMS365_REASON(GROUP_EXEMPT, "group_exempt", "no code is needed by members of these groups")                        \
    SMS365_REASON(UNENROLLED, "unenrolled", "no code is needed by users without a phone number")                       \
    SMS365_REASON(NO_FIRST_FACTOR, "no_first_factor", "no first factor was proved")                                    \
    SMS365_REASON(UNKNOWN_USER, "unknown_user", "there is no such user")                                               \
    SMS365_REASON(NOT_ENROLLED, "not_enrolled", "the user has no phone number here")                                   \
    SMS365_REASON(WRONG_CODE, "wrong_code", "the code was wrong")                                                      \
    SMS365_REASON(WRONG_BACKUP_CODE, "wrong_backup_code", "the backup code was wrong, or used before")                 \
    SMS365_REASON(NOT_A_CODE, "not_a_code", "the answer was not a code")                                               \
    SMS365_REASON(NO_ANSWER, "no_answer", "the prompt was not answered")                                               \
    SMS365_REASON(TRIES_USED, "tries_used", "all tries are used up")                                                   \
    SMS365_REASON(EXPIRED, "expired", "the code is too old")                                                           \
    SMS365_REASON(LOCKED_OUT, "locked_out", "too many failed attempts: locked out for a while")                        \
    SMS365_REASON(LOCKED, "locked", "too many failed attempts: locked until an administrator unlocks")                 \
    SMS365_REASON(TOO_MANY_SENDS, "too_many_sends", "too many messages were sent to this user or number")              \
    SMS365_REASON(TOO_MANY_FROM_HOST, "too_many_from_host", "too many attempts or messages from this address")         \
    SMS365_REASON(STORE_SPENT, "store_spent", "this machine's messages for a day are used up")                         \
    SMS365_REASON(TOO_MANY_OPEN, "too_many_open", "too many logins of this user wait for a code")                      \
    SMS365_REASON(TOO_MANY_QUESTIONS, "too_many_questions", "no code was entered after several prompts")               \
    SMS365_REASON(SUPERSEDED, "superseded", "another process used or replaced this challenge")                         \
    SMS365_REASON(KEY_REFUSED, "key_refused", "the provider refuses the key, or this machine's address")               \
    SMS365_REASON(NO_BALANCE, "no_balance", "the provider account has no balance left")                                \
    SMS365_REASON(BAD_NUMBER, "bad_number", "the provider refuses the phone number")                                   \
    SMS365_REASON(COUNTRY_REFUSED, "country_refused", "no messages go to this number's country")                       \
    SMS365_REASON(SIM_CHANGED, "sim_changed", "the number has moved to another network, and was not confirmed")        \
    SMS365_REASON(PROVIDER_REFUSED, "provider_refused", "the provider refused the request")                            \
    SMS365_REASON(UNREACHABLE, "unreachable", "the provider cannot be reached")                                        \
    SMS365_REASON(REPLY_LOST, "reply_lost", "the provider's reply was lost")                                           \
    SMS365_REASON(BAD_REPLY, "bad_reply", "the provider's reply makes no sense")                                       \
    SMS365_REASON(WRONG_ADDRESS, "wrong_address", "no key may be used from this machine's address")                    \
    SMS365_REASON(STORE_FAILED, "store_failed", "the state store cannot be used")                                      \
    SMS365_REASON(CONFIG_UNUSABLE, "config_unusable", "the configuration cannot be used")                              \
    SMS365_REASON(INTERNAL, "internal", "an internal check failed")

enum sms365_reason {
#define SMS365_REASON(id, name, text) SMS365_REASON_##id,
    SMS365_REASONS
#undef SMS365_REASON
};

/* "wrong_code" and its like; static. */
SMS365_API const char *sms365_reason_name(enum sms365_reason reason);
/* The sentence for a person; static. */
SMS365_API const char *sms365_reason_text(enum sms365_reason reason);

/* How a login ended. {0} denies. */
struct sms365_outcome {
    enum sms365_verdict verdict;
    enum sms365_reason reason;
    int tries_left;        /* of the challenge that stays open for this holder; 0 when none does */
    int64_t retry_after_s; /* when a limit was met: seconds until it lets go; 0 otherwise */
};

/*
 * Run one challenge to its verdict: resume this holder's open one or send a new code, ask, have the answer checked.
 * *outcome is always set, and denies on every error. Returns SMS365_OK when a verdict was reached in the regular way,
 * whatever it is; err (may be NULL) tells about the rest.
 */
SMS365_API enum sms365_err sms365_login(struct sms365 *instance, const struct sms365_subject *subject,
    const struct sms365_dialogue *dialogue, struct sms365_outcome *outcome, struct sms365_error *err);

/* A parameter of a request; the key is added from the key store, never handed in. */
struct sms365_param {
    const char *name;
    const char *value;
};

struct sms365_reply;

/*
 * Make one request of the provider's API, for example "me/balance", with the key that fits. *reply is set whenever the
 * provider answered in its own terms, also when it refused (REFUSED); free it with sms365_reply_free(). A `type` among
 * the parameters can be json only. What costs money, and key/reset, is never made twice.
 * Errors: BAD_ARGUMENT, UNREACHABLE, REPLY_LOST, BAD_REPLY, REFUSED, WRONG_ADDRESS, NO_KEY, NO_MEMORY, IO.
 */
SMS365_API enum sms365_err sms365_call(struct sms365 *instance, const char *endpoint, const struct sms365_param *params,
    size_t count, struct sms365_reply **reply, struct sms365_error *err);

/*
 * A field's text, "mobile.msisdn" for one inside an object or in the first row of a list; NULL when it is not there.
 * Numbers come as text.
 */
SMS365_API const char *sms365_reply_get(const struct sms365_reply *reply, const char *field);
/* A field that is a number, fraction and all. False, and *value stays, when it is not there, or is none. */
SMS365_API bool sms365_reply_number(const struct sms365_reply *reply, const char *field, double *value);
/* A row of a list in a reply. {NULL} to begin with; valid as long as the reply. */
struct sms365_row {
    const void *at;
};

/*
 * Go to the first row of a list of the reply ("contacts", "group.contacts"), or to the next; false when there is none.
 * The lists of a reply have the names of the reference, in whichever of its shapes they came.
 */
SMS365_API bool sms365_reply_next(const struct sms365_reply *reply, const char *list, struct sms365_row *row);
/* The same for a list within a row. */
SMS365_API bool sms365_row_next(const struct sms365_row *outer, const char *list, struct sms365_row *row);
/* A field of the row as text; NULL when it is not there. field NULL: the row itself, in a list of texts. */
SMS365_API const char *sms365_row_get(const struct sms365_row *row, const char *field);
/* The same as a number, as of sms365_reply_number(). */
SMS365_API bool sms365_row_number(const struct sms365_row *row, const char *field, double *value);
/* The provider's error code, 0 for none. */
SMS365_API int sms365_reply_error(const struct sms365_reply *reply);
SMS365_API void sms365_reply_free(struct sms365_reply *reply);

/*
 * --- The requests that a second factor is built from, each named after its endpoint ---
 *
 * What they answer comes in C types. Errors are those of sms365_call(), and what stands with each function; on an error
 * the result is not set. Credits are NAN where the provider does not tell them.
 */

/* me/balance. Credits of the account. */
SMS365_API enum sms365_err sms365_me_balance(struct sms365 *instance, double *balance, struct sms365_error *err);

/* key/get. Does the provider accept the key, from this machine's address? REFUSED with provider_error 101: it does not.
 */
SMS365_API enum sms365_err sms365_key_get(struct sms365 *instance, struct sms365_error *err);

/* What the provider knows of a number; "" where it tells nothing. */
struct sms365_mobile {
    char msisdn[16];  /* in international form, digits only */
    char country[64]; /* its name */
    char mcc[8];      /* network that the number was given to (E.212), not the one where it may be by now */
    char mnc[8];
    double cost; /* credits for one part of a message */
};

/* mobile/check. number in any notation; without a country code it is one of the account's country. Costs nothing. */
SMS365_API enum sms365_err sms365_mobile_check(
    struct sms365 *instance, const char *number, struct sms365_mobile *mobile, struct sms365_error *err);

enum sms365_ported { SMS365_PORTED_UNKNOWN, SMS365_PORTED_NO, SMS365_PORTED_YES };

/* Where a number is today. */
struct sms365_network {
    char mcc[8];
    char mnc[8];
    enum sms365_ported ported; /* has it been taken along to another network? */
};

/* hlr/lookup. Costs a tenth of a credit. NOT_FOUND: no network knows the number at present. */
SMS365_API enum sms365_err sms365_hlr_lookup(
    struct sms365 *instance, const char *msisdn, struct sms365_network *network, struct sms365_error *err);

struct sms365_message {
    const char *to;   /* international form, digits only */
    const char *text; /* UTF-8 */
    const char *from; /* sender; NULL or "": the account's own */
};

/* What is told of a message that was taken. */
struct sms365_sent {
    char id[132]; /* of the message, or of the authentication; "" when none was told */
    double cost, balance;
    char mcc[8], mnc[8]; /* of the network it goes to */
};

/* sms/send, viber/send. REPLY_LOST, BAD_REPLY: it may have been sent. It is never sent twice. */
SMS365_API enum sms365_err sms365_sms_send(
    struct sms365 *instance, const struct sms365_message *message, struct sms365_sent *sent, struct sms365_error *err);
SMS365_API enum sms365_err sms365_viber_send(
    struct sms365 *instance, const struct sms365_message *message, struct sms365_sent *sent, struct sms365_error *err);

/* 2fa/send: a code of the provider's own. text with %%CODE%% for the code, or NULL for the provider's. id is what
 * sms365_2fa_check() wants; cost and balance are not told. Nothing limits how many are sent: sms365_login() does. */
SMS365_API enum sms365_err sms365_2fa_send(
    struct sms365 *instance, const struct sms365_message *message, struct sms365_sent *sent, struct sms365_error *err);

/* 2fa/check. *accepted is set always, and true only with SMS365_OK and an exact "ok". Nothing limits how many are
 * tried: sms365_login() does. */
SMS365_API enum sms365_err sms365_2fa_check(
    struct sms365 *instance, const char *id, const char *code, bool *accepted, struct sms365_error *err);

enum sms365_delivery {
    SMS365_DELIVERY_PENDING = 0, /* s */
    SMS365_DELIVERY_DONE = 1,    /* d */
    SMS365_DELIVERY_FAILED = 2,  /* f */
    SMS365_DELIVERY_UNKNOWN = 3  /* nobody tells */
};

/* status/sms, of a message of sms/send. */
SMS365_API enum sms365_err sms365_status_sms(
    struct sms365 *instance, const char *id, enum sms365_delivery *delivery, struct sms365_error *err);

#ifdef __cplusplus
}
#endif

#endif
