#include "params.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#define JOINED_MAX (128 * 1024)

static char *text_of(const char *value, size_t len)
{
    char *copy = mem_get(len + 1);
    if (len > 0)
        memcpy(copy, value, len);
    return copy;
}

void params_add(struct params *p, const char *name, const char *value, size_t len)
{
    if (p->count == PARAMS_MAX)
        return;
    p->item[p->count].name = mem_text(name);
    p->item[p->count].value = text_of(value, len);
    p->count++;
}

void params_append(struct params *p, const char *name, const char *more, size_t len)
{
    if (p->count == 0 || strcmp(p->item[p->count - 1].name, name) != 0)
        return;
    struct param *last = &p->item[p->count - 1];
    size_t had = strlen(last->value);
    last->value = mem_grow(last->value, had + len + 1);
    memcpy(last->value + had, more, len);
    last->value[had + len] = '\0';
}

const char *params_get(const struct params *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->item[i].name, name) == 0)
            return p->item[i].value;
    return NULL;
}

void params_clean(struct params *p)
{
    for (size_t i = 0; i < p->count; i++) {
        text_make_utf8(p->item[i].name);
        text_make_utf8(p->item[i].value);
    }
}

void params_free(struct params *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->item[i].name);
        free(p->item[i].value);
    }
    p->count = 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes in place, never longer; a percent sign that is no escape stands for itself. */
static size_t percent_decode(char *text, size_t len)
{
    size_t out = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i] == '+' ? ' ' : text[i];
        if (c == '%' && i + 2 < len && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
            c = (char)(hex_digit(text[i + 1]) << 4 | hex_digit(text[i + 2]));
            i += 2;
        }
        text[out++] = c;
    }
    text[out] = '\0';
    return out;
}

void params_add_form(struct params *p, const char *form, size_t len)
{
    for (const char *end = form + len; form < end;) {
        const char *stop = memchr(form, '&', (size_t)(end - form));
        size_t pair_len = (size_t)((stop != NULL ? stop : end) - form);
        char *name = text_of(form, pair_len);
        char *equals = memchr(name, '=', pair_len);
        char *value = equals != NULL ? equals + 1 : name + pair_len;
        size_t value_len = (size_t)(name + pair_len - value);
        percent_decode(name, equals != NULL ? (size_t)(equals - name) : pair_len);
        if (equals != NULL)
            value_len = percent_decode(value, value_len);
        if (*name != '\0')
            params_add(p, name, value, value_len);
        free(name);
        form += pair_len + 1;
    }
}

static void join_one(struct params *p, const char *array, size_t name_len)
{
    struct buf joined;
    char *name = text_of(array, name_len);
    if (params_get(p, name) == NULL) {
        buf_init(&joined, JOINED_MAX);
        for (size_t i = 0; i < p->count; i++) {
            if (strcmp(p->item[i].name, array) != 0)
                continue;
            buf_text(&joined, joined.len > 0 ? "," : "");
            buf_text(&joined, p->item[i].value);
        }
        params_add(p, name, joined.data, joined.len);
        buf_free(&joined);
    }
    free(name);
}

void params_join(struct params *p)
{
    const size_t given = p->count;
    for (size_t i = 0; i < given; i++) {
        size_t len = strlen(p->item[i].name);
        if (len > 2 && strcmp(p->item[i].name + len - 2, "[]") == 0)
            join_one(p, p->item[i].name, len - 2);
    }
}

static void scalar_text(const cJSON *item, struct buf *out)
{
    if (cJSON_IsString(item)) {
        buf_text(out, item->valuestring);
    } else if (cJSON_IsNumber(item) || cJSON_IsBool(item)) {
        char *text = cJSON_PrintUnformatted(item);
        buf_text(out, text);
        free(text);
    }
}

bool params_add_json(struct params *p, const char *json)
{
    cJSON *root = cJSON_Parse(json);
    bool object = cJSON_IsObject(root);
    const cJSON *item = NULL, *part = NULL;
    if (object) {
        cJSON_ArrayForEach(item, root)
        {
            struct buf value;
            buf_init(&value, strlen(json));
            scalar_text(item, &value);
            if (cJSON_IsArray(item)) {
                cJSON_ArrayForEach(part, item)
                {
                    buf_text(&value, value.len > 0 ? "," : "");
                    scalar_text(part, &value);
                }
            }
            params_add(p, item->string, value.data, value.len);
            buf_free(&value);
        }
    }
    cJSON_Delete(root);
    return object;
}
