#include "guard.h"

#include "base/err.h"
#include "edges/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
    if (code == SMS365_OK &&
        (!sms365_derive(&key, &master, "store") || !sms365_derive(&guard->holder_key, &master, "holder")))
        code = sms365_error_set(err, SMS365_CRYPTO, "no key could be derived from %s", cli->conf.master);
    sms365_secret_free(&master);
    if (code == SMS365_OK)
        code = store_open(guard, &key, err);
    sms365_wipe(&key, sizeof key);
    return code;
}

bool cli_guard_enter(struct cli *cli, struct cli_guard *guard)
{
    struct sms365_error err = {0};

    if (cli_guard_open(cli, guard, &err) == SMS365_OK)
        return true;
    cli_guard_close(guard);
    (void)cli_fail_error(cli, &err);
    return false;
}

void cli_guard_close(struct cli_guard *guard)
{
    sms365_store_close(guard->store);
    guard->store = NULL;
    sms365_wipe(&guard->holder_key, sizeof guard->holder_key);
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

/* --- Enrolment --- */

static bool renew_edit(void *context, struct cli_record *record, const struct sms365_limits *limits)
{
    struct sms365_state *state = &record->state;

    (void)context;
    (void)limits;
    memset(state->slots, 0, sizeof state->slots);
    state->slot_count = 0;
    memset(&state->places, 0, sizeof state->places);
    memset(&state->graces, 0, sizeof state->graces);
    memset(&state->looked, 0, sizeof state->looked);
    memset(&state->swapped, 0, sizeof state->swapped);
    return record->version != 0;
}

/* Of many users few have a record: a look is all that most need. */
enum sms365_err cli_guard_renew(struct cli_guard *guard, const char *user, bool *had, struct sms365_error *err)
{
    struct sms365_record raw = {.version = 0};

    if (!owner_become(guard))
        return owner_fail(guard, err);
    const enum sms365_err code = sms365_store_get(guard->store, SMS365_CLASS_USER, user, &raw, err);
    owner_leave(guard);
    if (had != NULL)
        *had = raw.version != 0;
    return code == SMS365_OK && raw.version != 0 ? cli_guard_change(guard, user, renew_edit, NULL, err) : code;
}

static bool record_found(void *context, const char *name, const struct sms365_record *record)
{
    bool *any = context;

    (void)name;
    (void)record;
    *any = true;
    return false;
}

bool cli_guard_has_records(struct cli_guard *guard)
{
    bool any = false;

    if (!owner_become(guard))
        return owner_fail(guard, NULL) != SMS365_OK;
    const enum sms365_err code = sms365_store_scan(guard->store, SMS365_CLASS_USER, record_found, &any, NULL);
    owner_leave(guard);
    return any || code != SMS365_OK;
}

static bool make_edit(void *context, struct cli_record *record, const struct sms365_limits *limits)
{
    bool *made = context;

    (void)limits;
    *made = record->version == 0;
    return *made;
}

static bool same_edit(void *context, struct cli_record *record, const struct sms365_limits *limits)
{
    (void)context;
    (void)limits;
    return record->version != 0;
}

/* A table is there once any of its buckets was written: one that never counted anything counts nothing. */
static enum sms365_err table_make(struct cli_guard *guard, enum sms365_class class, struct sms365_error *err)
{
    const struct sms365_tally none = {0};
    struct sms365_now now;
    struct sms365_record record;
    uint8_t value[SMS365_RECORD_TALLY_MAX];
    size_t length;

    enum sms365_err code = sms365_now_read(&now, err);
    if (code == SMS365_OK)
        code = sms365_store_get(guard->store, class, "0", &record, err);
    if (code != SMS365_OK || record.version != 0)
        return code;
    if (!sms365_tally_encode(&none, &now, value, sizeof value, &length))
        return sms365_error_set(err, SMS365_FULL, "an empty record does not fit");
    code = sms365_store_cas(guard->store, class, "0", 0, value, length, 0, NULL, err);
    return code == SMS365_CONFLICT ? SMS365_OK : code;
}

enum sms365_err cli_guard_make_tables(struct cli_guard *guard, struct sms365_error *err)
{
    enum sms365_err code = SMS365_OK;

    if (!owner_become(guard))
        return owner_fail(guard, err);
    for (int class = 0; class < SMS365_CLASS_COUNT && code == SMS365_OK; class ++)
        if (class != SMS365_CLASS_USER)
            code = table_make(guard, (enum sms365_class) class, err);
    owner_leave(guard);
    return code;
}

enum sms365_err cli_guard_enrol(struct cli_guard *guard, const char *user, struct sms365_error *err)
{
    bool made = false;
    enum sms365_err code = cli_guard_change(guard, user, make_edit, &made, err);

    /* The write after the first does more than later ones (the record's name goes to disk again): not at a login. */
    if (code == SMS365_OK && made)
        code = cli_guard_change(guard, user, same_edit, NULL, err);
    return code == SMS365_OK ? cli_guard_make_tables(guard, err) : code;
}
