#include "policy_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static enum sms365_reason reserve(
    struct sms365_state *state, const struct sms365_limits *with, uint8_t id, uint8_t holder, int64_t boot_ms)
{
    const struct sms365_now now = at(boot_ms);
    const struct sms365_slot slot = slot_of(id, holder, boot_ms);
    int64_t retry_after_ms;

    sms365_state_prune(state, with, &now);
    return sms365_state_reserve(state, with, &slot, &now, &retry_after_ms);
}

static void exactly_so_many_messages_go_out_in_an_hour(void **unused)
{
    (void)unused;
    for (int limit = 1; limit <= 30; limit++) {
        const struct sms365_now last = at(2 * HOUR - 1);
        const struct sms365_slot slot = slot_of(1, 1, last.boot_ms);
        struct sms365_limits with = limits;
        struct sms365_state state = {0};
        int64_t retry_after_ms = 0;

        with.sends_per_hour = limit;
        for (int i = 0; i < limit; i++)
            assert_int_equal(reserve(&state, &with, 1, 1, HOUR + i), SMS365_REASON_NONE);
        assert_int_equal(reserve(&state, &with, 1, 1, HOUR + limit), SMS365_REASON_TOO_MANY_SENDS);
        assert_int_equal(
            sms365_state_reserve(&state, &with, &slot, &last, &retry_after_ms), SMS365_REASON_TOO_MANY_SENDS);
        assert_int_equal(retry_after_ms, 1);
        assert_int_equal(reserve(&state, &with, 1, 1, 2 * HOUR), SMS365_REASON_NONE);
        assert_int_equal(reserve(&state, &with, 1, 1, 2 * HOUR), SMS365_REASON_TOO_MANY_SENDS);
    }
}

static void a_lowered_limit_waits_for_the_send_that_makes_room(void **unused)
{
    const struct sms365_now now = at(2 * HOUR);
    const struct sms365_slot slot = slot_of(1, 1, now.boot_ms);
    struct sms365_limits with = limits;
    struct sms365_state state = {
        .shares = {{.send_count = 4, .sends = {2 * HOUR - 40, 2 * HOUR - 30, 2 * HOUR - 20, 2 * HOUR - 10}}}};
    int64_t retry_after_ms;

    (void)unused;
    with.sends_per_hour = 2;
    assert_int_equal(sms365_state_reserve(&state, &with, &slot, &now, &retry_after_ms), SMS365_REASON_TOO_MANY_SENDS);
    assert_int_equal(retry_after_ms, HOUR - 20);
    assert_int_equal(state.shares[0].send_count, 4);
}

static void sixteen_challenges_may_be_open_and_a_holder_replaces_its_own(void **unused)
{
    const struct sms365_now now = at(HOUR + MINUTE);
    struct sms365_limits with = limits;
    struct sms365_state state = {0};
    int64_t retry_after_ms = 0;

    (void)unused;
    with.sends_per_hour = SMS365_SENDS_MAX;
    for (uint8_t i = 0; i < SMS365_OPEN_MAX; i++)
        assert_int_equal(reserve(&state, &with, i, i, HOUR + i), SMS365_REASON_NONE);
    struct sms365_slot slot = slot_of(100, 100, now.boot_ms);
    assert_int_equal(sms365_state_reserve(&state, &with, &slot, &now, &retry_after_ms), SMS365_REASON_TOO_MANY_OPEN);
    assert_int_equal(retry_after_ms, with.life_ms - MINUTE);
    assert_int_equal(state.shares[0].send_count, SMS365_OPEN_MAX);
    slot = slot_of(101, 7, now.boot_ms);
    assert_int_equal(sms365_state_reserve(&state, &with, &slot, &now, &retry_after_ms), SMS365_REASON_NONE);
    assert_int_equal(state.slot_count, SMS365_OPEN_MAX);
    assert_int_equal(sms365_state_held(&state, slot.holder)->id[0], 101);
    assert_null(sms365_state_slot(&state, (uint8_t[SMS365_ID_BYTES]){7}));
    assert_int_equal(reserve(&state, &with, 102, 102, HOUR + with.life_ms), SMS365_REASON_NONE);
}

static void a_refund_takes_back_the_one_send_and_its_challenge(void **unused)
{
    struct sms365_state state = {0};

    (void)unused;
    (void)reserve(&state, &limits, 1, 1, HOUR);
    (void)reserve(&state, &limits, 2, 2, HOUR + 5);
    (void)reserve(&state, &limits, 3, 3, HOUR + 9);
    sms365_state_refund(&state, (uint8_t[SMS365_ID_BYTES]){2});
    assert_int_equal(state.shares[0].send_count, 2);
    assert_int_equal(state.shares[0].sends[0], HOUR);
    assert_int_equal(state.shares[0].sends[1], HOUR + 9);
    assert_int_equal(state.slot_count, 2);
    assert_null(sms365_state_slot(&state, (uint8_t[SMS365_ID_BYTES]){2}));
    sms365_state_refund(&state, (uint8_t[SMS365_ID_BYTES]){2});
    assert_int_equal(state.shares[0].send_count, 2);
    assert_false(sms365_state_drop(&state, (uint8_t[SMS365_ID_BYTES]){2}));
    assert_true(sms365_state_drop(&state, (uint8_t[SMS365_ID_BYTES]){1}));
    assert_int_equal(state.shares[0].send_count, 2);
    assert_int_equal(state.slot_count, 1);
}

static void a_code_lives_and_a_resend_waits_to_the_millisecond(void **unused)
{
    struct sms365_slot slot = slot_of(1, 1, HOUR);
    struct sms365_now now = at(HOUR + limits.life_ms - 1);
    struct sms365_state state = {.slot_count = 1, .slots = {slot}};

    (void)unused;
    assert_int_equal(sms365_slot_life_ms(&slot, &limits, &now), 1);
    assert_int_equal(sms365_slot_tries_left(&slot, &limits, &now), 3);
    sms365_state_prune(&state, &limits, &now);
    assert_int_equal(state.slot_count, 1);
    now.boot_ms++;
    assert_int_equal(sms365_slot_life_ms(&slot, &limits, &now), 0);
    assert_int_equal(sms365_slot_tries_left(&slot, &limits, &now), 0);
    sms365_state_prune(&state, &limits, &now);
    assert_int_equal(state.slot_count, 0);

    now = at(HOUR + limits.resend_after_ms - 1);
    assert_int_equal(sms365_slot_resend_ms(&slot, &limits, &now), 1);
    slot.delivery = SMS365_DELIVERY_DONE;
    assert_int_equal(sms365_slot_resend_ms(&slot, &limits, &now), 1);
    slot.delivery = SMS365_DELIVERY_FAILED;
    assert_int_equal(sms365_slot_resend_ms(&slot, &limits, &now), 0);
    slot.delivery = SMS365_DELIVERY_PENDING;
    now.boot_ms++;
    assert_int_equal(sms365_slot_resend_ms(&slot, &limits, &now), 0);
}

static void tries_left_count_down_to_nothing(void **unused)
{
    const struct sms365_now now = at(HOUR);
    struct sms365_slot slot = slot_of(1, 1, HOUR);

    (void)unused;
    for (uint8_t tries = 0; tries <= 5; tries++) {
        slot.tries = tries;
        assert_int_equal(sms365_slot_tries_left(&slot, &limits, &now), tries < 3 ? 3 - tries : 0);
    }
    slot.tries = 0;
    slot.phase = SMS365_PHASE_SENDING;
    assert_int_equal(sms365_slot_tries_left(&slot, &limits, &now), 0);
}

/* --- Addresses --- */

static void an_address_has_so_many_attempts_within_an_hour_of_the_first(void **unused)
{
    struct sms365_host_state host = {0};
    struct sms365_now now = at(0);
    int64_t retry_after_ms = 0;

    (void)unused;
    for (int i = 0; i < limits.host_attempts_per_hour; i++) {
        now = at(i * MINUTE);
        assert_true(sms365_host_charge(&host, &limits, &now, &retry_after_ms));
    }
    now = at(HOUR - 1);
    assert_false(sms365_host_charge(&host, &limits, &now, &retry_after_ms));
    assert_int_equal(retry_after_ms, 1);
    assert_int_equal(host.attempts, limits.host_attempts_per_hour);
    now = at(HOUR);
    assert_true(sms365_host_charge(&host, &limits, &now, &retry_after_ms));
    assert_int_equal(host.attempts, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_so_many_messages_go_out_in_an_hour),
        cmocka_unit_test(a_lowered_limit_waits_for_the_send_that_makes_room),
        cmocka_unit_test(sixteen_challenges_may_be_open_and_a_holder_replaces_its_own),
        cmocka_unit_test(a_refund_takes_back_the_one_send_and_its_challenge),
        cmocka_unit_test(a_code_lives_and_a_resend_waits_to_the_millisecond),
        cmocka_unit_test(tries_left_count_down_to_nothing),
        cmocka_unit_test(an_address_has_so_many_attempts_within_an_hour_of_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
