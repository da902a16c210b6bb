/* HTTP and HTTPS, on one thread of libmicrohttpd's. */
#ifndef SANDBOX_SERVER_H
#define SANDBOX_SERVER_H

#include "sandbox.h"

struct server;

/* Takes the listening socket over. tls_cert and tls_key are PEM texts, or both NULL. NULL if it does not start. */
struct server *server_start(struct sandbox *box, int socket, const char *tls_cert, const char *tls_key);
/* No connection may be suspended any more: sandbox_stop() first. */
void server_stop(struct server *s);

#endif
