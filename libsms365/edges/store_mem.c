#include "edges/store_common.h"

#include "base/err.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHAINS 64
/* As in store_file: names in a table share so many records. */
#define BUCKETS 4096

struct entry {
    struct entry *next;
    enum sms365_class class;
    char name[SMS365_RECORD_NAME_MAX + 1]; /* in a table the bucket's number */
    int64_t expires_s;
    struct sms365_record record;
};

struct store_mem {
    struct sms365_store base;
    uint64_t last_version; /* one count for all records: none is ever used twice */
    struct entry *chains[CHAINS];
};

/* FNV-1a, 32 bits. */
static uint32_t hash(const char *name)
{
    uint32_t h = 2166136261u;

    for (; *name != '\0'; name++)
        h = (h ^ (uint8_t)*name) * 16777619u;
    return h;
}

/* The name under which a record is kept. */
static void key_of(char out[SMS365_RECORD_NAME_MAX + 1], enum sms365_class class, const char *name)
{
    if (class != SMS365_CLASS_USER)
        (void)snprintf(out, SMS365_RECORD_NAME_MAX + 1, "%u", (unsigned)(hash(name) % BUCKETS));
    else
        (void)sms365_str_copy(out, SMS365_RECORD_NAME_MAX + 1, name);
}

/* Where the pointer to the entry is, or would be. */
static struct entry **find(struct store_mem *mem, enum sms365_class class, const char *key)
{
    struct entry **at = &mem->chains[hash(key) % CHAINS];

    while (*at != NULL && ((*at)->class != class || strcmp((*at)->name, key) != 0))
        at = &(*at)->next;
    return at;
}

static bool is_live(const struct entry *entry)
{
    return entry != NULL && (entry->expires_s == 0 || sms365_store_wall_s() < entry->expires_s);
}

static enum sms365_err mem_get(struct sms365_store *store, enum sms365_class class, const char *name,
    struct sms365_record *record, struct sms365_error *err)
{
    char key[SMS365_RECORD_NAME_MAX + 1];
    const enum sms365_err result = sms365_store_check_name(class, name, err);

    if (result != SMS365_OK)
        return result;
    key_of(key, class, name);
    const struct entry *entry = *find((struct store_mem *)store, class, key);
    if (is_live(entry)) {
        *record = entry->record;
    } else {
        record->version = 0;
        record->length = 0;
    }
    return SMS365_OK;
}

static enum sms365_err mem_cas(struct sms365_store *store, enum sms365_class class, const char *name, uint64_t version,
    const void *value, size_t length, int64_t ttl_s, uint64_t *new_version, struct sms365_error *err)
{
    struct store_mem *mem = (struct store_mem *)store;
    char key[SMS365_RECORD_NAME_MAX + 1];
    const enum sms365_err result = sms365_store_check_value(class, name, length, ttl_s, err);

    if (result != SMS365_OK)
        return result;
    key_of(key, class, name);
    struct entry **at = find(mem, class, key);
    if (version != (is_live(*at) ? (*at)->record.version : 0))
        return sms365_error_set(err, SMS365_CONFLICT, "the record was changed meanwhile");
    if (*at == NULL) {
        struct entry *entry = calloc(1, sizeof *entry);
        if (entry == NULL)
            return sms365_error_set(err, SMS365_NO_MEMORY, "out of memory");
        entry->class = class;
        (void)sms365_str_copy(entry->name, sizeof entry->name, key);
        *at = entry;
    }
    (*at)->expires_s = sms365_store_expiry_s(ttl_s);
    (*at)->record.version = ++mem->last_version;
    (*at)->record.length = length;
    if (length > 0)
        memcpy((*at)->record.value, value, length);
    if (new_version != NULL)
        *new_version = (*at)->record.version;
    return SMS365_OK;
}

static enum sms365_err mem_del(
    struct sms365_store *store, enum sms365_class class, const char *name, struct sms365_error *err)
{
    char key[SMS365_RECORD_NAME_MAX + 1];
    const enum sms365_err result = sms365_store_check_name(class, name, err);

    if (result != SMS365_OK)
        return result;
    key_of(key, class, name);
    struct entry **at = find((struct store_mem *)store, class, key);
    struct entry *entry = *at;
    if (entry != NULL) {
        *at = entry->next;
        free(entry);
    }
    return SMS365_OK;
}

/* Copies of the class's live entries: each may change the store. Returns NULL when there are none, or no memory. */
static struct entry *snapshot(const struct store_mem *mem, enum sms365_class class, bool *failed)
{
    struct entry *copies = NULL;

    *failed = false;
    for (size_t i = 0; i < CHAINS; i++) {
        for (const struct entry *entry = mem->chains[i]; entry != NULL; entry = entry->next) {
            if (entry->class != class || !is_live(entry))
                continue;
            struct entry *copy = malloc(sizeof *copy);
            if (copy == NULL) {
                *failed = true;
                return copies;
            }
            *copy = *entry;
            copy->next = copies;
            copies = copy;
        }
    }
    return copies;
}

static void free_chain(struct entry *entry)
{
    while (entry != NULL) {
        struct entry *next = entry->next;
        free(entry);
        entry = next;
    }
}

static enum sms365_err mem_scan(struct sms365_store *store, enum sms365_class class,
    bool (*each)(void *context, const char *name, const struct sms365_record *record), void *context,
    struct sms365_error *err)
{
    bool failed;

    if ((unsigned)class >= SMS365_CLASS_COUNT)
        return sms365_error_set(err, SMS365_BAD_ARGUMENT, "state store: there is no class %u", (unsigned)class);
    struct entry *copies = snapshot((struct store_mem *)store, class, &failed);
    for (const struct entry *entry = failed ? NULL : copies; entry != NULL; entry = entry->next)
        if (!each(context, class == SMS365_CLASS_USER ? entry->name : NULL, &entry->record))
            break;
    free_chain(copies);
    return failed ? sms365_error_set(err, SMS365_NO_MEMORY, "out of memory") : SMS365_OK;
}

static void mem_close(struct sms365_store *store)
{
    struct store_mem *mem = (struct store_mem *)store;

    for (size_t i = 0; i < CHAINS; i++)
        free_chain(mem->chains[i]);
    free(mem);
}

enum sms365_err sms365_store_mem_open(struct sms365_store **store, struct sms365_error *err)
{
    static const struct sms365_store_ops ops = {mem_get, mem_cas, mem_del, mem_scan, mem_close};
    struct store_mem *mem = calloc(1, sizeof *mem);

    if (mem == NULL)
        return sms365_error_set(err, SMS365_NO_MEMORY, "out of memory");
    mem->base.ops = &ops;
    *store = &mem->base;
    return SMS365_OK;
}
