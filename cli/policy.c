/* sms365 policy: what the limits of the configuration amount to, and who gets in without a code. */
#include "cli.h"
#include "pure/challenge.h"
#include "pure/groups.h"

#include <stdio.h>

#define COMPARED_DIGITS 6

/* The N of "1 in N". */
static long long one_in(double chance)
{
    const double rounding = 1e-9;

    return (long long)((1 + rounding) / chance);
}

/* --- Guessing --- */

static void tries_tell(struct cli *cli, const struct sms365_guard_limits *limits, int stores)
{
    const struct sms365_conf *conf = &cli->conf;
    struct sms365_figures figures;

    sms365_figures_compute(&figures, limits, SMS365_CODE_DIGITS, stores);
    (void)cJSON_AddNumberToObject(cli->out, "failed_tries", limits->budget);
    (void)cJSON_AddNumberToObject(cli->out, "failed_tries_days", (double)conf->failed_tries_days);
    (void)cJSON_AddNumberToObject(cli->out, "shares", SMS365_SHARES);
    (void)cJSON_AddNumberToObject(cli->out, "stores", stores);
    (void)cJSON_AddNumberToObject(cli->out, "tries_per_year", figures.tries_per_year);
    cli_say(cli, "Who has the first factor of a user and guesses codes has at most");
    cli_say(cli, "  %d failed tries in %lld days, in each of %d shares (usual places, all others) and %d store%s:",
        limits->budget, (long long)conf->failed_tries_days, SMS365_SHARES, stores, stores == 1 ? "" : "s");
    cli_say(cli, "  %.0f tries in a year, and a further %d with each lock that is lifted (user unlock, backup code)",
        figures.tries_per_year, limits->budget);
}

static void chance_tell(struct cli *cli, cJSON *object, const char *name, const char *when, double chance)
{
    cJSON *one = cJSON_AddObjectToObject(object, name);

    (void)cJSON_AddNumberToObject(one, "chance", chance);
    (void)cJSON_AddNumberToObject(one, "percent", 100 * chance);
    (void)cJSON_AddNumberToObject(one, "one_in", (double)one_in(chance));
    cli_say(cli, "  %s: 1 in %lld (%.3g %%)", when, one_in(chance), 100 * chance);
}

/* Section numbers are those of NIST SP 800-63B (2017, updated 2020). */
static const char *meant_for(int digits)
{
    return digits < COMPARED_DIGITS
               ? "Meant for use behind a first factor that was proved, never alone: it has 13 of the 20 bits that NIST "
                 "SP 800-63B asks of such a code (5.1.3.2), and the telephone network is a restricted authenticator "
                 "there (5.1.3.3, 5.2.10)."
               : "What most services send, and what NIST SP 800-63B counts as 20 bits; by telephone it is a restricted "
                 "authenticator (5.1.3.3, 5.2.10) all the same, and belongs behind a proved first factor too.";
}

static void code_tell(
    struct cli *cli, cJSON *list, const struct sms365_guard_limits *limits, int stores, int digits, bool local)
{
    const bool in_use = local == (cli->conf.code == SMS365_CODE_LOCAL) &&
                        digits == (local ? (int)cli->conf.code_digits : SMS365_CODE_DIGITS);
    struct sms365_figures figures;
    cJSON *one = cJSON_CreateObject();

    sms365_figures_compute(&figures, limits, digits, stores);
    (void)cJSON_AddItemToArray(list, one);
    (void)cJSON_AddNumberToObject(one, "digits", digits);
    (void)cJSON_AddStringToObject(one, "code", local ? "local" : "provider");
    (void)cJSON_AddBoolToObject(one, "in_use", in_use);
    (void)cJSON_AddStringToObject(one, "meant_for", meant_for(digits));
    cli_say(cli, "%s", "");
    cli_say(cli, "A code of %d digits (%s; %s) is guessed with a chance of at most", digits,
        local ? "code = local" : "the provider's", in_use ? "IN USE" : "for comparison");
    chance_tell(cli, one, "per_run", "one run of failures, until the lock", figures.chance_per_run);
    chance_tell(cli, one, "per_year", "one user attacked all year", figures.chance_per_year);
    cli_say(cli, "  %s", meant_for(digits));
}

static void codes_tell(struct cli *cli, const struct sms365_guard_limits *limits, int stores)
{
    cJSON *list = cJSON_AddArrayToObject(cli->out, "codes");

    code_tell(cli, list, limits, stores, SMS365_CODE_DIGITS, false);
    code_tell(cli, list, limits, stores, COMPARED_DIGITS, true);
    if (cli->conf.code == SMS365_CODE_LOCAL && cli->conf.code_digits != COMPARED_DIGITS)
        code_tell(cli, list, limits, stores, (int)cli->conf.code_digits, true);
}

static void backup_tell(struct cli *cli, const struct sms365_guard_limits *limits, int stores)
{
    const double chance = sms365_backup_chance_per_year(limits, stores);
    const bool outage = cli->conf.on_outage == SMS365_OUTAGE_BACKUP;
    cJSON *one = cJSON_AddObjectToObject(cli->out, "backup_codes");

    (void)cJSON_AddNumberToObject(one, "digits", SMS365_BACKUP_DIGITS);
    (void)cJSON_AddBoolToObject(one, "while_provider_is_unreachable", outage);
    cli_say(cli, "%s", "");
    cli_say(cli, "A backup code (%d digits, for users who were given some) is guessed with a chance of at most",
        SMS365_BACKUP_DIGITS);
    chance_tell(cli, one, "per_year", "one user attacked all year", chance);
    cli_say(cli, "  While the provider cannot be reached they are %s (on_outage).", outage ? "taken" : "not taken");
}

/* --- Messages --- */

static void messages_row(
    struct cli *cli, cJSON *object, const char *name, const char *said, const struct sms365_messages *messages)
{
    cJSON *one = cJSON_AddObjectToObject(object, name);
    char cost[32] = "no cap";

    (void)cJSON_AddNumberToObject(one, "per_hour", (double)messages->hour);
    (void)cJSON_AddNumberToObject(one, "per_day", (double)messages->day);
    (void)cJSON_AddNumberToObject(one, "any_day", (double)messages->any_day);
    if (messages->cost > 0)
        (void)cJSON_AddNumberToObject(one, "cost_per_day", (double)messages->cost / SMS365_COST_UNIT);
    else
        (void)cJSON_AddNullToObject(one, "cost_per_day");
    if (messages->cost > 0)
        (void)snprintf(cost, sizeof cost, "%g", (double)messages->cost / SMS365_COST_UNIT);
    cli_say(cli, "  %-26s %10lld %10lld %10lld %10s", said, (long long)messages->hour, (long long)messages->day,
        (long long)messages->any_day, cost);
}

static void messages_tell(struct cli *cli, int stores)
{
    const struct sms365_limits limits = sms365_limits_of(&cli->conf);
    const int64_t shares = (int64_t)SMS365_SHARES * stores;
    const struct sms365_messages user = sms365_messages_of(&limits.day, limits.sends_per_hour, shares);
    const struct sms365_messages number = sms365_messages_of(&limits.day, 0, shares);
    const struct sms365_messages address = sms365_messages_of(&limits.address_day, 0, stores);
    const struct sms365_messages store = sms365_messages_of_sum(&limits.store_day, stores);
    cJSON *object = cJSON_AddObjectToObject(cli->out, "messages");

    cli_say(cli, "%s", "");
    cli_say(cli, "Messages that whoever has first factors can cause, at most, and what they cost in credits:");
    cli_say(cli, "  %-26s %10s %10s %10s %10s", "", "worst hour", "a day", "worst 24 h", "cost a day");
    messages_row(cli, object, "user", "to one user (both shares)", &user);
    messages_row(cli, object, "number", "to one number", &number);
    messages_row(cli, object, "address", "from one address", &address);
    messages_row(cli, object, "store", stores == 1 ? "by this store" : "by all stores", &store);
    cli_say(cli,
        "  A day begins with its first message; the worst 24 hours are the end of one and the beginning of the "
        "next.");
    cli_say(cli, "  The store's days follow one another from the machine's start.");
    cli_say(cli, "  What an administrator sends (send, announcements of changed numbers) is under no cap.");
}

static void attempts_tell(struct cli *cli, int stores)
{
    const struct sms365_conf *conf = &cli->conf;
    const long long attempts = (long long)conf->host_attempts_per_hour * stores;
    const bool none = conf->first_factor == SMS365_FIRST_NONE;

    (void)cJSON_AddNumberToObject(cli->out, "host_attempts_per_hour", (double)attempts);
    cli_say(cli, "%s", "");
    cli_say(cli, "Attempts without a first factor from one address: at most %lld in an hour, %s", attempts,
        none ? "each of which may send" : "none of which sends or tries anything");
    if (none)
        cli_note(cli, "first_factor = none: whoever knows a user's name counts as one who has the first factor");
}

/* --- Bypasses --- */

static void bypass_tell(struct cli *cli, cJSON *list, enum sms365_reason reason, const char *who)
{
    cJSON *one = cJSON_CreateObject();

    (void)cJSON_AddItemToArray(list, one);
    (void)cJSON_AddStringToObject(one, "reason", sms365_reason_name(reason));
    (void)cJSON_AddStringToObject(one, "who", who);
    cli_say(cli, "  %s (%s)", who, sms365_reason_name(reason));
}

/* The names of the option's groups that are exempt, or need a code, with ", " between them. */
static void groups_list(struct sms365_buf *out, const char *groups, bool wanted)
{
    char name[SMS365_GROUP_NAME_SIZE];
    bool exempt;

    while (sms365_groups_next(&groups, name, &exempt))
        if (exempt == wanted)
            sms365_buf_printf(out, "%s%s", out->length == 0 ? "" : ", ", name);
}

static void groups_tell(struct cli *cli, cJSON *list)
{
    struct sms365_buf names, who;

    for (int exempt = 1; exempt >= 0; exempt--) {
        sms365_buf_init(&names, sizeof cli->conf.groups * 2);
        sms365_buf_init(&who, sizeof cli->conf.groups * 2 + 64);
        groups_list(&names, cli->conf.groups, exempt != 0);
        sms365_buf_printf(
            &who, "%s%s", exempt != 0 ? "members of " : "everybody who is not a member of ", sms365_buf_text(&names));
        if (names.length > 0)
            bypass_tell(cli, list, SMS365_REASON_GROUP_EXEMPT, sms365_buf_text(&who));
        sms365_buf_free(&who);
        sms365_buf_free(&names);
    }
}

static void bypasses_tell(struct cli *cli)
{
    const struct sms365_conf *conf = &cli->conf;
    cJSON *list = cJSON_AddArrayToObject(cli->out, "without_code");
    char text[sizeof conf->trusted + 32];

    cli_say(cli, "%s", "");
    cli_say(cli, "Who gets in without a code, once the first factor is proved:");
    if (conf->trusted[0] != '\0') {
        (void)snprintf(text, sizeof text, "whoever comes from %s", conf->trusted);
        bypass_tell(cli, list, SMS365_REASON_TRUSTED_NETWORK, text);
    }
    if (conf->grace_s > 0) {
        (void)snprintf(text, sizeof text, "whoever entered a code there in the last %lld s", (long long)conf->grace_s);
        bypass_tell(cli, list, SMS365_REASON_GRACE, text);
    }
    if (conf->remember_days > 0) {
        (void)snprintf(text, sizeof text, "on the web, for %lld days, a browser in which a code was entered",
            (long long)conf->remember_days);
        bypass_tell(cli, list, SMS365_REASON_REMEMBERED, text);
    }
    groups_tell(cli, list);
    if (conf->unenrolled == SMS365_UNENROLLED_IGNORE)
        bypass_tell(cli, list, SMS365_REASON_UNENROLLED, "users without a phone number");
    if (cJSON_GetArraySize(list) == 0)
        cli_say(cli, "  nobody");
}

enum cli_exit cli_policy(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    const char *service = NULL;
    const struct cli_option options[] = {{"--service", NULL, &service, NULL}, {NULL, NULL, NULL, NULL}};

    if (!cli_args(cli, command, options, &argc, argv, 0, 0) || !cli_conf_of(cli, service))
        return CLI_USAGE;
    const struct sms365_guard_limits limits = sms365_guard_limits_of(&cli->conf);
    const int stores = (int)cli->conf.stores;
    tries_tell(cli, &limits, stores);
    codes_tell(cli, &limits, stores);
    backup_tell(cli, &limits, stores);
    messages_tell(cli, stores);
    attempts_tell(cli, stores);
    bypasses_tell(cli);
    return CLI_DONE;
}
