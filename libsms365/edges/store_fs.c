#include "edges/store_file.h"

#include "base/err.h"
#include "base/str.h"
#include "edges/monotonic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

enum sms365_err sms365_store_fail(
    const struct sms365_store_file *store, const char *name, const char *action, int number, struct sms365_error *err)
{
    enum sms365_err code = SMS365_IO;

    if (number == ENOMEM)
        code = SMS365_NO_MEMORY;
    else if (number == ENOSPC || number == EDQUOT)
        code = SMS365_FULL;
    else if (number == ELOOP)
        return sms365_error_set(err, SMS365_BAD_OWNER, "%s/%s: is a symbolic link: remove it", store->dir, name);
    return sms365_error_set(err, code, "%s/%s: cannot %s: %s", store->dir, name, action, strerror(number));
}

enum sms365_err sms365_store_damaged(
    const struct sms365_store_file *store, const char *name, enum sms365_pair pair, struct sms365_error *err)
{
    if (pair == SMS365_PAIR_NO_CRYPTO)
        return sms365_error_set(err, SMS365_CRYPTO, "%s/%s: computing a checksum failed", store->dir, name);
    return sms365_error_set(err, SMS365_CORRUPT,
        "%s/%s: %s. Find out who could write there; deleting the file lets its counters start afresh", store->dir, name,
        pair == SMS365_PAIR_FOREIGN ? "holds another record than its name says"
                                    : "was altered, or written with another master key");
}

int64_t sms365_store_deadline_ms(const struct sms365_store_file *store)
{
    return sms365_monotonic_ms() + store->lock_timeout_ms;
}

static enum sms365_err check_file(const struct sms365_store_file *store, const struct sms365_store_entry *entry,
    const struct stat *st, struct sms365_error *err)
{
    if (!S_ISREG(st->st_mode))
        return sms365_error_set(
            err, SMS365_BAD_OWNER, "%s/%s: is not a regular file: remove it", store->dir, entry->name);
    if (st->st_uid != store->owner)
        return sms365_error_set(err, SMS365_BAD_OWNER, "%s/%s: belongs to uid %lu, not %lu like its directory",
            store->dir, entry->name, (unsigned long)st->st_uid, (unsigned long)store->owner);
    if ((st->st_mode & 077) != 0)
        return sms365_error_set(err, SMS365_BAD_OWNER, "%s/%s: is open to others (mode %03o): chmod 0600", store->dir,
            entry->name, (unsigned)(st->st_mode & 0777));
    return SMS365_OK;
}

enum sms365_err sms365_store_entry_open(
    const struct sms365_store_file *store, struct sms365_store_entry *entry, int flags, struct sms365_error *err)
{
    /* O_NONBLOCK: a FIFO in place of a record must not hold us up. */
    const int careful = flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    struct stat st;
    /* Every read after a write would write the time of access, too. */
    int fd = openat(store->dir_fd, entry->name, careful | O_NOATIME, S_IRUSR | S_IWUSR);

    if (fd < 0 && errno == EPERM) /* belongs to another: have a look at it all the same, to say so */
        fd = openat(store->dir_fd, entry->name, careful, S_IRUSR | S_IWUSR);
    if (fd < 0) {
        if (errno == ENOENT && (flags & O_CREAT) == 0)
            return SMS365_NOT_FOUND;
        return sms365_store_fail(store, entry->name, "open", errno, err);
    }
    entry->lock.fd = fd;
    enum sms365_err result;
    if (fstat(fd, &st) != 0)
        result = sms365_store_fail(store, entry->name, "look at", errno, err);
    else
        result = check_file(store, entry, &st, err);
    /* Whoever starts su chooses its umask: a new file is still to be its owner's to read and write. */
    if (result == SMS365_OK && (flags & O_CREAT) != 0 && (st.st_mode & 0777) != (S_IRUSR | S_IWUSR) &&
        fchmod(fd, S_IRUSR | S_IWUSR) != 0)
        result = sms365_store_fail(store, entry->name, "set the mode of", errno, err);
    if (result != SMS365_OK) {
        sms365_store_entry_close(entry);
        return result;
    }
    entry->device = st.st_dev;
    entry->inode = st.st_ino;
    entry->size = st.st_size;
    return SMS365_OK;
}

void sms365_store_entry_close(struct sms365_store_entry *entry)
{
    (void)close(entry->lock.fd);
    entry->lock.fd = -1;
}

static enum sms365_err too_long(
    const struct sms365_store_file *store, const struct sms365_store_entry *entry, bool quiet, struct sms365_error *err)
{
    struct sms365_error own;
    struct sms365_error *text = err == NULL ? &own : err;

    if (quiet)
        return SMS365_BUSY;
    const pid_t pid = sms365_lock_holder(&entry->lock);
    if (pid > 0)
        (void)sms365_error_set(text, SMS365_BUSY, "%s/%s: held by process %ld for more than %lld ms", store->dir,
            entry->name, (long)pid, (long long)store->lock_timeout_ms);
    else
        (void)sms365_error_set(text, SMS365_BUSY, "%s/%s: held by another process for more than %lld ms", store->dir,
            entry->name, (long long)store->lock_timeout_ms);
    sms365_log_line(store->log, LOG_WARNING, "%s", text->text);
    return SMS365_BUSY;
}

/* While we waited the file may have been deleted, or another put in its place: then a write to it would be lost. */
static enum sms365_err still_named(
    const struct sms365_store_file *store, struct sms365_store_entry *entry, bool *named, struct sms365_error *err)
{
    struct stat st;

    *named = false;
    if (fstatat(store->dir_fd, entry->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? SMS365_OK : sms365_store_fail(store, entry->name, "look at", errno, err);
    *named = st.st_dev == entry->device && st.st_ino == entry->inode;
    entry->size = st.st_size;
    return SMS365_OK;
}

enum sms365_err sms365_store_entry_lock(const struct sms365_store_file *store, struct sms365_store_entry *entry,
    int flags, int64_t deadline_ms, struct sms365_error *err)
{
    for (;;) {
        bool named;
        enum sms365_err result = sms365_store_entry_open(store, entry, flags, err);
        if (result != SMS365_OK)
            return result;
        result = sms365_lock_take(&entry->lock, deadline_ms);
        if (result != SMS365_OK) {
            result = result == SMS365_BUSY ? too_long(store, entry, deadline_ms == SMS365_STORE_NO_WAIT, err)
                                           : sms365_store_fail(store, entry->name, "lock", errno, err);
            sms365_store_entry_close(entry);
            return result;
        }
        result = still_named(store, entry, &named, err);
        if (result == SMS365_OK && named)
            return SMS365_OK;
        sms365_store_entry_unlock(entry);
        if (result != SMS365_OK)
            return result;
    }
}

void sms365_store_entry_unlock(struct sms365_store_entry *entry)
{
    sms365_lock_release(&entry->lock);
    sms365_store_entry_close(entry);
}

enum sms365_err sms365_store_entry_read(const struct sms365_store_file *store, const struct sms365_store_entry *entry,
    void *data, size_t length, off_t offset, struct sms365_error *err)
{
    uint8_t *bytes = data;
    size_t done = 0;

    while (done < length) {
        const ssize_t got = pread(entry->lock.fd, bytes + done, length - done, offset + (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sms365_store_fail(store, entry->name, "read", errno, err);
        if (got == 0)
            break;
        done += (size_t)got;
    }
    memset(bytes + done, 0, length - done);
    return SMS365_OK;
}

enum sms365_err sms365_store_entry_fits(
    const struct sms365_store_file *store, const struct sms365_store_entry *entry, off_t end, struct sms365_error *err)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit) != 0)
        return sms365_store_fail(store, entry->name, "find out how far to write to", errno, err);
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= (rlim_t)end)
        return SMS365_OK;
    return sms365_error_set(err, SMS365_IO,
        "%s/%s: cannot write: %s (this process may write files of %llu bytes only; "
        "see ulimit -f)",
        store->dir, entry->name, strerror(EFBIG), (unsigned long long)limit.rlim_cur);
}

enum sms365_err sms365_store_entry_write(const struct sms365_store_file *store, const struct sms365_store_entry *entry,
    const void *data, size_t length, off_t offset, struct sms365_error *err)
{
    const uint8_t *bytes = data;
    size_t done = 0;
    const enum sms365_err result = sms365_store_entry_fits(store, entry, offset + (off_t)length, err);

    if (result != SMS365_OK)
        return result;
    while (done < length) {
        const ssize_t put = pwrite(entry->lock.fd, bytes + done, length - done, offset + (off_t)done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return sms365_store_fail(store, entry->name, "write", errno, err);
        done += (size_t)put;
    }
    return SMS365_OK;
}

enum sms365_err sms365_store_entry_sync(
    const struct sms365_store_file *store, const struct sms365_store_entry *entry, struct sms365_error *err)
{
    if (fdatasync(entry->lock.fd) != 0)
        return sms365_store_fail(store, entry->name, "write to disk", errno, err);
    return SMS365_OK;
}

enum sms365_err sms365_store_sync_names(const struct sms365_store_file *store, struct sms365_error *err)
{
    if (fsync(store->dir_fd) != 0)
        return sms365_store_fail(store, ".", "write to disk", errno, err);
    return SMS365_OK;
}

bool sms365_store_name_mac(
    uint8_t mac[SMS365_MAC_BYTES], const struct sms365_store_file *store, enum sms365_class class, const char *name)
{
    static const char *const prefixes[SMS365_CLASS_COUNT] = {"user", "host", "spend", "shard", "flag"};
    uint8_t text[sizeof "spend" + SMS365_RECORD_TALLY_NAME_MAX];
    const size_t prefix = strlen(prefixes[class]) + 1;
    const size_t length = strlen(name);

    memcpy(text, prefixes[class], prefix);
    memcpy(text + prefix, name, length);
    return sms365_mac_make(mac, store->key, text, prefix + length);
}

bool sms365_store_first_sequence(uint64_t *sequence, unsigned parity)
{
    uint64_t random;

    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return false;
    /* Bit 61 keeps it from 0; the two above leave room to count. */
    *sequence = (random >> 3 | UINT64_C(1) << 61) & ~UINT64_C(1);
    *sequence |= parity;
    return true;
}

void sms365_store_fill(struct sms365_store_slot *slot, const struct sms365_store_change *change, uint64_t sequence)
{
    slot->sequence = sequence;
    slot->expires_s = sms365_store_expiry_s(change->ttl_s);
    slot->kind = SMS365_SLOT_VALUE;
    slot->length = change->length;
    if (change->length > 0)
        memcpy(slot->value, change->value, change->length);
}

enum sms365_err sms365_store_expect(
    const struct sms365_store_slot *newest, const struct sms365_store_change *change, struct sms365_error *err)
{
    const uint64_t version = sms365_slot_is_live(newest, sms365_store_wall_s()) ? newest->sequence : 0;

    if (version != change->version)
        return sms365_error_set(err, SMS365_CONFLICT, "the record was changed meanwhile");
    return SMS365_OK;
}
