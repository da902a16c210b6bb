#include "reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void reply_init(struct reply *r)
{
    *r = (struct reply){.fields = cJSON_CreateObject()};
}

void reply_free(struct reply *r)
{
    cJSON_Delete(r->fields);
    cJSON_Delete(r->rows);
    *r = (struct reply){.error = 0};
}

void reply_text(struct reply *r, const char *name, const char *value)
{
    cJSON_AddStringToObject(r->fields, name, value);
}

void reply_amount(struct reply *r, const char *name, milli amount)
{
    cJSON_AddNumberToObject(r->fields, name, (double)amount / 1000);
}

cJSON *reply_object(struct reply *r, const char *name)
{
    return cJSON_AddObjectToObject(r->fields, name);
}

void reply_list(struct reply *r, const char *plural, const char *item)
{
    r->rows = cJSON_CreateArray();
    r->plural = plural;
    r->item = item;
}

cJSON *reply_row(struct reply *r)
{
    cJSON *row = cJSON_CreateObject();
    cJSON_AddItemToArray(r->rows, row);
    return row;
}

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

static void add_decimal_keys(cJSON *out, const cJSON *rows)
{
    const cJSON *row = NULL;
    unsigned number = 0;
    cJSON_ArrayForEach(row, rows)
    {
        char key[16];
        snprintf(key, sizeof(key), "%u", number++);
        cJSON_AddItemToObject(out, key, cJSON_Duplicate(row, true));
    }
}

static void add_wrapped(cJSON *out, const struct reply *r)
{
    cJSON *rows = cJSON_Duplicate(r->rows, true);
    if (r->plural != NULL) {
        cJSON_AddItemToObject(cJSON_AddObjectToObject(out, r->plural), r->item, rows);
    } else if (cJSON_GetArraySize(rows) == 1) {
        cJSON_AddItemToObject(out, r->item, cJSON_DetachItemFromArray(rows, 0));
        cJSON_Delete(rows);
    } else {
        cJSON_AddItemToObject(out, r->item, rows);
    }
}

/* The reply as one JSON object, whatever it is sent as. */
static cJSON *reply_tree(const struct reply *r, enum shape shape)
{
    cJSON *out = cJSON_CreateObject();
    bool list = r->error == 0 && r->rows != NULL;
    if (list && shape == SHAPE_ROWS)
        add_decimal_keys(out, r->rows);
    add_envelope(r, out);
    if (r->error != 0)
        return out;
    if (r->total != 0)
        cJSON_AddNumberToObject(out, "total", r->total);
    add_copies(out, r->fields);
    if (list && shape == SHAPE_ARRAYS)
        cJSON_AddItemToObject(out, r->plural ? r->plural : r->item, cJSON_Duplicate(r->rows, true));
    if (list && shape == SHAPE_WRAPPED)
        add_wrapped(out, r);
    if (list)
        cJSON_AddNumberToObject(out, "total", cJSON_GetArraySize(r->rows));
    return out;
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

static void xml_element(const char *name, const cJSON *item, struct buf *out)
{
    const cJSON *child = NULL;
    buf_print(out, "<%s>", name);
    if (cJSON_IsObject(item) || cJSON_IsArray(item)) {
        cJSON_ArrayForEach(child, item) xml_element(child->string != NULL ? child->string : "value", child, out);
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
    cJSON_ArrayForEach(item, tree)
    {
        bool row = item->string[0] >= '0' && item->string[0] <= '9';
        xml_element(row ? r->item : item->string, item, out);
    }
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

static void encode_v2(const struct reply *r, bool wrong_types, struct buf *out)
{
    if (r->error == 0 && r->rows != NULL) {
        v2_leaves(r->rows, out);
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

void reply_encode(const struct reply *r, enum format f, enum shape shape, bool wrong_types, struct buf *out)
{
    if (f == FORMAT_V2) {
        encode_v2(r, wrong_types, out);
        return;
    }
    cJSON *tree = reply_tree(r, f == FORMAT_XML ? SHAPE_ROWS : shape);
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
