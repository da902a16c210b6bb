#include "cli.h"
#include "edges/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* The command that the first words name. *used counts those words; NULL when there is none. */
static const struct cli_command *command_find(int argc, char **argv, int *used)
{
    for (size_t i = 0; cli_tables[i] != NULL; i++) {
        for (const struct cli_command *command = cli_tables[i]; command->name != NULL; command++) {
            *used = cli_command_words(command, argc, argv);
            if (*used > 0)
                return command;
        }
    }
    return NULL;
}

static enum cli_exit dispatch(struct cli *cli, int argc, char **argv)
{
    int used = 0;

    if (argc == 0)
        return cli_fail(cli, CLI_USAGE, "usage", "which command? sms365 --help shows them all");
    const struct cli_command *command = command_find(argc, argv, &used);
    if (command == NULL && argc == 2 && cli_is_group(argv[0]) && strcmp(argv[1], "--help") == 0)
        return cli_help_of(cli, 1, argv);
    if (command == NULL) {
        const bool grouped = cli_is_group(argv[0]);
        if (grouped && argc == 1)
            return cli_fail(cli, CLI_USAGE, "usage", "%s what? sms365 %s --help shows its commands", argv[0], argv[0]);
        return cli_fail(cli, CLI_USAGE, "usage", "there is no such command: %s%s%s; sms365 %s%s--help shows them all",
            argv[0], grouped ? " " : "", grouped ? argv[1] : "", grouped ? argv[0] : "", grouped ? " " : "");
    }
    if (argc > used && strcmp(argv[used], "--help") == 0)
        return cli_help_of(cli, used, argv);
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
            return cli_help(cli);
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
