#include "pure/text.h"

#include "base/str.h"
#include "pure/challenge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const enum sms365_language languages[] = {SMS365_LANGUAGE_EN, SMS365_LANGUAGE_EL};

/* Arguments that each text takes, as text.h says. */
static const size_t arguments[SMS365_TEXT_COUNT] = {
    [SMS365_TEXT_CODE] = 3,
    [SMS365_TEXT_CODE_AGAIN] = 5,
    [SMS365_TEXT_LOST] = 2,
    [SMS365_TEXT_OTHER_CHANNEL] = 1,
    [SMS365_TEXT_BY_VIBER] = 1,
    [SMS365_TEXT_NOT_DELIVERED] = 1,
    [SMS365_TEXT_NO_REPORT] = 1,
    [SMS365_TEXT_BACKUP_PROMPT] = 1,
    [SMS365_TEXT_OFFER_BACKUP] = 1,
    [SMS365_TEXT_NUMBER_CHANGED] = 3,
    [SMS365_TEXT_SECONDS] = 1,
    [SMS365_TEXT_MINUTES] = 1,
    [SMS365_TEXT_AGO] = 1,
    [SMS365_TEXT_TRIES] = 1,
    [SMS365_TEXT_TOO_SOON] = 1,
    [SMS365_TEXT_NO_MORE_SENDS] = 1,
    [SMS365_TEXT_STILL_GOOD] = 1,
    [SMS365_TEXT_WRONG] = 1,
    [SMS365_TEXT_NOT_ENROLLED] = 1,
    [SMS365_TEXT_LATER] = 1,
};

static const enum sms365_reason reasons[] = {
#define SMS365_REASON(id, name, text) SMS365_REASON_##id,
    SMS365_REASONS
#undef SMS365_REASON
};

static bool is_ascii(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

/* Without control characters, and valid UTF-8. */
static bool is_clean(const char *text)
{
    char cleaned[1024];

    assert_true(sms365_str_copy(cleaned, sizeof cleaned, text));
    sms365_str_clean(cleaned);
    return strcmp(cleaned, text) == 0;
}

static void every_text_is_there_in_both_languages(void **state)
{
    char text[2][512];

    (void)state;
    for (int which = 0; which < SMS365_TEXT_COUNT; which++) {
        for (size_t i = 0; i < 2; i++) {
            sms365_text_format(text[i], sizeof text[i], languages[i], (enum sms365_text)which, NULL);
            assert_true(strlen(text[i]) > 1 && is_clean(text[i]));
        }
        assert_true(is_ascii(text[0]));
        if (which != SMS365_TEXT_SECONDS && which != SMS365_TEXT_MINUTES)
            assert_string_not_equal(text[0], text[1]);
    }
}

static void each_argument_appears_once_and_no_mark_is_left(void **state)
{
    static const char *const values[] = {"<one>", "<two>", "<three>", "<four>", "<five>", NULL};
    char text[512];

    (void)state;
    for (int which = 0; which < SMS365_TEXT_COUNT; which++) {
        for (size_t i = 0; i < 2; i++) {
            sms365_text_format(text, sizeof text, languages[i], (enum sms365_text)which, values);
            assert_null(strchr(text, '%'));
            for (size_t v = 0; values[v] != NULL; v++) {
                const char *found = strstr(text, values[v]);
                assert_int_equal(found != NULL, v < arguments[which]);
                if (found != NULL)
                    assert_null(strstr(found + 1, values[v]));
            }
        }
    }
}

static void what_is_put_in_is_not_read_for_marks_again(void **state)
{
    char text[512];

    (void)state;
    sms365_text_format(
        text, sizeof text, SMS365_LANGUAGE_EN, SMS365_TEXT_NOT_ENROLLED, (const char *const[]){"%1 %2 %s", NULL});
    assert_non_null(strstr(text, "%1 %2 %s"));
}

static void a_missing_argument_leaves_nothing(void **state)
{
    char text[512];

    (void)state;
    sms365_text_format(text, sizeof text, SMS365_LANGUAGE_EN, SMS365_TEXT_CODE, (const char *const[]){"X", NULL});
    assert_string_equal(text, "Code sent to X (). Enter it, or : ");
}

static void a_text_is_cut_at_the_size_given(void **state)
{
    (void)state;
    for (int which = 0; which < SMS365_TEXT_COUNT; which++) {
        char whole[512];
        sms365_text_format(whole, sizeof whole, SMS365_LANGUAGE_EL, (enum sms365_text)which, NULL);
        for (size_t size = 1; size <= strlen(whole) + 1; size++) {
            char *exact = malloc(size);
            assert_non_null(exact);
            sms365_text_format(exact, size, SMS365_LANGUAGE_EL, (enum sms365_text)which, NULL);
            assert_int_equal(strlen(exact), size - 1);
            assert_memory_equal(exact, whole, size - 1);
            free(exact);
        }
    }
}

/* Prompts, put together of the longest parts, must not be cut: the number and what to type stand at the end. */
static void the_longest_prompt_fits(void **state)
{
    char contact[101];
    char text[SMS365_PROMPT_SIZE];
    char parts[5][128];

    (void)state;
    memset(contact, 'x', sizeof contact - 1);
    contact[sizeof contact - 1] = '\0';
    for (size_t i = 0; i < 2; i++) {
        const enum sms365_language language = languages[i];
        (void)sms365_str_copy(parts[0], sizeof parts[0], "+999 99****9999 and to spare");
        sms365_text_duration(parts[1], language, INT64_MAX / 2);
        sms365_text_format(parts[2], 64, language, SMS365_TEXT_FAILED, NULL);
        sms365_text_format(parts[3], 64, language, SMS365_TEXT_TRIES, (const char *const[]){"3", NULL});
        sms365_text_format(parts[4], sizeof parts[4], language, SMS365_TEXT_AGAIN, NULL);
        size_t used = strlen(parts[4]);
        sms365_text_format(parts[4] + used, sizeof parts[4] - used, language, SMS365_TEXT_OTHER_NUMBER, NULL);
        used = strlen(parts[4]);
        sms365_text_format(parts[4] + used, sizeof parts[4] - used, language, SMS365_TEXT_BACKUP, NULL);
        assert_true(strlen(parts[4]) + 1 < sizeof parts[4]);
        const char *const again[] = {parts[0], parts[1], parts[2], parts[3], parts[4], NULL};
        sms365_text_format(text, sizeof text, language, SMS365_TEXT_CODE_AGAIN, again);
        for (size_t part = 0; part < 5; part++)
            assert_true(parts[part][0] != '\0' && is_clean(parts[part]) && strstr(text, parts[part]) != NULL);
        assert_string_equal(text + strlen(text) - 2, ": ");
        const char *const whom[] = {contact, NULL};
        sms365_text_format(text, sizeof text, language, SMS365_TEXT_NOT_ENROLLED, whom);
        assert_string_equal(text + strlen(text) - 2, "x.");
    }
}

static void whoever_is_denied_is_told_something_for_every_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        const char *english = sms365_text_denial(SMS365_LANGUAGE_EN, reasons[i]);
        const char *greek = sms365_text_denial(SMS365_LANGUAGE_EL, reasons[i]);
        assert_true(is_ascii(english) && strlen(english) > 10 && english[strlen(english) - 1] == '.');
        assert_true(is_clean(greek) && strlen(greek) > 10 && greek[strlen(greek) - 1] == '.');
        assert_string_not_equal(english, greek);
        assert_null(strchr(english, '%'));
        assert_null(strchr(greek, '%'));
        assert_true(strlen(english) < SMS365_PROMPT_SIZE / 2 && strlen(greek) < SMS365_PROMPT_SIZE);
    }
}

static void every_reason_has_a_name_of_its_own_and_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        const char *name = sms365_reason_name(reasons[i]);
        assert_true(name[0] != '\0' && strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name));
        assert_true(is_ascii(sms365_reason_text(reasons[i])) && strlen(sms365_reason_text(reasons[i])) > 5);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(name, sms365_reason_name(reasons[j]));
    }
    assert_string_equal(sms365_reason_name((enum sms365_reason)1000), "none");
}

static void durations_are_rounded_up(void **state)
{
    static const struct {
        int64_t ms;
        const char *english, *greek;
    } cases[] = {
        {-1, "0 s", "0 δ."},
        {0, "0 s", "0 δ."},
        {1, "1 s", "1 δ."},
        {1000, "1 s", "1 δ."},
        {1001, "2 s", "2 δ."},
        {119000, "119 s", "119 δ."},
        {119001, "2 min", "2 λ."},
        {120000, "2 min", "2 λ."},
        {120001, "3 min", "3 λ."},
        {3600000, "60 min", "60 λ."},
    };
    char text[32];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sms365_text_duration(text, SMS365_LANGUAGE_EN, cases[i].ms);
        assert_string_equal(text, cases[i].english);
        sms365_text_duration(text, SMS365_LANGUAGE_EL, cases[i].ms);
        assert_string_equal(text, cases[i].greek);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_text_is_there_in_both_languages),
        cmocka_unit_test(each_argument_appears_once_and_no_mark_is_left),
        cmocka_unit_test(what_is_put_in_is_not_read_for_marks_again),
        cmocka_unit_test(a_missing_argument_leaves_nothing),
        cmocka_unit_test(a_text_is_cut_at_the_size_given),
        cmocka_unit_test(the_longest_prompt_fits),
        cmocka_unit_test(whoever_is_denied_is_told_something_for_every_reason),
        cmocka_unit_test(every_reason_has_a_name_of_its_own_and_a_sentence),
        cmocka_unit_test(durations_are_rounded_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
