#include "base/err.h"
#include "base/log.h"
#include "cli.h"
#include "drive/instance.h"
#include "pure/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

static void problem_note(void *context, int priority, const char *text)
{
    (void)priority;
    cli_note(context, "%s", text);
}

bool cli_conf_of(struct cli *cli, const char *service)
{
    const struct sms365_options options = {
        .conf = cli->conf_path, .service = service, .log = problem_note, .log_context = cli};
    struct sms365_error err = {0};

    const enum sms365_err code = sms365_instance_conf(&cli->conf, &options, SMS365_FRONT_PAM, NULL, &err);
    cli->provider.conf = &cli->conf;
    if (code == SMS365_OK)
        return true;
    if (code == SMS365_NOT_FOUND)
        (void)cli_fail(cli, CLI_USAGE, "not_found", "%s; an empty file takes every default", err.text);
    else
        (void)cli_fail_error(cli, &err);
    return false;
}

bool cli_conf_of_store(struct cli *cli, const char *service, bool web)
{
    struct stat st;

    if (!cli_conf_of(cli, service))
        return false;
    if (!web && (service == NULL || strcmp(service, "web") != 0))
        return true;
    (void)sms365_str_copy(cli->conf.store_dir, sizeof cli->conf.store_dir, cli->conf.web_dir);
    if (lstat(cli->conf.store_dir, &st) == 0)
        return true;
    (void)cli_fail(cli, CLI_FAILED, "not_found", "%s: %s; nginx makes it when it starts with a service of sms365",
        cli->conf.store_dir, strerror(errno));
    return false;
}

bool cli_conf(struct cli *cli)
{
    return cli_conf_of(cli, NULL);
}

bool cli_master(struct cli *cli, struct sms365_secret *master)
{
    struct sms365_error err = {0};

    if (sms365_master_load(master, cli->conf.master, &err) == SMS365_OK)
        return true;
    (void)cli_fail_error(cli, &err);
    return false;
}

enum sms365_err cli_keys_load(struct cli *cli, struct sms365_error *err)
{
    struct sms365_secret master = {0};
    enum sms365_err code = sms365_master_load(&master, cli->conf.master, err);

    if (code == SMS365_OK)
        code = sms365_keys_load(&cli->keys, cli->conf.keys_dir, &master, cli->conf.sandbox, err);
    sms365_secret_free(&master);
    cli->provider.keys = &cli->keys;
    return code;
}

bool cli_keys(struct cli *cli)
{
    struct sms365_error err = {0};

    if (cli_keys_load(cli, &err) == SMS365_OK)
        return true;
    (void)cli_fail_error(cli, &err);
    return false;
}

bool cli_key_choose(struct cli *cli, const char *name, const struct sms365_key **key)
{
    *key = NULL;
    if (name == NULL)
        return true;
    *key = sms365_keys_find(&cli->keys, name);
    if (*key == NULL)
        (void)cli_fail(cli, CLI_FAILED, "not_found", "there is no key %s; see: sms365 key list", name);
    return *key != NULL;
}

struct sms365_provider_request cli_request_of(const struct cli *cli, const struct cli_request *request)
{
    struct sms365_provider_request made =
        sms365_provider_request_of(&cli->conf, request->endpoint, request->params, request->count);

    made.key = request->key;
    return made;
}

enum sms365_err cli_call(
    struct cli *cli, const struct cli_request *request, struct sms365_reply **reply, struct sms365_error *err)
{
    const struct sms365_provider_request made = cli_request_of(cli, request);

    return sms365_provider_call(&cli->provider, &made, reply, err);
}

enum sms365_err cli_call_raw(
    struct cli *cli, const struct cli_request *request, struct sms365_buf *body, struct sms365_error *err)
{
    const struct sms365_provider_request made = cli_request_of(cli, request);

    return sms365_provider_raw(&cli->provider, &made, body, err);
}

cJSON *cli_reply_tree(const struct sms365_reply *reply, bool reveal)
{
    char *text = sms365_reply_json(reply, reveal);
    cJSON *tree = text == NULL ? NULL : cJSON_Parse(text);

    if (text != NULL)
        sms365_wipe(text, strlen(text));
    free(text);
    return tree;
}
