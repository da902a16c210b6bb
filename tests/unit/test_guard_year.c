/*
 * Years of guessing, simulated: an owner who logs in twenty times a day at the usual place, mistypes now and then, and
 * once a week comes from elsewhere; beside them somebody who has the first factor, may begin as many challenges as the
 * guard lets him, and goes about it in every way we can think of. What he gets is held against the figures.
 */
#include "pure/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MINUTE 60000LL
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define LOGINS_A_DAY 20
#define STEP (DAY / LOGINS_A_DAY)
#define STEPS (365 * LOGINS_A_DAY)
#define TRIES_A_CODE 3
/* By how many standard deviations what is measured may miss its expectation. */
#define DEVIATIONS 4

static struct sms365_guard_limits limits_of(int budget, int days, int lockout_after)
{
    return (struct sms365_guard_limits){
        .budget = budget,
        .window_ms = days * DAY,
        .lockout_after = lockout_after,
        .lockout_ms = MINUTE,
        .lockout_max_ms = HOUR,
    };
}

/* --- Chance --- */

static uint64_t seed;

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint32_t dice(uint32_t sides)
{
    uint64_t mixed = seed += 0x9e3779b97f4a7c15;

    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    mixed ^= mixed >> 31;
    return (uint32_t)((mixed >> 32) * sides >> 32);
}

static uint32_t power(uint32_t base, int exponent)
{
    return exponent == 0 ? 1 : base * power(base, exponent - 1);
}

/* --- Who takes part --- */

enum when { ALWAYS, AFTER_THE_OWNER, WITH_A_FULL_BUDGET };

struct attacker {
    bool at[SMS365_SHARES]; /* elsewhere, at the usual place */
    int tries;              /* a challenge; more than TRIES_A_CODE: he has it sent again */
    int spare;              /* failures that he leaves of the budget, so that it never locks; on the last day none */
    enum when when;
};

struct world {
    const struct sms365_guard_limits *limits;
    struct sms365_share shares[SMS365_SHARES];
    struct sms365_now now;
    uint32_t chains;
    uint32_t codes; /* how many there are */
    int step;
    int tries;   /* that the attacker had */
    bool hit;    /* he guessed right */
    int refused; /* logins of the owner at the usual place */
};

static void next_chain(struct world *world, uint8_t chain[SMS365_CHAIN_BYTES])
{
    world->chains++;
    memcpy(chain, &world->chains, SMS365_CHAIN_BYTES);
}

static bool charge(struct world *world, enum sms365_share_id id, const uint8_t chain[SMS365_CHAIN_BYTES])
{
    int64_t retry_after_ms;

    sms365_share_prune(&world->shares[id], world->limits, &world->now);
    return sms365_share_charge(&world->shares[id], world->limits, chain, &world->now, &retry_after_ms) ==
           SMS365_REASON_NONE;
}

/* One login in ten with one typing error, one in a hundred with two. */
static int slips(void)
{
    return dice(100) == 0 ? 2 : dice(10) == 0 ? 1 : 0;
}

/* False when the owner was not let in, though the right code would have been typed. */
static bool owner_logs_in(struct world *world, enum sms365_share_id id)
{
    uint8_t chain[SMS365_CHAIN_BYTES];
    const int wrong = slips();

    next_chain(world, chain);
    for (int i = 0; i <= wrong; i++)
        if (!charge(world, id, chain))
            return false;
    sms365_share_succeed(&world->shares[id], chain);
    return true;
}

static bool is_his_moment(const struct attacker *attacker, const struct world *world, const struct sms365_share *share)
{
    switch (attacker->when) {
    case AFTER_THE_OWNER: /* the row of failures is as short as it gets */
        return share->row == 0;
    case WITH_A_FULL_BUDGET:
        return share->fail_count == 0 || world->step >= STEPS - LOGINS_A_DAY;
    default:
        return true;
    }
}

/* One challenge of the attacker's. False when there is no more to be had now. */
static bool guesses(const struct attacker *attacker, struct world *world, enum sms365_share_id id)
{
    struct sms365_share *share = &world->shares[id];
    const int spare = world->step >= STEPS - LOGINS_A_DAY ? 0 : attacker->spare;
    uint8_t chain[SMS365_CHAIN_BYTES];
    uint32_t code = 0;

    next_chain(world, chain);
    for (int i = 0; i < attacker->tries; i++) {
        sms365_share_prune(share, world->limits, &world->now);
        if ((int)share->fail_count >= world->limits->budget - spare || !charge(world, id, chain))
            return false;
        world->tries++;
        if (i % TRIES_A_CODE == 0)
            code = dice(world->codes);
        if (code == (uint32_t)(i % TRIES_A_CODE)) { /* no guess is better than another */
            sms365_share_succeed(share, chain);
            world->hit = true;
            return false;
        }
    }
    return true;
}

static void attack(const struct attacker *attacker, struct world *world)
{
    for (int id = 0; id < SMS365_SHARES && !world->hit; id++)
        if (attacker->at[id] && is_his_moment(attacker, world, &world->shares[id]))
            while (guesses(attacker, world, (enum sms365_share_id)id))
                ;
}

/* A year, or less if he hits: then he needs no more. */
static struct world year(const struct sms365_guard_limits *limits, const struct attacker *attacker, int code_digits)
{
    struct world world = {.limits = limits, .codes = power(10, code_digits)};

    for (world.step = 0; world.step < STEPS && !world.hit; world.step++) {
        world.now.boot_ms = world.step * STEP;
        if (!owner_logs_in(&world, SMS365_SHARE_USUAL))
            world.refused++;
        if (world.step % (7 * LOGINS_A_DAY) == 0)
            (void)owner_logs_in(&world, SMS365_SHARE_OTHER);
        attack(attacker, &world);
    }
    return world;
}

/* --- What must hold --- */

/* Nobody guesses one of so many. */
#define DIGITS_HOPELESS 9

/* The way that gets the most tries, and how many. */
static int best_of_all_ways(struct attacker *best, const struct sms365_guard_limits *limits, bool elsewhere, bool usual)
{
    static const int tries[] = {1, 2, 3, 20};
    int most = -1;

    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        for (int spare = 0; spare <= 3; spare++) {
            for (int when = ALWAYS; when <= WITH_A_FULL_BUDGET; when++) {
                const struct attacker attacker = {{elsewhere, usual}, tries[i], spare, (enum when)when};
                const struct world end = year(limits, &attacker, DIGITS_HOPELESS);
                if (end.tries > most) {
                    most = end.tries;
                    *best = attacker;
                }
                if (!usual)
                    assert_int_equal(end.refused, 0); /* whatever is done elsewhere */
            }
        }
    }
    return most;
}

static void no_way_to_guess_gets_more_tries_out_of_a_year_than_the_figure(void **state)
{
    static const struct {
        int budget, days, lockout_after;
    } cases[] = {{10, 30, 3}, {10, 30, 20}, {20, 30, 3}, {5, 30, 1}, {10, 7, 3}, {3, 1, 3}, {20, 61, 3}, {10, 90, 3}};

    (void)state;
    seed = 365;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct sms365_guard_limits limits = limits_of(cases[i].budget, cases[i].days, cases[i].lockout_after);
        struct sms365_figures figures;
        struct attacker best;
        sms365_figures_compute(&figures, &limits, 4, 1);
        const int elsewhere = best_of_all_ways(&best, &limits, true, false);
        const int usual = best_of_all_ways(&best, &limits, false, true);
        const int both = best_of_all_ways(&best, &limits, true, true);
        print_message("%2d in %2d days: %d tries elsewhere, %d at the usual place, %d in both; the figure: %.1f\n",
            cases[i].budget, cases[i].days, elsewhere, usual, both, figures.tries_per_year);
        assert_true(elsewhere <= figures.tries_per_year / SMS365_SHARES);
        assert_true(usual <= figures.tries_per_year / SMS365_SHARES);
        assert_true(both <= figures.tries_per_year);
        /* The ways come near the bound, or nothing would be proved by its holding. */
        assert_true(elsewhere >= 0.6 * figures.tries_per_year / SMS365_SHARES);
    }
}

static void guessers_hit_in_a_year_no_more_often_than_the_figure(void **state)
{
    static const struct {
        int digits, years;
    } cases[] = {{4, 3000}, {3, 1000}};
    const struct sms365_guard_limits limits = limits_of(10, 30, 3);
    struct attacker best;

    (void)state;
    seed = 730;
    (void)best_of_all_ways(&best, &limits, true, true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sms365_figures figures;
        int hits = 0;
        sms365_figures_compute(&figures, &limits, cases[i].digits, 1);
        for (int n = 0; n < cases[i].years; n++)
            hits += year(&limits, &best, cases[i].digits).hit;
        const double expected = figures.chance_per_year * cases[i].years;
        print_message("%d digits: hit in %d of %d years; by the figure in %.1f at most\n", cases[i].digits, hits,
            cases[i].years, expected);
        assert_true(hits <= expected + DEVIATIONS * sqrt(expected));
        assert_true(hits >= 0.75 * expected - DEVIATIONS * sqrt(expected));
    }
}

static void one_run_of_failures_hits_no_more_often_than_the_figure(void **state)
{
    enum { RUNS = 20000, DIGITS = 2 };
    const struct sms365_guard_limits limits = limits_of(10, 30, 3);
    const struct attacker attacker = {{true, false}, 3, 0, ALWAYS};
    struct sms365_figures figures;
    int hits = 0;

    (void)state;
    seed = 10;
    sms365_figures_compute(&figures, &limits, DIGITS, 1);
    for (int n = 0; n < RUNS; n++) {
        struct world world = {.limits = &limits, .codes = power(10, DIGITS)};
        while (!world.hit && !world.shares[0].locked) {
            attack(&attacker, &world);
            world.now.boot_ms += HOUR;
        }
        assert_true(world.tries <= limits.budget);
        hits += world.hit;
    }
    const double expected = figures.chance_per_run * RUNS;
    print_message("hit in %d of %d runs; by the figure in %.1f at most\n", hits, RUNS, expected);
    assert_true(hits <= expected + DEVIATIONS * sqrt(expected));
    assert_true(hits >= 0.9 * expected);
}

static void nobody_attacks_and_the_owner_gets_in_all_year(void **state)
{
    const struct sms365_guard_limits limits = limits_of(10, 30, 3);
    const struct attacker nobody = {{false, false}, 0, 0, ALWAYS};

    (void)state;
    seed = 1;
    for (int n = 0; n < 20; n++) {
        const struct world end = year(&limits, &nobody, 4);
        assert_int_equal(end.refused, 0);
        assert_int_equal(end.tries, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_way_to_guess_gets_more_tries_out_of_a_year_than_the_figure),
        cmocka_unit_test(guessers_hit_in_a_year_no_more_often_than_the_figure),
        cmocka_unit_test(one_run_of_failures_hits_no_more_often_than_the_figure),
        cmocka_unit_test(nobody_attacks_and_the_owner_gets_in_all_year),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
