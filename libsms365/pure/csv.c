#include "pure/csv.h"

#include <string.h>

enum state {
    BEGIN,  /* of a field */
    PLAIN,  /* in a field without quotation marks */
    QUOTED, /* in one with them */
    MARKED, /* behind a quotation mark in such a field: its end, or the first of two */
    CR,     /* behind a CR outside of quotation marks */
    SKIP    /* in a row whose quotation marks cannot be made out, up to the line's end */
};

static const char byte_order_mark[3] = {'\xef', '\xbb', '\xbf'};

void sms365_csv_init(struct sms365_csv *csv)
{
    memset(csv, 0, sizeof *csv);
}

/* The call before this one gave out a row: begin the next. */
static void row_begin(struct sms365_csv *csv)
{
    csv->ended = false;
    csv->state = BEGIN;
    csv->line = csv->lines + 1;
    csv->count = 0;
    csv->length = 0;
    csv->any = false;
    csv->wrong = NULL;
}

/*
 * The row is none. Where it ends is still told by its quotation marks: somebody's text in a field of several lines,
 * which made the row too long, must not become a row.
 */
static void row_spoil(struct sms365_csv *csv, const char *wrong)
{
    if (csv->wrong == NULL)
        csv->wrong = wrong;
}

/* Nor do its quotation marks tell where it ends. */
static void row_skip(struct sms365_csv *csv, const char *wrong)
{
    row_spoil(csv, wrong);
    csv->state = SKIP;
}

static void byte_keep(struct sms365_csv *csv, char byte)
{
    if (csv->wrong != NULL)
        return;
    if (csv->length == sizeof csv->text) {
        row_spoil(csv, csv->state == QUOTED ? "it is longer than 4096 bytes; is a quotation mark missing?"
                                            : "it is longer than 4096 bytes");
        return;
    }
    csv->text[csv->length++] = byte;
}

static void field_begin(struct sms365_csv *csv)
{
    if (csv->count == SMS365_CSV_FIELDS_MAX)
        row_spoil(csv, "it has more than 64 fields");
    else if (csv->wrong == NULL)
        csv->field[csv->count++] = csv->text + csv->length;
}

static void field_end(struct sms365_csv *csv)
{
    byte_keep(csv, '\0');
    csv->state = BEGIN;
}

/* The first byte of a field. */
static void field_open(struct sms365_csv *csv, char byte)
{
    field_begin(csv);
    if (byte == '"') {
        csv->state = QUOTED;
    } else if (byte == ',') {
        field_end(csv);
    } else {
        csv->state = PLAIN;
        byte_keep(csv, byte);
    }
}

/* A byte that ends no line. */
static void byte_take(struct sms365_csv *csv, char byte)
{
    csv->any = true;
    if (byte == '\0')
        row_spoil(csv, "there is a NUL byte in it");
    if (csv->state == BEGIN)
        field_open(csv, byte);
    else if (csv->state == CR)
        row_skip(csv, "there is a carriage return in it that does not end the line");
    else if (csv->state == PLAIN && byte == '"')
        row_skip(csv, "there is a quotation mark within a field that does not begin with one");
    else if (byte == ',' && csv->state != QUOTED && csv->state != SKIP)
        field_end(csv);
    else if (csv->state == PLAIN || (csv->state == QUOTED && byte != '"'))
        byte_keep(csv, byte);
    else if (csv->state == QUOTED)
        csv->state = MARKED;
    else if (csv->state == MARKED && byte == '"') {
        csv->state = QUOTED;
        byte_keep(csv, byte);
    } else if (csv->state == MARKED)
        row_skip(csv, "there is something between a closing quotation mark and the comma");
}

static enum sms365_csv_result row_end(struct sms365_csv *csv)
{
    csv->ended = true;
    if (csv->state == BEGIN)
        field_begin(csv);
    byte_keep(csv, '\0');
    return csv->wrong != NULL ? SMS365_CSV_BAD : SMS365_CSV_ROW;
}

/* Is this byte part of a byte order mark? Those that only looked so belong to the first field. */
static bool is_mark(struct sms365_csv *csv, char byte)
{
    const uint8_t seen = csv->mark;

    if (csv->lines > 0 || csv->any || seen == sizeof byte_order_mark)
        return false;
    if (byte_order_mark[seen] == byte) {
        csv->mark++;
        return true;
    }
    csv->mark = sizeof byte_order_mark;
    for (uint8_t i = 0; i < seen; i++)
        byte_take(csv, byte_order_mark[i]);
    return false;
}

enum sms365_csv_result sms365_csv_feed(struct sms365_csv *csv, const char *data, size_t length, size_t *used)
{
    if (csv->ended || csv->line == 0)
        row_begin(csv);
    for (size_t i = 0; i < length; i++) {
        const char byte = data[i];
        if (is_mark(csv, byte))
            continue;
        csv->last_line = csv->lines + 1;
        csv->lines += byte == '\n';
        if (byte == '\n' && csv->state != QUOTED) {
            *used = i + 1;
            return row_end(csv);
        }
        if (byte == '\r' && csv->state != QUOTED && csv->state != SKIP && csv->state != CR) {
            if (csv->state == BEGIN)
                field_begin(csv);
            csv->any = true;
            csv->state = CR;
        } else {
            byte_take(csv, byte);
        }
    }
    *used = length;
    return SMS365_CSV_MORE;
}

enum sms365_csv_result sms365_csv_end(struct sms365_csv *csv)
{
    if (csv->ended || csv->line == 0 || !csv->any)
        return SMS365_CSV_MORE;
    if (csv->state == QUOTED)
        row_spoil(csv, "its quotation mark is never closed");
    return row_end(csv);
}

void sms365_csv_write(struct sms365_buf *out, const char *const *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *text = fields[i];
        const bool quoted = strpbrk(text, ",\"\r\n") != NULL;
        sms365_buf_puts(out, i == 0 ? "" : ",");
        sms365_buf_puts(out, quoted ? "\"" : "");
        for (; *text != '\0'; text++) {
            if (*text == '"')
                sms365_buf_puts(out, "\"");
            sms365_buf_add(out, text, 1);
        }
        sms365_buf_puts(out, quoted ? "\"" : "");
    }
    sms365_buf_puts(out, "\r\n");
}
