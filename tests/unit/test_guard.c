#include "pure/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define SECOND 1000LL
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* The defaults of the configuration. */
static const struct sms365_guard_limits limits = {
    .budget = 10,
    .window_ms = 30 * DAY,
    .lockout_after = 3,
    .lockout_ms = MINUTE,
    .lockout_max_ms = HOUR,
};

static struct sms365_now at(int64_t boot_ms)
{
    return (struct sms365_now){.boot_ms = boot_ms};
}

static enum sms365_reason charge(struct sms365_share *share, uint8_t chain, int64_t boot_ms)
{
    const struct sms365_now now = at(boot_ms);
    const uint8_t name[SMS365_CHAIN_BYTES] = {chain, 1, 2, 3};
    int64_t retry_after_ms;

    sms365_share_prune(share, &limits, &now);
    return sms365_share_charge(share, &limits, name, &now, &retry_after_ms);
}

static void succeed(struct sms365_share *share, uint8_t chain)
{
    const uint8_t name[SMS365_CHAIN_BYTES] = {chain, 1, 2, 3};

    sms365_share_succeed(share, name);
}

static void lockout_doubles_from_a_minute_to_an_hour(void **state)
{
    static const int64_t lengths[] = {
        0, 0, 0, MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE, 16 * MINUTE, 32 * MINUTE, HOUR, HOUR};
    struct sms365_share share = {0};

    (void)state;
    for (size_t row = 0; row < sizeof lengths / sizeof *lengths; row++) {
        const struct sms365_now now = at(1000 * DAY);
        share.row = (uint8_t)row;
        share.row_ms = now.boot_ms;
        assert_int_equal(sms365_share_lockout_ms(&share, &limits, &now), lengths[row]);
        const struct sms365_now later = at(now.boot_ms + lengths[row]);
        assert_int_equal(sms365_share_lockout_ms(&share, &limits, &later), 0);
    }
    share.row = UINT8_MAX;
    const struct sms365_now now = at(share.row_ms);
    assert_int_equal(sms365_share_lockout_ms(&share, &limits, &now), HOUR);
}

static void three_failed_challenges_lock_out_and_the_fourth_waits(void **state)
{
    struct sms365_share share = {0};

    (void)state;
    for (uint8_t chain = 0; chain < 3; chain++)
        assert_int_equal(charge(&share, chain, chain * SECOND), SMS365_REASON_NONE);
    assert_int_equal(charge(&share, 3, 3 * SECOND), SMS365_REASON_LOCKED_OUT);
    /* A challenge that is counted as failed already may use up its tries. */
    assert_int_equal(charge(&share, 2, 3 * SECOND), SMS365_REASON_NONE);
    assert_int_equal(charge(&share, 3, 2 * SECOND + MINUTE), SMS365_REASON_NONE);
}

static void the_budget_locks_until_somebody_unlocks(void **state)
{
    struct sms365_share share = {0};

    (void)state;
    for (uint8_t chain = 0; chain < 10; chain++)
        assert_int_equal(charge(&share, chain, chain * 2 * HOUR), SMS365_REASON_NONE);
    assert_true(share.locked);
    assert_int_equal(charge(&share, 10, 30 * HOUR), SMS365_REASON_LOCKED);
    assert_int_equal(charge(&share, 11, 400 * DAY), SMS365_REASON_LOCKED);
    sms365_share_unlock(&share);
    assert_int_equal(charge(&share, 12, 400 * DAY), SMS365_REASON_NONE);
}

static void a_backup_code_ends_locks_and_refills_nothing_else(void **state)
{
    struct sms365_share share = {.backups = {0, limits.budget - 1, 0}};

    (void)state;
    for (uint8_t chain = 0; chain < 9; chain++)
        assert_int_equal(charge(&share, chain, chain * 2 * HOUR), SMS365_REASON_NONE);
    sms365_share_open(&share, &limits);
    assert_int_equal(share.row, 0);
    assert_int_equal(share.fail_count, 9);
    assert_int_equal(share.backups.count, limits.budget - 1);
    assert_int_equal(charge(&share, 9, 18 * HOUR), SMS365_REASON_NONE);
    assert_true(share.locked);
    share.backups.count++;
    sms365_share_open(&share, &limits);
    assert_false(share.locked);
    assert_int_equal(share.fail_count, 0);
    assert_int_equal(share.backups.count, 0);
}

static void a_later_success_does_not_refill_the_budget(void **state)
{
    struct sms365_share share = {0};

    (void)state;
    for (uint8_t chain = 0; chain < 9; chain++) {
        assert_int_equal(charge(&share, chain, chain * DAY), SMS365_REASON_NONE);
        assert_int_equal(charge(&share, 100, chain * DAY + HOUR), SMS365_REASON_NONE);
        succeed(&share, 100);
        assert_int_equal(share.fail_count, chain + 1);
        assert_int_equal(share.row, 0);
    }
}

static void typing_errors_are_given_back_with_the_lock_they_brought(void **state)
{
    struct sms365_share share = {0};

    (void)state;
    for (uint8_t chain = 0; chain < 8; chain++)
        assert_int_equal(charge(&share, chain, chain * DAY), SMS365_REASON_NONE);
    assert_int_equal(charge(&share, 50, 9 * DAY), SMS365_REASON_NONE);
    assert_int_equal(charge(&share, 50, 9 * DAY), SMS365_REASON_NONE);
    assert_true(share.locked);
    succeed(&share, 50);
    assert_false(share.locked);
    assert_int_equal(share.fail_count, 8);
}

static void failures_leave_the_window_one_by_one(void **state)
{
    struct sms365_share share = {0};

    (void)state;
    for (uint8_t chain = 0; chain < 9; chain++)
        assert_int_equal(charge(&share, chain, chain * DAY), SMS365_REASON_NONE);
    assert_int_equal(charge(&share, 20, 30 * DAY), SMS365_REASON_NONE);
    assert_false(share.locked);
    assert_int_equal(share.fail_count, 9);
}

static void places_are_usual_for_the_window_and_the_least_used_makes_room(void **state)
{
    struct sms365_places places = {0};

    (void)state;
    for (uint8_t i = 0; i < SMS365_PLACES_MAX + 1; i++) {
        const uint8_t name[SMS365_PLACE_BYTES] = {i};
        const struct sms365_now now = at(i * HOUR);
        assert_false(sms365_place_is_recent(&places, name, limits.window_ms, &now));
        sms365_place_add(&places, name, &now);
        assert_true(sms365_place_is_recent(&places, name, limits.window_ms, &now));
    }
    const uint8_t first[SMS365_PLACE_BYTES] = {0}, second[SMS365_PLACE_BYTES] = {1};
    const struct sms365_now later = at(2 * DAY), much_later = at(HOUR + 30 * DAY);
    assert_false(sms365_place_is_recent(&places, first, limits.window_ms, &later));
    assert_true(sms365_place_is_recent(&places, second, limits.window_ms, &later));
    assert_false(sms365_place_is_recent(&places, second, limits.window_ms, &much_later));
}

/* --- A year of guessing --- */

static uint32_t dice(uint32_t *seed, uint32_t sides)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)*seed * sides) >> 32);
}

/* How somebody guesses who always guesses wrong: the tries he gets out of a year. */
struct attacker {
    int tries_a_challenge;
    int spare; /* failures that he leaves of the budget, so that it never locks */
};

static int tries_in_a_year(const struct attacker *attacker, uint32_t seed)
{
    struct sms365_share share = {0};
    uint32_t challenge = 1;
    int tries = 0;

    for (int64_t moment = 0; moment < 365 * DAY; moment += MINUTE) {
        const struct sms365_now now = at(moment);
        const uint8_t chain[SMS365_CHAIN_BYTES] = {
            (uint8_t)challenge, (uint8_t)(challenge >> 8), (uint8_t)(challenge >> 16), 0};
        const uint8_t owners[SMS365_CHAIN_BYTES] = {(uint8_t)challenge, (uint8_t)(challenge >> 8), 0, 1};
        int64_t retry_after_ms;

        sms365_share_prune(&share, &limits, &now);
        if (moment % (72 * MINUTE) == 0) { /* twenty logins a day from elsewhere, some with a typing error */
            for (uint32_t slips = dice(&seed, 10) == 0 ? 2 : 1; slips > 0; slips--)
                if (sms365_share_charge(&share, &limits, owners, &now, &retry_after_ms) != SMS365_REASON_NONE)
                    goto attack;
            sms365_share_succeed(&share, owners);
        }
    attack:
        for (int i = 0; i < attacker->tries_a_challenge; i++) {
            if ((int)share.fail_count >= limits.budget - attacker->spare)
                break;
            if (sms365_share_charge(&share, &limits, chain, &now, &retry_after_ms) != SMS365_REASON_NONE)
                break;
            tries++;
        }
        challenge++;
    }
    return tries;
}

static void a_year_of_guessing_stays_within_the_figures(void **state)
{
    struct sms365_figures figures;
    int most = 0;

    (void)state;
    sms365_figures_compute(&figures, &limits, 4, 1);
    for (int tries = 1; tries <= 3; tries++) {
        for (int spare = 0; spare <= 3; spare++) {
            for (uint32_t seed = 1; seed <= 5; seed++) {
                const struct attacker attacker = {.tries_a_challenge = tries, .spare = spare};
                const int got = tries_in_a_year(&attacker, seed);
                most = got > most ? got : most;
            }
        }
    }
    print_message("most tries that one share gave in a year: %d, the figure for both shares: %.1f\n", most,
        figures.tries_per_year);
    assert_true(most * SMS365_SHARES <= figures.tries_per_year);
    assert_true(most > 90); /* the best strategy comes near the bound, or this would prove nothing */
}

static void the_defaults_keep_their_promises(void **state)
{
    struct sms365_figures four, six;

    (void)state;
    sms365_figures_compute(&four, &limits, 4, 1);
    sms365_figures_compute(&six, &limits, 6, 1);
    assert_true(four.chance_per_run <= 1.0 / 1000);
    assert_true(four.chance_per_year <= 2.5 / 100);
    assert_true(six.chance_per_year <= 1.0 / 4000);
}

static void figures_of_many_stores_add_up_to_certainty_at_most(void **state)
{
    struct sms365_figures one, ten, hundred;

    (void)state;
    sms365_figures_compute(&one, &limits, 4, 1);
    sms365_figures_compute(&ten, &limits, 4, 10);
    sms365_figures_compute(&hundred, &limits, 4, 100);
    assert_true(ten.chance_per_year > 9.9 * one.chance_per_year && ten.chance_per_year < 10.1 * one.chance_per_year);
    assert_true(ten.chance_per_run <= one.chance_per_run);
    assert_true(hundred.tries_per_year > 10000);
    assert_true(hundred.chance_per_year <= 1);
}

static void messages_count_in_every_share_and_store(void **state)
{
    const struct sms365_cap day = {SMS365_DAY_MS, 1000, 0, false};

    (void)state;
    assert_int_equal(sms365_messages_of(&day, 10, SMS365_SHARES).hour, 20);
    assert_int_equal(sms365_messages_of(&day, 30, SMS365_SHARES * 100).hour, 6000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lockout_doubles_from_a_minute_to_an_hour),
        cmocka_unit_test(three_failed_challenges_lock_out_and_the_fourth_waits),
        cmocka_unit_test(the_budget_locks_until_somebody_unlocks),
        cmocka_unit_test(a_backup_code_ends_locks_and_refills_nothing_else),
        cmocka_unit_test(a_later_success_does_not_refill_the_budget),
        cmocka_unit_test(typing_errors_are_given_back_with_the_lock_they_brought),
        cmocka_unit_test(failures_leave_the_window_one_by_one),
        cmocka_unit_test(places_are_usual_for_the_window_and_the_least_used_makes_room),
        cmocka_unit_test(a_year_of_guessing_stays_within_the_figures),
        cmocka_unit_test(the_defaults_keep_their_promises),
        cmocka_unit_test(figures_of_many_stores_add_up_to_certainty_at_most),
        cmocka_unit_test(messages_count_in_every_share_and_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
