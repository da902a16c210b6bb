/*
 * The PAM module: who wants in, what is proved already, the conversation, and return codes. Everything else, the
 * decision above all, is the library's.
 */
#include "base/mem.h"
#include "base/str.h"
#include "drive/instance.h"
#include "edges/process.h"
#include "sms365.h"

#define PAM_SM_AUTH
#include <security/pam_modules.h>
#include <security/pam_ext.h>
#include <security/pam_modutil.h>

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define ARGUMENTS_MAX 64
#define PLACE_SIZE 8192 /* sshd's list of methods holds whole keys */

__attribute__((visibility("default"))) int pam_sm_authenticate(
    pam_handle_t *pamh, int flags, int argc, const char **argv);
__attribute__((visibility("default"))) int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv);

struct conversation {
    pam_handle_t *pamh;
    bool silent;
    bool failed; /* the application could not ask, or gave no answer */
};

static void write_log(void *context, int priority, const char *text)
{
    pam_syslog(context, priority, "%s", text);
}

static bool ask(void *context, const char *prompt, bool secret, char *answer, size_t size)
{
    struct conversation *conversation = context;
    char *response = NULL;
    const int style = secret ? PAM_PROMPT_ECHO_OFF : PAM_PROMPT_ECHO_ON;
    const int result = pam_prompt(conversation->pamh, style, &response, "%s", prompt);

    if (result != PAM_SUCCESS || response == NULL) {
        free(response);
        conversation->failed = true;
        return false;
    }
    /* What does not fit is cut: it is far longer than any answer, and refused as such. */
    const size_t length = strnlen(response, size - 1);
    memcpy(answer, response, length);
    answer[length] = '\0';
    sms365_wipe(response, strlen(response));
    free(response);
    return true;
}

static void tell(void *context, const char *text)
{
    struct conversation *conversation = context;

    if (!conversation->silent)
        (void)pam_error(conversation->pamh, "%s", text);
}

static const char *text_item(pam_handle_t *pamh, int item)
{
    const void *value = NULL;

    return pam_get_item(pamh, item, &value) == PAM_SUCCESS ? value : NULL;
}

/* The remote address or name; NULL: this machine. */
static const char *remote_host(pam_handle_t *pamh)
{
    const char *host = text_item(pamh, PAM_RHOST);

    return host != NULL && host[0] != '\0' ? host : NULL;
}

/*
 * sshd's password method runs the stack in the connection's monitor and answers every prompt with the password; its
 * keyboard-interactive method runs it in a child of the monitor, which leads the connection's session. What is neither
 * (an sshd without a session of its own: started by inetd, or to debug) cannot be told from the former, and shares its
 * session with other connections.
 */
static bool is_ssh(pam_handle_t *pamh)
{
    const char *tty = text_item(pamh, PAM_TTY);

    return tty != NULL && strcmp(tty, "ssh") == 0;
}

static bool ssh_can_ask(pam_handle_t *pamh)
{
    return !is_ssh(pamh) || getppid() == getsid(0);
}

/*
 * Who may answer: sshd's connection and a terminal have a session of their own. Other services of the network (RADIUS,
 * mail, VPN) call PAM for everybody from one session: there nobody resumes a challenge, or a stranger would take up the
 * owner's.
 */
static bool holder_name(pam_handle_t *pamh, char holder[SMS365_HOLDER_TEXT_SIZE])
{
    struct sms365_error err;

    return (remote_host(pamh) != NULL && !is_ssh(pamh) ? sms365_holder_once(holder, &err)
                                                       : sms365_holder_self(holder, &err)) == SMS365_OK;
}

/* The configuration's first_factor, held against what PAM knows. Says in the log what was missing. */
static bool first_factor_proved(pam_handle_t *pamh, int mode)
{
    const char *method;

    switch (mode) {
    case SMS365_FIRST_PROVEN:
        method = pam_getenv(pamh, "SSH_AUTH_INFO_0");
        if (method != NULL && method[0] != '\0' && !sms365_str_starts(method, "none"))
            return true;
        pam_syslog(pamh, LOG_WARNING,
            "no first factor: first_factor=proven, and no method of sshd succeeded before (SSH_AUTH_INFO_0 is not "
            "set). "
            "See \"First factor\" in pam_sms365(8)");
        return false;
    case SMS365_FIRST_STACKED:
        if (text_item(pamh, PAM_AUTHTOK) != NULL)
            return true;
        pam_syslog(pamh, LOG_WARNING,
            "no first factor: first_factor=stacked, and no module before this one asked for a password. Put `auth "
            "requisite pam_unix.so` before it. See \"First factor\" in pam_sms365(8)");
        return false;
    default:
        return false;
    }
}

/* The account whose phone is asked: its own name for it, never the name as typed. NULL: there is none. */
static const char *subject_name(pam_handle_t *pamh, const char *typed, int subject)
{
    const struct passwd *entry =
        subject == SMS365_SUBJECT_CALLER ? pam_modutil_getpwuid(pamh, getuid()) : pam_modutil_getpwnam(pamh, typed);

    return entry == NULL ? NULL : entry->pw_name;
}

/*
 * Where the person sits, beside the address: over the network the methods that succeeded with their keys (sshd's
 * SSH_AUTH_INFO_0); on this machine whoever calls. False when it is too long to be told.
 */
static bool place_name(pam_handle_t *pamh, char *out, size_t size)
{
    const bool remote = remote_host(pamh) != NULL;
    const char *caller = text_item(pamh, PAM_RUSER);
    const char *tty = text_item(pamh, PAM_TTY);
    const char *methods = pam_getenv(pamh, "SSH_AUTH_INFO_0");
    const bool called = caller != NULL && caller[0] != '\0';
    const char *kind = remote ? "remote" : called ? "caller" : "terminal";
    const char *what = remote ? methods : called ? caller : tty;
    const int length = snprintf(out, size, "%s\n%s", kind, what == NULL ? "" : what);

    return length > 0 && (size_t)length < size;
}

/*
 * What a grace period is bound to beside the address: over the network the place, if a key was shown (sshd's
 * SSH_AUTH_INFO_0); on this machine the terminal session. NULL when that cannot be told: then there is none.
 */
static const char *grace_name(pam_handle_t *pamh, const char *place, const char *holder)
{
    const char *tty = text_item(pamh, PAM_TTY);
    const char *methods = pam_getenv(pamh, "SSH_AUTH_INFO_0");

    if (remote_host(pamh) != NULL)
        return methods != NULL && strstr(methods, "publickey ") != NULL ? place : NULL;
    return tty != NULL && tty[0] != '\0' ? holder : NULL;
}

static int return_code(const struct sms365_outcome *outcome, bool conversation_failed)
{
    if (outcome->verdict == SMS365_ALLOW)
        return PAM_SUCCESS;
    if (outcome->verdict == SMS365_BYPASS)
        return PAM_IGNORE;
    switch (outcome->reason) {
    case SMS365_REASON_NO_ANSWER:
        return conversation_failed ? PAM_CONV_ERR : PAM_AUTH_ERR;
    case SMS365_REASON_UNKNOWN_USER:
        return PAM_USER_UNKNOWN;
    case SMS365_REASON_TRIES_USED:
    case SMS365_REASON_LOCKED_OUT:
    case SMS365_REASON_LOCKED:
    case SMS365_REASON_TOO_MANY_SENDS:
    case SMS365_REASON_TOO_MANY_FROM_HOST:
    case SMS365_REASON_TOO_MANY_OPEN:
    case SMS365_REASON_STORE_SPENT:
        return PAM_MAXTRIES;
    case SMS365_REASON_UNREACHABLE:
    case SMS365_REASON_REPLY_LOST:
    case SMS365_REASON_BAD_REPLY:
    case SMS365_REASON_KEY_REFUSED:
    case SMS365_REASON_NO_BALANCE:
    case SMS365_REASON_PROVIDER_REFUSED:
        return PAM_AUTHINFO_UNAVAIL;
    case SMS365_REASON_STORE_FAILED:
    case SMS365_REASON_CONFIG_UNUSABLE:
    case SMS365_REASON_WRONG_ADDRESS:
    case SMS365_REASON_INTERNAL:
        return PAM_SERVICE_ERR;
    default:
        return PAM_AUTH_ERR;
    }
}

static int deny(const struct sms365 *instance, const struct sms365_subject *subject, enum sms365_reason reason)
{
    const struct sms365_outcome outcome = {.verdict = SMS365_DENY, .reason = reason};

    sms365_login_denied(&instance->log, &instance->conf, &instance->holder_key, subject, reason);
    return return_code(&outcome, false);
}

/* The configuration, if it can be read, still says who is asked and how the log is written. options NULL: it cannot. */
static int deny_unopened(
    pam_handle_t *pamh, const char *typed, const char *service, const struct sms365_options *options)
{
    const struct sms365_outcome outcome = {.verdict = SMS365_DENY, .reason = SMS365_REASON_CONFIG_UNUSABLE};
    const struct sms365_log log = {write_log, pamh};
    struct sms365_conf conf = {0};
    struct sms365_error err = {0};

    if (options != NULL) {
        struct sms365_options silent = *options;
        silent.log = NULL;
        if (sms365_instance_conf(&conf, &silent, SMS365_FRONT_PAM, NULL, &err) != SMS365_OK)
            conf = (struct sms365_conf){0};
    }
    const char *name = subject_name(pamh, typed, conf.subject);
    const struct sms365_subject subject = {
        .user = name == NULL ? typed : name,
        .service = service,
        .host = text_item(pamh, PAM_RHOST),
        .known = name != NULL,
    };
    sms365_login_denied(&log, &conf, NULL, &subject, outcome.reason);
    return return_code(&outcome, false);
}

static int login(struct sms365 *instance, struct conversation *conversation, const char *typed, const char *service)
{
    pam_handle_t *pamh = conversation->pamh;
    const struct sms365_dialogue dialogue = {ask, tell, conversation};
    const char *name = subject_name(pamh, typed, instance->conf.subject);
    char place[PLACE_SIZE];
    char holder[SMS365_HOLDER_TEXT_SIZE];
    struct sms365_subject subject = {
        .user = name == NULL ? typed : name,
        .service = service,
        .host = text_item(pamh, PAM_RHOST),
        .known = name != NULL,
    };
    struct sms365_outcome outcome = {0};

    if (!ssh_can_ask(pamh)) {
        pam_syslog(pamh, LOG_WARNING,
            "denied: sshd's password method cannot ask for a code (it answers every prompt with the password), nor can "
            "an sshd started by inetd or to debug. Use keyboard-interactive. See \"SSHD'S TRAPS\" in pam_sms365(8)");
        return deny(instance, &subject, SMS365_REASON_NOT_A_CODE);
    }
    if (!holder_name(pamh, holder)) {
        pam_syslog(pamh, LOG_ERR, "denied: no randomness, or no session to tell who may answer");
        return deny(instance, &subject, SMS365_REASON_INTERNAL);
    }
    subject.first_factor = first_factor_proved(pamh, instance->conf.first_factor);
    subject.holder = holder;
    if (place_name(pamh, place, sizeof place)) {
        subject.place = place;
        subject.grace = grace_name(pamh, place, holder);
    }
    (void)sms365_login(instance, &subject, &dialogue, &outcome, NULL);
    return return_code(&outcome, conversation->failed);
}

/* Our arguments are names of the configuration, and conf=FILE. */
static bool read_arguments(
    pam_handle_t *pamh, int argc, const char **argv, const char **conf, const char *overrides[ARGUMENTS_MAX + 1])
{
    size_t count = 0;

    for (int i = 0; i < argc; i++) {
        if (sms365_str_starts(argv[i], "conf=")) {
            *conf = argv[i] + strlen("conf=");
            /* The working directory is the caller's choice, in su and sudo. */
            if (**conf != '/') {
                pam_syslog(pamh, LOG_ERR, "denied: %s: the path has to begin with /", argv[i]);
                return false;
            }
        } else if (count < ARGUMENTS_MAX) {
            overrides[count++] = argv[i];
        } else {
            pam_syslog(pamh, LOG_ERR, "more than %d arguments", ARGUMENTS_MAX);
            return false;
        }
    }
    overrides[count] = NULL;
    return true;
}

int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    struct conversation conversation = {.pamh = pamh, .silent = ((unsigned)flags & PAM_SILENT) != 0};
    const char *overrides[ARGUMENTS_MAX + 1];
    const char *user = NULL;
    const char *service = text_item(pamh, PAM_SERVICE);
    struct sms365_options options = {.service = service, .overrides = overrides, .log = write_log, .log_context = pamh};
    struct sms365 *instance = NULL;
    struct sms365_error err = {0};

    const int got_user = pam_get_user(pamh, &user, NULL);
    if (got_user != PAM_SUCCESS)
        return got_user == PAM_CONV_ERR ? PAM_CONV_ERR : PAM_USER_UNKNOWN;
    if (user == NULL || user[0] == '\0' || service == NULL)
        return PAM_USER_UNKNOWN;
    if (!read_arguments(pamh, argc, argv, &options.conf, overrides))
        return deny_unopened(pamh, user, service, NULL);
    if (sms365_open(&instance, &options, &err) != SMS365_OK) {
        pam_syslog(pamh, LOG_ERR, "denied: %s", err.text);
        return deny_unopened(pamh, user, service, &options);
    }
    const int result = login(instance, &conversation, user, service);
    sms365_close(instance);
    return result;
}

int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)pamh;
    (void)flags;
    (void)argc;
    (void)argv;
    return PAM_SUCCESS;
}
