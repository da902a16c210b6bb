/*
 * The journal of web sessions: lines that are only ever added. What is revoked ends wherever the journal is read.
 *
 *   issued ID SERVICE USER ADDRESS ISSUED EXPIRES
 *   remembered ID SERVICE USER ADDRESS ISSUED EXPIRES     a browser, not a session
 *   revoked ID EXPIRES                       one session, or browser
 *   revoked-user USER WHEN                   all that the user was issued until then
 *   revoked-all WHEN
 *
 * IDs are hexadecimal, names percent-encoded, moments seconds since 1970.
 */
#ifndef SMS365_JOURNAL_H
#define SMS365_JOURNAL_H

#include "base/record.h"
#include "base/str.h"
#include "pure/session.h"

#define SMS365_JOURNAL_LINE_MAX 1024 /* bytes, with the newline */
#define SMS365_JOURNAL_SERVICE_SIZE 65
#define SMS365_JOURNAL_ADDRESS_SIZE 64

enum sms365_journal_kind {
    SMS365_JOURNAL_ISSUED,
    SMS365_JOURNAL_REMEMBERED,
    SMS365_JOURNAL_REVOKED,
    SMS365_JOURNAL_USER,
    SMS365_JOURNAL_ALL
};

struct sms365_journal_line {
    enum sms365_journal_kind kind;
    uint8_t id[SMS365_TICKET_ID_BYTES];        /* ISSUED, REMEMBERED, REVOKED */
    char service[SMS365_JOURNAL_SERVICE_SIZE]; /* ISSUED */
    char user[SMS365_RECORD_NAME_MAX + 1];     /* ISSUED, USER */
    char address[SMS365_JOURNAL_ADDRESS_SIZE]; /* ISSUED */
    int64_t when_s;                            /* ISSUED: when it was; USER, ALL: until when */
    int64_t expires_s;                         /* ISSUED, REVOKED */
};

/* Does a line of this kind tell of something that was issued, rather than of an end? */
bool sms365_journal_is_issue(enum sms365_journal_kind kind);

/* Append the line, with its newline. */
void sms365_journal_write(struct sms365_buf *out, const struct sms365_journal_line *line);

/* Read one line of length bytes, without its newline. False when it is none. */
bool sms365_journal_read(struct sms365_journal_line *line, const char *text, size_t length);

/* What is revoked. {0} is nothing. Grows with the sessions that are revoked and have not expired; free with
 * sms365_revoked_free(). */
struct sms365_revoked {
    struct sms365_revoked_id *ids; /* ordered */
    size_t id_count, id_room;
    struct sms365_revoked_user *users; /* ordered */
    size_t user_count, user_room;
    int64_t all_s; /* issued until then: revoked */
};

/* Take a line to heart; what was issued changes nothing. False when there is no memory. */
bool sms365_revoked_add(struct sms365_revoked *revoked, const struct sms365_journal_line *line, int64_t now_s);

/* Whether the session, or browser, is. user need not be terminated. */
bool sms365_revoked_has(const struct sms365_revoked *revoked, const uint8_t id[SMS365_TICKET_ID_BYTES],
    struct sms365_span user, int64_t issued_s);

void sms365_revoked_free(struct sms365_revoked *revoked);

#endif
