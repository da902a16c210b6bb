#include "edges/keys.h"

#include "base/err.h"
#include "edges/file_safe.h"
#include "edges/key_file.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define SUFFIX SMS365_KEY_SUFFIX

enum sms365_err sms365_master_load(struct sms365_secret *master, const char *path, struct sms365_error *err)
{
    static const uint8_t zeros[SMS365_KEY_BYTES];
    struct sms365_secret read = {0};

    enum sms365_err code = sms365_file_read_secret(&read, path, SMS365_KEY_BYTES, err);
    if (code == SMS365_NOT_FOUND)
        return sms365_error_set(err, SMS365_NOT_FOUND,
            "%s: there is no master key, and everything is denied until there is; run: sms365 key init", path);
    if (code != SMS365_OK && code != SMS365_FULL)
        return code;
    if (code == SMS365_FULL || read.length != SMS365_KEY_BYTES || sms365_equal(read.data, zeros, sizeof zeros)) {
        sms365_secret_free(&read);
        return sms365_error_set(err, SMS365_CORRUPT,
            "%s: not a master key of %d random bytes; put it back from a backup, or remove it and run: sms365 key init "
            "(all keys have to be added again)",
            path, SMS365_KEY_BYTES);
    }
    sms365_secret_free(master);
    *master = read;
    return SMS365_OK;
}

enum sms365_err sms365_master_create(const char *path, struct sms365_error *err)
{
    struct sms365_secret fresh = {0};
    enum sms365_err code;

    if (!sms365_secret_alloc(&fresh, SMS365_KEY_BYTES))
        return sms365_error_set(err, SMS365_NO_MEMORY, "%s: no memory to make it", path);
    if (getrandom(fresh.data, fresh.length, 0) != SMS365_KEY_BYTES)
        code = sms365_error_set(err, SMS365_IO, "%s: cannot get random bytes: %s", path, strerror(errno));
    else
        code = sms365_file_create(path, fresh.data, fresh.length, 0600, err);
    sms365_secret_free(&fresh);
    if (code == SMS365_EXISTS)
        return sms365_error_set(err, code,
            "%s: there is a master key already; a new one would make every key and counter unreadable", path);
    return code;
}

enum sms365_err sms365_key_path(
    char out[PATH_MAX], const char *dir, const char *name, const char *suffix, struct sms365_error *err)
{
    if (!sms365_key_name_good(name))
        return sms365_error_set(err, SMS365_BAD_ARGUMENT, "\"%s\" is not the name of a key", name);
    const int length = snprintf(out, PATH_MAX, "%s/%s%s", dir, name, suffix);

    if (length < 0 || length >= PATH_MAX)
        return sms365_error_set(err, SMS365_BAD_ARGUMENT, "%s: the path is too long", dir);
    return SMS365_OK;
}

enum sms365_err sms365_keys_lock(int *lock, const char *dir, struct sms365_error *err)
{
    char path[PATH_MAX];

    const int length = snprintf(path, sizeof path, "%s/keys", dir);
    if (length < 0 || (size_t)length >= sizeof path)
        return sms365_error_set(err, SMS365_BAD_ARGUMENT, "%s: the path is too long", dir);
    return sms365_file_lock(lock, path, err);
}

enum sms365_err sms365_key_load_stored(struct sms365_key *key, const char *dir, const char *name,
    const struct sms365_secret *master, bool sandbox, struct sms365_error *err)
{
    char path[PATH_MAX];
    struct sms365_buf text;

    enum sms365_err code = sms365_key_path(path, dir, name, SUFFIX, err);
    if (code != SMS365_OK)
        return code;
    code = sms365_file_read(&text, path, SMS365_FILE_SECRET, SMS365_KEY_FILE_MAX, err);
    if (code != SMS365_OK)
        return code;
    code = sms365_key_read(key, sms365_buf_text(&text), text.length, name, master, sandbox, err);
    sms365_buf_free(&text);
    if (code == SMS365_CORRUPT && err != NULL) {
        const struct sms365_error why = *err;
        (void)sms365_error_set(
            err, code, "%s: %s; put it back from a backup, or run: sms365 key add --replace %s", path, why.text, name);
    } else if (code != SMS365_OK) {
        sms365_error_prefix(err, "%s", path);
    }
    return code;
}

enum sms365_err sms365_key_load_next(struct sms365_key *key, const char *dir, const char *name,
    const struct sms365_secret *master, bool sandbox, struct sms365_error *err)
{
    char path[PATH_MAX];
    struct sms365_buf text;

    enum sms365_err code = sms365_key_path(path, dir, name, SMS365_KEY_NEXT_SUFFIX, err);
    if (code == SMS365_OK)
        code = sms365_file_read(&text, path, SMS365_FILE_SECRET, SMS365_KEY_FILE_MAX, err);
    if (code != SMS365_OK)
        return code;
    /* Until it is in its place there are zeros behind it. */
    const size_t length = strlen(sms365_buf_text(&text));
    code = sms365_key_read(key, sms365_buf_text(&text), length, name, master, sandbox, err);
    sms365_buf_free(&text);
    if (code == SMS365_CORRUPT)
        return sms365_error_set(err, SMS365_NOT_FOUND, "%s: keeps no key", path);
    sms365_error_prefix(err, "%s", path);
    return code;
}

static enum sms365_err key_load(struct sms365_key *key, const char *dir, const char *name,
    const struct sms365_secret *master, bool sandbox, struct sms365_error *err)
{
    const enum sms365_err code = sms365_key_load_next(key, dir, name, master, sandbox, err);

    return code == SMS365_NOT_FOUND ? sms365_key_load_stored(key, dir, name, master, sandbox, err) : code;
}

static int names_compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

typedef char key_name[SMS365_KEY_NAME_MAX + 1];

/* The names of all keys in dir, sorted. */
static enum sms365_err names_list(
    key_name names[SMS365_KEYS_MAX], size_t *count, const char *dir, struct sms365_error *err)
{
    enum sms365_err code = SMS365_OK;
    const struct dirent *entry;
    DIR *stream = opendir(dir);

    *count = 0;
    if (stream == NULL)
        return sms365_error_set(err, errno == ENOENT ? SMS365_NOT_FOUND : SMS365_IO,
            "%s: cannot open the key store: %s%s", dir, strerror(errno),
            errno == ENOENT ? "; run: sms365 key init" : "");
    while (code == SMS365_OK && (errno = 0, entry = readdir(stream)) != NULL) {
        char name[sizeof entry->d_name];
        const size_t length = strlen(entry->d_name);
        if (length < sizeof SUFFIX || strcmp(entry->d_name + length - (sizeof SUFFIX - 1), SUFFIX) != 0)
            continue;
        memcpy(name, entry->d_name, length);
        name[length - (sizeof SUFFIX - 1)] = '\0';
        if (!sms365_key_name_good(name))
            code = sms365_error_set(err, SMS365_CORRUPT,
                "%s/%s: not the name of a key file (letters, digits, hyphen, underscore); remove or rename it", dir,
                entry->d_name);
        else if (*count == SMS365_KEYS_MAX)
            code = sms365_error_set(
                err, SMS365_FULL, "%s: more than %d keys; run: sms365 key remove NAME", dir, SMS365_KEYS_MAX);
        else
            (void)sms365_str_copy(names[(*count)++], sizeof names[0], name);
    }
    if (code == SMS365_OK && errno != 0)
        code = sms365_error_set(err, SMS365_IO, "%s: cannot read the key store: %s", dir, strerror(errno));
    (void)closedir(stream);
    if (code == SMS365_OK)
        qsort(names, *count, sizeof names[0], names_compare);
    return code;
}

enum sms365_err sms365_keys_load(struct sms365_keys *keys, const char *dir, const struct sms365_secret *master,
    bool sandbox, struct sms365_error *err)
{
    key_name names[SMS365_KEYS_MAX];
    struct sms365_keys loaded = {0};
    size_t count = 0;

    enum sms365_err code = names_list(names, &count, dir, err);
    if (code != SMS365_OK)
        return code;
    if (count == 0)
        return sms365_error_set(
            err, SMS365_NO_KEY, "%s: there is no key in the key store; run: sms365 key add NAME", dir);
    loaded.entries = calloc(count, sizeof *loaded.entries);
    if (loaded.entries == NULL)
        return sms365_error_set(err, SMS365_NO_MEMORY, "%s: no memory for its keys", dir);
    for (; code == SMS365_OK && loaded.count < count; loaded.count++) {
        code = key_load(&loaded.entries[loaded.count], dir, names[loaded.count], master, sandbox, err);
        if (code != SMS365_OK)
            break;
    }
    if (code == SMS365_OK)
        *keys = loaded;
    else
        sms365_keys_free(&loaded);
    return code;
}

void sms365_key_free(struct sms365_key *key)
{
    sms365_secret_free(&key->secret);
    *key = (struct sms365_key){.url_count = 0};
}

void sms365_keys_free(struct sms365_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        sms365_key_free(&keys->entries[i]);
    free(keys->entries);
    *keys = (struct sms365_keys){0};
}

void sms365_keys_keep(struct sms365_keys *keys, const char *name)
{
    size_t kept = 0;

    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->entries[i].name, name) != 0)
            sms365_key_free(&keys->entries[i]);
        else if (kept++ != i)
            keys->entries[kept - 1] = keys->entries[i];
    }
    /* The secret of an entry that moved is where it moved to: its old place must not be freed again. */
    for (size_t i = kept; i < keys->count; i++)
        keys->entries[i] = (struct sms365_key){.url_count = 0};
    keys->count = kept;
}

const struct sms365_key *sms365_keys_find(const struct sms365_keys *keys, const char *name)
{
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->entries[i].name, name) == 0)
            return &keys->entries[i];
    return NULL;
}

/* What NAME.next keeps is no longer wanted. */
static enum sms365_err next_drop(const char *dir, const char *name, struct sms365_error *err)
{
    char path[PATH_MAX];

    const enum sms365_err code = sms365_key_path(path, dir, name, SMS365_KEY_NEXT_SUFFIX, err);
    if (code != SMS365_OK || unlink(path) == 0 || errno == ENOENT)
        return code;
    return sms365_error_set(err, SMS365_IO, "%s: cannot remove it: %s", path, strerror(errno));
}

void sms365_key_stamp(struct sms365_key *key)
{
    const time_t now = time(NULL);
    struct tm utc;

    if (gmtime_r(&now, &utc) == NULL || strftime(key->added, sizeof key->added, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        key->added[0] = '\0';
}

/* One key too many, or a bad name, would make the whole store unusable. */
static enum sms365_err room_check(const char *dir, const char *name, struct sms365_error *err)
{
    key_name names[SMS365_KEYS_MAX];
    size_t count = 0;

    const enum sms365_err code = names_list(names, &count, dir, err);
    if (code != SMS365_OK || count < SMS365_KEYS_MAX || bsearch(name, names, count, sizeof names[0], names_compare))
        return code;
    return sms365_error_set(err, SMS365_FULL,
        "%s: there are %d keys already, and there can be no more; run: sms365 key "
        "remove NAME",
        dir, SMS365_KEYS_MAX);
}

static enum sms365_err save_locked(const struct sms365_key *key, const char *dir, const struct sms365_secret *master,
    bool sandbox, bool replace, struct sms365_error *err)
{
    char path[PATH_MAX];
    struct sms365_buf text;
    struct sms365_key stamped;

    enum sms365_err code = sms365_key_path(path, dir, key->name, SUFFIX, err);
    if (code == SMS365_OK)
        code = room_check(dir, key->name, err);
    if (code != SMS365_OK)
        return code;
    /* A copy that borrows the secret: never freed. */
    stamped = *key;
    if (stamped.added[0] == '\0')
        sms365_key_stamp(&stamped);
    for (size_t i = 0; i < stamped.url_count; i++)
        (void)sms365_url_check(stamped.urls[i], key->urls[i], sandbox, NULL);
    sms365_buf_init(&text, SMS365_KEY_FILE_MAX);
    code = sms365_key_write(&text, &stamped, master, err);
    if (code == SMS365_OK)
        code = replace ? sms365_file_replace(path, sms365_buf_text(&text), text.length, 0600, err)
                       : sms365_file_create(path, sms365_buf_text(&text), text.length, 0600, err);
    sms365_buf_free(&text);
    if (code == SMS365_EXISTS)
        return sms365_error_set(
            err, code, "%s: there is a key of that name; to put this one in its place: --replace", path);
    return code == SMS365_OK ? next_drop(dir, key->name, err) : code;
}

enum sms365_err sms365_key_save(const struct sms365_key *key, const char *dir, const struct sms365_secret *master,
    bool sandbox, bool replace, struct sms365_error *err)
{
    int lock = -1;

    enum sms365_err code = sms365_key_check(key, sandbox, err);
    if (code == SMS365_OK)
        code = sms365_keys_lock(&lock, dir, err);
    if (code != SMS365_OK)
        return code;
    code = save_locked(key, dir, master, sandbox, replace, err);
    (void)close(lock);
    return code;
}

enum sms365_err sms365_key_remove(const char *dir, const char *name, struct sms365_error *err)
{
    char path[PATH_MAX];
    int lock = -1;

    enum sms365_err code = sms365_key_path(path, dir, name, SUFFIX, err);
    if (code == SMS365_OK)
        code = sms365_keys_lock(&lock, dir, err);
    if (code != SMS365_OK)
        return code;
    code = next_drop(dir, name, err);
    if (code == SMS365_OK && unlink(path) != 0)
        code = errno == ENOENT ? sms365_error_set(err, SMS365_NOT_FOUND,
                                     "%s: there is no key of that name; see: sms365 key list", path)
                               : sms365_error_set(err, SMS365_IO, "%s: cannot remove it: %s", path, strerror(errno));
    (void)close(lock);
    return code;
}
