#include "http_fixture.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char scratch[] = "/tmp/sms365-http-XXXXXX";
struct tiny_ca ca, stranger;

void trial_open(
    struct trial *t, SSL_CTX *tls, const char *host, const char *ca_path, const struct tiny_step *steps, size_t count)
{
    const struct sms365_http_options options = {.ca = ca_path, .connect_timeout_ms = 2000};

    memset(t, 0, sizeof *t);
    tiny_start(&t->server, tls, steps, count);
    (void)snprintf(t->base, sizeof t->base, "%s://%s:%u/api", tls == NULL ? "http" : "https", host, t->server.port);
    assert_int_equal(sms365_http_new(&t->http, &options, &t->err), SMS365_OK);
    sms365_buf_init(&t->reply, 4096);
}

enum sms365_err trial_post(struct trial *t, bool once, int64_t timeout_ms)
{
    const struct sms365_http_request request = {
        .base_url = t->base,
        .path = "2fa/send",
        .body = SECRET_BODY,
        .body_length = sizeof SECRET_BODY - 1,
        .once = once,
        .timeout_ms = timeout_ms,
    };

    sms365_buf_free(&t->reply);
    t->err = (struct sms365_error){0};
    const enum sms365_err result = sms365_http_post(t->http, &request, &t->reply, t->local, &t->err);
    assert_true((t->reply.length > 0) == (result == SMS365_OK));
    assert_null(strstr(t->err.text, "SECRET"));
    assert_null(strstr(t->err.text, "306971234567"));
    if (result != SMS365_OK) {
        assert_int_equal(t->err.code, result);
        assert_non_null(strstr(t->err.text, t->base));
        assert_non_null(strstr(t->err.text, "2fa/send"));
    }
    return result;
}

void trial_close(struct trial *t)
{
    sms365_http_free(t->http);
    tiny_stop(&t->server);
    sms365_buf_free(&t->reply);
}

int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What main() put into the environment before anything else ran: every test runs under it. */
static const struct {
    const char *name, *value;
} hostile[] = {
    {"http_proxy", "http://127.0.0.1:1"},
    {"https_proxy", "http://127.0.0.1:1"},
    {"HTTPS_PROXY", "http://127.0.0.1:1"},
    {"ALL_PROXY", "socks5://127.0.0.1:1"},
    {"all_proxy", "socks5://127.0.0.1:1"},
    {"SSLKEYLOGFILE", "@/keys.log"},
    {"CURL_CA_BUNDLE", "@/stranger/ca.pem"},
    {"SSL_CERT_FILE", "@/stranger/ca.pem"},
    {"SSL_CERT_DIR", "@/stranger/hashed"},
    {"HOME", "@"},
    {"NETRC", "@/.netrc"},
    {"LOCALDOMAIN", "example"},
    {"RES_OPTIONS", "attempts:9 timeout:30"},
};

void http_environment_is_untouched(void)
{
    char path[64];

    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++)
        assert_non_null(getenv(hostile[i].name));
    (void)snprintf(path, sizeof path, "%s/keys.log", scratch);
    assert_int_not_equal(access(path, F_OK), 0);
}

bool http_prepare(void)
{
    char path[64];

    if (mkdtemp(scratch) == NULL)
        return false;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        const bool relative = hostile[i].value[0] == '@';
        (void)snprintf(path, sizeof path, "%s%s", scratch, hostile[i].value + 1);
        (void)setenv(hostile[i].name, relative ? path : hostile[i].value, 1);
    }
    (void)snprintf(path, sizeof path, "%s/.netrc", scratch);
    FILE *netrc = fopen(path, "w");
    if (netrc != NULL) {
        (void)fputs("machine 127.0.0.1 login evil password evil\n", netrc);
        (void)fclose(netrc);
    }
    return netrc != NULL;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

int http_setup(void **state)
{
    char path[64];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/ours", scratch);
    tiny_ca_make(&ca, path);
    (void)snprintf(path, sizeof path, "%s/stranger", scratch);
    tiny_ca_make(&stranger, path);
    return 0;
}

int http_teardown(void **state)
{
    (void)state;
    tiny_ca_free(&ca);
    tiny_ca_free(&stranger);
    return nftw(scratch, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
