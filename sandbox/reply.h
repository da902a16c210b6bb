/*
 * A reply of the API: its fields in the order of the reference, turned into json, xml or v2.
 *
 * json mixes texts and numbers the way the provider does: status, error and most fields are texts, total and the
 * numbers of a call are numbers.
 */
#ifndef SANDBOX_REPLY_H
#define SANDBOX_REPLY_H

#include "endpoints.h"
#include "settings.h"

#include <cjson/cJSON.h>

enum format { FORMAT_JSON, FORMAT_XML, FORMAT_V2 };

/* Lists are arrays in it; how they look on the wire is a matter of encoding. */
struct reply {
    const struct endpoint *endpoint;
    unsigned error; /* 0: success */
    const char *remarks;
    char words[64]; /* remarks of its own */
    cJSON *fields;
    int total; /* sent beside the fields unless it is negative */
};

void reply_init(struct reply *r, const struct endpoint *endpoint);
void reply_free(struct reply *r);
/* Refused with these words, where the reference names no error. */
unsigned reply_refuse(struct reply *r, const char *words);
void reply_text(struct reply *r, const char *name, const char *value);
void reply_id(struct reply *r, const char *name, uint64_t id);
void reply_amount(struct reply *r, const char *name, milli amount);
cJSON *reply_object(struct reply *r, const char *name);

/* The same within an object of the reply, or the fields themselves. */
cJSON *field_list(cJSON *object, const char *name);
cJSON *field_row(cJSON *list);
void field_id(cJSON *object, const char *name, uint64_t id);
void field_amount(cJSON *object, const char *name, milli amount);

enum format format_parse(const char *text); /* NULL and unknown: json, as the reference's default */
const char *format_mime(enum format f);

/* The settings choose the shape of lists, and older words. wrong_types: every scalar as something that it is not. */
void reply_encode(
    const struct reply *r, enum format f, const struct settings *settings, bool wrong_types, struct buf *out);

#endif
