/* A list of mobile numbers, separated by commas. */
#ifndef SANDBOX_NUMBERS_H
#define SANDBOX_NUMBERS_H

#include "msisdn.h"

#define NUMBERS_MAX 256

struct numbers {
    char item[NUMBERS_MAX][MSISDN_TEXT]; /* international */
    size_t count;
};

bool numbers_parse(struct numbers *n, const char *text, char *why, size_t size);
void numbers_print(const struct numbers *n, struct buf *out);
bool numbers_have(const struct numbers *n, const char *international);

#endif
