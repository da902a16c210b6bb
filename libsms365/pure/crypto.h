/* The hashes and ciphers that the project uses, over libcrypto: HMAC-SHA256, HKDF-SHA256 (RFC 5869), AES-256-GCM. */
#ifndef SMS365_CRYPTO_H
#define SMS365_CRYPTO_H

#include "base/mem.h"
#include "sms365.h"

#define SMS365_MAC_BYTES 32   /* HMAC-SHA256 */
#define SMS365_KEY_BYTES 32   /* every symmetric key, and the master key */
#define SMS365_NONCE_BYTES 12 /* AES-GCM */
#define SMS365_TAG_BYTES 16   /* AES-GCM */

/* A 32-byte key and the purpose it was derived for. */
struct sms365_mac_key {
    uint8_t bytes[SMS365_KEY_BYTES];
};

/* mac = HMAC-SHA256(key, data). False when libcrypto fails. */
bool sms365_hmac(uint8_t mac[SMS365_MAC_BYTES], const struct sms365_mac_key *key, const void *data, size_t length);

/*
 * The same for many HMACs under one key: making it ready costs several times what one of them does. Belongs to one
 * thread at a time. new returns NULL when libcrypto fails; free takes NULL and wipes the key.
 */
struct sms365_mac;
struct sms365_mac *sms365_mac_new(const struct sms365_mac_key *key);
bool sms365_mac_make(uint8_t mac[SMS365_MAC_BYTES], struct sms365_mac *ready, const void *data, size_t length);
void sms365_mac_free(struct sms365_mac *ready);

/* key = HKDF-SHA256(master, info = purpose). Purposes are "store", "callback", "holder", "keys", ... */
bool sms365_derive(struct sms365_mac_key *key, const struct sms365_secret *master, const char *purpose);

/*
 * Stretch a short secret (PBKDF2-HMAC-SHA256, RFC 8018): slow on purpose, some tens of milliseconds. False when
 * libcrypto fails.
 */
#define SMS365_SALT_BYTES 16
bool sms365_stretch(
    uint8_t out[SMS365_MAC_BYTES], const char *secret, size_t length, const uint8_t salt[SMS365_SALT_BYTES]);

/*
 * AES-256-GCM. out has room for length + SMS365_TAG_BYTES (seal) or length - SMS365_TAG_BYTES (unseal). The nonce is
 * the caller's and never used twice with one key. unseal returns false, and out holds nothing, when anything was
 * altered.
 */
bool sms365_seal(uint8_t *out, const struct sms365_mac_key *key, const uint8_t nonce[SMS365_NONCE_BYTES],
    const void *associated, size_t associated_length, const void *plain, size_t length);
bool sms365_unseal(uint8_t *out, const struct sms365_mac_key *key, const uint8_t nonce[SMS365_NONCE_BYTES],
    const void *associated, size_t associated_length, const void *sealed, size_t length);

#endif
