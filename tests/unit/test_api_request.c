/* The table of endpoints, and requests made from it. */
#include "pure/api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void the_table_is_consistent(void **state)
{
    size_t params, fields, ways;
    const struct sms365_api_way *way = sms365_api_ways(&ways);
    const struct sms365_api_param *param = sms365_api_params(&params);
    const struct sms365_api_field *field = sms365_api_fields(&fields);

    (void)state;
    for (int i = 0; i < SMS365_EP_COUNT; i++) {
        const struct sms365_endpoint *endpoint = sms365_endpoint_get((enum sms365_endpoint_id)i);
        assert_int_equal(endpoint->id, i);
        assert_ptr_equal(sms365_endpoint_find(endpoint->path), endpoint);
        assert_true((endpoint->auth == SMS365_AUTH_OPEN) == (sms365_api_param_find(endpoint->id, "key") == NULL));
    }
    assert_null(sms365_endpoint_find("2fa/nothing"));
    for (size_t i = 0; i < params; i++) {
        assert_ptr_equal(sms365_api_param_find(param[i].endpoint, param[i].name), &param[i]);
        assert_true(param[i].min <= param[i].max);
        assert_true(param[i].error_empty == 0 || sms365_api_error_text(param[i].error_empty) != NULL);
        assert_true(param[i].error_bad == 0 || sms365_api_error_text(param[i].error_bad) != NULL);
    }
    for (size_t i = 0; i < ways; i++)
        for (const char *name = way[i].names; *name != '\0'; name += strcspn(name, " "), name += *name == ' ') {
            char one[32] = "";
            memcpy(one, name, strcspn(name, " "));
            const struct sms365_api_param *found = sms365_api_param_find(way[i].endpoint, one);
            assert_non_null(found);
            assert_false(found->required);
        }
    for (size_t i = 0; i < fields; i++)
        assert_true(field[i].object == NULL || field[i].type != SMS365_TYPE_OBJECT);
    assert_non_null(strstr(sms365_api_error_advice(101), "whitelist"));
    assert_null(sms365_api_error_text(999));
}

static void encodes(
    const char *path, const struct sms365_param *params, size_t count, const char *key, const char *body)
{
    struct sms365_buf buf;
    struct sms365_error err = {0};

    sms365_buf_init(&buf, 8192);
    buf.secret = true;
    assert_int_equal(sms365_api_encode(&buf, sms365_endpoint_find(path), params, count, key, &err), SMS365_OK);
    assert_string_equal(sms365_buf_text(&buf), body);
    sms365_buf_free(&buf);
}

static void requests_are_form_encoded_with_the_key_where_one_is_taken(void **state)
{
    const struct sms365_param send[] = {
        {"to", "+30 697 1234567"}, {"text", "%%CODE%% \xce\xb1&b=c\n@x #1"}, {"wait", "0"}};
    const struct sms365_param mobile[] = {{"mobile", "6971234567"}, {"type", "xml"}};
    const struct sms365_param viber[] = {{"contactId", "7"}, {"text", "x"}, {"sms_from", "1234567890123456"}};
    const struct sms365_param topup[] = {{"userId", "7"}, {"sms", "-2.5"}, {"cost", "0"}};
    const struct sms365_param update[] = {{"contactId", "7"}, {"surname", ""}, {"birthday", "1980-12-24"}};
    const struct sms365_param bulk[] = {{"to", "+30 697,357"}, {"text", "x"}};
    const struct sms365_param login[] = {{"username", "demo"}, {"password", "p w"}};

    (void)state;
    encodes("2fa/send", send, 3, "DEMO-KEY",
        "key=DEMO-KEY&to=%2B30%20697%201234567&text=%25%25CODE%25%25%20%CE%B1%26b%3Dc%0A%40x%20%231&wait=0&type=json");
    encodes("mobile/check", mobile, 2, "DEMO-KEY", "mobile=6971234567&type=xml");
    encodes("viber/send", viber, 3, "k", "key=k&contactId=7&text=x&sms_from=1234567890123456&type=json");
    encodes("user/topup", topup, 3, "k", "key=k&userId=7&sms=-2.5&cost=0&type=json");
    encodes("contact/update", update, 3, "k", "key=k&contactId=7&surname=&birthday=1980-12-24&type=json");
    encodes("sms/bulk", bulk, 2, "k", "key=k&to=%2B30%20697%2C357&text=x&type=json");
    encodes("key/get", NULL, 0, "k", "key=k&type=json");
    encodes("key/get", login, 2, "k", "username=demo&password=p%20w&type=json");
}

static void mistakes_in_parameters_are_all_named_and_nothing_is_written(void **state)
{
    static const struct {
        const char *path, *key, *says;
        struct sms365_param params[3];
        size_t count;
    } cases[] = {
        {"2fa/check", NULL, "key is missing", {{"authId", "1"}, {"code", "1234"}}, 2},
        {"2fa/check", "k", "authId is missing; code is missing", {{0}}, 0},
        {"2fa/check", "k", "code has 17 characters, not 1 to 16", {{"authId", "1"}, {"code", "12345678901234567"}}, 2},
        {"2fa/check", "k", "code has 0 characters", {{"authId", "1"}, {"code", ""}}, 2},
        {"2fa/check", "k", "code holds control characters", {{"authId", "1"}, {"code", "12\n4"}}, 2},
        {"2fa/check", "k", "code has no value", {{"authId", "1"}, {"code", NULL}}, 2},
        {"2fa/check", "k", "code is given twice", {{"authId", "1"}, {"code", "1"}, {"code", "1"}}, 3},
        {"2fa/check", "", "key has 0 characters", {{"authId", "1"}, {"code", "1"}}, 2},
        {"2fa/check", "k", "key comes from the key store only", {{"authId", "1"}, {"code", "1"}, {"key", "x"}}, 3},
        {"2fa/send", "k", "wait is not a number from 0 to 60; to is missing", {{"wait", "61"}}, 1},
        {"2fa/send", "k", "wait is not a number", {{"to", "1"}, {"wait", "-1"}}, 2},
        {"2fa/send", "k", "wait is not a number", {{"to", "1"}, {"wait", "1 "}}, 2},
        {"2fa/send", "k", "to is not a phone number", {{"to", "306971234567;x"}}, 1},
        {"2fa/send", "k", "text is not UTF-8", {{"to", "1"}, {"text", "\xff"}}, 2},
        {"2fa/send", "k", "from has 17 characters", {{"to", "1"}, {"from", "12345678901234567"}}, 2},
        {"2fa/send", "k", "ucs is neither true nor false", {{"to", "1"}, {"ucs", "1"}}, 2},
        {"2fa/send", "k", "callback is not an http or https URL", {{"to", "1"}, {"callback", "file:///etc/passwd"}}, 2},
        {"2fa/send", "k", "callback holds blanks", {{"to", "1"}, {"callback", "https://x/ y"}}, 2},
        {"2fa/send", "k", "type is none of json, xml, v2", {{"to", "1"}, {"type", "JSON"}}, 2},
        {"2fa/send", "k", "timestamp is not a parameter of this endpoint", {{"to", "1"}, {"timestamp", "1"}}, 2},
        {"key/get", NULL, "key or username and password is missing", {{"username", "u"}}, 1},
        {"viber/send", "k", "to or contactId or groupId is missing", {{"text", "x"}}, 1},
        {"viber/send", "k", "validity is not a number from 60 to 86400", {{"groupId", "1"}, {"validity", "30"}}, 2},
        {"viber/send", "k", "sms_from is neither a number nor", {{"to", "1"}, {"sms_from", "Twelve-chars"}}, 2},
        {"viber/send", "k", "sms_from is neither a number nor", {{"to", "1"}, {"sms_from", "my shop"}}, 2},
        {"group/deleteContact", "k", "groupId and contactId or contactGroupId is missing", {{"groupId", "1"}}, 1},
        {"user/topup", "k", "sms is not an amount from", {{"userId", "1"}, {"sms", "1e3"}, {"cost", "1"}}, 3},
        {"user/topup", "k", "cost is not an amount from 0 to", {{"userId", "1"}, {"sms", "1"}, {"cost", "-1"}}, 3},
        {"user/topup", "k", "sms is not an amount from", {{"userId", "1"}, {"sms", "9999999999999"}, {"cost", "1"}}, 3},
        {"user/add", "k", "email is not an email address", {{"email", "nobody"}, {"password", "x"}}, 2},
        {"contact/add", "k", "birthday is not a date, YYYY-MM-DD", {{"mobile", "1"}, {"birthday", "1980-13-01"}}, 2},
        {"contact/add", "k", "birthday is not a date, YYYY-MM-DD", {{"mobile", "1"}, {"birthday", "24-12-1980"}}, 2},
        {"contact/add", "k", "birthday is not a date, YYYY-MM-DD", {{"mobile", "1"}, {"birthday", "1980-1-1"}}, 2},
        {"contact/add", "k", "birthday has 0 characters, not 10", {{"mobile", "1"}, {"birthday", ""}}, 2},
        {"sms/bulk", "k", "to is not one of phone numbers", {{"to", "1;2"}, {"text", "x"}}, 2},
        {"key/get", "k", "key or username and password is missing", {{"username", "u"}}, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sms365_buf body;
        struct sms365_error err = {0};
        sms365_buf_init(&body, 8192);
        body.secret = true;
        sms365_buf_puts(&body, "before");
        assert_int_equal(sms365_api_encode(&body, sms365_endpoint_find(cases[i].path), cases[i].params, cases[i].count,
                             cases[i].key, &err),
            SMS365_BAD_ARGUMENT);
        if (strstr(err.text, cases[i].says) == NULL)
            fail_msg("case %zu says: %s", i, err.text);
        assert_null(strstr(err.text, "12345678901234567"));
        assert_string_equal(sms365_buf_text(&body), "before");
        sms365_buf_free(&body);
    }
}

static void a_body_beyond_its_cap_leaves_the_buffer_alone(void **state)
{
    const struct sms365_param params[] = {{"to", "306971234567"}};
    struct sms365_buf body;
    struct sms365_error err = {0};

    (void)state;
    sms365_buf_init(&body, 20);
    body.secret = true;
    assert_int_equal(
        sms365_api_encode(&body, sms365_endpoint_find("2fa/send"), params, 1, "k", &err), SMS365_NO_MEMORY);
    assert_string_equal(sms365_buf_text(&body), "");
    sms365_buf_free(&body);
}

static void only_what_goes_without_a_key_is_written_where_a_core_dump_has_it(void **state)
{
    const struct sms365_param params[] = {{"mobile", "306971234567"}};
    struct sms365_buf body;
    struct sms365_error err = {0};

    (void)state;
    for (int id = 0; id < SMS365_EP_COUNT; id++)
        assert_int_equal(sms365_api_is_open((enum sms365_endpoint_id)id), id == SMS365_EP_MOBILE_CHECK);
    sms365_buf_init(&body, 8192);
    assert_int_equal(
        sms365_api_encode(&body, sms365_endpoint_find("hlr/lookup"), params, 1, "k", &err), SMS365_BAD_ARGUMENT);
    assert_non_null(strstr(err.text, "body must be secret"));
    assert_string_equal(sms365_buf_text(&body), "");
    assert_int_equal(sms365_api_encode(&body, sms365_endpoint_find("mobile/check"), params, 1, NULL, &err), SMS365_OK);
    sms365_buf_free(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_consistent),
        cmocka_unit_test(requests_are_form_encoded_with_the_key_where_one_is_taken),
        cmocka_unit_test(mistakes_in_parameters_are_all_named_and_nothing_is_written),
        cmocka_unit_test(a_body_beyond_its_cap_leaves_the_buffer_alone),
        cmocka_unit_test(only_what_goes_without_a_key_is_written_where_a_core_dump_has_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
