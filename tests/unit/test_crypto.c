#include "pure/crypto.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static struct sms365_mac_key key_from_hex(const char *hex)
{
    struct sms365_mac_key key;

    assert_true(sms365_str_unhex(key.bytes, sizeof key.bytes, hex));
    return key;
}

/* Test vector made with: printf 'what do ya want for nothing?' | openssl mac -digest SHA256 -macopt hexkey:KEY HMAC */
static void hmac_is_hmac_sha256(void **state)
{
    const struct sms365_mac_key key = key_from_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    uint8_t mac[SMS365_MAC_BYTES];
    char hex[2 * sizeof mac + 1];

    (void)state;
    assert_true(sms365_hmac(mac, &key, "what do ya want for nothing?", 28));
    sms365_str_hex(hex, mac, sizeof mac);
    assert_string_equal(hex, "099805f4ac310786968565c098db515cc50862b420ae31e20238312344bed36a");
    assert_true(sms365_hmac(mac, &key, NULL, 0));
    sms365_str_hex(hex, mac, sizeof mac);
    assert_string_equal(hex, "d38b42096d80f45f826b44a9d5607de72496a415d3f4a1a8c88e3bb9da8dc1cb");
}

static void a_key_made_ready_gives_the_same_hmacs(void **state)
{
    const struct sms365_mac_key key = key_from_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    struct sms365_mac *ready = sms365_mac_new(&key);
    uint8_t data[300], once[SMS365_MAC_BYTES], again[SMS365_MAC_BYTES];

    (void)state;
    assert_non_null(ready);
    for (size_t length = 0; length <= sizeof data; length++) {
        memset(data, (int)length, sizeof data);
        assert_true(sms365_hmac(once, &key, data, length));
        assert_true(sms365_mac_make(again, ready, data, length));
        assert_memory_equal(again, once, sizeof once);
    }
    sms365_mac_free(ready);
    sms365_mac_free(NULL);
}

/* Vector made with Python: hashlib.pbkdf2_hmac("sha256", SECRET, bytes(range(16)), 200000) */
static void a_secret_is_stretched_by_pbkdf2_with_its_salt(void **state)
{
    uint8_t salt[SMS365_SALT_BYTES], out[SMS365_MAC_BYTES], other[SMS365_MAC_BYTES];
    char hex[2 * sizeof out + 1];

    (void)state;
    for (size_t i = 0; i < sizeof salt; i++)
        salt[i] = (uint8_t)i;
    assert_true(sms365_stretch(out, "what do ya want for nothing?", 28, salt));
    sms365_str_hex(hex, out, sizeof out);
    assert_string_equal(hex, "22941a97b0034c224ec4b73cf2830fa2ae252847f37ca5da8059287b5328fffc");
    salt[sizeof salt - 1] ^= 1;
    assert_true(sms365_stretch(other, "what do ya want for nothing?", 28, salt));
    assert_memory_not_equal(other, out, sizeof out);
}

/* HKDF without salt, length 32; vector made with: openssl kdf -keylen 32 -kdfopt digest:SHA256 ... HKDF */
static void derived_keys_differ_by_purpose(void **state)
{
    struct sms365_secret master = {0};
    struct sms365_mac_key keys, store;
    char hex[2 * sizeof keys.bytes + 1];
    uint8_t bytes[SMS365_KEY_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    assert_true(sms365_secret_set(&master, bytes, sizeof bytes));
    assert_true(sms365_derive(&keys, &master, "keys"));
    assert_true(sms365_derive(&store, &master, "store"));
    assert_memory_not_equal(keys.bytes, store.bytes, sizeof keys.bytes);
    sms365_str_hex(hex, keys.bytes, sizeof keys.bytes);
    assert_string_equal(hex, "edaf24750eed2a4765139096f73752c6021c8e8bc2d9780c08e6605a70d251a6");
    sms365_secret_free(&master);
}

static void nothing_is_derived_without_a_whole_master_key_or_a_purpose(void **state)
{
    struct sms365_secret master = {0};
    struct sms365_mac_key key;

    (void)state;
    assert_false(sms365_derive(&key, &master, "keys"));
    assert_true(sms365_secret_set(&master, "too short", 9));
    assert_false(sms365_derive(&key, &master, "keys"));
    assert_true(sms365_secret_alloc(&master, SMS365_KEY_BYTES));
    assert_false(sms365_derive(&key, &master, ""));
    sms365_secret_free(&master);
}

/* NIST GCM test vector 15 of the GCM specification's appendix B (AES-256, no associated data). */
static void sealing_is_aes_256_gcm(void **state)
{
    const struct sms365_mac_key key = key_from_hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
    static const char plain_hex[] = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                                    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255";
    static const char sealed_hex[] = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                                     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
                                     "b094dac5d93471bdec1a502270e3cc6c";
    uint8_t nonce[SMS365_NONCE_BYTES], plain[64], sealed[80], back[64];
    char hex[161];

    (void)state;
    assert_true(sms365_str_unhex(nonce, sizeof nonce, "cafebabefacedbaddecaf888"));
    assert_true(sms365_str_unhex(plain, sizeof plain, plain_hex));
    assert_true(sms365_seal(sealed, &key, nonce, NULL, 0, plain, sizeof plain));
    sms365_str_hex(hex, sealed, sizeof sealed);
    assert_string_equal(hex, sealed_hex);
    assert_true(sms365_unseal(back, &key, nonce, NULL, 0, sealed, sizeof sealed));
    assert_memory_equal(back, plain, sizeof plain);
}

static void every_altered_bit_is_found_and_nothing_is_handed_out(void **state)
{
    static const uint8_t zeros[8];
    struct sms365_mac_key key = {.bytes = {1, 2, 3}};
    uint8_t nonce[SMS365_NONCE_BYTES] = {9};
    uint8_t sealed[8 + SMS365_TAG_BYTES];
    uint8_t back[8];
    char associated[] = "header";

    (void)state;
    assert_true(sms365_seal(sealed, &key, nonce, associated, 6, "secret!!", 8));
    for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(sms365_unseal(back, &key, nonce, associated, 6, sealed, sizeof sealed));
        assert_memory_equal(back, zeros, sizeof back);
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * 6; bit++) {
        associated[bit / 8] ^= (char)(1 << bit % 8);
        assert_false(sms365_unseal(back, &key, nonce, associated, 6, sealed, sizeof sealed));
        associated[bit / 8] ^= (char)(1 << bit % 8);
    }
    assert_false(sms365_unseal(back, &key, nonce, associated, 5, sealed, sizeof sealed));
    assert_false(sms365_unseal(back, &key, nonce, associated, 6, sealed, SMS365_TAG_BYTES - 1));
    key.bytes[31] ^= 1;
    assert_false(sms365_unseal(back, &key, nonce, associated, 6, sealed, sizeof sealed));
    key.bytes[31] ^= 1;
    assert_true(sms365_unseal(back, &key, nonce, associated, 6, sealed, sizeof sealed));
    assert_memory_equal(back, "secret!!", 8);
}

static void nothing_can_be_sealed_too(void **state)
{
    const struct sms365_mac_key key = {.bytes = {7}};
    const uint8_t nonce[SMS365_NONCE_BYTES] = {1};
    uint8_t sealed[SMS365_TAG_BYTES];
    uint8_t back[1] = {42};

    (void)state;
    assert_true(sms365_seal(sealed, &key, nonce, "a", 1, NULL, 0));
    assert_true(sms365_unseal(back, &key, nonce, "a", 1, sealed, sizeof sealed));
    assert_false(sms365_unseal(back, &key, nonce, "b", 1, sealed, sizeof sealed));
    assert_int_equal(back[0], 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hmac_is_hmac_sha256),
        cmocka_unit_test(a_key_made_ready_gives_the_same_hmacs),
        cmocka_unit_test(a_secret_is_stretched_by_pbkdf2_with_its_salt),
        cmocka_unit_test(derived_keys_differ_by_purpose),
        cmocka_unit_test(nothing_is_derived_without_a_whole_master_key_or_a_purpose),
        cmocka_unit_test(sealing_is_aes_256_gcm),
        cmocka_unit_test(every_altered_bit_is_found_and_nothing_is_handed_out),
        cmocka_unit_test(nothing_can_be_sealed_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
