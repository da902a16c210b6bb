/* Many requests at a time: what becomes of each, and of the others, when one fails. */
#include "drive/many.h"

#include "base/err.h"
#include "http_fixture.h"

#include <stdio.h>
#include <string.h>

#define HTML "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"
#define BROKEN "HTTP/1.1 500 Oops\r\nContent-Length: 12\r\n\r\n{\"status\":1}"
#define REFUSED "HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n{\"status\":0,\"error\":103}"
#define REQUESTS_MAX 8
#define LONG_MS 20000
#define NOT_YET (-1)

/* Requests in turn, and what came of each. */
struct asking {
    struct sms365_provider_request requests[REQUESTS_MAX];
    size_t count, next;
    int came[REQUESTS_MAX]; /* enum sms365_err */
    size_t answered;
    size_t stop_after; /* 0: never */
};

static const struct sms365_param mobile = {"mobile", "306971234567"}, stranger_param = {"nobody", "1"};

static bool next(void *context, struct sms365_provider_request *request, void **tag)
{
    struct asking *asking = context;

    if (asking->next == asking->count)
        return false;
    *tag = &asking->came[asking->next];
    *request = asking->requests[asking->next++];
    return true;
}

static bool done(void *context, void *tag, const struct sms365_reply *reply, const struct sms365_error *err)
{
    struct asking *asking = context;
    int *came = tag;

    assert_int_equal(*came, NOT_YET);
    assert_true((reply != NULL) == (err->code == SMS365_OK || err->code == SMS365_REFUSED));
    assert_true((err->text[0] == '\0') == (err->code == SMS365_OK));
    *came = (int)err->code;
    return ++asking->answered != asking->stop_after;
}

static void ask(struct asking *asking, const struct sms365_param *param, enum sms365_endpoint_id endpoint)
{
    assert_true(asking->count < REQUESTS_MAX);
    asking->came[asking->count] = NOT_YET;
    asking->requests[asking->count++] = (struct sms365_provider_request){
        .endpoint = endpoint, .params = param, .param_count = 1, .once = true, .timeout_ms = LONG_MS};
}

/* A server with a script, and a provider that is configured to go there without a key. */
struct place {
    struct tiny_server server;
    struct sms365_conf conf;
    struct sms365_provider provider;
    struct asking asking;
};

static void place_open(struct place *place, const struct tiny_step *steps, size_t count)
{
    memset(place, 0, sizeof *place);
    tiny_start(&place->server, NULL, steps, count);
    place->conf.connect_timeout_s = 5;
    (void)snprintf(place->conf.url, sizeof place->conf.url, "http://127.0.0.1:%u/api", place->server.port);
    assert_true(sms365_str_copy(place->conf.ca, sizeof place->conf.ca, ca.hashed));
    place->provider.conf = &place->conf;
}

static void run(struct place *place, size_t connections)
{
    const struct sms365_many many = {&place->asking, next, done};
    struct sms365_error err = {0};

    if (sms365_provider_many(&place->provider, &many, connections, &err) != SMS365_OK)
        fail_msg("%s", err.text);
}

static void place_close(struct place *place)
{
    sms365_provider_close(&place->provider);
    tiny_stop(&place->server);
}

static void expect(const struct asking *asking, const enum sms365_err *expected)
{
    assert_int_equal(asking->answered, asking->count);
    for (size_t i = 0; i < asking->count; i++)
        assert_int_equal(asking->came[i], (int)expected[i]);
}

/* --- Tests --- */

static void nothing_to_ask_makes_no_connection(void **state)
{
    static const struct tiny_step steps[] = {{TINY_REPLY, GOOD}};
    struct place place;

    (void)state;
    place_open(&place, steps, 1);
    run(&place, 4);
    place_close(&place);
    assert_int_equal(place.server.connections, 0);
}

static void a_request_that_cannot_be_made_leaves_the_others_alone(void **state)
{
    static const enum sms365_err expected[] = {SMS365_OK, SMS365_BAD_ARGUMENT, SMS365_NO_KEY, SMS365_OK};
    static const struct tiny_step steps[] = {{TINY_REPLY, GOOD}};
    struct place place;

    (void)state;
    place_open(&place, steps, 1);
    ask(&place.asking, &mobile, SMS365_EP_MOBILE_CHECK);
    ask(&place.asking, &stranger_param, SMS365_EP_MOBILE_CHECK);
    ask(&place.asking, &mobile, SMS365_EP_HLR_LOOKUP);
    ask(&place.asking, &mobile, SMS365_EP_MOBILE_CHECK);
    run(&place, 1);
    expect(&place.asking, expected);
    place_close(&place);
    assert_int_equal(place.server.requests, 2);
    assert_int_equal(place.server.connections, 1);
}

static void each_reply_is_judged_by_itself(void **state)
{
    static const struct tiny_step steps[] = {{TINY_REPLY, GOOD}, {TINY_REPLY, HTML}, {TINY_REPLY, REFUSED},
        {TINY_REPLY, BROKEN}, {TINY_CLOSE, NULL}, {TINY_RESET, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"},
        {TINY_REPLY, GOOD}};
    static const enum sms365_err expected[] = {
        SMS365_OK, SMS365_BAD_REPLY, SMS365_REFUSED, SMS365_BAD_REPLY, SMS365_REPLY_LOST, SMS365_REPLY_LOST, SMS365_OK};
    struct place place;

    (void)state;
    place_open(&place, steps, sizeof steps / sizeof *steps);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        ask(&place.asking, &mobile, SMS365_EP_MOBILE_CHECK);
    run(&place, 1);
    expect(&place.asking, expected);
    place_close(&place);
    assert_int_equal(place.server.requests, sizeof expected / sizeof *expected);
}

static void a_reply_that_does_not_come_in_time_is_lost_and_the_next_is_asked_for(void **state)
{
    static const struct tiny_step steps[] = {{TINY_SILENT, NULL}, {TINY_REPLY, GOOD}};
    static const enum sms365_err expected[] = {SMS365_REPLY_LOST, SMS365_OK};
    struct place place;

    (void)state;
    place_open(&place, steps, 2);
    ask(&place.asking, &mobile, SMS365_EP_MOBILE_CHECK);
    ask(&place.asking, &mobile, SMS365_EP_MOBILE_CHECK);
    place.asking.requests[0].timeout_ms = 100;
    run(&place, 1);
    expect(&place.asking, expected);
    place_close(&place);
}

static void whoever_wants_no_more_waits_for_nothing_that_is_under_way(void **state)
{
    static const struct tiny_step steps[] = {{TINY_CLOSE, GOOD}, {TINY_SILENT, NULL}};
    struct place place;
    const int64_t begin_ms = now_ms();

    (void)state;
    place_open(&place, steps, 2);
    for (int i = 0; i < 4; i++)
        ask(&place.asking, &mobile, SMS365_EP_MOBILE_CHECK);
    place.asking.stop_after = 1;
    run(&place, 2);
    assert_true(now_ms() - begin_ms < LONG_MS);
    place_close(&place);
    assert_int_equal(place.asking.answered, 1);
    assert_true(place.asking.next < 4);
}

static void connections_beyond_the_most_are_not_made(void **state)
{
    static const enum sms365_err expected[] = {SMS365_OK, SMS365_OK, SMS365_OK};
    static const struct tiny_step steps[] = {{TINY_CLOSE, GOOD}};
    struct place place;

    (void)state;
    place_open(&place, steps, 1);
    for (int i = 0; i < 3; i++)
        ask(&place.asking, &mobile, SMS365_EP_MOBILE_CHECK);
    run(&place, SIZE_MAX);
    expect(&place.asking, expected);
    place_close(&place);
}

static void nobody_who_answers_is_each_requests_trouble(void **state)
{
    static const enum sms365_err expected[] = {SMS365_UNREACHABLE, SMS365_UNREACHABLE};
    static const struct tiny_step steps[] = {{TINY_REPLY, GOOD}};
    struct place place;

    (void)state;
    place_open(&place, steps, 1);
    (void)snprintf(place.conf.url, sizeof place.conf.url, "http://127.0.0.1:1/api");
    ask(&place.asking, &mobile, SMS365_EP_MOBILE_CHECK);
    ask(&place.asking, &mobile, SMS365_EP_MOBILE_CHECK);
    run(&place, 2);
    expect(&place.asking, expected);
    place_close(&place);
    assert_int_equal(place.server.connections, 0);
}

/* Which of its base URLs answers is found out by one request for all; and anew once that one fails. */
static void a_keys_next_base_url_is_tried_when_one_fails(void **state)
{
    static const enum sms365_err from_none[] = {SMS365_OK, SMS365_OK};
    static const enum sms365_err from_the_dead[] = {SMS365_UNREACHABLE, SMS365_OK};
    static const struct tiny_step steps[] = {{TINY_CLOSE, GOOD}};
    struct sms365_key key = {.name = "main", .urls = {"http://127.0.0.1:1/api"}, .url_count = 2};
    const struct sms365_keys keys = {&key, 1};

    (void)state;
    assert_true(sms365_cidr_list_parse(&key.whitelist, "any", NULL));
    assert_true(sms365_secret_set(&key.secret, "API-KEY", 7));
    for (int chosen = 0; chosen < 2; chosen++) {
        struct place place;
        place_open(&place, steps, 1);
        (void)snprintf(key.urls[1], sizeof key.urls[1], "%s", place.conf.url);
        place.provider.keys = &keys;
        place.provider.chosen = chosen ? &key : NULL;
        ask(&place.asking, &mobile, SMS365_EP_HLR_LOOKUP);
        ask(&place.asking, &mobile, SMS365_EP_HLR_LOOKUP);
        run(&place, 1);
        expect(&place.asking, chosen ? from_the_dead : from_none);
        assert_ptr_equal(place.provider.chosen, &key);
        assert_int_equal(place.provider.chosen_url, 1);
        place_close(&place);
    }
    sms365_secret_free(&key.secret);
}

static void an_address_outside_the_whitelist_sends_nothing(void **state)
{
    static const enum sms365_err expected[] = {SMS365_WRONG_ADDRESS};
    static const struct tiny_step steps[] = {{TINY_REPLY, GOOD}};
    struct sms365_key key = {.name = "main", .url_count = 1};
    const struct sms365_keys keys = {&key, 1};
    struct place place;

    (void)state;
    assert_true(sms365_cidr_list_parse(&key.whitelist, "192.0.2.0/24", NULL));
    assert_true(sms365_secret_set(&key.secret, "API-KEY", 7));
    place_open(&place, steps, 1);
    (void)snprintf(key.urls[0], sizeof key.urls[0], "%s", place.conf.url);
    place.provider.keys = &keys;
    place.provider.chosen = &key;
    ask(&place.asking, &mobile, SMS365_EP_HLR_LOOKUP);
    run(&place, 2);
    expect(&place.asking, expected);
    place_close(&place);
    assert_int_equal(place.server.requests, 0);
    sms365_secret_free(&key.secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_ask_makes_no_connection),
        cmocka_unit_test(a_request_that_cannot_be_made_leaves_the_others_alone),
        cmocka_unit_test(each_reply_is_judged_by_itself),
        cmocka_unit_test(a_reply_that_does_not_come_in_time_is_lost_and_the_next_is_asked_for),
        cmocka_unit_test(whoever_wants_no_more_waits_for_nothing_that_is_under_way),
        cmocka_unit_test(connections_beyond_the_most_are_not_made),
        cmocka_unit_test(nobody_who_answers_is_each_requests_trouble),
        cmocka_unit_test(a_keys_next_base_url_is_tried_when_one_fails),
        cmocka_unit_test(an_address_outside_the_whitelist_sends_nothing),
    };
    if (!http_prepare())
        return 1;
    return cmocka_run_group_tests(tests, http_setup, http_teardown);
}
