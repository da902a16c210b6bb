#include "faults.h"
#include "endpoints.h"

#include <stdio.h>
#include <string.h>

#define COUNT_MAX 1000000000
#define FAULT_TEXT 128
#define CUT_MAX (1 << 30)

static const struct {
    enum fault_kind kind;
    const char *name;
    enum { VALUE_NONE, VALUE_MAY, VALUE_MUST } takes;
    int64_t min, max, normal;
} kinds[] = {
    {FAULT_DROP_BEFORE, "drop-before", VALUE_NONE, 0, 0, 0},
    {FAULT_DROP_AFTER, "drop-after", VALUE_NONE, 0, 0, 0},
    {FAULT_DELAY, "delay", VALUE_MUST, 0, 600000, 0},
    {FAULT_HTTP500, "http500", VALUE_NONE, 0, 0, 0},
    {FAULT_TRUNCATED, "truncated", VALUE_MAY, 0, CUT_MAX, CUT_HALF},
    {FAULT_CUT, "cut", VALUE_MAY, 0, CUT_MAX, CUT_HALF},
    {FAULT_HTML, "html", VALUE_NONE, 0, 0, 0},
    {FAULT_TYPES, "types", VALUE_NONE, 0, 0, 0},
    {FAULT_HUGE, "huge", VALUE_MAY, 1, 1 << 30, 64 << 20},
    {FAULT_GARBAGE, "garbage", VALUE_NONE, 0, 0, 0},
    {FAULT_EMPTY, "empty", VALUE_NONE, 0, 0, 0},
    {FAULT_ERROR, "error", VALUE_MUST, 1, 9999, 0},
    {FAULT_ESCAPES, "escapes", VALUE_NONE, 0, 0, 0},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

const char *fault_name(enum fault_kind kind)
{
    for (size_t i = 0; i < KINDS; i++)
        if (kinds[i].kind == kind)
            return kinds[i].name;
    return NULL;
}

static bool kind_parse(struct fault *f, char *text)
{
    char *value = strchr(text, '=');
    if (value != NULL)
        *value++ = '\0';
    for (size_t i = 0; i < KINDS; i++) {
        if (strcmp(kinds[i].name, text) != 0)
            continue;
        f->kind = kinds[i].kind;
        f->value = kinds[i].normal;
        if (value == NULL)
            return kinds[i].takes != VALUE_MUST;
        return kinds[i].takes != VALUE_NONE && number_between(value, kinds[i].min, kinds[i].max, &f->value);
    }
    return false;
}

static bool option_parse(struct fault *f, const char *text)
{
    static const char skip[] = "skip=";
    if (strcmp(text, "kept") == 0) {
        f->kept = true;
        return true;
    }
    if (strncmp(text, skip, sizeof(skip) - 1) == 0)
        return number_between(text + sizeof(skip) - 1, 1, COUNT_MAX, &f->skip);
    f->counted = true;
    return number_between(text, 1, COUNT_MAX, &f->left);
}

/* Cuts the next part, up to a colon, off *rest; NULL at the end. */
static char *next_part(char **rest)
{
    char *part = *rest;
    if (part == NULL)
        return NULL;
    char *colon = strchr(part, ':');
    if (colon != NULL)
        *colon++ = '\0';
    *rest = colon;
    return part;
}

static bool fault_parse(struct fault *f, char *text, char *why, size_t size)
{
    *f = (struct fault){.kind = FAULT_NONE};
    char *endpoint = next_part(&text);
    if (strlen(endpoint) >= sizeof(f->endpoint) || (strcmp(endpoint, "*") != 0 && endpoint_find(endpoint) == NULL)) {
        snprintf(why, size, "\"%s\" is no endpoint (a path such as 2fa/send, or *)", endpoint);
        return false;
    }
    text_copy(f->endpoint, sizeof(f->endpoint), strcmp(endpoint, "*") == 0 ? endpoint : endpoint_find(endpoint)->path);
    char *kind = next_part(&text);
    if (kind == NULL || !kind_parse(f, kind)) {
        snprintf(why, size, "\"%s\" is no fault, or its value is missing, unwanted or out of bounds", kind ? kind : "");
        return false;
    }
    for (char *option = next_part(&text); option != NULL; option = next_part(&text)) {
        if (!option_parse(f, option)) {
            snprintf(why, size, "\"%s\" is no count, no skip=N and not kept", option);
            return false;
        }
    }
    return true;
}

bool faults_parse(struct faults *f, const char *spec, char *why, size_t size)
{
    struct faults fresh = {.count = 0};
    while (*spec != '\0') {
        char one[FAULT_TEXT];
        size_t len = strcspn(spec, ",");
        if (len >= sizeof(one) || fresh.count == FAULTS_MAX) {
            snprintf(why, size, len >= sizeof(one) ? "a fault is too long" : "too many faults");
            return false;
        }
        memcpy(one, spec, len);
        one[len] = '\0';
        if (!fault_parse(&fresh.item[fresh.count], one, why, size))
            return false;
        fresh.count++;
        spec += len;
        spec += *spec == ',';
    }
    *f = fresh;
    return true;
}

static bool has_value(const struct fault *f)
{
    bool cuts = f->kind == FAULT_TRUNCATED || f->kind == FAULT_CUT;
    return f->kind == FAULT_DELAY || f->kind == FAULT_HUGE || f->kind == FAULT_ERROR || (cuts && f->value != CUT_HALF);
}

void faults_print(const struct faults *f, struct buf *out)
{
    bool first = true;
    for (size_t i = 0; i < f->count; i++) {
        const struct fault *one = &f->item[i];
        if (one->counted && one->left == 0)
            continue;
        buf_print(out, "%s%s:%s", first ? "" : ",", one->endpoint, fault_name(one->kind));
        first = false;
        if (has_value(one))
            buf_print(out, "=%lld", (long long)one->value);
        if (one->kept)
            buf_text(out, ":kept");
        if (one->skip > 0)
            buf_print(out, ":skip=%lld", (long long)one->skip);
        if (one->counted)
            buf_print(out, ":%lld", (long long)one->left);
    }
}

static bool fault_fits(const struct fault *f, const char *endpoint, bool kept)
{
    if (f->kept && !kept)
        return false;
    if (f->counted && f->left == 0)
        return false;
    return strcmp(f->endpoint, "*") == 0 || strcmp(f->endpoint, endpoint) == 0;
}

struct mishap faults_take(struct faults *f, const char *endpoint, bool kept)
{
    struct mishap m = {.kind = FAULT_NONE};
    for (size_t i = 0; i < f->count; i++) {
        struct fault *one = &f->item[i];
        if (!fault_fits(one, endpoint, kept) || (one->kind != FAULT_DELAY && m.kind != FAULT_NONE))
            continue;
        if (one->skip > 0) {
            one->skip--;
            continue;
        }
        if (one->counted)
            one->left--;
        if (one->kind == FAULT_DELAY) {
            m.delay_ms += one->value;
        } else {
            m.kind = one->kind;
            m.value = one->value;
        }
    }
    return m;
}
