#include "hlr.h"

#include <stdio.h>
#include <string.h>

#define ENTRY_TEXT 48
#define ENTRY_PARTS 4

/* Two or three digits (ITU-T E.212). */
static bool take_network(char out[4], const char *text)
{
    size_t len = strlen(text);
    if (len < 2 || len > 3 || strspn(text, "0123456789") != len)
        return false;
    memcpy(out, text, len + 1);
    return true;
}

static bool entry_parse(char *text, struct hlr_entry *out)
{
    struct msisdn number;
    const char *part[ENTRY_PARTS] = {text};
    size_t count = 1;
    for (; *text != '\0'; text++) {
        if (*text != ':')
            continue;
        if (count == ENTRY_PARTS)
            return false;
        *text = '\0';
        part[count++] = text + 1;
    }
    if (!msisdn_parse(part[0], &number))
        return false;
    memcpy(out->number, number.international, sizeof(out->number));
    if (count == 2)
        return strcmp(part[1], "none") == 0;
    if (count != ENTRY_PARTS || !take_network(out->mcc, part[1]) || !take_network(out->mnc, part[2]))
        return false;
    out->ported = strcmp(part[3], "yes") == 0;
    return out->ported || strcmp(part[3], "no") == 0;
}

bool hlr_parse(struct hlr *h, const char *text, char *why, size_t size)
{
    struct hlr fresh = {.count = 0};
    while (*text != '\0') {
        char one[ENTRY_TEXT];
        size_t len = strcspn(text, ",");
        text_copy(one, len + 1 < sizeof(one) ? len + 1 : sizeof(one), text);
        if (fresh.count == HLR_MAX || len >= sizeof(one) || !entry_parse(one, &fresh.item[fresh.count])) {
            snprintf(why, size, "takes NUMBER:MCC:MNC:yes|no or NUMBER:none, %d at most, separated by commas", HLR_MAX);
            return false;
        }
        fresh.count++;
        text += len;
        text += *text == ',';
    }
    *h = fresh;
    return true;
}

void hlr_print(const struct hlr *h, struct buf *out)
{
    for (size_t i = 0; i < h->count; i++) {
        const struct hlr_entry *e = &h->item[i];
        buf_print(out, "%s%s:", i ? "," : "", e->number);
        if (e->mcc[0] == '\0')
            buf_text(out, "none");
        else
            buf_print(out, "%s:%s:%s", e->mcc, e->mnc, e->ported ? "yes" : "no");
    }
}

const struct hlr_entry *hlr_find(const struct hlr *h, const char *number)
{
    for (size_t i = 0; i < h->count; i++)
        if (strcmp(h->item[i].number, number) == 0)
            return &h->item[i];
    return NULL;
}
