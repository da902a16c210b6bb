/*
 * The key store: the provider's API keys, one file a key, sealed under the master key together with their names, base
 * URLs and the local addresses from which they may be used.
 *
 *   NAME.key (0600):
 *     sms365-key 1
 *     name NAME
 *     url URL [URL...]
 *     whitelist CIDR... | any
 *     added 2026-01-31T10:00:00Z
 *     sealed BASE64URL(nonce | AES-256-GCM(API key))     associated data: all lines above, byte for byte
 *
 * While a key is replaced at the provider there may be a NAME.next beside it: see key_rotation.h. Whoever changes a
 * key holds the lock of the key store (keys.lock).
 */
#ifndef SMS365_KEYS_H
#define SMS365_KEYS_H

#include "base/mem.h"
#include "pure/cidr.h"
#include "pure/crypto.h"
#include "pure/url.h"
#include "sms365.h"

#define SMS365_KEY_NAME_MAX 32 /* letters, digits, hyphen, underscore */
#define SMS365_KEY_URLS_MAX 4  /* base URLs of one key */
#define SMS365_KEY_URL_SIZE SMS365_URL_SIZE
#define SMS365_KEYS_MAX 16

struct sms365_key {
    char name[SMS365_KEY_NAME_MAX + 1];
    char urls[SMS365_KEY_URLS_MAX][SMS365_KEY_URL_SIZE]; /* without a trailing slash */
    size_t url_count;
    struct sms365_cidr_list whitelist;
    char added[32];
    struct sms365_secret secret; /* the API key */
};

/* All keys of a directory, ordered by name. Owns them. */
struct sms365_keys {
    struct sms365_key *entries;
    size_t count;
};

/* Read the master key (32 bytes raw in a 0600 file). NOT_FOUND says how it is made (sms365 key init). */
enum sms365_err sms365_master_load(struct sms365_secret *master, const char *path, struct sms365_error *err);
/* Make one from getrandom(), O_EXCL. EXISTS when there is one. */
enum sms365_err sms365_master_create(const char *path, struct sms365_error *err);

/*
 * Load every NAME.key of dir, or what NAME.next keeps for it. sandbox: http:// base URLs (loopback only) and the key
 * DEMO-KEY are allowed; elsewhere they are BAD_CONFIG. One bad file fails the load (CORRUPT, BAD_OWNER, ... with its
 * path): a key that was altered must not silently hand its place to another. NO_KEY when there is none.
 */
enum sms365_err sms365_keys_load(struct sms365_keys *keys, const char *dir, const struct sms365_secret *master,
    bool sandbox, struct sms365_error *err);
void sms365_keys_free(struct sms365_keys *keys);

/* Wipe all but the key of that name: what a process does not use, nobody gets by taking it over. */
void sms365_keys_keep(struct sms365_keys *keys, const char *name);

/* NULL when there is none of that name. */
const struct sms365_key *sms365_keys_find(const struct sms365_keys *keys, const char *name);

/* A name that can be a file's: 1 to SMS365_KEY_NAME_MAX letters, digits, hyphens, underscores, no hyphen first. */
bool sms365_key_name_good(const char *name);

/* Name, URLs, whitelist (never empty) and API key (printable ASCII, at most 256) hold to the rules. Errors:
 * BAD_ARGUMENT, BAD_CONFIG. */
enum sms365_err sms365_key_check(const struct sms365_key *key, bool sandbox, struct sms365_error *err);

/* The stored key alone, or the one that NAME.next keeps (NOT_FOUND: none). Errors: as those of sms365_keys_load(). */
enum sms365_err sms365_key_load_stored(struct sms365_key *key, const char *dir, const char *name,
    const struct sms365_secret *master, bool sandbox, struct sms365_error *err);
enum sms365_err sms365_key_load_next(struct sms365_key *key, const char *dir, const char *name,
    const struct sms365_secret *master, bool sandbox, struct sms365_error *err);

/* Check, seal, write NAME.key; a rotation of it that was cut short is over. EXISTS unless replace. */
enum sms365_err sms365_key_save(const struct sms365_key *key, const char *dir, const struct sms365_secret *master,
    bool sandbox, bool replace, struct sms365_error *err);
enum sms365_err sms365_key_remove(const char *dir, const char *name, struct sms365_error *err);
void sms365_key_free(struct sms365_key *key);

#endif
