#include "pure/session.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1800000000
#define SPAN(text)                                                                                                     \
    {                                                                                                                  \
        text, sizeof(text) - 1                                                                                         \
    }

static const struct sms365_mac_key key_bytes = {{'k'}}, other_key_bytes = {{'o'}};
static const struct sms365_ticket fresh = {{1, 2, 3, 0, 0xff}, NOW - 100, NOW - 10, NOW + 1000};
static const struct sms365_ticket_limits no_limits = {0};
static const struct sms365_scope session = {
    .purpose = SMS365_PURPOSE_SESSION,
    .service = SPAN("web"),
    .host = SPAN("app.example.org"),
    .user = SPAN("alice"),
    .enrolment = {7},
};

static struct sms365_ticket_key *key, *other_key;

static int make_keys(void **state)
{
    (void)state;
    key = sms365_ticket_key_new(&key_bytes);
    other_key = sms365_ticket_key_new(&other_key_bytes);
    return key == NULL || other_key == NULL;
}

static int free_keys(void **state)
{
    (void)state;
    sms365_ticket_key_free(key);
    sms365_ticket_key_free(other_key);
    sms365_ticket_key_free(NULL);
    return 0;
}

/* From memory of exactly that length, so that a reader that goes beyond it is found out. */
static enum sms365_ticket_state check_bytes(const struct sms365_scope *scope, const char *text, size_t length)
{
    char *exact = malloc(length == 0 ? 1 : length);
    struct sms365_ticket ticket;

    assert_non_null(exact);
    memcpy(exact, text, length);
    const enum sms365_ticket_state state = sms365_ticket_check(&ticket, key, scope, &no_limits, exact, length, NOW);
    free(exact);
    const struct sms365_ticket nothing = {0};
    if (state != SMS365_TICKET_VALID && state != SMS365_TICKET_EXPIRED)
        assert_memory_equal(&ticket, &nothing, sizeof nothing);
    return state;
}

static enum sms365_ticket_state check(const struct sms365_scope *scope, const char *text)
{
    return check_bytes(scope, text, strlen(text));
}

static void a_ticket_comes_back_as_it_was_made(void **state)
{
    char text[SMS365_TICKET_SIZE];
    struct sms365_ticket ticket;

    (void)state;
    assert_true(sms365_ticket_make(text, key, &session, &fresh));
    assert_int_equal(strlen(text), SMS365_TICKET_SIZE - 1);
    assert_int_equal(
        sms365_ticket_check(&ticket, key, &session, &no_limits, text, strlen(text), NOW), SMS365_TICKET_VALID);
    assert_memory_equal(ticket.id, fresh.id, sizeof ticket.id);
    assert_int_equal(ticket.issued_s, fresh.issued_s);
    assert_int_equal(ticket.seen_s, fresh.seen_s);
    assert_int_equal(ticket.expires_s, fresh.expires_s);
}

static void it_is_good_for_its_own_scope_alone(void **state)
{
    char text[SMS365_TICKET_SIZE];

    (void)state;
    assert_true(sms365_ticket_make(text, key, &session, &fresh));
    struct sms365_scope scopes[] = {
        session, session, session, session, session, session, session, session, session, session};
    scopes[9].purpose = SMS365_PURPOSE_REMEMBER;
    scopes[0].purpose = SMS365_PURPOSE_LOGIN;
    scopes[1].purpose = SMS365_PURPOSE_FORM;
    scopes[2].service = (struct sms365_span)SPAN("we");
    scopes[3].host = (struct sms365_span)SPAN("app.example.com");
    scopes[4].user = (struct sms365_span)SPAN("alicf");
    scopes[5].user = (struct sms365_span)SPAN("");
    scopes[6].network = (struct sms365_span)SPAN("192.0.2.0");
    scopes[7].enrolment[SMS365_ENROLMENT_BYTES - 1] = 1;
    scopes[8].user = (struct sms365_span)SPAN("alice\0");
    for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++)
        assert_int_equal(check(&scopes[i], text), SMS365_TICKET_FORGED);
    assert_int_equal(check(&session, text), SMS365_TICKET_VALID);
}

static void parts_of_a_scope_do_not_run_into_each_other(void **state)
{
    char text[SMS365_TICKET_SIZE];
    struct sms365_scope one = session, two = session;

    (void)state;
    one.service = (struct sms365_span)SPAN("ab");
    one.host = (struct sms365_span)SPAN("c");
    two.service = (struct sms365_span)SPAN("a");
    two.host = (struct sms365_span)SPAN("bc");
    assert_true(sms365_ticket_make(text, key, &one, &fresh));
    assert_int_equal(check(&one, text), SMS365_TICKET_VALID);
    assert_int_equal(check(&two, text), SMS365_TICKET_FORGED);
}

static void another_key_is_told_apart(void **state)
{
    char text[SMS365_TICKET_SIZE];

    (void)state;
    assert_true(sms365_ticket_make(text, other_key, &session, &fresh));
    assert_int_equal(check(&session, text), SMS365_TICKET_OTHER_KEY);
}

static void no_altered_character_passes(void **state)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char text[SMS365_TICKET_SIZE], altered[SMS365_TICKET_SIZE];

    (void)state;
    assert_true(sms365_ticket_make(text, key, &session, &fresh));
    for (size_t i = 0; i < sizeof text - 1; i++)
        for (const char *c = alphabet; *c != '\0'; c++) {
            memcpy(altered, text, sizeof text);
            altered[i] = *c;
            assert_int_equal(check(&session, altered) == SMS365_TICKET_VALID, *c == text[i]);
        }
}

static void only_the_whole_canonical_text_passes(void **state)
{
    char text[SMS365_TICKET_SIZE], doubled[2 * SMS365_TICKET_SIZE], changed[SMS365_TICKET_SIZE + 8];

    (void)state;
    assert_true(sms365_ticket_make(text, key, &session, &fresh));
    for (size_t length = 0; length < sizeof text - 1; length++)
        assert_int_equal(check_bytes(&session, text, length), SMS365_TICKET_FORGED);
    assert_int_equal(check_bytes(&session, text, sizeof text), SMS365_TICKET_FORGED); /* its NUL included */
    (void)snprintf(doubled, sizeof doubled, "%s%s", text, text);
    assert_int_equal(check(&session, doubled), SMS365_TICKET_FORGED);
    static const char *const around[][2] = {{"", "="}, {"", "=="}, {" ", ""}, {"", " "}, {"\"", "\""}, {"", "\n"}};
    for (size_t i = 0; i < sizeof around / sizeof *around; i++) {
        (void)snprintf(changed, sizeof changed, "%s%s%s", around[i][0], text, around[i][1]);
        assert_int_equal(check(&session, changed), SMS365_TICKET_FORGED);
    }
    memcpy(changed, text, sizeof text);
    changed[20] = '\0';
    assert_int_equal(check_bytes(&session, changed, sizeof text - 1), SMS365_TICKET_FORGED);
    changed[20] = '+';
    assert_int_equal(check(&session, changed), SMS365_TICKET_FORGED);
}

static void times_are_held_to(void **state)
{
    const struct {
        struct sms365_ticket ticket;
        struct sms365_ticket_limits limits;
        enum sms365_ticket_state state;
    } cases[] = {
        {{{1}, NOW - 100, NOW - 10, NOW + 1}, {0, 0}, SMS365_TICKET_VALID},
        {{{1}, NOW - 100, NOW - 10, NOW}, {0, 0}, SMS365_TICKET_EXPIRED},
        {{{1}, NOW - 100, NOW - 10, NOW + 1000}, {101, 0}, SMS365_TICKET_VALID},
        {{{1}, NOW - 100, NOW - 10, NOW + 1000}, {100, 0}, SMS365_TICKET_EXPIRED},
        {{{1}, NOW - 100, NOW - 10, NOW + 1000}, {0, 11}, SMS365_TICKET_VALID},
        {{{1}, NOW - 100, NOW - 10, NOW + 1000}, {0, 10}, SMS365_TICKET_EXPIRED},
        {{{1}, NOW + SMS365_TICKET_SKEW_S, NOW, NOW + 1000}, {0, 0}, SMS365_TICKET_VALID},
        {{{1}, NOW + SMS365_TICKET_SKEW_S + 1, NOW, NOW + 1000}, {0, 0}, SMS365_TICKET_EARLY},
        {{{1}, NOW, NOW + SMS365_TICKET_SKEW_S + 1, NOW + 1000}, {0, 0}, SMS365_TICKET_EARLY},
        {{{1}, INT64_MAX, INT64_MAX, INT64_MAX}, {0, 0}, SMS365_TICKET_EARLY},
        {{{1}, INT64_MIN, INT64_MIN, INT64_MAX}, {1, 1}, SMS365_TICKET_FORGED},
        {{{1}, 0, 0, INT64_MIN}, {0, 0}, SMS365_TICKET_EXPIRED},
    };
    char text[SMS365_TICKET_SIZE];
    struct sms365_ticket ticket;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(sms365_ticket_make(text, key, &session, &cases[i].ticket));
        assert_int_equal(
            sms365_ticket_check(&ticket, key, &session, &cases[i].limits, text, strlen(text), NOW), cases[i].state);
        assert_int_equal(
            ticket.id[0], cases[i].state == SMS365_TICKET_VALID || cases[i].state == SMS365_TICKET_EXPIRED ? 1 : 0);
    }
}

static void long_names_are_signed_and_too_long_ones_refused(void **state)
{
    static char name[65536];
    char text[SMS365_TICKET_SIZE];
    struct sms365_scope scope = session;

    (void)state;
    memset(name, 'n', sizeof name);
    scope.user = (struct sms365_span){name, 65535};
    assert_true(sms365_ticket_make(text, key, &scope, &fresh));
    assert_int_equal(check(&scope, text), SMS365_TICKET_VALID);
    scope.user.length = 65534;
    assert_int_equal(check(&scope, text), SMS365_TICKET_FORGED);
    scope.user.length = 65536;
    assert_false(sms365_ticket_make(text, key, &scope, &fresh));
    assert_int_equal(check(&scope, text), SMS365_TICKET_FORGED);
}

static void an_enrolment_names_all_numbers_in_their_order(void **state)
{
    const struct sms365_number numbers[] = {
        {.msisdn = "306971234567"}, {.msisdn = "306987654321"}, {.msisdn = "306971234567"}};
    uint8_t first[SMS365_ENROLMENT_BYTES], other[SMS365_ENROLMENT_BYTES];

    (void)state;
    assert_true(sms365_enrolment(first, key, numbers, 2));
    assert_true(sms365_enrolment(other, key, numbers, 2));
    assert_memory_equal(first, other, sizeof first);
    assert_true(sms365_enrolment(other, key, numbers + 1, 2));
    assert_memory_not_equal(first, other, sizeof first);
    assert_true(sms365_enrolment(other, key, numbers, 1));
    assert_memory_not_equal(first, other, sizeof first);
    assert_true(sms365_enrolment(other, key, NULL, 0));
    assert_memory_not_equal(first, other, sizeof first);
    assert_true(sms365_enrolment(other, other_key, numbers, 2));
    assert_memory_not_equal(first, other, sizeof first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_comes_back_as_it_was_made),
        cmocka_unit_test(it_is_good_for_its_own_scope_alone),
        cmocka_unit_test(parts_of_a_scope_do_not_run_into_each_other),
        cmocka_unit_test(another_key_is_told_apart),
        cmocka_unit_test(no_altered_character_passes),
        cmocka_unit_test(only_the_whole_canonical_text_passes),
        cmocka_unit_test(times_are_held_to),
        cmocka_unit_test(long_names_are_signed_and_too_long_ones_refused),
        cmocka_unit_test(an_enrolment_names_all_numbers_in_their_order),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
