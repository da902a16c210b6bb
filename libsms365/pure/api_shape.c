#include "pure/api_shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 64 /* of an object's name with those around it */

struct shaping {
    const struct sms365_api_field *fields; /* of the endpoint */
    size_t count;
    const char *fault;
    bool no_memory;
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

static cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static bool has_rows(const cJSON *object)
{
    const cJSON *child;

    cJSON_ArrayForEach(child, object) if (!is_row_name(child->string)) return false;
    return true;
}

/* An array of that one item, which is the array's from now on, also on failure. */
static cJSON *array_of(cJSON *item)
{
    cJSON *array = cJSON_CreateArray();

    if (array == NULL)
        cJSON_Delete(item);
    else
        (void)cJSON_AddItemToArray(array, item);
    return array;
}

/* The rows that lie beside the other fields of the reply. */
static cJSON *rows_beside(cJSON *root)
{
    cJSON *array = cJSON_CreateArray();
    cJSON *next;

    for (cJSON *child = array == NULL ? NULL : root->child; child != NULL; child = next) {
        next = child->next;
        if (is_row_name(child->string))
            (void)cJSON_AddItemToArray(array, cJSON_DetachItemViaPointer(root, child));
    }
    return array;
}

/* Do rows of this list have a field of the name that a row has? */
static bool has_namesake(const struct shaping *shaping, const struct sms365_api_field *list)
{
    for (size_t i = 0; i < shaping->count; i++) {
        const char *object = shaping->fields[i].object;
        if (object != NULL && strcmp(object, list->name) == 0 && strcmp(shaping->fields[i].name, list->item) == 0)
            return true;
    }
    return false;
}

/* {"contact": [...]} is its own contents. namesake: it may be a row that has a field of that name. */
static cJSON *unwrap(cJSON *value, const char *item, bool namesake)
{
    cJSON *inner = cJSON_IsObject(value) ? member(value, item) : NULL;

    if (inner == NULL || value->child->next != NULL || (namesake && !is_container(inner)))
        return value;
    (void)cJSON_DetachItemViaPointer(value, inner);
    cJSON_Delete(value);
    return inner;
}

/* value is taken over. NULL: no memory. */
static cJSON *rows_of(cJSON *value, const char *item, bool namesake)
{
    value = unwrap(value, item, namesake);
    if (cJSON_IsArray(value))
        return value;
    if (!cJSON_IsObject(value) || !has_rows(value))
        return array_of(value);
    value->type = (value->type & ~0xff) | cJSON_Array; /* the names of its members stay, and mean nothing */
    return value;
}

/* Each row of [{"contact": {...}}, ...] is what it holds. */
static void unwrap_rows(cJSON *array, const char *item)
{
    cJSON *next;

    for (cJSON *row = array->child; row != NULL; row = next) {
        next = row->next;
        cJSON *inner = cJSON_IsObject(row) ? member(row, item) : NULL;
        if (inner == NULL || row->child->next != NULL || !cJSON_IsObject(inner))
            continue;
        (void)cJSON_DetachItemViaPointer(row, inner);
        (void)cJSON_ReplaceItemViaPointer(array, row, inner);
    }
}

/* A name of our own for what is in the object; false: no memory. value is taken over. */
static bool put(struct shaping *shaping, cJSON *object, const char *name, cJSON *value)
{
    if (value != NULL && cJSON_AddItemToObject(object, name, value))
        return true;
    cJSON_Delete(value);
    shaping->no_memory = true;
    return false;
}

/* The list, as an array within the object; NULL: no memory. */
static cJSON *list_of(struct shaping *shaping, cJSON *object, const struct sms365_api_field *list)
{
    const bool values = list->type == SMS365_TYPE_VALUES;
    cJSON *found = member(object, list->name);

    if (found == NULL && is_container(member(object, list->item)))
        found = member(object, list->item);
    if (found != NULL)
        found = rows_of(cJSON_DetachItemViaPointer(object, found), list->item, has_namesake(shaping, list));
    else
        found = list->object == NULL && !values ? rows_beside(object) : cJSON_CreateArray();
    if (!put(shaping, object, list->name, found))
        return NULL;
    if (!values)
        unwrap_rows(found, list->item);
    return found;
}

/* Older replies have digits: sent, delivered, failed. */
static void modernise(char *status)
{
    static const char letters[] = "sdf";

    if (status[0] >= '1' && status[0] <= '3' && status[1] == '\0')
        status[0] = letters[status[0] - '1'];
}

static bool scalar_fits(cJSON *item, enum sms365_api_type type)
{
    if (!cJSON_IsString(item))
        return false;
    if (type == SMS365_TYPE_STATUS)
        modernise(item->valuestring);
    return type != SMS365_TYPE_NUMBER || sms365_str_is_decimal(item->valuestring);
}

static bool shape_object(struct shaping *shaping, cJSON *object, const char *path);

/* Rows of a list, or an object: everything in it has to fit. */
static bool shape_rows(struct shaping *shaping, cJSON *first, const struct sms365_api_field *field)
{
    char path[PATH_SIZE];

    (void)snprintf(path, sizeof path, "%s%s%s", field->object == NULL ? "" : field->object,
        field->object == NULL ? "" : ".", field->name);
    for (cJSON *row = first; row != NULL; row = row->next) {
        const bool fits = field->type == SMS365_TYPE_VALUES ? scalar_fits(row, SMS365_TYPE_TEXT) : cJSON_IsObject(row);
        if (!fits) {
            shaping->fault = field->name;
            return false;
        }
        if (field->type != SMS365_TYPE_VALUES && !shape_object(shaping, row, path))
            return false;
    }
    return true;
}

/* An object may have come the way lists do; of several rows all are kept. */
static bool shape_inner(struct shaping *shaping, cJSON *object, const struct sms365_api_field *field)
{
    cJSON *found = member(object, field->name);
    cJSON *rows;

    if (found == NULL && field->object == NULL) {
        rows = rows_beside(object);
        if (rows != NULL && rows->child == NULL) {
            cJSON_Delete(rows);
            return true;
        }
    } else if (found == NULL) {
        return true;
    } else {
        rows = rows_of(cJSON_DetachItemViaPointer(object, found), field->name, false);
    }
    if (rows != NULL && rows->child != NULL && rows->child->next == NULL) {
        cJSON *only = cJSON_DetachItemViaPointer(rows, rows->child);
        cJSON_Delete(rows);
        return put(shaping, object, field->name, only) && shape_rows(shaping, only, field);
    }
    return put(shaping, object, field->name, rows) && shape_rows(shaping, rows->child, field);
}

/* Some replies call a message's id "id". */
static bool shape_scalar(struct shaping *shaping, cJSON *object, const struct sms365_api_field *field)
{
    cJSON *found = member(object, field->name);

    if (found == NULL && strcmp(field->name, "smsId") == 0 && cJSON_IsString(member(object, "id"))) {
        cJSON *id = cJSON_DetachItemViaPointer(object, member(object, "id"));
        return put(shaping, object, field->name, id);
    }
    if (found == NULL || scalar_fits(found, field->type))
        return true;
    shaping->fault = field->name;
    return false;
}

static bool shape_object(struct shaping *shaping, cJSON *object, const char *path)
{
    for (size_t i = 0; i < shaping->count; i++) {
        const struct sms365_api_field *field = &shaping->fields[i];
        bool good;
        if (strcmp(field->object == NULL ? "" : field->object, path) != 0)
            continue;
        if (field->item != NULL) {
            const cJSON *list = list_of(shaping, object, field);
            good = list != NULL && shape_rows(shaping, list->child, field);
        } else if (field->type == SMS365_TYPE_OBJECT) {
            good = shape_inner(shaping, object, field);
        } else {
            good = shape_scalar(shaping, object, field);
        }
        if (!good)
            return false;
    }
    return true;
}

enum sms365_err sms365_api_shape(cJSON *root, const struct sms365_endpoint *endpoint, const char **fault)
{
    struct shaping shaping = {.count = 0};
    size_t left;

    /* Those of one endpoint stand together. */
    shaping.fields = sms365_api_fields(&left);
    for (; left > 0 && shaping.fields->endpoint != endpoint->id; left--)
        shaping.fields++;
    while (shaping.count < left && shaping.fields[shaping.count].endpoint == endpoint->id)
        shaping.count++;
    const bool good = shape_object(&shaping, root, "");
    *fault = shaping.fault;
    return good ? SMS365_OK : shaping.no_memory ? SMS365_NO_MEMORY : SMS365_BAD_REPLY;
}
