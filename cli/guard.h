/* A user's record in the state store, as commands see it: counters, locks, open challenges, backup codes. */
#ifndef SMS365_CLI_GUARD_H
#define SMS365_CLI_GUARD_H

#include "cli.h"
#include "edges/store.h"
#include "pure/policy.h"

#include <sys/types.h>

/* The store of the configuration that cli_conf() read. */
struct cli_guard {
    const struct sms365_conf *conf;
    struct sms365_store *store; /* NULL: not open */
    struct sms365_limits limits;
    struct sms365_mac_key holder_key; /* of backup codes, and of the names of SIMs */
    uid_t own_uid, uid;               /* who this process is, and as whom it goes to the store: the directory's owner */
    gid_t own_gid, gid;
};

/* One user's record; version 0: there is none (then state is that of a user never seen). */
struct cli_record {
    struct sms365_state state; /* what is past is forgotten */
    struct sms365_now now;
    uint64_t version;
};

/* Errors: those of sms365_master_load() and sms365_store_file_open(). Close it also after an error. */
enum sms365_err cli_guard_open(struct cli *cli, struct cli_guard *guard, struct sms365_error *err);
/* The same. False: it was told, and is closed; return CLI_USAGE. */
bool cli_guard_enter(struct cli *cli, struct cli_guard *guard);
void cli_guard_close(struct cli_guard *guard);

enum sms365_err cli_guard_read(
    struct cli_guard *guard, const char *user, struct cli_record *record, struct sms365_error *err);

/* Change a record by compare-and-swap; edit may be called several times. False of edit: nothing is to be written. */
typedef bool cli_guard_edit(void *context, struct cli_record *record, const struct sms365_limits *limits);
enum sms365_err cli_guard_change(
    struct cli_guard *guard, const char *user, cli_guard_edit *edit, void *context, struct sms365_error *err);

/*
 * The user has other numbers than those that open challenges, usual places, grace and SIMs of the record belong to:
 * forget these. *had (may be NULL): there is a record; none is made.
 */
enum sms365_err cli_guard_renew(struct cli_guard *guard, const char *user, bool *had, struct sms365_error *err);
/* False: the store certainly holds no user's record. */
bool cli_guard_has_records(struct cli_guard *guard);
/* Make the record where it is missing, and the store's tables, so that no login has to. */
enum sms365_err cli_guard_enrol(struct cli_guard *guard, const char *user, struct sms365_error *err);
enum sms365_err cli_guard_make_tables(struct cli_guard *guard, struct sms365_error *err);
enum sms365_err cli_guard_forget(struct cli_guard *guard, const char *user, struct sms365_error *err);

/* --- stores.c --- */

/*
 * Do something in every store in which the users of the configuration's users file are counted: that of [store], the
 * web's, and those that services have of their own; stores that are not there are passed over. False: it failed in one
 * at least, and was told; what names that which stays there then. Each is called in all others nevertheless.
 */
typedef enum sms365_err cli_store_each(void *context, struct cli_guard *guard, struct sms365_error *err);
bool cli_stores_each(struct cli *cli, cli_store_each *each, void *context, const char *what);
/* The two for one user: cli_guard_forget() and cli_guard_renew(). */
bool cli_stores_forget(struct cli *cli, const char *name);
bool cli_stores_renew(struct cli *cli, const char *name);

/* --- guard_show.c --- */

/* Was this number found on another network than the one that was confirmed, and refused? */
bool cli_guard_moved(
    const struct cli_guard *guard, const struct cli_record *record, const struct sms365_number *number);

cJSON *cli_guard_json(const struct cli_guard *guard, const struct sms365_user *user, const struct cli_record *record);
/* "locked, 10 failed tries", "locked out for 57 s", "1 failed try" or "". */
void cli_guard_brief(struct sms365_buf *out, const struct cli_guard *guard, const struct cli_record *record);
/* Everything, on lines of their own. */
void cli_guard_say(const struct cli *cli, const struct cli_guard *guard, const struct sms365_user *user,
    const struct cli_record *record);

/* Whole seconds, rounded up. */
long long cli_seconds(int64_t ms);
/* Thousandths of a credit as credits. */
double cli_credits(int64_t cost);

#endif
