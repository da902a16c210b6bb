#include "pure/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static void row_show(struct sms365_buf *out, const struct sms365_csv *csv, enum sms365_csv_result result)
{
    sms365_buf_printf(out, csv->last_line > csv->line ? "%zu-%zu:" : "%zu:", csv->line, csv->last_line);
    for (size_t i = 0; result == SMS365_CSV_ROW && i < csv->count; i++)
        sms365_buf_printf(out, "[%s]", csv->field[i]);
    sms365_buf_printf(out, "%s\n", result == SMS365_CSV_BAD ? csv->wrong : "");
}

/* What a text is read as, fed in pieces of so many bytes. */
static void read_all(struct sms365_buf *out, const char *text, size_t length, size_t piece)
{
    struct sms365_csv csv;
    size_t used;

    sms365_buf_init(out, 1 << 20);
    sms365_csv_init(&csv);
    for (size_t at = 0; at < length; at += used) {
        const size_t left = length - at;
        const enum sms365_csv_result result = sms365_csv_feed(&csv, text + at, left < piece ? left : piece, &used);
        if (result != SMS365_CSV_MORE)
            row_show(out, &csv, result);
    }
    const enum sms365_csv_result last = sms365_csv_end(&csv);
    if (last != SMS365_CSV_MORE)
        row_show(out, &csv, last);
    assert_int_equal(sms365_csv_end(&csv), SMS365_CSV_MORE);
}

static void assert_read(const char *text, size_t length, const char *expected)
{
    for (size_t piece = 1; piece <= length + 1; piece++) {
        struct sms365_buf out;
        read_all(&out, text, length, piece);
        assert_string_equal(sms365_buf_text(&out), expected);
        sms365_buf_free(&out);
    }
}

static void rows_are_read_whatever_the_pieces(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"a,b\n", "1:[a][b]\n"},
        {"a,b", "1:[a][b]\n"},
        {"a,b\r\nc,d\r\n", "1:[a][b]\n2:[c][d]\n"},
        {"a,\n,b\r\n,\n", "1:[a][]\n2:[][b]\n3:[][]\n"},
        {"\n\r\na\n", "1:[]\n2:[]\n3:[a]\n"},
        {"\"a,b\",\"say \"\"x\"\"\",\"\"\n", "1:[a,b][say \"x\"][]\n"},
        {"\"two\nlines\",x\nnext\n", "1-2:[two\nlines][x]\n3:[next]\n"},
        {"\"a\"\r\nb", "1:[a]\n2:[b]\n"},
        {"\xef\xbb\xbf"
         "a,b\nc\n",
            "1:[a][b]\n2:[c]\n"},
        {"\xef\xbb\xbf\"a\"\n", "1:[a]\n"},
        {"\xef\xac\x81,b\n", "1:[\xef\xac\x81][b]\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_read(cases[i][0], strlen(cases[i][0]), cases[i][1]);
}

static void bad_rows_are_told_and_the_next_is_read(void **state)
{
    static const char *const cases[][2] = {
        {"a\"b,c\nd\n", "1:there is a quotation mark within a field that does not begin with one\n2:[d]\n"},
        {"\"a\"b\nd\n", "1:there is something between a closing quotation mark and the comma\n2:[d]\n"},
        {"a\rb\nd\n", "1:there is a carriage return in it that does not end the line\n2:[d]\n"},
        {"x\n\"a,b\nd\n", "1:[x]\n2-3:its quotation mark is never closed\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_read(cases[i][0], strlen(cases[i][0]), cases[i][1]);
    assert_read("a\0b\nd\n", 6, "1:there is a NUL byte in it\n2:[d]\n");
    assert_read("a,\"\0\nroot,1\n\"\"\nroot,2\n\"\nd\n", 26, "1-5:there is a NUL byte in it\n6:[d]\n");
}

/* Else whoever chooses a field's text would choose rows. */
static void lines_within_a_field_are_no_rows_however_long_it_is(void **state)
{
    char text[2 * SMS365_CSV_ROW_MAX];
    struct sms365_buf out;

    (void)state;
    for (size_t length = SMS365_CSV_ROW_MAX - 20; length < SMS365_CSV_ROW_MAX + 20; length++) {
        memset(text, 'x', length);
        memcpy(text, "a,\"", 3);
        (void)snprintf(text + length, sizeof text - length, "\nroot,1\n\",\",\n\"\nd\n");
        read_all(&out, text, strlen(text), 1000);
        const char *last = strstr(sms365_buf_text(&out), "\n5:[d]\n");
        assert_non_null(last);
        assert_string_equal(last, "\n5:[d]\n");
        assert_int_equal(strncmp(sms365_buf_text(&out), "1-4:", 4), 0);
        assert_null(strstr(sms365_buf_text(&out), "\n2:"));
        sms365_buf_free(&out);
    }
}

static void rows_have_bounds(void **state)
{
    char text[SMS365_CSV_ROW_MAX + 8];
    struct sms365_buf out;

    (void)state;
    memset(text, 'x', sizeof text);
    memcpy(text + sizeof text - 3, "\ny\n", 3);
    read_all(&out, text, sizeof text, sizeof text);
    assert_string_equal(sms365_buf_text(&out), "1:it is longer than 4096 bytes\n2:[y]\n");
    sms365_buf_free(&out);
    text[0] = '"';
    read_all(&out, text, sizeof text, sizeof text);
    assert_string_equal(sms365_buf_text(&out), "1-2:it is longer than 4096 bytes; is a quotation mark missing?\n");
    sms365_buf_free(&out);
    memset(text, ',', SMS365_CSV_FIELDS_MAX);
    memcpy(text + SMS365_CSV_FIELDS_MAX, "\ny\n", 3);
    read_all(&out, text, SMS365_CSV_FIELDS_MAX + 3, sizeof text);
    assert_string_equal(sms365_buf_text(&out), "1:it has more than 64 fields\n2:[y]\n");
    sms365_buf_free(&out);
}

static void what_is_written_is_read_again(void **state)
{
    static const char *const fields[] = {"plain", "", "a,b", "\"", "two\nlines", "say \"x\""};
    struct sms365_buf text, out;

    (void)state;
    sms365_buf_init(&text, 1024);
    sms365_csv_write(&text, fields, sizeof fields / sizeof *fields);
    read_all(&out, text.data, text.length, text.length);
    assert_string_equal(sms365_buf_text(&out), "1-2:[plain][][a,b][\"][two\nlines][say \"x\"]\n");
    sms365_buf_free(&out);
    sms365_buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_read_whatever_the_pieces),
        cmocka_unit_test(bad_rows_are_told_and_the_next_is_read),
        cmocka_unit_test(lines_within_a_field_are_no_rows_however_long_it_is),
        cmocka_unit_test(rows_have_bounds),
        cmocka_unit_test(what_is_written_is_read_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
