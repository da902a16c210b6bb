/* sms365 help: how commands are written. */
#include "cli.h"
#include "family.h"

#include <string.h>

#define USAGE_MAX 1024

const struct cli_command *const cli_tables[] = {
    cli_user_commands,
    cli_key_commands,
    cli_login_commands,
    cli_message_commands,
    cli_family_commands,
    cli_api_commands,
    cli_config_commands,
    cli_session_commands,
#ifdef SMS365_LISTEN
    cli_listen_commands,
#endif
    cli_help_commands,
    cli_completion_commands,
    NULL,
};

void cli_usage(struct sms365_buf *usage, const struct cli_command *command)
{
    sms365_buf_printf(usage, "%s%s%s", command->group == NULL ? "" : command->group, command->group == NULL ? "" : " ",
        command->name);
    if (command->arguments == NULL)
        cli_family_arguments(usage, cli_family_endpoint(command));
    else
        sms365_buf_printf(usage, "%s%s", command->arguments[0] == '\0' ? "" : " ", command->arguments);
}

const char *cli_command_word(const struct cli_command *command, int n, size_t *length)
{
    const char *at = command->name;

    if (command->group != NULL && n-- == 0) {
        *length = strlen(command->group);
        return command->group;
    }
    for (; n > 0 && *at != '\0'; n--) {
        at += strcspn(at, " ");
        at += *at == ' ';
    }
    *length = strcspn(at, " ");
    return *length == 0 ? NULL : at;
}

static bool word_is(const struct cli_command *command, int n, const char *word)
{
    size_t length;
    const char *present = cli_command_word(command, n, &length);

    return present != NULL && strlen(word) == length && strncmp(present, word, length) == 0;
}

int cli_command_words(const struct cli_command *command, int argc, char **argv)
{
    size_t length;
    int n = 0;

    while (n < argc && word_is(command, n, argv[n]))
        n++;
    return cli_command_word(command, n, &length) == NULL ? n : 0;
}

bool cli_is_group(const char *word)
{
    for (size_t i = 0; cli_tables[i] != NULL; i++)
        for (const struct cli_command *command = cli_tables[i]; command->name != NULL; command++)
            if (command->group != NULL && strcmp(command->group, word) == 0)
                return true;
    return false;
}

const char *cli_command_help(const struct cli_command *command)
{
    return command->help != NULL ? command->help : sms365_endpoint_help(cli_family_endpoint(command));
}

static void command_tell(struct cli *cli, cJSON *list, const struct cli_command *command)
{
    struct sms365_buf usage;

    sms365_buf_init(&usage, USAGE_MAX);
    cli_usage(&usage, command);
    cli_say(cli, "  %s", sms365_buf_text(&usage));
    cli_say(cli, "      %s", cli_command_help(command));
    (void)cJSON_AddItemToArray(list, cJSON_CreateString(sms365_buf_text(&usage)));
    sms365_buf_free(&usage);
}

static void usage_tell(const struct cli *cli)
{
    cli_say(cli, "Usage: sms365 [-c CONF] [--json] COMMAND");
}

enum cli_exit cli_help(struct cli *cli)
{
    cJSON *list = cJSON_AddArrayToObject(cli->out, "commands");

    usage_tell(cli);
    cli_say(cli, "A second factor by text message: users, keys, and the provider's API.");
    for (size_t i = 0; cli_tables[i] != NULL; i++) {
        cli_say(cli, "%s", "");
        for (const struct cli_command *command = cli_tables[i]; command->name != NULL; command++)
            command_tell(cli, list, command);
    }
    cli_say(cli, "%s", "");
    cli_say(cli, "-c CONF   read this configuration file; --json prints one JSON object; --version");
    cli_say(cli, "Exit status: 0 done, 1 refused or failed, 2 usage or configuration, 3 provider unreachable.");
    cli_say(cli, "The manual: man sms365, man sms365-api");
    return CLI_DONE;
}

/* Do the command's first words begin with these? */
static bool begins_with(const struct cli_command *command, int argc, char **argv)
{
    for (int n = 0; n < argc; n++)
        if (!word_is(command, n, argv[n]))
            return false;
    return true;
}

enum cli_exit cli_help_of(struct cli *cli, int argc, char **argv)
{
    cJSON *list = cJSON_AddArrayToObject(cli->out, "commands");

    for (size_t i = 0; cli_tables[i] != NULL; i++)
        for (const struct cli_command *command = cli_tables[i]; command->name != NULL; command++) {
            if (!begins_with(command, argc, argv))
                continue;
            if (cJSON_GetArraySize(list) == 0)
                usage_tell(cli);
            command_tell(cli, list, command);
            if (command->arguments == NULL)
                cli_family_tell(cli, cli_family_endpoint(command));
        }
    if (cJSON_GetArraySize(list) > 0)
        return CLI_DONE;
    return cli_fail(
        cli, CLI_USAGE, "usage", "there is no command that begins with these words; sms365 --help shows them all");
}

static enum cli_exit help_run(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    const struct cli_option options[] = {{NULL, NULL, NULL, NULL}};

    if (!cli_args(cli, command, options, &argc, argv, 0, 3))
        return CLI_USAGE;
    return argc == 0 ? cli_help(cli) : cli_help_of(cli, argc, argv);
}

const struct cli_command cli_help_commands[] = {
    {NULL, "help", "[COMMAND]", "Tell how commands are written", help_run},
    {NULL, NULL, NULL, NULL, NULL},
};
