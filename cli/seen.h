/* Texts that were seen before, 8 bytes of each: a hash under a key that nobody else knows. Two in 2^64 fall together.
 */
#ifndef SMS365_CLI_SEEN_H
#define SMS365_CLI_SEEN_H

#include "sms365.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli_seen {
    struct sms365_mac *mac;
    uint64_t *slots; /* 0: free */
    size_t size, count;
};

/* Errors: CRYPTO, NO_MEMORY. Free it also after an error. */
enum sms365_err cli_seen_init(struct cli_seen *seen, struct sms365_error *err);
void cli_seen_free(struct cli_seen *seen);

bool cli_seen_has(struct cli_seen *seen, const void *text, size_t length);
/* *fresh: it was not seen before. Errors: NO_MEMORY. */
enum sms365_err cli_seen_add(
    struct cli_seen *seen, const void *text, size_t length, bool *fresh, struct sms365_error *err);

#endif
