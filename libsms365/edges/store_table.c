/*
 * Records in tables of a fixed size: nobody can fill the disk by choosing names. A page that says what the table is,
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

#define PAGE_BYTES 4096
#define FREE_READS 3
#define TITLE_BYTES 64

struct table {
    const char *file;
    const char *title;
    unsigned buckets;
    bool durable; /* a write is on disk before it is acknowledged; otherwise it outlives the process alone */
};

static const struct table tables[SMS365_CLASS_COUNT] = {
    [SMS365_CLASS_HOST] = {"host.table", "hosts", 4096, true},
    [SMS365_CLASS_SPEND] = {"spend.table", "spend", 16384, false},
    [SMS365_CLASS_SHARD] = {"shard.table", "shards", SMS365_SHARDS, false},
    [SMS365_CLASS_FLAG] = {"flag.table", "flags", 8, true},
};

struct bucket {
    const struct table *table;
    unsigned number;
    uint8_t name[2]; /* the number, as slots carry it */
    struct sms365_slot_id id;
    char label[40]; /* for messages */
};

static off_t half_bytes(const struct table *table)
{
    return (off_t)table->buckets * SMS365_SLOT_TALLY_BYTES;
}

static off_t table_bytes(const struct table *table)
{
    return PAGE_BYTES + 2 * half_bytes(table);
}

static void name_bucket(struct bucket *bucket, enum sms365_class class, unsigned number)
{
    bucket->table = &tables[class];
    bucket->number = number;
    bucket->name[0] = (uint8_t)number;
    bucket->name[1] = (uint8_t)(number >> 8);
    bucket->id = (struct sms365_slot_id){
        .class = class,
        .name = bucket->name,
        .name_length = sizeof bucket->name,
        .unordered = !tables[class].durable,
    };
    (void)snprintf(bucket->label, sizeof bucket->label, "%s (bucket %u)", bucket->table->file, number);
}

static enum sms365_err find_bucket(struct bucket *bucket, const struct sms365_store_file *store,
    enum sms365_class class, const char *name, struct sms365_error *err)
{
    uint8_t mac[SMS365_MAC_BYTES];

    if (!sms365_store_name_mac(mac, store, class, name))
        return sms365_error_set(
            err, SMS365_CRYPTO, "%s/%s: computing a bucket's number failed", store->dir, tables[class].file);
    name_bucket(bucket, class, (mac[0] | (unsigned)mac[1] << 8) % tables[class].buckets);
    return SMS365_OK;
}

static off_t slot_offset(const struct bucket *bucket, unsigned slot)
{
    return PAGE_BYTES + slot * half_bytes(bucket->table) + (off_t)bucket->number * SMS365_SLOT_TALLY_BYTES;
}

/* What the first page holds: the table's measures, and a checksum that only this store's key gives. */
static bool make_title(uint8_t title[TITLE_BYTES], const struct sms365_store_file *store, const struct table *table)
{
    const size_t text = TITLE_BYTES - SMS365_MAC_BYTES;

    memset(title, 0, TITLE_BYTES);
    (void)snprintf((char *)title, text, "sms365 %s 1 %u*%u", table->title, table->buckets, SMS365_SLOT_TALLY_BYTES);
    return sms365_mac_make(title + text, store->key, title, text);
}

/* Is the table complete? NOT_FOUND: not yet. */
static enum sms365_err check_title(const struct sms365_store_file *store, const struct sms365_store_entry *entry,
    const struct table *table, struct sms365_error *err)
{
    static const uint8_t none[TITLE_BYTES];
    uint8_t ours[TITLE_BYTES], theirs[TITLE_BYTES];
    const enum sms365_err result = sms365_store_entry_read(store, entry, theirs, sizeof theirs, 0, err);

    if (result != SMS365_OK)
        return result;
    if (memcmp(theirs, none, sizeof none) == 0)
        return SMS365_NOT_FOUND;
    if (!make_title(ours, store, table))
        return sms365_store_damaged(store, table->file, SMS365_PAIR_NO_CRYPTO, err);
    if (!sms365_equal(ours, theirs, sizeof ours) || entry->size != table_bytes(table))
        return sms365_store_damaged(store, table->file, SMS365_PAIR_DAMAGED, err);
    return SMS365_OK;
}

/* Set all room aside, so that no later write can find the disk full; then the names, then the page that says so. */
static enum sms365_err fill_table(const struct sms365_store_file *store, const struct sms365_store_entry *entry,
    const struct table *table, struct sms365_error *err)
{
    uint8_t title[TITLE_BYTES];
    enum sms365_err result = sms365_store_entry_fits(store, entry, table_bytes(table), err);

    if (result != SMS365_OK)
        return result;
    const int failed = posix_fallocate(entry->lock.fd, 0, table_bytes(table));
    if (failed != 0) {
        /* Give back what was had of it; where that fails too, the next attempt goes on from here. */
        const int given_back = ftruncate(entry->lock.fd, 0);
        (void)given_back;
        return sms365_store_fail(store, table->file, "set room aside for", failed, err);
    }
    if (!make_title(title, store, table))
        return sms365_store_damaged(store, table->file, SMS365_PAIR_NO_CRYPTO, err);
    if (fsync(entry->lock.fd) != 0)
        return sms365_store_fail(store, table->file, "write to disk", errno, err);
    result = sms365_store_sync_names(store, err);
    if (result == SMS365_OK)
        result = sms365_store_entry_write(store, entry, title, sizeof title, 0, err);
    if (result == SMS365_OK)
        result = sms365_store_entry_sync(store, entry, err);
    return result;
}

static enum sms365_err make_table(
    const struct sms365_store_file *store, const struct table *table, int64_t deadline_ms, struct sms365_error *err)
{
    struct sms365_store_entry entry = {.name = table->file, .lock = {.start = 0, .length = PAGE_BYTES}};
    enum sms365_err result = sms365_store_entry_lock(store, &entry, O_RDWR | O_CREAT, deadline_ms, err);

    if (result != SMS365_OK)
        return result;
    result = check_title(store, &entry, table, err);
    if (result == SMS365_NOT_FOUND)
        result = fill_table(store, &entry, table, err);
    sms365_store_entry_unlock(&entry);
    return result;
}

static enum sms365_err examine(struct sms365_store_state *state, const struct sms365_store_file *store,
    const struct sms365_store_entry *entry, const struct bucket *bucket, struct sms365_error *err)
{
    uint8_t slots[2][SMS365_SLOT_TALLY_BYTES];
    const uint8_t *const pair[2] = {slots[0], slots[1]};

    for (unsigned i = 0; i < 2; i++) {
        const enum sms365_err result =
            sms365_store_entry_read(store, entry, slots[i], sizeof slots[i], slot_offset(bucket, i), err);
        if (result != SMS365_OK)
            return result;
    }
    state->pair = sms365_slot_judge(
        &state->newest, &state->newborn, &state->next, pair, SMS365_SLOT_TALLY_BYTES, store->key, &bucket->id);
    return SMS365_OK;
}

static enum sms365_err open_bucket(const struct sms365_store_file *store, const struct bucket *bucket,
    int64_t deadline_ms, struct sms365_store_entry *entry, struct sms365_store_state *state, struct sms365_error *err)
{
    *entry = (struct sms365_store_entry){
        .name = bucket->table->file, .lock = {.start = slot_offset(bucket, 0), .length = SMS365_SLOT_TALLY_BYTES}};
    enum sms365_err result = sms365_store_entry_lock(store, entry, O_RDWR, deadline_ms, err);

    if (result != SMS365_OK)
        return result;
    result = check_title(store, entry, bucket->table, err);
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
    struct sms365_store_entry entry = {.name = bucket->table->file};
    enum sms365_err result = sms365_store_entry_open(store, &entry, O_RDONLY, err);

    if (result != SMS365_OK)
        return result;
    result = check_title(store, &entry, bucket->table, err);
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

enum sms365_err sms365_store_table_get(struct sms365_store_file *store, enum sms365_class class, const char *name,
    struct sms365_store_state *state, struct sms365_error *err)
{
    struct bucket bucket;
    const enum sms365_err result = find_bucket(&bucket, store, class, name, err);

    return result == SMS365_OK ? read_bucket(state, store, &bucket, err) : result;
}

static enum sms365_err write_bucket(const struct sms365_store_file *store, const struct sms365_store_entry *entry,
    const struct bucket *bucket, const struct sms365_store_slot *content, struct sms365_error *err)
{
    uint8_t bytes[SMS365_SLOT_TALLY_BYTES];

    if (!sms365_slot_write(bytes, sizeof bytes, store->key, &bucket->id, content))
        return sms365_store_damaged(store, bucket->label, SMS365_PAIR_NO_CRYPTO, err);
    const enum sms365_err result = sms365_store_entry_write(
        store, entry, bytes, sizeof bytes, slot_offset(bucket, (unsigned)(content->sequence & 1)), err);
    return result == SMS365_OK && bucket->table->durable ? sms365_store_entry_sync(store, entry, err) : result;
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
        return sms365_store_fail(store, bucket->table->file, "get random bytes for", errno, err);
    sms365_store_fill(&state->newest, change, sequence);
    result = write_bucket(store, entry, bucket, &state->newest, err);
    if (result == SMS365_OK)
        *change->new_version = sequence;
    return result;
}

enum sms365_err sms365_store_table_cas(struct sms365_store_file *store, enum sms365_class class,
    const struct sms365_store_change *change, struct sms365_error *err)
{
    struct bucket bucket;
    struct sms365_store_entry entry;
    struct sms365_store_state state;
    const int64_t deadline_ms = sms365_store_deadline_ms(store);
    enum sms365_err result = find_bucket(&bucket, store, class, change->name, err);

    if (result == SMS365_OK)
        result = open_bucket(store, &bucket, deadline_ms, &entry, &state, err);
    if (result == SMS365_NOT_FOUND) {
        result = make_table(store, bucket.table, deadline_ms, err);
        if (result == SMS365_OK)
            result = open_bucket(store, &bucket, deadline_ms, &entry, &state, err);
        if (result == SMS365_NOT_FOUND)
            return sms365_error_set(err, SMS365_IO, "%s/%s: was deleted just now", store->dir, bucket.table->file);
    }
    if (result != SMS365_OK)
        return result;
    result = change_bucket(store, &entry, &bucket, &state, change, err);
    sms365_store_entry_unlock(&entry);
    return result;
}

/* A bucket keeps counting: a later record gets a version of its own. */
enum sms365_err sms365_store_table_del(
    struct sms365_store_file *store, enum sms365_class class, const char *name, struct sms365_error *err)
{
    struct bucket bucket;
    struct sms365_store_entry entry;
    struct sms365_store_state state;
    enum sms365_err result = find_bucket(&bucket, store, class, name, err);

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

/* One bucket of a table that is open: without a lock while the pair is whole. */
static enum sms365_err scan_bucket(struct sms365_store_state *state, const struct sms365_store_file *store,
    const struct sms365_store_entry *entry, const struct bucket *bucket, struct sms365_error *err)
{
    const enum sms365_err result = examine(state, store, entry, bucket, err);

    return result == SMS365_OK && state->pair == SMS365_PAIR_CLEAN ? result : read_bucket(state, store, bucket, err);
}

static enum sms365_err scan_open(struct sms365_store_file *store, const struct sms365_store_entry *entry,
    enum sms365_class class, sms365_store_each *each, void *context, struct sms365_error *err)
{
    struct sms365_error first = {.code = SMS365_OK};
    struct sms365_record record;

    for (unsigned i = 0; i < tables[class].buckets; i++) {
        struct bucket bucket;
        struct sms365_store_state state;
        struct sms365_error here = {.code = SMS365_OK};
        name_bucket(&bucket, class, i);
        const enum sms365_err result = scan_bucket(&state, store, entry, &bucket, &here);
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

enum sms365_err sms365_store_table_scan(struct sms365_store_file *store, enum sms365_class class,
    sms365_store_each *each, void *context, struct sms365_error *err)
{
    struct sms365_store_entry entry = {.name = tables[class].file};
    enum sms365_err result = sms365_store_entry_open(store, &entry, O_RDONLY, err);

    if (result != SMS365_OK)
        return result == SMS365_NOT_FOUND ? SMS365_OK : result;
    result = check_title(store, &entry, &tables[class], err);
    if (result == SMS365_OK)
        result = scan_open(store, &entry, class, each, context, err);
    sms365_store_entry_close(&entry);
    return result == SMS365_NOT_FOUND ? SMS365_OK : result;
}
