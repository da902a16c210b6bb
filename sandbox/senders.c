#include "senders.h"

#include <stdio.h>
#include <string.h>

#define PAUSED ":paused"

bool senders_parse(struct senders *s, const char *text, char *why, size_t size)
{
    struct senders fresh = {.count = 0};
    while (*text != '\0') {
        size_t len = strcspn(text, ","), name_len = strcspn(text, ",:");
        bool paused = len - name_len == strlen(PAUSED) && strncmp(text + name_len, PAUSED, strlen(PAUSED)) == 0;
        if (fresh.count == SENDERS_MAX || name_len == 0 || name_len >= SENDER_NAME_TEXT ||
            (len != name_len && !paused)) {
            snprintf(why, size, "takes NAME or NAME:paused, %d at most, separated by commas", SENDERS_MAX);
            return false;
        }
        struct sender *one = &fresh.item[fresh.count++];
        memcpy(one->name, text, name_len);
        one->paused = paused;
        text += len;
        text += *text == ',';
    }
    *s = fresh;
    return true;
}

void senders_print(const struct senders *s, struct buf *out)
{
    for (size_t i = 0; i < s->count; i++)
        buf_print(out, "%s%s%s", i ? "," : "", s->item[i].name, s->item[i].paused ? PAUSED : "");
}

const struct sender *senders_find(const struct senders *s, const char *name)
{
    for (size_t i = 0; i < s->count; i++)
        if (name == NULL || strcmp(s->item[i].name, name) == 0)
            return &s->item[i];
    return NULL;
}
