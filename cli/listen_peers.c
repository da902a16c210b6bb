/* The open connections: how many an address has, and for how long. */
#include "listen.h"

#include "edges/monotonic.h"
#include "pure/cidr.h"

#include <stdlib.h>
#include <string.h>

struct listen_peer {
    struct listen_peer *before, *after;
    char name[LISTEN_ADDRESS_SIZE]; /* as whom it is counted: sms365_cidr_peer() */
    int64_t until_ms;
    int fd;
    bool cut;
};

static void name_peer(char out[LISTEN_ADDRESS_SIZE], const struct sockaddr *address)
{
    char text[LISTEN_ADDRESS_SIZE];

    listen_address_format(text, address);
    sms365_cidr_peer(out, LISTEN_ADDRESS_SIZE, text);
}

bool listen_peer_may_enter(const struct listen_peers *peers, const struct sockaddr *address)
{
    char wanted[LISTEN_ADDRESS_SIZE];
    unsigned open = 0;

    /* A reverse proxy on this machine speaks for everybody. */
    if (listen_address_is_loopback(address))
        return true;
    name_peer(wanted, address);
    for (const struct listen_peer *peer = peers->first; peer != NULL; peer = peer->after)
        open += strcmp(wanted, peer->name) == 0;
    return open < LISTEN_PEER_CONNECTIONS_MAX;
}

struct listen_peer *listen_peer_add(struct listen_peers *peers, const struct sockaddr *address, int fd)
{
    struct listen_peer *peer = calloc(1, sizeof *peer);

    if (peer == NULL)
        return NULL;
    name_peer(peer->name, address);
    peer->until_ms = sms365_monotonic_ms() + LISTEN_CONNECTION_MS;
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
    const int64_t now_ms = sms365_monotonic_ms();

    for (struct listen_peer *peer = peers->first; peer != NULL; peer = peer->after) {
        if (peer->until_ms > now_ms)
            return (int)(peer->until_ms - now_ms);
        if (!peer->cut)
            (void)shutdown(peer->fd, SHUT_RDWR);
        peer->cut = true;
    }
    return -1;
}
