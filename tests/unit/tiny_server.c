#include "tiny_server.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct peer {
    int fd;
    SSL *tls;
};

static ssize_t peer_read(const struct peer *peer, char *data, size_t size)
{
    return peer->tls != NULL ? SSL_read(peer->tls, data, (int)size) : recv(peer->fd, data, size, 0);
}

static bool peer_write(const struct peer *peer, const char *text)
{
    const size_t length = strlen(text);

    if (peer->tls != NULL)
        return SSL_write(peer->tls, text, (int)length) == (int)length;
    for (size_t done = 0; done < length;) {
        const ssize_t sent = send(peer->fd, text + done, length - done, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        done += (size_t)sent;
    }
    return true;
}

/* Read a whole request into server->last. */
static bool read_request(struct tiny_server *server, const struct peer *peer)
{
    size_t used = 0;

    while (used < sizeof server->last - 1) {
        const ssize_t got = peer_read(peer, server->last + used, sizeof server->last - 1 - used);
        if (got <= 0)
            return false;
        used += (size_t)got;
        server->bytes += (size_t)got;
        server->last[used] = '\0';
        const char *body = strstr(server->last, "\r\n\r\n");
        const char *length = strcasestr(server->last, "\r\nContent-Length:");
        if (body != NULL && length != NULL && strlen(body + 4) >= strtoul(length + 17, NULL, 10))
            return true;
    }
    return false;
}

static void reset_on_close(int fd)
{
    const struct linger now = {.l_onoff = 1};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* The next step of the script; the last one goes on for ever. */
static const struct tiny_step *next_step(struct tiny_server *server)
{
    const struct tiny_step *step = &server->steps[server->step];

    if (server->step + 1 < server->step_count)
        server->step++;
    return step;
}

/* One answer; false when the connection is to be closed. */
static bool answer(struct tiny_server *server, const struct peer *peer)
{
    const struct tiny_step *step = next_step(server);
    char byte;

    if (step->text != NULL && !peer_write(peer, step->text))
        return false;
    while (step->act == TINY_FLOOD && peer_write(peer, strstr(step->text, "\r\n") + 2))
        continue;
    if (step->act == TINY_SILENT)
        while (peer_read(peer, &byte, 1) > 0)
            continue;
    if (step->act == TINY_RESET)
        reset_on_close(peer->fd);
    return step->act == TINY_REPLY;
}

static void serve(struct tiny_server *server, int fd)
{
    const enum tiny_act act = server->steps[server->step].act;
    struct peer peer = {.fd = fd};

    if (act == TINY_REFUSE || act == TINY_RESET_NOW) {
        (void)next_step(server);
        if (act == TINY_RESET_NOW)
            reset_on_close(fd);
        return;
    }
    if (server->tls != NULL) {
        peer.tls = SSL_new(server->tls);
        (void)SSL_set_fd(peer.tls, fd);
        if (SSL_accept(peer.tls) == 1)
            server->handshakes++;
    }
    if (peer.tls == NULL || SSL_is_init_finished(peer.tls)) {
        while (read_request(server, &peer)) {
            server->requests++;
            if (!answer(server, &peer))
                break;
        }
    }
    if (peer.tls != NULL) {
        (void)SSL_shutdown(peer.tls);
        SSL_free(peer.tls);
    }
}

static void *server_run(void *context)
{
    struct tiny_server *server = context;
    struct pollfd wait[2] = {{.fd = server->fd, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};

    for (;;) {
        (void)poll(wait, 2, -1);
        if (wait[0].revents != 0) {
            const int fd = accept(server->fd, NULL, NULL);
            server->connections++;
            serve(server, fd);
            (void)close(fd);
        } else if (wait[1].revents != 0) {
            return NULL;
        }
    }
}

void tiny_start(struct tiny_server *server, SSL_CTX *tls, const struct tiny_step *steps, size_t count)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    sigset_t all, before;

    *server = (struct tiny_server){.steps = steps, .step_count = count, .tls = tls};
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server->fd, 8), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &length), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pipe(server->stop), 0);
    /* Signals are the tested thread's. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    assert_int_equal(pthread_create(&server->thread, NULL, server_run, server), 0);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void tiny_stop(struct tiny_server *server)
{
    assert_int_equal(write(server->stop[1], "x", 1), 1);
    assert_int_equal(pthread_join(server->thread, NULL), 0);
    (void)close(server->stop[0]);
    (void)close(server->stop[1]);
    (void)close(server->fd);
}

static X509 *certificate_make(EVP_PKEY *key, const char *name, long from_s, long until_s)
{
    X509 *made = X509_new();
    X509_NAME *subject = X509_get_subject_name(made);

    (void)X509_set_version(made, 2);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(made), (long)getpid() + until_s);
    (void)X509_gmtime_adj(X509_getm_notBefore(made), from_s);
    (void)X509_gmtime_adj(X509_getm_notAfter(made), until_s);
    (void)X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    (void)X509_set_pubkey(made, key);
    return made;
}

static void extend(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(extension);
    (void)X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

static void certificate_write(X509 *certificate, const char *path)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    assert_int_equal(fclose(file), 0);
}

void tiny_ca_make(struct tiny_ca *ca, const char *dir)
{
    char path[400];

    (void)snprintf(ca->dir, sizeof ca->dir, "%s", dir);
    (void)snprintf(ca->file, sizeof ca->file, "%s/ca.pem", dir);
    (void)snprintf(ca->hashed, sizeof ca->hashed, "%s/hashed", dir);
    assert_int_equal(mkdir(ca->dir, 0700), 0);
    assert_int_equal(mkdir(ca->hashed, 0700), 0);
    ca->key = EVP_EC_gen("P-256");
    ca->certificate = certificate_make(ca->key, dir, -3600, 3600);
    (void)X509_set_issuer_name(ca->certificate, X509_get_subject_name(ca->certificate));
    extend(ca->certificate, NID_basic_constraints, "critical,CA:TRUE");
    assert_true(X509_sign(ca->certificate, ca->key, EVP_sha256()) > 0);
    certificate_write(ca->certificate, ca->file);
    (void)snprintf(path, sizeof path, "%s/%08lx.0", ca->hashed, X509_subject_name_hash(ca->certificate));
    certificate_write(ca->certificate, path);
}

SSL_CTX *tiny_certificate(const struct tiny_ca *ca, const char *name, long from_s, long until_s)
{
    char names[128];
    struct in_addr address;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *made = certificate_make(key, name, from_s, until_s);

    (void)X509_set_issuer_name(made, X509_get_subject_name(ca->certificate));
    (void)snprintf(names, sizeof names, inet_pton(AF_INET, name, &address) == 1 ? "IP:%s" : "DNS:%s", name);
    extend(made, NID_subject_alt_name, names);
    assert_true(X509_sign(made, ca->key, EVP_sha256()) > 0);
    assert_int_equal(SSL_CTX_use_certificate(context, made), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
    X509_free(made);
    EVP_PKEY_free(key);
    return context;
}

void tiny_ca_free(struct tiny_ca *ca)
{
    X509_free(ca->certificate);
    EVP_PKEY_free(ca->key);
}
