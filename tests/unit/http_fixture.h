/*
 * What the tests of http_curl share: a certificate authority that is trusted and one that is not, an environment that
 * would lead a careless client astray, and one request to a server with a script.
 */
#ifndef HTTP_FIXTURE_H
#define HTTP_FIXTURE_H

#include "edges/http_curl.h"
#include "tiny_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define GOOD "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"status\":1}"
#define SECRET_BODY "key=TOP-SECRET&to=306971234567"

extern struct tiny_ca ca, stranger;

/* One request to a server with a script. */
struct trial {
    struct tiny_server server;
    struct sms365_http *http;
    struct sms365_buf reply;
    struct sms365_error err;
    char local[INET6_ADDRSTRLEN];
    char base[64];
};

void trial_open(
    struct trial *t, SSL_CTX *tls, const char *host, const char *ca_path, const struct tiny_step *steps, size_t count);
/* Checks on the way that no error tells a secret, and that each names the URL. */
enum sms365_err trial_post(struct trial *t, bool once, int64_t timeout_ms);
void trial_close(struct trial *t);

int64_t now_ms(void);

/* First of all in main(): a directory of our own, and the environment. False when there is none. */
bool http_prepare(void);
/* Fails unless the environment is still what http_prepare() made of it, and no file came of it. */
void http_environment_is_untouched(void);
/* For cmocka_run_group_tests(). */
int http_setup(void **state);
int http_teardown(void **state);

#endif
