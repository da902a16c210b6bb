#include "pure/api.h"

#include "base/err.h"

#include <stdio.h>
#include <string.h>

#define MONEY_COSTS true
#define MONEY_FREE false
#define NEED_REQUIRED true
#define NEED_OPTIONAL false
#define NEED_EITHER false

static const struct sms365_endpoint endpoints[] = {
#define ENDPOINT(id, path, auth, money, help) {SMS365_EP_##id, path, SMS365_AUTH_##auth, MONEY_##money},
#include "pure/endpoints.def"
};

static const struct {
    const char *path;
    enum sms365_endpoint_id endpoint;
} aliases[] = {
#define ALIAS(id, path) {path, SMS365_EP_##id},
#include "pure/endpoints.def"
};

static const struct sms365_api_param params_table[] = {
#define PARAM(id, name, type, min, max, need, err_empty, err_bad, help)                                                \
    {SMS365_EP_##id, name, SMS365_TYPE_##type, min, max, NEED_##need, err_empty, err_bad},
#include "pure/endpoints.def"
};

static const struct sms365_api_way ways_table[] = {
#define WAY(id, names) {SMS365_EP_##id, names},
#include "pure/endpoints.def"
};

static const struct sms365_api_field fields_table[] = {
#define FIELD(id, name, type) {SMS365_EP_##id, NULL, name, SMS365_TYPE_##type, NULL},
#define SUBFIELD(id, object, name, type) {SMS365_EP_##id, object, name, SMS365_TYPE_##type, NULL},
#define LIST(id, object, name, item) {SMS365_EP_##id, object, name, SMS365_TYPE_LIST, item},
#define VALUES(id, object, name, item) {SMS365_EP_##id, object, name, SMS365_TYPE_VALUES, item},
#include "pure/endpoints.def"
};

static const struct {
    enum sms365_endpoint_id endpoint;
    int code;
} already[] = {
#define ALREADY(id, code) {SMS365_EP_##id, code},
#include "pure/endpoints.def"
};

static const struct {
    int code;
    const char *text, *advice;
} errors[] = {
#define ERROR_TEXT(code, reference, advice) {code, reference, advice},
#include "pure/endpoints.def"
};

/* Every endpoint takes it: the format of the reply. */
static const char type_name[] = "type";
static const char *const type_values[] = {"json", "xml", "v2"};

const struct sms365_endpoint *sms365_endpoint_find(const char *path)
{
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++)
        if (strcmp(endpoints[i].path, path) == 0)
            return &endpoints[i];
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcmp(aliases[i].path, path) == 0)
            return &endpoints[aliases[i].endpoint];
    return NULL;
}

const struct sms365_endpoint *sms365_endpoint_get(enum sms365_endpoint_id id)
{
    return &endpoints[id];
}

const struct sms365_api_param *sms365_api_params(size_t *count)
{
    *count = sizeof params_table / sizeof *params_table;
    return params_table;
}

const struct sms365_api_way *sms365_api_ways(size_t *count)
{
    *count = sizeof ways_table / sizeof *ways_table;
    return ways_table;
}

const struct sms365_api_field *sms365_api_fields(size_t *count)
{
    *count = sizeof fields_table / sizeof *fields_table;
    return fields_table;
}

const struct sms365_api_param *sms365_api_param_find(enum sms365_endpoint_id id, const char *name)
{
    for (size_t i = 0; i < sizeof params_table / sizeof *params_table; i++)
        if (params_table[i].endpoint == id && strcmp(params_table[i].name, name) == 0)
            return &params_table[i];
    return NULL;
}

bool sms365_endpoint_refuses(enum sms365_endpoint_id id, int code)
{
    static const struct {
        enum sms365_endpoint_id id;
        int code;
    } faults[] = {
#define FAULT(id, code) {SMS365_EP_##id, code},
#include "pure/endpoints.def"
    };

    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (faults[i].id == id && faults[i].code == code)
            return true;
    return false;
}

bool sms365_api_is_already(enum sms365_endpoint_id id, int code)
{
    for (size_t i = 0; i < sizeof already / sizeof *already; i++)
        if (already[i].endpoint == id && already[i].code == code)
            return true;
    return false;
}

bool sms365_api_has_list(enum sms365_endpoint_id id)
{
    for (size_t i = 0; i < sizeof fields_table / sizeof *fields_table; i++)
        if (fields_table[i].endpoint == id && fields_table[i].item != NULL)
            return true;
    return false;
}

bool sms365_api_is_open(enum sms365_endpoint_id id)
{
    return sms365_endpoint_get(id)->auth == SMS365_AUTH_OPEN;
}

const char *sms365_api_error_text(int code)
{
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].code == code)
            return errors[i].text;
    return NULL;
}

const char *sms365_api_error_advice(int code)
{
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (errors[i].code == code)
            return errors[i].advice;
    return NULL;
}

/* Append "; name what" for each mistake; the first goes without the separator. */
static void complain(struct sms365_buf *faults, const char *name, const char *what)
{
    sms365_buf_printf(faults, "%s%.32s %s", faults->length == 0 ? "" : "; ", name, what);
}

static void check_value(struct sms365_buf *faults, const struct sms365_api_param *param, const char *value)
{
    char what[SMS365_API_FAULT_SIZE];

    if (!sms365_api_value_fits(param, value, what))
        complain(faults, param->name, what);
}

const char *sms365_param_value(const struct sms365_param *params, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(params[i].name, name) == 0)
            return params[i].value;
    return NULL;
}

static void check_type(struct sms365_buf *faults, const char *value)
{
    for (size_t i = 0; i < sizeof type_values / sizeof *type_values; i++)
        if (strcmp(type_values[i], value) == 0)
            return;
    complain(faults, type_name, "is none of json, xml, v2");
}

static void check_given(
    struct sms365_buf *faults, const struct sms365_endpoint *endpoint, const struct sms365_param *params, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct sms365_api_param *known = sms365_api_param_find(endpoint->id, params[i].name);
        if (params[i].value == NULL)
            complain(faults, params[i].name, "has no value");
        else if (sms365_param_value(params, i, params[i].name) != NULL)
            complain(faults, params[i].name, "is given twice");
        else if (strcmp(params[i].name, "key") == 0)
            complain(faults, "key", "comes from the key store only");
        else if (strcmp(params[i].name, type_name) == 0)
            check_type(faults, params[i].value);
        else if (known == NULL)
            complain(faults, params[i].name, "is not a parameter of this endpoint");
        else
            check_value(faults, known, params[i].value);
    }
}

static bool param_goes(const struct sms365_param *params, size_t count, const char *name, bool key_goes)
{
    return strcmp(name, "key") == 0 ? key_goes : sms365_param_value(params, count, name) != NULL;
}

/* Is this way complete? Adds it to what is said if none is. */
static bool way_is_taken(const struct sms365_api_way *way, const struct sms365_param *params, size_t count,
    bool key_goes, struct sms365_buf *said)
{
    bool complete = true;
    const char *name = way->names;

    sms365_buf_puts(said, said->length == 0 ? "" : " or ");
    while (*name != '\0') {
        char one[32];
        const size_t length = strcspn(name, " ");
        (void)snprintf(one, sizeof one, "%.*s", (int)length, name);
        complete = complete && param_goes(params, count, one, key_goes);
        sms365_buf_printf(said, "%s%s", name == way->names ? "" : " and ", one);
        name += length + (name[length] == ' ' ? 1 : 0);
    }
    return complete;
}

static void check_ways(struct sms365_buf *faults, const struct sms365_endpoint *endpoint,
    const struct sms365_param *params, size_t count, bool key_goes)
{
    struct sms365_buf said;
    bool taken = true;

    sms365_buf_init(&said, 256);
    for (size_t i = 0; i < sizeof ways_table / sizeof *ways_table; i++)
        if (ways_table[i].endpoint == endpoint->id) {
            taken = way_is_taken(&ways_table[i], params, count, key_goes, &said);
            if (taken)
                break;
        }
    if (!taken)
        sms365_buf_printf(faults, "%s%s is missing", faults->length == 0 ? "" : "; ", sms365_buf_text(&said));
    sms365_buf_free(&said);
}

static void check_missing(struct sms365_buf *faults, const struct sms365_endpoint *endpoint,
    const struct sms365_param *params, size_t count, bool key_goes)
{
    for (size_t i = 0; i < sizeof params_table / sizeof *params_table; i++) {
        const struct sms365_api_param *param = &params_table[i];
        if (param->endpoint == endpoint->id && param->required && !param_goes(params, count, param->name, key_goes))
            complain(faults, param->name, "is missing");
    }
    check_ways(faults, endpoint, params, count, key_goes);
}

static void add_pair(struct sms365_buf *body, const char *name, const char *value, bool first)
{
    if (!first)
        sms365_buf_puts(body, "&");
    sms365_buf_add_form(body, name, strlen(name));
    sms365_buf_puts(body, "=");
    sms365_buf_add_form(body, value, strlen(value));
}

enum sms365_err sms365_api_encode(struct sms365_buf *body, const struct sms365_endpoint *endpoint,
    const struct sms365_param *params, size_t count, const char *key, struct sms365_error *err)
{
    const size_t start = body->length;
    const struct sms365_api_param *key_param = sms365_api_param_find(endpoint->id, "key");
    const bool login = endpoint->auth == SMS365_AUTH_LOGIN && sms365_param_value(params, count, "username") != NULL;
    const bool key_goes = key != NULL && key_param != NULL && !login;
    struct sms365_buf faults;

    sms365_buf_init(&faults, sizeof err->text);
    check_given(&faults, endpoint, params, count);
    check_missing(&faults, endpoint, params, count, key_goes);
    if (key_goes)
        check_value(&faults, key_param, key);
    if (!body->secret && !sms365_api_is_open(endpoint->id))
        complain(&faults, "body", "must be secret");
    if (faults.length > 0 || faults.failed) {
        sms365_error_set(err, SMS365_BAD_ARGUMENT, "%s: %s", endpoint->path, sms365_buf_text(&faults));
        sms365_buf_free(&faults);
        return SMS365_BAD_ARGUMENT;
    }
    sms365_buf_free(&faults);
    if (key_goes)
        add_pair(body, "key", key, body->length == start);
    for (size_t i = 0; i < count; i++)
        add_pair(body, params[i].name, params[i].value, body->length == start);
    if (sms365_param_value(params, count, type_name) == NULL)
        add_pair(body, type_name, type_values[0], body->length == start);
    if (!body->failed)
        return SMS365_OK;
    if (body->data != NULL)
        body->data[start] = '\0';
    body->length = start;
    return sms365_error_set(err, SMS365_NO_MEMORY, "%s: no room for the request", endpoint->path);
}
