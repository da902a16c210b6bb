/* Whom a call that takes several names: by number, contact or group. */
#ifndef SANDBOX_RECIPIENTS_H
#define SANDBOX_RECIPIENTS_H

#include "api.h"

struct recipients {
    struct msisdn *item;
    size_t count;
    size_t rejected; /* no mobile numbers, and those of the opt-out list */
};

/* Free it in any case. 0, or the reference's error for what names none of the account's contacts or groups. */
unsigned recipients_find(struct recipients *r, const struct call *c);
void recipients_free(struct recipients *r);

#endif
