/* Address ranges, IPv4 and IPv6, as the whitelist of a key has them. */
#ifndef SMS365_CIDR_H
#define SMS365_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SMS365_CIDR_MAX 64 /* most entries of one list */

struct sms365_cidr {
    uint8_t address[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint8_t bits;        /* of the 128; 0 with `any` */
};

struct sms365_cidr_list {
    struct sms365_cidr entries[SMS365_CIDR_MAX];
    size_t count;
};

/* "192.0.2.1", "192.0.2.0/24", "2001:db8::/32", "any" (both families). Host bits set beyond the mask are refused,
 * and so is a mask of 0 bits: what matches everything is written `any`. */
bool sms365_cidr_parse(struct sms365_cidr *cidr, const char *text);

/* Entries separated by blanks or commas. False when one is bad (*bad, if given, then points to where it
 * begins in text), when there are too many, or when there is none. *list is set on success alone. */
bool sms365_cidr_list_parse(struct sms365_cidr_list *list, const char *text, const char **bad);

/* A numeric IPv4 or IPv6 address, and nothing but one: a name, a range or an address with a scope is none. */
bool sms365_cidr_is_address(const char *text);

/* A numeric address against the list; an IPv4-mapped IPv6 address counts as IPv4, a scope ("%eth0") is ignored. Text
 * that is no address matches nothing. index (may be NULL) gets the entry that matched. */
bool sms365_cidr_list_match(const struct sms365_cidr_list *list, const char *address, size_t *index);

/* Whether networks (a list as text; "": none) have the remote host: a numeric address, and no loopback one. */
bool sms365_cidr_trusts(const char *networks, const char *host);

/*
 * Whom a remote host is counted as: an IPv6 address as its /64 (whoever has one address of it has them all), an
 * IPv4-mapped one as the IPv4 address, anything else as itself. Cut to what fits; out is never the same as host.
 */
void sms365_cidr_peer(char *out, size_t size, const char *host);

/* The entry as text; out has room for 64 bytes. */
void sms365_cidr_format(char out[64], const struct sms365_cidr *cidr);

#endif
