/* Addresses, the listening socket, and who is told that it listens. */
#include "base/err.h"
#include "edges/process.h"
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64
#define PORT_SIZE 8

/* Split "ADDR:PORT" or "[ADDR]:PORT", and read both. False when it is neither. */
static bool address_parse(struct sockaddr_storage *out, socklen_t *length, const char *text)
{
    const struct addrinfo wanted = {
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    char host[LISTEN_ADDRESS_SIZE];
    struct addrinfo *found = NULL;
    const char *colon = strrchr(text, ':');
    const bool bracketed = text[0] == '[' && colon != NULL && colon > text && colon[-1] == ']';
    int64_t port;

    if (colon == NULL || !sms365_str_number(colon + 1, 0, 65535, &port))
        return false;
    const size_t host_length = (size_t)(colon - text) - (bracketed ? 2 : 0);
    if (host_length == 0 || host_length >= sizeof host)
        return false;
    memcpy(host, text + (bracketed ? 1 : 0), host_length);
    host[host_length] = '\0';
    if ((strchr(host, ':') != NULL) != bracketed || getaddrinfo(host, colon + 1, &wanted, &found) != 0)
        return false;
    memcpy(out, found->ai_addr, found->ai_addrlen);
    *length = found->ai_addrlen;
    freeaddrinfo(found);
    return true;
}

static const struct sockaddr_in6 *as_v6(const struct sockaddr *address)
{
    return (const void *)address;
}

void listen_address_format(char out[LISTEN_ADDRESS_SIZE], const struct sockaddr *address)
{
    const void *bytes = &as_v6(address)->sin6_addr;
    int family = AF_INET6;

    if (address->sa_family == AF_INET) {
        bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
        family = AF_INET;
    } else if (IN6_IS_ADDR_V4MAPPED(&as_v6(address)->sin6_addr)) {
        bytes = &as_v6(address)->sin6_addr.s6_addr[12];
        family = AF_INET;
    }
    if (inet_ntop(family, bytes, out, LISTEN_ADDRESS_SIZE) == NULL)
        out[0] = '\0';
}

bool listen_address_is_loopback(const struct sockaddr *address)
{
    char text[LISTEN_ADDRESS_SIZE];

    listen_address_format(text, address);
    return sms365_str_starts(text, "127.") || strcmp(text, "::1") == 0;
}

bool listen_name_is_loopback(const char *name)
{
    return sms365_str_starts(name, "127.") || sms365_str_starts(name, "[::1]");
}

static void name_format(char out[LISTEN_ADDRESS_SIZE], const struct sockaddr_storage *address)
{
    const bool v6 = address->ss_family == AF_INET6;
    char host[INET6_ADDRSTRLEN] = "";
    struct sockaddr_in v4;
    in_port_t port;

    if (v6) {
        (void)inet_ntop(AF_INET6, &as_v6((const void *)address)->sin6_addr, host, sizeof host);
        port = as_v6((const void *)address)->sin6_port;
    } else {
        memcpy(&v4, address, sizeof v4);
        (void)inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
        port = v4.sin_port;
    }
    (void)snprintf(out, LISTEN_ADDRESS_SIZE, "%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "", (unsigned)ntohs(port));
}

enum sms365_err listen_socket_open(
    int *fd, char name[LISTEN_ADDRESS_SIZE], const char *address, struct sms365_error *err)
{
    const int on = 1, off = 0;
    struct sockaddr_storage storage = {0};
    socklen_t length = 0;

    if (!address_parse(&storage, &length, address))
        return sms365_error_set(err, SMS365_BAD_ARGUMENT,
            "--listen takes a numeric address and a port, 127.0.0.1:8365 or [::1]:8365, not \"%.64s\"", address);
    const int made = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool good = made >= 0 && setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0;
    /* [::] takes IPv4 too, whatever the machine's default is. */
    if (good && storage.ss_family == AF_INET6)
        good = setsockopt(made, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0;
    good = good && bind(made, (const void *)&storage, length) == 0 && listen(made, BACKLOG) == 0 &&
           getsockname(made, (void *)&storage, &length) == 0;
    if (!good) {
        const int number = errno;
        if (made >= 0)
            (void)close(made);
        return sms365_error_set(err, SMS365_IO, "cannot listen on %s: %s", address, strerror(number));
    }
    name_format(name, &storage);
    *fd = made;
    return SMS365_OK;
}

int listen_notify_open(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    bool good;

    /* The one thing that is taken from the environment, which is hidden since the command began. */
    sms365_environment_restore();
    const char *path = getenv("NOTIFY_SOCKET");
    good = path != NULL && (path[0] == '/' || path[0] == '@') && path[1] != '\0' &&
           sms365_str_copy(address.sun_path, sizeof address.sun_path, path);
    sms365_environment_hide();
    if (!good)
        return -1;
    const socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(address.sun_path));
    if (address.sun_path[0] == '@')
        address.sun_path[0] = '\0'; /* the abstract namespace */
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const void *)&address, length) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

void listen_notify(int fd, const char *state)
{
    if (fd >= 0)
        (void)send(fd, state, strlen(state), MSG_NOSIGNAL);
}
