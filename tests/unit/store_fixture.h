/* What the tests of the state store share: temporary directories, implementations, a clock that can be put forward. */
#ifndef SMS365_STORE_FIXTURE_H
#define SMS365_STORE_FIXTURE_H

#include "edges/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/types.h>

#define USER SMS365_CLASS_USER
#define HOST SMS365_CLASS_HOST
#define SPEND SMS365_CLASS_SPEND
#define SHARD SMS365_CLASS_SHARD
#define FLAG SMS365_CLASS_FLAG
#define CLASSES SMS365_CLASS_COUNT

/* The tables of store_file; none of USER. */
struct fixture_table {
    const char *file;
    size_t buckets;
    bool durable; /* each write is synced */
};
extern const struct fixture_table fixture_tables[CLASSES];

/* Long enough that no lock of a running process ever runs into it. */
#define PATIENT_MS 60000

struct fixture {
    char dir[64]; /* inside a temporary directory; made by the first open */
    struct sms365_store *store;
    struct sms365_log log;
    char logged[1024]; /* the last line */
};

/* Seconds by which the wall clock is ahead, for this program and what it forks. */
extern int64_t fixture_clock_shift_s;

/*
 * Asked before each system call that the store makes (FIXTURE_CALLS). Returns 0: make it; an errno: fail with it;
 * FIXTURE_PRETEND: say that all went well and do nothing.
 */
#define FIXTURE_PRETEND (-1)
extern int (*fixture_hook)(const char *call);
/* A hook for tests that write very often: nothing is synced. */
int fixture_no_sync(const char *call);

/* The key of every store in the tests. */
extern const struct sms365_mac_key fixture_key;

/* A fixture with a directory and no store in it. */
struct fixture *fixture_new(void);
/* Close, remove the directory and all in it. */
void fixture_free(struct fixture *fixture);

/* Let other users reach the fixture's directory. */
void fixture_let_all_in(const struct fixture *fixture);

/* Open one more store_file on the fixture's directory. */
struct sms365_store *fixture_open_file(struct fixture *fixture, int64_t lock_timeout_ms);

/* For cmocka: *state is a fixture with an open store_file. */
int fixture_setup_file(void **state);
int fixture_teardown(void **state);

/* Paths of the records' files: of the only USER record, of a class's table, of either. */
void fixture_user_path(const struct fixture *fixture, char *out, size_t size);
void fixture_table_path(const struct fixture *fixture, enum sms365_class class, char *out, size_t size);
void fixture_path(const struct fixture *fixture, enum sms365_class class, char *out, size_t size);
/* Names in the directory that begin with prefix. */
unsigned fixture_count(const struct fixture *fixture, const char *prefix);

/* Read or write a whole file. */
size_t fixture_read(const char *path, uint8_t *out, size_t size);
void fixture_write(const char *path, const void *data, size_t length);
/* Write bytes over a part of a file that is there. */
void fixture_patch(const char *path, const void *data, size_t length, off_t offset);

/* cas that must succeed; returns the version. */
uint64_t fixture_put(struct sms365_store *store, enum sms365_class class, const char *name, uint64_t version,
    const void *value, size_t length, int64_t ttl_s);
/* get that must succeed. */
void fixture_get(struct sms365_store *store, enum sms365_class class, const char *name, struct sms365_record *record);

/* Reading and writing the record are CORRUPT, with the file's path and what to do about it. */
void fixture_assert_refused(struct sms365_store *store, enum sms365_class class, const char *name, const char *path);

uint64_t fixture_version(struct sms365_store *store, enum sms365_class class, const char *name);

/* One more, through get and cas, until no other process comes between. False on any other error. */
bool fixture_increment(struct sms365_store *store, enum sms365_class class, const char *name);
uint64_t fixture_count_of(struct sms365_store *store, enum sms365_class class, const char *name);

/* Descriptors that this process has open. */
unsigned fixture_descriptors(void);

/* Fork; the child runs body and exits with what it returns (0: well). */
pid_t fixture_fork(int (*body)(void *context), void *context);
/* The child's exit status, or 128 + the signal that ended it. */
int fixture_wait(pid_t pid);

#endif
