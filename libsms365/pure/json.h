/* What a JSON text must pass before a parser sees it: a lexical filter that bounds it and makes its numbers exact. */
#ifndef SMS365_JSON_H
#define SMS365_JSON_H

#include "base/str.h"

#define SMS365_JSON_DEPTH_MAX 8     /* objects and arrays within each other, the outermost counted */
#define SMS365_JSON_NUMBER_BYTES 64 /* longest number, as written and in plain decimal notation */

/*
 * Copy one JSON object from text to out, every number as a string of plain decimal digits: a parser that goes through
 * `double` would alter ids of more than 15 digits, and strtod depends on the locale. True says that the tokens are JSON
 * (RFC 8259), UTF-8, without NUL (raw or \u0000), within the depth, balanced, and that nothing follows the object;
 * their order is the parser's matter. False leaves *why pointing at a static text.
 */
bool sms365_json_filter(struct sms365_buf *out, const char *text, size_t length, const char **why);

#endif
