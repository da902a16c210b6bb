#include "http_fixture.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void a_post_is_plain_and_both_go_over_one_connection(void **state)
{
    static const struct tiny_step steps[] = {{TINY_REPLY, GOOD}};
    static const char *const absent[] = {"Expect", "Cookie", "Authorization", "Proxy", "Accept-Encoding", "?"};
    SSL_CTX *tls = tiny_certificate(&ca, "127.0.0.1", -60, 3600);
    struct trial t;

    (void)state;
    trial_open(&t, tls, "127.0.0.1", ca.hashed, steps, 1);
    assert_int_equal(trial_post(&t, true, 5000), SMS365_OK);
    assert_string_equal(sms365_buf_text(&t.reply), "{\"status\":1}");
    assert_string_equal(t.local, "127.0.0.1");
    assert_int_equal(trial_post(&t, false, 5000), SMS365_OK);
    trial_close(&t);
    SSL_CTX_free(tls);
    assert_int_equal(t.server.connections, 1);
    assert_int_equal(t.server.requests, 2);
    assert_int_equal(strncmp(t.server.last, "POST /api/2fa/send HTTP/1.1\r\n", 29), 0);
    assert_non_null(strstr(t.server.last, "\r\nUser-Agent: sms365/" PACKAGE_VERSION "\r\n"));
    assert_non_null(strstr(t.server.last, "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
    assert_non_null(strstr(t.server.last, "\r\n\r\n" SECRET_BODY));
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        assert_null(strstr(t.server.last, absent[i]));
}

static void a_kept_connection_dropped_after_the_request_repeats_it_unless_once(void **state)
{
    static const struct tiny_step steps[] = {{TINY_REPLY, GOOD}, {TINY_CLOSE, NULL}, {TINY_REPLY, GOOD}};
    struct trial t;

    (void)state;
    trial_open(&t, NULL, "127.0.0.1", ca.hashed, steps, 3);
    assert_int_equal(trial_post(&t, false, 5000), SMS365_OK);
    assert_int_equal(trial_post(&t, true, 5000), SMS365_REPLY_LOST);
    trial_close(&t);
    assert_int_equal(t.server.requests, 2);

    trial_open(&t, NULL, "127.0.0.1", ca.hashed, steps, 3);
    assert_int_equal(trial_post(&t, false, 5000), SMS365_OK);
    assert_int_equal(trial_post(&t, false, 5000), SMS365_OK);
    trial_close(&t);
    assert_int_equal(t.server.requests, 3);
    assert_int_equal(t.server.connections, 2);
}

static void a_connection_closed_while_idle_is_replaced(void **state)
{
    static const struct tiny_step steps[] = {{TINY_CLOSE, GOOD}, {TINY_REPLY, GOOD}};
    struct trial t;

    (void)state;
    trial_open(&t, NULL, "127.0.0.1", ca.hashed, steps, 2);
    assert_int_equal(trial_post(&t, true, 5000), SMS365_OK);
    /* The server accepts the next one only after it has closed the first. */
    assert_int_equal(trial_post(&t, false, 5000), SMS365_OK);
    trial_close(&t);
    assert_int_equal(t.server.connections, 2);
    assert_int_equal(t.server.requests, 2);
}

static void an_address_outside_the_whitelist_sends_nothing(void **state)
{
    static const struct tiny_step steps[] = {{TINY_REPLY, GOOD}};
    SSL_CTX *tls = tiny_certificate(&ca, "127.0.0.1", -60, 3600);
    struct sms365_cidr_list list;
    struct trial t;

    (void)state;
    for (int round = 0; round < 4; round++) {
        const bool fits = round % 2 == 1;
        trial_open(&t, round < 2 ? NULL : tls, "127.0.0.1", ca.hashed, steps, 1);
        assert_true(sms365_cidr_list_parse(&list, fits ? "10.0.0.0/8, 127.0.0.0/8" : "10.0.0.0/8 ::1", NULL));
        const struct sms365_http_request request = {
            t.base, "2fa/send", SECRET_BODY, sizeof SECRET_BODY - 1, true, 5000, NULL, &list};
        const enum sms365_err result = sms365_http_post(t.http, &request, &t.reply, t.local, &t.err);
        assert_int_equal(result, fits ? SMS365_OK : SMS365_WRONG_ADDRESS);
        assert_string_equal(t.local, "127.0.0.1");
        assert_true(fits || strstr(t.err.text, "leaves from 127.0.0.1") != NULL);
        trial_close(&t);
        assert_int_equal(t.server.connections, 1);
        assert_true((t.server.bytes > 0) == fits);
    }
    SSL_CTX_free(tls);
}

static void a_slow_server_is_left_at_the_deadline(void **state)
{
    static const struct tiny_step steps[] = {{TINY_SILENT, NULL}};
    static const struct tiny_step slow[] = {{TINY_SILENT, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"status\""}};
    struct trial t;

    (void)state;
    for (int round = 0; round < 2; round++) {
        trial_open(&t, NULL, "127.0.0.1", ca.hashed, round == 0 ? steps : slow, 1);
        const int64_t start = now_ms();
        assert_int_equal(trial_post(&t, false, 300), SMS365_REPLY_LOST);
        assert_true(now_ms() - start >= 295 && now_ms() - start < 1500);
        assert_non_null(strstr(t.err.text, "in time"));
        trial_close(&t);
        assert_int_equal(t.server.requests, 1);
    }
}

/* A listening socket that nobody serves: the kernel completes the connection, and no byte ever comes. */
static void a_handshake_that_goes_nowhere_is_unreachable_at_the_connect_timeout(void **state)
{
    const struct sms365_http_options options = {.ca = ca.hashed, .connect_timeout_ms = 300};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct trial t = {0};

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    (void)snprintf(t.base, sizeof t.base, "https://127.0.0.1:%u/api", ntohs(address.sin_port));
    sms365_buf_init(&t.reply, 4096);
    assert_int_equal(sms365_http_new(&t.http, &options, NULL), SMS365_OK);
    const int64_t start = now_ms();
    assert_int_equal(trial_post(&t, true, 10000), SMS365_UNREACHABLE);
    assert_true(now_ms() - start >= 295 && now_ms() - start < 1500);
    (void)close(fd);
    /* And now nobody listens there any more. */
    assert_int_equal(trial_post(&t, true, 10000), SMS365_UNREACHABLE);
    sms365_http_free(t.http);
}

static void replies_that_are_none_are_told_apart(void **state)
{
    static const struct {
        struct tiny_step step;
        enum sms365_err result;
        const char *says;
    } cases[] = {
        {{TINY_CLOSE, NULL}, SMS365_REPLY_LOST, "closed before the reply"},
        {{TINY_RESET, NULL}, SMS365_REPLY_LOST, "closed before the reply"},
        {{TINY_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"st"}, SMS365_REPLY_LOST, "cut off"},
        {{TINY_CLOSE, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n{\"st"}, SMS365_REPLY_LOST, "cut off"},
        {{TINY_CLOSE, "HTTP/1.1 200 OK\r\n"}, SMS365_BAD_REPLY, "empty"},
        {{TINY_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}, SMS365_BAD_REPLY, "empty"},
        {{TINY_CLOSE, "HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno"}, SMS365_BAD_REPLY, "HTTP status 500"},
        {{TINY_CLOSE, "HTTP/1.1 204 None\r\n\r\n"}, SMS365_BAD_REPLY, "HTTP status 204"},
        {{TINY_CLOSE, "HTTP/1.1 302 Gone\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"},
            SMS365_BAD_REPLY, "HTTP status 302"},
        {{TINY_CLOSE, "<html>no HTTP at all</html>\r\n\r\n"}, SMS365_BAD_REPLY, "not HTTP"},
        {{TINY_FLOOD, "HTTP/1.1 200 OK\r\n\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"},
            SMS365_BAD_REPLY, "longer than 4096 bytes"},
        {{TINY_FLOOD, "HTTP/1.1 200 OK\r\nA: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"},
            SMS365_BAD_REPLY, "longer"},
        {{TINY_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n{"}, SMS365_REPLY_LOST, "cut off"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trial t;
        trial_open(&t, NULL, "127.0.0.1", ca.hashed, &cases[i].step, 1);
        const enum sms365_err result = trial_post(&t, i % 2 == 0, 5000);
        if (result != cases[i].result || strstr(t.err.text, cases[i].says) == NULL)
            fail_msg("case %zu: %s: %s", i, sms365_strerror(result), t.err.text);
        trial_close(&t);
        assert_int_equal(t.server.requests, 1);
    }
}

static void an_html_page_comes_back_for_the_decoder_to_refuse(void **state)
{
    static const struct tiny_step steps[] = {
        {TINY_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>"}};
    struct trial t;

    (void)state;
    trial_open(&t, NULL, "127.0.0.1", ca.hashed, steps, 1);
    assert_int_equal(trial_post(&t, true, 5000), SMS365_OK);
    assert_string_equal(sms365_buf_text(&t.reply), "<html></html>");
    trial_close(&t);
}

static void certificates_that_do_not_hold_are_unreachable_and_nothing_is_sent(void **state)
{
    static const struct tiny_step steps[] = {{TINY_REPLY, GOOD}};
    const struct {
        const struct tiny_ca *signer;
        const char *name, *trusted, *says;
        long from_s, until_s;
        bool good;
    } cases[] = {
        {&ca, "127.0.0.1", ca.hashed, "", -60, 3600, true},
        {&ca, "127.0.0.1", ca.file, "", -60, 3600, true},
        {&stranger, "127.0.0.1", ca.hashed, "not signed by any CA", -60, 3600, false},
        {&stranger, "127.0.0.1", ca.file, "not signed by any CA", -60, 3600, false},
        {&ca, "127.0.0.1", "/etc/ssl/certs", "not signed by any CA", -60, 3600, false},
        {&ca, "127.0.0.1", NULL, "(ca = /etc/ssl/certs)", -60, 3600, false},
        {&ca, "127.0.0.1", ca.hashed, "clock", -7200, -3600, false},
        {&ca, "127.0.0.1", ca.hashed, "clock", 3600, 7200, false},
        {&ca, "other.example", ca.hashed, "another host", -60, 3600, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        SSL_CTX *tls = tiny_certificate(cases[i].signer, cases[i].name, cases[i].from_s, cases[i].until_s);
        struct trial t;
        trial_open(&t, tls, "127.0.0.1", cases[i].trusted, steps, 1);
        const enum sms365_err result = trial_post(&t, true, 5000);
        if (result != (cases[i].good ? SMS365_OK : SMS365_UNREACHABLE) || strstr(t.err.text, cases[i].says) == NULL)
            fail_msg("case %zu: %s: %s", i, sms365_strerror(result), t.err.text);
        trial_close(&t);
        assert_int_equal(t.server.requests, cases[i].good ? 1 : 0);
        assert_true((t.server.bytes > 0) == cases[i].good);
        SSL_CTX_free(tls);
    }
}

static void names_are_resolved_and_checked_against_the_certificate(void **state)
{
    static const struct tiny_step steps[] = {{TINY_REPLY, GOOD}};
    SSL_CTX *tls = tiny_certificate(&ca, "localhost", -60, 3600);
    struct trial t;

    (void)state;
    trial_open(&t, tls, "localhost", ca.hashed, steps, 1);
    assert_int_equal(trial_post(&t, true, 5000), SMS365_OK);
    assert_int_equal(trial_post(&t, false, 5000), SMS365_OK);
    (void)snprintf(t.base, sizeof t.base, "https://no-such-host.invalid:%u/api", t.server.port);
    assert_int_equal(trial_post(&t, true, 3000), SMS365_UNREACHABLE);
    assert_non_null(strstr(t.err.text, "cannot be resolved"));
    trial_close(&t);
    SSL_CTX_free(tls);
    assert_int_equal(t.server.connections, 1);
}

static void old_tls_is_refused(void **state)
{
    static const struct tiny_step steps[] = {{TINY_REPLY, GOOD}};
    SSL_CTX *tls = tiny_certificate(&ca, "127.0.0.1", -60, 3600);
    struct trial t;

    (void)state;
    SSL_CTX_set_security_level(tls, 0);
    (void)SSL_CTX_set_min_proto_version(tls, TLS1_VERSION);
    (void)SSL_CTX_set_max_proto_version(tls, TLS1_1_VERSION);
    trial_open(&t, tls, "127.0.0.1", ca.hashed, steps, 1);
    assert_int_equal(trial_post(&t, true, 5000), SMS365_UNREACHABLE);
    assert_non_null(strstr(t.err.text, "TLS 1.2"));
    trial_close(&t);
    SSL_CTX_free(tls);
    assert_int_equal(t.server.bytes, 0);
}

static void without_tls_nothing_leaves_the_machine(void **state)
{
    static const char *const bases[] = {
        "http://192.0.2.1/api",
        "http://localhost/api",
        "http://[2001:db8::1]/api",
        "http://127.0.0.1.example/api",
        "ftp://127.0.0.1/api",
        "file:///etc",
        "127.0.0.1",
        "",
    };
    const struct sms365_http_options options = {.ca = ca.hashed, .connect_timeout_ms = 300};
    struct sms365_http *http;
    struct sms365_buf reply;
    struct sms365_error err;
    char local[INET6_ADDRSTRLEN];

    (void)state;
    sms365_buf_init(&reply, 4096);
    assert_int_equal(sms365_http_new(&http, &options, &err), SMS365_OK);
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        const struct sms365_http_request request = {bases[i], "2fa/send", "x", 1, true, 300, NULL, NULL};
        assert_int_equal(sms365_http_post(http, &request, &reply, local, &err), SMS365_BAD_ARGUMENT);
        assert_string_equal(local, "");
    }
    sms365_http_free(http);
}

static void a_ca_or_bind_that_is_not_there_is_this_machines_fault(void **state)
{
    static const struct tiny_step steps[] = {{TINY_REPLY, GOOD}};
    struct sms365_http_options options = {.ca = "/nonexistent/certs", .connect_timeout_ms = 1000};
    static const char *const binds[] = {"192.0.2.7", "nodev0", "2001:db8::7"};
    struct sms365_error err = {0};
    struct trial t;

    (void)state;
    assert_int_equal(sms365_http_new(&t.http, &options, &err), SMS365_IO);
    assert_non_null(strstr(err.text, "/nonexistent/certs"));
    assert_null(t.http);
    options.ca = "/dev/null";
    assert_int_equal(sms365_http_new(&t.http, &options, &err), SMS365_IO);
    for (size_t i = 0; i < sizeof binds / sizeof *binds; i++) {
        trial_open(&t, NULL, "127.0.0.1", ca.hashed, steps, 1);
        sms365_http_free(t.http);
        options = (struct sms365_http_options){.ca = ca.hashed, .bind = binds[i], .connect_timeout_ms = 1000};
        assert_int_equal(sms365_http_new(&t.http, &options, &err), SMS365_OK);
        const enum sms365_err result = trial_post(&t, true, 1000);
        /* An address of the other family can reach other hosts: it is no fault of this machine's. */
        if (result != (strchr(binds[i], ':') == NULL ? SMS365_IO : SMS365_UNREACHABLE) ||
            strstr(t.err.text, binds[i]) == NULL)
            fail_msg("bind %s: %s: %s", binds[i], sms365_strerror(result), t.err.text);
        trial_close(&t);
        assert_int_equal(t.server.bytes, 0);
    }
}

static void the_bound_address_is_the_one_a_request_leaves_from(void **state)
{
    static const struct tiny_step steps[] = {{TINY_REPLY, GOOD}};
    const struct sms365_http_options options = {.ca = ca.hashed, .bind = "127.0.0.9", .connect_timeout_ms = 1000};
    struct trial t;

    (void)state;
    trial_open(&t, NULL, "127.0.0.1", ca.hashed, steps, 1);
    sms365_http_free(t.http);
    assert_int_equal(sms365_http_new(&t.http, &options, NULL), SMS365_OK);
    assert_int_equal(trial_post(&t, true, 1000), SMS365_OK);
    assert_string_equal(t.local, "127.0.0.9");
    trial_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_post_is_plain_and_both_go_over_one_connection),
        cmocka_unit_test(a_kept_connection_dropped_after_the_request_repeats_it_unless_once),
        cmocka_unit_test(a_connection_closed_while_idle_is_replaced),
        cmocka_unit_test(an_address_outside_the_whitelist_sends_nothing),
        cmocka_unit_test(a_slow_server_is_left_at_the_deadline),
        cmocka_unit_test(a_handshake_that_goes_nowhere_is_unreachable_at_the_connect_timeout),
        cmocka_unit_test(replies_that_are_none_are_told_apart),
        cmocka_unit_test(an_html_page_comes_back_for_the_decoder_to_refuse),
        cmocka_unit_test(certificates_that_do_not_hold_are_unreachable_and_nothing_is_sent),
        cmocka_unit_test(names_are_resolved_and_checked_against_the_certificate),
        cmocka_unit_test(old_tls_is_refused),
        cmocka_unit_test(without_tls_nothing_leaves_the_machine),
        cmocka_unit_test(a_ca_or_bind_that_is_not_there_is_this_machines_fault),
        cmocka_unit_test(the_bound_address_is_the_one_a_request_leaves_from),
    };

    return http_prepare() ? cmocka_run_group_tests(tests, http_setup, http_teardown) : 1;
}
