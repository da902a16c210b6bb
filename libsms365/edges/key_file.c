#include "edges/key_file.h"

#include "base/err.h"

#include <string.h>
#include <sys/random.h>

#define FIRST_LINE "sms365-key 1"
#define SEAL_PURPOSE "keys"
#define SEALED_MAX (SMS365_NONCE_BYTES + SMS365_KEY_SECRET_MAX + SMS365_TAG_BYTES)
#define DEMO_KEY "DEMO-KEY" /* the sandbox's own; whoever reads its manual knows it */

bool sms365_key_name_good(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    const size_t length = strlen(name);

    return length > 0 && length <= SMS365_KEY_NAME_MAX && strspn(name, letters) == length && name[0] != '-';
}

static bool secret_good(const struct sms365_secret *secret)
{
    if (secret->length == 0 || secret->length > SMS365_KEY_SECRET_MAX)
        return false;
    for (size_t i = 0; i < secret->length; i++)
        if (secret->data[i] <= ' ' || secret->data[i] > '~')
            return false;
    return true;
}

enum sms365_err sms365_key_check(const struct sms365_key *key, bool sandbox, struct sms365_error *err)
{
    char url[SMS365_KEY_URL_SIZE];

    if (!sms365_key_name_good(key->name))
        return sms365_error_set(err, SMS365_BAD_ARGUMENT,
            "\"%s\" cannot be the name of a key: it takes 1 to %d letters, digits, hyphens and underscores, and does "
            "not "
            "begin with a hyphen",
            key->name, SMS365_KEY_NAME_MAX);
    if (key->url_count == 0 || key->url_count > SMS365_KEY_URLS_MAX)
        return sms365_error_set(
            err, SMS365_BAD_ARGUMENT, "key %s: it needs 1 to %d base URLs", key->name, SMS365_KEY_URLS_MAX);
    for (size_t i = 0; i < key->url_count; i++) {
        const enum sms365_err code = sms365_url_check(url, key->urls[i], sandbox, err);
        if (code != SMS365_OK) {
            sms365_error_prefix(err, "key %s", key->name);
            return code;
        }
    }
    if (key->whitelist.count == 0)
        return sms365_error_set(err, SMS365_BAD_ARGUMENT,
            "key %s: the whitelist is empty; name the addresses from which it may be used, or write any", key->name);
    if (strspn(key->added, "0123456789-:TZ") != strlen(key->added))
        return sms365_error_set(err, SMS365_BAD_ARGUMENT, "key %s: the date it was added is not one", key->name);
    if (!secret_good(&key->secret))
        return sms365_error_set(err, SMS365_BAD_ARGUMENT,
            "key %s: an API key has 1 to %d printable ASCII characters and no blanks", key->name,
            SMS365_KEY_SECRET_MAX);
    if (!sandbox && key->secret.length == sizeof DEMO_KEY - 1 &&
        sms365_equal(key->secret.data, DEMO_KEY, sizeof DEMO_KEY - 1))
        return sms365_error_set(err, SMS365_BAD_CONFIG,
            "key %s: %s is known to everybody and works with the sandbox only (`sandbox = yes` in [provider]); run: "
            "sms365 key remove %s",
            key->name, DEMO_KEY, key->name);
    return SMS365_OK;
}

/* Bind the sealed key to all that stands above it. */
static enum sms365_err secret_seal(
    struct sms365_buf *text, const struct sms365_key *key, const struct sms365_secret *master, struct sms365_error *err)
{
    uint8_t sealed[SEALED_MAX];
    char encoded[(SEALED_MAX + 2) / 3 * 4 + 1];
    struct sms365_mac_key seal_key;
    const size_t length = SMS365_NONCE_BYTES + key->secret.length + SMS365_TAG_BYTES;

    const bool done = getrandom(sealed, SMS365_NONCE_BYTES, 0) == SMS365_NONCE_BYTES &&
                      sms365_derive(&seal_key, master, SEAL_PURPOSE) &&
                      sms365_seal(sealed + SMS365_NONCE_BYTES, &seal_key, sealed, sms365_buf_text(text), text->length,
                          key->secret.data, key->secret.length) &&
                      sms365_str_base64url(encoded, sizeof encoded, sealed, length);
    sms365_wipe(&seal_key, sizeof seal_key);
    if (!done)
        return sms365_error_set(err, SMS365_CRYPTO, "key %s: sealing it failed", key->name);
    sms365_buf_printf(text, "sealed %s\n", encoded);
    return SMS365_OK;
}

enum sms365_err sms365_key_write(
    struct sms365_buf *text, const struct sms365_key *key, const struct sms365_secret *master, struct sms365_error *err)
{
    sms365_buf_printf(text, "%s\nname %s\nurl", FIRST_LINE, key->name);
    for (size_t i = 0; i < key->url_count; i++)
        sms365_buf_printf(text, " %s", key->urls[i]);
    sms365_buf_puts(text, "\nwhitelist");
    for (size_t i = 0; i < key->whitelist.count; i++) {
        char range[64];
        sms365_cidr_format(range, &key->whitelist.entries[i]);
        sms365_buf_printf(text, " %s", range);
    }
    sms365_buf_printf(text, "\nadded %s\n", key->added);
    if (text->failed)
        return sms365_error_set(err, SMS365_NO_MEMORY, "key %s: no memory for its file", key->name);
    const enum sms365_err code = secret_seal(text, key, master, err);
    if (code == SMS365_OK && text->failed)
        return sms365_error_set(err, SMS365_NO_MEMORY, "key %s: no memory for its file", key->name);
    return code;
}

enum line { LINE_FORMAT, LINE_NAME, LINE_URL, LINE_WHITELIST, LINE_ADDED, LINE_SEALED, LINE_COUNT };

static const char *const labels[LINE_COUNT] = {"sms365-key ", "name ", "url ", "whitelist ", "added ", "sealed "};

/*
 * Cut copy (length bytes, NUL-terminated) into the values of its lines, and find where the sealed line begins.
 * Every line ends with a newline, also the last: a file that was cut short is found out.
 */
static enum sms365_err lines_split(
    char *values[LINE_COUNT], size_t *header_length, char *copy, size_t length, struct sms365_error *err)
{
    char *line = copy;

    if (memchr(copy, '\0', length) != NULL)
        return sms365_error_set(err, SMS365_CORRUPT, "it holds a NUL byte");
    for (int i = 0; i < LINE_COUNT; i++) {
        char *end = strchr(line, '\n');
        if (end == NULL)
            return sms365_error_set(err, SMS365_CORRUPT, "line %d: the file was cut short", i + 1);
        *end = '\0';
        if (!sms365_str_starts(line, labels[i]))
            return sms365_error_set(err, SMS365_CORRUPT, "line %d: does not begin with \"%s\"", i + 1, labels[i]);
        if (i == LINE_SEALED)
            *header_length = (size_t)(line - copy);
        values[i] = line + strlen(labels[i]);
        line = end + 1;
    }
    if (line != copy + length)
        return sms365_error_set(err, SMS365_CORRUPT, "line %d: nothing belongs below the sealed key", LINE_COUNT + 1);
    if (strcmp(values[LINE_FORMAT], "1") != 0)
        return sms365_error_set(err, SMS365_CORRUPT, "line 1: format %s is not known to this version", values[0]);
    return SMS365_OK;
}

static enum sms365_err secret_unseal(struct sms365_secret *secret, const char *encoded, const char *header,
    size_t header_length, const struct sms365_secret *master, struct sms365_error *err)
{
    uint8_t sealed[SEALED_MAX];
    struct sms365_mac_key seal_key;
    struct sms365_secret plain = {0};
    size_t length = 0;

    if (!sms365_str_unbase64url(sealed, sizeof sealed, &length, encoded) ||
        length <= SMS365_NONCE_BYTES + SMS365_TAG_BYTES)
        return sms365_error_set(err, SMS365_CORRUPT, "line %d: not a sealed key", LINE_SEALED + 1);
    if (!sms365_secret_alloc(&plain, length - SMS365_NONCE_BYTES - SMS365_TAG_BYTES))
        return sms365_error_set(err, SMS365_NO_MEMORY, "no memory for the key");
    if (!sms365_derive(&seal_key, master, SEAL_PURPOSE)) {
        sms365_secret_free(&plain);
        return sms365_error_set(err, SMS365_CRYPTO, "deriving the sealing key failed");
    }
    const bool done = sms365_unseal(
        plain.data, &seal_key, sealed, header, header_length, sealed + SMS365_NONCE_BYTES, length - SMS365_NONCE_BYTES);
    sms365_wipe(&seal_key, sizeof seal_key);
    if (!done) {
        sms365_secret_free(&plain);
        return sms365_error_set(err, SMS365_CORRUPT,
            "the seal does not fit: the file was altered, or it was made under another master key");
    }
    *secret = plain;
    return SMS365_OK;
}

/* The header's values, whose seal is known to fit. */
static bool header_read(struct sms365_key *key, char *values[LINE_COUNT])
{
    if (!sms365_str_copy(key->name, sizeof key->name, values[LINE_NAME]) ||
        !sms365_str_copy(key->added, sizeof key->added, values[LINE_ADDED]) ||
        !sms365_cidr_list_parse(&key->whitelist, values[LINE_WHITELIST], NULL))
        return false;
    for (char *url = values[LINE_URL]; url != NULL;) {
        char *blank = strchr(url, ' ');
        if (blank != NULL)
            *blank++ = '\0';
        if (key->url_count == SMS365_KEY_URLS_MAX ||
            !sms365_str_copy(key->urls[key->url_count++], sizeof key->urls[0], url))
            return false;
        url = blank;
    }
    return true;
}

enum sms365_err sms365_key_read(struct sms365_key *key, const char *text, size_t length, const char *name,
    const struct sms365_secret *master, bool sandbox, struct sms365_error *err)
{
    char copy[SMS365_KEY_FILE_MAX + 1];
    char *values[LINE_COUNT];
    size_t header_length = 0;
    struct sms365_key read = {.url_count = 0};

    if (length > SMS365_KEY_FILE_MAX)
        return sms365_error_set(err, SMS365_CORRUPT, "too long for a key file");
    memcpy(copy, text, length);
    copy[length] = '\0';
    enum sms365_err code = lines_split(values, &header_length, copy, length, err);
    if (code != SMS365_OK)
        return code;
    code = secret_unseal(&read.secret, values[LINE_SEALED], text, header_length, master, err);
    if (code != SMS365_OK)
        return code;
    if (!header_read(&read, values))
        code = sms365_error_set(err, SMS365_CORRUPT, "the header is sealed but cannot be read by this version");
    else if (strcmp(read.name, name) != 0)
        /* A sealed file under another's name would lend that name its key and its whitelist. */
        code =
            sms365_error_set(err, SMS365_CORRUPT, "it is the file of key %s: files were swapped or copied", read.name);
    else if (sms365_key_check(&read, sandbox, err) != SMS365_OK)
        /* It was saved under the same rules: what has changed is the configuration. */
        code = err == NULL ? SMS365_BAD_CONFIG : (err->code = SMS365_BAD_CONFIG);
    if (code != SMS365_OK)
        sms365_secret_free(&read.secret);
    else
        *key = read;
    return code;
}
