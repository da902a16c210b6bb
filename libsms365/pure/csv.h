/*
 * Comma-separated values (RFC 4180), read in pieces and written: fields in quotation marks where they hold a comma, a
 * quotation mark or a line break, "" for a quotation mark in them. Lines end with LF or CRLF; a UTF-8 byte order mark
 * at the very beginning is passed over. No I/O; memory does not depend on the number of rows.
 */
#ifndef SMS365_CSV_H
#define SMS365_CSV_H

#include "base/str.h"

#define SMS365_CSV_ROW_MAX 4096 /* bytes of a row's fields with their ends */
#define SMS365_CSV_FIELDS_MAX 64

enum sms365_csv_result {
    SMS365_CSV_MORE, /* the row goes on */
    SMS365_CSV_ROW,  /* fields and line are set until the next call */
    SMS365_CSV_BAD   /* a row that is none: wrong says why (static); the next call begins behind it */
};

struct sms365_csv {
    size_t line;      /* on which the row begins, from 1 */
    size_t last_line; /* on which it ends */
    size_t count;     /* of fields; an empty line has one, which is empty */
    const char *field[SMS365_CSV_FIELDS_MAX];
    const char *wrong;
    /* The reader's own. */
    int state;
    size_t lines; /* read so far */
    size_t length;
    bool any; /* of the row */
    bool ended;
    uint8_t mark; /* bytes of a byte order mark that were seen */
    char text[SMS365_CSV_ROW_MAX];
};

void sms365_csv_init(struct sms365_csv *csv);

/* Take bytes, up to the end of a row at most; *used tells how many. */
enum sms365_csv_result sms365_csv_feed(struct sms365_csv *csv, const char *data, size_t length, size_t *used);

/* There are no more bytes: the last row, if it had no line's end. MORE: there is none. */
enum sms365_csv_result sms365_csv_end(struct sms365_csv *csv);

/* Append a row, with CRLF; fields that need them are put into quotation marks. */
void sms365_csv_write(struct sms365_buf *out, const char *const *fields, size_t count);

#endif
