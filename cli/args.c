#include "cli.h"

#include <string.h>

static const struct cli_option *option_find(const struct cli_option *options, const char *word, size_t length)
{
    for (; options->name != NULL; options++)
        if (strlen(options->name) == length && strncmp(options->name, word, length) == 0)
            return options;
    return NULL;
}

/* False when there is a value too many. */
static bool option_set(const struct cli_option *option, const char *value)
{
    if (option->values == NULL) {
        if (*option->value != NULL)
            return false;
        *option->value = value;
        return true;
    }
    if (option->values->count == CLI_VALUES_MAX)
        return false;
    option->values->list[option->values->count++] = value;
    return true;
}

/* The option at argv[*i], and its value in the same word (--name=value) or the next. */
static bool option_take(struct cli *cli, const struct cli_command *command, const struct cli_args *args, int *i)
{
    const char *word = args->argv[*i];
    const size_t length = strcspn(word, "=");
    const struct cli_option *option = option_find(args->options, word, length);

    if (option == NULL && strcmp(word, "--json") == 0) {
        (void)cli_fail_usage(cli, command, "--json stands before the command");
        return false;
    }
    if (option == NULL) {
        (void)cli_fail_usage(cli, command, "there is no option %.*s", (int)length, word);
        return false;
    }
    const char *value = word[length] == '=' ? word + length + 1 : NULL;
    if (option->flag != NULL) {
        *option->flag = true;
        if (value != NULL)
            (void)cli_fail_usage(cli, command, "%s takes no value", option->name);
        return value == NULL;
    }
    if (value == NULL && *i + 1 < args->argc)
        value = args->argv[++*i];
    if (value == NULL || (value[0] == '\0' && !args->empty)) {
        (void)cli_fail_usage(cli, command, "%s needs a value", option->name);
        return false;
    }
    if (!option_set(option, value)) {
        (void)cli_fail_usage(cli, command, "%s is given too often", option->name);
        return false;
    }
    return true;
}

/* A number below zero is none. */
static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0' && (word[1] < '0' || word[1] > '9');
}

bool cli_args_take(struct cli *cli, const struct cli_command *command, struct cli_args *args, int least, int most)
{
    int words = 0;
    bool ended = false;

    for (int i = 0; i < args->argc; i++) {
        if (!ended && strcmp(args->argv[i], "--") == 0)
            ended = true;
        else if (ended || !is_option(args->argv[i]))
            args->argv[words++] = args->argv[i];
        else if (!option_take(cli, command, args, &i))
            return false;
    }
    args->argc = words;
    if (words >= least && words <= most)
        return true;
    (void)cli_fail_usage(cli, command, words < least ? "a word is missing" : "there are too many words");
    return false;
}

bool cli_args(struct cli *cli, const struct cli_command *command, const struct cli_option *options, int *argc,
    char **argv, int least, int most)
{
    struct cli_args args = {options, *argc, argv, false};
    const bool good = cli_args_take(cli, command, &args, least, most);

    *argc = args.argc;
    return good;
}
