/* Replies on the wire. */
#include "reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_TEXT 64

enum format format_parse(const char *text)
{
    if (text != NULL && strcmp(text, "xml") == 0)
        return FORMAT_XML;
    return text != NULL && strcmp(text, "v2") == 0 ? FORMAT_V2 : FORMAT_JSON;
}

const char *format_mime(enum format f)
{
    static const char *const mime[] = {
        "application/json; charset=utf-8", "text/xml; charset=utf-8", "text/plain; charset=utf-8"};
    return mime[f];
}

static void add_envelope(const struct reply *r, cJSON *out)
{
    char error[16];
    snprintf(error, sizeof(error), "%u", r->error);
    cJSON_AddStringToObject(out, "status", r->error ? "0" : "1");
    cJSON_AddStringToObject(out, "remarks", r->error ? r->remarks : "Success");
    if (r->error != ERROR_UNNAMED)
        cJSON_AddStringToObject(out, "error", error);
}

static void add_copies(cJSON *out, const cJSON *fields)
{
    const cJSON *field = NULL;
    cJSON_ArrayForEach(field, fields) cJSON_AddItemToObject(out, field->string, cJSON_Duplicate(field, true));
}

/* The reply as one JSON object, lists as arrays. */
static cJSON *reply_tree(const struct reply *r)
{
    cJSON *out = cJSON_CreateObject();
    add_envelope(r, out);
    if (r->error != 0)
        return out;
    if (r->total >= 0)
        cJSON_AddNumberToObject(out, "total", r->total);
    add_copies(out, r->fields);
    return out;
}

/* Does the endpoint answer with one list, and nothing beside it that is one? */
static const struct endpoint_list *only_list(const struct endpoint *e)
{
    size_t count;
    const struct endpoint_list *lists = endpoint_lists(e->id, &count);
    for (size_t i = 1; i < count; i++)
        if (lists[i].object == NULL)
            return NULL;
    return count > 0 && lists[0].object == NULL ? &lists[0] : NULL;
}

static void add_decimal_names(cJSON *out, cJSON *rows)
{
    for (unsigned number = 0; rows->child != NULL; number++) {
        char name[16];
        snprintf(name, sizeof(name), "%u", number);
        cJSON_AddItemToObject(out, name, cJSON_DetachItemViaPointer(rows, rows->child));
    }
    cJSON_Delete(rows);
}

static void add_wrapped(cJSON *out, const struct endpoint_list *list, cJSON *rows)
{
    if (strcmp(list->name, list->item) != 0) {
        cJSON_AddItemToObject(cJSON_AddObjectToObject(out, list->name), list->item, rows);
    } else if (cJSON_GetArraySize(rows) == 1) {
        cJSON_AddItemToObject(out, list->name, cJSON_DetachItemFromArray(rows, 0));
        cJSON_Delete(rows);
    } else {
        cJSON_AddItemToObject(out, list->name, rows);
    }
}

/* beside: rows lie beside the other fields, as the provider has been seen to put them. */
static void reshape(cJSON *object, const struct endpoint_list *list, enum shape shape, bool beside)
{
    cJSON *rows = cJSON_DetachItemFromObjectCaseSensitive(object, list->name);
    if (rows == NULL)
        return;
    if (shape == SHAPE_WRAPPED)
        add_wrapped(object, list, rows);
    else if (shape == SHAPE_ROWS && (beside || rows->child != NULL))
        add_decimal_names(beside ? object : cJSON_AddObjectToObject(object, list->name), rows);
    else
        cJSON_AddItemToObject(object, list->name, rows);
}

/* path leads from the node to the objects that have the list. */
static void reshape_below(
    cJSON *node, const char *path, const struct endpoint_list *list, enum shape shape, bool beside)
{
    cJSON *child = NULL;
    if (cJSON_IsArray(node)) {
        cJSON_ArrayForEach(child, node) reshape_below(child, path, list, shape, beside);
        return;
    }
    if (*path == '\0') {
        reshape(node, list, shape, beside);
        return;
    }
    char name[PATH_TEXT];
    size_t len = strcspn(path, ".");
    text_copy(name, len + 1 < sizeof(name) ? len + 1 : sizeof(name), path);
    child = cJSON_GetObjectItemCaseSensitive(node, name);
    if (child != NULL)
        reshape_below(child, path + len + (path[len] == '.'), list, shape, beside);
}

/* Inner lists before outer ones, whose rows are found by their arrays. */
static void reshape_all(cJSON *tree, const struct endpoint *e, enum shape shape)
{
    size_t count;
    const struct endpoint_list *lists = endpoint_lists(e->id, &count);
    const struct endpoint_list *only = only_list(e);
    while (count-- > 0)
        reshape_below(tree, lists[count].object != NULL ? lists[count].object : "", &lists[count], shape,
            shape == SHAPE_ROWS && &lists[count] == only);
}

static void spoil_types(cJSON *tree)
{
    cJSON *names = cJSON_CreateArray();
    const cJSON *field = NULL, *name = NULL;
    cJSON_ArrayForEach(field, tree) cJSON_AddItemToArray(names, cJSON_CreateString(field->string));
    cJSON_ArrayForEach(name, names)
    {
        cJSON *old = cJSON_DetachItemFromObject(tree, name->valuestring);
        if (strcmp(name->valuestring, "status") == 0) {
            cJSON_AddTrueToObject(tree, "status");
            cJSON_Delete(old);
        } else if (cJSON_IsString(old)) {
            cJSON_AddItemToArray(cJSON_AddArrayToObject(tree, name->valuestring), old);
        } else {
            cJSON_AddItemToObject(cJSON_AddObjectToObject(tree, name->valuestring), "value", old);
        }
    }
    cJSON_Delete(names);
}

static void xml_text(const char *text, struct buf *out)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '<' || c == '>' || c == '&' || c == '"')
            buf_text(out, c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : "&quot;");
        else if (c >= ' ' || c == '\n' || c == '\t' || c == '\r') /* XML 1.0 has no way to write the others */
            buf_add(out, text, 1);
    }
}

static const struct endpoint_list *list_at(const struct endpoint *e, const char *path, const char *name)
{
    size_t count;
    const struct endpoint_list *lists = endpoint_lists(e->id, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(lists[i].object != NULL ? lists[i].object : "", path) == 0 && strcmp(lists[i].name, name) == 0)
            return &lists[i];
    return NULL;
}

static void xml_element(
    const struct endpoint *e, const char *path, const char *name, const cJSON *item, struct buf *out);

/* One element a row; around them one with the list's name, where a row has another. */
static void xml_list(const struct endpoint *e, const char *path, const char *name, const cJSON *rows, struct buf *out)
{
    const struct endpoint_list *list = list_at(e, path, name);
    const char *row_name = list != NULL ? list->item : name;
    bool around = strcmp(row_name, name) != 0;
    const cJSON *row = NULL;
    char inner[PATH_TEXT];
    snprintf(inner, sizeof(inner), "%s%s%s", path, *path ? "." : "", name);
    if (around)
        buf_print(out, "<%s>", name);
    cJSON_ArrayForEach(row, rows)
    {
        const cJSON *field = NULL;
        buf_print(out, "<%s>", row_name);
        cJSON_ArrayForEach(field, row)
            xml_element(e, inner, field->string != NULL ? field->string : "value", field, out);
        if (cJSON_IsString(row))
            xml_text(row->valuestring, out);
        buf_print(out, "</%s>", row_name);
    }
    if (around)
        buf_print(out, "</%s>", name);
}

static void xml_element(
    const struct endpoint *e, const char *path, const char *name, const cJSON *item, struct buf *out)
{
    const cJSON *child = NULL;
    char inner[PATH_TEXT];
    if (cJSON_IsArray(item)) {
        xml_list(e, path, name, item, out);
        return;
    }
    snprintf(inner, sizeof(inner), "%s%s%s", path, *path ? "." : "", name);
    buf_print(out, "<%s>", name);
    if (cJSON_IsObject(item)) {
        cJSON_ArrayForEach(child, item) xml_element(e, inner, child->string, child, out);
    } else if (cJSON_IsString(item)) {
        xml_text(item->valuestring, out);
    } else {
        char *text = cJSON_PrintUnformatted(item);
        buf_text(out, text);
        free(text);
    }
    buf_print(out, "</%s>", name);
}

static void encode_xml(const struct reply *r, const cJSON *tree, struct buf *out)
{
    const cJSON *item = NULL;
    buf_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<response>");
    cJSON_ArrayForEach(item, tree) xml_element(r->endpoint, "", item->string, item, out);
    buf_text(out, "</response>\n");
}

/* A field must not hold what separates fields. */
static void v2_leaves(const cJSON *item, struct buf *out)
{
    const cJSON *child = NULL;
    if (cJSON_IsObject(item) || cJSON_IsArray(item)) {
        cJSON_ArrayForEach(child, item) v2_leaves(child, out);
        return;
    }
    char *text = cJSON_IsString(item) ? mem_text(item->valuestring) : cJSON_PrintUnformatted(item);
    for (char *c = text; *c != '\0'; c++)
        *c = *c == '|' || *c == '\n' || *c == '\r' ? ' ' : *c;
    buf_text(out, out->len > 0 ? "|" : "");
    buf_text(out, text);
    free(text);
}

/* A list alone is its rows' fields; everything else has the status before it. */
static void encode_v2(const struct reply *r, bool wrong_types, struct buf *out)
{
    const struct endpoint_list *list = only_list(r->endpoint);
    const cJSON *rows = list != NULL ? cJSON_GetObjectItemCaseSensitive(r->fields, list->name) : NULL;
    if (r->error == 0 && rows != NULL && rows->child != NULL) {
        v2_leaves(rows, out);
        return;
    }
    if (r->error != 0) {
        char error[16] = "";
        if (r->error != ERROR_UNNAMED)
            snprintf(error, sizeof(error), "%u", r->error);
        buf_print(out, "%s|%s|%s", wrong_types ? "false" : "0", error, r->remarks);
        return;
    }
    buf_text(out, wrong_types ? "true" : "1");
    v2_leaves(r->fields, out);
}

/* Older replies call a message's id "id", and its status 1 (sent), 2 (delivered) or 3 (failed). */
static void use_older_words(cJSON *node, bool outermost)
{
    static const char letters[] = "sdf";
    cJSON *id = cJSON_GetObjectItemCaseSensitive(node, "smsId");
    cJSON *child = NULL;
    if (id != NULL && !cJSON_HasObjectItem(node, "id"))
        cJSON_AddItemToObject(node, "id", cJSON_DetachItemViaPointer(node, id));
    cJSON_ArrayForEach(child, node)
    {
        const bool status = child->string != NULL && cJSON_IsString(child) && !outermost &&
                            strcmp(child->string, "status") == 0 && strlen(child->valuestring) == 1;
        const char *letter = status ? strchr(letters, child->valuestring[0]) : NULL;
        if (letter != NULL)
            child->valuestring[0] = (char)('1' + (letter - letters));
        use_older_words(child, false);
    }
}

void reply_encode(
    const struct reply *r, enum format f, const struct settings *settings, bool wrong_types, struct buf *out)
{
    if (f == FORMAT_V2) {
        encode_v2(r, wrong_types, out);
        return;
    }
    cJSON *tree = reply_tree(r);
    if (settings->older)
        use_older_words(tree, true);
    if (f == FORMAT_JSON && r->error == 0)
        reshape_all(tree, r->endpoint, settings->shape);
    if (wrong_types)
        spoil_types(tree);
    if (f == FORMAT_XML) {
        encode_xml(r, tree, out);
    } else {
        char *text = cJSON_PrintUnformatted(tree);
        buf_text(out, text);
        free(text);
    }
    cJSON_Delete(tree);
}
