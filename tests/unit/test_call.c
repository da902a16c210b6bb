/* sms365_call(): a request of any endpoint as a program makes it, against a server with a script. */
#include "base/str.h"
#include "drive/instance.h"
#include "http_fixture.h"

#include <stdio.h>
#include <string.h>

#define OK_REPLY(length, text) "HTTP/1.1 200 OK\r\nContent-Length: " #length "\r\n\r\n" text
#define CONTACTS                                                                                                       \
    OK_REPLY(115, "{\"status\":\"1\",\"error\":\"0\",\"remarks\":\"\",\"contacts\":["                                  \
                  "{\"mobile\":\"306971234567\"},{\"mobile\":\"306971234568\",\"name\":\"x\"}]}")
#define SENT OK_REPLY(55, "{\"status\":\"1\",\"error\":\"0\",\"authId\":\"7\",\"balance\":\"9.5\"}")
#define TIMEOUT_S 30

static struct sms365_http_request posted; /* what was asked of HTTP last */

enum sms365_err __real_sms365_http_post(struct sms365_http *http, const struct sms365_http_request *request,
    struct sms365_buf *reply, char local[INET6_ADDRSTRLEN], struct sms365_error *err);
enum sms365_err __wrap_sms365_http_post(struct sms365_http *http, const struct sms365_http_request *request,
    struct sms365_buf *reply, char local[INET6_ADDRSTRLEN], struct sms365_error *err);
enum sms365_err __wrap_sms365_http_post(struct sms365_http *http, const struct sms365_http_request *request,
    struct sms365_buf *reply, char local[INET6_ADDRSTRLEN], struct sms365_error *err)
{
    posted = *request;
    return __real_sms365_http_post(http, request, reply, local, err);
}

/* A program that has opened the library, with one key. */
struct program {
    struct tiny_server server;
    struct sms365_key key;
    struct sms365 instance;
    struct sms365_reply *reply;
    struct sms365_error err;
};

static void program_open(struct program *p, const struct tiny_step *steps, size_t count)
{
    memset(p, 0, sizeof *p);
    memset(&posted, 0, sizeof posted);
    tiny_start(&p->server, NULL, steps, count);
    (void)snprintf(p->key.urls[0], sizeof p->key.urls[0], "http://127.0.0.1:%u/api", p->server.port);
    p->key.url_count = 1;
    assert_true(sms365_cidr_list_parse(&p->key.whitelist, "127.0.0.0/8", NULL));
    assert_true(sms365_secret_set(&p->key.secret, "A-KEY", 5));
    assert_true(sms365_str_copy(p->instance.conf.ca, sizeof p->instance.conf.ca, ca.file));
    p->instance.conf.timeout_s = TIMEOUT_S;
    p->instance.conf.connect_timeout_s = 2;
    p->instance.keys = (struct sms365_keys){&p->key, 1};
    p->instance.provider = (struct sms365_provider){.conf = &p->instance.conf, .keys = &p->instance.keys};
}

static enum sms365_err call(struct program *p, const char *endpoint, const struct sms365_param *params, size_t count)
{
    sms365_reply_free(p->reply);
    p->err = (struct sms365_error){0};
    return sms365_call(&p->instance, endpoint, params, count, &p->reply, &p->err);
}

static void program_close(struct program *p)
{
    sms365_reply_free(p->reply);
    sms365_provider_close(&p->instance.provider);
    sms365_secret_free(&p->key.secret);
    tiny_stop(&p->server);
}

static void the_rows_of_a_list_are_walked(void **state)
{
    static const struct tiny_step steps[] = {{TINY_REPLY, CONTACTS}};
    static const char *const mobiles[] = {"306971234567", "306971234568"};
    struct program p;
    struct sms365_row row = {NULL};
    size_t count = 0;

    (void)state;
    program_open(&p, steps, 1);
    assert_int_equal(call(&p, "contact/list", NULL, 0), SMS365_OK);
    while (sms365_reply_next(p.reply, "contacts", &row)) {
        assert_true(count < 2);
        assert_string_equal(sms365_row_get(&row, "mobile"), mobiles[count++]);
    }
    assert_int_equal(count, 2);
    assert_string_equal(posted.path, "contact/list");
    assert_false(posted.once);
    assert_true(posted.timeout_ms <= TIMEOUT_S * 1000);
    program_close(&p);
    assert_int_equal(p.server.requests, 1);
    assert_non_null(strstr(p.server.last, "key=A-KEY"));
}

static void a_reset_whose_connection_is_dropped_is_not_made_again(void **state)
{
    static const struct tiny_step steps[] = {{TINY_REPLY, CONTACTS}, {TINY_CLOSE, NULL}, {TINY_REPLY, SENT}};
    struct program p;

    (void)state;
    program_open(&p, steps, 3);
    assert_int_equal(call(&p, "contact/list", NULL, 0), SMS365_OK); /* the connection is kept */
    assert_int_equal(call(&p, "key/reset", NULL, 0), SMS365_REPLY_LOST);
    assert_null(p.reply);
    program_close(&p);
    assert_int_equal(p.server.requests, 2);
    assert_non_null(strstr(p.server.last, "/api/key/reset"));
}

static void a_send_is_made_once_and_has_time_for_the_longest_wait(void **state)
{
    static const struct tiny_step steps[] = {{TINY_REPLY, SENT}};
    static const struct sms365_param params[] = {{"to", "306971234567"}, {"wait", "60"}};
    struct program p;
    double balance = 0;

    (void)state;
    program_open(&p, steps, 1);
    assert_int_equal(call(&p, "2fa/send", params, 2), SMS365_OK);
    assert_string_equal(sms365_reply_get(p.reply, "authId"), "7");
    assert_true(sms365_reply_number(p.reply, "balance", &balance) && balance > 9.4 && balance < 9.6);
    assert_true(posted.once);
    assert_true(posted.timeout_ms > 60000);
    program_close(&p);
    assert_int_equal(p.server.requests, 1);
}

static void what_could_not_be_taken_apart_is_not_asked_for(void **state)
{
    static const struct tiny_step steps[] = {{TINY_REPLY, SENT}};
    static const struct sms365_param refused[][2] = {
        {{"to", "306971234567"}, {"type", "xml"}},
        {{"to", "306971234567"}, {"type", "v2"}},
        {{"to", "306971234567"}, {"type", NULL}},
        {{"to", NULL}, {"type", "json"}},
        {{"to", "306971234567"}, {"key", "OTHER"}},
    };
    static const struct sms365_param good[] = {{"to", "306971234567"}, {"type", "json"}};
    struct program p;

    (void)state;
    program_open(&p, steps, 1);
    assert_int_equal(call(&p, "no/such", NULL, 0), SMS365_BAD_ARGUMENT);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_int_equal(call(&p, "2fa/send", refused[i], 2), SMS365_BAD_ARGUMENT);
        assert_null(p.reply);
        assert_true(p.err.text[0] != '\0');
    }
    assert_null(posted.path);
    assert_int_equal(call(&p, "2fa/send", good, 2), SMS365_OK);
    program_close(&p);
    assert_int_equal(p.server.requests, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rows_of_a_list_are_walked),
        cmocka_unit_test(a_reset_whose_connection_is_dropped_is_not_made_again),
        cmocka_unit_test(a_send_is_made_once_and_has_time_for_the_longest_wait),
        cmocka_unit_test(what_could_not_be_taken_apart_is_not_asked_for),
    };

    return http_prepare() ? cmocka_run_group_tests(tests, http_setup, http_teardown) : 1;
}
