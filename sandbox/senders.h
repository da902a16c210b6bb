/* Sender ids that Viber approved for the account: NAME[:paused], separated by commas. */
#ifndef SANDBOX_SENDERS_H
#define SANDBOX_SENDERS_H

#include "base.h"

#define SENDERS_MAX 16
#define SENDER_NAME_TEXT 29 /* Viber's 28 characters and a 0 */

struct senders {
    struct sender {
        char name[SENDER_NAME_TEXT];
        bool paused;
    } item[SENDERS_MAX];
    size_t count;
};

bool senders_parse(struct senders *s, const char *text, char *why, size_t size);
void senders_print(const struct senders *s, struct buf *out);
/* NULL: not approved. name NULL: the first. */
const struct sender *senders_find(const struct senders *s, const char *name);

#endif
