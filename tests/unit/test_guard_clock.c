/* What the guard keeps, passed on in records from one moment to another whose clocks do not agree. */
#include "policy_fixture.h"

#include "base/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define DAY (DAY_S * SECOND)
#define LOCKOUT (20 * MINUTE)
#define BUDGET 5

static const struct sms365_guard_limits guard = {
    .budget = BUDGET,
    .window_ms = 30 * DAY,
    .lockout_after = 1,
    .lockout_ms = LOCKOUT,
    .lockout_max_ms = LOCKOUT,
};

static const int64_t steps_s[] = {-31 * DAY_S, -DAY_S, -1, 0, 1, DAY_S, 31 * DAY_S};
#define STEPS (sizeof steps_s / sizeof *steps_s)

static const uint8_t place[SMS365_PLACE_BYTES] = {7};

/* Written at one time and read at another. */
static struct sms365_state passed_on(
    const struct sms365_state *state, const struct sms365_now *then, const struct sms365_now *now)
{
    uint8_t record[SMS365_RECORD_MAX];
    struct sms365_state found;
    size_t length;

    assert_true(sms365_state_encode(state, then, record, sizeof record, &length));
    assert_true(sms365_state_decode(&found, now, record, length));
    for (size_t i = 0; i < SMS365_SHARES; i++)
        sms365_share_prune(&found.shares[i], &guard, now);
    return found;
}

/* Another boot, by the wall clock so much later than `then`. */
static struct sms365_now next_boot(const struct sms365_now *then, int64_t wall_step_s)
{
    struct sms365_now now = rebooted(7 * SECOND, then->wall_s + wall_step_s);

    now.boot_id[0] = (uint8_t)(then->boot_id[0] + 1);
    return now;
}

static enum sms365_reason charge(struct sms365_share *share, uint8_t chain, const struct sms365_now *now)
{
    const uint8_t name[SMS365_CHAIN_BYTES] = {chain};
    int64_t retry_after_ms;

    sms365_share_prune(share, &guard, now);
    return sms365_share_charge(share, &guard, name, now, &retry_after_ms);
}

/* Two failed challenges: a lockout from now on. And a usual place. */
static struct sms365_state failed_twice(const struct sms365_now *now)
{
    struct sms365_state state = {0};
    struct sms365_share *share = &state.shares[SMS365_SHARE_OTHER];
    const struct sms365_now before = at(now->boot_ms - LOCKOUT);

    assert_int_equal(charge(share, 1, &before), SMS365_REASON_NONE);
    assert_int_equal(charge(share, 2, now), SMS365_REASON_NONE);
    sms365_place_add(&state.places, place, now);
    return state;
}

static void within_a_boot_the_wall_clock_changes_nothing(void **unused)
{
    const struct sms365_now then = at(2 * HOUR);
    const struct sms365_state state = failed_twice(&then);

    (void)unused;
    for (size_t i = 0; i < STEPS; i++) {
        struct sms365_now now = at(2 * HOUR + 5 * MINUTE);
        now.wall_s += steps_s[i];
        const struct sms365_state found = passed_on(&state, &then, &now);
        const struct sms365_share *share = &found.shares[SMS365_SHARE_OTHER];
        assert_int_equal(share->fail_count, 2);
        assert_int_equal(share->fails[0].when_ms, 2 * HOUR - LOCKOUT);
        assert_int_equal(sms365_share_lockout_ms(share, &guard, &now), LOCKOUT - 5 * MINUTE);
        assert_true(sms365_place_is_recent(&found.places, place, guard.window_ms, &now));
    }
}

static void across_boots_a_wait_is_no_longer_than_configured_and_no_failure_is_lost(void **unused)
{
    const struct sms365_now failed = at(2 * HOUR), then = at(2 * HOUR + 5 * MINUTE);
    const struct sms365_state state = failed_twice(&failed);

    (void)unused;
    for (size_t i = 0; i < STEPS; i++) {
        const struct sms365_now now = next_boot(&then, steps_s[i]);
        const struct sms365_state found = passed_on(&state, &then, &now);
        const struct sms365_share *share = &found.shares[SMS365_SHARE_OTHER];
        const int64_t away_ms = steps_s[i] < 0 ? 0 : steps_s[i] * SECOND;
        const int64_t left_ms = away_ms > LOCKOUT ? 0 : LOCKOUT - 5 * MINUTE - away_ms;
        assert_int_equal(sms365_share_lockout_ms(share, &guard, &now), left_ms);
        assert_int_equal(share->fail_count, steps_s[i] == 31 * DAY_S ? 0 : 2);
        assert_int_equal(
            sms365_place_is_recent(&found.places, place, guard.window_ms, &now), steps_s[i] == 31 * DAY_S ? 0 : 1);
    }
}

static void a_lock_outlasts_every_step_of_the_clock(void **unused)
{
    const struct sms365_now then = at(2 * HOUR);
    struct sms365_state state = {.shares = {{.locked = true}, {.locked = true}}};

    (void)unused;
    for (size_t i = 0; i < STEPS; i++) {
        const struct sms365_now now = next_boot(&then, steps_s[i]);
        struct sms365_state found = passed_on(&state, &then, &now);
        for (size_t id = 0; id < SMS365_SHARES; id++)
            assert_int_equal(charge(&found.shares[id], 1, &now), SMS365_REASON_LOCKED);
    }
}

/* The clock is put forth and back by turns; only what the machine was on for counts, and what it was off for. */
static void reboots_with_a_clock_set_at_will_give_no_tries(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < STEPS; i++) {
        struct sms365_state state = {0};
        struct sms365_now now = at(2 * HOUR);
        int64_t away_ms = 0;
        int tries = 0;
        for (uint8_t boot = 1; boot <= 60; boot++) {
            const int64_t step_s = boot % 2 == 0 ? -steps_s[i] : steps_s[i];
            away_ms += step_s > 0 ? step_s * SECOND : 0;
            const struct sms365_now next = next_boot(&now, step_s);
            state = passed_on(&state, &now, &next);
            now = next;
            now.boot_ms += LOCKOUT;
            now.wall_s += LOCKOUT / SECOND;
            tries += charge(&state.shares[SMS365_SHARE_OTHER], boot, &now) == SMS365_REASON_NONE;
        }
        /* Whoever can make the machine believe that a month went by has waited for it, as far as it can tell. */
        if (away_ms < guard.window_ms)
            assert_int_equal(tries, BUDGET);
        assert_true(tries <= BUDGET * (1 + away_ms / guard.window_ms));
    }
}

/* Written while the wall clock was far ahead, read when it is right again. */
static void a_clock_that_was_ahead_makes_nobody_wait_until_then(void **unused)
{
    struct sms365_now then = at(2 * HOUR);
    const struct sms365_state state = failed_twice(&then);

    (void)unused;
    then.wall_s += 31 * DAY_S;
    const struct sms365_now now = next_boot(&then, -31 * DAY_S);
    struct sms365_state found = passed_on(&state, &then, &now);
    struct sms365_now later = now;
    later.boot_ms += LOCKOUT;
    assert_int_equal(charge(&found.shares[SMS365_SHARE_OTHER], 3, &now), SMS365_REASON_LOCKED_OUT);
    assert_int_equal(charge(&found.shares[SMS365_SHARE_OTHER], 3, &later), SMS365_REASON_NONE);
    later.boot_ms = now.boot_ms + guard.window_ms;
    sms365_share_prune(&found.shares[SMS365_SHARE_OTHER], &guard, &later);
    assert_int_equal(found.shares[SMS365_SHARE_OTHER].fail_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(within_a_boot_the_wall_clock_changes_nothing),
        cmocka_unit_test(across_boots_a_wait_is_no_longer_than_configured_and_no_failure_is_lost),
        cmocka_unit_test(a_lock_outlasts_every_step_of_the_clock),
        cmocka_unit_test(reboots_with_a_clock_set_at_will_give_no_tries),
        cmocka_unit_test(a_clock_that_was_ahead_makes_nobody_wait_until_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
