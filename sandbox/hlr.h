/*
 * What the networks' registers say of numbers that are not where their digits say:
 *
 *   NUMBER:MCC:MNC:yes|no   its present network, and whether it was ported
 *   NUMBER:none             no register knows it
 */
#ifndef SANDBOX_HLR_H
#define SANDBOX_HLR_H

#include "msisdn.h"

#define HLR_MAX 128

struct hlr {
    struct hlr_entry {
        char number[MSISDN_TEXT]; /* international */
        char mcc[4], mnc[4];      /* mcc empty: no register knows the number */
        bool ported;
    } item[HLR_MAX];
    size_t count;
};

bool hlr_parse(struct hlr *h, const char *text, char *why, size_t size);
void hlr_print(const struct hlr *h, struct buf *out);
/* NULL: the number is where its digits say. */
const struct hlr_entry *hlr_find(const struct hlr *h, const char *number);

#endif
