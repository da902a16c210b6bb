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

struct reply {
    unsigned error; /* 0: success */
    const char *remarks;
    char words[64]; /* remarks of its own */
    cJSON *fields;
    unsigned total; /* sent beside the fields if it is not 0; a list counts itself */
    cJSON *rows;    /* of a list; NULL: the reply has none */
    const char *plural,
        *item; /* the list's name, and that of a row; plural NULL: the reference gives a list one name */
};

void reply_init(struct reply *r);
void reply_free(struct reply *r);
void reply_text(struct reply *r, const char *name, const char *value);
void reply_amount(struct reply *r, const char *name, milli amount);
cJSON *reply_object(struct reply *r, const char *name);
void reply_list(struct reply *r, const char *plural, const char *item);
cJSON *reply_row(struct reply *r);

enum format format_parse(const char *text); /* NULL and unknown: json, as the reference's default */
const char *format_mime(enum format f);

/* wrong_types: every scalar as something that it is not. */
void reply_encode(const struct reply *r, enum format f, enum shape shape, bool wrong_types, struct buf *out);

#endif
