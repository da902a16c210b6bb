#include "drive/instance.h"

#include "base/err.h"
#include "drive/drive.h"
#include "edges/file_safe.h"
#include "edges/membership.h"
#include "edges/process.h"
#include "edges/users.h"
#include "pure/audit.h"
#include "pure/challenge.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

static void write_filtered(void *context, int priority, const char *text)
{
    const struct sms365 *instance = context;

    if (priority <= instance->least_priority && instance->sink.write != NULL)
        instance->sink.write(instance->sink.context, priority, text);
}

/* One log line for each line of problems. */
static void log_problems(const struct sms365_log *log, const struct sms365_buf *problems)
{
    const char *line = sms365_buf_text(problems);

    while (*line != '\0') {
        const size_t length = strcspn(line, "\n");
        sms365_log_line(log, LOG_ERR, "%.*s", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

enum sms365_err sms365_instance_conf(struct sms365_conf *conf, const struct sms365_options *options,
    enum sms365_front_end front_end, struct sms365_problems *problems, struct sms365_error *err)
{
    const char *path = options->conf == NULL ? SMS365_CONF_DEFAULT : options->conf;
    const struct sms365_log log = {options->log, options->log_context};
    struct sms365_problems own;
    struct sms365_buf text;
    enum sms365_err code;

    if (problems == NULL) {
        sms365_problems_init(&own);
        problems = &own;
    }
    sms365_buf_init(&text, SMS365_CONF_FILE_MAX);
    code = sms365_file_read(&text, path, SMS365_FILE_PUBLIC, SMS365_CONF_FILE_MAX, err);
    if (code == SMS365_OK) {
        code = sms365_conf_parse(
            conf, path, sms365_buf_text(&text), text.length, options->service, options->overrides, front_end, problems);
        log_problems(&log, &problems->text);
        if (code != SMS365_OK)
            (void)sms365_error_set(err, code, "%s: %d mistake%s; `sms365 config --check` shows them", path,
                problems->errors, problems->errors == 1 ? "" : "s");
    }
    sms365_buf_free(&text);
    if (problems == &own)
        sms365_problems_free(&own);
    return code;
}

/* The master key is in memory only as long as the others are derived from it and the API keys opened with it. */
static enum sms365_err open_keys(struct sms365 *instance, struct sms365_error *err)
{
    struct sms365_secret master = {0};
    enum sms365_err code = sms365_master_load(&master, instance->conf.master, err);

    if (code == SMS365_OK && (!sms365_derive(&instance->store_key, &master, "store") ||
                                 !sms365_derive(&instance->callback_key, &master, "callback") ||
                                 !sms365_derive(&instance->holder_key, &master, "holder")))
        code = sms365_error_set(err, SMS365_CRYPTO, "no key could be derived from %s", instance->conf.master);
    if (code == SMS365_OK)
        code = sms365_keys_load(&instance->keys, instance->conf.keys_dir, &master, instance->conf.sandbox, err);
    sms365_secret_free(&master);
    return code;
}

static enum sms365_err open_parts(struct sms365 *instance, struct sms365_error *err)
{
    const struct sms365_store_file_options store = {
        .dir = instance->conf.store_dir,
        .key = &instance->store_key,
        .lock_timeout_ms = instance->conf.lock_timeout_s * 1000,
        .log = &instance->log,
    };
    const enum sms365_err code = open_keys(instance, err);

    if (code != SMS365_OK)
        return code;
    instance->provider = (struct sms365_provider){.conf = &instance->conf, .keys = &instance->keys};
    return sms365_store_file_open(&instance->store, &store, err);
}

enum sms365_err sms365_instance_open(struct sms365 **instance, const struct sms365_options *options,
    enum sms365_front_end front_end, struct sms365_error *err)
{
    static const int priorities[] = {
        [SMS365_LOG_ERROR] = LOG_ERR,
        [SMS365_LOG_WARNING] = LOG_WARNING,
        [SMS365_LOG_INFO] = LOG_INFO,
    };
    struct sms365 *fresh = sms365_secret_new(sizeof *fresh);
    enum sms365_err code;

    *instance = NULL;
    if (fresh == NULL)
        return sms365_error_set(err, SMS365_NO_MEMORY, "out of memory");
    fresh->sink = (struct sms365_log){options->log, options->log_context};
    fresh->log = (struct sms365_log){write_filtered, fresh};
    sms365_environment_hide();
    code = sms365_instance_conf(&fresh->conf, options, front_end, NULL, err);
    if (code == SMS365_OK) {
        fresh->least_priority = priorities[fresh->conf.log_level];
        code = open_parts(fresh, err);
    }
    sms365_environment_restore();
    if (code != SMS365_OK) {
        sms365_close(fresh);
        return code;
    }
    *instance = fresh;
    return SMS365_OK;
}

enum sms365_err sms365_open(struct sms365 **instance, const struct sms365_options *options, struct sms365_error *err)
{
    const struct sms365_options none = {0};

    return sms365_instance_open(instance, options == NULL ? &none : options, SMS365_FRONT_PAM, err);
}

void sms365_close(struct sms365 *instance)
{
    if (instance == NULL)
        return;
    sms365_provider_close(&instance->provider);
    sms365_store_close(instance->store);
    sms365_keys_free(&instance->keys);
    sms365_secret_delete(instance, sizeof *instance);
}

/* --- A login --- */

/* The numbers of a user: none for one who is not enrolled, an error when that cannot be told. */
static enum sms365_err find_numbers(const struct sms365 *instance, const char *name,
    struct sms365_number numbers[SMS365_USER_NUMBERS_MAX], size_t *count, struct sms365_error *err)
{
    struct sms365_user user;
    struct sms365_buf problems;
    enum sms365_err code;

    *count = 0;
    sms365_buf_init(&problems, 16384);
    code = sms365_users_find(&user, instance->conf.users_file, name, &problems, err);
    log_problems(&instance->log, &problems);
    sms365_buf_free(&problems);
    if (code == SMS365_NOT_FOUND)
        return SMS365_OK;
    if (code != SMS365_OK)
        return code;
    for (; *count < user.count; (*count)++)
        numbers[*count] = user.numbers[*count];
    return SMS365_OK;
}

static enum sms365_err make_challenge(const struct sms365 *instance, const struct sms365_subject *subject,
    struct sms365_challenge **challenge, struct sms365_error *err)
{
    struct sms365_number numbers[SMS365_USER_NUMBERS_MAX];
    char self[SMS365_HOLDER_TEXT_SIZE];
    char machine[HOST_NAME_MAX + 1] = "";
    struct sms365_challenge_setup setup = {
        .user = subject->user,
        .service = subject->service,
        .host = subject->host == NULL ? "" : subject->host,
        .machine = machine,
        .holder = subject->holder,
        .place = subject->place == NULL ? "" : subject->place,
        .grace = subject->grace,
        .known = subject->known,
        .own_host = instance->conf.trusted[0] != '\0' && subject->host != NULL && sms365_host_is_own(subject->host),
        .first_factor = subject->first_factor || instance->conf.first_factor == SMS365_FIRST_NONE,
        /* People at this machine have no address that could be told from others': their messages are counted instead.
         */
        .count_host =
            !subject->first_factor && (!subject->known || (subject->host != NULL && subject->host[0] != '\0')),
        .numbers = numbers,
        .conf = &instance->conf,
        .callback_key = instance->callback_key,
        .holder_key = instance->holder_key,
    };
    enum sms365_err code = SMS365_OK;

    (void)gethostname(machine, sizeof machine - 1);
    setup.exempt =
        setup.known && setup.first_factor && sms365_group_exempt(instance->conf.groups, subject->user, &instance->log);
    if (setup.known && setup.first_factor)
        code = find_numbers(instance, subject->user, numbers, &setup.number_count, err);
    if (code == SMS365_OK && setup.holder == NULL) {
        code = sms365_holder_self(self, err);
        setup.holder = self;
    }
    if (code == SMS365_OK)
        code = sms365_now_read(&setup.now, err);
    if (code == SMS365_OK)
        code = sms365_random(setup.seed, sizeof setup.seed, err);
    if (code == SMS365_OK) {
        code = sms365_challenge_new(challenge, &setup);
        if (code != SMS365_OK)
            (void)sms365_error_set(err, code, "the challenge cannot be made: %s", sms365_strerror(code));
    }
    sms365_wipe(&setup, sizeof setup);
    return code;
}

void sms365_login_denied(const struct sms365_log *log, const struct sms365_conf *conf,
    const struct sms365_mac_key *holder_key, const struct sms365_subject *subject, enum sms365_reason reason)
{
    struct sms365_audit line;

    sms365_audit_begin(&line, "login", conf->log_format == SMS365_LOG_JSON, SMS365_AUDIT_SIZE - 1);
    sms365_audit_user(&line, subject->user, subject->known, holder_key);
    sms365_audit_text(&line, "service", subject->service);
    sms365_audit_text(&line, "rhost", subject->host == NULL ? "" : subject->host);
    sms365_audit_word(&line, "channel", "none");
    sms365_audit_word(&line, "verdict", "deny");
    sms365_audit_word(&line, "reason", sms365_reason_name(reason));
    const char *text = sms365_audit_end(&line);
    if (text != NULL)
        sms365_log_line(log, LOG_WARNING, "%s", text);
    sms365_audit_free(&line);
}

static bool same_keys(const struct sms365_keys *a, const struct sms365_keys *b)
{
    bool same = a->count == b->count;

    for (size_t i = 0; same && i < a->count; i++) {
        const struct sms365_secret *one = &a->entries[i].secret, *other = &b->entries[i].secret;
        same = one->length == other->length && sms365_equal(one->data, other->data, one->length);
    }
    return same;
}

/* Load the keys anew. False when they are as they were. */
static bool renew_keys(void *context)
{
    struct sms365 *instance = context;
    const struct sms365_conf *conf = &instance->conf;
    struct sms365_secret master = {0};
    struct sms365_keys fresh = {0};
    struct sms365_error err = {0};

    if (sms365_master_load(&master, conf->master, &err) == SMS365_OK)
        (void)sms365_keys_load(&fresh, conf->keys_dir, &master, conf->sandbox, &err);
    sms365_secret_free(&master);
    const bool renewed = fresh.count > 0 && !same_keys(&instance->keys, &fresh);
    if (renewed) {
        const struct sms365_keys old = instance->keys;
        sms365_provider_close(&instance->provider);
        instance->keys = fresh;
        fresh = old;
    }
    sms365_keys_free(&fresh);
    return renewed;
}

enum sms365_err sms365_login(struct sms365 *instance, const struct sms365_subject *subject,
    const struct sms365_dialogue *dialogue, struct sms365_outcome *outcome, struct sms365_error *err)
{
    struct sms365_error own = {0};
    struct sms365_challenge *challenge = NULL;
    const struct sms365_drive drive = {
        .store = instance->store,
        .provider = &instance->provider,
        .spool = instance->conf.spool,
        .dialogue = dialogue,
        .log = &instance->log,
        .renew_keys = renew_keys,
        .renew_context = instance,
    };

    *outcome = (struct sms365_outcome){.verdict = SMS365_DENY, .reason = SMS365_REASON_CONFIG_UNUSABLE};
    if (err == NULL)
        err = &own;
    if (subject->user == NULL || subject->service == NULL || dialogue == NULL || dialogue->ask == NULL)
        return sms365_error_set(err, SMS365_BAD_ARGUMENT, "user, service and a way to ask are needed");
    enum sms365_err code = make_challenge(instance, subject, &challenge, err);
    if (code == SMS365_OK)
        code = sms365_drive_run(&drive, challenge, outcome, err);
    sms365_challenge_free(challenge);
    if (code != SMS365_OK) {
        sms365_log_line(&instance->log, LOG_ERR, "%s", err->text);
        sms365_login_denied(&instance->log, &instance->conf, &instance->holder_key, subject, outcome->reason);
    }
    return code;
}

enum sms365_err sms365_call(struct sms365 *instance, const char *endpoint, const struct sms365_param *params,
    size_t count, struct sms365_reply **reply, struct sms365_error *err)
{
    const struct sms365_endpoint *found = sms365_endpoint_find(endpoint);

    *reply = NULL;
    if (found == NULL)
        return sms365_error_set(err, SMS365_BAD_ARGUMENT, "there is no endpoint %s", endpoint);
    const struct sms365_provider_request request =
        sms365_provider_request_of(&instance->conf, found->id, params, count);
    return sms365_provider_call(&instance->provider, &request, reply, err);
}
