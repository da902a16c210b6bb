/* Address ranges, IPv4 and IPv6. An IPv4 address that came in over an IPv6 socket counts as IPv4. */
#ifndef SANDBOX_WHITELIST_H
#define SANDBOX_WHITELIST_H

#include "base.h"

#include <sys/socket.h>

#define WHITELIST_MAX 64

struct whitelist {
    struct range {
        unsigned char address[16];
        unsigned bits; /* of the 128 of an IPv6 address; IPv4 is kept mapped */
    } range[WHITELIST_MAX];
    size_t count;
};

/* Comma-separated addresses and CIDR ranges; empty: nobody. */
bool whitelist_parse(struct whitelist *w, const char *text, char *why, size_t size);
bool whitelist_has(const struct whitelist *w, const struct sockaddr *address);
void whitelist_print(const struct whitelist *w, struct buf *out);

/* The address as text, without port. */
#define ADDRESS_TEXT 64
void address_print(const struct sockaddr *address, char out[ADDRESS_TEXT]);

#endif
