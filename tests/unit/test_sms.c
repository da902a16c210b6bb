#include "pure/sms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static void lengths_are_those_of_the_phones_alphabets(void **state)
{
    static const struct {
        const char *text;
        size_t repeat;
        bool ucs;
        size_t units, parts;
    } cases[] = {
        {"a", 1, false, 1, 1},
        {"a", 160, false, 160, 1},
        {"a", 161, false, 161, 2},
        {"a", 306, false, 306, 2},
        {"a", 307, false, 307, 3},
        {"€", 80, false, 160, 1},
        {"€", 81, false, 162, 2},
        {"[]{}^~|\\", 1, false, 16, 1},
        {"ΔΦΓΛΩΠΨΣΘΞ", 1, false, 10, 1},
        {"α", 1, true, 1, 1},
        {"Α", 1, true, 1, 1}, /* the Greek capital, not the Latin one */
        {"α", 70, true, 70, 1},
        {"α", 71, true, 71, 2},
        {"😀", 35, true, 70, 1},
        {"😀", 36, true, 72, 2},
        {"", 1, false, 0, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[2048] = "";
        struct sms365_sms_size size;
        size_t used = 0;
        for (size_t j = 0; j < cases[i].repeat; j++)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s", cases[i].text);
        assert_true(sms365_sms_measure(text, &size));
        assert_int_equal(size.ucs, cases[i].ucs);
        assert_int_equal(size.units, cases[i].units);
        assert_int_equal(size.parts, cases[i].parts);
    }
}

static void text_that_is_no_utf8_cannot_be_measured(void **state)
{
    struct sms365_sms_size size;

    (void)state;
    assert_false(sms365_sms_measure("\xff", &size));
    assert_false(sms365_sms_measure("a\xce", &size));
}

static void marks_are_put_in_once_and_never_looked_at_again(void **state)
{
    static const struct sms365_sms_words words = {"%u%%CODE%%", "sshd", "al\nice€αΔ", "2001:db8::1", ""};
    char out[SMS365_SMS_TEXT_MAX + 1];

    (void)state;
    assert_true(sms365_sms_expand(out, sizeof out, "%%CODE%% %h|%s|%u|%a|100%%", &words));
    assert_string_equal(out, "%%CODE%% ?u??CODE??|sshd|al?ice?AΔ|2001:db8::1|100%");
}

static void words_are_cut_to_their_length(void **state)
{
    static const struct sms365_sms_words words = {
        "abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz", "", ""};
    char out[SMS365_SMS_TEXT_MAX + 1];

    (void)state;
    assert_true(sms365_sms_expand(out, sizeof out, "%h.%s.%u.%a", &words));
    assert_string_equal(out, "abcdefghijklmnopqrst.abcdefghijkl.abcdefghijklmnopqrst.");
    assert_false(sms365_sms_expand(out, 10, "%h", &words));
}

static void templates_are_held_to_one_message(void **state)
{
    char text[400];

    (void)state;
    assert_null(sms365_sms_check("%%CODE%%", 4, ""));
    assert_null(sms365_sms_check("%%CODE%% is your code for %s on %h, asked from %a. 100%% free.", 4, ""));
    assert_non_null(sms365_sms_check("no place", 4, ""));
    assert_non_null(sms365_sms_check("%%CODE%% and %%CODE%%", 4, ""));
    assert_non_null(sms365_sms_check("%%CODE%% %x", 4, ""));
    assert_non_null(sms365_sms_check("%%CODE%% %", 4, ""));
    assert_non_null(sms365_sms_check("%%CODE%% \xff", 4, ""));
    (void)snprintf(text, sizeof text, "%%%%CODE%%%%%0156d", 0);
    assert_null(sms365_sms_check(text, 4, ""));
    assert_non_null(sms365_sms_check(text, 5, ""));
    (void)snprintf(text, sizeof text, "%%%%CODE%%%%%0118d%%a", 0);
    assert_non_null(sms365_sms_check(text, 4, ""));
    assert_null(sms365_sms_check("Κωδικός: %%CODE%%", 4, ""));
}

static void the_code_is_put_in_wherever_it_belongs_and_the_site_ends_the_text(void **state)
{
    static const struct sms365_sms_words words = {"h", "web", "alice", "", "login.example.com"};
    char text[SMS365_SMS_TEXT_MAX + 1];
    char out[SMS365_SMS_TEXT_MAX + 1];

    (void)state;
    assert_true(sms365_sms_expand(text, sizeof text, "%%CODE%% for %s", &words));
    assert_true(sms365_sms_put_code(out, sizeof out, text, "123456"));
    assert_string_equal(out, "123456 for web\n@login.example.com #123456");
    assert_true(sms365_sms_put_code(out, 42, text, "123456"));
    assert_false(sms365_sms_put_code(out, 41, text, "123456"));
    assert_string_equal(out, "");
    assert_null(sms365_sms_check("%%CODE%%", 6, "login.example.com"));
    char longest[161];
    memset(longest, 'x', sizeof longest);
    memcpy(longest, "%%CODE%%", 8);
    longest[8 + 160 - 10 - 31] = '\0'; /* beside a code of 10 digits and the line of 1 + 1 + 17 + 2 + 10 */
    assert_null(sms365_sms_check(longest, 10, "login.example.com"));
    assert_non_null(sms365_sms_check(longest, 10, "login2.example.com"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_are_those_of_the_phones_alphabets),
        cmocka_unit_test(text_that_is_no_utf8_cannot_be_measured),
        cmocka_unit_test(marks_are_put_in_once_and_never_looked_at_again),
        cmocka_unit_test(words_are_cut_to_their_length),
        cmocka_unit_test(templates_are_held_to_one_message),
        cmocka_unit_test(the_code_is_put_in_wherever_it_belongs_and_the_site_ends_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
