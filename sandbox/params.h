/* The named values of a request, in the order they came. Bounded in number; the body's cap bounds their size. */
#ifndef SANDBOX_PARAMS_H
#define SANDBOX_PARAMS_H

#include "base.h"

#define PARAMS_MAX 512

struct params {
    struct param {
        char *name, *value;
    } item[PARAMS_MAX];
    size_t count;
};

void params_add(struct params *p, const char *name, const char *value, size_t len);
/* Continues the last value, if it is that of this name. */
void params_append(struct params *p, const char *name, const char *more, size_t len);
/* The first value of that name, NULL if there is none. */
const char *params_get(const struct params *p, const char *name);
void params_clean(struct params *p); /* makes everything UTF-8 */
void params_free(struct params *p);

/* Adds the fields of an urlencoded form. */
void params_add_form(struct params *p, const char *form, size_t len);

/* PHP's way of sending several values: name[]=a, name[]=b become name=a,b unless there is such a name. */
void params_join(struct params *p);

/* Adds every member of a JSON object: texts, numbers, booleans, and arrays of these joined by commas. */
bool params_add_json(struct params *p, const char *json);

#endif
