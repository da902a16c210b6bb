/* sms365 user: who has which phone. */
#include "base/err.h"
#include "cli.h"
#include "edges/users.h"
#include "family.h"
#include "guard.h"
#include "user.h"

#include <stdio.h>
#include <string.h>

#define NAME_COLUMNS 24 /* in a list of users */

void cli_number_describe(char *out, size_t size, const struct sms365_number *number, const char *country)
{
    struct sms365_buf text;

    sms365_buf_init(&text, size - 1);
    if (country != NULL && country[0] != '\0')
        sms365_buf_printf(&text, ", %s", country);
    if (number->mcc[0] != '\0')
        sms365_buf_printf(&text, ", network %s/%s", number->mcc, number->mnc[0] == '\0' ? "?" : number->mnc);
    if (strcmp(number->ported, "yes") == 0)
        sms365_buf_puts(&text, ", ported");
    if (number->cost[0] != '\0')
        sms365_buf_printf(&text, ", %s a message", number->cost);
    out[0] = '\0';
    if (!text.failed && text.length > 0)
        (void)snprintf(out, size, " (%s)", sms365_buf_text(&text) + 2);
    sms365_buf_free(&text);
}

void cli_network_json(cJSON *object, const struct sms365_number *number)
{
    if (number->mcc[0] != '\0')
        (void)cJSON_AddStringToObject(object, "mcc", number->mcc);
    if (number->mnc[0] != '\0')
        (void)cJSON_AddStringToObject(object, "mnc", number->mnc);
    if (number->ported[0] != '\0')
        (void)cJSON_AddBoolToObject(object, "ported", strcmp(number->ported, "yes") == 0);
}

cJSON *cli_user_json(const struct sms365_user *user)
{
    cJSON *object = cJSON_CreateObject();

    (void)cJSON_AddStringToObject(object, "name", user->name);
    cJSON *numbers = cJSON_AddArrayToObject(object, "numbers");
    for (size_t i = 0; i < user->count; i++) {
        const struct sms365_number *number = &user->numbers[i];
        cJSON *one = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(one, "msisdn", number->msisdn);
        cli_network_json(one, number);
        if (number->cost[0] != '\0')
            cli_put(one, "cost", number->cost);
        (void)cJSON_AddItemToArray(numbers, one);
    }
    return object;
}

bool cli_user_sessions_end(struct cli *cli, const char *name)
{
    struct sms365_error err = {0};
    const enum sms365_err code = cli_sessions_revoke(cli, name, &err);

    if (code == SMS365_OK || code == SMS365_NOT_FOUND)
        return true;
    cli_note(cli, "the web sessions of %s do not end: %s", name, err.text);
    return false;
}

static bool user_count(void *context, const struct sms365_user *user)
{
    (void)user;
    ++*(size_t *)context;
    return true;
}

static enum cli_exit user_remove(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    const struct cli_option options[] = {{NULL, NULL, NULL, NULL}};
    struct sms365_error err = {0};
    struct sms365_audit line;
    size_t left = 0;

    if (!cli_args(cli, command, options, &argc, argv, 1, 1) || !cli_conf(cli))
        return CLI_USAGE;
    if (sms365_users_remove(cli->conf.users_file, argv[0], &err) != SMS365_OK)
        return cli_fail_error(cli, &err);
    const bool forgotten = cli_stores_forget(cli, argv[0]);
    cli_audit_begin(cli, &line, "remove", argv[0]);
    cli_audit_end(&line);
    const bool ended = cli_user_sessions_end(cli, argv[0]);
    (void)cJSON_AddStringToObject(cli->out, "removed", argv[0]);
    cli_say(cli, "%s has no phone number any more, and is denied wherever a code is needed.", argv[0]);
    if (sms365_users_each(cli->conf.users_file, user_count, &left, NULL) == SMS365_OK && left == 0)
        cli_note(cli, "%s holds no user now: everybody is denied", cli->conf.users_file);
    if (!ended)
        return cli_fail(cli, CLI_FAILED, "sessions_stay",
            "%s was removed, but web sessions go on; once that is mended: sms365 session revoke %s", argv[0], argv[0]);
    if (!forgotten)
        return cli_fail(cli, CLI_FAILED, "records_stay",
            "%s was removed, but what is left may serve the next user of that name, backup codes too; once that is "
            "mended: sms365 user add %s NUMBER --force --no-check, and sms365 user remove %s",
            argv[0], argv[0], argv[0]);
    return CLI_DONE;
}

/* Open the store to show what it holds. A note tells when that cannot be: numbers are shown without it. */
static void state_open(struct cli *cli, struct cli_guard *guard)
{
    struct sms365_error err = {0};

    if (cli_guard_open(cli, guard, &err) != SMS365_OK)
        cli_note(cli, "what was counted for users cannot be shown: %s", err.text);
}

static bool state_read(struct cli *cli, struct cli_guard *guard, const char *name, struct cli_record *record)
{
    struct sms365_error err = {0};

    if (guard->store == NULL)
        return false;
    if (cli_guard_read(guard, name, record, &err) == SMS365_OK)
        return true;
    cli_note(cli, "what was counted for %s cannot be shown: %s", name, err.text);
    return false;
}

struct listing {
    struct cli *cli;
    struct cli_guard guard;
    cJSON *users;
    size_t count;
};

static bool user_line(void *context, const struct sms365_user *user)
{
    struct listing *listing = context;
    struct cli_record record;
    struct sms365_buf numbers, state;
    cJSON *object = cli_user_json(user);

    sms365_buf_init(&numbers, 1024);
    for (size_t i = 0; i < user->count; i++) {
        char masked[32];
        sms365_msisdn_mask(masked, user->numbers[i].msisdn);
        sms365_buf_printf(&numbers, "%s%s", i == 0 ? "" : ", ", masked);
    }
    sms365_buf_init(&state, 256);
    if (state_read(listing->cli, &listing->guard, user->name, &record)) {
        cli_guard_brief(&state, &listing->guard, &record);
        (void)cJSON_AddItemToObject(object, "state", cli_guard_json(&listing->guard, user, &record));
    }
    const size_t width = cli_text_width(user->name);
    cli_say(listing->cli, "%s%*s %s%s%s", user->name, width < NAME_COLUMNS ? (int)(NAME_COLUMNS - width) : 0, "",
        sms365_buf_text(&numbers), state.length > 0 ? "  " : "", sms365_buf_text(&state));
    sms365_buf_free(&state);
    sms365_buf_free(&numbers);
    (void)cJSON_AddItemToArray(listing->users, object);
    listing->count++;
    return true;
}

static enum cli_exit user_list(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    const struct cli_option options[] = {{NULL, NULL, NULL, NULL}};
    struct listing listing = {.cli = cli};
    struct sms365_error err = {0};

    if (!cli_args(cli, command, options, &argc, argv, 0, 0) || !cli_conf(cli))
        return CLI_USAGE;
    listing.users = cJSON_AddArrayToObject(cli->out, "users");
    state_open(cli, &listing.guard);
    const enum sms365_err code = sms365_users_each(cli->conf.users_file, user_line, &listing, &err);
    cli_guard_close(&listing.guard);
    if (code != SMS365_OK)
        return cli_fail_error(cli, &err);
    if (listing.count == 0)
        cli_say(cli, "There is no user in %s; add one with: sms365 user add USER NUMBER", cli->conf.users_file);
    return CLI_DONE;
}

static enum cli_exit user_show(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    const char *service = NULL;
    bool web = false;
    const struct cli_option options[] = {
        {"--for", NULL, &service, NULL}, {"--web", &web, NULL, NULL}, {NULL, NULL, NULL, NULL}};
    struct cli_guard guard;
    struct cli_record record;
    struct sms365_user user;
    struct sms365_error err = {0};

    if (!cli_args(cli, command, options, &argc, argv, 1, 1) || !cli_conf_of_store(cli, service, web))
        return CLI_USAGE;
    if (sms365_users_find(&user, cli->conf.users_file, argv[0], NULL, &err) != SMS365_OK)
        return cli_fail_error(cli, &err);
    cJSON *object = cli_user_json(&user);
    (void)cJSON_AddItemToObject(cli->out, "user", object);
    for (size_t i = 0; i < user.count; i++) {
        char description[128];
        cli_number_describe(description, sizeof description, &user.numbers[i], NULL);
        cli_say(cli, "+%s%s", user.numbers[i].msisdn, description);
    }
    state_open(cli, &guard);
    if (state_read(cli, &guard, user.name, &record)) {
        cli_guard_say(cli, &guard, &user, &record);
        (void)cJSON_AddItemToObject(object, "state", cli_guard_json(&guard, &user, &record));
    }
    cli_guard_close(&guard);
    return CLI_DONE;
}

const struct cli_command cli_user_commands[] = {
    {"user", "add", "USER NUMBER... [--replace] [--force] [--no-check] [--no-notice] [--yes]",
        "Give a user one or several phone numbers", cli_user_add},
    {"user", "remove", "USER", "Take a user's phone numbers away", user_remove},
    {"user", "import", "FILE.csv [--confirm USER]... [--force] [--yes] [--no-notice]",
        "Give many users phone numbers, from comma-separated values", cli_user_import},
    {"user", "export", "", "Print users and numbers as comma-separated values, as import reads them", cli_user_export},
    {"user", "sync", "--group NAME [--field custom1] [--confirm USER]... [--yes] [--force] [--no-notice]",
        "Give the contacts of one of the provider's groups to users as phone numbers", cli_user_sync},
    {"user", "list", "", "List users, numbers masked, and who is locked", user_list},
    {"user", "show", "USER [--for SERVICE] [--web]", "Show a user's numbers in full, and what was counted", user_show},
    {"user", "unlock", "USER [--for SERVICE] [--web]", "Lift a user's lock and forget failed tries", cli_user_unlock},
    {"user", "backup-codes", "USER [--for SERVICE] [--web] [--left]",
        "Make backup codes for a user, or tell how many are left", cli_user_backup_codes},
    {"user", "confirm", "USER [--for SERVICE] [--web] [--yes]",
        "Accept that a user's number has moved to another network", cli_user_confirm},
    {NULL, NULL, NULL, NULL, NULL},
};
