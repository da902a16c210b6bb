#include "pure/api.h"

#include "base/err.h"
#include "base/mem.h"
#include "pure/json.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_CODE_MAX 99999
/* The filter turns numbers into strings; the longest growth is that of "1e63,". */
#define FILTER_GROWTH 16

struct sms365_reply {
    const struct sms365_endpoint *endpoint;
    cJSON *root;
    int error;
};

static bool is_container(const cJSON *item)
{
    return cJSON_IsObject(item) || cJSON_IsArray(item);
}

/* "0", "1", ...: the name of a row. */
static bool is_row_name(const char *name)
{
    return name != NULL && *name != '\0' && name[strspn(name, "0123456789")] == '\0';
}

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

static bool is_decimal(const char *text)
{
    text += *text == '-' ? 1 : 0;
    const size_t whole = strspn(text, "0123456789");
    if (whole == 0)
        return false;
    text += whole;
    if (*text != '.')
        return *text == '\0';
    const size_t fraction = strspn(++text, "0123456789");
    return fraction > 0 && text[fraction] == '\0';
}

static bool scalar_fits(const cJSON *item, enum sms365_api_type type)
{
    return cJSON_IsString(item) && (type != SMS365_TYPE_NUMBER || is_decimal(item->valuestring));
}

/* Hold every row under item against the sub-fields that the table has for it; the first that does not fit, or NULL. */
static const char *rows_fault(const cJSON *item, const struct sms365_api_field *object)
{
    size_t count;
    const struct sms365_api_field *fields = sms365_api_fields(&count);
    const cJSON *child;

    if (!is_container(item))
        return object->name;
    for (size_t i = 0; i < count && cJSON_IsObject(item); i++) {
        if (fields[i].endpoint != object->endpoint || fields[i].object == NULL ||
            strcmp(fields[i].object, object->name) != 0)
            continue;
        const cJSON *found = member(item, fields[i].name);
        if (found != NULL && !scalar_fits(found, fields[i].type))
            return fields[i].name;
    }
    cJSON_ArrayForEach(child, item)
    {
        const bool row = cJSON_IsArray(item) || is_row_name(child->string);
        const char *fault = row || is_container(child) ? rows_fault(child, object) : NULL;
        if (fault != NULL)
            return fault;
    }
    return NULL;
}

/* Rows may also lie at the top level, under decimal names. */
static const char *object_fault(const cJSON *root, const struct sms365_api_field *object)
{
    const cJSON *item = member(root, object->name);
    const char *fault = item == NULL ? NULL : rows_fault(item, object);
    const cJSON *child;

    cJSON_ArrayForEach(child, root)
    {
        if (fault != NULL)
            return fault;
        if (is_row_name(child->string))
            fault = rows_fault(child, object);
    }
    return fault;
}

/* The first field of the table that has the wrong kind of value, or NULL. */
static const char *fields_fault(const cJSON *root, const struct sms365_endpoint *endpoint)
{
    size_t count;
    const struct sms365_api_field *fields = sms365_api_fields(&count);

    for (size_t i = 0; i < count; i++) {
        if (fields[i].endpoint != endpoint->id || fields[i].object != NULL)
            continue;
        if (fields[i].type == SMS365_TYPE_OBJECT) {
            const char *fault = object_fault(root, &fields[i]);
            if (fault != NULL)
                return fault;
            continue;
        }
        const cJSON *item = member(root, fields[i].name);
        if (item != NULL && !scalar_fits(item, fields[i].type))
            return fields[i].name;
    }
    return NULL;
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
    filtered.secret = true;
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
    const char *text = sms365_api_error_text(reply->error);

    if (text == NULL)
        return sms365_error_set(err, SMS365_REFUSED,
            "%s: the provider refused with error %d, which its reference does not have", reply->endpoint->path,
            reply->error);
    return sms365_error_set(err, SMS365_REFUSED, "%s: the provider refused with error %d (%s). %s",
        reply->endpoint->path, reply->error, text, sms365_api_error_advice(reply->error));
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
    const char *field = success ? fields_fault(made->root, endpoint) : NULL;
    if (field != NULL) {
        result = sms365_error_set(
            err, SMS365_BAD_REPLY, "%s: the reply's field %s has the wrong kind of value", endpoint->path, field);
        goto out;
    }
    *reply = made;
    return success ? SMS365_OK : refused(made, err);
out:
    sms365_reply_free(made);
    return result;
}

/* The first row that has the field, looking into arrays, wrappers, and rows under decimal names. */
static const cJSON *row_field(const cJSON *item, const char *name)
{
    while (is_container(item)) {
        const cJSON *found = cJSON_IsObject(item) ? member(item, name) : NULL;
        if (found != NULL)
            return found;
        item = item->child;
        while (item != NULL && !is_container(item))
            item = item->next;
    }
    return NULL;
}

static const cJSON *first_row(const cJSON *root)
{
    const cJSON *child;

    cJSON_ArrayForEach(child, root) if (is_row_name(child->string)) return child;
    return NULL;
}

/* Some replies call it "id". */
static const cJSON *find_alias(const cJSON *item, const char *name)
{
    const cJSON *found = row_field(item, name);
    return found == NULL && strcmp(name, "smsId") == 0 ? row_field(item, "id") : found;
}

const char *sms365_reply_get(const struct sms365_reply *reply, const char *field)
{
    const char *dot = strchr(field, '.');
    const cJSON *found;

    if (dot == NULL) {
        found = member(reply->root, field);
        if (found == NULL && strcmp(field, "smsId") == 0)
            found = member(reply->root, "id");
    } else {
        char object[32];
        const size_t length = (size_t)(dot - field);
        if (length >= sizeof object)
            return NULL;
        memcpy(object, field, length);
        object[length] = '\0';
        const cJSON *item = member(reply->root, object);
        found = find_alias(item != NULL ? item : first_row(reply->root), dot + 1);
    }
    return cJSON_IsString(found) ? found->valuestring : NULL;
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
