/* Walks over the USER records: all of them for scan, a few at a time to remove those that expired. */
#include "edges/store_file.h"

#include "base/err.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the last sweep stopped: a position in the directory, not worth a durable write. */
#define CURSOR "sweep"
/* Room for the names of four records, or a few more that are shorter. */
#define SWEEP_BYTES 400
#define LEFTOVER_S 60

enum kind { KIND_OTHER, KIND_RECORD, KIND_FRESH };

static enum kind kind_of(const char *name)
{
    static const char digits[] = "0123456789abcdef";
    const size_t prefix = sizeof SMS365_STORE_USER_PREFIX - 1;

    if (!sms365_str_starts(name, SMS365_STORE_USER_PREFIX) || strspn(name + prefix, digits) != 2 * SMS365_MAC_BYTES)
        return KIND_OTHER;
    const char *rest = name + prefix + 2 * SMS365_MAC_BYTES;
    if (*rest == '\0')
        return KIND_RECORD;
    return strcmp(rest, SMS365_STORE_USER_FRESH) == 0 ? KIND_FRESH : KIND_OTHER;
}

static DIR *open_names(const struct sms365_store_file *store)
{
    /* A description of its own: the directory's position is shared otherwise. */
    const int fd = openat(store->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir == NULL && fd >= 0) {
        const int saved_errno = errno;
        (void)close(fd);
        errno = saved_errno;
    }
    return dir;
}

/* A sound record under the name of another was copied there. */
static enum sms365_err check_name(const struct sms365_store_file *store, const char *file_name,
    const struct sms365_store_slot *slot, struct sms365_error *err)
{
    uint8_t mac[SMS365_MAC_BYTES];
    char hex[2 * SMS365_MAC_BYTES + 1];

    if (!sms365_store_name_mac(mac, store, SMS365_CLASS_USER, slot->name))
        return sms365_store_damaged(store, file_name, SMS365_PAIR_NO_CRYPTO, err);
    sms365_str_hex(hex, mac, sizeof mac);
    if (strcmp(file_name + sizeof SMS365_STORE_USER_PREFIX - 1, hex) != 0)
        return sms365_store_damaged(store, file_name, SMS365_PAIR_FOREIGN, err);
    return SMS365_OK;
}

/* One record of a scan. *more: go on to the next. */
static enum sms365_err visit(const struct sms365_store_file *store, const char *file_name, sms365_store_each *each,
    void *context, bool *more, struct sms365_error *err)
{
    const struct sms365_slot_id id = {.class = SMS365_CLASS_USER};
    struct sms365_store_state state;
    struct sms365_record record;
    enum sms365_err result = sms365_store_user_read(&state, store, file_name, &id, err);

    if (result == SMS365_NOT_FOUND)
        return SMS365_OK;
    if (result == SMS365_OK)
        result = check_name(store, file_name, &state.newest, err);
    if (result != SMS365_OK || !sms365_slot_is_live(&state.newest, sms365_store_wall_s()))
        return result;
    record.version = state.newest.sequence;
    record.length = state.newest.length;
    memcpy(record.value, state.newest.value, record.length);
    *more = each(context, state.newest.name, &record);
    return SMS365_OK;
}

/* A record that cannot be read does not hide the others: its error is returned when all were seen. */
enum sms365_err sms365_store_user_scan(
    struct sms365_store_file *store, sms365_store_each *each, void *context, struct sms365_error *err)
{
    struct sms365_error first = {.code = SMS365_OK};
    bool more = true;
    DIR *dir = open_names(store);

    if (dir == NULL)
        return sms365_store_fail(store, ".", "list", errno, err);
    while (more) {
        errno = 0;
        const struct dirent *found = readdir(dir);
        if (found == NULL) {
            if (errno != 0 && first.code == SMS365_OK)
                (void)sms365_store_fail(store, ".", "list", errno, &first);
            break;
        }
        struct sms365_error here = {.code = SMS365_OK};
        if (kind_of(found->d_name) == KIND_RECORD &&
            visit(store, found->d_name, each, context, &more, &here) != SMS365_OK && first.code == SMS365_OK)
            first = here;
    }
    (void)closedir(dir);
    if (first.code != SMS365_OK && err != NULL)
        *err = first;
    return first.code;
}

static bool is_leftover(const struct sms365_store_file *store, const struct sms365_store_entry *entry)
{
    (void)store;
    (void)entry;
    return true; /* whoever makes a record holds the lock, and we have it */
}

static bool is_expired(const struct sms365_store_file *store, const struct sms365_store_entry *entry)
{
    const struct sms365_slot_id id = {.class = SMS365_CLASS_USER};
    struct sms365_store_state state;

    return sms365_store_user_examine(&state, store, entry, &id, NULL) == SMS365_OK &&
           !sms365_slot_is_live(&state.newest, sms365_store_wall_s());
}

/* A look without the lock: others would have to wait for it. */
static bool looks_expired(const struct sms365_store_file *store, const char *file_name)
{
    struct sms365_store_entry entry = {.name = file_name};

    if (sms365_store_entry_open(store, &entry, O_RDONLY, NULL) != SMS365_OK)
        return false;
    const bool expired = is_expired(store, &entry);
    sms365_store_entry_close(&entry);
    return expired;
}

/* Too old for somebody to be making it still: whoever is should not find it locked. */
static bool looks_left(const struct sms365_store_file *store, const char *file_name)
{
    struct stat st;

    return fstatat(store->dir_fd, file_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           sms365_store_wall_s() - (int64_t)st.st_mtime > LEFTOVER_S;
}

static void sweep_one(const struct sms365_store_file *store, const char *file_name)
{
    const enum kind kind = kind_of(file_name);

    if (kind == KIND_FRESH && looks_left(store, file_name))
        (void)sms365_store_user_remove(store, file_name, SMS365_STORE_NO_WAIT, is_leftover, NULL);
    else if (kind == KIND_RECORD && looks_expired(store, file_name))
        (void)sms365_store_user_remove(store, file_name, SMS365_STORE_NO_WAIT, is_expired, NULL);
}

/* Look at the few names that fit; *position moves on behind them, to 0 after the last. */
static void sweep_from(const struct sms365_store_file *store, int dir, int64_t *position)
{
    _Alignas(struct dirent64) char names[SWEEP_BYTES];

    /* readdir would read, and the kernel sort, hundreds of names for the few. */
    if (lseek(dir, (off_t)*position, SEEK_SET) < 0)
        *position = 0;
    const ssize_t length = getdents64(dir, names, sizeof names);
    if (length <= 0)
        *position = 0;
    for (ssize_t at = 0; at < length;) {
        const struct dirent64 *found = (const struct dirent64 *)(const void *)(names + at);
        sweep_one(store, found->d_name);
        *position = found->d_off;
        at += found->d_reclen;
    }
}

void sms365_store_user_sweep(struct sms365_store_file *store)
{
    struct sms365_store_entry cursor = {.name = CURSOR};
    int64_t position = 0;
    const int dir = openat(store->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0)
        return;
    if (sms365_store_entry_open(store, &cursor, O_RDWR | O_CREAT, NULL) == SMS365_OK) {
        if (sms365_store_entry_read(store, &cursor, &position, sizeof position, 0, NULL) == SMS365_OK) {
            sweep_from(store, dir, &position);
            (void)sms365_store_entry_write(store, &cursor, &position, sizeof position, 0, NULL);
        }
        sms365_store_entry_close(&cursor);
    }
    (void)close(dir);
}
