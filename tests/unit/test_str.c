#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void numbers_keep_to_their_bounds(void **state)
{
    int64_t value = -1;

    (void)state;
    assert_true(sms365_str_number("0", 0, 9, &value));
    assert_int_equal(value, 0);
    assert_false(sms365_str_number("9223372036854775808", 0, INT64_MAX, &value));
    assert_int_equal(value, 0);
    assert_true(sms365_str_number("9223372036854775807", 0, INT64_MAX, &value));
    assert_true(value == INT64_MAX);
    assert_false(sms365_str_number("10", 0, 9, &value));
    assert_false(sms365_str_number("", 0, 9, &value));
    assert_false(sms365_str_number("-1", -5, 9, &value));
    assert_false(sms365_str_number(" 1", 0, 9, &value));
    assert_false(sms365_str_number("1x", 0, 99, &value));
    assert_false(sms365_str_number("99999999999999999999", 0, INT64_MAX, &value));
    assert_true(value == INT64_MAX);
}

static void cleaning_replaces_what_steers_a_terminal(void **state)
{
    static const struct {
        const char *dirty, *clean;
    } cases[] = {
        {"plain", "plain"},
        {"a\033[31mb", "a?[31mb"},
        {"line\nbreak\r", "line?break?"},
        {"\xc2\x9b", "??"},
        {"\xce\xb1\xce\xb2", "\xce\xb1\xce\xb2"},
        {"\xff\xfe", "??"},
        {"\xe2\x80\xae"
         "rtl",
            "???rtl"},
        {"\xd8\x9cmark \xd8\xa7", "??mark \xd8\xa7"},
        {"\xc0\xaf", "??"},
        {"cut \xe2\x82", "cut ??"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[64];
        assert_true(sms365_str_copy(text, sizeof text, cases[i].dirty));
        sms365_str_clean(text);
        assert_string_equal(text, cases[i].clean);
    }
}

static void a_buffer_never_grows_beyond_its_cap(void **state)
{
    struct sms365_buf buf;

    (void)state;
    sms365_buf_init(&buf, 10);
    sms365_buf_puts(&buf, "0123456789");
    assert_false(buf.failed);
    sms365_buf_puts(&buf, "x");
    assert_true(buf.failed);
    assert_string_equal(sms365_buf_text(&buf), "0123456789");
    sms365_buf_free(&buf);
}

static void base64url_takes_its_canonical_form_only(void **state)
{
    uint8_t bytes[40];
    char text[64];
    size_t length = 0;

    (void)state;
    for (size_t n = 0; n <= 32; n++) {
        uint8_t back[40];
        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)(251 * i + n);
        assert_true(sms365_str_base64url(text, sizeof text, bytes, n));
        assert_true(sms365_str_unbase64url(back, sizeof back, &length, text));
        assert_int_equal(length, n);
        assert_memory_equal(back, bytes, n);
    }
    assert_true(sms365_str_unbase64url(bytes, sizeof bytes, &length, "AQ"));
    assert_false(sms365_str_unbase64url(bytes, sizeof bytes, &length, "AR"));
    assert_false(sms365_str_unbase64url(bytes, sizeof bytes, &length, "A"));
    assert_false(sms365_str_unbase64url(bytes, sizeof bytes, &length, "AQ=="));
    assert_false(sms365_str_unbase64url(bytes, sizeof bytes, &length, "A+"));
    assert_false(sms365_str_unbase64url(bytes, 1, &length, "AQID"));
}

static void form_encoding_leaves_only_unreserved_characters(void **state)
{
    struct sms365_buf buf;

    (void)state;
    sms365_buf_init(&buf, 100);
    sms365_buf_add_form(&buf, "a b&c=\xce\xb1%", 9);
    assert_string_equal(sms365_buf_text(&buf), "a%20b%26c%3D%CE%B1%25");
    sms365_buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_keep_to_their_bounds),
        cmocka_unit_test(cleaning_replaces_what_steers_a_terminal),
        cmocka_unit_test(a_buffer_never_grows_beyond_its_cap),
        cmocka_unit_test(base64url_takes_its_canonical_form_only),
        cmocka_unit_test(form_encoding_leaves_only_unreserved_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
