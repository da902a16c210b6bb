/*
 * HOST records: what strangers choose, in a table whose size they cannot change. A page that says what the table is,
 * then slot 0 of every bucket, then slot 1 of every bucket (one broken disk sector never takes both). The page is
 * written last: where it is, the table is complete and its name on disk.
 */
#include "edges/store_file.h"

#include "base/err.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TABLE "host.table"
#define BUCKETS 4096
#define PAGE_BYTES 4096
#define HALF_BYTES ((off_t)BUCKETS * SMS365_SLOT_HOST_BYTES)
#define TABLE_BYTES (PAGE_BYTES + 2 * HALF_BYTES)
#define FREE_READS 3
#define TITLE_BYTES 64

struct bucket {
    unsigned number;
    uint8_t name[2]; /* the number, as slots carry it */
    struct sms365_slot_id id;
    char label[40]; /* for messages */
};

static void name_bucket(struct bucket *bucket, unsigned number)
{
    bucket->number = number;
    bucket->name[0] = (uint8_t)number;
    bucket->name[1] = (uint8_t)(number >> 8);
    bucket->id = (struct sms365_slot_id){SMS365_CLASS_HOST, bucket->name, sizeof bucket->name};
    (void)snprintf(bucket->label, sizeof bucket->label, TABLE " (bucket %u)", number);
}

static enum sms365_err find_bucket(
    struct bucket *bucket, const struct sms365_store_file *store, const char *name, struct sms365_error *err)
{
    uint8_t mac[SMS365_MAC_BYTES];

    if (!sms365_store_name_mac(mac, store, SMS365_CLASS_HOST, name))
        return sms365_error_set(err, SMS365_CRYPTO, "%s/" TABLE ": computing a bucket's number failed", store->dir);
    name_bucket(bucket, (mac[0] | (unsigned)mac[1] << 8) % BUCKETS);
    return SMS365_OK;
}

static off_t slot_offset(unsigned bucket, unsigned slot)
{
    return PAGE_BYTES + slot * HALF_BYTES + (off_t)bucket * SMS365_SLOT_HOST_BYTES;
}

/* What the first page holds: the table's measures, and a checksum that only this store's key gives. */
static bool make_title(uint8_t title[TITLE_BYTES], const struct sms365_store_file *store)
{
    const size_t text = TITLE_BYTES - SMS365_MAC_BYTES;

    memset(title, 0, TITLE_BYTES);
    (void)snprintf((char *)title, text, "sms365 hosts 1 %u*%u", BUCKETS, SMS365_SLOT_HOST_BYTES);
    return sms365_mac_make(title + text, store->key, title, text);
}

/* Is the table complete? NOT_FOUND: not yet. */
static enum sms365_err check_title(
    const struct sms365_store_file *store, const struct sms365_store_entry *entry, struct sms365_error *err)
{
    static const uint8_t none[TITLE_BYTES];
    uint8_t ours[TITLE_BYTES], theirs[TITLE_BYTES];
    const enum sms365_err result = sms365_store_entry_read(store, entry, theirs, sizeof theirs, 0, err);

    if (result != SMS365_OK)
        return result;
    if (memcmp(theirs, none, sizeof none) == 0)
        return SMS365_NOT_FOUND;
    if (!make_title(ours, store))
        return sms365_store_damaged(store, TABLE, SMS365_PAIR_NO_CRYPTO, err);
    if (!sms365_equal(ours, theirs, sizeof ours) || entry->size != TABLE_BYTES)
        return sms365_store_damaged(store, TABLE, SMS365_PAIR_DAMAGED, err);
    return SMS365_OK;
}

/* Set all room aside, so that no later write can find the disk full; then the names, then the page that says so. */
static enum sms365_err fill_table(
    const struct sms365_store_file *store, const struct sms365_store_entry *entry, struct sms365_error *err)
{
    uint8_t title[TITLE_BYTES];
    enum sms365_err result = sms365_store_entry_fits(store, entry, TABLE_BYTES, err);

    if (result != SMS365_OK)
        return result;
    const int failed = posix_fallocate(entry->lock.fd, 0, TABLE_BYTES);
    if (failed != 0) {
        /* Give back what was had of it; where that fails too, the next attempt goes on from here. */
        const int given_back = ftruncate(entry->lock.fd, 0);
        (void)given_back;
        return sms365_store_fail(store, TABLE, "set room aside for", failed, err);
    }
    if (!make_title(title, store))
        return sms365_store_damaged(store, TABLE, SMS365_PAIR_NO_CRYPTO, err);
    if (fsync(entry->lock.fd) != 0)
        return sms365_store_fail(store, TABLE, "write to disk", errno, err);
    result = sms365_store_sync_names(store, err);
    if (result == SMS365_OK)
        result = sms365_store_entry_write(store, entry, title, sizeof title, 0, err);
    if (result == SMS365_OK)
        result = sms365_store_entry_sync(store, entry, err);
    return result;
}

static enum sms365_err make_table(const struct sms365_store_file *store, int64_t deadline_ms, struct sms365_error *err)
{
    struct sms365_store_entry entry = {.name = TABLE, .lock = {.start = 0, .length = PAGE_BYTES}};
    enum sms365_err result = sms365_store_entry_lock(store, &entry, O_RDWR | O_CREAT, deadline_ms, err);

    if (result != SMS365_OK)
        return result;
    result = check_title(store, &entry, err);
    if (result == SMS365_NOT_FOUND)
        result = fill_table(store, &entry, err);
    sms365_store_entry_unlock(&entry);
    return result;
}

static enum sms365_err examine(struct sms365_store_state *state, const struct sms365_store_file *store,
    const struct sms365_store_entry *entry, const struct bucket *bucket, struct sms365_error *err)
{
    uint8_t slots[2][SMS365_SLOT_HOST_BYTES];
    const uint8_t *const pair[2] = {slots[0], slots[1]};

    for (unsigned i = 0; i < 2; i++) {
        const enum sms365_err result =
            sms365_store_entry_read(store, entry, slots[i], sizeof slots[i], slot_offset(bucket->number, i), err);
        if (result != SMS365_OK)
            return result;
    }
    state->pair = sms365_slot_judge(
        &state->newest, &state->newborn, &state->next, pair, SMS365_SLOT_HOST_BYTES, store->key, &bucket->id);
    return SMS365_OK;
}

static enum sms365_err open_bucket(const struct sms365_store_file *store, const struct bucket *bucket,
    int64_t deadline_ms, struct sms365_store_entry *entry, struct sms365_store_state *state, struct sms365_error *err)
{
    *entry = (struct sms365_store_entry){
        .name = TABLE, .lock = {.start = slot_offset(bucket->number, 0), .length = SMS365_SLOT_HOST_BYTES}};
    enum sms365_err result = sms365_store_entry_lock(store, entry, O_RDWR, deadline_ms, err);

    if (result != SMS365_OK)
        return result;
    result = check_title(store, entry, err);
    if (result == SMS365_OK)
        result = examine(state, store, entry, bucket, err);
    if (result == SMS365_OK && state->pair != SMS365_PAIR_CLEAN && state->pair != SMS365_PAIR_TORN)
        result = sms365_store_damaged(store, bucket->label, state->pair, err);
    if (result != SMS365_OK)
        sms365_store_entry_unlock(entry);
    return result;
}

/* Without a lock while the pair is whole, as for USER records. */
static enum sms365_err read_bucket(struct sms365_store_state *state, const struct sms365_store_file *store,
    const struct bucket *bucket, struct sms365_error *err)
{
    struct sms365_store_entry entry = {.name = TABLE};
    enum sms365_err result = sms365_store_entry_open(store, &entry, O_RDONLY, err);

    if (result != SMS365_OK)
        return result;
    result = check_title(store, &entry, err);
    for (unsigned i = 0; result == SMS365_OK && i < FREE_READS; i++) {
        result = examine(state, store, &entry, bucket, err);
        if (state->pair == SMS365_PAIR_CLEAN)
            break;
    }
    sms365_store_entry_close(&entry);
    if (result != SMS365_OK || state->pair == SMS365_PAIR_CLEAN)
        return result;
    result = open_bucket(store, bucket, sms365_store_deadline_ms(store), &entry, state, err);
    if (result == SMS365_OK)
        sms365_store_entry_unlock(&entry);
    return result;
}

enum sms365_err sms365_store_host_get(
    struct sms365_store_file *store, const char *name, struct sms365_store_state *state, struct sms365_error *err)
{
    struct bucket bucket;
    const enum sms365_err result = find_bucket(&bucket, store, name, err);

    return result == SMS365_OK ? read_bucket(state, store, &bucket, err) : result;
}

static enum sms365_err write_bucket(const struct sms365_store_file *store, const struct sms365_store_entry *entry,
    const struct bucket *bucket, const struct sms365_slot *content, struct sms365_error *err)
{
    uint8_t bytes[SMS365_SLOT_HOST_BYTES];

    if (!sms365_slot_write(bytes, sizeof bytes, store->key, &bucket->id, content))
        return sms365_store_damaged(store, bucket->label, SMS365_PAIR_NO_CRYPTO, err);
    const enum sms365_err result = sms365_store_entry_write(
        store, entry, bytes, sizeof bytes, slot_offset(bucket->number, (unsigned)(content->sequence & 1)), err);
    return result == SMS365_OK ? sms365_store_entry_sync(store, entry, err) : result;
}

/* Write to a bucket that is open and locked. */
static enum sms365_err change_bucket(const struct sms365_store_file *store, const struct sms365_store_entry *entry,
    const struct bucket *bucket, struct sms365_store_state *state, const struct sms365_store_change *change,
    struct sms365_error *err)
{
    uint64_t sequence = state->newest.sequence + 1;
    enum sms365_err result = sms365_store_expect(&state->newest, change, err);

    if (result != SMS365_OK)
        return result;
    if (state->newest.sequence == 0 && !sms365_store_first_sequence(&sequence, state->next))
        return sms365_store_fail(store, TABLE, "get random bytes for", errno, err);
    sms365_store_fill(&state->newest, change, sequence);
    result = write_bucket(store, entry, bucket, &state->newest, err);
    if (result == SMS365_OK)
        *change->new_version = sequence;
    return result;
}

enum sms365_err sms365_store_host_cas(
    struct sms365_store_file *store, const struct sms365_store_change *change, struct sms365_error *err)
{
    struct bucket bucket;
    struct sms365_store_entry entry;
    struct sms365_store_state state;
    const int64_t deadline_ms = sms365_store_deadline_ms(store);
    enum sms365_err result = find_bucket(&bucket, store, change->name, err);

    if (result == SMS365_OK)
        result = open_bucket(store, &bucket, deadline_ms, &entry, &state, err);
    if (result == SMS365_NOT_FOUND) {
        result = make_table(store, deadline_ms, err);
        if (result == SMS365_OK)
            result = open_bucket(store, &bucket, deadline_ms, &entry, &state, err);
        if (result == SMS365_NOT_FOUND)
            return sms365_error_set(err, SMS365_IO, "%s/" TABLE ": was deleted just now", store->dir);
    }
    if (result != SMS365_OK)
        return result;
    result = change_bucket(store, &entry, &bucket, &state, change, err);
    sms365_store_entry_unlock(&entry);
    return result;
}

/* A bucket keeps counting: a later record gets a version of its own. */
enum sms365_err sms365_store_host_del(struct sms365_store_file *store, const char *name, struct sms365_error *err)
{
    struct bucket bucket;
    struct sms365_store_entry entry;
    struct sms365_store_state state;
    enum sms365_err result = find_bucket(&bucket, store, name, err);

    if (result == SMS365_OK)
        result = open_bucket(store, &bucket, sms365_store_deadline_ms(store), &entry, &state, err);
    if (result != SMS365_OK)
        return result;
    if (state.newest.kind == SMS365_SLOT_VALUE) {
        state.newest.sequence++;
        state.newest.kind = SMS365_SLOT_NONE;
        state.newest.length = 0;
        state.newest.expires_s = 0;
        result = write_bucket(store, &entry, &bucket, &state.newest, err);
    }
    sms365_store_entry_unlock(&entry);
    return result;
}

enum sms365_err sms365_store_host_scan(
    struct sms365_store_file *store, sms365_store_each *each, void *context, struct sms365_error *err)
{
    struct sms365_error first = {SMS365_OK, ""};
    struct sms365_record record;

    for (unsigned i = 0; i < BUCKETS; i++) {
        struct bucket bucket;
        struct sms365_store_state state;
        struct sms365_error here = {SMS365_OK, ""};
        name_bucket(&bucket, i);
        const enum sms365_err result = read_bucket(&state, store, &bucket, &here);
        if (result == SMS365_NOT_FOUND)
            break;
        if (result != SMS365_OK && first.code == SMS365_OK)
            first = here;
        if (result != SMS365_OK || !sms365_slot_is_live(&state.newest, sms365_store_wall_s()))
            continue;
        record.version = state.newest.sequence;
        record.length = state.newest.length;
        memcpy(record.value, state.newest.value, record.length);
        if (!each(context, NULL, &record))
            break;
    }
    if (first.code != SMS365_OK && err != NULL)
        *err = first;
    return first.code;
}
