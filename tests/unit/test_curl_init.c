/* What libcurl's memory comes from, and what is left in it. */
#include "edges/curl_init.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOMS 2
#define TEXT_BYTES 3000 /* of which libcurl makes three times as many, in a block of 16384 */
#define WRITTEN_KIB 12
#define FREE_KIB 4 /* it begins with where the next free one is */

static char *block_new(void)
{
    static char text[TEXT_BYTES];

    memset(text, '%', sizeof text);
    char *made = curl_easy_escape(NULL, text, TEXT_BYTES);
    assert_non_null(made);
    assert_int_equal(strlen(made), 3 * TEXT_BYTES);
    return made;
}

/* What /proc/self/smaps says of the mapping in which data is, after this name. */
static void mapping_says(char *said, size_t size, const void *data, const char *name)
{
    char line[256];
    unsigned long begin, end;
    bool here = false, found = false;
    FILE *file = fopen("/proc/self/smaps", "re");

    assert_non_null(file);
    while (!found && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
            here = (uintptr_t)data >= begin && (uintptr_t)data < end;
        found = here && strncmp(line, name, strlen(name)) == 0;
    }
    (void)fclose(file);
    assert_true(found);
    assert_true(sms365_str_copy(said, size, line + strlen(name)));
}

/* KiB of memory behind it. */
static unsigned long resident(const void *data)
{
    char said[256];

    mapping_says(said, sizeof said, data, "Rss:");
    return strtoul(said, NULL, 10);
}

static bool is_dumped(const void *data)
{
    char said[256];

    mapping_says(said, sizeof said, data, "VmFlags:");
    return strstr(said, " dd ") == NULL;
}

static void a_block_takes_memory_only_where_it_is_written_to(void **state)
{
    (void)state;
    char *one = block_new();
    char *two = block_new();
    assert_int_equal(resident(one), 2 * WRITTEN_KIB);
    curl_free(one);
    curl_free(two);
    assert_int_equal(resident(one), 2 * FREE_KIB);
    /* Their places are taken again, and not more. */
    one = block_new();
    two = block_new();
    assert_int_equal(resident(one), 2 * WRITTEN_KIB);
    curl_free(one);
    curl_free(two);
}

static void nothing_is_left_in_a_block(void **state)
{
    (void)state;
    char *one = block_new();
    curl_free(one);
    for (size_t i = sizeof(void *); i < 3 * TEXT_BYTES; i++)
        assert_int_equal(one[i], 0);
}

static void where_there_are_no_more_they_are_as_others(void **state)
{
    char *blocks[ROOMS + 2];

    (void)state;
    for (size_t i = 0; i < ROOMS + 2; i++)
        blocks[i] = block_new();
    for (size_t i = 0; i < ROOMS + 2; i++)
        for (size_t j = 0; j < i; j++)
            assert_ptr_not_equal(blocks[i], blocks[j]);
    assert_int_equal(resident(blocks[0]), ROOMS * WRITTEN_KIB);
    for (size_t i = 0; i < ROOMS + 2; i++)
        curl_free(blocks[i]);
}

static void no_block_is_in_a_core_dump_and_its_place_is_afterwards(void **state)
{
    char *blocks[ROOMS + 1];
    static const size_t last = ROOMS;

    (void)state;
    for (size_t i = 0; i <= last; i++) {
        blocks[i] = block_new();
        assert_false(is_dumped(blocks[i]));
        assert_false(is_dumped(blocks[i] + 3 * TEXT_BYTES));
    }
    assert_true(is_dumped(blocks[last] - 1));
    for (size_t i = 0; i <= last; i++)
        curl_free(blocks[i]);
    assert_true(is_dumped(blocks[last]));
}

static void a_block_grows_out_of_its_place(void **state)
{
    static char text[4 * TEXT_BYTES];

    (void)state;
    memset(text, '%', sizeof text);
    char *made = curl_easy_escape(NULL, text, sizeof text);
    assert_non_null(made);
    for (size_t i = 0; i < sizeof text; i++)
        assert_memory_equal(made + 3 * i, "%25", 3);
    curl_free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_takes_memory_only_where_it_is_written_to),
        cmocka_unit_test(nothing_is_left_in_a_block),
        cmocka_unit_test(where_there_are_no_more_they_are_as_others),
        cmocka_unit_test(a_block_grows_out_of_its_place),
        cmocka_unit_test(no_block_is_in_a_core_dump_and_its_place_is_afterwards),
    };

    sms365_curl_rooms(ROOMS);
    if (!sms365_curl_init())
        return 1;
    return cmocka_run_group_tests_name("curl_init", tests, NULL, NULL);
}
