/* The clock for deadlines and measures within one process. */
#ifndef SMS365_MONOTONIC_H
#define SMS365_MONOTONIC_H

#include <stdint.h>
#include <time.h>

/* Microseconds of CLOCK_MONOTONIC. */
static inline int64_t sms365_monotonic_us(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Milliseconds of it. */
static inline int64_t sms365_monotonic_ms(void)
{
    return sms365_monotonic_us() / 1000;
}

#endif
