/* sms365 config: the options as they are, and a file before it is put in place. */
#include "base/err.h"
#include "cli.h"
#include "drive/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The mistakes, a line each; problems->text is "file:line: text" lines. */
static void problems_tell(struct cli *cli, const struct sms365_problems *problems)
{
    cJSON *list = cJSON_AddArrayToObject(cli->out, "problems");
    const char *line = sms365_buf_text(&problems->text);

    while (*line != '\0') {
        char one[1024];
        const size_t length = strcspn(line, "\n");
        const size_t kept = length < sizeof one ? length : sizeof one - 1;
        memcpy(one, line, kept);
        one[kept] = '\0';
        cli_say(cli, "%s", one);
        (void)cJSON_AddItemToArray(list, cJSON_CreateString(one));
        line += length + (line[length] == '\n');
    }
}

/* Read a file that is not in place yet: whoever owns it, wherever it is. O_NONBLOCK: a pipe must not hold us. */
static bool file_read(struct cli *cli, struct sms365_buf *text, const char *path)
{
    char chunk[4096];
    ssize_t got = 0;

    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        (void)cli_fail(cli, CLI_USAGE, "io", "%s: %s", path, strerror(errno));
        return false;
    }
    while (!text->failed && (got = read(fd, chunk, sizeof chunk)) > 0)
        sms365_buf_add(text, chunk, (size_t)got);
    const int number = errno;
    (void)close(fd);
    if (got < 0)
        (void)cli_fail(cli, CLI_USAGE, "io", "%s: %s", path, strerror(number));
    else if (text->failed)
        (void)cli_fail(cli, CLI_USAGE, "full", "%s: larger than the %d bytes that a configuration file may have", path,
            SMS365_CONF_FILE_MAX);
    return got >= 0 && !text->failed;
}

static enum cli_exit config_check(struct cli *cli, const char *path)
{
    struct sms365_problems problems;
    struct sms365_buf text;
    enum cli_exit exit = CLI_USAGE;

    sms365_buf_init(&text, SMS365_CONF_FILE_MAX);
    sms365_problems_init(&problems);
    (void)cJSON_AddStringToObject(cli->out, "file", path);
    if (file_read(cli, &text, path)) {
        const enum sms365_err code = sms365_conf_parse(
            &cli->conf, path, sms365_buf_text(&text), text.length, NULL, NULL, SMS365_FRONT_CLI, &problems);
        problems_tell(cli, &problems);
        if (code == SMS365_OK) {
            cli_say(cli, "%s can be used.", path);
            exit = CLI_DONE;
        } else {
            exit = cli_fail(cli, CLI_USAGE, "bad_config", "%s cannot be used: %d mistake%s", path, problems.errors,
                problems.errors == 1 ? "" : "s");
        }
    }
    sms365_problems_free(&problems);
    sms365_buf_free(&text);
    return exit;
}

static void option_tell(struct cli *cli, cJSON *list, const struct sms365_option *option, size_t index)
{
    const char *path = cli->conf_path == NULL ? SMS365_CONF_DEFAULT : cli->conf_path;
    const struct sms365_origin *origin = &cli->conf.origins[index];
    char value[1024];
    cJSON *one = cJSON_CreateObject();

    sms365_conf_value(value, &cli->conf, index);
    (void)cJSON_AddStringToObject(one, "section", option->section);
    (void)cJSON_AddStringToObject(one, "name", option->name);
    (void)cJSON_AddStringToObject(one, "value", value);
    (void)cJSON_AddStringToObject(one, "origin", origin->line > 0 ? "file" : "default");
    if (origin->line > 0)
        (void)cJSON_AddNumberToObject(one, "line", origin->line);
    (void)cJSON_AddItemToArray(list, one);
    if (origin->line > 0)
        cli_say(cli, "  %s = %s  (%s:%d)", option->name, value, path, origin->line);
    else
        cli_say(cli, "  %s = %s  (default)", option->name, value);
}

static enum cli_exit config_show(struct cli *cli, const char *service)
{
    const char *path = cli->conf_path == NULL ? SMS365_CONF_DEFAULT : cli->conf_path;
    const struct sms365_options options = {.conf = cli->conf_path, .service = service};
    struct sms365_problems problems;
    struct sms365_error err = {0};
    const char *section = "";
    size_t count = 0;
    const struct sms365_option *table = sms365_conf_table(&count);

    sms365_problems_init(&problems);
    const enum sms365_err code = sms365_instance_conf(&cli->conf, &options, SMS365_FRONT_CLI, &problems, &err);
    (void)cJSON_AddStringToObject(cli->out, "file", path);
    if (problems.text.length > 0)
        problems_tell(cli, &problems);
    sms365_problems_free(&problems);
    if (code != SMS365_OK) {
        (void)cli_fail_error(cli, &err);
        return CLI_USAGE;
    }
    cJSON *list = cJSON_AddArrayToObject(cli->out, "options");
    for (size_t i = 0; i < count; i++) {
        if (strcmp(section, table[i].section) != 0) {
            section = table[i].section;
            cli_say(cli, "[%s]", section);
        }
        option_tell(cli, list, &table[i], i);
    }
    return CLI_DONE;
}

static enum cli_exit config_run(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    const char *check = NULL;
    const char *service = NULL;
    const struct cli_option options[] = {
        {"--check", NULL, &check, NULL}, {"--service", NULL, &service, NULL}, {NULL, NULL, NULL, NULL}};

    if (!cli_args(cli, command, options, &argc, argv, 0, 0))
        return CLI_USAGE;
    return check != NULL ? config_check(cli, check) : config_show(cli, service);
}

const struct cli_command cli_config_commands[] = {
    {NULL, "config", "[--service S] | --check FILE",
        "Show every option, its value and where that came from; or check a file", config_run},
    {NULL, "policy", "[--service S]", "Tell what the limits amount to: chances of a guess, tries and messages",
        cli_policy},
    {NULL, NULL, NULL, NULL, NULL},
};
