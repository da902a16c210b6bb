/* Backup codes, codes drawn from a seed, and the options that are lists: ways, groups, countries. */
#include "base/str.h"
#include "pure/backup.h"
#include "pure/draw.h"
#include "pure/groups.h"
#include "pure/number.h"
#include "pure/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <string.h>

#define ROUNDS 200000 /* of PBKDF2, as docs/threat-model.md has it */

/* What comes instead of drawn digits; NULL: what is drawn. */
static const char *chosen;

bool __real_sms365_draw_digits(char *digits, int count, const uint8_t seed[SMS365_KEY_BYTES], unsigned *counter);
bool __wrap_sms365_draw_digits(char *digits, int count, const uint8_t seed[SMS365_KEY_BYTES], unsigned *counter);
bool __wrap_sms365_draw_digits(char *digits, int count, const uint8_t seed[SMS365_KEY_BYTES], unsigned *counter)
{
    return chosen == NULL ? __real_sms365_draw_digits(digits, count, seed, counter)
                          : sms365_str_copy(digits, SMS365_DIGITS_MAX + 1, chosen);
}

static const struct sms365_mac_key key = {{'k'}}, other_key = {{'o'}};

static struct sms365_backup made(char texts[SMS365_BACKUP_CODES][SMS365_BACKUP_TEXT_SIZE], uint8_t seed_byte)
{
    const uint8_t seed[SMS365_BACKUP_SEED_BYTES] = {seed_byte};
    struct sms365_backup backup = {0};

    assert_true(sms365_backup_make(&backup, texts, seed, &key));
    return backup;
}

static void each_backup_code_is_found_once_and_by_its_own_key_alone(void **state)
{
    char texts[SMS365_BACKUP_CODES][SMS365_BACKUP_TEXT_SIZE];
    char code[SMS365_BACKUP_DIGITS + 1];
    struct sms365_backup backup = made(texts, 1);

    (void)state;
    assert_int_equal(sms365_backup_left(&backup), SMS365_BACKUP_CODES);
    for (int i = 0; i < SMS365_BACKUP_CODES; i++) {
        assert_true(sms365_backup_parse(code, texts[i]));
        assert_int_equal(sms365_backup_find(&backup, code, &key), i);
        assert_int_equal(sms365_backup_find(&backup, code, &other_key), -1);
        backup.used |= (uint16_t)(1u << i);
        assert_int_equal(sms365_backup_find(&backup, code, &key), -1);
        assert_int_equal(sms365_backup_left(&backup), SMS365_BACKUP_CODES - 1 - i);
    }
}

static void a_new_set_replaces_the_old_one_and_has_other_codes(void **state)
{
    char old[SMS365_BACKUP_CODES][SMS365_BACKUP_TEXT_SIZE], new[SMS365_BACKUP_CODES][SMS365_BACKUP_TEXT_SIZE];
    char code[SMS365_BACKUP_DIGITS + 1];

    (void)state;
    (void)made(old, 1);
    const struct sms365_backup backup = made(new, 2);
    for (int i = 0; i < SMS365_BACKUP_CODES; i++) {
        assert_true(sms365_backup_parse(code, old[i]));
        assert_int_equal(sms365_backup_find(&backup, code, &key), -1);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(new[i], new[j]);
    }
}

/* Is this what is kept of the code, stretched with this salt and keyed? */
static bool is_kept_of(const char *code, const uint8_t salt[SMS365_SALT_BYTES], const uint8_t *hash)
{
    uint8_t stretched[SMS365_MAC_BYTES], mac[SMS365_MAC_BYTES];

    assert_int_equal(PKCS5_PBKDF2_HMAC(code, (int)strlen(code), salt, SMS365_SALT_BYTES, ROUNDS, EVP_sha256(),
                         sizeof stretched, stretched),
        1);
    assert_true(sms365_hmac(mac, &key, stretched, sizeof stretched));
    return memcmp(mac, hash, SMS365_BACKUP_HASH_BYTES) == 0;
}

static void the_same_code_is_kept_stretched_with_another_salt_in_each_set(void **state)
{
    char texts[SMS365_BACKUP_CODES][SMS365_BACKUP_TEXT_SIZE];

    (void)state;
    chosen = "12345678";
    const struct sms365_backup one = made(texts, 1), other = made(texts, 2);
    chosen = NULL;
    assert_string_equal(texts[0], "1234 5678");
    assert_memory_not_equal(one.salt, other.salt, sizeof one.salt);
    assert_memory_not_equal(one.hashes[0], other.hashes[0], sizeof one.hashes[0]);
    assert_true(is_kept_of("12345678", one.salt, one.hashes[0]));
    assert_true(is_kept_of("12345678", other.salt, other.hashes[0]));
    assert_false(is_kept_of("12345678", other.salt, one.hashes[0]));
    assert_false(is_kept_of("12345679", one.salt, one.hashes[0]));
}

static void a_backup_code_is_eight_digits_however_it_is_grouped(void **state)
{
    static const char *const good[] = {"12345678", " 1234 5678\n", "1234-5678", "1 2-3 4 5 6 7 8"};
    static const char *const bad[] = {"", "1234567", "123456789", "1234567a", "+12345678", "1234_5678", "password"};
    char code[SMS365_BACKUP_DIGITS + 1];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(sms365_backup_parse(code, good[i]));
        assert_string_equal(code, "12345678");
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(sms365_backup_parse(code, bad[i]));
}

static void digits_are_drawn_evenly(void **state)
{
    enum { DRAWS = 20000 };
    const uint8_t seed[SMS365_KEY_BYTES] = {7};
    unsigned counter = 0;
    int counts[10] = {0};
    char digits[SMS365_DIGITS_MAX + 1];

    (void)state;
    for (int i = 0; i < DRAWS; i++) {
        assert_true(sms365_draw_digits(digits, 6, seed, &counter));
        assert_int_equal(strlen(digits), 6);
        for (const char *c = digits; *c != '\0'; c++)
            counts[*c - '0']++;
    }
    /* 12,000 each, with a standard deviation of 104: the seed is fixed, so that this cannot fail by chance. */
    for (int i = 0; i < 10; i++)
        assert_in_range(counts[i], 12000 - 520, 12000 + 520);
    assert_true(sms365_draw_digits(digits, SMS365_DIGITS_MAX, seed, &counter));
    assert_int_equal(strlen(digits), SMS365_DIGITS_MAX);
}

static void ways_are_read_in_order_and_kept_where_the_number_is(void **state)
{
    struct sms365_routes routes;

    (void)state;
    assert_null(sms365_routes_parse(&routes, "sms, viber sms:2 viber:8", 2));
    assert_int_equal(routes.count, 3);
    assert_int_equal(routes.entries[1].channel, SMS365_CHANNEL_VIBER);
    assert_int_equal(routes.entries[1].number, 0);
    assert_int_equal(routes.entries[2].channel, SMS365_CHANNEL_SMS);
    assert_int_equal(routes.entries[2].number, 1);
    assert_true(sms365_routes_use(&routes, SMS365_CHANNEL_VIBER));
    assert_null(sms365_routes_parse(&routes, "", 3));
    assert_int_equal(routes.count, 3);
    assert_false(sms365_routes_use(&routes, SMS365_CHANNEL_VIBER));
    assert_int_equal(routes.entries[2].number, 2);
    static const char *const bad[] = {
        "mail", "sms:", "sms:0", "sms:9", "sms:12", "SMS", "smsviber", "sms sms sms sms sms sms sms sms sms"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_non_null(sms365_routes_parse(&routes, bad[i], 8));
}

static void groups_and_countries_are_read_or_refused(void **state)
{
    const char *text = " wheel,!backup ";
    char name[SMS365_GROUP_NAME_SIZE];
    bool exempt;

    (void)state;
    assert_true(sms365_groups_next(&text, name, &exempt));
    assert_string_equal(name, "wheel");
    assert_false(exempt);
    assert_true(sms365_groups_next(&text, name, &exempt));
    assert_string_equal(name, "backup");
    assert_true(exempt);
    assert_false(sms365_groups_next(&text, name, &exempt));
    assert_null(sms365_groups_check("wheel !backup"));
    assert_non_null(sms365_groups_check("wheel !"));
    assert_non_null(sms365_groups_check("!!backup"));
    assert_null(sms365_countries_check("30, 357"));
    assert_non_null(sms365_countries_check("+30"));
    assert_non_null(sms365_countries_check("0030"));
    assert_non_null(sms365_countries_check("Greece"));
    assert_true(sms365_number_allowed("306971234567", ""));
    assert_true(sms365_number_allowed("35799123456", "30 357"));
    assert_false(sms365_number_allowed("447700900123", "30 357"));
    assert_false(sms365_number_allowed("3", "30"));
}

static void a_cost_is_read_in_thousandths_and_rounded_up(void **state)
{
    (void)state;
    assert_int_equal(sms365_cost_parse("1"), 1000);
    assert_int_equal(sms365_cost_parse("0.07"), 70);
    assert_int_equal(sms365_cost_parse("2.5"), 2500);
    assert_int_equal(sms365_cost_parse("0.0001"), 1);
    assert_int_equal(sms365_cost_parse("0"), 0);
    assert_int_equal(sms365_cost_parse(""), 1000);
    assert_int_equal(sms365_cost_parse("a lot"), 1000);
    assert_int_equal(sms365_cost_parse("12345678901"), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_backup_code_is_found_once_and_by_its_own_key_alone),
        cmocka_unit_test(a_new_set_replaces_the_old_one_and_has_other_codes),
        cmocka_unit_test(the_same_code_is_kept_stretched_with_another_salt_in_each_set),
        cmocka_unit_test(a_backup_code_is_eight_digits_however_it_is_grouped),
        cmocka_unit_test(digits_are_drawn_evenly),
        cmocka_unit_test(ways_are_read_in_order_and_kept_where_the_number_is),
        cmocka_unit_test(groups_and_countries_are_read_or_refused),
        cmocka_unit_test(a_cost_is_read_in_thousandths_and_rounded_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
