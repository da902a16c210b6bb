#include "pure/guard.h"

#include "pure/backup.h"

#include <string.h>

#define DAYS_PER_YEAR 365
#define HOURS_PER_DAY 24

struct sms365_guard_limits sms365_guard_limits_of(const struct sms365_conf *conf)
{
    return (struct sms365_guard_limits){
        .budget = (int)conf->failed_tries,
        .window_ms = conf->failed_tries_days * (int64_t)SMS365_DAY_MS,
        .lockout_after = (int)conf->lockout_after,
        .lockout_ms = conf->lockout_s * 1000,
        .lockout_max_ms = conf->lockout_max_s * 1000,
    };
}

int64_t sms365_share_lockout_ms(
    const struct sms365_share *share, const struct sms365_guard_limits *limits, const struct sms365_now *now)
{
    int64_t length_ms = limits->lockout_ms;

    if (share->row < limits->lockout_after)
        return 0;
    for (int i = limits->lockout_after; i < share->row && length_ms < limits->lockout_max_ms; i++)
        length_ms *= 2;
    if (length_ms > limits->lockout_max_ms)
        length_ms = limits->lockout_max_ms;
    const int64_t left_ms = share->row_ms + length_ms - now->boot_ms;
    return left_ms > 0 ? left_ms : 0;
}

enum sms365_reason sms365_share_may_begin(const struct sms365_share *share, const struct sms365_guard_limits *limits,
    const struct sms365_now *now, int64_t *retry_after_ms)
{
    const int64_t left_ms = sms365_share_lockout_ms(share, limits, now);

    if (share->locked)
        return SMS365_REASON_LOCKED;
    *retry_after_ms = left_ms;
    return left_ms > 0 ? SMS365_REASON_LOCKED_OUT : SMS365_REASON_NONE;
}

static bool has_failed(const struct sms365_share *share, const uint8_t chain[SMS365_CHAIN_BYTES])
{
    for (size_t i = 0; i < share->fail_count; i++)
        if (memcmp(share->fails[i].chain, chain, SMS365_CHAIN_BYTES) == 0)
            return true;
    return false;
}

enum sms365_reason sms365_share_charge(struct sms365_share *share, const struct sms365_guard_limits *limits,
    const uint8_t chain[SMS365_CHAIN_BYTES], const struct sms365_now *now, int64_t *retry_after_ms)
{
    const bool first = !has_failed(share, chain);
    const enum sms365_reason reason =
        first || share->locked ? sms365_share_may_begin(share, limits, now, retry_after_ms) : SMS365_REASON_NONE;

    if (reason != SMS365_REASON_NONE)
        return reason;
    if (share->fail_count >= (size_t)limits->budget || share->fail_count >= SMS365_FAILS_MAX) {
        share->locked = true;
        return SMS365_REASON_LOCKED;
    }
    struct sms365_fail *fail = &share->fails[share->fail_count++];
    fail->when_ms = now->boot_ms;
    memcpy(fail->chain, chain, SMS365_CHAIN_BYTES);
    if (first) {
        share->row = share->row == UINT8_MAX ? UINT8_MAX : (uint8_t)(share->row + 1);
        share->row_ms = now->boot_ms;
    }
    share->locked = share->fail_count >= (size_t)limits->budget;
    return SMS365_REASON_NONE;
}

static void remove_fail(struct sms365_share *share, size_t index)
{
    share->fail_count--;
    memmove(&share->fails[index], &share->fails[index + 1], (share->fail_count - index) * sizeof *share->fails);
    memset(&share->fails[share->fail_count], 0, sizeof *share->fails);
}

static void end_row(struct sms365_share *share)
{
    share->row = 0;
    share->row_ms = 0;
}

void sms365_share_succeed(struct sms365_share *share, const uint8_t chain[SMS365_CHAIN_BYTES])
{
    bool given_back = false;

    for (size_t i = share->fail_count; i-- > 0;) {
        if (memcmp(share->fails[i].chain, chain, SMS365_CHAIN_BYTES) == 0) {
            remove_fail(share, i);
            given_back = true;
        }
    }
    /* A try that could be charged found no lock: the one that is there now came with this challenge. */
    if (given_back)
        share->locked = false;
    end_row(share);
}

void sms365_share_prune(
    struct sms365_share *share, const struct sms365_guard_limits *limits, const struct sms365_now *now)
{
    while (share->fail_count > 0 && now->boot_ms - share->fails[0].when_ms >= limits->window_ms)
        remove_fail(share, 0);
}

static void forget_fails(struct sms365_share *share)
{
    memset(share->fails, 0, sizeof share->fails);
    share->fail_count = 0;
    share->locked = false;
}

void sms365_share_unlock(struct sms365_share *share)
{
    forget_fails(share);
    end_row(share);
    memset(&share->backups, 0, sizeof share->backups);
}

void sms365_share_open(struct sms365_share *share, const struct sms365_guard_limits *limits)
{
    if (share->locked)
        forget_fails(share);
    if (share->backups.count >= limits->budget)
        memset(&share->backups, 0, sizeof share->backups);
    end_row(share);
}

static struct sms365_place *find_place(struct sms365_places *places, const uint8_t name[SMS365_PLACE_BYTES])
{
    for (size_t i = 0; i < places->count; i++)
        if (memcmp(places->entries[i].name, name, SMS365_PLACE_BYTES) == 0)
            return &places->entries[i];
    return NULL;
}

bool sms365_place_is_recent(const struct sms365_places *places, const uint8_t name[SMS365_PLACE_BYTES],
    int64_t window_ms, const struct sms365_now *now)
{
    for (size_t i = 0; i < places->count; i++)
        if (memcmp(places->entries[i].name, name, SMS365_PLACE_BYTES) == 0)
            return now->boot_ms - places->entries[i].last_ms < window_ms;
    return false;
}

void sms365_place_add(
    struct sms365_places *places, const uint8_t name[SMS365_PLACE_BYTES], const struct sms365_now *now)
{
    struct sms365_place *place = find_place(places, name);

    if (place == NULL && places->count < SMS365_PLACES_MAX)
        place = &places->entries[places->count++];
    if (place == NULL) {
        place = &places->entries[0];
        for (size_t i = 1; i < places->count; i++)
            if (places->entries[i].last_ms < place->last_ms)
                place = &places->entries[i];
    }
    memcpy(place->name, name, SMS365_PLACE_BYTES);
    place->last_ms = now->boot_ms;
}

void sms365_figures_compute(
    struct sms365_figures *figures, const struct sms365_guard_limits *limits, int code_digits, int stores)
{
    double codes = 1;

    for (int i = 0; i < code_digits; i++)
        codes *= 10;
    /* Windows at both ends of the year count. All but the last try of a budget can be repeated; the last one locks. */
    const int64_t windows = DAYS_PER_YEAR * (int64_t)SMS365_DAY_MS / limits->window_ms + 1;
    figures->tries_per_year = (double)(windows * (limits->budget - 1) + 1) * SMS365_SHARES * stores;
    figures->chance_per_run = limits->budget / codes;
    figures->chance_per_year = figures->tries_per_year < codes ? figures->tries_per_year / codes : 1;
}

double sms365_backup_chance_per_year(const struct sms365_guard_limits *limits, int stores)
{
    const int64_t year_ms = (int64_t)DAYS_PER_YEAR * SMS365_DAY_MS;
    const int64_t windows = year_ms / limits->window_ms + 1; /* the first of them may have begun before */
    double codes = 1;

    for (int i = 0; i < SMS365_BACKUP_DIGITS; i++)
        codes *= 10;
    const double chance = (double)windows * limits->budget * SMS365_SHARES * stores * SMS365_BACKUP_CODES / codes;
    return chance < 1 ? chance : 1;
}

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

struct sms365_messages sms365_messages_of(const struct sms365_cap *day, int64_t per_hour, int64_t times)
{
    /* A window that ends within the time looked at began with a message before it. */
    const int64_t two_windows = 2 * day->count - 1;
    const int64_t by_hour = per_hour == 0 ? two_windows : HOURS_PER_DAY * per_hour;

    return (struct sms365_messages){
        .hour = times * (per_hour == 0 ? two_windows : lesser(per_hour, two_windows)),
        .day = times * lesser(day->count, by_hour),
        .any_day = times * lesser(two_windows, by_hour),
        .cost = times * day->cost,
    };
}

struct sms365_messages sms365_messages_of_sum(const struct sms365_cap *day, int64_t times)
{
    return (struct sms365_messages){
        .hour = times * 2 * day->count,
        .day = times * day->count,
        .any_day = times * 2 * day->count,
        .cost = times * day->cost,
    };
}
