/* sms365 user: who has which phone. */
#include "base/err.h"
#include "cli.h"
#include "edges/users.h"
#include "guard.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

/* " (GREECE, network 202/05, 1 a message)" or "". */
static void number_describe(char *out, size_t size, const struct sms365_number *number, const char *country)
{
    struct sms365_buf text;

    sms365_buf_init(&text, size - 1);
    if (country != NULL && country[0] != '\0')
        sms365_buf_printf(&text, ", %s", country);
    if (number->mcc[0] != '\0')
        sms365_buf_printf(&text, ", network %s/%s", number->mcc, number->mnc[0] == '\0' ? "?" : number->mnc);
    if (number->cost[0] != '\0')
        sms365_buf_printf(&text, ", %s a message", number->cost);
    out[0] = '\0';
    if (!text.failed && text.length > 0)
        (void)snprintf(out, size, " (%s)", sms365_buf_text(&text) + 2);
    sms365_buf_free(&text);
}

static cJSON *user_json(const struct sms365_user *user)
{
    cJSON *object = cJSON_CreateObject();

    (void)cJSON_AddStringToObject(object, "name", user->name);
    cJSON *numbers = cJSON_AddArrayToObject(object, "numbers");
    for (size_t i = 0; i < user->count; i++) {
        const struct sms365_number *number = &user->numbers[i];
        cJSON *one = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(one, "msisdn", number->msisdn);
        if (number->mcc[0] != '\0')
            (void)cJSON_AddStringToObject(one, "mcc", number->mcc);
        if (number->mnc[0] != '\0')
            (void)cJSON_AddStringToObject(one, "mnc", number->mnc);
        if (number->cost[0] != '\0')
            cli_put(one, "cost", number->cost);
        (void)cJSON_AddItemToArray(numbers, one);
    }
    return object;
}

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

/* What the provider makes of a number. *exit tells how it failed. */
static bool number_ask(struct cli *cli, struct sms365_number *number, const char *typed, enum cli_exit *exit)
{
    static const char *const notes[][2] = {{"mcc", "mobile.mcc"}, {"mnc", "mobile.mnc"}, {"cost", "mobile.cost"}};
    const struct sms365_param params[] = {{"mobile", typed}};
    const struct cli_request request = {SMS365_EP_MOBILE_CHECK, params, 1, NULL};
    struct sms365_reply *reply = NULL;
    struct sms365_error err = {0};
    char description[128];

    const enum sms365_err code = cli_call(cli, &request, &reply, &err);
    if (code != SMS365_OK) {
        if (code == SMS365_UNREACHABLE)
            sms365_error_prefix(&err, "%s could not be checked (--no-check stores it as it is)", typed);
        *exit = cli_fail_reply(cli, reply, &err);
        sms365_reply_free(reply);
        return false;
    }
    const char *msisdn = sms365_reply_get(reply, "mobile.msisdn");
    const bool good =
        msisdn != NULL && sms365_msisdn_parse(number->msisdn, msisdn) && strcmp(number->msisdn, msisdn) == 0;
    for (size_t i = 0; good && i < sizeof notes / sizeof *notes; i++) {
        const char *value = sms365_reply_get(reply, notes[i][1]);
        if (value != NULL && !sms365_number_note(number, notes[i][0], value))
            cli_note(cli, "the provider's %s of %s makes no sense and is not kept", notes[i][0], typed);
    }
    if (good) {
        number_describe(description, sizeof description, number, sms365_reply_get(reply, "mobile.country"));
        cli_say(cli, "%s is +%s%s", typed, number->msisdn, description);
    } else {
        *exit = cli_fail(
            cli, CLI_FAILED, "bad_reply", "%s: the provider's reply has no number in international form", typed);
    }
    sms365_reply_free(reply);
    return good;
}

static bool number_make(
    struct cli *cli, struct sms365_number *number, const char *typed, bool check, enum cli_exit *exit)
{
    char parsed[SMS365_MSISDN_SIZE];

    *number = (struct sms365_number){.msisdn = ""};
    /* The provider drops all but digits: "(0)" would be dialled, and two numbers in one word become a third. */
    if (strstr(typed, "(0)") != NULL || strspn(typed, "0123456789+ .-()") != strlen(typed)) {
        *exit = cli_fail(cli, CLI_USAGE, "bad_argument",
            "%s is no phone number: digits, with the country code first, for example 306971234567", typed);
        return false;
    }
    if (check)
        return number_ask(cli, number, typed, exit);
    if (sms365_msisdn_parse(parsed, typed)) {
        (void)sms365_str_copy(number->msisdn, sizeof number->msisdn, parsed);
        return true;
    }
    *exit = cli_fail(cli, CLI_USAGE, "bad_argument",
        "%s is no number in international form: 8 to 15 digits, country code first, for example 306971234567", typed);
    return false;
}

/* Without a store the user is enrolled all the same: the first login makes the record. */
static void state_enrol(struct cli *cli, const char *name, bool fresh)
{
    struct cli_guard guard;
    struct sms365_error err = {0};

    enum sms365_err code = cli_guard_open(cli, &guard, &err);
    if (code == SMS365_OK)
        code = cli_guard_enrol(&guard, name, fresh, &err);
    if (code != SMS365_OK)
        cli_note(cli, "no state is kept for %s yet: %s", name, err.text);
    cli_guard_close(&guard);
}

static void state_forget(struct cli *cli, const char *name)
{
    struct cli_guard guard;
    struct sms365_error err = {0};

    enum sms365_err code = cli_guard_open(cli, &guard, &err);
    if (code == SMS365_OK)
        code = cli_guard_forget(&guard, name, &err);
    if (code != SMS365_OK)
        cli_note(cli, "what was counted for %s stays: %s", name, err.text);
    cli_guard_close(&guard);
}

/* Who got in with a code to another number is asked for one to the new. */
static void sessions_end(struct cli *cli, const char *name)
{
    struct sms365_error err = {0};
    const enum sms365_err code = cli_sessions_revoke(cli, name, &err);

    if (code != SMS365_OK && code != SMS365_NOT_FOUND)
        cli_note(cli, "the web sessions of %s do not end: %s", name, err.text);
}

static bool numbers_equal(const struct sms365_user *a, const struct sms365_user *b)
{
    bool equal = a->count == b->count;

    for (size_t i = 0; equal && i < a->count; i++)
        equal = strcmp(a->numbers[i].msisdn, b->numbers[i].msisdn) == 0;
    return equal;
}

static enum cli_exit user_store(struct cli *cli, const struct sms365_user *user, bool replace)
{
    struct sms365_user before;
    struct sms365_error err = {0};

    const bool had = sms365_users_find(&before, cli->conf.users_file, user->name, NULL, NULL) == SMS365_OK;
    if (!replace && had)
        return cli_fail(cli, CLI_FAILED, "exists",
            "%s has a phone already (sms365 user show %s); to put these numbers in its place: --replace", user->name,
            user->name);
    if (sms365_users_put(cli->conf.users_file, user, &err) != SMS365_OK)
        return cli_fail_error(cli, &err);
    const bool fresh = !had || !numbers_equal(&before, user);
    state_enrol(cli, user->name, fresh);
    if (fresh)
        sessions_end(cli, user->name);
    (void)cJSON_AddItemToObject(cli->out, "user", user_json(user));
    cli_say(cli, "%s has %zu phone number%s in %s.", user->name, user->count, user->count == 1 ? "" : "s",
        cli->conf.users_file);
    return CLI_DONE;
}

static enum cli_exit user_add(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    bool force = false;
    bool replace = false;
    bool no_check = false;
    const struct cli_option options[] = {{"--force", &force, NULL, NULL}, {"--replace", &replace, NULL, NULL},
        {"--no-check", &no_check, NULL, NULL}, {NULL, NULL, NULL, NULL}};
    struct sms365_user user = {.count = 0};
    enum cli_exit exit = CLI_FAILED;

    if (!cli_args(cli, command, options, &argc, argv, 2, 1 + SMS365_USER_NUMBERS_MAX) || !cli_conf(cli))
        return CLI_USAGE;
    if (!name_find(cli, user.name, argv[0], force))
        return CLI_FAILED;
    for (int i = 1; i < argc; i++) {
        if (!number_make(cli, &user.numbers[user.count], argv[i], !no_check, &exit))
            return exit;
        user.count++;
    }
    return user_store(cli, &user, replace);
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
    size_t left = 0;

    if (!cli_args(cli, command, options, &argc, argv, 1, 1) || !cli_conf(cli))
        return CLI_USAGE;
    if (sms365_users_remove(cli->conf.users_file, argv[0], &err) != SMS365_OK)
        return cli_fail_error(cli, &err);
    state_forget(cli, argv[0]);
    sessions_end(cli, argv[0]);
    (void)cJSON_AddStringToObject(cli->out, "removed", argv[0]);
    cli_say(cli, "%s has no phone number any more, and is denied wherever a code is needed.", argv[0]);
    if (sms365_users_each(cli->conf.users_file, user_count, &left, NULL) == SMS365_OK && left == 0)
        cli_note(cli, "%s holds no user now: everybody is denied", cli->conf.users_file);
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
    cJSON *object = user_json(user);

    sms365_buf_init(&numbers, 1024);
    for (size_t i = 0; i < user->count; i++) {
        char masked[32];
        sms365_msisdn_mask(masked, user->numbers[i].msisdn);
        sms365_buf_printf(&numbers, "%s%s", i == 0 ? "" : ", ", masked);
    }
    sms365_buf_init(&state, 256);
    if (state_read(listing->cli, &listing->guard, user->name, &record)) {
        cli_guard_brief(&state, &listing->guard, &record);
        (void)cJSON_AddItemToObject(object, "state", cli_guard_json(&listing->guard, &record));
    }
    cli_say(listing->cli, "%-24s %s%s%s", user->name, sms365_buf_text(&numbers), state.length > 0 ? "  " : "",
        sms365_buf_text(&state));
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
    const struct cli_option options[] = {{NULL, NULL, NULL, NULL}};
    struct cli_guard guard;
    struct cli_record record;
    struct sms365_user user;
    struct sms365_error err = {0};

    if (!cli_args(cli, command, options, &argc, argv, 1, 1) || !cli_conf(cli))
        return CLI_USAGE;
    if (sms365_users_find(&user, cli->conf.users_file, argv[0], NULL, &err) != SMS365_OK)
        return cli_fail_error(cli, &err);
    cJSON *object = user_json(&user);
    (void)cJSON_AddItemToObject(cli->out, "user", object);
    for (size_t i = 0; i < user.count; i++) {
        char description[128];
        number_describe(description, sizeof description, &user.numbers[i], NULL);
        cli_say(cli, "+%s%s", user.numbers[i].msisdn, description);
    }
    state_open(cli, &guard);
    if (state_read(cli, &guard, user.name, &record)) {
        cli_guard_say(cli, &guard, user.name, &record);
        (void)cJSON_AddItemToObject(object, "state", cli_guard_json(&guard, &record));
    }
    cli_guard_close(&guard);
    return CLI_DONE;
}

const struct cli_command cli_user_commands[] = {
    {"user", "add", "USER NUMBER... [--replace] [--force] [--no-check]", "Give a user one or several phone numbers",
        user_add},
    {"user", "remove", "USER", "Take a user's phone numbers away", user_remove},
    {"user", "list", "", "List users, numbers masked, and who is locked", user_list},
    {"user", "show", "USER", "Show a user's numbers in full, and what was counted", user_show},
    {"user", "unlock", "USER", "Lift a user's lock and forget failed tries", cli_user_unlock},
    {NULL, NULL, NULL, NULL, NULL},
};
