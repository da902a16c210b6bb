/*
 * The provider's API as data: which endpoints there are, what they take and answer (endpoints.def), the encoding of
 * requests and the decoding of replies. No I/O.
 */
#ifndef SMS365_API_H
#define SMS365_API_H

#include "base/str.h"
#include "sms365.h"

enum sms365_endpoint_id {
#define ENDPOINT(id, path, auth, money, help) SMS365_EP_##id,
#include "pure/endpoints.def"
    SMS365_EP_COUNT
};

enum sms365_api_type {
    SMS365_TYPE_TEXT,
    SMS365_TYPE_NUMBER,
    SMS365_TYPE_AMOUNT,
    SMS365_TYPE_MSISDN,
    SMS365_TYPE_MSISDNS,
    SMS365_TYPE_BOOL,
    SMS365_TYPE_URL,
    SMS365_TYPE_DATE,
    SMS365_TYPE_EMAIL,
    SMS365_TYPE_SENDER,
    SMS365_TYPE_SECRET,
    SMS365_TYPE_STATUS,
    SMS365_TYPE_TIME,
    SMS365_TYPE_OBJECT,
    SMS365_TYPE_LIST,
    SMS365_TYPE_VALUES
};
enum sms365_api_auth { SMS365_AUTH_OPEN, SMS365_AUTH_KEY, SMS365_AUTH_LOGIN };

struct sms365_api_param {
    enum sms365_endpoint_id endpoint;
    const char *name;
    enum sms365_api_type type;
    int64_t min, max;
    bool required;
    int error_empty, error_bad; /* the provider's */
};

/* Parameters that are enough together, separated by blanks: of an endpoint's ways one at least must be complete. */
struct sms365_api_way {
    enum sms365_endpoint_id endpoint;
    const char *names;
};

struct sms365_api_field {
    enum sms365_endpoint_id endpoint;
    const char *object; /* NULL at the top level; "outer.inner" for one inside another */
    const char *name;
    enum sms365_api_type type;
    const char *item; /* of a list: the name of a row where the reference draws one, or the list's own; else NULL */
};

struct sms365_endpoint {
    enum sms365_endpoint_id id;
    const char *path;
    enum sms365_api_auth auth;
    bool costs;
};

/* NULL when there is none of that path; an alias finds the endpoint that it is one of. */
const struct sms365_endpoint *sms365_endpoint_find(const char *path);
const struct sms365_endpoint *sms365_endpoint_get(enum sms365_endpoint_id id);

#define SMS365_API_FAULT_SIZE 128
#define SMS365_API_AMOUNT_DIGITS 12 /* before the point */
/* Is this a value that the parameter takes? If not, what says why, in words that fit behind its name. */
bool sms365_api_value_fits(const struct sms365_api_param *param, const char *value, char what[SMS365_API_FAULT_SIZE]);

/* All parameters, all ways, all reply fields, of all endpoints, in table order. */
const struct sms365_api_param *sms365_api_params(size_t *count);
const struct sms365_api_way *sms365_api_ways(size_t *count);
const struct sms365_api_field *sms365_api_fields(size_t *count);
/* The value that a request gives a parameter; NULL: none. */
const char *sms365_param_value(const struct sms365_param *params, size_t count, const char *name);
/* NULL when the endpoint has no such parameter. */
const struct sms365_api_param *sms365_api_param_find(enum sms365_endpoint_id id, const char *name);

/* Is this an error that the reference documents for the endpoint? Then the provider has done nothing. */
bool sms365_endpoint_refuses(enum sms365_endpoint_id id, int code);
/* What they are for, in words for a person. In an object file of their own: a login has no use for them. */
const char *sms365_endpoint_help(const struct sms365_endpoint *endpoint);
const char *sms365_api_param_help(const struct sms365_api_param *param);

/* Does this error of the endpoint say that what was asked for is so already? */
bool sms365_api_is_already(enum sms365_endpoint_id id, int code);
/* Does the endpoint answer with a list, whose length nobody knows? */
bool sms365_api_has_list(enum sms365_endpoint_id id);

/* Are its requests made without a key, so that neither they nor their replies hold a secret? */
bool sms365_api_is_open(enum sms365_endpoint_id id);

/* What the reference says of an error code, and what a person can do about it. NULL for unknown codes. Static. */
const char *sms365_api_error_text(int code);
const char *sms365_api_error_advice(int code);

/*
 * Check parameters against the table (unknown, doubled, missing, out of bounds: BAD_ARGUMENT, naming all, values never)
 * and append the form body. key (may be NULL) becomes the parameter `key` where the endpoint takes one and no username
 * stands in its place; among the parameters it is refused. `type` may be among them; json otherwise. Lengths count
 * characters. body must be secret unless the endpoint is
 * open; it is left alone on error.
 */
enum sms365_err sms365_api_encode(struct sms365_buf *body, const struct sms365_endpoint *endpoint,
    const struct sms365_param *params, size_t count, const char *key, struct sms365_error *err);

/*
 * Decode a JSON reply. OK: status 1 and error 0 (or absent), or an error that says that it is done already. REFUSED:
 * the provider's own error; *reply is set, and sms365_reply_error() tells which. BAD_REPLY: not such a reply (no JSON,
 * no object, no status, a NUL, invalid UTF-8, two members of one name, nested deeper than 8, in a success a field of
 * the table with the wrong kind of value); *reply is NULL. Scalars may come as strings or numbers, and are texts from
 * here on, numbers exactly as written but for exponents; texts are cleaned of control characters. In a success every
 * list of the table is an array under its name, in whichever shape it came; a message's status is s, d or f; its id is
 * smsId.
 */
enum sms365_err sms365_api_decode(struct sms365_reply **reply, const struct sms365_endpoint *endpoint, const char *text,
    size_t length, struct sms365_error *err);

/* The decoded reply as JSON text for programs (the API key in it only if reveal). Free with free(); NULL: no memory. */
char *sms365_reply_json(const struct sms365_reply *reply, bool reveal);

#endif
