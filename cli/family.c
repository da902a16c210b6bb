/* sms365 contact, group, sms, ...: a request of the provider each, as families.def and the table of endpoints have it.
 */
#include "family.h"

#include "base/err.h"
#include "pure/sms.h"

#include <stdio.h>
#include <string.h>

#define PARAMS_MAX 32
#define OPTIONS_MAX (PARAMS_MAX + 5) /* --key, --format, --reveal, --yes, and the end */
#define OPTION_SIZE 40
#define INPUT_BYTES_MAX 65536 /* from standard input: fifty thousand characters of numbers */
#define BODY_BYTES_MAX 1048576

static const struct {
    enum sms365_endpoint_id endpoint;
    enum cli_price price;
} families[] = {
#define FAMILY(group, name, id, price) {SMS365_EP_##id, CLI_PRICE_##price},
#include "families.def"
};

static enum cli_exit family_run(struct cli *cli, const struct cli_command *command, int argc, char **argv);

const struct cli_command cli_family_commands[] = {
#define FAMILY(group, name, id, price) {group, name, NULL, NULL, family_run},
#include "families.def"
    {NULL, NULL, NULL, NULL, NULL},
};

const struct sms365_endpoint *cli_family_endpoint(const struct cli_command *command)
{
    return command->run == family_run ? sms365_endpoint_get(families[command - cli_family_commands].endpoint) : NULL;
}

enum cli_price cli_price_of(enum sms365_endpoint_id endpoint)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (families[i].endpoint == endpoint)
            return families[i].price;
    return CLI_PRICE_FREE;
}

/* One run of a command. */
struct running {
    const struct cli_command *command;
    const struct sms365_endpoint *endpoint;
    struct sms365_param params[PARAMS_MAX];
    size_t count;
    struct sms365_buf input;     /* what was read from standard input */
    struct sms365_secret secret; /* what was read from a prompt */
    const char *key_name, *format;
    bool reveal, yes;
};

/* Where a parameter's option leaves its value. */
struct offered {
    const struct sms365_api_param *param;
    char option[OPTION_SIZE];
    const char *value;
};

static const struct sms365_api_param *param_of(const struct running *running, const char *name)
{
    return sms365_api_param_find(running->endpoint->id, name);
}

static const char *value_of(const struct running *running, const char *name)
{
    for (size_t i = 0; i < running->count; i++)
        if (strcmp(running->params[i].name, name) == 0)
            return running->params[i].value;
    return NULL;
}

static void param_add(struct running *running, const char *name, const char *value)
{
    if (running->count < PARAMS_MAX)
        running->params[running->count++] = (struct sms365_param){name, value};
}

/* Numbers that come one a line are a list too. */
static void lines_join(struct sms365_buf *input)
{
    for (size_t i = 0; i < input->length; i++)
        if (input->data[i] == '\n')
            input->data[i] = ',';
}

/* A value from the command line, or for - from standard input. False: it was told. */
static bool value_take(
    struct cli *cli, struct running *running, const struct sms365_api_param *param, const char *value)
{
    if (strcmp(value, "-") == 0 && cli_param_streams(param)) {
        if (running->input.cap > 0) {
            (void)cli_fail_usage(cli, running->command, "standard input can be read once");
            return false;
        }
        sms365_buf_init(&running->input, INPUT_BYTES_MAX);
        if (!cli_read_text(cli, &running->input, value))
            return false;
        if (param->type == SMS365_TYPE_MSISDNS)
            lines_join(&running->input);
        value = sms365_buf_text(&running->input);
    }
    param_add(running, param->name, value);
    return true;
}

/* The options behind those of the parameters, in the order of cli_common_options. */
static void options_end(struct running *running, struct cli_option *options, size_t used)
{
    const struct cli_option common[] = {{"--key", NULL, &running->key_name, NULL},
        {"--format", NULL, &running->format, NULL}, {"--reveal", &running->reveal, NULL, NULL},
        {"--yes", &running->yes, NULL, NULL}};

    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        if (cli_common_options[i].fits(running->endpoint))
            options[used++] = common[i];
    options[used] = (struct cli_option){NULL, NULL, NULL, NULL};
}

/* Words and options into the parameters. False: it was told. */
static bool arguments_take(struct cli *cli, struct running *running, int argc, char **argv)
{
    const struct sms365_api_param *words[PARAMS_MAX];
    struct offered offered[PARAMS_MAX] = {{NULL, "", NULL}};
    struct cli_option options[OPTIONS_MAX];
    size_t count, word_count = 0, used = 0;
    const struct sms365_api_param *params = sms365_api_params(&count);

    for (size_t i = 0; i < count && used < PARAMS_MAX && word_count < PARAMS_MAX; i++) {
        if (params[i].endpoint != running->endpoint->id)
            continue;
        if (cli_param_place(&params[i]) == CLI_PLACE_WORD) {
            words[word_count++] = &params[i];
        } else if (cli_param_place(&params[i]) == CLI_PLACE_OPTION) {
            struct offered *one = &offered[used];
            one->param = &params[i];
            (void)snprintf(one->option, sizeof one->option, "--%s", params[i].name);
            options[used++] = (struct cli_option){one->option, NULL, &one->value, NULL};
        }
    }
    options_end(running, options, used);
    struct cli_args args = {options, argc, argv, true};
    if (!cli_args_take(cli, running->command, &args, (int)word_count, (int)word_count))
        return false;
    for (size_t i = 0; i < word_count; i++)
        if (!value_take(cli, running, words[i], argv[i]))
            return false;
    for (size_t i = 0; i < used; i++)
        if (offered[i].value != NULL && !value_take(cli, running, offered[i].param, offered[i].value))
            return false;
    return true;
}

/* Ask for what must not stand on a command line. False: it was told. */
static bool secret_take(struct cli *cli, struct running *running)
{
    size_t count;
    const struct sms365_api_param *params = sms365_api_params(&count);

    for (size_t i = 0; i < count; i++) {
        if (params[i].endpoint != running->endpoint->id || cli_param_place(&params[i]) != CLI_PLACE_PROMPT)
            continue;
        if (!cli_read_value(cli, params[i].name, true, &running->secret))
            return false;
        param_add(running, params[i].name, (const char *)running->secret.data);
    }
    return true;
}

/* Without `ucs` a text goes in the alphabet it needs: the provider's own choice would be the GSM alphabet for all. */
static void alphabet_choose(struct running *running)
{
    const char *text = value_of(running, param_of(running, "sms_text") != NULL ? "sms_text" : "text");
    struct sms365_sms_size size;

    if (param_of(running, "ucs") != NULL && value_of(running, "ucs") == NULL && text != NULL &&
        sms365_sms_measure(text, &size))
        param_add(running, "ucs", size.ucs ? "true" : "false");
}

/* Whatever is wrong with the parameters is told before anybody is asked anything. */
static bool params_fit(struct cli *cli, const struct running *running)
{
    struct sms365_buf body;
    struct sms365_error err = {0};

    sms365_buf_init(&body, BODY_BYTES_MAX);
    body.secret = true;
    const enum sms365_err code =
        sms365_api_encode(&body, running->endpoint, running->params, running->count, "x", &err);
    sms365_buf_free(&body);
    if (code != SMS365_OK)
        (void)cli_fail_error(cli, &err);
    return code == SMS365_OK;
}

static bool format_fits(struct cli *cli, const struct running *running)
{
    const char *format = running->format;

    if (format == NULL || strcmp(format, "table") == 0)
        return true;
    if (strcmp(format, "csv") != 0)
        (void)cli_fail_usage(cli, running->command, "the format is table or csv");
    else if (cli->json)
        (void)cli_fail_usage(cli, running->command, "--json and csv are two formats");
    else
        return true;
    return false;
}

static enum cli_exit reply_tell(struct cli *cli, const struct running *running, const struct sms365_reply *reply)
{
    cJSON *tree = cli_reply_tree(reply, running->reveal);

    if (tree == NULL)
        return cli_fail(cli, CLI_FAILED, "no_memory", "no memory for the reply; the provider has done what was asked");
    if (cli->json)
        cli_reply_put(cli, running->endpoint, tree);
    else if (running->format != NULL && strcmp(running->format, "csv") == 0)
        cli_reply_csv(cli, running->endpoint, tree);
    else
        cli_reply_show(cli, running->endpoint, tree);
    if (sms365_reply_error(reply) != 0)
        cli_note(cli, "it was so already: %s", sms365_api_error_text(sms365_reply_error(reply)));
    cJSON_Delete(tree);
    return CLI_DONE;
}

static enum cli_exit request_make(struct cli *cli, const struct running *running)
{
    struct cli_request request = {running->endpoint->id, running->params, running->count, NULL};
    struct sms365_reply *reply = NULL;
    struct sms365_error err = {0};
    enum cli_exit exit;

    if (!cli_conf(cli) || (running->endpoint->auth != SMS365_AUTH_OPEN && !cli_keys(cli)))
        return CLI_USAGE;
    if (!cli_key_choose(cli, running->key_name, &request.key))
        return CLI_FAILED;
    if (running->endpoint->costs && !running->yes && !cli_cost_ask(cli, &request))
        return cli_fail(cli, CLI_FAILED, "not_confirmed", "nothing was done");
    const enum sms365_err code = cli_call(cli, &request, &reply, &err);
    if (code == SMS365_OK)
        exit = reply_tell(cli, running, reply);
    else if (running->endpoint->costs && (code == SMS365_REPLY_LOST || code == SMS365_BAD_REPLY))
        exit = cli_fail(cli, CLI_FAILED, code == SMS365_REPLY_LOST ? "reply_lost" : "bad_reply",
            "the provider may have done it, and it is not tried again: %s", err.text);
    else
        exit = cli_fail_error(cli, &err);
    sms365_reply_free(reply);
    return exit;
}

static enum cli_exit family_run(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    struct running running = {.command = command};
    enum cli_exit exit = CLI_USAGE;

    running.endpoint = cli_family_endpoint(command);
    if (!arguments_take(cli, &running, argc, argv) || !format_fits(cli, &running))
        goto out;
    if (running.endpoint->costs && !running.yes && !cli_interactive()) {
        (void)cli_fail_usage(cli, command, "this costs money, and nobody is there to be asked: add --yes");
        goto out;
    }
    if (!secret_take(cli, &running))
        goto out;
    alphabet_choose(&running);
    if (params_fit(cli, &running))
        exit = request_make(cli, &running);
out:
    sms365_secret_free(&running.secret);
    sms365_buf_free(&running.input);
    return exit;
}
