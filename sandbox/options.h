/* The command line. */
#ifndef SANDBOX_OPTIONS_H
#define SANDBOX_OPTIONS_H

#include "settings.h"

#include <netinet/in.h>
#include <sys/socket.h>

struct options {
    struct settings settings;
    struct sockaddr_storage listen;
    socklen_t listen_len;
    const char *tls_cert, *tls_key; /* paths, NULL: plain HTTP */
    const char *callback_ca;
    bool seeded;
    uint64_t seed;
    int ready_fd; /* -1: none */
    bool help, version;
};

/* False: a message was printed. */
bool options_parse(struct options *o, int argc, char **argv);
void options_usage(void);

#endif
