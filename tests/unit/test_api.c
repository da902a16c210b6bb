/* Replies of the provider: see test_api_request.c for requests. */
#include "pure/api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum sms365_err decode(struct sms365_reply **reply, const char *path, const char *text)
{
    struct sms365_error err = {0};
    const enum sms365_err result = sms365_api_decode(reply, sms365_endpoint_find(path), text, strlen(text), &err);

    assert_true((*reply == NULL) == (result != SMS365_OK && result != SMS365_REFUSED));
    assert_true((err.text[0] == '\0') == (result == SMS365_OK));
    return result;
}

static enum sms365_err outcome(const char *path, const char *text)
{
    struct sms365_reply *reply;
    const enum sms365_err result = decode(&reply, path, text);

    sms365_reply_free(reply);
    return result;
}

static void success_takes_status_1_and_error_0_or_none(void **state)
{
    static const struct {
        const char *text;
        enum sms365_err result;
    } cases[] = {
        {"{\"status\":\"1\",\"error\":\"0\",\"remarks\":\"Success\"}", SMS365_OK},
        {" {\"status\":1 , \"error\":0}\r\n", SMS365_OK},
        {"{\"status\":1}", SMS365_OK},
        {"{\"status\":1,\"error\":101}", SMS365_REFUSED},
        {"{\"status\":0}", SMS365_REFUSED},
        {"{\"status\":0,\"error\":0}", SMS365_REFUSED},
        {"{\"status\":\"\"}", SMS365_REFUSED},
        {"{\"status\":\" 1\"}", SMS365_REFUSED},
        {"{\"status\":\"01\"}", SMS365_REFUSED},
        {"{\"status\":\"1\\n\"}", SMS365_REFUSED},
        {"{\"status\":1.0}", SMS365_REFUSED},
        {"{\"status\":-1}", SMS365_REFUSED},
        {"{\"status\":11}", SMS365_REFUSED},
        {"{\"status\":true}", SMS365_BAD_REPLY},
        {"{\"status\":null}", SMS365_BAD_REPLY},
        {"{\"status\":[1]}", SMS365_BAD_REPLY},
        {"{\"status\":{\"0\":1}}", SMS365_BAD_REPLY},
        {"{\"Status\":1}", SMS365_BAD_REPLY},
        {"{\"error\":0}", SMS365_BAD_REPLY},
        {"{}", SMS365_BAD_REPLY},
        {"{\"status\":1,\"error\":false}", SMS365_BAD_REPLY},
        {"{\"status\":1,\"error\":null}", SMS365_BAD_REPLY},
        {"{\"status\":1,\"error\":\"\"}", SMS365_BAD_REPLY},
        {"{\"status\":1,\"error\":-1}", SMS365_BAD_REPLY},
        {"{\"status\":1,\"error\":0.0}", SMS365_BAD_REPLY},
        {"{\"status\":1,\"error\":4294967296}", SMS365_BAD_REPLY},
        {"{\"status\":1,\"remarks\":{}}", SMS365_BAD_REPLY},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (outcome("key/reset", cases[i].text) != cases[i].result)
            fail_msg("%s", cases[i].text);
}

static void what_is_no_such_reply_is_a_bad_reply(void **state)
{
    static const char *const cases[] = {
        "",
        " ",
        "1",
        "\"1\"",
        "[]",
        "[{\"status\":1}]",
        "<html><body>Gateway</body></html>",
        "1|358731178",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><response><status>1</status></response>",
        "\xef\xbb\xbf{\"status\":1}",
        "{\"status\":1}x",
        "{\"status\":1}{\"status\":1}",
        "{\"status\":1}\v",
        "\f{\"status\":1}",
        "{\"status\":1,}",
        "{\"status\":1 \"error\":0}",
        "{\"status\" 1}",
        "{status:1}",
        "{'status':1}",
        "{\"status\":1]",
        "{\"status\":1}}",
        "{\"status\":1,\"a\":[1,]}",
        "{\"status\":1,\"a\":01}",
        "{\"status\":1,\"a\":+1}",
        "{\"status\":1,\"a\":.5}",
        "{\"status\":1,\"a\":1.}",
        "{\"status\":1,\"a\":1e}",
        "{\"status\":1,\"a\":1e999}",
        "{\"status\":1,\"a\":-}",
        "{\"status\":1,\"a\":0x10}",
        "{\"status\":1,\"a\":NaN}",
        "{\"status\":1,\"a\":truely}",
        "{\"status\":1,\"a\":TRUE}",
        "{\"status\":1,2:3}",
        "{\"status\":1,2 :3}",
        "{\"status\":1,\"a\":1 2}",
        "{\"status\":1,\"a\":\"\\x41\"}",
        "{\"status\":1,\"a\":\"\\u00g0\"}",
        "{\"status\":1,\"a\":\"\\u0000\"}",
        "{\"status\":1,\"a\\u0000\":\"\"}",
        "{\"status\":1,\"a\":\"\\ud800\"}",
        "{\"status\":1,\"a\":\"tab\there\"}",
        "{\"status\":1,\"a\":\"\xff\"}",
        "{\"status\":1,\"a\":\"\xc0\xaf\"}",
        "{\"status\":1,\"a\":\"\xed\xa0\x80\"}",
        "{\"status\":1,\"a\":\"cut \xe2\x82\"}",
        "{\"status\":1,\"a\":[[[[[[[[1]]]]]]]]}",
        "{\"status\":1,\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (outcome("2fa/check", cases[i]) != SMS365_BAD_REPLY)
            fail_msg("%s", cases[i]);
    assert_int_equal(outcome("2fa/check", "{\"status\":1,\"error\":0,\"a\":[[[[[[[1]]]]]]]}"), SMS365_OK);
    /* What lets somebody in has to say that there was no error. */
    assert_int_equal(outcome("2fa/check", "{\"status\":1,\"auth\":\"ok\"}"), SMS365_BAD_REPLY);
    assert_int_equal(outcome("2fa/check", "{\"status\":1,\"error\":0,\"auth\":\"ok\"}"), SMS365_OK);
}

static void a_member_that_comes_twice_is_a_bad_reply(void **state)
{
    static const char *const cases[] = {
        "{\"status\":1,\"status\":1}",
        "{\"status\":0,\"status\":1}",
        "{\"status\":1,\"error\":101,\"error\":0}",
        "{\"status\":1,\"remarks\":\"\",\"remarks\":\"\"}",
        "{\"status\":1,\"x\":1,\"y\":2,\"x\":3}",
        "{\"status\":1,\"\\u0073tatus\":1}",
        "{\"status\":1,\"a\":{\"b\":1,\"b\":2}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (outcome("2fa/check", cases[i]) != SMS365_BAD_REPLY)
            fail_msg("%s", cases[i]);
}

static void a_raw_nul_is_refused_wherever_it_stands(void **state)
{
    static const char whole[] = "{\"status\":1,\"auth\":\"ok\"}";
    const size_t length = sizeof whole - 1;

    (void)state;
    for (size_t at = 0; at <= length; at++) {
        char text[sizeof whole + 1];
        struct sms365_reply *reply;
        memcpy(text, whole, at);
        text[at] = '\0';
        memcpy(text + at + 1, whole + at, length - at);
        assert_int_equal(
            sms365_api_decode(&reply, sms365_endpoint_find("2fa/check"), text, length + 1, NULL), SMS365_BAD_REPLY);
        assert_null(reply);
    }
}

static const char mobile_reply[] =
    "{\"status\":\"1\",\"remarks\":\"Success\",\"error\":\"0\",\"total\":1,\"mobile\":{\"msisdn\":\"306971234567\","
    "\"national\":\"6971234567\",\"country\":\"\\u0395\xce\xbb\",\"countryCode\":30,\"gsmCode\":\"697\","
    "\"number\":\"1234567\",\"mcc\":\"202\",\"mnc\":\"05\",\"cost\":0.5}}";

static void a_reply_cut_at_any_byte_is_a_bad_reply(void **state)
{
    (void)state;
    assert_int_equal(outcome("mobile/check", mobile_reply), SMS365_OK);
    for (size_t cut = 0; cut < sizeof mobile_reply - 1; cut++) {
        struct sms365_reply *reply;
        char *text = malloc(cut + 1); /* of the exact size, so that a sanitizer sees reads beyond */
        assert_non_null(text);
        memcpy(text, mobile_reply, cut);
        assert_int_equal(
            sms365_api_decode(&reply, sms365_endpoint_find("mobile/check"), text, cut, NULL), SMS365_BAD_REPLY);
        assert_null(reply);
        free(text);
    }
}

static void scalars_are_texts_whatever_they_came_as(void **state)
{
    struct sms365_reply *reply;

    (void)state;
    assert_int_equal(decode(&reply, "mobile/check", mobile_reply), SMS365_OK);
    assert_string_equal(sms365_reply_get(reply, "mobile.msisdn"), "306971234567");
    assert_string_equal(sms365_reply_get(reply, "mobile.countryCode"), "30");
    assert_string_equal(sms365_reply_get(reply, "mobile.country"), "\xce\x95\xce\xbb");
    assert_string_equal(sms365_reply_get(reply, "mobile.cost"), "0.5");
    assert_string_equal(sms365_reply_get(reply, "total"), "1");
    assert_string_equal(sms365_reply_get(reply, "remarks"), "Success");
    assert_null(sms365_reply_get(reply, "mobile"));
    assert_null(sms365_reply_get(reply, "mobile.nothing"));
    assert_null(sms365_reply_get(reply, "nothing.msisdn"));
    assert_null(sms365_reply_get(reply, "msisdn"));
    assert_null(sms365_reply_get(reply, ""));
    assert_null(sms365_reply_get(reply, "."));
    assert_null(sms365_reply_get(reply, "a_name_that_is_longer_than_any_object_of_the_table.x"));
    assert_int_equal(sms365_reply_error(reply), 0);
    sms365_reply_free(reply);
}

static void numbers_keep_every_digit(void **state)
{
    static const struct {
        const char *number, *text;
    } cases[] = {
        {"0", "0"},
        {"-0.50", "-0.50"},
        {"12345678901234567890123", "12345678901234567890123"},
        {"0.1", "0.1"},
        {"1e3", "1000"},
        {"1E+3", "1000"},
        {"1.5e3", "1500"},
        {"1.25e1", "12.5"},
        {"5e-3", "0.005"},
        {"-12.5e-1", "-1.25"},
        {"1.0e-5", "0.000010"},
        {"0.5e1", "5"},
        {"0e5", "0"},
        {"0.00e1", "0.0"},
        {"10e0", "10"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128];
        struct sms365_reply *reply;
        (void)snprintf(text, sizeof text, "{\"status\":1,\"balance\":%s}", cases[i].number);
        assert_int_equal(decode(&reply, "me/balance", text), SMS365_OK);
        assert_string_equal(sms365_reply_get(reply, "balance"), cases[i].text);
        sms365_reply_free(reply);
    }
}

static void fields_of_the_wrong_kind_make_a_success_a_bad_reply(void **state)
{
    static const struct {
        const char *path, *text;
        enum sms365_err result;
    } cases[] = {
        {"2fa/check", "{\"status\":1,\"auth\":true}", SMS365_BAD_REPLY},
        {"2fa/check", "{\"status\":1,\"auth\":null}", SMS365_BAD_REPLY},
        {"2fa/check", "{\"status\":1,\"auth\":[\"ok\"]}", SMS365_BAD_REPLY},
        {"2fa/check", "{\"status\":1,\"auth\":{\"0\":\"ok\"}}", SMS365_BAD_REPLY},
        {"2fa/check", "{\"status\":1,\"error\":0,\"other\":null,\"more\":[true]}", SMS365_OK},
        {"2fa/send", "{\"status\":1,\"authId\":false}", SMS365_BAD_REPLY},
        {"2fa/send", "{\"status\":0,\"error\":101,\"authId\":false}", SMS365_REFUSED},
        {"me/balance", "{\"status\":1,\"balance\":\"12.5\"}", SMS365_OK},
        {"me/balance", "{\"status\":1,\"balance\":\"-3\"}", SMS365_OK},
        {"me/balance", "{\"status\":1,\"balance\":\"\"}", SMS365_BAD_REPLY},
        {"me/balance", "{\"status\":1,\"balance\":\"12.\"}", SMS365_BAD_REPLY},
        {"me/balance", "{\"status\":1,\"balance\":\"1e3\"}", SMS365_BAD_REPLY},
        {"me/balance", "{\"status\":1,\"balance\":\"many\"}", SMS365_BAD_REPLY},
        {"mobile/check", "{\"status\":1,\"mobile\":\"306971234567\"}", SMS365_BAD_REPLY},
        {"mobile/check", "{\"status\":1,\"mobile\":null}", SMS365_BAD_REPLY},
        {"mobile/check", "{\"status\":1,\"mobile\":{\"msisdn\":null}}", SMS365_BAD_REPLY},
        {"mobile/check", "{\"status\":1,\"mobile\":{\"msisdn\":{}}}", SMS365_BAD_REPLY},
        {"mobile/check", "{\"status\":1,\"mobile\":{\"cost\":\"free\"}}", SMS365_BAD_REPLY},
        {"status/sms", "{\"status\":1,\"0\":{\"status\":true}}", SMS365_BAD_REPLY},
        {"status/sms", "{\"status\":1,\"0\":{\"status\":\"d\"},\"1\":{\"status\":[]}}", SMS365_BAD_REPLY},
        {"status/sms", "{\"status\":1,\"0\":\"d\"}", SMS365_BAD_REPLY},
        {"status/sms", "{\"status\":1,\"sms\":[\"d\"]}", SMS365_BAD_REPLY},
        {"status/sms", "{\"status\":1,\"sms\":[]}", SMS365_OK},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (outcome(cases[i].path, cases[i].text) != cases[i].result)
            fail_msg("%s", cases[i].text);
}

static void the_first_row_is_found_in_every_shape_of_a_list(void **state)
{
    static const char *const cases[] = {
        "{\"0\":{\"smsId\":123,\"status\":\"d\"},\"1\":{\"smsId\":4},\"total\":2,\"status\":\"1\"}",
        "{\"status\":\"1\",\"sms\":{\"smsId\":\"123\",\"status\":\"d\"}}",
        "{\"status\":\"1\",\"sms\":[{\"smsId\":\"123\",\"status\":\"d\"},{\"smsId\":\"4\",\"status\":\"f\"}]}",
        "{\"status\":\"1\",\"sms\":{\"0\":{\"smsId\":\"123\",\"status\":\"d\"},\"1\":{\"smsId\":\"4\"}}}",
        "{\"status\":\"1\",\"sms\":{\"sms\":[{\"smsId\":\"123\",\"status\":\"d\"}]}}",
        "{\"status\":\"1\",\"sms\":[{\"id\":\"123\",\"status\":\"d\"}]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sms365_reply *reply;
        assert_int_equal(decode(&reply, "status/sms", cases[i]), SMS365_OK);
        assert_string_equal(sms365_reply_get(reply, "sms.smsId"), "123");
        assert_string_equal(sms365_reply_get(reply, "sms.status"), "d");
        assert_string_equal(sms365_reply_get(reply, "status"), "1");
        sms365_reply_free(reply);
    }
}

static void a_send_answers_with_smsid_or_id(void **state)
{
    static const char *const cases[] = {"{\"status\":1,\"smsId\":7}", "{\"status\":1,\"id\":\"7\"}"};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sms365_reply *reply;
        assert_int_equal(decode(&reply, "sms/send", cases[i]), SMS365_OK);
        assert_string_equal(sms365_reply_get(reply, "smsId"), "7");
        sms365_reply_free(reply);
    }
}

static void the_word_that_accepts_a_code_is_handed_on_as_it_came(void **state)
{
    static const struct {
        const char *sent, *got;
    } cases[] = {
        {"ok", "ok"}, {" ok", " ok"}, {"OK", "OK"}, {"ok\\n", "ok?"}, {"\\u006fk", "ok"}, {"nok", "nok"}, {"", ""}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        struct sms365_reply *reply;
        (void)snprintf(text, sizeof text, "{\"status\":1,\"error\":0,\"auth\":\"%s\"}", cases[i].sent);
        assert_int_equal(decode(&reply, "2fa/check", text), SMS365_OK);
        assert_string_equal(sms365_reply_get(reply, "auth"), cases[i].got);
        sms365_reply_free(reply);
    }
}

static void a_refusal_names_the_error_and_what_to_do(void **state)
{
    static const char known[] = "{\"status\":\"0\",\"error\":\"101\",\"remarks\":\"bad key DEMO-KEY\"}";
    static const char unknown[] = "{\"status\":\"0\",\"error\":\"777\",\"remarks\":\"for 306971234567\\u001b[31m\"}";
    struct sms365_error err = {0};
    struct sms365_reply *reply;

    (void)state;
    assert_int_equal(
        sms365_api_decode(&reply, sms365_endpoint_find("2fa/send"), known, sizeof known - 1, &err), SMS365_REFUSED);
    assert_int_equal(sms365_reply_error(reply), 101);
    assert_non_null(strstr(err.text, "101"));
    assert_non_null(strstr(err.text, "key is wrong"));
    assert_non_null(strstr(err.text, "whitelist"));
    assert_null(strstr(err.text, "DEMO-KEY"));
    sms365_reply_free(reply);
    assert_int_equal(
        sms365_api_decode(&reply, sms365_endpoint_find("2fa/send"), unknown, sizeof unknown - 1, &err), SMS365_REFUSED);
    assert_non_null(strstr(err.text, "777"));
    assert_null(strstr(err.text, "306971234567"));
    assert_string_equal(sms365_reply_get(reply, "remarks"), "for 306971234567?[31m");
    sms365_reply_free(reply);
}

static void json_for_programs_hides_the_key_unless_asked(void **state)
{
    struct sms365_reply *reply;

    (void)state;
    assert_int_equal(
        decode(&reply, "key/get", "{\"status\":1,\"key\":\"S3CRET\",\"in\":[{\"key\":\"S3CRET\"}]}"), SMS365_OK);
    char *hidden = sms365_reply_json(reply, false);
    char *shown = sms365_reply_json(reply, true);
    assert_null(strstr(hidden, "S3CRET"));
    assert_non_null(strstr(hidden, "******"));
    assert_non_null(strstr(shown, "S3CRET"));
    assert_string_equal(sms365_reply_get(reply, "key"), "S3CRET");
    free(hidden);
    free(shown);
    sms365_reply_free(reply);
}

static void many_rows_are_read_in_one_go(void **state)
{
    const size_t rows = 50000;
    struct sms365_buf text;
    struct sms365_reply *reply;

    (void)state;
    sms365_buf_init(&text, 4u << 20);
    sms365_buf_puts(&text, "{\"status\":1");
    for (size_t i = 0; i < rows; i++)
        sms365_buf_printf(&text, ",\"%zu\":{\"status\":\"d\"}", i);
    sms365_buf_puts(&text, "}");
    assert_int_equal(decode(&reply, "status/sms", sms365_buf_text(&text)), SMS365_OK);
    assert_string_equal(sms365_reply_get(reply, "sms.status"), "d");
    sms365_reply_free(reply);
    sms365_buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(success_takes_status_1_and_error_0_or_none),
        cmocka_unit_test(what_is_no_such_reply_is_a_bad_reply),
        cmocka_unit_test(a_member_that_comes_twice_is_a_bad_reply),
        cmocka_unit_test(a_raw_nul_is_refused_wherever_it_stands),
        cmocka_unit_test(a_reply_cut_at_any_byte_is_a_bad_reply),
        cmocka_unit_test(scalars_are_texts_whatever_they_came_as),
        cmocka_unit_test(numbers_keep_every_digit),
        cmocka_unit_test(fields_of_the_wrong_kind_make_a_success_a_bad_reply),
        cmocka_unit_test(the_first_row_is_found_in_every_shape_of_a_list),
        cmocka_unit_test(a_send_answers_with_smsid_or_id),
        cmocka_unit_test(the_word_that_accepts_a_code_is_handed_on_as_it_came),
        cmocka_unit_test(a_refusal_names_the_error_and_what_to_do),
        cmocka_unit_test(json_for_programs_hides_the_key_unless_asked),
        cmocka_unit_test(many_rows_are_read_in_one_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
