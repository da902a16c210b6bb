#include "edges/resolve.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <resolv.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct lookup {
    const char *host;
    int64_t timeout_ms;
    struct addrinfo *found;
    int status; /* getaddrinfo's */
    int fault;  /* errno with it */
};

/*
 * What the C library read from /etc/resolv.conf, for one name that is complete: names of a search list would each be
 * asked for in turn, and cost this patience once more. A lookup must not read the file again either, which would undo
 * what was set here. Names without a dot are still found in /etc/hosts.
 *
 * One round asks each name server once, for about `retrans` seconds each; two rounds where there is time for them,
 * since a datagram may be lost.
 */
static void shorten_patience(int64_t timeout_ms)
{
    const int64_t seconds = timeout_ms / 1000;
    const int64_t servers = _res.nscount > 0 ? _res.nscount : 1;
    const int64_t rounds = seconds >= 2 * servers ? 2 : 1;
    const int64_t each = seconds / (servers * rounds);

    _res.options |= RES_NORELOAD;
    _res.options &= ~(unsigned long)(RES_DNSRCH | RES_DEFNAMES);
    _res.retry = (int)rounds;
    _res.retrans = each > 0 ? (int)each : 1;
}

static void *lookup_run(void *argument)
{
    struct lookup *lookup = argument;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

    if (res_init() == 0)
        shorten_patience(lookup->timeout_ms);
    errno = 0;
    lookup->status = getaddrinfo(lookup->host, NULL, &hints, &lookup->found);
    lookup->fault = errno;
    return NULL;
}

/* The thread inherits the mask it is created under. */
static int run_with_signals_blocked(struct lookup *lookup)
{
    sigset_t all, before;
    pthread_t thread;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    const int fault = pthread_create(&thread, NULL, lookup_run, lookup);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return fault != 0 ? fault : pthread_join(thread, NULL);
}

/* A resolver that gets no descriptor says "try again"; that is our trouble, not the network's. */
static bool has_descriptors(void)
{
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
    (void)close(fd);
    return true;
}

static enum sms365_err lookup_error(const struct lookup *lookup, struct sms365_error *err)
{
    const char *why = lookup->status == EAI_SYSTEM ? strerror(lookup->fault) : gai_strerror(lookup->status);

    if (lookup->status == EAI_MEMORY)
        return sms365_error_set(err, SMS365_NO_MEMORY, "the host %s cannot be resolved: %s", lookup->host, why);
    if (!has_descriptors())
        return sms365_error_set(
            err, SMS365_IO, "the host %s cannot be resolved: no descriptor to be had", lookup->host);
    return sms365_error_set(err, SMS365_UNREACHABLE,
        "the host %s cannot be resolved: %s; is it spelled right, and does /etc/resolv.conf name a server that "
        "answers?",
        lookup->host, why);
}

static void add_address(struct sms365_buf *addresses, const struct addrinfo *item, bool first)
{
    char text[INET6_ADDRSTRLEN];
    const bool six = item->ai_family == AF_INET6;
    const void *address = six ? (const void *)&((const struct sockaddr_in6 *)(const void *)item->ai_addr)->sin6_addr
                              : (const void *)&((const struct sockaddr_in *)(const void *)item->ai_addr)->sin_addr;

    if (inet_ntop(item->ai_family, address, text, sizeof text) != NULL)
        sms365_buf_printf(addresses, six ? "%s[%s]" : "%s%s", first ? "" : ",", text);
}

enum sms365_err sms365_resolve(
    struct sms365_buf *addresses, const char *host, int64_t timeout_ms, struct sms365_error *err)
{
    struct lookup lookup = {.host = host, .timeout_ms = timeout_ms};
    const int fault = run_with_signals_blocked(&lookup);
    size_t count = 0;

    if (fault != 0)
        return sms365_error_set(
            err, SMS365_IO, "the host %s cannot be resolved: no thread to be had: %s", host, strerror(fault));
    if (lookup.status != 0)
        return lookup_error(&lookup, err);
    for (const struct addrinfo *item = lookup.found; item != NULL && count < SMS365_RESOLVE_MAX; item = item->ai_next)
        if (item->ai_family == AF_INET || item->ai_family == AF_INET6)
            add_address(addresses, item, count++ == 0);
    freeaddrinfo(lookup.found);
    if (addresses->failed)
        return sms365_error_set(err, SMS365_NO_MEMORY, "no memory for the addresses of %s", host);
    if (count == 0)
        return sms365_error_set(err, SMS365_UNREACHABLE, "the host %s has no IPv4 or IPv6 address", host);
    return SMS365_OK;
}
