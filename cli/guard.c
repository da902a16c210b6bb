#include "guard.h"

#include "base/err.h"
#include "edges/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ATTEMPTS 100 /* at a record that others change at the same time */

/*
 * A store's directory is its owner's, who might put anything there (a web server's worker that was taken over, say):
 * nothing in it is opened as root.
 */
static bool owner_become(const struct cli_guard *guard)
{
    return guard->uid == guard->own_uid || (setegid(guard->gid) == 0 && seteuid(guard->uid) == 0);
}

static void owner_leave(const struct cli_guard *guard)
{
    if (guard->uid != guard->own_uid && (seteuid(guard->own_uid) != 0 || setegid(guard->own_gid) != 0))
        abort();
}

static enum sms365_err owner_fail(const struct cli_guard *guard, struct sms365_error *err)
{
    const int number = errno;

    owner_leave(guard);
    return sms365_error_set(
        err, SMS365_IO, "%s: cannot act as its owner: %s", guard->conf->store_dir, strerror(number));
}

static enum sms365_err store_open(struct cli_guard *guard, const struct sms365_mac_key *key, struct sms365_error *err)
{
    const struct sms365_store_file_options options = {
        .dir = guard->conf->store_dir,
        .key = key,
        .lock_timeout_ms = guard->conf->lock_timeout_s * 1000,
    };
    struct stat st;

    if (guard->own_uid == 0 && lstat(options.dir, &st) == 0 && S_ISDIR(st.st_mode)) {
        guard->uid = st.st_uid;
        guard->gid = st.st_gid;
    }
    if (!owner_become(guard))
        return owner_fail(guard, err);
    const enum sms365_err code = sms365_store_file_open(&guard->store, &options, err);
    owner_leave(guard);
    return code;
}

enum sms365_err cli_guard_open(struct cli *cli, struct cli_guard *guard, struct sms365_error *err)
{
    struct sms365_secret master = {0};
    struct sms365_mac_key key;

    *guard = (struct cli_guard){.conf = &cli->conf, .limits = sms365_limits_of(&cli->conf)};
    guard->own_uid = guard->uid = geteuid();
    guard->own_gid = guard->gid = getegid();
    enum sms365_err code = sms365_master_load(&master, cli->conf.master, err);
    if (code == SMS365_OK && !sms365_derive(&key, &master, "store"))
        code = sms365_error_set(err, SMS365_CRYPTO, "no key could be derived from %s", cli->conf.master);
    sms365_secret_free(&master);
    if (code == SMS365_OK)
        code = store_open(guard, &key, err);
    sms365_wipe(&key, sizeof key);
    return code;
}

void cli_guard_close(struct cli_guard *guard)
{
    sms365_store_close(guard->store);
    guard->store = NULL;
}

static enum sms365_err record_read(
    struct cli_guard *guard, const char *user, struct cli_record *record, struct sms365_error *err)
{
    struct sms365_record raw;
    enum sms365_err code = sms365_store_get(guard->store, SMS365_CLASS_USER, user, &raw, err);

    if (code == SMS365_OK)
        code = sms365_now_read(&record->now, err);
    if (code != SMS365_OK)
        return code;
    record->version = raw.version;
    if (!sms365_state_decode(&record->state, &record->now, raw.value, raw.length))
        return sms365_error_set(err, SMS365_CORRUPT,
            "%s: the record of %s is not one that this version can read; removing the user and adding the user again "
            "makes it anew",
            guard->conf->store_dir, user);
    sms365_state_prune(&record->state, &guard->limits, &record->now);
    return SMS365_OK;
}

static enum sms365_err record_write(
    struct cli_guard *guard, const char *user, const struct cli_record *record, struct sms365_error *err)
{
    uint8_t value[SMS365_RECORD_MAX];
    size_t length;

    if (!sms365_state_encode(&record->state, &record->now, value, sizeof value, &length))
        return sms365_error_set(err, SMS365_FULL, "the record of %s does not fit", user);
    return sms365_store_cas(guard->store, SMS365_CLASS_USER, user, record->version, value, length, 0, NULL, err);
}

enum sms365_err cli_guard_change(
    struct cli_guard *guard, const char *user, cli_guard_edit *edit, void *context, struct sms365_error *err)
{
    struct cli_record record;
    enum sms365_err code = SMS365_CONFLICT;

    if (!owner_become(guard))
        return owner_fail(guard, err);
    for (unsigned i = 0; i < ATTEMPTS && code == SMS365_CONFLICT; i++) {
        code = record_read(guard, user, &record, err);
        if (code == SMS365_OK && edit(context, &record, &guard->limits))
            code = record_write(guard, user, &record, err);
    }
    owner_leave(guard);
    return code;
}

enum sms365_err cli_guard_read(
    struct cli_guard *guard, const char *user, struct cli_record *record, struct sms365_error *err)
{
    if (!owner_become(guard))
        return owner_fail(guard, err);
    const enum sms365_err code = record_read(guard, user, record, err);
    owner_leave(guard);
    return code;
}

enum sms365_err cli_guard_forget(struct cli_guard *guard, const char *user, struct sms365_error *err)
{
    if (!owner_become(guard))
        return owner_fail(guard, err);
    const enum sms365_err code = sms365_store_del(guard->store, SMS365_CLASS_USER, user, err);
    owner_leave(guard);
    return code;
}

struct enrolment {
    bool fresh;
    bool made;
};

static bool enrol_edit(void *context, struct cli_record *record, const struct sms365_limits *limits)
{
    struct enrolment *enrolment = context;
    struct sms365_state *state = &record->state;

    (void)limits;
    if (record->version == 0) {
        enrolment->made = true;
        return true;
    }
    if (!enrolment->fresh || (state->slot_count == 0 && state->places.count == 0))
        return false;
    memset(state->slots, 0, sizeof state->slots);
    state->slot_count = 0;
    memset(&state->places, 0, sizeof state->places);
    return true;
}

static bool same_edit(void *context, struct cli_record *record, const struct sms365_limits *limits)
{
    (void)context;
    (void)limits;
    return record->version != 0;
}

enum sms365_err cli_guard_enrol(struct cli_guard *guard, const char *user, bool fresh, struct sms365_error *err)
{
    struct enrolment enrolment = {.fresh = fresh};
    enum sms365_err code = cli_guard_change(guard, user, enrol_edit, &enrolment, err);

    /* The write after the first does more than later ones (the record's name goes to disk again): not at a login. */
    if (code == SMS365_OK && enrolment.made)
        code = cli_guard_change(guard, user, same_edit, NULL, err);
    return code;
}

/* --- What a record says --- */

long long cli_seconds(int64_t ms)
{
    return ((long long)ms + 999) / 1000;
}

/* Both shares together: whatever holds in one of them. */
struct summary {
    bool locked;
    int64_t lockout_ms;
    size_t failed_tries;
    size_t sends;
};

static struct summary summary_of(const struct cli_guard *guard, const struct cli_record *record)
{
    struct summary sum = {.locked = false};

    for (size_t i = 0; i < SMS365_SHARES; i++) {
        const struct sms365_share *share = &record->state.shares[i];
        const int64_t lockout_ms = sms365_share_lockout_ms(share, &guard->limits.guard, &record->now);
        sum.locked = sum.locked || share->locked;
        sum.lockout_ms = lockout_ms > sum.lockout_ms ? lockout_ms : sum.lockout_ms;
        sum.failed_tries += share->fail_count;
        sum.sends += share->send_count;
    }
    return sum;
}

/* "2026-01-31T10:00:00Z": when a lockout lets go. */
static void until_text(char out[32], const struct cli_record *record, int64_t lockout_ms)
{
    const time_t moment = (time_t)(record->now.wall_s + cli_seconds(lockout_ms));
    struct tm parts;

    if (gmtime_r(&moment, &parts) == NULL || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        out[0] = '\0';
}

static void lock_json(cJSON *object, const struct cli_record *record, const struct summary *sum)
{
    char until[32];

    (void)cJSON_AddBoolToObject(object, "locked", sum->locked);
    (void)cJSON_AddNumberToObject(object, "lockout_s", (double)cli_seconds(sum->lockout_ms));
    until_text(until, record, sum->lockout_ms);
    if (sum->lockout_ms > 0)
        (void)cJSON_AddStringToObject(object, "lockout_until", until);
    (void)cJSON_AddNumberToObject(object, "failed_tries", (double)sum->failed_tries);
    (void)cJSON_AddNumberToObject(object, "sends_last_hour", (double)sum->sends);
}

cJSON *cli_guard_json(const struct cli_guard *guard, const struct cli_record *record)
{
    static const char *const names[] = {[SMS365_SHARE_OTHER] = "elsewhere", [SMS365_SHARE_USUAL] = "usual"};
    const struct summary sum = summary_of(guard, record);
    cJSON *object = cJSON_CreateObject();

    lock_json(object, record, &sum);
    (void)cJSON_AddNumberToObject(object, "usual_places", (double)record->state.places.count);
    (void)cJSON_AddNumberToObject(object, "open_challenges", (double)record->state.slot_count);
    cJSON *shares = cJSON_AddObjectToObject(object, "shares");
    for (size_t i = 0; i < SMS365_SHARES; i++) {
        const struct sms365_share *share = &record->state.shares[i];
        const struct summary one = {
            .locked = share->locked,
            .lockout_ms = sms365_share_lockout_ms(share, &guard->limits.guard, &record->now),
            .failed_tries = share->fail_count,
            .sends = share->send_count,
        };
        lock_json(cJSON_AddObjectToObject(shares, names[i]), record, &one);
    }
    return object;
}

static const char *tries_word(size_t count)
{
    return count == 1 ? "try" : "tries";
}

void cli_guard_brief(struct sms365_buf *out, const struct cli_guard *guard, const struct cli_record *record)
{
    const struct summary sum = summary_of(guard, record);

    if (sum.locked)
        sms365_buf_puts(out, "locked");
    else if (sum.lockout_ms > 0)
        sms365_buf_printf(out, "locked out for %lld s", cli_seconds(sum.lockout_ms));
    if (sum.failed_tries > 0)
        sms365_buf_printf(out, "%s%zu failed %s", sum.locked || sum.lockout_ms > 0 ? ", " : "", sum.failed_tries,
            tries_word(sum.failed_tries));
}

void cli_guard_say(
    const struct cli *cli, const struct cli_guard *guard, const char *user, const struct cli_record *record)
{
    static const char *const names[] = {
        [SMS365_SHARE_OTHER] = "from elsewhere", [SMS365_SHARE_USUAL] = "from usual places"};
    const struct sms365_share *shares = record->state.shares;

    cli_say(cli, "Failed tries in the last %lld days: %zu %s, %zu %s (of %d each)",
        (long long)guard->conf->failed_tries_days, shares[0].fail_count, names[0], shares[1].fail_count, names[1],
        guard->limits.guard.budget);
    cli_say(cli, "Messages in the last hour: %zu %s, %zu %s (of %d each)", shares[0].send_count, names[0],
        shares[1].send_count, names[1], guard->limits.sends_per_hour);
    cli_say(cli, "Usual places: %zu; open challenges: %zu", record->state.places.count, record->state.slot_count);
    for (size_t i = 0; i < SMS365_SHARES; i++) {
        const int64_t lockout_ms = sms365_share_lockout_ms(&shares[i], &guard->limits.guard, &record->now);
        char until[32];
        until_text(until, record, lockout_ms);
        if (shares[i].locked)
            cli_say(cli, "Locked %s, until: sms365 user unlock %s", names[i], user);
        if (lockout_ms > 0)
            cli_say(cli, "Locked out %s until %s (for %lld s)", names[i], until, cli_seconds(lockout_ms));
    }
}
