/* Sockets, as far as libmicrohttpd leaves them to us. */
#ifndef SANDBOX_SOCKET_H
#define SANDBOX_SOCKET_H

#include "base.h"

#include <sys/socket.h>

#define SOCKET_TEXT 80

/* Listens there; out is the address that it got, as ADDR:PORT. -1 with errno, out being the address as asked for. */
int socket_listen(const struct sockaddr_storage *address, socklen_t len, char out[SOCKET_TEXT]);

/* How many bytes the kernel received over the connection: with TLS the handshake is part of it. */
uint64_t socket_bytes(int fd);

/* The peer has closed the connection, or at least its half. */
bool socket_is_gone(int fd);

#endif
