/* sms365 api: any request of the provider's API, from the table of endpoints. */
#include "base/err.h"
#include "family.h"

#include <stdio.h>
#include <string.h>

#define PARAMS_MAX 32
#define BODY_BYTES_MAX 1048576

struct calling {
    const struct sms365_endpoint *endpoint;
    struct sms365_param params[PARAMS_MAX];
    char names[PARAMS_MAX][64];
    struct sms365_secret values[PARAMS_MAX]; /* those read from standard input */
    size_t count;
    bool reveal, yes;
    const char *key_name;
};

/* Where several sets of parameters will do. */
static void ways_list(struct cli *cli, const struct sms365_endpoint *endpoint, cJSON *one)
{
    size_t count = 0;
    const struct sms365_api_way *ways = sms365_api_ways(&count);
    cJSON *list = cJSON_AddArrayToObject(one, "ways");
    struct sms365_buf text;

    sms365_buf_init(&text, 512);
    for (size_t i = 0; i < count; i++) {
        const bool key = strcmp(ways[i].names, "key") == 0;
        if (ways[i].endpoint != endpoint->id)
            continue;
        sms365_buf_printf(
            &text, "%s%s", text.length == 0 ? "    needed: " : ", or ", key ? "a stored key" : ways[i].names);
        (void)cJSON_AddItemToArray(list, cJSON_CreateString(ways[i].names));
    }
    if (text.length > 0)
        cli_say(cli, "%s", sms365_buf_text(&text));
    sms365_buf_free(&text);
}

static void endpoints_list(struct cli *cli)
{
    size_t count = 0;
    const struct sms365_api_param *params = sms365_api_params(&count);
    cJSON *list = cJSON_AddArrayToObject(cli->out, "endpoints");

    for (int id = 0; id < SMS365_EP_COUNT; id++) {
        const struct sms365_endpoint *endpoint = sms365_endpoint_get((enum sms365_endpoint_id)id);
        cJSON *one = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(one, "path", endpoint->path);
        (void)cJSON_AddBoolToObject(one, "costs", endpoint->costs);
        (void)cJSON_AddStringToObject(one, "help", sms365_endpoint_help(endpoint));
        cJSON *names = cJSON_AddArrayToObject(one, "parameters");
        cli_say(
            cli, "%s: %s%s", endpoint->path, sms365_endpoint_help(endpoint), endpoint->costs ? " (costs money)" : "");
        for (size_t i = 0; i < count; i++) {
            if (params[i].endpoint != endpoint->id || strcmp(params[i].name, "key") == 0)
                continue;
            const char *value = params[i].type == SMS365_TYPE_SECRET ? "-" : "VALUE";
            cli_say(cli, "    %s=%s%s: %s", params[i].name, value, params[i].required ? " (needed)" : "",
                sms365_api_param_help(&params[i]));
            (void)cJSON_AddItemToArray(names, cJSON_CreateString(params[i].name));
        }
        ways_list(cli, endpoint, one);
        (void)cJSON_AddItemToArray(list, one);
    }
}

/* One name=value. */
static bool param_take(struct cli *cli, const struct cli_command *command, struct calling *calling, const char *word)
{
    const char *value = strchr(word, '=');
    char *name = calling->names[calling->count];
    const size_t length = value == NULL ? 0 : (size_t)(value - word);

    if (length == 0 || length >= sizeof calling->names[0]) {
        /* The word is not repeated: it may be a secret that was meant for somewhere else. */
        (void)cli_fail_usage(cli, command, "what follows the endpoint is written name=value");
        return false;
    }
    memcpy(name, word, length);
    name[length] = '\0';
    value++;
    const struct sms365_api_param *param = sms365_api_param_find(calling->endpoint->id, name);
    const bool secret = param != NULL && param->type == SMS365_TYPE_SECRET;
    calling->params[calling->count] = (struct sms365_param){name, value};
    if (strcmp(name, "key") == 0) {
        (void)cli_fail(
            cli, CLI_USAGE, "bad_argument", "the API key comes from the key store: choose one with --key NAME");
        return false;
    }
    if (strcmp(value, "-") == 0) {
        struct sms365_secret *entered = &calling->values[calling->count];
        if (!cli_read_value(cli, name, secret, entered))
            return false;
        calling->params[calling->count].value = (const char *)entered->data;
    }
    if (secret && strcmp(value, "-") != 0) {
        (void)cli_fail(cli, CLI_USAGE, "bad_argument",
            "%s is a secret, and others can see the command line: write %s=- and enter it when asked", name, name);
        return false;
    }
    calling->count++;
    return true;
}

static const char *value_of(const struct calling *calling, const char *name)
{
    return sms365_param_value(calling->params, calling->count, name);
}

static void reply_tell(struct cli *cli, const struct sms365_reply *reply, bool reveal)
{
    cJSON *tree = cli_reply_tree(reply, reveal);
    char *pretty = tree == NULL ? NULL : cJSON_Print(tree);

    if (pretty != NULL)
        cli_say_text(cli, pretty);
    if (tree != NULL)
        (void)cJSON_AddItemToObject(cli->out, "reply", tree);
    cJSON_free(pretty);
}

static enum cli_exit call_json(struct cli *cli, const struct cli_request *request, bool reveal)
{
    struct sms365_reply *reply = NULL;
    struct sms365_error err = {0};

    const enum sms365_err code = cli_call(cli, request, &reply, &err);
    if (reply != NULL)
        reply_tell(cli, reply, reveal);
    const enum cli_exit exit = code == SMS365_OK ? CLI_DONE : cli_fail_error(cli, &err);
    sms365_reply_free(reply);
    return exit;
}

static enum cli_exit call_raw(struct cli *cli, const struct cli_request *request)
{
    struct sms365_buf body;
    struct sms365_error err = {0};

    sms365_provider_reply_init(&body, request->endpoint);
    const enum sms365_err code = cli_call_raw(cli, request, &body, &err);
    if (code == SMS365_OK) {
        cli_say_text(cli, sms365_buf_text(&body));
        (void)cJSON_AddStringToObject(cli->out, "body", sms365_buf_text(&body));
    }
    sms365_buf_free(&body);
    return code == SMS365_OK ? CLI_DONE : cli_fail_error(cli, &err);
}

/* What cannot be asked for has no price. False: it was told. */
static bool is_whole(struct cli *cli, const struct cli_request *request)
{
    static const char some_key[] = "-";
    struct sms365_buf body;
    struct sms365_error err = {0};

    sms365_buf_init(&body, BODY_BYTES_MAX);
    body.secret = true;
    const bool whole = sms365_api_encode(&body, sms365_endpoint_get(request->endpoint), request->params, request->count,
                           some_key, &err) == SMS365_OK;
    sms365_buf_free(&body);
    if (!whole)
        (void)cli_fail_error(cli, &err);
    return whole;
}

static enum cli_exit call(struct cli *cli, const struct calling *calling)
{
    struct cli_request request = {calling->endpoint->id, calling->params, calling->count, NULL};
    const char *type = value_of(calling, "type");
    const bool raw = type != NULL && strcmp(type, "json") != 0;
    const bool keyless = calling->endpoint->auth == SMS365_AUTH_OPEN ||
                         (calling->endpoint->auth == SMS365_AUTH_LOGIN && value_of(calling, "username") != NULL);

    if (raw && !calling->reveal && cli_family_reveals(calling->endpoint))
        return cli_fail(cli, CLI_USAGE, "bad_argument",
            "%s answers with an API key, which can be masked in json only: leave out type=%s, or add --reveal",
            calling->endpoint->path, type);
    /* The old key ends with this request: a new one that nobody sees would leave the account without any. */
    if (calling->endpoint->id == SMS365_EP_KEY_RESET && !calling->reveal)
        return cli_fail(cli, CLI_USAGE, "bad_argument",
            "key/reset makes the present key useless and answers with the new one: add --reveal to see it, then store "
            "it "
            "with sms365 key add --replace");
    if (!cli_conf(cli) || (!keyless && !cli_keys(cli)))
        return CLI_USAGE;
    if (!cli_key_choose(cli, keyless ? NULL : calling->key_name, &request.key))
        return CLI_FAILED;
    (void)cJSON_AddStringToObject(cli->out, "endpoint", calling->endpoint->path);
    if (!calling->yes && calling->endpoint->costs && !is_whole(cli, &request))
        return CLI_USAGE;
    if (!cli_cost_accepted(cli, &request, calling->yes))
        return cli_fail(cli, CLI_FAILED, "not_confirmed", "nothing was done");
    return raw ? call_raw(cli, &request) : call_json(cli, &request, calling->reveal);
}

static enum cli_exit api_run(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    struct calling calling = {.count = 0};
    bool list = false;
    const struct cli_option options[] = {{"--list", &list, NULL, NULL}, {"--reveal", &calling.reveal, NULL, NULL},
        {"--key", NULL, &calling.key_name, NULL}, {"--yes", &calling.yes, NULL, NULL}, {NULL, NULL, NULL, NULL}};
    enum cli_exit exit = CLI_USAGE;
    bool good = true;

    if (!cli_args(cli, command, options, &argc, argv, 0, 1 + PARAMS_MAX))
        return CLI_USAGE;
    if (list) {
        endpoints_list(cli);
        return CLI_DONE;
    }
    if (argc == 0)
        return cli_fail_usage(cli, command, "which endpoint? (--list shows them all)");
    calling.endpoint = sms365_endpoint_find(argv[0]);
    if (calling.endpoint == NULL)
        return cli_fail(cli, CLI_USAGE, "bad_argument", "there is no endpoint %s; see: sms365 api --list", argv[0]);
    for (int i = 1; good && i < argc; i++)
        good = param_take(cli, command, &calling, argv[i]);
    if (good)
        exit = call(cli, &calling);
    for (size_t i = 0; i < PARAMS_MAX; i++)
        sms365_secret_free(&calling.values[i]);
    return exit;
}

const struct cli_command cli_api_commands[] = {
    {NULL, "api", "ENDPOINT [name=value]... [--reveal] [--key NAME] [--yes] | --list",
        "Make any request of the provider's API", api_run},
    {NULL, NULL, NULL, NULL, NULL},
};
