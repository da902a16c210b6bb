#include "socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h> /* glibc's struct tcp_info lacks tcpi_bytes_received, and its header hides this one */
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 511

/* States of tcpi_state in which the peer's FIN has come (Linux, include/net/tcp_states.h), or, CLOSE, is likely to. */
#define FIN_STATES                                                                                                     \
    (1U << 6 /* TIME_WAIT */ | 1U << 7 /* CLOSE */ | 1U << 8 /* CLOSE_WAIT */ | 1U << 9 /* LAST_ACK */ |               \
        1U << 11 /* CLOSING */)

static void print_address(const struct sockaddr_storage *address, char out[SOCKET_TEXT])
{
    char host[INET6_ADDRSTRLEN] = "";
    if (address->ss_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof(v6));
        inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof(host));
        snprintf(out, SOCKET_TEXT, "[%s]:%u", host, ntohs(v6.sin6_port));
    } else {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof(v4));
        inet_ntop(AF_INET, &v4.sin_addr, host, sizeof(host));
        snprintf(out, SOCKET_TEXT, "%s:%u", host, ntohs(v4.sin_port));
    }
}

int socket_listen(const struct sockaddr_storage *address, socklen_t len, char out[SOCKET_TEXT])
{
    struct sockaddr_storage got;
    socklen_t got_len = sizeof(got);
    const int on = 1, off = 0;
    print_address(address, out);
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    bool ok = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0;
    if (ok && address->ss_family == AF_INET6)
        ok = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0;
    ok = ok && bind(fd, (const struct sockaddr *)address, len) == 0 && listen(fd, BACKLOG) == 0 &&
         getsockname(fd, (struct sockaddr *)&got, &got_len) == 0;
    if (!ok) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    print_address(&got, out);
    return fd;
}

uint64_t socket_bytes(int fd)
{
    struct tcp_info tcp;
    socklen_t len = sizeof(tcp);
    memset(&tcp, 0, sizeof(tcp));
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &tcp, &len) != 0)
        return 0;
    /* The kernel counts the peer's FIN as one byte. */
    bool fin = (FIN_STATES >> tcp.tcpi_state & 1U) != 0;
    return tcp.tcpi_bytes_received - (fin && tcp.tcpi_bytes_received > 0 ? 1 : 0);
}

bool socket_is_gone(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    return poll(&p, 1, 0) == 1;
}
