/* Delivery reports in the spool directory: see sms365-report(5). */
#ifndef SMS365_SPOOL_H
#define SMS365_SPOOL_H

#include "pure/report.h"

/* Reports and temporary files (whose names begin with a dot) older than this are removed, */
#define SMS365_SPOOL_KEEP_S 3600
/* and so many names are looked at for it whenever somebody waits for a report. */
#define SMS365_SPOOL_SWEEP_MAX 64

/*
 * Look for the report of one message until timeout_ms have gone by. *length is 0 when none came. The file is opened
 * with care (it belongs to whoever receives reports, not to us): a regular file, no link, no waiting. discard: remove
 * what is there first. A spool that is missing or unreadable is like one without reports: delivery is only told, and
 * decides nothing; err then says why.
 */
enum sms365_err sms365_spool_wait(const char *dir, const uint8_t id[SMS365_ID_BYTES], bool discard, int64_t timeout_ms,
    char out[SMS365_REPORT_MAX + 1], size_t *length, struct sms365_error *err);

/* Most files that a receiver lets lie in a spool: so many messages within SMS365_SPOOL_KEEP_S are nobody's logins. */
#define SMS365_SPOOL_FILES_MAX 4096

/* Open the directory for a receiver. Errors: NOT_FOUND, BAD_OWNER (everybody may write to it), IO. */
enum sms365_err sms365_spool_open(int *dir, const char *path, struct sms365_error *err);

/*
 * Keep a final report, readable by its owner and group: it appears whole or not at all, and once there it stays as it
 * is. key is what its token was verified with; a file of that name which holds no final report of it is replaced. What
 * nobody will ask for any more is removed. Errors: EXISTS (there is a final one already), FULL (SMS365_SPOOL_FILES_MAX,
 * or the disk), NOT_FOUND (the directory was removed), IO.
 */
enum sms365_err sms365_spool_keep(
    int dir, const struct sms365_report *report, const struct sms365_mac_key *key, struct sms365_error *err);

#endif
