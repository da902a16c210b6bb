/* What `sms365 policy` tells of messages and backup codes, held against those who get the most out of the limits. */
#include "pure/backup.h"
#include "pure/guard.h"
#include "pure/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define MINUTE 60000LL
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define DAYS 12
#define MINUTES_A_DAY (24 * 60)
#define SHARDS 16

static int sent[DAYS * MINUTES_A_DAY]; /* messages in each minute */

static struct sms365_now at(int64_t minute)
{
    return (struct sms365_now){.boot_ms = minute * MINUTE};
}

/* Messages within any so many minutes, at most. */
static int most_within(int minutes)
{
    int sum = 0, most = 0;

    for (int i = 0; i < DAYS * MINUTES_A_DAY; i++) {
        sum += sent[i] - (i >= minutes ? sent[i - minutes] : 0);
        most = sum > most ? sum : most;
    }
    return most;
}

/* --- One tally --- */

static const struct sms365_cap cap = {DAY, 30, 30 * SMS365_COST_UNIT, false};

/* One message, and all others at the very end of that day; then the next day is used up at once. */
static void send_at_the_seam(int minute, struct sms365_tally *tally)
{
    const struct sms365_now now = at(minute);
    const int of_day = minute % MINUTES_A_DAY;
    int64_t retry_after_ms;

    if (of_day != 0 && of_day != MINUTES_A_DAY - 1)
        return;
    while (sms365_tally_charge(tally, &cap, now.boot_ms, SMS365_COST_UNIT, &now, &retry_after_ms)) {
        sent[minute]++;
        if (of_day == 0 && (minute / MINUTES_A_DAY) % 2 == 0)
            break;
    }
}

static void whoever_sends_at_the_seam_of_two_days_gets_what_is_told_and_no_more(void **state)
{
    const struct sms365_messages told = sms365_messages_of(&cap, 0, 1);
    struct sms365_tally tally = {0};

    (void)state;
    memset(sent, 0, sizeof sent);
    for (int i = 0; i < DAYS * MINUTES_A_DAY; i++)
        send_at_the_seam(i, &tally);
    assert_int_equal(most_within(MINUTES_A_DAY), told.any_day);
    assert_int_equal(most_within(60), told.hour);
    assert_int_equal(most_within(DAYS * MINUTES_A_DAY), DAYS * told.day);
    assert_int_equal(told.any_day, 59);
    assert_int_equal(told.cost, 30 * SMS365_COST_UNIT);
}

static void a_limit_of_an_hour_bounds_the_day_and_the_other_way_round(void **state)
{
    (void)state;
    assert_int_equal(sms365_messages_of(&cap, 10, 2).hour, 20);
    assert_int_equal(sms365_messages_of(&cap, 10, 2).day, 60);
    assert_int_equal(sms365_messages_of(&cap, 10, 2).any_day, 118);
    assert_int_equal(sms365_messages_of(&cap, 1, 1).day, 24);
    assert_int_equal(sms365_messages_of(&cap, 1, 1).any_day, 24);
    assert_int_equal(sms365_messages_of(&cap, 100, 1).hour, 59);
    const struct sms365_cap one = {DAY, 1, 0, false};
    assert_int_equal(sms365_messages_of(&one, 10, 3).any_day, 3);
    assert_int_equal(sms365_messages_of(&one, 10, 3).cost, 0);
}

/* --- A sum of tallies --- */

static const struct sms365_cap store_cap = {DAY, 1000, 0, true};

static int64_t sum_of(struct sms365_tally shards[SHARDS], const struct sms365_now *now)
{
    int64_t sum = 0;

    for (int i = 0; i < SHARDS; i++) {
        sms365_tally_prune(&shards[i], store_cap.window_ms, now);
        sum += shards[i].count;
    }
    return sum;
}

static bool send_to_shard(struct sms365_tally shards[SHARDS], unsigned shard, int minute)
{
    const struct sms365_now now = at(minute);
    int64_t retry_after_ms;

    if (sum_of(shards, &now) >= store_cap.count ||
        !sms365_tally_charge(&shards[shard], &store_cap, now.boot_ms, 0, &now, &retry_after_ms))
        return false;
    sent[minute]++;
    return true;
}

static void a_flood_into_a_store_of_many_shards_gets_what_is_told_at_most(void **state)
{
    const struct sms365_messages told = sms365_messages_of_sum(&store_cap, 1);
    struct sms365_tally shards[SHARDS] = {{0}};
    uint32_t random = 1;

    (void)state;
    memset(sent, 0, sizeof sent);
    for (int i = 0; i < DAYS * MINUTES_A_DAY; i++) {
        if (i < MINUTES_A_DAY - 1 && i % (MINUTES_A_DAY / SHARDS) == 0)
            assert_true(send_to_shard(shards, (unsigned)(i / (MINUTES_A_DAY / SHARDS)) % SHARDS, i));
        while (i >= MINUTES_A_DAY - 1 && send_to_shard(shards, (random >> 16) % SHARDS, i))
            random = random * 1103515245 + 12345;
    }
    const int all = most_within(DAYS * MINUTES_A_DAY);
    print_message("any day: %d of %d told; each day: %d of %d told\n", most_within(MINUTES_A_DAY), (int)told.any_day,
        all / DAYS, (int)told.day);
    assert_true(most_within(MINUTES_A_DAY) <= told.any_day);
    assert_true(all <= DAYS * told.day);
    assert_true(most_within(MINUTES_A_DAY) > told.any_day - SHARDS); /* the end of one day, and the next */
}

/* --- Backup codes --- */

static void a_year_of_guessing_backup_codes_stays_within_the_figure(void **state)
{
    const struct sms365_guard_limits limits = {.budget = 10, .window_ms = 30 * DAY};
    const struct sms365_cap budget = {limits.window_ms, limits.budget, 0, false};
    struct sms365_tally wrong = {0};
    int64_t retry_after_ms;
    int tries = 0;

    (void)state;
    for (int64_t hour = 0; hour < 365 * 24; hour++) {
        const struct sms365_now now = {.boot_ms = hour * HOUR};
        while (sms365_tally_charge(&wrong, &budget, now.boot_ms, 0, &now, &retry_after_ms))
            tries++;
    }
    const double told = sms365_backup_chance_per_year(&limits, 1);
    assert_int_equal(tries, 130);
    assert_true(SMS365_SHARES * tries * 10 / 1e8 <= told * 1.000001);
    assert_true(told < 3e-5);
    assert_true(sms365_backup_chance_per_year(&limits, 100) > 99 * told);
    const struct sms365_guard_limits loose = {.budget = 20, .window_ms = 1};
    assert_true(sms365_backup_chance_per_year(&loose, 100) <= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_sends_at_the_seam_of_two_days_gets_what_is_told_and_no_more),
        cmocka_unit_test(a_limit_of_an_hour_bounds_the_day_and_the_other_way_round),
        cmocka_unit_test(a_flood_into_a_store_of_many_shards_gets_what_is_told_at_most),
        cmocka_unit_test(a_year_of_guessing_backup_codes_stays_within_the_figure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
