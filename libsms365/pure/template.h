/*
 * Pages from templates: HTML in which values stand in double braces.
 *
 *   {{name}}                  the value, with & < > " ' written as references
 *   {{?name}} ... {{/name}}   only if there is a value (not "")
 *   {{!name}} ... {{/name}}   only if there is none
 *
 * Sections may stand in each other, but not run across each other. There is no way to put a value in unescaped.
 */
#ifndef SMS365_TEMPLATE_H
#define SMS365_TEMPLATE_H

#include "base/str.h"

#define SMS365_TEMPLATE_DEPTH 8 /* sections in each other */
#define SMS365_TEMPLATE_NAME_SIZE 48

/* The value of a name; NULL: there is no such name. */
typedef const char *sms365_template_value(void *context, const char *name);

/*
 * Append the page to out. False, with why (static, or the name of a value that there is not) and the line, for a
 * template with a mistake; out is unfinished then.
 */
bool sms365_template_render(struct sms365_buf *out, const char *text, size_t length, sms365_template_value *value,
    void *context, char why[SMS365_TEMPLATE_NAME_SIZE + 64], int *line);

/* Append text with & < > " ' written as references. */
void sms365_html_add(struct sms365_buf *out, const char *text);

#endif
