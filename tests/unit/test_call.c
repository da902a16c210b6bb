/* sms365_call(): a request of any endpoint as a program makes it, against a server with a script. */
#include "base/str.h"
#include "drive/instance.h"
#include "http_fixture.h"

#include <math.h>
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
    assert_true(sms365_str_copy(p->instance.conf.url, sizeof p->instance.conf.url, p->key.urls[0]));
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

/* --- Typed results --- */

#define HTTP_SIZE 1024

/* Open the program against a server that answers once, with this body. */
static void answered_with(struct program *p, const char *body)
{
    static char http[HTTP_SIZE];
    static struct tiny_step steps[] = {{TINY_REPLY, http}};

    (void)snprintf(http, sizeof http, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
    program_open(p, steps, 1);
}

static void the_balance_is_a_number(void **state)
{
    struct program p;
    double balance = 0;

    (void)state;
    answered_with(&p, "{\"status\":\"1\",\"error\":\"0\",\"balance\":\"12.625\"}");
    assert_int_equal(sms365_me_balance(&p.instance, &balance, &p.err), SMS365_OK);
    assert_true(balance == 12.625);
    assert_string_equal(posted.path, "me/balance");
    program_close(&p);
    answered_with(&p, "{\"status\":\"1\",\"error\":\"0\"}");
    assert_int_equal(sms365_me_balance(&p.instance, &balance, &p.err), SMS365_BAD_REPLY);
    assert_non_null(strstr(p.err.text, "me/balance"));
    program_close(&p);
}

static void a_refusal_brings_the_provider_s_code(void **state)
{
    struct program p;

    (void)state;
    answered_with(&p, "{\"status\":\"0\",\"error\":\"101\",\"remarks\":\"Invalid\"}");
    assert_int_equal(sms365_key_get(&p.instance, &p.err), SMS365_REFUSED);
    assert_int_equal(p.err.provider_error, 101);
    assert_string_equal(posted.path, "key/get");
    program_close(&p);
    answered_with(&p, "{\"status\":\"1\",\"error\":\"0\",\"key\":\"A-KEY\"}");
    p.err.provider_error = 7;
    assert_int_equal(sms365_key_get(&p.instance, &p.err), SMS365_OK);
    assert_int_equal(call(&p, "no/such", NULL, 0), SMS365_BAD_ARGUMENT);
    assert_int_equal(p.err.provider_error, 0);
    program_close(&p);
}

static void a_number_is_told_with_its_network_and_cost(void **state)
{
    static const char reply[] =
        "{\"status\":1,\"error\":0,\"mobile\":{\"msisdn\":\"306971234567\",\"country\":\"GREECE\","
        "\"mcc\":\"202\",\"mnc\":\"05\",\"cost\":0.5}}";
    struct sms365_mobile mobile;
    struct program p;

    (void)state;
    answered_with(&p, reply);
    assert_int_equal(sms365_mobile_check(&p.instance, "697 123 4567", &mobile, &p.err), SMS365_OK);
    assert_string_equal(mobile.msisdn, "306971234567");
    assert_string_equal(mobile.country, "GREECE");
    assert_string_equal(mobile.mcc, "202");
    assert_string_equal(mobile.mnc, "05");
    assert_true(mobile.cost == 0.5);
    program_close(&p);
    assert_null(strstr(p.server.last, "A-KEY"));
    answered_with(&p, "{\"status\":1,\"error\":0,\"mobile\":{\"msisdn\":\"306971234567\"}}");
    assert_int_equal(sms365_mobile_check(&p.instance, "6971234567", &mobile, &p.err), SMS365_OK);
    assert_string_equal(mobile.mcc, "");
    assert_true(isnan(mobile.cost));
    program_close(&p);
    answered_with(&p, "{\"status\":1,\"error\":0,\"mobile\":{\"msisdn\":\"+30 6971234567\"}}");
    assert_int_equal(sms365_mobile_check(&p.instance, "6971234567", &mobile, &p.err), SMS365_BAD_REPLY);
    program_close(&p);
}

static void a_lookup_tells_the_network_or_why_there_is_none(void **state)
{
#define LOOKUP(fields) "{\"status\":\"1\",\"error\":\"0\"," fields "}"
    static const struct {
        const char *body;
        enum sms365_err code;
        enum sms365_ported ported;
    } cases[] = {
        {LOOKUP("\"result\":\"OK\",\"mcc\":\"202\",\"mnc\":\"01\",\"ported\":\"yes\""), SMS365_OK, SMS365_PORTED_YES},
        {LOOKUP("\"result\":\"OK\",\"mcc\":\"202\",\"mnc\":\"01\",\"ported\":\"no\""), SMS365_OK, SMS365_PORTED_NO},
        {LOOKUP("\"result\":\"OK\",\"mcc\":\"202\",\"mnc\":\"01\""), SMS365_OK, SMS365_PORTED_UNKNOWN},
        {LOOKUP("\"result\":\"ABSENT\",\"description\":\"off\""), SMS365_NOT_FOUND, SMS365_PORTED_UNKNOWN},
        {LOOKUP("\"mcc\":\"202\",\"mnc\":\"01\""), SMS365_NOT_FOUND, SMS365_PORTED_UNKNOWN},
        {LOOKUP("\"result\":\"OK\",\"mcc\":\"20x\",\"mnc\":\"01\""), SMS365_BAD_REPLY, SMS365_PORTED_UNKNOWN},
        {LOOKUP("\"result\":\"OK\",\"mcc\":\"202\""), SMS365_BAD_REPLY, SMS365_PORTED_UNKNOWN},
        {LOOKUP("\"result\":\"OK\",\"mcc\":\"202\",\"mnc\":\"01\",\"ported\":\"2\""), SMS365_BAD_REPLY,
            SMS365_PORTED_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct program p;
        struct sms365_network network = {.mcc = ""};
        answered_with(&p, cases[i].body);
        assert_int_equal(sms365_hlr_lookup(&p.instance, "306971234567", &network, &p.err), cases[i].code);
        if (cases[i].code == SMS365_OK) {
            assert_string_equal(network.mcc, "202");
            assert_string_equal(network.mnc, "01");
            assert_int_equal(network.ported, cases[i].ported);
        }
        assert_true(posted.once);
        program_close(&p);
        assert_int_equal(p.server.requests, 1);
    }
}

typedef enum sms365_err (*sender)(
    struct sms365 *, const struct sms365_message *, struct sms365_sent *, struct sms365_error *);

static void a_send_tells_its_id_and_what_it_cost(void **state)
{
    static const struct {
        sender send;
        const char *path, *id;
        bool ucs;
    } cases[] = {
        {sms365_sms_send, "sms/send", "smsId", true},
        {sms365_viber_send, "viber/send", "id", false},
        {sms365_2fa_send, "2fa/send", "authId", true},
    };
    static const struct sms365_message message = {"306971234567", "\xce\xb6\xce\xae %%CODE%%", "Office"};
    char body[256];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct program p;
        struct sms365_sent sent;
        (void)snprintf(body, sizeof body,
            "{\"status\":\"1\",\"error\":\"0\",\"%s\":\"%s\",\"cost\":\"1.5\",\"balance\":\"8.5\"}", cases[i].id,
            "4711");
        answered_with(&p, body);
        assert_int_equal(cases[i].send(&p.instance, &message, &sent, &p.err), SMS365_OK);
        assert_string_equal(posted.path, cases[i].path);
        assert_true(posted.once);
        assert_string_equal(sent.id, "4711");
        assert_true(sent.cost == 1.5 && sent.balance == 8.5);
        assert_string_equal(sent.mcc, "");
        program_close(&p);
        assert_non_null(strstr(p.server.last, "from=Office"));
        assert_true((strstr(p.server.last, "ucs=true") != NULL) == cases[i].ucs);
    }
}

static void a_text_that_is_none_is_not_sent(void **state)
{
    static const struct sms365_message bad[] = {{"306971234567", "\xff", NULL}, {"306971234567", NULL, NULL},
        {"306971234567", "", NULL}, {"x", "text", NULL}, {NULL, "text", NULL}};
    struct sms365_sent sent;
    struct program p;

    (void)state;
    answered_with(&p, "{\"status\":\"1\",\"error\":\"0\",\"smsId\":\"1\"}");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(sms365_sms_send(&p.instance, &bad[i], &sent, &p.err), SMS365_BAD_ARGUMENT);
    program_close(&p);
    assert_int_equal(p.server.requests, 0);
}

static void a_code_without_an_id_is_no_success(void **state)
{
    static const struct sms365_message message = {"306971234567", NULL, NULL};
    struct sms365_sent sent;
    struct program p;

    (void)state;
    answered_with(&p, "{\"status\":\"1\",\"error\":\"0\"}");
    assert_int_equal(sms365_2fa_send(&p.instance, &message, &sent, &p.err), SMS365_BAD_REPLY);
    program_close(&p);
    assert_null(strstr(p.server.last, "text="));
}

static void nothing_but_an_exact_ok_is_accepted(void **state)
{
    static const struct {
        const char *body;
        enum sms365_err code;
        bool accepted;
    } cases[] = {
        {"{\"status\":\"1\",\"error\":\"0\",\"auth\":\"ok\"}", SMS365_OK, true},
        {"{\"status\":\"1\",\"error\":\"0\",\"auth\":\"nok\"}", SMS365_OK, false},
        {"{\"status\":\"1\",\"error\":\"0\",\"auth\":\"OK\"}", SMS365_OK, false},
        {"{\"status\":\"1\",\"error\":\"0\"}", SMS365_OK, false},
        {"{\"status\":\"0\",\"error\":\"302\",\"auth\":\"ok\"}", SMS365_REFUSED, false},
        {"{\"status\":\"1\",\"auth\":\"ok\"}", SMS365_BAD_REPLY, false},
        {"", SMS365_BAD_REPLY, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct program p;
        bool accepted = true;
        answered_with(&p, cases[i].body);
        assert_int_equal(sms365_2fa_check(&p.instance, "7", "1234", &accepted, &p.err), cases[i].code);
        assert_int_equal(accepted, cases[i].accepted);
        program_close(&p);
    }
}

static void the_status_is_that_of_the_message_asked_about(void **state)
{
#define STATUSES(rows) "{\"status\":\"1\",\"error\":\"0\"," rows "\"total\":2}"
    static const struct {
        const char *body;
        enum sms365_err code;
        enum sms365_delivery delivery;
    } cases[] = {
        {STATUSES("\"0\":{\"smsId\":\"8\",\"status\":\"f\"},\"1\":{\"smsId\":\"7\",\"status\":\"d\"},"), SMS365_OK,
            SMS365_DELIVERY_DONE},
        {STATUSES("\"0\":{\"smsId\":\"7\",\"status\":\"3\"},"), SMS365_OK, SMS365_DELIVERY_FAILED},
        {STATUSES("\"0\":{\"smsId\":\"7\",\"status\":\"s\"},"), SMS365_OK, SMS365_DELIVERY_PENDING},
        {STATUSES("\"0\":{\"smsId\":\"8\",\"status\":\"d\"},"), SMS365_BAD_REPLY, SMS365_DELIVERY_UNKNOWN},
        {STATUSES(""), SMS365_BAD_REPLY, SMS365_DELIVERY_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct program p;
        enum sms365_delivery delivery = SMS365_DELIVERY_UNKNOWN;
        answered_with(&p, cases[i].body);
        assert_int_equal(sms365_status_sms(&p.instance, "7", &delivery, &p.err), cases[i].code);
        assert_int_equal(delivery, cases[i].delivery);
        program_close(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rows_of_a_list_are_walked),
        cmocka_unit_test(a_reset_whose_connection_is_dropped_is_not_made_again),
        cmocka_unit_test(a_send_is_made_once_and_has_time_for_the_longest_wait),
        cmocka_unit_test(what_could_not_be_taken_apart_is_not_asked_for),
        cmocka_unit_test(the_balance_is_a_number),
        cmocka_unit_test(a_refusal_brings_the_provider_s_code),
        cmocka_unit_test(a_number_is_told_with_its_network_and_cost),
        cmocka_unit_test(a_lookup_tells_the_network_or_why_there_is_none),
        cmocka_unit_test(a_send_tells_its_id_and_what_it_cost),
        cmocka_unit_test(a_text_that_is_none_is_not_sent),
        cmocka_unit_test(a_code_without_an_id_is_no_success),
        cmocka_unit_test(nothing_but_an_exact_ok_is_accepted),
        cmocka_unit_test(the_status_is_that_of_the_message_asked_about),
    };

    return http_prepare() ? cmocka_run_group_tests(tests, http_setup, http_teardown) : 1;
}
