/*
 * Host names to addresses, through the system's resolver (getaddrinfo), within a time.
 *
 * glibc's resolver takes its patience from a configuration that is cached for the whole process, and has no call that
 * can be given up. So a thread of our own asks, with its own copy of the resolver's state in which the patience is
 * shortened, and with all signals blocked: the caller's handlers never run on it. It is joined before we return.
 * Another name service than DNS (nss-resolve, nss-mdns) keeps its own patience.
 */
#ifndef SMS365_RESOLVE_H
#define SMS365_RESOLVE_H

#include "base/str.h"
#include "sms365.h"

#define SMS365_RESOLVE_MAX 8 /* most addresses that are used */

/*
 * Append the addresses of host to addresses, separated by commas, IPv6 in brackets, in getaddrinfo's order. Errors:
 * UNREACHABLE (no such host, or no answer), IO (no descriptor or thread to be had), NO_MEMORY.
 */
enum sms365_err sms365_resolve(
    struct sms365_buf *addresses, const char *host, int64_t timeout_ms, struct sms365_error *err);

#endif
