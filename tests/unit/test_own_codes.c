/* Codes of our own: every one as likely as the others, and remembered by a hash that only this machine's key makes. */
#include "pure/challenge_state.h"
#include "pure/draw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

/* Numbers that come instead of what is drawn from the seed; none: what is drawn. */
static struct {
    uint64_t numbers[3];
    size_t count, at;
} chosen;

bool __real_sms365_hmac(
    uint8_t mac[SMS365_MAC_BYTES], const struct sms365_mac_key *key, const void *data, size_t length);
bool __wrap_sms365_hmac(
    uint8_t mac[SMS365_MAC_BYTES], const struct sms365_mac_key *key, const void *data, size_t length);
bool __wrap_sms365_hmac(
    uint8_t mac[SMS365_MAC_BYTES], const struct sms365_mac_key *key, const void *data, size_t length)
{
    if (chosen.count == 0)
        return __real_sms365_hmac(mac, key, data, length);
    if (chosen.at == chosen.count)
        return false;
    memset(mac, 0xee, SMS365_MAC_BYTES);
    memcpy(mac, &chosen.numbers[chosen.at++], sizeof chosen.numbers[0]);
    return true;
}

/* Draw so many digits from these numbers; how many of them were taken, 0 when it failed. */
static unsigned draw(char *digits, int count, uint64_t first, uint64_t second)
{
    const uint8_t seed[SMS365_KEY_BYTES] = {1};
    unsigned counter = 7;

    chosen.numbers[0] = first;
    chosen.numbers[1] = second;
    chosen.count = 2;
    chosen.at = 0;
    const bool drawn = sms365_draw_digits(digits, count, seed, &counter);
    assert_int_equal(counter - 7, chosen.at + (drawn ? 0 : 1));
    chosen.count = 0;
    return drawn ? counter - 7 : 0;
}

/* 2^64 numbers are no whole multiple of 10^n: the rest at their end would make small codes likelier. */
static void a_number_that_would_make_some_codes_likelier_is_drawn_again(void **state)
{
    static const struct {
        int digits;
        uint64_t last; /* of the whole multiples */
        const char *as_code;
    } cases[] = {
        {4, UINT64_C(18446744073709549999), "9999"},
        {6, UINT64_C(18446744073708999999), "999999"},
        {10, UINT64_C(18446744069999999999), "9999999999"},
    };
    char digits[SMS365_DIGITS_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(draw(digits, cases[i].digits, cases[i].last, 0), 1);
        assert_string_equal(digits, cases[i].as_code);
        assert_int_equal(draw(digits, cases[i].digits, cases[i].last + 1, 1), 2);
        assert_string_equal(digits, &"0000000001"[10 - cases[i].digits]);
        assert_int_equal(draw(digits, cases[i].digits, UINT64_MAX, 12), 2);
        assert_string_equal(digits, &"0000000012"[10 - cases[i].digits]);
    }
}

static void without_a_number_that_serves_there_is_no_code(void **state)
{
    char digits[SMS365_DIGITS_MAX + 1] = "123456";

    (void)state;
    assert_int_equal(draw(digits, 6, UINT64_MAX, UINT64_MAX - 1), 0);
    assert_string_equal(digits, "");
}

/* The hash of a code of the message id, under a key that begins with this byte. */
static void hash(uint8_t mac[SMS365_CODE_MAC_BYTES], uint8_t key, uint8_t id, const char *code)
{
    static struct sms365_challenge challenge;
    struct sms365_slot slot = {.id = {id}};

    challenge.holder_key.bytes[0] = key;
    assert_true(challenge_code_mac(&challenge, &slot, code, mac));
}

static void a_code_s_hash_is_of_the_machine_s_key_and_of_its_message(void **state)
{
    static const struct {
        uint8_t key, id;
        const char *code;
        bool same;
    } cases[] = {{1, 1, "123456", true}, {2, 1, "123456", false}, {1, 2, "123456", false}, {1, 1, "123457", false},
        {1, 1, "12345", false}, {1, 1, "1234567", false}};
    uint8_t first[SMS365_CODE_MAC_BYTES], other[SMS365_CODE_MAC_BYTES];

    (void)state;
    hash(first, 1, 1, "123456");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hash(other, cases[i].key, cases[i].id, cases[i].code);
        assert_int_equal(memcmp(first, other, sizeof first) == 0, cases[i].same);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_that_would_make_some_codes_likelier_is_drawn_again),
        cmocka_unit_test(without_a_number_that_serves_there_is_no_code),
        cmocka_unit_test(a_code_s_hash_is_of_the_machine_s_key_and_of_its_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
