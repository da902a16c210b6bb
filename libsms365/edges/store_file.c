#include "edges/store_file.h"

#include "base/err.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One write in so many is followed by a look for expired records. */
#define SWEEP_EVERY 64

static enum sms365_err file_get(struct sms365_store *base, enum sms365_class class, const char *name,
    struct sms365_record *record, struct sms365_error *err)
{
    struct sms365_store_file *store = (struct sms365_store_file *)base;
    struct sms365_store_state state;
    enum sms365_err result = sms365_store_check_name(class, name, err);

    if (result == SMS365_OK)
        result = class == SMS365_CLASS_USER ? sms365_store_user_get(store, name, &state, err)
                                            : sms365_store_table_get(store, class, name, &state, err);
    if (result != SMS365_OK && result != SMS365_NOT_FOUND)
        return result;
    record->version = 0;
    record->length = 0;
    if (result == SMS365_OK && sms365_slot_is_live(&state.newest, sms365_store_wall_s())) {
        record->version = state.newest.sequence;
        record->length = state.newest.length;
        memcpy(record->value, state.newest.value, state.newest.length);
    }
    return SMS365_OK;
}

static enum sms365_err file_cas(struct sms365_store *base, enum sms365_class class, const char *name, uint64_t version,
    const void *value, size_t length, int64_t ttl_s, uint64_t *new_version, struct sms365_error *err)
{
    struct sms365_store_file *store = (struct sms365_store_file *)base;
    uint64_t written = 0;
    const struct sms365_store_change change = {name, version, value, length, ttl_s, &written};
    enum sms365_err result = sms365_store_check_value(class, name, length, ttl_s, err);

    if (result == SMS365_OK)
        result = class == SMS365_CLASS_USER ? sms365_store_user_cas(store, &change, err)
                                            : sms365_store_table_cas(store, class, &change, err);
    if (result != SMS365_OK)
        return result;
    if (new_version != NULL)
        *new_version = written;
    if (written % SWEEP_EVERY == 0)
        sms365_store_user_sweep(store);
    return SMS365_OK;
}

static enum sms365_err file_del(
    struct sms365_store *base, enum sms365_class class, const char *name, struct sms365_error *err)
{
    struct sms365_store_file *store = (struct sms365_store_file *)base;
    enum sms365_err result = sms365_store_check_name(class, name, err);

    if (result == SMS365_OK)
        result = class == SMS365_CLASS_USER ? sms365_store_user_del(store, name, err)
                                            : sms365_store_table_del(store, class, name, err);
    return result == SMS365_NOT_FOUND ? SMS365_OK : result;
}

static enum sms365_err file_scan(struct sms365_store *base, enum sms365_class class,
    bool (*each)(void *context, const char *name, const struct sms365_record *record), void *context,
    struct sms365_error *err)
{
    struct sms365_store_file *store = (struct sms365_store_file *)base;

    if ((unsigned)class >= SMS365_CLASS_COUNT)
        return sms365_error_set(err, SMS365_BAD_ARGUMENT, "state store: there is no class %u", (unsigned)class);
    return class == SMS365_CLASS_USER ? sms365_store_user_scan(store, each, context, err)
                                      : sms365_store_table_scan(store, class, each, context, err);
}

static void file_close(struct sms365_store *base)
{
    struct sms365_store_file *store = (struct sms365_store_file *)base;

    if (store->dir_fd >= 0)
        (void)close(store->dir_fd);
    sms365_mac_free(store->key);
    free(store->dir);
    free(store);
}

static enum sms365_err dir_fail(const struct sms365_store_file *store, const char *action, struct sms365_error *err)
{
    const enum sms365_err code = errno == ENOMEM                      ? SMS365_NO_MEMORY
                                 : errno == ENOSPC || errno == EDQUOT ? SMS365_FULL
                                                                      : SMS365_IO;

    return sms365_error_set(err, code, "%s: cannot %s the state directory: %s", store->dir, action, strerror(errno));
}

/* Make the directory, and its name durable. */
static enum sms365_err make_dir(const struct sms365_store_file *store, struct sms365_error *err)
{
    const char *slash = strrchr(store->dir, '/');
    const size_t length = slash == NULL ? 0 : slash == store->dir ? 1 : (size_t)(slash - store->dir);
    char *parent = slash == NULL ? strdup(".") : strndup(store->dir, length);

    if (parent == NULL)
        return sms365_error_set(err, SMS365_NO_MEMORY, "out of memory");
    const int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(parent);
    enum sms365_err result = SMS365_OK;
    if (fd < 0 || (mkdir(store->dir, S_IRWXU) != 0 && errno != EEXIST))
        result = dir_fail(store, "make", err);
    else if (fsync(fd) != 0)
        result = dir_fail(store, "make", err);
    if (fd >= 0)
        (void)close(fd);
    return result;
}

static int open_fd(const struct sms365_store_file *store)
{
    return open(store->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static enum sms365_err open_dir(struct sms365_store_file *store, struct sms365_error *err)
{
    struct stat st;

    store->dir_fd = open_fd(store);
    if (store->dir_fd < 0 && errno == ENOENT) {
        const enum sms365_err result = make_dir(store, err);
        if (result != SMS365_OK)
            return result;
        store->dir_fd = open_fd(store);
    }
    if (store->dir_fd < 0 && (errno == ENOTDIR || errno == ELOOP))
        return sms365_error_set(err, SMS365_BAD_OWNER, "%s: is not a directory, or a symbolic link to one", store->dir);
    if (store->dir_fd < 0)
        return dir_fail(store, "open", err);
    if (fstat(store->dir_fd, &st) != 0)
        return dir_fail(store, "look at", err);
    store->owner = geteuid();
    if (st.st_uid != store->owner)
        return sms365_error_set(err, SMS365_BAD_OWNER,
            "%s: the state directory belongs to uid %lu, but this runs as %lu: chown it, or name another", store->dir,
            (unsigned long)st.st_uid, (unsigned long)store->owner);
    if ((st.st_mode & 077) != 0)
        return sms365_error_set(err, SMS365_BAD_OWNER,
            "%s: the state directory is open to others (mode %03o): chmod 0700", store->dir,
            (unsigned)(st.st_mode & 0777));
    return SMS365_OK;
}

/* The directory's path without slashes at its end: they would follow a symbolic link. */
static char *copy_path(const char *dir)
{
    size_t length = strlen(dir);

    while (length > 1 && dir[length - 1] == '/')
        length--;
    return strndup(dir, length);
}

enum sms365_err sms365_store_file_open(
    struct sms365_store **opened, const struct sms365_store_file_options *options, struct sms365_error *err)
{
    static const struct sms365_store_ops ops = {file_get, file_cas, file_del, file_scan, file_close};
    struct sms365_store_file *store = calloc(1, sizeof *store);
    enum sms365_err result = SMS365_OK;

    if (store == NULL)
        return sms365_error_set(err, SMS365_NO_MEMORY, "out of memory");
    store->base.ops = &ops;
    store->dir_fd = -1;
    store->lock_timeout_ms = options->lock_timeout_ms;
    store->log = options->log;
    store->key = sms365_mac_new(options->key);
    store->dir = copy_path(options->dir);
    if (store->dir == NULL)
        result = sms365_error_set(err, SMS365_NO_MEMORY, "out of memory");
    else if (store->key == NULL)
        result = sms365_error_set(err, SMS365_CRYPTO, "%s: making the key of the store ready failed", store->dir);
    else
        result = open_dir(store, err);
    if (result != SMS365_OK) {
        file_close(&store->base);
        return result;
    }
    *opened = &store->base;
    return SMS365_OK;
}
