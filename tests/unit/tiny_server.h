/*
 * A server of one thread for tests: on 127.0.0.1, a port of the kernel's choice, plain or TLS. It reads one request
 * after another and answers each as the script says, then counts what it saw.
 */
#ifndef TINY_SERVER_H
#define TINY_SERVER_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

enum tiny_act {
    TINY_REPLY,     /* write text; the connection stays */
    TINY_CLOSE,     /* write text (may be NULL) and close */
    TINY_RESET,     /* close with a reset */
    TINY_SILENT,    /* answer nothing; wait for the peer to close */
    TINY_REFUSE,    /* close before reading, right after accept() */
    TINY_RESET_NOW, /* reset before reading, right after accept() */
    TINY_FLOOD      /* write text, then all but its first line again and again until the peer closes */
};

struct tiny_step {
    enum tiny_act act;
    const char *text;
};

struct tiny_server {
    int fd;
    unsigned short port;
    const struct tiny_step *steps;
    size_t step_count;
    size_t step;
    SSL_CTX *tls; /* NULL: plain */
    pthread_t thread;
    int stop[2];
    /* To be read after tiny_stop(). */
    unsigned connections, requests, handshakes;
    size_t bytes; /* of requests, decrypted */
    char last[8192];
};

/* tls may be NULL. */
void tiny_start(struct tiny_server *server, SSL_CTX *tls, const struct tiny_step *steps, size_t count);
void tiny_stop(struct tiny_server *server);

/*
 * A CA of its own in dir (which is made): ca.pem, and dir/hashed/HASH.0. tiny_certificate() makes a server's context
 * with a certificate for name ("127.0.0.1" or a host), valid from and until now + the given seconds.
 */
struct tiny_ca {
    EVP_PKEY *key;
    X509 *certificate;
    char dir[256], file[300], hashed[300];
};
void tiny_ca_make(struct tiny_ca *ca, const char *dir);
SSL_CTX *tiny_certificate(const struct tiny_ca *ca, const char *name, long from_s, long until_s);
void tiny_ca_free(struct tiny_ca *ca);

#endif
