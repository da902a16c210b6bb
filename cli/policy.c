/* sms365 policy: what the limits of the configuration amount to. */
#include "cli.h"
#include "pure/challenge.h"
#include "pure/guard.h"

#define HOURS_PER_DAY 24

/* Section numbers are those of NIST SP 800-63B (2017, updated 2020). */
static const struct {
    int digits;
    const char *of;
    const char *meant_for;
} codes[] = {
    {SMS365_CODE_DIGITS, "the provider's code",
        "Meant for use behind a first factor that was proved, never alone: it has 13 of the 20 bits that NIST SP "
        "800-63B "
        "asks of such a code (5.1.3.2), and the telephone network is a restricted authenticator there (5.1.3.3, "
        "5.2.10)."},
    {6, "for comparison",
        "What most services send, and what NIST SP 800-63B counts as 20 bits; by telephone it is a restricted "
        "authenticator (5.1.3.3, 5.2.10) all the same, and belongs behind a proved first factor too."},
};

/* The N of "1 in N". */
static long long one_in(double chance)
{
    const double rounding = 1e-9;

    return (long long)((1 + rounding) / chance);
}

static void chance_tell(struct cli *cli, cJSON *object, const char *name, const char *when, double chance)
{
    cJSON *one = cJSON_AddObjectToObject(object, name);

    (void)cJSON_AddNumberToObject(one, "chance", chance);
    (void)cJSON_AddNumberToObject(one, "percent", 100 * chance);
    (void)cJSON_AddNumberToObject(one, "one_in", (double)one_in(chance));
    cli_say(cli, "  %s: 1 in %lld (%.3g %%)", when, one_in(chance), 100 * chance);
}

static void codes_tell(struct cli *cli, const struct sms365_guard_limits *limits, int stores)
{
    cJSON *list = cJSON_AddArrayToObject(cli->out, "codes");

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct sms365_figures figures;
        cJSON *one = cJSON_CreateObject();
        sms365_figures_compute(&figures, limits, codes[i].digits, stores);
        (void)cJSON_AddItemToArray(list, one);
        (void)cJSON_AddNumberToObject(one, "digits", codes[i].digits);
        (void)cJSON_AddStringToObject(one, "meant_for", codes[i].meant_for);
        cli_say(cli, "%s", "");
        cli_say(cli, "A code of %d digits (%s) is guessed with a chance of at most", codes[i].digits, codes[i].of);
        chance_tell(cli, one, "per_run", "one run of failures, until the lock", figures.chance_per_run);
        chance_tell(cli, one, "per_year", "one user attacked all year", figures.chance_per_year);
        cli_say(cli, "  %s", codes[i].meant_for);
    }
}

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
    cli_say(cli, "  %.1f tries in a year", figures.tries_per_year);
}

static void messages_tell(struct cli *cli, int stores)
{
    const struct sms365_conf *conf = &cli->conf;
    const long long per_hour = (long long)sms365_messages_per_hour(conf->sends_per_hour, stores);
    const long long attempts = (long long)conf->host_attempts_per_hour * stores;

    (void)cJSON_AddNumberToObject(cli->out, "messages_per_hour", (double)per_hour);
    (void)cJSON_AddNumberToObject(cli->out, "messages_per_day", (double)(per_hour * HOURS_PER_DAY));
    (void)cJSON_AddNumberToObject(cli->out, "host_attempts_per_hour", (double)attempts);
    cli_say(cli, "%s", "");
    cli_say(cli,
        "Messages to that user, caused by whoever has the first factor: at most %lld in an hour, %lld in a day",
        per_hour, per_hour * HOURS_PER_DAY);
    cli_say(cli, "Attempts without a first factor from one address: at most %lld in an hour, %s", attempts,
        conf->first_factor == SMS365_FIRST_NONE ? "each of which may send" : "none of which sends or tries anything");
    if (conf->first_factor == SMS365_FIRST_NONE)
        cli_note(cli, "first_factor = none: whoever knows a user's name counts as one who has the first factor");
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
    messages_tell(cli, stores);
    return CLI_DONE;
}
