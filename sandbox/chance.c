#include "chance.h"
#include "base.h"

#include <sys/random.h>

void chance_seed(struct chance *c, uint64_t seed)
{
    c->state = seed;
}

void chance_shuffle(struct chance *c)
{
    if (getrandom(&c->state, sizeof(c->state), 0) != (ssize_t)sizeof(c->state))
        c->state = (uint64_t)clock_wall_ms() * 1000003U;
}

/* SplitMix64. */
static uint64_t chance_next(struct chance *c)
{
    c->state += 0x9e3779b97f4a7c15U;
    uint64_t z = c->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

uint64_t chance_below(struct chance *c, uint64_t limit)
{
    uint64_t fair = UINT64_MAX - UINT64_MAX % limit;
    uint64_t value;
    do
        value = chance_next(c);
    while (value >= fair);
    return value % limit;
}

static void chance_pick(struct chance *c, const char *alphabet, size_t letters, char *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = alphabet[chance_below(c, letters)];
    out[count] = '\0';
}

void chance_digits(struct chance *c, char *out, size_t count)
{
    chance_pick(c, "0123456789", 10, out, count);
}

void chance_hex(struct chance *c, char *out, size_t count)
{
    chance_pick(c, "0123456789abcdef", 16, out, count);
}
