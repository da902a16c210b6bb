/* sms365-sandbox: a stand-in for the SMS provider. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "options.h"
#include "server.h"
#include "socket.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "sms365-sandbox"
#define PEM_MAX (256 * 1024)
#define EXIT_USAGE 2

static void complain(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s: %s\n", PROGRAM, what, why);
}

/* The text of a file, NULL after a complaint. */
static char *read_file(const char *path)
{
    char block[4096];
    struct buf text;
    buf_init(&text, PEM_MAX);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t len = fd < 0 ? -1 : 1;
    while (len > 0) {
        len = read(fd, block, sizeof(block));
        if (len > 0)
            buf_add(&text, block, (size_t)len);
    }
    if (len < 0)
        complain(path, strerror(errno));
    else if (text.over)
        complain(path, "is too large");
    if (fd >= 0)
        close(fd);
    if (len == 0 && !text.over)
        return buf_take(&text);
    buf_free(&text);
    return NULL;
}

static bool tell_ready(const struct options *o, const char *address)
{
    const char *scheme = o->tls_cert != NULL ? "https" : "http";
    if (o->ready_fd < 0) {
        printf("%s listens on %s\n"
               "  base URL  %s://%s/api  (key %s, account %s)\n"
               "  phone     %s://%s/sandbox/\n",
            PROGRAM, address, scheme, address, o->settings.key, o->settings.username, scheme, address);
        return fflush(stdout) == 0;
    }
    char line[SOCKET_TEXT + 1];
    int len = snprintf(line, sizeof(line), "%s\n", address);
    if (write(o->ready_fd, line, (size_t)len) != len) {
        complain("--ready-fd", strerror(errno));
        return false;
    }
    close(o->ready_fd);
    return true;
}

static int serve(const struct options *o, const char *cert, const char *key, const sigset_t *ends)
{
    char address[SOCKET_TEXT];
    int code = EXIT_FAILURE, received = 0;
    int fd = socket_listen(&o->listen, o->listen_len, address);
    if (fd < 0) {
        complain(address, strerror(errno));
        return code;
    }
    struct sandbox *box = sandbox_start(&o->settings, o->seeded ? &o->seed : NULL, o->callback_ca);
    struct server *server = box != NULL ? server_start(box, fd, cert, key) : NULL;
    if (server == NULL)
        complain(
            address, cert != NULL ? "cannot serve HTTPS; are certificate and key good PEM files?" : "cannot serve");
    else if (tell_ready(o, address) && sigwait(ends, &received) == 0)
        code = EXIT_SUCCESS;
    if (box != NULL)
        sandbox_stop(box);
    if (server != NULL)
        server_stop(server);
    if (box != NULL)
        sandbox_free(box);
    return code;
}

static int run(const struct options *o)
{
    sigset_t ends;
    char *cert = NULL, *key = NULL;
    int code = EXIT_USAGE;
    bool ok = true;
    if (o->tls_cert != NULL) {
        cert = read_file(o->tls_cert);
        key = read_file(o->tls_key);
        ok = cert != NULL && key != NULL;
    }
    if (ok && o->callback_ca != NULL && access(o->callback_ca, R_OK) != 0) {
        complain(o->callback_ca, strerror(errno));
        ok = false;
    }
    if (ok) {
        /* Every thread inherits this: signals come to sigwait() alone. */
        sigemptyset(&ends);
        sigaddset(&ends, SIGINT);
        sigaddset(&ends, SIGTERM);
        sigaddset(&ends, SIGHUP);
        pthread_sigmask(SIG_BLOCK, &ends, NULL);
        signal(SIGPIPE, SIG_IGN);
        code = serve(o, cert, key, &ends);
    }
    free(cert);
    free(key);
    return code;
}

static void *json_memory(size_t bytes)
{
    return mem_grow(NULL, bytes);
}

int main(int argc, char **argv)
{
    struct options o;
    if (!options_parse(&o, argc, argv)) {
        fprintf(stderr, "%s: see %s --help\n", PROGRAM, PROGRAM);
        return EXIT_USAGE;
    }
    if (o.help) {
        options_usage();
        return EXIT_SUCCESS;
    }
    if (o.version) {
        puts(PROGRAM " " PACKAGE_VERSION);
        return EXIT_SUCCESS;
    }
    cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = json_memory, .free_fn = free});
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        complain("libcurl", "does not start");
        return EXIT_FAILURE;
    }
    int code = run(&o);
    curl_global_cleanup();
    return code;
}
