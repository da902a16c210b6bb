/*
 * USER records: a file each, of two slots. A file gets its name when it is complete and on disk (NAME.new until then),
 * so a file of that name is never half made: whatever else it looks like, somebody altered it. It is made with a mark
 * (a slot without value) beside its first value; the mark is there until the second write, which makes sure first that
 * the name is on disk too, should its maker have been killed before.
 */
#include "edges/store_file.h"

#include "base/err.h"
#include "base/str.h"
#include "edges/monotonic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES (2 * SMS365_SLOT_USER_BYTES)
/* Attempts to read without a lock: a writer may be at it. */
#define FREE_READS 3

struct user_file {
    char name[sizeof SMS365_STORE_USER_PREFIX + 2 * SMS365_MAC_BYTES];
    char fresh[sizeof SMS365_STORE_USER_PREFIX + 2 * SMS365_MAC_BYTES + sizeof SMS365_STORE_USER_FRESH];
    struct sms365_slot_id id;
};

static enum sms365_err name_file(
    struct user_file *file, const struct sms365_store_file *store, const char *name, struct sms365_error *err)
{
    const size_t prefix = sizeof SMS365_STORE_USER_PREFIX - 1;
    uint8_t mac[SMS365_MAC_BYTES];

    if (!sms365_store_name_mac(mac, store, SMS365_CLASS_USER, name))
        return sms365_error_set(err, SMS365_CRYPTO, "%s: computing the name of a record failed", store->dir);
    memcpy(file->name, SMS365_STORE_USER_PREFIX, prefix);
    sms365_str_hex(file->name + prefix, mac, sizeof mac);
    memcpy(file->fresh, file->name, sizeof file->name - 1);
    memcpy(file->fresh + sizeof file->name - 1, SMS365_STORE_USER_FRESH, sizeof SMS365_STORE_USER_FRESH);
    file->id = (struct sms365_slot_id){.class = SMS365_CLASS_USER, .name = name, .name_length = strlen(name)};
    return SMS365_OK;
}

/* Read and judge an open file. */
static enum sms365_err examine(struct sms365_store_state *state, const struct sms365_store_file *store,
    const struct sms365_store_entry *entry, const struct sms365_slot_id *id, struct sms365_error *err)
{
    uint8_t bytes[FILE_BYTES];
    const uint8_t *const pair[2] = {bytes, bytes + SMS365_SLOT_USER_BYTES};

    state->pair = SMS365_PAIR_DAMAGED;
    if (entry->size != FILE_BYTES)
        return SMS365_OK;
    const enum sms365_err result = sms365_store_entry_read(store, entry, bytes, sizeof bytes, 0, err);
    if (result == SMS365_OK)
        state->pair = sms365_slot_judge(
            &state->newest, &state->newborn, &state->next, pair, SMS365_SLOT_USER_BYTES, store->key, id);
    return result;
}

enum sms365_err sms365_store_user_examine(struct sms365_store_state *state, const struct sms365_store_file *store,
    const struct sms365_store_entry *entry, const struct sms365_slot_id *id, struct sms365_error *err)
{
    const enum sms365_err result = examine(state, store, entry, id, err);

    if (result != SMS365_OK)
        return result;
    if (state->pair != SMS365_PAIR_CLEAN && state->pair != SMS365_PAIR_TORN)
        return sms365_store_damaged(store, entry->name, state->pair, err);
    return SMS365_OK;
}

enum sms365_err sms365_store_user_read(struct sms365_store_state *state, const struct sms365_store_file *store,
    const char *name, const struct sms365_slot_id *id, struct sms365_error *err)
{
    struct sms365_store_entry entry = {.name = name};
    enum sms365_err result;

    for (unsigned i = 0; i < FREE_READS; i++) {
        result = sms365_store_entry_open(store, &entry, O_RDONLY, err);
        if (result != SMS365_OK)
            return result;
        result = examine(state, store, &entry, id, err);
        sms365_store_entry_close(&entry);
        if (result != SMS365_OK || state->pair == SMS365_PAIR_CLEAN)
            return result;
    }
    result = sms365_store_entry_lock(store, &entry, O_RDWR, sms365_store_deadline_ms(store), err);
    if (result != SMS365_OK)
        return result;
    result = sms365_store_user_examine(state, store, &entry, id, err);
    sms365_store_entry_unlock(&entry);
    return result;
}

enum sms365_err sms365_store_user_get(
    struct sms365_store_file *store, const char *name, struct sms365_store_state *state, struct sms365_error *err)
{
    struct user_file file;
    const enum sms365_err result = name_file(&file, store, name, err);

    return result == SMS365_OK ? sms365_store_user_read(state, store, file.name, &file.id, err) : result;
}

/* Write a slot of a locked file. */
static enum sms365_err write_slot(const struct sms365_store_file *store, const struct sms365_store_entry *entry,
    const struct sms365_slot_id *id, const struct sms365_store_slot *content, struct sms365_error *err)
{
    uint8_t bytes[SMS365_SLOT_USER_BYTES];
    const off_t offset = (off_t)(content->sequence & 1) * SMS365_SLOT_USER_BYTES;

    if (!sms365_slot_write(bytes, sizeof bytes, store->key, id, content))
        return sms365_store_damaged(store, entry->name, SMS365_PAIR_NO_CRYPTO, err);
    return sms365_store_entry_write(store, entry, bytes, sizeof bytes, offset, err);
}

/*
 * Bring a slot whose writing was interrupted back to one piece, with the number it had before. A write right over it,
 * cut short in its turn, could leave sectors of both with the same tag.
 */
static enum sms365_err mend_slot(const struct sms365_store_file *store, const struct sms365_store_entry *entry,
    const struct sms365_slot_id *id, uint64_t newest, struct sms365_error *err)
{
    const struct sms365_store_slot mended = {.kind = SMS365_SLOT_NONE, .sequence = newest - 1};
    const enum sms365_err result = write_slot(store, entry, id, &mended, err);

    return result == SMS365_OK ? sms365_store_entry_sync(store, entry, err) : result;
}

/* Change the record that is there; NOT_FOUND when there is none. */
static enum sms365_err update(const struct sms365_store_file *store, const struct user_file *file,
    const struct sms365_store_change *change, int64_t deadline_ms, struct sms365_error *err)
{
    struct sms365_store_entry entry = {.name = file->name};
    struct sms365_store_state state;
    enum sms365_err result = sms365_store_entry_lock(store, &entry, O_RDWR, deadline_ms, err);

    if (result != SMS365_OK)
        return result;
    result = sms365_store_user_examine(&state, store, &entry, &file->id, err);
    if (result == SMS365_OK)
        result = sms365_store_expect(&state.newest, change, err);
    if (result == SMS365_OK && state.pair == SMS365_PAIR_TORN)
        result = mend_slot(store, &entry, &file->id, state.newest.sequence, err);
    if (result == SMS365_OK && state.newborn)
        result = sms365_store_sync_names(store, err);
    if (result == SMS365_OK) {
        sms365_store_fill(&state.newest, change, state.newest.sequence + 1);
        result = write_slot(store, &entry, &file->id, &state.newest, err);
    }
    if (result == SMS365_OK)
        result = sms365_store_entry_sync(store, &entry, err);
    sms365_store_entry_unlock(&entry);
    if (result == SMS365_OK)
        *change->new_version = state.newest.sequence;
    return result;
}

/* Fill the new file, locked under its first name, and give it its own. Whatever an interrupted maker left is cut off.
 */
static enum sms365_err make(const struct sms365_store_file *store, const struct sms365_store_entry *entry,
    const struct user_file *file, const struct sms365_store_change *change, struct sms365_error *err)
{
    struct sms365_store_slot content = {.kind = SMS365_SLOT_NONE};
    enum sms365_err result = sms365_store_entry_fits(store, entry, FILE_BYTES, err);

    if (result != SMS365_OK)
        return result;
    if (entry->size != 0 && ftruncate(entry->lock.fd, 0) != 0)
        return sms365_store_fail(store, entry->name, "cut", errno, err);
    if (!sms365_store_first_sequence(&content.sequence, 0))
        return sms365_store_fail(store, entry->name, "get random bytes for", errno, err);
    /* Both slots in full: later writes find their blocks there, whatever happens to the free space. */
    result = write_slot(store, entry, &file->id, &content, err);
    if (result != SMS365_OK)
        return result;
    sms365_store_fill(&content, change, content.sequence + 1);
    result = write_slot(store, entry, &file->id, &content, err);
    if (result == SMS365_OK)
        result = sms365_store_entry_sync(store, entry, err);
    if (result != SMS365_OK)
        return result;
    if (renameat(store->dir_fd, entry->name, store->dir_fd, file->name) != 0)
        return sms365_store_fail(store, entry->name, "rename", errno, err);
    *change->new_version = content.sequence;
    return SMS365_OK;
}

/* Make the record; EXISTS when another process was faster. Only who holds the lock of the new file may make one. */
static enum sms365_err create(const struct sms365_store_file *store, const struct user_file *file,
    const struct sms365_store_change *change, int64_t deadline_ms, struct sms365_error *err)
{
    struct sms365_store_entry entry = {.name = file->fresh};
    struct stat st;
    enum sms365_err result = sms365_store_entry_lock(store, &entry, O_RDWR | O_CREAT, deadline_ms, err);

    if (result != SMS365_OK)
        return result;
    if (fstatat(store->dir_fd, file->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        result = SMS365_EXISTS;
    else if (errno != ENOENT)
        result = sms365_store_fail(store, file->name, "look at", errno, err);
    else
        result = make(store, &entry, file, change, err);
    if (result == SMS365_OK)
        result = sms365_store_sync_names(store, err);
    else
        (void)unlinkat(store->dir_fd, file->fresh, 0);
    sms365_store_entry_unlock(&entry);
    return result;
}

enum sms365_err sms365_store_user_cas(
    struct sms365_store_file *store, const struct sms365_store_change *change, struct sms365_error *err)
{
    struct user_file file;
    const int64_t deadline_ms = sms365_store_deadline_ms(store);
    enum sms365_err result = name_file(&file, store, change->name, err);

    if (result != SMS365_OK)
        return result;
    for (unsigned round = 0; round < 2 || sms365_monotonic_ms() < deadline_ms; round++) {
        result = update(store, &file, change, deadline_ms, err);
        if (result != SMS365_NOT_FOUND)
            return result;
        if (change->version != 0)
            return sms365_error_set(err, SMS365_CONFLICT, "the record was deleted meanwhile");
        result = create(store, &file, change, deadline_ms, err);
        if (result != SMS365_EXISTS)
            return result;
    }
    return sms365_error_set(err, SMS365_BUSY, "%s/%s: made and deleted again and again", store->dir, file.name);
}

enum sms365_err sms365_store_user_remove(const struct sms365_store_file *store, const char *name, int64_t deadline_ms,
    sms365_store_doomed *doomed, struct sms365_error *err)
{
    struct sms365_store_entry entry = {.name = name};
    enum sms365_err result = sms365_store_entry_lock(store, &entry, O_RDWR, deadline_ms, err);

    if (result != SMS365_OK)
        return result;
    if (doomed(store, &entry) && unlinkat(store->dir_fd, name, 0) != 0)
        result = sms365_store_fail(store, name, "delete", errno, err);
    sms365_store_entry_unlock(&entry);
    return result;
}

static bool is_doomed_anyway(const struct sms365_store_file *store, const struct sms365_store_entry *entry)
{
    (void)store;
    (void)entry;
    return true;
}

enum sms365_err sms365_store_user_del(struct sms365_store_file *store, const char *name, struct sms365_error *err)
{
    struct user_file file;
    enum sms365_err result = name_file(&file, store, name, err);

    if (result == SMS365_OK)
        result = sms365_store_user_remove(store, file.name, sms365_store_deadline_ms(store), is_doomed_anyway, err);
    /* Also when there was none: whoever deleted it may have been killed before this. */
    if (result == SMS365_OK || result == SMS365_NOT_FOUND)
        result = sms365_store_sync_names(store, err);
    return result;
}
