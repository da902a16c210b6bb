#include "pure/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct sms365_mac_key key = {{'k'}}, other_key = {{'o'}};
static const uint8_t id[SMS365_ID_BYTES] = {1, 2, 3, 0, 0xff};
static const uint8_t other_id[SMS365_ID_BYTES] = {1, 2, 3, 0, 0xfe};

/* Parse a copy of exactly its length, so that a reader that goes beyond it is found out. */
static bool parse(enum sms365_delivery *delivery, const char *query, size_t length)
{
    int64_t cost;
    char *exact = malloc(length == 0 ? 1 : length);

    assert_non_null(exact);
    memcpy(exact, query, length);
    const bool good = sms365_report_parse(delivery, &cost, exact, length, &key, id);
    free(exact);
    return good;
}

/* %T in a format is the message's token, %O another message's, %F one that another key made. */
static void make_query(char *out, size_t size, const char *format)
{
    size_t used = 0;

    for (const char *c = format; *c != '\0'; c++) {
        char token[SMS365_TOKEN_SIZE];
        if (*c != '%') {
            out[used++] = *c;
            out[used] = '\0';
            continue;
        }
        c++;
        assert_true(sms365_token_make(token, *c == 'F' ? &other_key : &key, *c == 'O' ? other_id : id));
        assert_true(used + sizeof token < size);
        memcpy(out + used, token, sizeof token);
        used += strlen(token);
    }
}

static void a_token_names_its_message_to_its_key_alone(void **state)
{
    char token[SMS365_TOKEN_SIZE], other[SMS365_TOKEN_SIZE];
    uint8_t found[SMS365_ID_BYTES] = {0};

    (void)state;
    assert_true(sms365_token_make(token, &key, id));
    assert_int_equal(strlen(token), SMS365_TOKEN_SIZE - 1);
    assert_true(sms365_token_check(found, &key, token));
    assert_memory_equal(found, id, sizeof id);
    assert_false(sms365_token_check(found, &other_key, token));
    assert_true(sms365_token_make(other, &key, other_id));
    assert_string_not_equal(other, token);
}

static void a_token_altered_in_any_character_is_none(void **state)
{
    char token[SMS365_TOKEN_SIZE];
    uint8_t found[SMS365_ID_BYTES];

    (void)state;
    assert_true(sms365_token_make(token, &key, id));
    for (size_t i = 0; i + 1 < sizeof token; i++) {
        const char good = token[i];
        for (int c = 1; c < 256; c++) {
            token[i] = (char)c;
            assert_int_equal(sms365_token_check(found, &key, token), token[i] == good);
        }
        token[i] = good;
    }
}

static void a_token_of_another_length_is_none(void **state)
{
    char token[SMS365_TOKEN_SIZE + 8] = "";
    uint8_t found[SMS365_ID_BYTES];
    static const char *const longer[] = {"A", "=", "AA", "AAAA", " ", "\n"};

    (void)state;
    assert_false(sms365_token_check(found, &key, ""));
    for (size_t i = 0; i < sizeof longer / sizeof *longer; i++) {
        assert_true(sms365_token_make(token, &key, id));
        memcpy(token + strlen(token), longer[i], strlen(longer[i]) + 1);
        assert_false(sms365_token_check(found, &key, token));
    }
    for (size_t length = 0; length < SMS365_TOKEN_SIZE - 1; length++) {
        assert_true(sms365_token_make(token, &key, id));
        token[length] = '\0';
        assert_false(sms365_token_check(found, &key, token));
    }
}

static void a_report_counts_with_its_own_token_and_a_final_status(void **state)
{
    static const struct {
        const char *query;
        bool good;
        enum sms365_delivery delivery;
    } cases[] = {
        {"t=%T&msgid=7&status=d&cost=1&to=306971234567&mcc=202&mnc=05", true, SMS365_DELIVERY_DONE},
        {"t=%T&msgid=7&status=f&cost=1&to=306971234567&mcc=202&mnc=05", true, SMS365_DELIVERY_FAILED},
        {"t=%T&status=2", true, SMS365_DELIVERY_DONE},
        {"t=%T&status=3", true, SMS365_DELIVERY_FAILED},
        {"status=d&t=%T", true, SMS365_DELIVERY_DONE},
        {"site=1&t=%T&x&&y=&status=d", true, SMS365_DELIVERY_DONE},
        {" t=%T&status=d\r\n", true, SMS365_DELIVERY_DONE},
        {"t=%T&status=s", false, 0},
        {"t=%T&status=1", false, 0},
        {"t=%T&status=D", false, 0},
        {"t=%T&status=dd", false, 0},
        {"t=%T&status=", false, 0},
        {"t=%T&status", false, 0},
        {"t=%T", false, 0},
        {"t=%T&status=delivered", false, 0},
        {"t=%T&xstatus=d", false, 0},
        {"t=%T&STATUS=d", false, 0},
        {"t=%O&status=d", false, 0},
        {"t=%F&status=d", false, 0},
        {"t=%TA&status=d", false, 0},
        {"t=&status=d", false, 0},
        {"t&status=d", false, 0},
        {"status=d", false, 0},
        {"xt=%T&status=d", false, 0},
        {"", false, 0},
        {"&&&", false, 0},
    };
    char query[512];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum sms365_delivery delivery = SMS365_DELIVERY_PENDING;
        query[0] = '\0';
        make_query(query, sizeof query, cases[i].query);
        if (parse(&delivery, query, strlen(query)) != cases[i].good)
            fail_msg("%s", cases[i].query);
        if (cases[i].good)
            assert_int_equal(delivery, cases[i].delivery);
    }
}

/* The provider appends its parameters: ours stand before whatever is added, and the first of each counts. */
static void of_a_doubled_parameter_the_first_counts(void **state)
{
    static const struct {
        const char *query;
        bool good;
        enum sms365_delivery delivery;
    } cases[] = {
        {"t=%T&status=d&status=f", true, SMS365_DELIVERY_DONE},
        {"t=%T&status=f&status=d", true, SMS365_DELIVERY_FAILED},
        {"t=%T&status=s&status=d", false, 0},
        {"t=%T&t=%O&status=d", true, SMS365_DELIVERY_DONE},
        {"t=%O&t=%T&status=d", false, 0},
        {"t=&t=%T&status=d", false, 0},
    };
    char query[512];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum sms365_delivery delivery = SMS365_DELIVERY_PENDING;
        make_query(query, sizeof query, cases[i].query);
        if (parse(&delivery, query, strlen(query)) != cases[i].good)
            fail_msg("%s", cases[i].query);
        if (cases[i].good)
            assert_int_equal(delivery, cases[i].delivery);
    }
}

static void a_report_cut_anywhere_before_its_status_is_none(void **state)
{
    char query[512];
    enum sms365_delivery delivery;

    (void)state;
    make_query(query, sizeof query, "t=%T&msgid=7&status=d&cost=1&to=306971234567");
    const size_t needed = (size_t)(strstr(query, "status=d") - query) + strlen("status=d");
    for (size_t length = 0; length <= strlen(query); length++)
        assert_int_equal(parse(&delivery, query, length), length >= needed);
    make_query(query, sizeof query, "msgid=7&status=d&t=%T");
    for (size_t length = 0; length <= strlen(query); length++)
        assert_int_equal(parse(&delivery, query, length), length == strlen(query));
}

static void a_report_with_a_nul_or_too_long_is_none(void **state)
{
    static char query[SMS365_REPORT_MAX + 2];
    enum sms365_delivery delivery;

    (void)state;
    make_query(query, sizeof query, "t=%T&status=d&x=");
    const size_t length = strlen(query);
    assert_true(parse(&delivery, query, length));
    assert_false(parse(&delivery, query, length + 1));
    memset(query + length, 'y', sizeof query - length);
    assert_true(parse(&delivery, query, SMS365_REPORT_MAX));
    assert_false(parse(&delivery, query, SMS365_REPORT_MAX + 1));
}

static void a_receiver_keeps_what_is_known_and_harmless(void **state)
{
    static const struct {
        const char *query;
        const char *text; /* NULL: it is nobody's */
        enum sms365_delivery delivery;
    } cases[] = {
        {"t=%T&msgid=7&status=d&cost=1.5&to=306971234567&mcc=202&mnc=05",
            "t=%T&msgid=7&status=d&cost=1.5&to=306971234567&mcc=202&mnc=05", SMS365_DELIVERY_DONE},
        {"mnc=05&status=f&site=1&t=%T", "t=%T&status=f&mnc=05", SMS365_DELIVERY_FAILED},
        {"t=%T&status=3&status=d&t=%O", "t=%T&status=3", SMS365_DELIVERY_FAILED},
        {"t=%T&status=s", "t=%T&status=s", SMS365_DELIVERY_PENDING},
        {"t=%T&status=dd", "t=%T&status=dd", SMS365_DELIVERY_PENDING},
        {"t=%T", "t=%T", SMS365_DELIVERY_PENDING},
        {"t=%T&status=d&to=\x1b[2J&mcc=2 0&msgid=a\nb&cost=1;x&mnc=", "t=%T&status=d&mnc=", SMS365_DELIVERY_DONE},
        {"t=%T&status=d&msgid=0123456789012345678901234567890123456789012345678901234567890123",
            "t=%T&msgid=0123456789012345678901234567890123456789012345678901234567890123&status=d",
            SMS365_DELIVERY_DONE},
        {"t=%T&status=d&msgid=01234567890123456789012345678901234567890123456789012345678901234", "t=%T&status=d",
            SMS365_DELIVERY_DONE},
        {"t=%O&status=d", "t=%O&status=d", SMS365_DELIVERY_DONE},
        {"t=%F&status=d", NULL, 0},
        {"t=%TA&status=d", NULL, 0},
        {"t=&t=%T&status=d", NULL, 0},
        {"status=d", NULL, 0},
        {"", NULL, 0},
    };
    char query[512], text[512];
    struct sms365_report report;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        query[0] = text[0] = '\0';
        make_query(query, sizeof query, cases[i].query);
        if (sms365_report_take(&report, query, strlen(query), &key) != (cases[i].text != NULL))
            fail_msg("%s", cases[i].query);
        if (cases[i].text == NULL)
            continue;
        make_query(text, sizeof text, cases[i].text);
        assert_string_equal(report.text, text);
        assert_int_equal(report.length, strlen(text));
        assert_int_equal(report.delivery, cases[i].delivery);
        assert_memory_equal(report.id, strstr(cases[i].query, "%O") == cases[i].query + 2 ? other_id : id, sizeof id);
    }
}

static void what_a_receiver_keeps_is_what_a_reader_takes(void **state)
{
    static const char *const words[] = {"d", "f", "s", "1", "2", "3", "", "dd", "delivered"};
    static char query[SMS365_REPORT_MAX + 2];
    struct sms365_report report;

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        enum sms365_delivery delivery = SMS365_DELIVERY_PENDING;
        make_query(query, sizeof query, "msgid=7&t=%T&x=1&status=");
        (void)snprintf(query + strlen(query), 16, "%s", words[i]);
        assert_true(sms365_report_take(&report, query, strlen(query), &key));
        const bool final = report.delivery != SMS365_DELIVERY_PENDING;
        assert_int_equal(parse(&delivery, report.text, report.length), final);
        assert_int_equal(delivery, report.delivery);
    }
    make_query(query, sizeof query, "t=%T&status=d&x=");
    assert_false(sms365_report_take(&report, query, strlen(query) + 1, &key));
    memset(query + strlen(query), 'y', SMS365_REPORT_MAX + 1 - strlen(query));
    assert_true(sms365_report_take(&report, query, SMS365_REPORT_MAX, &key));
    assert_false(sms365_report_take(&report, query, SMS365_REPORT_MAX + 1, &key));
}

static void the_token_is_appended_to_the_callback(void **state)
{
    char out[64];

    (void)state;
    assert_true(sms365_callback_url(out, sizeof out, "https://example.com/cb", "TOKEN"));
    assert_string_equal(out, "https://example.com/cb?t=TOKEN");
    assert_true(sms365_callback_url(out, sizeof out, "https://example.com/cb?site=1", "TOKEN"));
    assert_string_equal(out, "https://example.com/cb?site=1&t=TOKEN");
    assert_true(sms365_callback_url(out, sizeof "https://example.com/cb?t=TOKEN", "https://example.com/cb", "TOKEN"));
    assert_false(
        sms365_callback_url(out, sizeof "https://example.com/cb?t=TOKEN" - 1, "https://example.com/cb", "TOKEN"));
}

static void a_report_lies_under_the_name_of_its_message(void **state)
{
    char name[SMS365_REPORT_NAME_SIZE];

    (void)state;
    sms365_report_name(name, id);
    assert_string_equal(name, "01020300ff0000000000000000000000.report");
}

static void only_final_words_end_a_delivery(void **state)
{
    (void)state;
    assert_int_equal(sms365_delivery_parse("d"), SMS365_DELIVERY_DONE);
    assert_int_equal(sms365_delivery_parse("2"), SMS365_DELIVERY_DONE);
    assert_int_equal(sms365_delivery_parse("f"), SMS365_DELIVERY_FAILED);
    assert_int_equal(sms365_delivery_parse("3"), SMS365_DELIVERY_FAILED);
    for (int c = 0; c < 256; c++) {
        const char word[] = {(char)c, '\0'};
        if (c == 0 || strchr("d2f3", c) == NULL)
            assert_int_equal(sms365_delivery_parse(word), SMS365_DELIVERY_PENDING);
    }
}

static void a_report_tells_its_cost_where_it_has_one(void **state)
{
    static const struct {
        const char *format;
        int64_t cost;
    } cases[] = {
        {"t=%T&status=d", -1}, {"t=%T&status=d&cost=1", 1000}, {"t=%T&status=d&cost=0.07", 70},
        {"t=%T&status=d&cost=0.0701", 71}, {"t=%T&status=d&cost=", -1}, {"t=%T&status=d&cost=-3", -1},
        {"t=%T&status=d&cost=9999999999999", 1000}, /* what no message costs counts as one credit */
    };
    char query[512];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum sms365_delivery delivery;
        int64_t cost;
        make_query(query, sizeof query, cases[i].format);
        assert_true(sms365_report_parse(&delivery, &cost, query, strlen(query), &key, id));
        assert_int_equal(cost, cases[i].cost);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_names_its_message_to_its_key_alone),
        cmocka_unit_test(a_token_altered_in_any_character_is_none),
        cmocka_unit_test(a_token_of_another_length_is_none),
        cmocka_unit_test(a_report_counts_with_its_own_token_and_a_final_status),
        cmocka_unit_test(of_a_doubled_parameter_the_first_counts),
        cmocka_unit_test(a_report_cut_anywhere_before_its_status_is_none),
        cmocka_unit_test(a_report_with_a_nul_or_too_long_is_none),
        cmocka_unit_test(a_receiver_keeps_what_is_known_and_harmless),
        cmocka_unit_test(what_a_receiver_keeps_is_what_a_reader_takes),
        cmocka_unit_test(the_token_is_appended_to_the_callback),
        cmocka_unit_test(a_report_lies_under_the_name_of_its_message),
        cmocka_unit_test(only_final_words_end_a_delivery),
        cmocka_unit_test(a_report_tells_its_cost_where_it_has_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
