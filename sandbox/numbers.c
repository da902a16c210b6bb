#include "numbers.h"

#include <stdio.h>
#include <string.h>

#define ENTRY_TEXT 48

bool numbers_parse(struct numbers *n, const char *text, char *why, size_t size)
{
    struct numbers fresh = {.count = 0};
    while (*text != '\0') {
        char one[ENTRY_TEXT];
        struct msisdn number;
        size_t len = strcspn(text, ",");
        text_copy(one, len + 1 < sizeof(one) ? len + 1 : sizeof(one), text);
        if (fresh.count == NUMBERS_MAX || len >= sizeof(one) || !msisdn_parse(one, &number)) {
            snprintf(why, size, "takes mobile numbers, %d at most, separated by commas", NUMBERS_MAX);
            return false;
        }
        memcpy(fresh.item[fresh.count++], number.international, MSISDN_TEXT);
        text += len;
        text += *text == ',';
    }
    *n = fresh;
    return true;
}

void numbers_print(const struct numbers *n, struct buf *out)
{
    for (size_t i = 0; i < n->count; i++)
        buf_print(out, "%s%s", i ? "," : "", n->item[i]);
}

bool numbers_have(const struct numbers *n, const char *international)
{
    for (size_t i = 0; i < n->count; i++)
        if (strcmp(n->item[i], international) == 0)
            return true;
    return false;
}
