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

static void eight_challenges_may_be_open_in_a_share_and_a_holder_replaces_its_own(void **unused)
{
    enum { MOST = SMS365_OPEN_MAX / SMS365_SHARES };
    const struct sms365_now now = at(HOUR + MINUTE);
    struct sms365_limits with = limits;
    struct sms365_state state = {0};
    int64_t retry_after_ms = 0;

    (void)unused;
    with.sends_per_hour = SMS365_SENDS_MAX;
    for (uint8_t i = 0; i < MOST; i++)
        assert_int_equal(reserve(&state, &with, i, i, HOUR + i), SMS365_REASON_NONE);
    struct sms365_slot slot = slot_of(100, 100, now.boot_ms);
    assert_int_equal(sms365_state_reserve(&state, &with, &slot, &now, &retry_after_ms), SMS365_REASON_TOO_MANY_OPEN);
    assert_int_equal(retry_after_ms, with.life_ms - MINUTE);
    assert_int_equal(state.shares[0].send_count, MOST);
    slot.share = SMS365_SHARE_USUAL; /* who fills one share leaves the other alone */
    assert_int_equal(sms365_state_reserve(&state, &with, &slot, &now, &retry_after_ms), SMS365_REASON_NONE);
    slot = slot_of(101, 7, now.boot_ms);
    assert_int_equal(sms365_state_reserve(&state, &with, &slot, &now, &retry_after_ms), SMS365_REASON_NONE);
    assert_int_equal(state.slot_count, MOST + 1);
    assert_int_equal(sms365_state_held(&state, slot.holder)->id[0], 101);
    assert_null(sms365_state_slot(&state, (uint8_t[SMS365_ID_BYTES]){7}));
    assert_int_equal(reserve(&state, &with, 102, 102, HOUR + with.life_ms), SMS365_REASON_NONE);
}

static void a_user_has_so_many_messages_and_so_much_cost_a_day_in_each_share(void **unused)
{
    struct sms365_limits with = limits;
    struct sms365_state state = {0};
    struct sms365_slot slot = slot_of(1, 1, 0);
    int64_t retry_after_ms = 0;

    (void)unused;
    with.sends_per_hour = SMS365_SENDS_MAX;
    with.day = (struct sms365_cap){24 * HOUR, 3, 0, false};
    for (int i = 0; i < 3; i++)
        assert_int_equal(reserve(&state, &with, 1, 1, i * 2 * HOUR), SMS365_REASON_NONE);
    const struct sms365_now later = at(23 * HOUR), next_day = at(24 * HOUR);
    sms365_state_prune(&state, &with, &later);
    assert_int_equal(sms365_state_reserve(&state, &with, &slot, &later, &retry_after_ms), SMS365_REASON_TOO_MANY_SENDS);
    assert_int_equal(retry_after_ms, HOUR);
    slot.share = SMS365_SHARE_USUAL;
    assert_int_equal(sms365_state_reserve(&state, &with, &slot, &later, &retry_after_ms), SMS365_REASON_NONE);
    slot.share = SMS365_SHARE_OTHER;
    slot.sent_ms = next_day.boot_ms;
    assert_int_equal(sms365_state_reserve(&state, &with, &slot, &next_day, &retry_after_ms), SMS365_REASON_NONE);
    with.day = (struct sms365_cap){24 * HOUR, 100, 2 * SMS365_COST_UNIT, false};
    assert_int_equal(sms365_state_reserve(&state, &with, &slot, &next_day, &retry_after_ms), SMS365_REASON_NONE);
    assert_int_equal(
        sms365_state_reserve(&state, &with, &slot, &next_day, &retry_after_ms), SMS365_REASON_TOO_MANY_SENDS);
    sms365_state_correct(&state, &with, sms365_state_slot(&state, slot.id), 500, &next_day);
    slot.cost = 500;
    assert_int_equal(sms365_state_reserve(&state, &with, &slot, &next_day, &retry_after_ms), SMS365_REASON_NONE);
}

static void nobody_takes_more_than_a_tenth_of_what_the_store_may_send(void **unused)
{
    struct sms365_conf conf;

    (void)unused;
    sms365_conf_defaults(&conf);
    for (conf.sends_per_day_host = 20; conf.sends_per_day_host < 3000; conf.sends_per_day_host += 7) {
        const struct sms365_limits found = sms365_limits_of(&conf);
        assert_true(SMS365_SHARES * found.day.count * 10 <= found.store_day.count);
        assert_true(found.day.count >= 1 && found.day.count <= conf.sends_per_day);
    }
    conf.cost_per_day = 0;
    conf.cost_per_day_host = 400;
    assert_int_equal(sms365_limits_of(&conf).day.cost, 20 * SMS365_COST_UNIT);
    conf.cost_per_day_host = 0;
    assert_int_equal(sms365_limits_of(&conf).day.cost, 0);
}

static void a_refund_takes_back_the_one_send_and_its_challenge(void **unused)
{
    const struct sms365_now now = at(HOUR + 10);
    const struct sms365_slot none = {.phase = 0};
    struct sms365_state state = {0};

    (void)unused;
    (void)reserve(&state, &limits, 1, 1, HOUR);
    (void)reserve(&state, &limits, 2, 2, HOUR + 5);
    (void)reserve(&state, &limits, 3, 3, HOUR + 9);
    sms365_state_refund(&state, &limits, (uint8_t[SMS365_ID_BYTES]){2}, &none, false, &now);
    assert_int_equal(state.shares[0].send_count, 2);
    assert_int_equal(state.shares[0].day.count, 2);
    assert_int_equal(state.shares[0].day.cost, 2 * SMS365_COST_UNIT);
    assert_int_equal(state.shares[0].sends[0], HOUR);
    assert_int_equal(state.shares[0].sends[1], HOUR + 9);
    assert_int_equal(state.slot_count, 2);
    assert_null(sms365_state_slot(&state, (uint8_t[SMS365_ID_BYTES]){2}));
    sms365_state_refund(&state, &limits, (uint8_t[SMS365_ID_BYTES]){2}, &none, false, &now);
    assert_int_equal(state.shares[0].send_count, 2);
    assert_false(sms365_state_drop(&state, (uint8_t[SMS365_ID_BYTES]){2}));
    assert_true(sms365_state_drop(&state, (uint8_t[SMS365_ID_BYTES]){1}));
    assert_int_equal(state.shares[0].send_count, 2);
    assert_int_equal(state.slot_count, 1);
}

static void a_refund_opens_again_what_the_send_had_replaced(void **unused)
{
    const struct sms365_now now = at(HOUR + 10);
    struct sms365_state state = {0};

    (void)unused;
    (void)reserve(&state, &limits, 1, 7, HOUR);
    state.slots[0].tries = 2;
    const struct sms365_slot before = state.slots[0];
    (void)reserve(&state, &limits, 2, 7, HOUR + 5);
    sms365_state_refund(&state, &limits, (uint8_t[SMS365_ID_BYTES]){2}, &before, false, &now);
    assert_int_equal(state.slot_count, 1);
    assert_memory_equal(&state.slots[0], &before, sizeof before);
    assert_int_equal(state.shares[0].send_count, 1);
}

static void what_the_provider_refused_stays_counted_until_a_resend_would_be_allowed(void **unused)
{
    const struct sms365_slot none = {.phase = 0};
    struct sms365_state state = {0};
    struct sms365_now now = at(2 * HOUR);

    (void)unused;
    (void)reserve(&state, &limits, 1, 1, HOUR + 1);
    (void)reserve(&state, &limits, 2, 2, HOUR + limits.resend_after_ms + 7);
    (void)reserve(&state, &limits, 3, 3, 2 * HOUR);
    sms365_state_refund(&state, &limits, (uint8_t[SMS365_ID_BYTES]){3}, &none, true, &now);
    assert_int_equal(state.shares[0].send_count, 3);
    assert_int_equal(state.shares[0].sends[0], HOUR + 1);
    assert_int_equal(state.shares[0].sends[1], HOUR + limits.resend_after_ms);
    assert_int_equal(state.shares[0].day.count, 2);
    assert_null(sms365_state_slot(&state, (uint8_t[SMS365_ID_BYTES]){3}));
    now = at(2 * HOUR + limits.resend_after_ms - 1);
    sms365_state_prune(&state, &limits, &now);
    assert_int_equal(state.shares[0].send_count, 2);
    now = at(2 * HOUR + limits.resend_after_ms);
    sms365_state_prune(&state, &limits, &now);
    assert_int_equal(state.shares[0].send_count, 1);
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

/* --- Tallies --- */

static void a_tally_has_so_many_within_a_window_that_the_first_begins(void **unused)
{
    struct sms365_tally tally = {0};
    struct sms365_now now = at(0);
    int64_t retry_after_ms = 0;

    (void)unused;
    for (int i = 0; i < limits.attempts.count; i++) {
        now = at(i * MINUTE);
        assert_true(sms365_tally_charge(&tally, &limits.attempts, now.boot_ms, 0, &now, &retry_after_ms));
    }
    now = at(HOUR - 1);
    assert_false(sms365_tally_charge(&tally, &limits.attempts, now.boot_ms, 0, &now, &retry_after_ms));
    assert_int_equal(retry_after_ms, 1);
    assert_int_equal(tally.count, limits.attempts.count);
    now = at(HOUR);
    assert_true(sms365_tally_charge(&tally, &limits.attempts, now.boot_ms, 0, &now, &retry_after_ms));
    assert_int_equal(tally.count, 1);
}

static void a_tally_gives_back_what_its_window_still_holds(void **unused)
{
    const struct sms365_cap cap = {HOUR, 10, 5000, false};
    struct sms365_tally tally = {0};
    struct sms365_now now = at(0);
    int64_t retry_after_ms = 0;

    (void)unused;
    assert_true(sms365_tally_charge(&tally, &cap, now.boot_ms, 3000, &now, &retry_after_ms));
    assert_false(sms365_tally_charge(&tally, &cap, now.boot_ms, 2001, &now, &retry_after_ms));
    assert_true(sms365_tally_charge(&tally, &cap, now.boot_ms, 2000, &now, &retry_after_ms));
    sms365_tally_refund(&tally, HOUR, 0, 2000, &now);
    assert_int_equal(tally.count, 1);
    assert_int_equal(tally.cost, 3000);
    now = at(HOUR);
    sms365_tally_refund(&tally, HOUR, 0, 3000, &now);
    sms365_tally_refund(&tally, HOUR, 0, 3000, &now);
    assert_int_equal(tally.count, 0);
    assert_int_equal(tally.cost, 0);
}

static void what_the_first_of_a_window_cost_is_corrected_though_it_was_counted_later(void **unused)
{
    const struct sms365_cap cap = {HOUR, 10, 5000, false};
    struct sms365_tally tally = {0};
    const struct sms365_now now = at(1003);
    int64_t retry_after_ms = 0;

    (void)unused;
    assert_true(sms365_tally_charge(&tally, &cap, 1002, 1000, &now, &retry_after_ms));
    assert_true(sms365_tally_charge(&tally, &cap, 1000, 1000, &now, &retry_after_ms));
    sms365_tally_correct(&tally, HOUR, 1000, 2000, &now);
    sms365_tally_correct(&tally, HOUR, 1002, 1000, &now);
    assert_int_equal(tally.cost, 5000);
    assert_false(sms365_tally_charge(&tally, &cap, 1003, 1, &now, &retry_after_ms));
    assert_int_equal(retry_after_ms, HOUR - 3);
    sms365_tally_correct(&tally, HOUR, 999, 1000, &now); /* of the window before */
    assert_int_equal(tally.cost, 5000);
}

static void a_process_that_stood_still_makes_no_window_shorter(void **unused)
{
    const struct sms365_cap cap = {HOUR, 1, 0, false};
    struct sms365_tally tally = {0};
    struct sms365_now now = at(HOUR);
    int64_t retry_after_ms = 0;

    (void)unused;
    assert_true(sms365_tally_charge(&tally, &cap, 1, 1000, &now, &retry_after_ms));
    now = at(2 * HOUR - 1);
    assert_false(sms365_tally_charge(&tally, &cap, 2, 1000, &now, &retry_after_ms));
    assert_int_equal(retry_after_ms, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_so_many_messages_go_out_in_an_hour),
        cmocka_unit_test(a_lowered_limit_waits_for_the_send_that_makes_room),
        cmocka_unit_test(eight_challenges_may_be_open_in_a_share_and_a_holder_replaces_its_own),
        cmocka_unit_test(a_user_has_so_many_messages_and_so_much_cost_a_day_in_each_share),
        cmocka_unit_test(nobody_takes_more_than_a_tenth_of_what_the_store_may_send),
        cmocka_unit_test(a_refund_takes_back_the_one_send_and_its_challenge),
        cmocka_unit_test(a_refund_opens_again_what_the_send_had_replaced),
        cmocka_unit_test(what_the_provider_refused_stays_counted_until_a_resend_would_be_allowed),
        cmocka_unit_test(a_code_lives_and_a_resend_waits_to_the_millisecond),
        cmocka_unit_test(tries_left_count_down_to_nothing),
        cmocka_unit_test(a_tally_has_so_many_within_a_window_that_the_first_begins),
        cmocka_unit_test(a_tally_gives_back_what_its_window_still_holds),
        cmocka_unit_test(what_the_first_of_a_window_cost_is_corrected_though_it_was_counted_later),
        cmocka_unit_test(a_process_that_stood_still_makes_no_window_shorter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
