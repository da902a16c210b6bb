/* The open connections: how many an address has, and for how long. */
#include "listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GROUP_BYTES 8 /* of an IPv6 address: whoever has one has its /64 */

struct listen_peer {
    struct listen_peer *before, *after;
    struct sockaddr_in6 address; /* IPv4 as ::ffff:a.b.c.d */
    int64_t until_ms;
    int fd;
    bool cut;
};

static struct sockaddr_in6 as_v6(const struct sockaddr *address)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_in v4;

    if (address->sa_family == AF_INET6) {
        memcpy(&v6, address, sizeof v6);
    } else if (address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof v4);
        memset(v6.sin6_addr.s6_addr + 10, 0xff, 2);
        memcpy(v6.sin6_addr.s6_addr + 12, &v4.sin_addr, sizeof v4.sin_addr);
    }
    return v6;
}

static bool is_same_peer(const struct sockaddr_in6 *a, const struct sockaddr_in6 *b)
{
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&a->sin6_addr);

    return memcmp(&a->sin6_addr, &b->sin6_addr, mapped ? sizeof a->sin6_addr : GROUP_BYTES) == 0;
}

int64_t listen_now_ms(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool listen_peer_may_enter(const struct listen_peers *peers, const struct sockaddr *address)
{
    const struct sockaddr_in6 wanted = as_v6(address);
    unsigned open = 0;

    /* A reverse proxy on this machine speaks for everybody. */
    if (listen_address_is_loopback(address))
        return true;
    for (const struct listen_peer *peer = peers->first; peer != NULL; peer = peer->after)
        open += is_same_peer(&wanted, &peer->address);
    return open < LISTEN_PEER_CONNECTIONS_MAX;
}

struct listen_peer *listen_peer_add(struct listen_peers *peers, const struct sockaddr *address, int fd)
{
    struct listen_peer *peer = calloc(1, sizeof *peer);

    if (peer == NULL)
        return NULL;
    peer->address = as_v6(address);
    peer->until_ms = listen_now_ms() + LISTEN_CONNECTION_MS;
    peer->fd = fd;
    peer->before = peers->last;
    *(peers->last != NULL ? &peers->last->after : &peers->first) = peer;
    peers->last = peer;
    return peer;
}

void listen_peer_remove(struct listen_peers *peers, struct listen_peer *peer)
{
    *(peer->before != NULL ? &peer->before->after : &peers->first) = peer->after;
    *(peer->after != NULL ? &peer->after->before : &peers->last) = peer->before;
    free(peer);
}

int listen_peers_expire(struct listen_peers *peers)
{
    const int64_t now_ms = listen_now_ms();

    for (struct listen_peer *peer = peers->first; peer != NULL; peer = peer->after) {
        if (peer->until_ms > now_ms)
            return (int)(peer->until_ms - now_ms);
        if (!peer->cut)
            (void)shutdown(peer->fd, SHUT_RDWR);
        peer->cut = true;
    }
    return -1;
}
