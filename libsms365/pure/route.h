/* The ways in which a message can go: a channel and one of the user's numbers. */
#ifndef SMS365_ROUTE_H
#define SMS365_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SMS365_ROUTES_MAX 8

enum sms365_channel { SMS365_CHANNEL_SMS, SMS365_CHANNEL_VIBER, SMS365_CHANNELS };

struct sms365_route {
    uint8_t channel; /* enum sms365_channel */
    uint8_t number;  /* its place among the user's, from 0 on */
};

struct sms365_routes {
    struct sms365_route entries[SMS365_ROUTES_MAX];
    size_t count;
};

/*
 * The routes of the option `channels` (`sms viber sms:2`; blanks or commas between) for a user with so many numbers, in
 * order; those of numbers that are not there are left out. "": SMS to each number. NULL, or what is wrong. Static.
 */
const char *sms365_routes_parse(struct sms365_routes *routes, const char *channels, size_t number_count);

bool sms365_routes_use(const struct sms365_routes *routes, enum sms365_channel channel);

/* "sms" or "viber"; static. */
const char *sms365_channel_name(enum sms365_channel channel);

#endif
