/*
 * The user map: which phone numbers a user has. One line a user:
 *
 *   alice: 306971234567;mcc=202;mnc=05;ported=no;cost=1 306987654321
 *   # a comment
 *
 * The name ends at the first colon (it may hold blanks and backslashes, no control characters, at most 128 bytes: what
 * the state store takes).
 * Numbers are in MSISDN form, in the order in which they are offered; what follows a number's semicolons is what the
 * provider told of it at enrolment.
 */
#ifndef SMS365_USERS_H
#define SMS365_USERS_H

#include "base/record.h"
#include "base/str.h"
#include "pure/number.h"
#include "sms365.h"

#define SMS365_USER_NAME_SIZE (SMS365_RECORD_NAME_MAX + 1)
#define SMS365_USER_NUMBERS_MAX 8

struct sms365_user {
    char name[SMS365_USER_NAME_SIZE];
    struct sms365_number numbers[SMS365_USER_NUMBERS_MAX];
    size_t count;
};

/* Keep what the provider told of a number: mcc (3 digits), mnc (2 or 3), ported (yes or no), cost (decimal).
 * False, and nothing is kept, when the value cannot be one, or name is none of these. */
bool sms365_number_note(struct sms365_number *number, const char *name, const char *value);

/*
 * Find one user without keeping the file in memory. NOT_FOUND: the file is fine and the user is not in it. An empty or
 * unreadable file, one that others may write, or any bad line (all of them are put into problems, one "file:line: text"
 * a line; problems may be NULL) is an error of its own: BAD_CONFIG, BAD_OWNER, IO.
 */
enum sms365_err sms365_users_find(struct sms365_user *user, const char *path, const char *name,
    struct sms365_buf *problems, struct sms365_error *err);

/* Call each for every user, in the file's order, until it returns false. A missing or empty file is no error here. */
enum sms365_err sms365_users_each(const char *path, bool (*each)(void *context, const struct sms365_user *user),
    void *context, struct sms365_error *err);

/* Can the file hold this user? BAD_ARGUMENT when not; NO_MEMORY. */
enum sms365_err sms365_user_check(const struct sms365_user *user, struct sms365_error *err);

enum sms365_users_verdict {
    SMS365_USERS_KEEP, /* what the file has stays: the user's line, or none */
    SMS365_USERS_PUT,  /* the user's line is added, or takes the place of the one that is there */
    SMS365_USERS_DROP
};

/* Users to be merged into the file. They are gone through several times, and decided alike each time. */
struct sms365_users_merge {
    void *context;
    /* Begin again with the first. */
    enum sms365_err (*rewind)(void *context, struct sms365_error *err);
    /* NOT_FOUND at the end; every other error ends the merge, and nothing changes. No name comes twice. */
    enum sms365_err (*next)(void *context, struct sms365_user *user, struct sms365_error *err);
    /* there: what the file has of that name; NULL: nothing. */
    enum sms365_users_verdict (*decide)(void *context, const struct sms365_user *there, const struct sms365_user *user);
};

/*
 * Merge users into the file: every other line and comment stays, new users come last; under a lock, atomically, with
 * the file's owner and mode kept. What changes and the place of each user in the file take memory, new users do not.
 * write false: only ask for every decision. Errors are those of sms365_users_each(), FULL, BUSY, BAD_ARGUMENT.
 */
enum sms365_err sms365_users_merge(
    const char *path, const struct sms365_users_merge *merge, bool write, struct sms365_error *err);

/* Add the user, or replace the user's line in place, keeping every other line and comment; under a lock, atomically. */
enum sms365_err sms365_users_put(const char *path, const struct sms365_user *user, struct sms365_error *err);

/* NOT_FOUND when there is none. */
enum sms365_err sms365_users_remove(const char *path, const char *name, struct sms365_error *err);

#endif
