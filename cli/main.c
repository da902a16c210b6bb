#include "cli.h"
#include "edges/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

static const struct cli_command *const groups[] = {
    cli_user_commands,
    cli_key_commands,
    cli_login_commands,
    cli_message_commands,
    cli_api_commands,
    cli_config_commands,
    cli_session_commands,
#ifdef SMS365_LISTEN
    cli_listen_commands,
#endif
};

#define GROUP_COUNT (sizeof groups / sizeof *groups)

/* "key add NAME ..." */
static void command_tell(struct cli *cli, cJSON *list, const struct cli_command *command)
{
    struct sms365_buf usage;

    sms365_buf_init(&usage, 256);
    sms365_buf_printf(&usage, "%s%s%s%s%s", command->group == NULL ? "" : command->group,
        command->group == NULL ? "" : " ", command->name, command->arguments[0] == '\0' ? "" : " ", command->arguments);
    cli_say(cli, "  %s", sms365_buf_text(&usage));
    cli_say(cli, "      %s", command->help);
    (void)cJSON_AddItemToArray(list, cJSON_CreateString(sms365_buf_text(&usage)));
    sms365_buf_free(&usage);
}

/* One command, or (NULL) all of them. */
static enum cli_exit help_tell(struct cli *cli, const struct cli_command *only)
{
    cJSON *list = cJSON_AddArrayToObject(cli->out, "commands");

    cli_say(cli, "Usage: sms365 [-c CONF] [--json] COMMAND");
    if (only != NULL) {
        command_tell(cli, list, only);
        return CLI_DONE;
    }
    cli_say(cli, "A second factor by text message: users, keys, and the provider's API.");
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        cli_say(cli, "%s", "");
        for (const struct cli_command *command = groups[i]; command->name != NULL; command++)
            command_tell(cli, list, command);
    }
    cli_say(cli, "%s", "");
    cli_say(cli, "-c CONF   read this configuration file; --json prints one JSON object; --version");
    cli_say(cli, "Exit status: 0 done, 1 refused or failed, 2 usage or configuration, 3 provider unreachable.");
    cli_say(cli, "The manual: man sms365");
    return CLI_DONE;
}

/* The command that the first words name. *used counts those words; NULL when there is none. */
static const struct cli_command *command_find(int argc, char **argv, int *used)
{
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        for (const struct cli_command *command = groups[i]; command->name != NULL; command++) {
            *used = command->group == NULL ? 1 : 2;
            if (argc >= *used && (command->group == NULL || strcmp(argv[0], command->group) == 0) &&
                strcmp(argv[*used - 1], command->name) == 0)
                return command;
        }
    }
    return NULL;
}

static bool is_group(const char *word)
{
    for (size_t i = 0; i < GROUP_COUNT; i++)
        for (const struct cli_command *command = groups[i]; command->name != NULL; command++)
            if (command->group != NULL && strcmp(command->group, word) == 0)
                return true;
    return false;
}

static enum cli_exit dispatch(struct cli *cli, int argc, char **argv)
{
    int used = 0;

    if (argc == 0)
        return cli_fail(cli, CLI_USAGE, "usage", "which command? sms365 --help shows them all");
    const struct cli_command *command = command_find(argc, argv, &used);
    if (command == NULL) {
        const bool two = argc > 1 && is_group(argv[0]);
        return cli_fail(cli, CLI_USAGE, "usage", "there is no such command: %s%s%s; sms365 --help shows them all",
            argv[0], two ? " " : "", two ? argv[1] : "");
    }
    if (argc > used && strcmp(argv[used], "--help") == 0)
        return help_tell(cli, command);
    return command->run(cli, command, argc - used, argv + used);
}

/* The options that stand before the command. *first is the index of the command's first word. */
static enum cli_exit begin(struct cli *cli, int argc, char **argv)
{
    int i = 1;

    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            cli->json = true;
        } else if (strcmp(argv[i], "-c") == 0 && i + 1 < argc) {
            cli->conf_path = argv[++i];
        } else if (strcmp(argv[i], "--version") == 0) {
            cli_say(cli, "sms365 %s", sms365_version());
            (void)cJSON_AddStringToObject(cli->out, "version", sms365_version());
            return CLI_DONE;
        } else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return help_tell(cli, NULL);
        } else {
            return cli_fail(cli, CLI_USAGE, "usage", "%s cannot be used so; sms365 --help shows how", argv[i]);
        }
    }
    return dispatch(cli, argc - i, argv + i);
}

int main(int argc, char **argv)
{
    const struct rlimit no_core = {0, 0};
    struct cli cli = {.out = cJSON_CreateObject()};

    /* Keys pass through this process: it leaves no memory behind, and takes nothing from the environment. */
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)umask(022);
    sms365_environment_hide();
    if (cli.out == NULL) {
        (void)fputs("sms365: out of memory\n", stderr);
        return CLI_FAILED;
    }
    enum cli_exit exit = begin(&cli, argc, argv);
    if (!cli_flush(&cli)) {
        (void)fputs("sms365: standard output cannot be written\n", stderr);
        exit = exit == CLI_DONE ? CLI_FAILED : exit;
    }
    sms365_provider_close(&cli.provider);
    sms365_keys_free(&cli.keys);
    cJSON_Delete(cli.out);
    return (int)exit;
}
