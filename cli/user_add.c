/* sms365 user add: numbers are read by the provider, looked up, stored; who had the codes before is told. */
#include "base/err.h"
#include "drive/typed.h"
#include "guard.h"
#include "roster.h"
#include "user.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>

struct adding {
    bool force;
    bool replace;
    bool no_check;
    bool no_notice;
    bool yes;
};

/* The user's name as the system has it. False: it was told. */
static bool name_find(struct cli *cli, char out[SMS365_USER_NAME_SIZE], const char *typed, bool force)
{
    errno = 0;
    const struct passwd *entry = getpwnam(typed);
    const int number = errno;
    const char *name = entry == NULL ? typed : entry->pw_name;

    if (entry == NULL && !force) {
        if (number == 0 || number == ENOENT || number == ESRCH)
            (void)cli_fail(cli, CLI_FAILED, "no_such_user",
                "there is no user %s on this system; if there will be, add --force", typed);
        else
            (void)cli_fail(cli, CLI_FAILED, "io", "cannot look up user %s: %s", typed, strerror(number));
        return false;
    }
    if (entry == NULL)
        cli_note(cli, "there is no user %s on this system (yet)", typed);
    else if (strcmp(name, typed) != 0)
        cli_note(cli, "the system calls %s %s: that is the name that counts", typed, name);
    if (sms365_str_copy(out, SMS365_USER_NAME_SIZE, name))
        return true;
    (void)cli_fail(
        cli, CLI_USAGE, "bad_argument", "the user's name is too long: it has %d bytes at most", SMS365_RECORD_NAME_MAX);
    return false;
}

/* No message will go there: the number is of no use. False: it was told. */
static bool country_allowed(struct cli *cli, const char *msisdn, const char *typed, enum cli_exit *exit)
{
    if (sms365_number_allowed(msisdn, cli->conf.countries))
        return true;
    *exit = cli_fail(cli, CLI_FAILED, "country_refused",
        "%s: no messages go to the country of this number; those of [limits] countries are: %s", typed,
        cli->conf.countries);
    return false;
}

/* Where the number is today. What its digits say is not kept in the place of that: a ported number would be taken for
 * one that has moved. */
static bool network_look(struct cli *cli, struct sms365_number *number, const char *typed, enum cli_exit *exit)
{
    struct sms365_error err = {0};

    if (cli->conf.hlr == SMS365_HLR_OFF || cli_hlr_lookup(cli, number, &err) == SMS365_OK)
        return true;
    if (cli->conf.hlr == SMS365_HLR_BLOCK) {
        sms365_error_prefix(&err, "%s could not be looked up (--no-check stores it unwatched)", typed);
        *exit = cli_fail_error(cli, &err);
        return false;
    }
    number->mcc[0] = number->mnc[0] = number->ported[0] = '\0';
    cli_note(cli, "%s is not watched until `sms365 user confirm` has found its network: %s", typed, err.text);
    return true;
}

/* What the provider makes of a number. *exit tells how it failed. */
static bool number_ask(struct cli *cli, struct sms365_number *number, const char *typed, enum cli_exit *exit)
{
    struct sms365_mobile mobile;
    struct sms365_error err = {0};
    char description[128];

    const enum sms365_err code = sms365_ask_mobile_check(&cli->provider, typed, &mobile, &err);
    if (code == SMS365_UNREACHABLE)
        sms365_error_prefix(&err, "%s could not be checked (--no-check stores it as it is)", typed);
    if (code != SMS365_OK) {
        *exit = cli_fail_error(cli, &err);
        return false;
    }
    cli_number_take(cli, number, &mobile, typed);
    if (!country_allowed(cli, number->msisdn, typed, exit) || !network_look(cli, number, typed, exit))
        return false;
    cli_number_describe(description, sizeof description, number, mobile.country);
    cli_say(cli, "%s is +%s%s", typed, number->msisdn, description);
    return true;
}

static bool number_make(
    struct cli *cli, struct sms365_number *number, const char *typed, bool check, enum cli_exit *exit)
{
    char parsed[SMS365_MSISDN_SIZE];

    *number = (struct sms365_number){.msisdn = ""};
    if (!cli_number_typed(typed)) {
        *exit = cli_fail(cli, CLI_USAGE, "bad_argument",
            "%s is no phone number: digits, with the country code first, for example 306971234567", typed);
        return false;
    }
    const bool whole = sms365_msisdn_parse(parsed, typed);
    if (whole && (!check || cli_number_international(typed, parsed)) && !country_allowed(cli, parsed, typed, exit))
        return false;
    if (check)
        return number_ask(cli, number, typed, exit);
    if (whole) {
        (void)sms365_str_copy(number->msisdn, sizeof number->msisdn, parsed);
        return true;
    }
    *exit = cli_fail(cli, CLI_USAGE, "bad_argument",
        "%s is no number in international form: 8 to 15 digits, country code first, for example 306971234567", typed);
    return false;
}

/* Without a store the user is enrolled all the same: the first login makes the record. False: what belongs to other
 * numbers is left somewhere, which was told. */
static bool state_enrol(struct cli *cli, const char *name, bool fresh)
{
    struct cli_guard guard;
    struct sms365_error err = {0};

    const bool renewed = !fresh || cli_stores_renew(cli, name);
    enum sms365_err code = cli_guard_open(cli, &guard, &err);
    if (code == SMS365_OK)
        code = cli_guard_enrol(&guard, name, &err);
    if (code != SMS365_OK)
        cli_note(cli, "no state is kept for %s yet: %s", name, err.text);
    cli_guard_close(&guard);
    return renewed;
}

void cli_user_enrolled(const struct cli *cli, const struct sms365_user *user, bool changed)
{
    struct sms365_audit line;

    cli_audit_begin(cli, &line, "enrol", user->name);
    sms365_audit_number(&line, "numbers", (int64_t)user->count);
    sms365_audit_word(&line, "changed", changed ? "yes" : "no");
    cli_audit_end(&line);
}

static enum cli_exit user_store(struct cli *cli, const struct sms365_user *user, const struct adding *adding)
{
    struct sms365_user before;
    struct sms365_error err = {0};

    const bool had = sms365_users_find(&before, cli->conf.users_file, user->name, NULL, NULL) == SMS365_OK;
    if (!adding->replace && had)
        return cli_fail(cli, CLI_FAILED, "exists",
            "%s has a phone already (sms365 user show %s); to put these numbers in its place: --replace", user->name,
            user->name);
    if (sms365_users_put(cli->conf.users_file, user, &err) != SMS365_OK)
        return cli_fail_error(cli, &err);
    const bool changed = !had || !cli_numbers_equal(&before, user);
    const bool renewed = state_enrol(cli, user->name, changed);
    const bool ended = !changed || cli_user_sessions_end(cli, user->name);
    cli_user_enrolled(cli, user, changed);
    (void)cJSON_AddItemToObject(cli->out, "user", cli_user_json(user));
    cli_say(cli, "%s has %zu phone number%s in %s.", user->name, user->count, user->count == 1 ? "" : "s",
        cli->conf.users_file);
    if (had && changed && !adding->no_notice)
        cli_user_notice(cli, &before, user);
    if (!ended)
        return cli_fail(cli, CLI_FAILED, "sessions_stay",
            "the numbers of %s were written, but web sessions go on; once that is mended: sms365 session revoke %s",
            user->name, user->name);
    if (had && !renewed)
        return cli_fail(cli, CLI_FAILED, "records_stay",
            "the numbers of %s were changed, but what belongs to the old ones stays; once that is mended: sms365 user "
            "remove %s, and sms365 user add again",
            user->name, user->name);
    return CLI_DONE;
}

enum cli_exit cli_user_add(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    struct adding adding = {.force = false};
    const struct cli_option options[] = {{"--force", &adding.force, NULL, NULL},
        {"--replace", &adding.replace, NULL, NULL}, {"--no-check", &adding.no_check, NULL, NULL},
        {"--no-notice", &adding.no_notice, NULL, NULL}, {"--yes", &adding.yes, NULL, NULL}, {NULL, NULL, NULL, NULL}};
    struct sms365_user user = {.count = 0};
    enum cli_exit exit = CLI_FAILED;

    if (!cli_args(cli, command, options, &argc, argv, 2, 1 + SMS365_USER_NUMBERS_MAX) || !cli_conf(cli))
        return CLI_USAGE;
    if (!adding.no_check && cli->conf.hlr != SMS365_HLR_OFF && !cli_keys(cli))
        return CLI_USAGE;
    if (!name_find(cli, user.name, argv[0], adding.force) ||
        !cli_lookups_accepted(cli, adding.no_check ? 0 : (size_t)argc - 1, adding.yes || !cli_interactive(), &exit))
        return CLI_FAILED;
    for (int i = 1; i < argc; i++) {
        if (!number_make(cli, &user.numbers[user.count], argv[i], !adding.no_check, &exit))
            return exit;
        user.count++;
    }
    return user_store(cli, &user, &adding);
}
