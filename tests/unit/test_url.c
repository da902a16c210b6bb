#include "pure/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void base_urls_are_https_or_loopback_in_the_sandbox(void **state)
{
    static const struct {
        const char *url;
        bool outside, sandbox; /* is it taken? */
    } cases[] = {
        {"https://sms365.gr/api", true, true},
        {"https://sms365.gr", true, true},
        {"https://sms365.gr:8443/api/v3", true, true},
        {"https://192.0.2.1/api", true, true},
        {"https://[2001:db8::1]:443/api", true, true},
        {"http://127.0.0.1:8080/api", false, true},
        {"http://127.1.2.3/api", false, true},
        {"http://[::1]:8080/api", false, true},
        {"http://localhost/api", false, false},
        {"http://192.0.2.1/api", false, false},
        {"http://127.0.0.1.example.com/api", false, false},
        {"http://[::ffff:127.0.0.1]/api", false, false},
        {"http://sms365.gr/api", false, false},
        {"HTTPS://sms365.gr/api", false, false},
        {"ftp://sms365.gr/api", false, false},
        {"sms365.gr/api", false, false},
        {"https://", false, false},
        {"https:///api", false, false},
        {"https://:443/api", false, false},
        {"https://user@sms365.gr/api", false, false},
        {"https://127.0.0.1@sms365.gr/api", false, false},
        {"https://sms365.gr/api?key=1", false, false},
        {"https://sms365.gr?key=1", false, false},
        {"https://sms365.gr/api#top", false, false},
        {"https://sms365.gr/a pi", false, false},
        {"https://sms365.gr/api\r\nHost: x", false, false},
        {"https://sms365.gr/\xce\xb1", false, false},
        {"https://sms365.gr\\@evil.example/", false, false},
        {"https://-sms365.gr/api", false, false},
        {"https://.gr/api", false, false},
        {"https://sms,365.gr/api", false, false},
        {"https://sms365.gr:0/api", false, false},
        {"https://sms365.gr:65536/api", false, false},
        {"https://sms365.gr:/api", false, false},
        {"https://sms365.gr:44x/api", false, false},
        {"https://[2001:db8::1/api", false, false},
        {"https://[2001:db8::1]x/api", false, false},
        {"https://[192.0.2.1]/api", false, false},
        {"https://[]/api", false, false},
    };
    char out[SMS365_URL_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sms365_error err = {0};
        if ((sms365_url_check(out, cases[i].url, false, &err) == SMS365_OK) != cases[i].outside ||
            (sms365_url_check(out, cases[i].url, true, &err) == SMS365_OK) != cases[i].sandbox)
            fail_msg("%s: %s", cases[i].url, err.text);
    }
}

static void a_trailing_slash_is_cut(void **state)
{
    char out[SMS365_URL_SIZE] = "https://sms365.gr/api//";

    (void)state;
    assert_int_equal(sms365_url_check(out, out, false, NULL), SMS365_OK);
    assert_string_equal(out, "https://sms365.gr/api");
    assert_int_equal(sms365_url_check(out, "https://sms365.gr/", false, NULL), SMS365_OK);
    assert_string_equal(out, "https://sms365.gr");
}

static void a_base_url_has_at_most_255_bytes(void **state)
{
    char url[SMS365_URL_SIZE + 1];
    char out[SMS365_URL_SIZE];

    (void)state;
    memset(url, 'a', sizeof url);
    memcpy(url, "https://host/", 13);
    url[255] = '\0';
    assert_int_equal(sms365_url_check(out, url, false, NULL), SMS365_OK);
    assert_string_equal(out, url);
    url[255] = 'a';
    url[256] = '\0';
    assert_int_equal(sms365_url_check(out, url, false, NULL), SMS365_BAD_ARGUMENT);
}

static void callbacks_may_have_a_query_and_nothing_that_breaks_it(void **state)
{
    static const struct {
        const char *url;
        bool good;
    } cases[] = {
        {"https://example.com/sms365/callback", true},
        {"http://example.com:8080/cgi?site=1&x=%20", true},
        {"https://example.com", true},
        {"https://example.com?x=a@b", true},
        {"https://[2001:db8::1]/cb", true},
        {"https://example.com/cb#x", false},
        {"https://example.com/c b", false},
        {"https://example.com/cb\t", false},
        {"https://user:password@example.com/cb", false},
        {"/cb", false},
        {"https://", false},
        {"gopher://example.com/", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if ((sms365_url_check_callback(cases[i].url, NULL) == SMS365_OK) != cases[i].good)
            fail_msg("%s", cases[i].url);
}

static void the_path_of_a_callback_is_what_stands_before_its_query(void **state)
{
    static const struct {
        const char *url, *path;
    } cases[] = {
        {"https://example.com/sms365/callback", "/sms365/callback"},
        {"http://example.com:8080/cgi?site=1&x=/y", "/cgi"},
        {"https://example.com/", "/"},
        {"https://example.com", "/"},
        {"https://[2001:db8::1]?x=/y", "/"},
        {"https://example.com/%41/", "/%41/"},
    };
    char out[17];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(sms365_url_callback_path(out, sizeof out, cases[i].url));
        assert_string_equal(out, cases[i].path);
    }
    assert_false(sms365_url_callback_path(out, sizeof "/sms365/callback" - 1, cases[0].url));
    assert_false(sms365_url_callback_path(out, 1, "https://example.com"));
    assert_false(sms365_url_callback_path(out, sizeof out, "/sms365/callback"));
}

static void errors_say_what_to_write_instead(void **state)
{
    char out[SMS365_URL_SIZE];
    struct sms365_error err = {0};

    (void)state;
    assert_int_equal(sms365_url_check(out, "http://127.0.0.1/api", false, &err), SMS365_BAD_ARGUMENT);
    assert_non_null(strstr(err.text, "sandbox = yes"));
    assert_int_equal(sms365_url_check_callback("https://example.com/?secret=1 2", &err), SMS365_BAD_ARGUMENT);
    assert_null(strstr(err.text, "secret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base_urls_are_https_or_loopback_in_the_sandbox),
        cmocka_unit_test(a_trailing_slash_is_cut),
        cmocka_unit_test(a_base_url_has_at_most_255_bytes),
        cmocka_unit_test(callbacks_may_have_a_query_and_nothing_that_breaks_it),
        cmocka_unit_test(the_path_of_a_callback_is_what_stands_before_its_query),
        cmocka_unit_test(errors_say_what_to_write_instead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
