/* sms365 user export: users and numbers as user import reads them. */
#include "base/err.h"
#include "pure/csv.h"
#include "user.h"

#include <stdio.h>

#define ROW_MAX 1024

struct export
{
    struct cli *cli;
    cJSON *users;
    size_t most; /* numbers of a user */
};

static void row_print(const struct cli *cli, const char *const *fields, size_t count)
{
    struct sms365_buf row;

    sms365_buf_init(&row, ROW_MAX);
    sms365_csv_write(&row, fields, count);
    if (!cli->json)
        (void)fwrite(sms365_buf_text(&row), 1, row.length, stdout);
    sms365_buf_free(&row);
}

static bool user_measure(void *context, const struct sms365_user *user)
{
    struct export *export = context;

    if (user->count > export->most)
        export->most = user->count;
    return true;
}

/* Every row has as many fields: RFC 4180, section 2. */
static bool user_print(void *context, const struct sms365_user *user)
{
    struct export *export = context;
    const char *fields[1 + SMS365_USER_NUMBERS_MAX] = {user->name};
    char numbers[SMS365_USER_NUMBERS_MAX][SMS365_MSISDN_SIZE + 1] = {""};

    for (size_t i = 0; i < export->most; i++) {
        if (i < user->count)
            (void)snprintf(numbers[i], sizeof numbers[i], "+%s", user->numbers[i].msisdn);
        fields[1 + i] = numbers[i];
    }
    row_print(export->cli, fields, 1 + export->most);
    if (export->cli->json)
        (void)cJSON_AddItemToArray(export->users, cli_user_json(user));
    return true;
}

static void header_print(const struct export *export)
{
    const char *fields[1 + SMS365_USER_NUMBERS_MAX] = {"user"};
    char numbers[SMS365_USER_NUMBERS_MAX][sizeof "number" + 20]; /* 64 bits in decimal */

    for (size_t i = 0; i < export->most; i++) {
        (void)snprintf(numbers[i], sizeof numbers[i], "number%zu", i + 1);
        fields[1 + i] = numbers[i];
    }
    row_print(export->cli, fields, 1 + export->most);
}

enum cli_exit cli_user_export(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    const struct cli_option options[] = {{NULL, NULL, NULL, NULL}};
    struct export export = {.cli = cli, .most = 1};
    struct sms365_error err = {0};

    if (!cli_args(cli, command, options, &argc, argv, 0, 0) || !cli_conf(cli))
        return CLI_USAGE;
    export.users = cJSON_AddArrayToObject(cli->out, "users");
    if (sms365_users_each(cli->conf.users_file, user_measure, &export, &err) != SMS365_OK)
        return cli_fail_error(cli, &err);
    header_print(&export);
    if (sms365_users_each(cli->conf.users_file, user_print, &export, &err) != SMS365_OK)
        return cli_fail_error(cli, &err);
    return CLI_DONE;
}
