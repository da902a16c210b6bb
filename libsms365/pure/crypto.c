#include "pure/crypto.h"

#include <limits.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#define STRETCH_ROUNDS 200000 /* of PBKDF2 */

bool sms365_hmac(uint8_t mac[SMS365_MAC_BYTES], const struct sms365_mac_key *key, const void *data, size_t length)
{
    static const unsigned char nothing[1];
    size_t written = 0;

    if (length == 0)
        data = nothing;
    return EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key->bytes, sizeof key->bytes, data, length, mac,
               SMS365_MAC_BYTES, &written) != NULL &&
           written == SMS365_MAC_BYTES;
}

/* The opaque struct is libcrypto's own. */
struct sms365_mac *sms365_mac_new(const struct sms365_mac_key *key)
{
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = hmac == NULL ? NULL : EVP_MAC_CTX_new(hmac);

    EVP_MAC_free(hmac);
    if (context != NULL && EVP_MAC_init(context, key->bytes, sizeof key->bytes, params) != 1) {
        EVP_MAC_CTX_free(context);
        context = NULL;
    }
    return (struct sms365_mac *)context;
}

bool sms365_mac_make(uint8_t mac[SMS365_MAC_BYTES], struct sms365_mac *ready, const void *data, size_t length)
{
    EVP_MAC_CTX *context = (EVP_MAC_CTX *)ready;
    size_t written = 0;

    /* Without a key: the one that is there, from the start. */
    return EVP_MAC_init(context, NULL, 0, NULL) == 1 && (length == 0 || EVP_MAC_update(context, data, length) == 1) &&
           EVP_MAC_final(context, mac, &written, SMS365_MAC_BYTES) == 1 && written == SMS365_MAC_BYTES;
}

void sms365_mac_free(struct sms365_mac *ready)
{
    EVP_MAC_CTX_free((EVP_MAC_CTX *)ready);
}

bool sms365_derive(struct sms365_mac_key *key, const struct sms365_secret *master, const char *purpose)
{
    EVP_KDF *kdf = NULL;
    EVP_KDF_CTX *context = NULL;
    bool done = false;

    /* Two purposes must never share a key: there is no purpose without a name. */
    if (master->length != SMS365_KEY_BYTES || purpose[0] == '\0')
        return false;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, master->data, master->length),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)purpose, strlen(purpose)),
        OSSL_PARAM_construct_end(),
    };
    kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    if (kdf == NULL)
        goto out;
    context = EVP_KDF_CTX_new(kdf);
    if (context == NULL)
        goto out;
    done = EVP_KDF_derive(context, key->bytes, sizeof key->bytes, params) == 1;
out:
    if (!done)
        sms365_wipe(key, sizeof *key);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return done;
}

bool sms365_stretch(
    uint8_t out[SMS365_MAC_BYTES], const char *secret, size_t length, const uint8_t salt[SMS365_SALT_BYTES])
{
    return length <= INT_MAX && PKCS5_PBKDF2_HMAC(secret, (int)length, salt, SMS365_SALT_BYTES, STRETCH_ROUNDS,
                                    EVP_sha256(), SMS365_MAC_BYTES, out) == 1;
}

/* A context keyed for one direction, with the associated data already in it. NULL when libcrypto fails. */
static EVP_CIPHER_CTX *gcm_start(const struct sms365_mac_key *key, const uint8_t nonce[SMS365_NONCE_BYTES],
    const void *associated, size_t associated_length, bool seal)
{
    int written = 0;

    if (associated_length > INT_MAX)
        return NULL;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    if (context == NULL)
        return NULL;
    /* GCM's default nonce length is the 12 bytes of SMS365_NONCE_BYTES. */
    if (EVP_CipherInit_ex2(context, EVP_aes_256_gcm(), key->bytes, nonce, seal, NULL) == 1 &&
        (associated_length == 0 || EVP_CipherUpdate(context, NULL, &written, associated, (int)associated_length) == 1))
        return context;
    EVP_CIPHER_CTX_free(context);
    return NULL;
}

bool sms365_seal(uint8_t *out, const struct sms365_mac_key *key, const uint8_t nonce[SMS365_NONCE_BYTES],
    const void *associated, size_t associated_length, const void *plain, size_t length)
{
    int written = 0;
    int rest = 0;

    if (length > INT_MAX - SMS365_TAG_BYTES)
        return false;
    EVP_CIPHER_CTX *context = gcm_start(key, nonce, associated, associated_length, true);
    const bool done =
        context != NULL && (length == 0 || EVP_CipherUpdate(context, out, &written, plain, (int)length) == 1) &&
        EVP_CipherFinal_ex(context, out + written, &rest) == 1 && (size_t)written + (size_t)rest == length &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, SMS365_TAG_BYTES, out + length) == 1;
    EVP_CIPHER_CTX_free(context);
    if (!done)
        sms365_wipe(out, length + SMS365_TAG_BYTES);
    return done;
}

bool sms365_unseal(uint8_t *out, const struct sms365_mac_key *key, const uint8_t nonce[SMS365_NONCE_BYTES],
    const void *associated, size_t associated_length, const void *sealed, size_t length)
{
    uint8_t tag[SMS365_TAG_BYTES];
    int written = 0;
    int rest = 0;

    if (length < SMS365_TAG_BYTES || length > INT_MAX)
        return false;
    const size_t plain = length - SMS365_TAG_BYTES;
    memcpy(tag, (const uint8_t *)sealed + plain, sizeof tag);
    EVP_CIPHER_CTX *context = gcm_start(key, nonce, associated, associated_length, false);
    const bool done = context != NULL &&
                      (plain == 0 || EVP_CipherUpdate(context, out, &written, sealed, (int)plain) == 1) &&
                      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, SMS365_TAG_BYTES, tag) == 1 &&
                      EVP_CipherFinal_ex(context, out + written, &rest) == 1 && (size_t)written + (size_t)rest == plain;
    EVP_CIPHER_CTX_free(context);
    if (!done)
        sms365_wipe(out, plain);
    return done;
}
