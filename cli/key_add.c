/* sms365 key add: try an API key from here, settle where it may be used, seal it. */
#include "base/err.h"
#include "cli.h"
#include "key.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define SECRET_SIZE 512 /* more than any API key: a longer line is told apart from a key that is refused */

struct adding {
    struct sms365_key key;
    const char *whitelist; /* as given; NULL: to be proposed */
    bool replace;
    bool no_check;
    char local[256]; /* the addresses that accepted tries left from, a blank between them */
};

static bool urls_take(struct cli *cli, struct sms365_key *key, const struct cli_values *urls)
{
    struct sms365_error err = {0};
    const struct cli_values configured = {{cli->conf.url}, 1};

    if (urls->count == 0)
        urls = &configured;
    for (size_t i = 0; i < urls->count; i++) {
        if (i == SMS365_KEY_URLS_MAX) {
            (void)cli_fail(cli, CLI_USAGE, "bad_argument", "a key takes %d URLs at most", SMS365_KEY_URLS_MAX);
            return false;
        }
        if (sms365_url_check(key->urls[i], urls->list[i], cli->conf.sandbox, &err) != SMS365_OK) {
            (void)cli_fail_error(cli, &err);
            return false;
        }
        key->url_count++;
    }
    return true;
}

static bool whitelist_take(struct cli *cli, struct sms365_cidr_list *whitelist, const char *text)
{
    const char *bad = NULL;

    if (sms365_cidr_list_parse(whitelist, text, &bad))
        return true;
    (void)cli_fail(cli, CLI_USAGE, "bad_argument",
        "the whitelist cannot be used from \"%.60s\" on: it takes addresses and ranges such as 192.0.2.7, 10.0.0.0/8 "
        "or "
        "2001:db8::/32 with no bits set beyond the mask, or any",
        bad);
    return false;
}

static bool secret_take(struct cli *cli, struct sms365_key *key)
{
    char line[SECRET_SIZE];
    char prompt[96];
    struct sms365_error err = {0};

    (void)snprintf(prompt, sizeof prompt, "API key to store as %s (not shown): ", key->name);
    if (!cli_read_line(prompt, true, line, sizeof line, &err)) {
        (void)cli_fail(cli, CLI_USAGE, "bad_argument", "the API key is read from standard input: %s", err.text);
        return false;
    }
    const char *trimmed = sms365_str_trim(line);
    const bool kept = sms365_secret_set(&key->secret, trimmed, strlen(trimmed));
    sms365_wipe(line, sizeof line);
    if (!kept)
        (void)cli_fail(cli, CLI_FAILED, "no_memory", "no memory for the key");
    return kept;
}

/* Both reasons for error 101, and what to look at for each. */
static enum cli_exit refused_tell(struct cli *cli, const struct cli_key_trial *trial)
{
    (void)cJSON_AddNumberToObject(cli->out, "provider_error", trial->err.provider_error);
    if (trial->err.provider_error != 101)
        return cli_fail(cli, CLI_FAILED, "refused", "%s; the key was not saved", trial->err.text);
    return cli_fail(cli, CLI_FAILED, "refused",
        "the provider refuses the key (error 101), for one of two reasons that it does not tell apart: the key is "
        "wrong, or "
        "it is right and the IP whitelist of the account does not have this machine (the request left from %s; behind "
        "NAT "
        "the provider sees the router's public address). The key was not saved",
        trial->local);
}

static void local_note(struct adding *adding, const char *address)
{
    struct sms365_cidr_list seen = {.count = 0};
    const size_t used = strlen(adding->local);
    const size_t length = strcspn(address, "%"); /* without the scope */

    (void)sms365_cidr_list_parse(&seen, adding->local, NULL);
    if (!sms365_cidr_list_match(&seen, address, NULL))
        (void)snprintf(
            adding->local + used, sizeof adding->local - used, "%s%.*s", used == 0 ? "" : " ", (int)length, address);
}

/* Try the key at each URL. One has to accept it, and none may refuse it. */
static enum cli_exit key_try(struct cli *cli, struct adding *adding)
{
    cJSON *trials = cJSON_AddArrayToObject(cli->out, "trials");
    struct sms365_error last = {0};
    size_t accepted = 0;

    for (size_t i = 0; i < adding->key.url_count; i++) {
        struct cli_key_trial trial;
        const enum sms365_err code = cli_key_try(cli, &adding->key, i, &trial);
        (void)cJSON_AddItemToArray(trials, cli_key_trial_json(&trial));
        if (code == SMS365_REFUSED)
            return refused_tell(cli, &trial);
        if (code == SMS365_OK) {
            accepted++;
            local_note(adding, trial.local);
            cli_say(cli, "%s accepts the key from %s.", trial.url, trial.local);
        } else if (code == SMS365_UNREACHABLE && adding->key.url_count > 1) {
            cli_note(cli, "%s", trial.err.text);
        } else if (code != SMS365_UNREACHABLE) {
            sms365_error_prefix(&trial.err, "the key was not saved");
            return cli_fail_error(cli, &trial.err);
        }
        last = trial.err;
    }
    if (accepted > 0)
        return CLI_DONE;
    sms365_error_prefix(&last, "the key was not saved (--no-check saves it untried)");
    return cli_fail_error(cli, &last);
}

/* Settle the addresses from which the key may leave: as given, as answered, or this one. */
static bool whitelist_settle(struct cli *cli, struct adding *adding)
{
    char answer[1024] = "";
    struct sms365_buf prompt;
    struct sms365_error err = {0};

    if (adding->whitelist != NULL)
        return true;
    if (!cli_interactive()) {
        cli_note(cli, "the key may be used from %s only: that is where this request came from (--whitelist to change)",
            adding->local);
        return whitelist_take(cli, &adding->key.whitelist, adding->local);
    }
    sms365_buf_init(&prompt, 512);
    sms365_buf_printf(&prompt,
        "Local addresses from which this key may be used (ranges such as 10.0.0.0/8, or any) [%s]: ", adding->local);
    const bool answered = cli_read_line(sms365_buf_text(&prompt), false, answer, sizeof answer, &err);
    sms365_buf_free(&prompt);
    if (!answered) {
        (void)cli_fail(cli, CLI_FAILED, "io", "%s; the key was not saved", err.text);
        return false;
    }
    const char *text = sms365_str_trim(answer);
    if (!whitelist_take(cli, &adding->key.whitelist, text[0] == '\0' ? adding->local : text))
        return false;
    for (const char *local = adding->local; *local != '\0'; local += strspn(local, " ")) {
        char address[INET6_ADDRSTRLEN];
        const size_t length = strcspn(local, " ");
        (void)snprintf(address, sizeof address, "%.*s", (int)length, local);
        local += length;
        if (!sms365_cidr_list_match(&adding->key.whitelist, address, NULL))
            cli_note(cli, "this whitelist does not have %s: the key will not be used from there", address);
    }
    return true;
}

static enum cli_exit key_save(struct cli *cli, const struct adding *adding, const struct sms365_secret *master)
{
    struct sms365_error err = {0};
    struct sms365_buf whitelist;

    if (sms365_key_save(&adding->key, cli->conf.keys_dir, master, cli->conf.sandbox, adding->replace, &err) !=
        SMS365_OK)
        return cli_fail_error(cli, &err);
    sms365_buf_init(&whitelist, 4096);
    cli_whitelist_text(&whitelist, &adding->key.whitelist);
    (void)cJSON_AddStringToObject(cli->out, "name", adding->key.name);
    (void)cJSON_AddStringToObject(cli->out, "whitelist", sms365_buf_text(&whitelist));
    (void)cJSON_AddBoolToObject(cli->out, "tried", !adding->no_check);
    cli_say(cli, "Key %s is saved%s; it may be used from %s.", adding->key.name, adding->no_check ? ", untried" : "",
        sms365_buf_text(&whitelist));
    sms365_buf_free(&whitelist);
    return CLI_DONE;
}

/* From the API key on. The key is freed by the caller. */
static enum cli_exit add(struct cli *cli, struct adding *adding, const struct sms365_secret *master)
{
    struct sms365_error err = {0};

    if (!secret_take(cli, &adding->key))
        return CLI_USAGE;
    /* Until it is settled from where the key may leave, this one request may leave from anywhere. */
    if (adding->whitelist == NULL && !whitelist_take(cli, &adding->key.whitelist, "any"))
        return CLI_USAGE;
    /* A key that could not be saved must not leave the machine either. */
    if (sms365_key_check(&adding->key, cli->conf.sandbox, &err) != SMS365_OK)
        return cli_fail_error(cli, &err);
    if (!adding->no_check) {
        const enum cli_exit exit = key_try(cli, adding);
        if (exit != CLI_DONE)
            return exit;
        if (!whitelist_settle(cli, adding))
            return CLI_USAGE;
    }
    return key_save(cli, adding, master);
}

enum cli_exit cli_key_add(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    struct adding adding = {.replace = false};
    struct cli_values urls = {.count = 0};
    const struct cli_option options[] = {{"--url", NULL, NULL, &urls}, {"--whitelist", NULL, &adding.whitelist, NULL},
        {"--replace", &adding.replace, NULL, NULL}, {"--no-check", &adding.no_check, NULL, NULL},
        {NULL, NULL, NULL, NULL}};
    struct sms365_secret master = {0};

    if (!cli_args(cli, command, options, &argc, argv, 1, INT_MAX))
        return CLI_USAGE;
    if (argc > 1)
        return cli_fail_usage(cli, command,
            "the API key itself is never written here, where others can see it: it is asked for, or read from standard "
            "input");
    if (adding.no_check && adding.whitelist == NULL)
        return cli_fail_usage(cli, command, "--no-check proposes no whitelist: give one with --whitelist");
    if (!sms365_key_name_good(argv[0]))
        return cli_fail_usage(cli, command,
            "a key's name is 1 to %d letters, digits, hyphens and underscores (the API key itself is never written "
            "here: "
            "it is asked for)",
            SMS365_KEY_NAME_MAX);
    (void)sms365_str_copy(adding.key.name, sizeof adding.key.name, argv[0]);
    if (!cli_conf(cli) || !urls_take(cli, &adding.key, &urls) ||
        (adding.whitelist != NULL && !whitelist_take(cli, &adding.key.whitelist, adding.whitelist)) ||
        !cli_master(cli, &master))
        return CLI_USAGE;
    const enum cli_exit exit = add(cli, &adding, &master);
    sms365_secret_free(&master);
    sms365_key_free(&adding.key);
    return exit;
}
