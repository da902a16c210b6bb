/*
 * The state store: small records that many processes change at once. get hands out a version, cas writes only if that
 * version is still there: "reserve, then act" is safe across processes. What was written of a user, a host or a flag is
 * on disk when cas returns; of messages that were counted (SMS365_CLASS_SPEND, SMS365_CLASS_SHARD) it is in the file,
 * and so outlives the process, but not a power cut.
 */
#ifndef SMS365_STORE_H
#define SMS365_STORE_H

#include "base/clock.h"
#include "base/log.h"
#include "base/record.h"
#include "pure/crypto.h"
#include "pure/tally.h"
#include "sms365.h"

struct sms365_store;

struct sms365_store_ops {
    enum sms365_err (*get)(struct sms365_store *store, enum sms365_class class, const char *name,
        struct sms365_record *record, struct sms365_error *err);
    enum sms365_err (*cas)(struct sms365_store *store, enum sms365_class class, const char *name, uint64_t version,
        const void *value, size_t length, int64_t ttl_s, uint64_t *new_version, struct sms365_error *err);
    enum sms365_err (*del)(
        struct sms365_store *store, enum sms365_class class, const char *name, struct sms365_error *err);
    enum sms365_err (*scan)(struct sms365_store *store, enum sms365_class class,
        bool (*each)(void *context, const char *name, const struct sms365_record *record), void *context,
        struct sms365_error *err);
    void (*close)(struct sms365_store *store);
};

/* Implementations put this first in a struct of their own. */
struct sms365_store {
    const struct sms365_store_ops *ops;
};

/* Read. OK also when there is no record: version 0, length 0. Errors: CORRUPT, BAD_OWNER, BUSY, IO. */
static inline enum sms365_err sms365_store_get(struct sms365_store *store, enum sms365_class class, const char *name,
    struct sms365_record *record, struct sms365_error *err)
{
    return store->ops->get(store, class, name, record, err);
}

/* Write if the record's version is still `version` (0: if there is none). ttl_s 0: kept until deleted. CONFLICT when it
 * is another by now; then nothing was written. Errors: also FULL, BUSY, IO, CORRUPT, BAD_OWNER, BAD_ARGUMENT. */
static inline enum sms365_err sms365_store_cas(struct sms365_store *store, enum sms365_class class, const char *name,
    uint64_t version, const void *value, size_t length, int64_t ttl_s, uint64_t *new_version, struct sms365_error *err)
{
    return store->ops->cas(store, class, name, version, value, length, ttl_s, new_version, err);
}

/* Delete; OK when there is none. A later record of that name never gets a version that was in use before. */
static inline enum sms365_err sms365_store_del(
    struct sms365_store *store, enum sms365_class class, const char *name, struct sms365_error *err)
{
    return store->ops->del(store, class, name, err);
}

/* Call each for every record of a class until it returns false. In a table names are NULL (buckets forget them). */
static inline enum sms365_err sms365_store_scan(struct sms365_store *store, enum sms365_class class,
    bool (*each)(void *context, const char *name, const struct sms365_record *record), void *context,
    struct sms365_error *err)
{
    return store->ops->scan(store, class, each, context, err);
}

/* Add up the tallies of a class that are not older than window_ms. Errors: those of scan, CORRUPT. */
enum sms365_err sms365_store_sum(struct sms365_store *store, enum sms365_class class, int64_t window_ms,
    struct sms365_tally *total, struct sms365_error *err);

/* Close and free. NULL is taken. */
static inline void sms365_store_close(struct sms365_store *store)
{
    if (store != NULL)
        store->ops->close(store);
}

struct sms365_store_file_options {
    const char *dir;                  /* made (0700) when missing and its parent is there */
    const struct sms365_mac_key *key; /* names and checksums; copied */
    int64_t lock_timeout_ms;          /* how long to wait for a lock */
    const struct sms365_log *log; /* names the pid that holds a lock for too long; may be NULL; outlives the store */
};

enum sms365_err sms365_store_file_open(
    struct sms365_store **store, const struct sms365_store_file_options *options, struct sms365_error *err);

/* In memory, for one process: tests, and nothing else. */
enum sms365_err sms365_store_mem_open(struct sms365_store **store, struct sms365_error *err);

#endif
