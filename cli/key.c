/* sms365 key list, check, remove. The others have files of their own. */
#include "base/err.h"
#include "cli.h"
#include "drive/typed.h"
#include "key.h"

#include <stdio.h>
#include <string.h>

void cli_whitelist_text(struct sms365_buf *out, const struct sms365_cidr_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        char range[64];
        sms365_cidr_format(range, &list->entries[i]);
        sms365_buf_printf(out, "%s%s", i == 0 ? "" : ", ", range);
    }
}

enum sms365_err cli_key_try(struct cli *cli, const struct sms365_key *key, size_t url, struct cli_key_trial *trial)
{
    /* The copy borrows the secret and has this one URL: it is never freed. */
    struct sms365_key one = *key;

    *trial = (struct cli_key_trial){.url = key->urls[url]};
    memmove(one.urls[0], key->urls[url], sizeof one.urls[0]);
    one.url_count = 1;
    trial->code = sms365_ask_key_get(&cli->provider, &one, &trial->err);
    (void)sms365_str_copy(trial->local, sizeof trial->local, cli->provider.local);
    size_t line;
    if (sms365_cidr_list_match(&key->whitelist, trial->local, &line))
        sms365_cidr_format(trial->matched, &key->whitelist.entries[line]);
    /* The connection and the choice belong to this key and this URL. */
    sms365_provider_close(&cli->provider);
    cli->provider.local[0] = '\0';
    return trial->code;
}

cJSON *cli_key_trial_json(const struct cli_key_trial *trial)
{
    cJSON *object = cJSON_CreateObject();

    (void)cJSON_AddStringToObject(object, "url", trial->url);
    if (trial->local[0] != '\0')
        (void)cJSON_AddStringToObject(object, "from", trial->local);
    if (trial->matched[0] != '\0')
        (void)cJSON_AddStringToObject(object, "whitelist", trial->matched);
    (void)cJSON_AddBoolToObject(object, "accepted", trial->code == SMS365_OK);
    if (trial->code != SMS365_OK)
        (void)cJSON_AddStringToObject(object, "text", trial->err.text);
    if (trial->err.provider_error != 0)
        (void)cJSON_AddNumberToObject(object, "provider_error", trial->err.provider_error);
    return object;
}

static cJSON *key_json(const struct sms365_key *key)
{
    cJSON *object = cJSON_CreateObject();

    (void)cJSON_AddStringToObject(object, "name", key->name);
    cJSON *urls = cJSON_AddArrayToObject(object, "urls");
    for (size_t i = 0; i < key->url_count; i++)
        (void)cJSON_AddItemToArray(urls, cJSON_CreateString(key->urls[i]));
    cJSON *whitelist = cJSON_AddArrayToObject(object, "whitelist");
    for (size_t i = 0; i < key->whitelist.count; i++) {
        char range[64];
        sms365_cidr_format(range, &key->whitelist.entries[i]);
        (void)cJSON_AddItemToArray(whitelist, cJSON_CreateString(range));
    }
    (void)cJSON_AddStringToObject(object, "added", key->added);
    return object;
}

static enum cli_exit key_list(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    const struct cli_option options[] = {{NULL, NULL, NULL, NULL}};
    struct sms365_error err = {0};

    if (!cli_args(cli, command, options, &argc, argv, 0, 0) || !cli_conf(cli))
        return CLI_USAGE;
    cJSON *list = cJSON_AddArrayToObject(cli->out, "keys");
    const enum sms365_err code = cli_keys_load(cli, &err);
    if (code == SMS365_NO_KEY)
        cli_say(cli, "There is no key in %s; add one with: sms365 key add NAME", cli->conf.keys_dir);
    else if (code != SMS365_OK) {
        (void)cli_fail_error(cli, &err);
        return CLI_USAGE;
    }
    for (size_t i = 0; i < cli->keys.count; i++) {
        const struct sms365_key *key = &cli->keys.entries[i];
        struct sms365_buf whitelist;
        sms365_buf_init(&whitelist, 4096);
        cli_whitelist_text(&whitelist, &key->whitelist);
        cli_say(cli, "%s, added %s", key->name, key->added);
        for (size_t j = 0; j < key->url_count; j++)
            cli_say(cli, "    for   %s", key->urls[j]);
        cli_say(cli, "    from  %s", sms365_buf_text(&whitelist));
        sms365_buf_free(&whitelist);
        (void)cJSON_AddItemToArray(list, key_json(key));
    }
    return CLI_DONE;
}

static enum cli_exit key_remove(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    const struct cli_option options[] = {{NULL, NULL, NULL, NULL}};
    struct sms365_error err = {0};

    if (!cli_args(cli, command, options, &argc, argv, 1, 1) || !cli_conf(cli))
        return CLI_USAGE;
    if (sms365_key_remove(cli->conf.keys_dir, argv[0], &err) != SMS365_OK)
        return cli_fail_error(cli, &err);
    (void)cJSON_AddStringToObject(cli->out, "removed", argv[0]);
    cli_say(cli, "Key %s is removed. The provider goes on accepting it until it is reset there.", argv[0]);
    return CLI_DONE;
}

enum cli_exit cli_key_worse(enum cli_exit a, enum cli_exit b)
{
    if (a == CLI_DONE || (a == CLI_UNREACHABLE && b != CLI_DONE))
        return b;
    return a;
}

enum cli_exit cli_key_check(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    const struct cli_option options[] = {{NULL, NULL, NULL, NULL}};
    const struct sms365_key *only = NULL;
    enum cli_exit exit = CLI_DONE;

    if (!cli_args(cli, command, options, &argc, argv, 0, 1) || !cli_conf(cli) || !cli_keys(cli))
        return CLI_USAGE;
    if (!cli_key_choose(cli, argc > 0 ? argv[0] : NULL, &only))
        return CLI_FAILED;
    cJSON *list = cJSON_AddArrayToObject(cli->out, "keys");
    for (size_t i = 0; i < cli->keys.count; i++) {
        const struct sms365_key *key = &cli->keys.entries[i];
        if (only != NULL && key != only)
            continue;
        cJSON *object = key_json(key);
        cJSON *trials = cJSON_AddArrayToObject(object, "trials");
        for (size_t j = 0; j < key->url_count; j++) {
            struct cli_key_trial trial;
            const enum sms365_err code = cli_key_try(cli, key, j, &trial);
            if (code == SMS365_OK)
                cli_say(cli, "%s: accepted by %s from %s, which the whitelist has as %s", key->name, trial.url,
                    trial.local, trial.matched);
            else if (code == SMS365_REFUSED)
                cli_say(cli, "%s: NOT accepted by %s from %s, which the whitelist has as %s: %s", key->name, trial.url,
                    trial.local, trial.matched, trial.err.text);
            else
                cli_say(cli, "%s: NOT usable: %s", key->name, trial.err.text);
            if (code != SMS365_OK)
                exit = cli_key_worse(exit, code == SMS365_UNREACHABLE ? CLI_UNREACHABLE : CLI_FAILED);
            (void)cJSON_AddItemToArray(trials, cli_key_trial_json(&trial));
        }
        (void)cJSON_AddItemToArray(list, object);
    }
    if (exit == CLI_DONE)
        return exit;
    return cli_fail(
        cli, exit, exit == CLI_UNREACHABLE ? "unreachable" : "refused", "not every key is usable from here");
}

const struct cli_command cli_key_commands[] = {
    {"key", "init", "", "Make the master key and the directories", cli_key_init},
    {"key", "add", "NAME [--url URL]... [--whitelist CIDR,...] [--replace] [--no-check]",
        "Store an API key, read from standard input or a prompt", cli_key_add},
    {"key", "list", "", "List the keys: their names, URLs and whitelists", key_list},
    {"key", "check", "[NAME]", "Try every key at each of its URLs", cli_key_check},
    {"key", "rotate", "[NAME]", "Have the provider replace every key by a new one", cli_key_rotate},
    {"key", "remove", "NAME", "Remove a key", key_remove},
    {NULL, NULL, NULL, NULL, NULL},
};
