/* The provider's endpoints, their parameters and errors: libsms365/pure/endpoints.def as tables to look things up in.
 */
#ifndef SANDBOX_ENDPOINTS_H
#define SANDBOX_ENDPOINTS_H

#include "base.h"
#include "params.h"

enum endpoint_id {
#define ENDPOINT(id, path, auth, money, help) EP_##id,
#include "pure/endpoints.def"
    EP_COUNT
};

enum endpoint_auth { AUTH_KEY, AUTH_LOGIN, AUTH_OPEN };
enum param_type {
    TYPE_TEXT,
    TYPE_NUMBER,
    TYPE_AMOUNT,
    TYPE_MSISDN,
    TYPE_MSISDNS,
    TYPE_BOOL,
    TYPE_URL,
    TYPE_DATE,
    TYPE_EMAIL,
    TYPE_SENDER,
    TYPE_SECRET
};

struct endpoint {
    enum endpoint_id id;
    const char *path;
    enum endpoint_auth auth;
};

struct endpoint_param {
    enum endpoint_id endpoint;
    const char *name;
    enum param_type type;
    int64_t min, max;
    bool required; /* false also for part of a way, see endpoints.def */
    unsigned err_empty, err_bad;
};

/* A list in a reply; see endpoints.def. */
struct endpoint_list {
    enum endpoint_id endpoint;
    const char *object; /* NULL: the reply itself */
    const char *name, *item;
    bool values;
};

#define ERROR_CREDENTIALS 101
/* Refused, by an endpoint for which the reference names no error: the reply then carries none. */
#define ERROR_UNNAMED 0xffffU

/* By path, aliases too; NULL if there is none. */
const struct endpoint *endpoint_find(const char *path);
const struct endpoint *endpoint_get(enum endpoint_id id);
const struct endpoint_param *endpoint_param(enum endpoint_id id, const char *name);

/* The endpoint's lists, outer ones first. */
const struct endpoint_list *endpoint_lists(enum endpoint_id id, size_t *count);

/*
 * The first documented error of these parameters, credentials apart; 0: none. Where the reference names no error for
 * what is missing, ERROR_UNNAMED, and *missing is the parameter's name.
 */
unsigned endpoint_check(const struct endpoint *e, const struct params *params, const char **missing);

/* The reference's words for an error, NULL for one it does not have. */
const char *endpoint_error_text(unsigned error);

#endif
