/* What a user's record in the state store says, for people and programs. */
#include "guard.h"
#include "pure/sim.h"

#include <stdio.h>
#include <time.h>

static int64_t wrong_backups(const struct sms365_state *state)
{
    int64_t count = 0;

    for (size_t i = 0; i < SMS365_SHARES; i++)
        count += state->shares[i].backups.count;
    return count;
}

long long cli_seconds(int64_t ms)
{
    return ((long long)ms + 999) / 1000;
}

double cli_credits(int64_t cost)
{
    return (double)cost / SMS365_COST_UNIT;
}

bool cli_guard_moved(const struct cli_guard *guard, const struct cli_record *record, const struct sms365_number *number)
{
    uint8_t name[SMS365_PLACE_BYTES];

    return sms365_sim_name(name, number, &guard->holder_key) &&
           sms365_place_is_recent(&record->state.swapped, name, INT64_MAX, &record->now);
}

/* Both shares together, or one of them: whatever holds in it. */
struct summary {
    bool locked;
    int64_t lockout_ms;
    size_t failed_tries;
    size_t sends;
    int64_t day_sends;
    int64_t day_cost;
};

static void summary_add(
    struct summary *sum, const struct cli_guard *guard, const struct cli_record *record, size_t share_id)
{
    const struct sms365_share *share = &record->state.shares[share_id];
    const int64_t lockout_ms = sms365_share_lockout_ms(share, &guard->limits.guard, &record->now);

    sum->locked = sum->locked || share->locked;
    sum->lockout_ms = lockout_ms > sum->lockout_ms ? lockout_ms : sum->lockout_ms;
    sum->failed_tries += share->fail_count;
    sum->sends += share->send_count;
    sum->day_sends += share->day.count;
    sum->day_cost += share->day.cost;
}

static struct summary summary_of(const struct cli_guard *guard, const struct cli_record *record)
{
    struct summary sum = {.locked = false};

    for (size_t i = 0; i < SMS365_SHARES; i++)
        summary_add(&sum, guard, record, i);
    return sum;
}

/* "2026-01-31T10:00:00Z": when a lockout lets go. */
static void until_text(char out[CLI_MOMENT_SIZE], const struct cli_record *record, int64_t lockout_ms)
{
    (void)cli_moment(out, record->now.wall_s + cli_seconds(lockout_ms));
}

static void lock_json(cJSON *object, const struct cli_record *record, const struct summary *sum)
{
    char until[CLI_MOMENT_SIZE];

    (void)cJSON_AddBoolToObject(object, "locked", sum->locked);
    (void)cJSON_AddNumberToObject(object, "lockout_s", (double)cli_seconds(sum->lockout_ms));
    until_text(until, record, sum->lockout_ms);
    if (sum->lockout_ms > 0)
        (void)cJSON_AddStringToObject(object, "lockout_until", until);
    (void)cJSON_AddNumberToObject(object, "failed_tries", (double)sum->failed_tries);
    (void)cJSON_AddNumberToObject(object, "sends_last_hour", (double)sum->sends);
    (void)cJSON_AddNumberToObject(object, "sends_of_day", (double)sum->day_sends);
    (void)cJSON_AddNumberToObject(object, "cost_of_day", cli_credits(sum->day_cost));
}

cJSON *cli_guard_json(const struct cli_guard *guard, const struct sms365_user *user, const struct cli_record *record)
{
    static const char *const names[] = {[SMS365_SHARE_OTHER] = "elsewhere", [SMS365_SHARE_USUAL] = "usual"};
    const struct summary sum = summary_of(guard, record);
    cJSON *object = cJSON_CreateObject();

    lock_json(object, record, &sum);
    (void)cJSON_AddNumberToObject(object, "usual_places", (double)record->state.places.count);
    (void)cJSON_AddNumberToObject(object, "open_challenges", (double)record->state.slot_count);
    (void)cJSON_AddNumberToObject(object, "backup_codes_left", sms365_backup_left(&record->state.backup));
    (void)cJSON_AddNumberToObject(object, "wrong_backup_codes", (double)wrong_backups(&record->state));
    cJSON *moved = cJSON_AddArrayToObject(object, "moved_numbers");
    for (size_t i = 0; i < user->count; i++)
        if (cli_guard_moved(guard, record, &user->numbers[i]))
            (void)cJSON_AddItemToArray(moved, cJSON_CreateString(user->numbers[i].msisdn));
    cJSON *shares = cJSON_AddObjectToObject(object, "shares");
    for (size_t i = 0; i < SMS365_SHARES; i++) {
        struct summary one = {.locked = false};
        summary_add(&one, guard, record, i);
        lock_json(cJSON_AddObjectToObject(shares, names[i]), record, &one);
    }
    return object;
}

static const char *tries_word(size_t count)
{
    return count == 1 ? "try" : "tries";
}

void cli_guard_brief(struct sms365_buf *out, const struct cli_guard *guard, const struct cli_record *record)
{
    const struct summary sum = summary_of(guard, record);

    if (sum.locked)
        sms365_buf_puts(out, "locked");
    else if (sum.lockout_ms > 0)
        sms365_buf_printf(out, "locked out for %lld s", cli_seconds(sum.lockout_ms));
    if (sum.failed_tries > 0)
        sms365_buf_printf(out, "%s%zu failed %s", sum.locked || sum.lockout_ms > 0 ? ", " : "", sum.failed_tries,
            tries_word(sum.failed_tries));
}

static const char *const shares_said[] = {
    [SMS365_SHARE_OTHER] = "from elsewhere", [SMS365_SHARE_USUAL] = "from usual places"};

static void messages_say(const struct cli *cli, const struct cli_guard *guard, const struct cli_record *record)
{
    const struct sms365_share *shares = record->state.shares;
    const struct sms365_cap *day = &guard->limits.day;
    char cost[48] = "";

    cli_say(cli, "Messages in the last hour: %zu %s, %zu %s (of %d each)", shares[0].send_count, shares_said[0],
        shares[1].send_count, shares_said[1], guard->limits.sends_per_hour);
    if (day->cost > 0)
        (void)snprintf(cost, sizeof cost, ", %g credits", cli_credits(day->cost));
    cli_say(cli, "Messages of the day: %lld (%g credits) %s, %lld (%g credits) %s (of %lld%s each)",
        (long long)shares[0].day.count, cli_credits(shares[0].day.cost), shares_said[0], (long long)shares[1].day.count,
        cli_credits(shares[1].day.cost), shares_said[1], (long long)day->count, cost);
}

static void backup_say(
    const struct cli *cli, const struct cli_guard *guard, const char *user, const struct sms365_state *state)
{
    const struct sms365_backup *backup = &state->backup;

    if (backup->count == 0)
        cli_say(cli, "Backup codes: none (sms365 user backup-codes %s makes them)", user);
    else
        cli_say(cli, "Backup codes: %d of %d left", sms365_backup_left(backup), backup->count);
    if (wrong_backups(state) > 0)
        cli_say(cli, "Wrong backup codes: %lld of %d in %lld days", (long long)wrong_backups(state),
            guard->limits.guard.budget, (long long)guard->conf->failed_tries_days);
}

void cli_guard_say(const struct cli *cli, const struct cli_guard *guard, const struct sms365_user *user,
    const struct cli_record *record)
{
    const struct sms365_share *shares = record->state.shares;

    cli_say(cli, "Failed tries in the last %lld days: %zu %s, %zu %s (of %d each)",
        (long long)guard->conf->failed_tries_days, shares[0].fail_count, shares_said[0], shares[1].fail_count,
        shares_said[1], guard->limits.guard.budget);
    messages_say(cli, guard, record);
    cli_say(cli, "Usual places: %zu; open challenges: %zu", record->state.places.count, record->state.slot_count);
    backup_say(cli, guard, user->name, &record->state);
    for (size_t i = 0; i < SMS365_SHARES; i++) {
        const int64_t lockout_ms = sms365_share_lockout_ms(&shares[i], &guard->limits.guard, &record->now);
        char until[CLI_MOMENT_SIZE];
        until_text(until, record, lockout_ms);
        if (shares[i].locked)
            cli_say(cli, "Locked %s, until: sms365 user unlock %s", shares_said[i], user->name);
        if (lockout_ms > 0)
            cli_say(cli, "Locked out %s until %s (for %lld s)", shares_said[i], until, cli_seconds(lockout_ms));
    }
    for (size_t i = 0; i < user->count; i++)
        if (cli_guard_moved(guard, record, &user->numbers[i]))
            cli_say(cli, "+%s has moved to another network, and is not used until: sms365 user confirm %s",
                user->numbers[i].msisdn, user->name);
}
