/* The journal of web sessions on disk: DIR/sessions, added to by web workers and the administrator's command. */
#ifndef SMS365_JOURNAL_FILE_H
#define SMS365_JOURNAL_FILE_H

#include "pure/journal.h"
#include "sms365.h"

#include <sys/types.h>

#define SMS365_JOURNAL_FILE "sessions"
/* A revocation is of use as long as what it revokes may be good: a remembered browser's 90 days, and the differences of
 * clocks. */
#define SMS365_REVOCATION_KEEP_S ((int64_t)91 * 86400)
#define SMS365_JOURNAL_SHRINK_BYTES 1048576 /* from this size on, what has expired is left out now and then */

/* Add a line; it is on disk when this returns. The directory belongs to whoever runs. Errors: IO, FULL, BAD_OWNER,
 * BUSY. */
enum sms365_err sms365_journal_add(
    const char *dir, const struct sms365_journal_line *line, int64_t now_s, struct sms365_error *err);

/* How far a journal was read. {0}: not at all. */
struct sms365_journal_place {
    dev_t device;
    ino_t inode;
    off_t offset;
};

/*
 * Call each for every line that was added since, until it returns false; the place moves on behind it. A journal that
 * was made smaller meanwhile is read from its beginning: what was read before counts as well. One that is missing is an
 * empty one. Lines that are none are passed over. Errors: IO, BAD_OWNER, NO_MEMORY.
 */
enum sms365_err sms365_journal_follow(const char *dir, struct sms365_journal_place *place,
    bool (*each)(void *context, const struct sms365_journal_line *line), void *context, struct sms365_error *err);

#endif
