#include "endpoints.h"
#include "msisdn.h"

#include <string.h>

static const struct endpoint endpoints[] = {
#define ENDPOINT(id, path, auth, money, help) {EP_##id, path, AUTH_##auth},
#include "pure/endpoints.def"
};

#define NEED_REQUIRED true
#define NEED_OPTIONAL false
static const struct endpoint_param endpoint_params[] = {
#define PARAM(id, name, type, min, max, need, err_empty, err_bad, help)                                                \
    {EP_##id, name, TYPE_##type, min, max, NEED_##need, err_empty, err_bad},
#include "pure/endpoints.def"
};

static const struct {
    unsigned error;
    const char *text;
} error_texts[] = {
#define ERROR_TEXT(code, reference, advice) {code, reference},
#include "pure/endpoints.def"
};

/* Older paths that the reference still names. */
static const struct {
    const char *alias, *path;
} aliases[] = {
    {"balance/get", "me/balance"},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

const struct endpoint *endpoint_find(const char *path)
{
    for (size_t i = 0; i < COUNT(aliases); i++)
        if (strcmp(aliases[i].alias, path) == 0)
            path = aliases[i].path;
    for (size_t i = 0; i < COUNT(endpoints); i++)
        if (strcmp(endpoints[i].path, path) == 0)
            return &endpoints[i];
    return NULL;
}

const struct endpoint *endpoint_get(enum endpoint_id id)
{
    return &endpoints[id];
}

const struct endpoint_param *endpoint_param(enum endpoint_id id, const char *name)
{
    for (size_t i = 0; i < COUNT(endpoint_params); i++)
        if (endpoint_params[i].endpoint == id && strcmp(endpoint_params[i].name, name) == 0)
            return &endpoint_params[i];
    return NULL;
}

static bool value_fits(const struct endpoint_param *p, const char *value)
{
    struct msisdn number;
    int64_t ignored;
    int64_t chars = (int64_t)text_chars(value);
    switch (p->type) {
    case TYPE_NUMBER:
        return number_between(value, p->min, p->max, &ignored);
    case TYPE_BOOL:
        return true;
    case TYPE_MSISDN:
        return chars <= p->max && msisdn_parse(value, &number);
    default:
        return chars >= p->min && chars <= p->max;
    }
}

unsigned endpoint_check(const struct endpoint *e, const struct params *params)
{
    for (size_t i = 0; i < COUNT(endpoint_params); i++) {
        const struct endpoint_param *p = &endpoint_params[i];
        if (p->endpoint != e->id || p->err_empty == ERROR_CREDENTIALS)
            continue;
        const char *value = params_get(params, p->name);
        if (value == NULL || *value == '\0') {
            if (p->required && p->err_empty != 0)
                return p->err_empty;
        } else if (p->err_bad != 0 && !value_fits(p, value)) {
            return p->err_bad;
        }
    }
    return 0;
}

const char *endpoint_error_text(unsigned error)
{
    for (size_t i = 0; i < COUNT(error_texts); i++)
        if (error_texts[i].error == error)
            return error_texts[i].text;
    return NULL;
}
