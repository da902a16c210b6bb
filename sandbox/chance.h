/*
 * The sandbox's dice: codes, ids, keys and garbage. With a seed every run throws the same. Good enough for a test tool
 * whose secrets are toys, and for nothing else.
 */
#ifndef SANDBOX_CHANCE_H
#define SANDBOX_CHANCE_H

#include <stddef.h>
#include <stdint.h>

struct chance {
    uint64_t state;
};

void chance_seed(struct chance *c, uint64_t seed);
void chance_shuffle(struct chance *c); /* seeds from the kernel */
uint64_t chance_below(struct chance *c, uint64_t limit);
void chance_digits(struct chance *c, char *out, size_t count); /* count digits and a 0 */
void chance_hex(struct chance *c, char *out, size_t count);

#endif
