/*
 * Inside of store_file: a directory with one file a USER record (store_user.c), a table for each other class
 * (store_table.c), and what both need to open, lock, read and write them (store_fs.c).
 */
#ifndef SMS365_STORE_FILE_H
#define SMS365_STORE_FILE_H

#include "edges/store_common.h"
#include "edges/store_lock.h"
#include "edges/store_slot.h"

/* A deadline in the past: one attempt to lock, and no log line when it fails. */
#define SMS365_STORE_NO_WAIT 0

struct sms365_store_file {
    struct sms365_store base;
    int dir_fd;
    uid_t owner;
    int64_t lock_timeout_ms;
    const struct sms365_log *log;
    struct sms365_mac *key; /* what it signs begins with a class's name, "slot" or a table's title */
    char *dir;              /* for messages */
};

/* A write, as sms365_store_cas is asked for it. */
struct sms365_store_change {
    const char *name;
    uint64_t version;
    const void *value;
    size_t length;
    int64_t ttl_s;
    uint64_t *new_version;
};

/* A file of the store, open and perhaps locked. name is one inside the directory and outlives this. */
struct sms365_store_entry {
    const char *name;
    dev_t device;
    ino_t inode;
    off_t size;
    struct sms365_lock lock;
};

/* What a pair of slots holds. */
struct sms365_store_state {
    struct sms365_store_slot newest;
    enum sms365_pair pair;
    unsigned next;
    bool newborn;
};

typedef bool sms365_store_each(void *context, const char *name, const struct sms365_record *record);

/* An error with path and text for errno number: NO_MEMORY, FULL, BAD_OWNER or IO. action: "open", "write". */
enum sms365_err sms365_store_fail(
    const struct sms365_store_file *store, const char *name, const char *action, int number, struct sms365_error *err);

/* CORRUPT (or CRYPTO) for what a pair was judged to be. */
enum sms365_err sms365_store_damaged(
    const struct sms365_store_file *store, const char *name, enum sms365_pair pair, struct sms365_error *err);

/* The moment at which an operation that begins now gives up waiting for locks. */
int64_t sms365_store_deadline_ms(const struct sms365_store_file *store);

/* Open entry->name (flags: O_RDONLY, O_RDWR, O_CREAT) after a look at its owner, mode and type. NOT_FOUND is silent. */
enum sms365_err sms365_store_entry_open(
    const struct sms365_store_file *store, struct sms365_store_entry *entry, int flags, struct sms365_error *err);
void sms365_store_entry_close(struct sms365_store_entry *entry);

/* The same, locked: lock.start and lock.length are set before. It is sure to still bear its name when it is locked. */
enum sms365_err sms365_store_entry_lock(const struct sms365_store_file *store, struct sms365_store_entry *entry,
    int flags, int64_t deadline_ms, struct sms365_error *err);
void sms365_store_entry_unlock(struct sms365_store_entry *entry);

/* All length bytes at offset, or an error. What lies beyond the end reads as zeros. */
enum sms365_err sms365_store_entry_read(const struct sms365_store_file *store, const struct sms365_store_entry *entry,
    void *data, size_t length, off_t offset, struct sms365_error *err);
/*
 * IO when this process may not write a file up to end (RLIMIT_FSIZE). Whoever runs su or sudo chooses its limits: a
 * write that one of them cuts short leaves a slot that nobody can tell from an altered one, and raises SIGXFSZ. So
 * every write is preceded by this, and either all of it is written or nothing.
 */
enum sms365_err sms365_store_entry_fits(
    const struct sms365_store_file *store, const struct sms365_store_entry *entry, off_t end, struct sms365_error *err);
enum sms365_err sms365_store_entry_write(const struct sms365_store_file *store, const struct sms365_store_entry *entry,
    const void *data, size_t length, off_t offset, struct sms365_error *err);

/* On disk when this returns: an entry's data, the directory's names. */
enum sms365_err sms365_store_entry_sync(
    const struct sms365_store_file *store, const struct sms365_store_entry *entry, struct sms365_error *err);
enum sms365_err sms365_store_sync_names(const struct sms365_store_file *store, struct sms365_error *err);

/* What a record is filed under: HMAC of class and name. */
bool sms365_store_name_mac(
    uint8_t mac[SMS365_MAC_BYTES], const struct sms365_store_file *store, enum sms365_class class, const char *name);

/* A number that no earlier record of the same name can have come near; the slot it belongs to is parity. */
bool sms365_store_first_sequence(uint64_t *sequence, unsigned parity);

/* The value that change writes, as sequence. */
void sms365_store_fill(struct sms365_store_slot *slot, const struct sms365_store_change *change, uint64_t sequence);

/* CONFLICT unless the version that is there is the one that change expects. */
enum sms365_err sms365_store_expect(
    const struct sms365_store_slot *newest, const struct sms365_store_change *change, struct sms365_error *err);

#define SMS365_STORE_USER_PREFIX "user."
#define SMS365_STORE_USER_FRESH ".new" /* at the end of a file's name until it is complete */

/*
 * Read the newest value from a file. A pair that is whole was there at one moment during the reading, so no lock is
 * needed; one that looks torn may just be being written. NOT_FOUND when there is no such file.
 */
enum sms365_err sms365_store_user_read(struct sms365_store_state *state, const struct sms365_store_file *store,
    const char *file_name, const struct sms365_slot_id *id, struct sms365_error *err);

/* The same from a file that is locked: nobody writes, so what is torn now was interrupted, what is damaged stays so. */
enum sms365_err sms365_store_user_examine(struct sms365_store_state *state, const struct sms365_store_file *store,
    const struct sms365_store_entry *entry, const struct sms365_slot_id *id, struct sms365_error *err);

/* Remove a file if `doomed` says so once it is locked. */
typedef bool sms365_store_doomed(const struct sms365_store_file *store, const struct sms365_store_entry *entry);
enum sms365_err sms365_store_user_remove(const struct sms365_store_file *store, const char *file_name,
    int64_t deadline_ms, sms365_store_doomed *doomed, struct sms365_error *err);

/* The newest value of a record, or of a bucket; NOT_FOUND when there is no file. */
enum sms365_err sms365_store_user_get(
    struct sms365_store_file *store, const char *name, struct sms365_store_state *state, struct sms365_error *err);
enum sms365_err sms365_store_user_cas(
    struct sms365_store_file *store, const struct sms365_store_change *change, struct sms365_error *err);
enum sms365_err sms365_store_user_del(struct sms365_store_file *store, const char *name, struct sms365_error *err);
enum sms365_err sms365_store_user_scan(
    struct sms365_store_file *store, sms365_store_each *each, void *context, struct sms365_error *err);
/* Look at a few records, from where the last call stopped, and remove those that expired. Errors are not reported. */
void sms365_store_user_sweep(struct sms365_store_file *store);

/* The same for the classes whose records live in tables. */
enum sms365_err sms365_store_table_get(struct sms365_store_file *store, enum sms365_class class, const char *name,
    struct sms365_store_state *state, struct sms365_error *err);
enum sms365_err sms365_store_table_cas(struct sms365_store_file *store, enum sms365_class class,
    const struct sms365_store_change *change, struct sms365_error *err);
enum sms365_err sms365_store_table_del(
    struct sms365_store_file *store, enum sms365_class class, const char *name, struct sms365_error *err);
enum sms365_err sms365_store_table_scan(struct sms365_store_file *store, enum sms365_class class,
    sms365_store_each *each, void *context, struct sms365_error *err);

#endif
