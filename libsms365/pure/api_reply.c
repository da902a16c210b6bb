#include "pure/api.h"

#include "base/err.h"
#include "base/mem.h"
#include "pure/api_shape.h"
#include "pure/json.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_CODE_MAX 99999
/* The filter turns numbers into strings; the longest growth is that of "1e63,". */
#define FILTER_GROWTH 16
#define NAME_SIZE 32 /* of a field, with the NUL */

struct sms365_reply {
    const struct sms365_endpoint *endpoint;
    cJSON *root;
    int error;
};

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* Strings of the tree may be keys: wiped before they are released. */
static void tree_wipe(cJSON *item)
{
    for (; item != NULL; item = item->next) {
        if (item->valuestring != NULL)
            sms365_wipe(item->valuestring, strlen(item->valuestring));
        tree_wipe(item->child);
    }
}

static void tree_clean(cJSON *item)
{
    for (; item != NULL; item = item->next) {
        if (item->valuestring != NULL)
            sms365_str_clean(item->valuestring);
        if (item->string != NULL)
            sms365_str_clean(item->string);
        tree_clean(item->child);
    }
}

static int name_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum names { NAMES_ONCE, NAMES_DOUBLED, NAMES_NO_MEMORY };

/* Sorting, since a reply may hold many rows. */
static enum names object_names(const cJSON *object)
{
    const size_t count = (size_t)cJSON_GetArraySize(object);
    enum names result = NAMES_ONCE;
    size_t used = 0;
    const cJSON *item;

    if (count < 2)
        return NAMES_ONCE;
    const char **names = calloc(count, sizeof *names);
    if (names == NULL)
        return NAMES_NO_MEMORY;
    cJSON_ArrayForEach(item, object) names[used++] = item->string;
    qsort(names, count, sizeof *names, name_order);
    for (size_t i = 1; i < count && result == NAMES_ONCE; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            result = NAMES_DOUBLED;
    free(names);
    return result;
}

static enum names tree_names(const cJSON *item)
{
    enum names result = cJSON_IsObject(item) ? object_names(item) : NAMES_ONCE;
    const cJSON *child;

    cJSON_ArrayForEach(child, item)
    {
        if (result != NAMES_ONCE)
            return result;
        result = tree_names(child);
    }
    return result;
}

/* Read the envelope; NULL when it is one, otherwise what is wrong with it. */
static const char *envelope_read(struct sms365_reply *reply, bool *success)
{
    const cJSON *status = member(reply->root, "status");
    const cJSON *error = member(reply->root, "error");
    const cJSON *remarks = member(reply->root, "remarks");
    int64_t code = 0;

    if (!cJSON_IsObject(reply->root) || status == NULL)
        return "it has no status";
    if (!cJSON_IsString(status))
        return "its status is no text or number";
    if (error != NULL && (!cJSON_IsString(error) || !sms365_str_number(error->valuestring, 0, ERROR_CODE_MAX, &code)))
        return "its error is no error code";
    if (remarks != NULL && !cJSON_IsString(remarks))
        return "its remarks are no text";
    reply->error = (int)code;
    /* What lets somebody in has to say that there was no error, not only leave it out. */
    if (error == NULL && reply->endpoint->id == SMS365_EP_2FA_CHECK)
        return "it has no error";
    *success = code == 0 && strcmp(status->valuestring, "1") == 0;
    return NULL;
}

static enum sms365_err bad_reply(const struct sms365_endpoint *endpoint, const char *why, struct sms365_error *err)
{
    return sms365_error_set(err, SMS365_BAD_REPLY,
        "%s: the reply is not one of the provider's API (%s); a proxy or a wrong url in between?", endpoint->path, why);
}

/* Text, filtered and parsed, into reply->root. */
static enum sms365_err reply_parse(
    struct sms365_reply *reply, const char *text, size_t length, struct sms365_error *err)
{
    struct sms365_buf filtered;
    const char *why;
    enum sms365_err result = SMS365_OK;

    sms365_buf_init(&filtered, length * FILTER_GROWTH);
    filtered.secret = !sms365_api_is_open(reply->endpoint->id);
    if (!sms365_json_filter(&filtered, text, length, &why)) {
        result = filtered.failed
                     ? sms365_error_set(err, SMS365_NO_MEMORY, "%s: no memory for the reply", reply->endpoint->path)
                     : bad_reply(reply->endpoint, why, err);
        goto out;
    }
    reply->root = cJSON_ParseWithLength(filtered.data, filtered.length);
    if (reply->root == NULL) {
        result = bad_reply(reply->endpoint, "it is not JSON", err);
        goto out;
    }
    tree_clean(reply->root);
    const enum names names = tree_names(reply->root);
    if (names == NAMES_DOUBLED)
        result = bad_reply(reply->endpoint, "two of its members have one name", err);
    if (names == NAMES_NO_MEMORY)
        result = sms365_error_set(err, SMS365_NO_MEMORY, "%s: no memory for the reply", reply->endpoint->path);
out:
    sms365_buf_free(&filtered);
    return result;
}

/* The reference's text where it has one: the provider's remarks may repeat what was sent. */
static enum sms365_err refused(const struct sms365_reply *reply, struct sms365_error *err)
{
    const char *path = reply->endpoint->path;
    const char *text = sms365_api_error_text(reply->error);

    if (reply->error == 0)
        return sms365_error_set(err, SMS365_REFUSED,
            "%s: the provider refused without an error number; check that what it was asked about is there",
            reply->endpoint->path);
    if (text == NULL)
        (void)sms365_error_set(err, SMS365_REFUSED,
            "%s: the provider refused with error %d, which its reference does not have", path, reply->error);
    else
        (void)sms365_error_set(err, SMS365_REFUSED, "%s: the provider refused with error %d (%s). %s", path,
            reply->error, text, sms365_api_error_advice(reply->error));
    if (err != NULL)
        err->provider_error = reply->error;
    return SMS365_REFUSED;
}

enum sms365_err sms365_api_decode(struct sms365_reply **reply, const struct sms365_endpoint *endpoint, const char *text,
    size_t length, struct sms365_error *err)
{
    bool success = false;
    struct sms365_reply *made = calloc(1, sizeof *made);

    *reply = NULL;
    if (made == NULL)
        return sms365_error_set(err, SMS365_NO_MEMORY, "%s: no memory for the reply", endpoint->path);
    made->endpoint = endpoint;
    enum sms365_err result = reply_parse(made, text, length, err);
    if (result != SMS365_OK)
        goto out;
    const char *why = envelope_read(made, &success);
    if (why != NULL) {
        result = bad_reply(endpoint, why, err);
        goto out;
    }
    if (success) {
        const char *field = NULL;
        result = sms365_api_shape(made->root, endpoint, &field);
        if (result == SMS365_BAD_REPLY)
            sms365_error_set(
                err, result, "%s: the reply's field %s has the wrong kind of value", endpoint->path, field);
        if (result == SMS365_NO_MEMORY)
            sms365_error_set(err, result, "%s: no memory for the reply", endpoint->path);
        if (result != SMS365_OK)
            goto out;
    }
    /* There is nothing in such a reply but that it is done. */
    if (!success && sms365_api_is_already(endpoint->id, made->error))
        success = true;
    *reply = made;
    return success ? SMS365_OK : refused(made, err);
out:
    sms365_reply_free(made);
    return result;
}

/* What a name or a path of names means; a list on the way stands for its first row. NULL: nothing. */
static const cJSON *find(const cJSON *item, const char *path)
{
    char name[NAME_SIZE];

    for (;;) {
        const size_t length = strcspn(path, ".");
        if (length >= sizeof name)
            return NULL;
        memcpy(name, path, length);
        name[length] = '\0';
        item = cJSON_IsObject(item) ? member(item, name) : NULL;
        if (path[length] == '\0' || item == NULL)
            return item;
        if (cJSON_IsArray(item))
            item = item->child;
        path += length + 1;
    }
}

static const char *text_of(const cJSON *item)
{
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

const char *sms365_reply_get(const struct sms365_reply *reply, const char *field)
{
    return text_of(find(reply->root, field));
}

/* Whatever the program's language has for a decimal point. */
static bool number_of(const char *text, double *value)
{
    double digits = 0, scale = 1;
    bool fraction = false;

    if (text == NULL || !sms365_str_is_decimal(text))
        return false;
    for (const char *c = text + (*text == '-'); *c != '\0'; c++) {
        if (*c == '.') {
            fraction = true;
            continue;
        }
        digits = digits * 10 + (*c - '0');
        scale *= fraction ? 10 : 1;
    }
    *value = (*text == '-' ? -digits : digits) / scale;
    return true;
}

bool sms365_reply_number(const struct sms365_reply *reply, const char *field, double *value)
{
    return number_of(sms365_reply_get(reply, field), value);
}

/* A row is the one before it, or where the list begins. */
static bool row_step(const cJSON *within, const char *list, struct sms365_row *row)
{
    const cJSON *at = row->at;

    if (at == NULL) {
        const cJSON *found = find(within, list);
        at = cJSON_IsArray(found) ? found->child : NULL;
    } else {
        at = at->next;
    }
    row->at = at;
    return at != NULL;
}

bool sms365_reply_next(const struct sms365_reply *reply, const char *list, struct sms365_row *row)
{
    return row_step(reply->root, list, row);
}

bool sms365_row_next(const struct sms365_row *outer, const char *list, struct sms365_row *row)
{
    return row_step(outer->at, list, row);
}

const char *sms365_row_get(const struct sms365_row *row, const char *field)
{
    return text_of(field == NULL ? row->at : find(row->at, field));
}

bool sms365_row_number(const struct sms365_row *row, const char *field, double *value)
{
    return number_of(sms365_row_get(row, field), value);
}

int sms365_reply_error(const struct sms365_reply *reply)
{
    return reply->error;
}

void sms365_reply_free(struct sms365_reply *reply)
{
    if (reply == NULL)
        return;
    tree_wipe(reply->root);
    cJSON_Delete(reply->root);
    free(reply);
}

/* Copies of secrets are overwritten with asterisks, wherever in the reply they stand. */
static void mask_secrets(cJSON *item)
{
    size_t count;
    const struct sms365_api_field *fields = sms365_api_fields(&count);

    for (; item != NULL; item = item->next) {
        for (size_t i = 0; i < count; i++)
            if (fields[i].type == SMS365_TYPE_SECRET && item->string != NULL && item->valuestring != NULL &&
                strcmp(item->string, fields[i].name) == 0)
                memset(item->valuestring, '*', strlen(item->valuestring));
        mask_secrets(item->child);
    }
}

char *sms365_reply_json(const struct sms365_reply *reply, bool reveal)
{
    cJSON *copy = cJSON_Duplicate(reply->root, true);

    if (copy == NULL)
        return NULL;
    if (!reveal)
        mask_secrets(copy);
    char *text = cJSON_Print(copy);
    tree_wipe(copy);
    cJSON_Delete(copy);
    return text;
}
