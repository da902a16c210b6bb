/* The options as the table has them: each in its bounds, each one beyond, and all of them there and back. */
#include "pure/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define VALUE_SIZE 1024

static struct sms365_problems problems;

static enum sms365_err parse(struct sms365_conf *conf, const char *text)
{
    sms365_problems_free(&problems);
    sms365_problems_init(&problems);
    return sms365_conf_parse(conf, "t.conf", text, strlen(text), "sshd", NULL, SMS365_FRONT_CLI, &problems);
}

static int free_problems(void **state)
{
    (void)state;
    sms365_problems_free(&problems);
    return 0;
}

static const char *report(void)
{
    return sms365_buf_text(&problems.text);
}

static void option_names_are_unique_across_sections(void **state)
{
    size_t count;
    const struct sms365_option *table = sms365_conf_table(&count);

    (void)state;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(table[i].name, table[j].name);
}

/* Options that are lists, and a word of theirs. */
static const struct {
    const char *name, *word;
} lists[] = {{"channels", "sms"}, {"trusted", "192.0.2.1"}, {"countries", "30"}, {"groups", "!backup"}};

/* A list of exactly so many bytes: a word at both ends. False when it does not exist. */
static bool list_of_size(char *out, const char *word, size_t size)
{
    const size_t length = strlen(word);

    memset(out, ' ', size);
    out[size] = '\0';
    if (size < 2 * length + 1)
        return size == 0;
    memcpy(out, word, length);
    memcpy(out + size - length, word, length);
    return true;
}

/* A value of the option with `size` for its number or its length; false when the type has no bounds. */
static bool value_of_size(char *out, const struct sms365_option *option, int64_t size)
{
    if (size < 0 || size >= VALUE_SIZE)
        return false;
    if (strcmp(option->type, "number") == 0) {
        (void)snprintf(out, VALUE_SIZE, "%" PRId64, size);
        return true;
    }
    if (strcmp(option->type, "text") != 0 && strcmp(option->type, "path") != 0)
        return false;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (strcmp(option->name, lists[i].name) == 0)
            return list_of_size(out, lists[i].word, (size_t)size);
    const char *start = strcmp(option->type, "path") == 0            ? "/"
                        : strcmp(option->name, "text") == 0          ? "%%CODE%%"
                        : strcmp(option->name, "url") == 0           ? "https://h/"
                        : strcmp(option->name, "callback") == 0      ? "https://h/"
                        : strcmp(option->name, "domain") == 0        ? "a."
                        : strcmp(option->name, "templates") == 0     ? "/"
                        : strcmp(option->name, "reload") == 0        ? "/"
                        : strcmp(option->name, "callback_from") == 0 ? "::1"
                                                                     : "";
    const size_t length = strlen(start);
    memset(out, strcmp(option->name, "callback_from") == 0 ? ',' : '7', (size_t)size);
    out[size] = '\0';
    if ((size_t)size >= length)
        memcpy(out, start, length);
    /* A text must fit one message: in two-byte characters of the GSM alphabet it is as many bytes as it may have. */
    for (size_t i = length; strcmp(option->name, "text") == 0 && i + 1 < (size_t)size; i += 2)
        memcpy(out + i, "Δ", 2);
    return size == 0 || (size_t)size > length;
}

static void every_option_keeps_to_its_bounds(void **state)
{
    size_t count;
    const struct sms365_option *table = sms365_conf_table(&count);
    struct sms365_conf conf;
    char value[VALUE_SIZE], back[VALUE_SIZE], text[2 * VALUE_SIZE];
    int tried = 0;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        const int64_t sizes[] = {table[i].min, table[i].max, table[i].min - 1, table[i].max + 1};
        for (size_t j = 0; j < 4; j++) {
            if (!value_of_size(value, &table[i], sizes[j]))
                continue;
            tried++;
            /* What rules between options ask for beside it. */
            const char *beside = strcmp(table[i].name, "origin") == 0          ? "[challenge]\ncode = local\n"
                                 : strcmp(table[i].name, "give_up_after") == 0 ? "[challenge]\nwait = 30\n"
                                                                               : "";
            (void)snprintf(text, sizeof text, "%s[%s]\n%s = %s\n", beside, table[i].section, table[i].name, value);
            const enum sms365_err err = parse(&conf, text);
            if ((err == SMS365_OK) != (j < 2))
                fail_msg("%s: %s", text, report());
            if (err != SMS365_OK)
                continue;
            sms365_conf_value(back, &conf, i);
            assert_string_equal(back, value);
        }
    }
    assert_true(tried > 60);
}

static void every_word_of_a_choice_is_taken_and_no_other(void **state)
{
    size_t count;
    const struct sms365_option *table = sms365_conf_table(&count);
    struct sms365_conf conf;
    char back[VALUE_SIZE], text[VALUE_SIZE];

    (void)state;
    for (size_t i = 0; i < count; i++) {
        const bool choice = strcmp(table[i].type, "choice") == 0;
        assert_true((sms365_conf_choice(i, 0) != NULL) == choice);
        for (size_t j = 0; sms365_conf_choice(i, j) != NULL; j++) {
            const char *word = sms365_conf_choice(i, j);
            (void)snprintf(text, sizeof text, "[%s]\n%s = %s\n", table[i].section, table[i].name, word);
            assert_int_equal(parse(&conf, text), SMS365_OK);
            sms365_conf_value(back, &conf, i);
            assert_string_equal(back, word);
        }
        if (!choice && strcmp(table[i].type, "bool") != 0)
            continue;
        (void)snprintf(text, sizeof text, "[%s]\n%s = \n", table[i].section, table[i].name);
        assert_int_equal(parse(&conf, text), SMS365_BAD_CONFIG);
    }
    assert_null(sms365_conf_choice(count, 0));
}

/* A pseudorandom number below n, the same in every run. */
static size_t chance(size_t n)
{
    static uint64_t seed = 365;

    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(seed >> 33) % n;
}

static void random_value(char *out, const struct sms365_option *option, size_t index)
{
    static const char *const bound[] = {"code", "give_up_after", "origin"}; /* by rules between options */
    size_t words = 0;

    for (size_t i = 0; i < sizeof bound / sizeof *bound; i++) {
        if (strcmp(option->name, bound[i]) == 0) {
            (void)snprintf(out, VALUE_SIZE, "%s", option->fallback);
            return;
        }
    }
    if (strcmp(option->type, "bool") == 0) {
        (void)snprintf(out, VALUE_SIZE, "%s", chance(2) == 0 ? "yes" : "no");
    } else if (strcmp(option->type, "choice") == 0) {
        while (sms365_conf_choice(index, words) != NULL)
            words++;
        (void)snprintf(out, VALUE_SIZE, "%s", sms365_conf_choice(index, chance(words)));
    } else {
        do {
            const int64_t span = option->max - option->min + 1;
            if (chance(4) == 0)
                (void)snprintf(out, VALUE_SIZE, "%s", option->fallback);
            else if (value_of_size(out, option, option->min + (int64_t)chance((size_t)span)))
                return;
        } while (strcmp(out, option->fallback) != 0);
    }
}

static void what_is_dumped_reads_back_the_same(void **state)
{
    size_t count;
    const struct sms365_option *table = sms365_conf_table(&count);
    struct sms365_conf first, second;
    struct sms365_buf text, again;
    char value[VALUE_SIZE];

    (void)state;
    sms365_buf_init(&text, SMS365_CONF_FILE_MAX);
    sms365_buf_init(&again, SMS365_CONF_FILE_MAX);
    for (int round = 0; round < 300; round++) {
        sms365_buf_free(&text);
        sms365_buf_free(&again);
        for (size_t i = 0; i < count; i++) {
            random_value(value, &table[i], i);
            sms365_buf_printf(&text, "[%s]\n%s = %s\n", table[i].section, table[i].name, value);
        }
        assert_int_equal(parse(&first, sms365_buf_text(&text)), SMS365_OK);
        for (size_t i = 0; i < count; i++) {
            sms365_conf_value(value, &first, i);
            sms365_buf_printf(&again, "[%s]\n%s = %s\n", table[i].section, table[i].name, value);
        }
        assert_string_equal(sms365_buf_text(&text), sms365_buf_text(&again));
        assert_int_equal(parse(&second, sms365_buf_text(&again)), SMS365_OK);
        assert_memory_equal(&first, &second, sizeof first);
    }
    sms365_buf_free(&text);
    sms365_buf_free(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(option_names_are_unique_across_sections),
        cmocka_unit_test(every_option_keeps_to_its_bounds),
        cmocka_unit_test(every_word_of_a_choice_is_taken_and_no_other),
        cmocka_unit_test(what_is_dumped_reads_back_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, free_problems);
}
