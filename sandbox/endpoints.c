#include "endpoints.h"
#include "msisdn.h"

#include <string.h>

static const struct endpoint endpoints[] = {
#define ENDPOINT(id, path, auth, money, help) {EP_##id, path, AUTH_##auth},
#include "pure/endpoints.def"
};

#define NEED_REQUIRED true
#define NEED_OPTIONAL false
#define NEED_EITHER false
#define SENDER_LETTERS_MAX 11
static const struct endpoint_param endpoint_params[] = {
#define PARAM(id, name, type, min, max, need, err_empty, err_bad, help)                                                \
    {EP_##id, name, TYPE_##type, min, max, NEED_##need, err_empty, err_bad},
#include "pure/endpoints.def"
};

static const struct {
    enum endpoint_id endpoint;
    const char *names;
} ways[] = {
#define WAY(id, names) {EP_##id, names},
#include "pure/endpoints.def"
};

static const struct endpoint_list lists[] = {
#define LIST(id, object, name, item) {EP_##id, object, name, item, false},
#define VALUES(id, object, name, item) {EP_##id, object, name, item, true},
#include "pure/endpoints.def"
};

static const struct {
    unsigned error;
    const char *text;
} error_texts[] = {
#define ERROR_TEXT(code, reference, advice) {code, reference},
#include "pure/endpoints.def"
};

static const struct {
    const char *path;
    enum endpoint_id id;
} aliases[] = {
#define ALIAS(id, path) {path, EP_##id},
#include "pure/endpoints.def"
};

#define PARAM_NAME_TEXT 32
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

const struct endpoint *endpoint_find(const char *path)
{
    for (size_t i = 0; i < COUNT(endpoints); i++)
        if (strcmp(endpoints[i].path, path) == 0)
            return &endpoints[i];
    for (size_t i = 0; i < COUNT(aliases); i++)
        if (strcmp(aliases[i].path, path) == 0)
            return &endpoints[aliases[i].id];
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

const struct endpoint_list *endpoint_lists(enum endpoint_id id, size_t *count)
{
    size_t first = 0;
    while (first < COUNT(lists) && lists[first].endpoint != id)
        first++;
    for (*count = 0; first + *count < COUNT(lists) && lists[first + *count].endpoint == id;)
        ++*count;
    return &lists[first];
}

/* One good number among them is enough. */
static bool has_msisdn(const char *list)
{
    struct msisdn number;
    while (*list != '\0') {
        char one[MSISDN_INPUT_TEXT];
        size_t len = strcspn(list, ",");
        text_copy(one, len + 1 < sizeof(one) ? len + 1 : sizeof(one), list);
        if (len < sizeof(one) && msisdn_parse(one, &number))
            return true;
        list += len;
        list += *list == ',';
    }
    return false;
}

static bool is_amount(const char *value, int64_t min, int64_t max)
{
    bool negative = *value == '-';
    milli amount;
    return milli_parse(value + (negative ? 1 : 0), &amount) && amount <= (negative ? -min : max) * 1000;
}

/* A number, or a few Latin characters without blanks. */
static bool is_sender(const char *value)
{
    size_t digits = strspn(value, "0123456789");
    size_t len = strlen(value);
    for (size_t i = 0; i < len; i++)
        if (value[i] <= ' ' || value[i] > '~')
            return false;
    return digits == len || len <= SENDER_LETTERS_MAX;
}

static bool value_fits(const struct endpoint_param *p, const char *value)
{
    struct msisdn number;
    int64_t ignored;
    int64_t chars = (int64_t)text_chars(value);
    switch (p->type) {
    case TYPE_NUMBER:
        return number_between(value, p->min, p->max, &ignored);
    case TYPE_AMOUNT:
        return is_amount(value, p->min, p->max);
    case TYPE_MSISDNS:
        return chars <= p->max && has_msisdn(value);
    case TYPE_BOOL:
        return strcmp(value, "true") == 0 || strcmp(value, "false") == 0 || strcmp(value, "1") == 0 ||
               strcmp(value, "0") == 0;
    case TYPE_MSISDN:
        return chars <= p->max && msisdn_parse(value, &number);
    case TYPE_SENDER:
        return chars <= p->max && is_sender(value);
    default:
        return chars >= p->min && chars <= p->max;
    }
}

static bool is_given(const struct params *params, const char *name)
{
    const char *value = params_get(params, name);
    return value != NULL && *value != '\0';
}

/* The first parameter of the way that is missing, NULL if it is complete; *begun: another of its parameters is there.
 */
static const struct endpoint_param *way_lacks(
    enum endpoint_id id, const char *names, const struct params *params, bool *begun)
{
    const struct endpoint_param *lacks = NULL;
    *begun = false;
    while (*names != '\0') {
        char name[PARAM_NAME_TEXT];
        size_t len = strcspn(names, " ");
        text_copy(name, len + 1 < sizeof(name) ? len + 1 : sizeof(name), names);
        if (is_given(params, name))
            *begun = true;
        else if (lacks == NULL)
            lacks = endpoint_param(id, name);
        names += len + (names[len] == ' ');
    }
    return lacks;
}

/* What is missing for the way that was begun, or else for the first; NULL if one is complete. */
static const struct endpoint_param *ways_lack(enum endpoint_id id, const struct params *params)
{
    const struct endpoint_param *found = NULL;
    for (size_t i = 0; i < COUNT(ways); i++) {
        bool begun;
        if (ways[i].endpoint != id)
            continue;
        const struct endpoint_param *lacks = way_lacks(id, ways[i].names, params, &begun);
        if (lacks == NULL)
            return NULL;
        if (found == NULL || begun)
            found = lacks;
    }
    return found;
}

static unsigned missing_error(const struct endpoint_param *p, const char **missing)
{
    *missing = p->name;
    return p->err_empty != 0 ? p->err_empty : ERROR_UNNAMED;
}

unsigned endpoint_check(const struct endpoint *e, const struct params *params, const char **missing)
{
    if (e->auth != AUTH_LOGIN) { /* that is a matter of credentials */
        const struct endpoint_param *lacks = ways_lack(e->id, params);
        if (lacks != NULL)
            return missing_error(lacks, missing);
    }
    for (size_t i = 0; i < COUNT(endpoint_params); i++) {
        const struct endpoint_param *p = &endpoint_params[i];
        if (p->endpoint != e->id || p->err_empty == ERROR_CREDENTIALS)
            continue;
        if (!is_given(params, p->name)) {
            if (p->required)
                return missing_error(p, missing);
        } else if (p->err_bad != 0 && !value_fits(p, params_get(params, p->name))) {
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
