/*
 * The moment at which something happens, as pure code sees it. Within one boot `boot_ms` counts (CLOCK_BOOTTIME: it
 * goes on through suspend and nobody can set it); across boots only the wall clock can tell how much time went by.
 */
#ifndef SMS365_CLOCK_H
#define SMS365_CLOCK_H

#include <stdint.h>

#define SMS365_BOOT_ID_BYTES 16

struct sms365_now {
    int64_t boot_ms;                       /* milliseconds since this boot */
    int64_t wall_s;                        /* seconds since 1970 */
    uint8_t boot_id[SMS365_BOOT_ID_BYTES]; /* names this boot */
};

#endif
