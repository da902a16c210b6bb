/*
 * sms365 key rotate: have the provider replace an API key by a new one (key/reset), and put that in its place here.
 *
 * From its reset on the old key is worth nothing, and the new one stands in the reply alone. So a rotation is noted in
 * the key store before the request is made (see key_rotation.h), and a run that finds such a note begins with what is
 * left of it: a new key that was kept, an old one that is still good, or neither; then the reply was lost, and the
 * provider tells the new key to whoever has the account's username and password.
 */
#include "base/err.h"
#include "cli.h"
#include "drive/typed.h"
#include "edges/key_rotation.h"
#include "key.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOGIN_SIZE 256 /* of a username or a password */
#define RELOAD_WORDS_MAX 32

struct rotating {
    struct cli *cli;
    const struct sms365_secret *master;
    const char *name;
    struct sms365_rotation rotation;
    struct sms365_key stored; /* as NAME.key has it */
    const char *result;       /* how the key store got its new key; NULL: it did not */
    bool reloaded;            /* what `reload` names has run, or nothing has to */
    struct sms365_error err;
};

/* Run what `reload` names: not by a shell, nothing of our environment, output on standard error. */
static bool reload(struct cli *cli)
{
    static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", language[] = "LC_ALL=C";
    static char *const environment[] = {path, language, NULL};
    char line[sizeof cli->conf.reload];
    char *words[RELOAD_WORDS_MAX + 1];
    size_t count = 0;
    int status = 0;
    pid_t child = -1;
    posix_spawn_file_actions_t actions;

    (void)sms365_str_copy(line, sizeof line, cli->conf.reload);
    for (char *rest = line, *word; count < RELOAD_WORDS_MAX && (word = strsep(&rest, " ")) != NULL;)
        if (word[0] != '\0')
            words[count++] = word;
    words[count] = NULL;
    if (count == 0)
        return true;
    int number = posix_spawn_file_actions_init(&actions);
    if (number == 0)
        number = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (number == 0)
        number = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    if (number == 0)
        number = posix_spawn(&child, words[0], &actions, NULL, words, environment);
    (void)posix_spawn_file_actions_destroy(&actions);
    while (number == 0 && waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            number = errno;
    if (number == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    cli_note(cli, "%s: %s; whatever it should reload still uses the key that is no longer good", cli->conf.reload,
        number != 0         ? strerror(number)
        : WIFEXITED(status) ? "it failed"
                            : "it was killed");
    return false;
}

/* Does the provider accept it from here? The address is in cli->provider.local. */
static enum sms365_err accepted(struct rotating *r, const struct sms365_key *key, struct sms365_error *err)
{
    return sms365_ask_key_get(&r->cli->provider, key, err);
}

/*
 * The new key counts as it is kept. The note of the rotation goes last: a run that is killed before what `reload` names
 * has run leaves that to the next.
 */
static enum sms365_err put_in_place(struct rotating *r, const char *result)
{
    r->result = result;
    r->reloaded = reload(r->cli);
    return sms365_rotation_finish(&r->rotation, &r->err);
}

/* Neither the new key of a reply nor the one before it is good: the provider contradicts itself. */
static enum sms365_err new_key_refused(struct rotating *r)
{
    struct sms365_error why = {0};

    if (accepted(r, &r->stored, &why) == SMS365_OK && sms365_rotation_cancel(&r->rotation, &why) == SMS365_OK)
        return sms365_error_set(&r->err, SMS365_BAD_REPLY,
            "the provider answered with a key that it refuses; the present one is still good");
    return sms365_error_set(
        &r->err, SMS365_REFUSED, "the provider answered with a key that it refuses, and refuses the one before");
}

/* A reply with the account's key: keep it before anything else, then try it, then put it in its place. */
static enum sms365_err take_over(struct rotating *r, const struct sms365_reply *reply, const char *result)
{
    struct sms365_key fresh = r->stored; /* its secret apart, nothing in it is owned */
    const char *text = sms365_reply_get(reply, "key");
    struct sms365_error err = {0};
    enum sms365_err code;

    fresh.secret = (struct sms365_secret){0};
    if (text == NULL)
        return sms365_error_set(&r->err, SMS365_BAD_REPLY, "the provider's reply holds no key");
    if (!sms365_secret_set(&fresh.secret, text, strlen(text)))
        code = sms365_error_set(&r->err, SMS365_NO_MEMORY, "no memory for the new key");
    else
        code = sms365_rotation_keep(&r->rotation, &fresh, r->master, r->cli->conf.sandbox, &r->err);
    if (code != SMS365_OK) {
        sms365_error_prefix(&r->err, "the new key could not be kept, and running this again asks for it");
    } else {
        const enum sms365_err tried = accepted(r, &fresh, &err);
        if (tried != SMS365_OK && tried != SMS365_REFUSED)
            cli_note(r->cli, "key %s: the new key could not be tried: %s", r->name, err.text);
        code = tried == SMS365_REFUSED ? new_key_refused(r) : put_in_place(r, result);
    }
    sms365_secret_free(&fresh.secret);
    return code;
}

static bool credentials_read(struct rotating *r, char username[LOGIN_SIZE], char password[LOGIN_SIZE])
{
    struct sms365_error err = {0};

    cli_note(r->cli,
        "key %s: its reset reached the provider and the reply was lost: the new key is known to the provider alone. It "
        "tells it to whoever has the username and password of the account",
        r->name);
    if (cli_read_line("Username of the account at the provider: ", false, username, LOGIN_SIZE, &err) &&
        cli_read_line("Password (not shown): ", true, password, LOGIN_SIZE, &err))
        return true;
    (void)sms365_error_set(&r->err, SMS365_REFUSED,
        "the new key was lost on the way, and no login of this machine gets a message until it is fetched, with the "
        "username and password of the account: at a terminal, or as two lines on standard input (%s)",
        err.text);
    return false;
}

/* The key store holds nothing that is good: get the key by username and password. */
static enum sms365_err recover(struct rotating *r)
{
    char username[LOGIN_SIZE] = "";
    char password[LOGIN_SIZE] = "";
    const struct sms365_param params[] = {{"username", username}, {"password", password}};
    const struct cli_request request = {SMS365_EP_KEY_GET, params, 2, &r->stored};
    struct sms365_reply *reply = NULL;
    enum sms365_err code = SMS365_REFUSED;

    if (credentials_read(r, username, password)) {
        code = cli_call(r->cli, &request, &reply, &r->err);
        if (code == SMS365_OK)
            code = take_over(r, reply, "recovered");
        else if (code == SMS365_REFUSED)
            (void)sms365_error_set(&r->err, code,
                "the provider does not tell the new key: username or password is wrong, or its IP whitelist does not "
                "have this machine (the request left from %s)",
                r->cli->provider.local);
    }
    sms365_reply_free(reply);
    sms365_wipe(username, sizeof username);
    sms365_wipe(password, sizeof password);
    return code;
}

/* The reset may have been carried out, and no key came back. */
static enum sms365_err reset_lost(struct rotating *r)
{
    const struct sms365_error why = r->err;
    struct sms365_error err = {0};

    switch (accepted(r, &r->stored, &err)) {
    case SMS365_OK:
        return sms365_error_set(
            &r->err, why.code, "%s. The provider still accepts the present key: it was not replaced", why.text);
    case SMS365_REFUSED:
        return recover(r);
    default:
        return sms365_error_set(&r->err, err.code == SMS365_UNREACHABLE ? err.code : why.code,
            "%s. Whether the key was replaced cannot be told now, and no login gets a message if it was: %s", why.text,
            err.text);
    }
}

static enum sms365_err reset(struct rotating *r)
{
    const struct cli_request request = {SMS365_EP_KEY_RESET, NULL, 0, &r->stored};
    struct sms365_error ignored = {0};
    struct sms365_reply *reply = NULL;
    const bool first = !r->rotation.found;

    enum sms365_err code = sms365_rotation_begin(&r->rotation, &r->err);
    if (code != SMS365_OK)
        return code;
    code = cli_call(r->cli, &request, &reply, &r->err);
    if (code == SMS365_OK)
        code = take_over(r, reply, "rotated");
    else if (code == SMS365_REFUSED || code == SMS365_REPLY_LOST || code == SMS365_BAD_REPLY)
        code = reset_lost(r);
    else if (first) /* nothing has left this machine */
        (void)sms365_rotation_cancel(&r->rotation, &ignored);
    sms365_reply_free(reply);
    return code;
}

/* A new key that an earlier run kept. OK: it is in its place. NOT_FOUND: there is none that is good; *stale: but one.
 */
static enum sms365_err resume(struct rotating *r, bool *stale)
{
    struct sms365_key next = {.url_count = 0};
    enum sms365_err code = SMS365_NOT_FOUND;

    if (r->rotation.found)
        code = sms365_key_load_next(&next, r->cli->conf.keys_dir, r->name, r->master, r->cli->conf.sandbox, &r->err);
    if (code == SMS365_OK)
        code = accepted(r, &next, &r->err);
    if (code == SMS365_OK)
        code = put_in_place(r, "resumed");
    sms365_key_free(&next);
    *stale = code == SMS365_REFUSED;
    return *stale ? SMS365_NOT_FOUND : code;
}

static enum sms365_err rotate(struct rotating *r)
{
    bool stale = false;

    enum sms365_err code = resume(r, &stale);
    if (code != SMS365_NOT_FOUND)
        return code;
    code = accepted(r, &r->stored, &r->err);
    if (code == SMS365_REFUSED && r->rotation.found)
        return recover(r);
    if (code == SMS365_REFUSED)
        return sms365_error_set(&r->err, code,
            "the provider refuses the present key (error 101): it is wrong, or the IP whitelist of the account does "
            "not "
            "have this machine (the request left from %s). Nothing was changed; with the right key, run: sms365 key "
            "add "
            "--replace %s",
            r->cli->provider.local, r->name);
    if (code != SMS365_OK)
        return code;
    /* A note of an earlier run stays: its reset may still be on its way. */
    if (stale)
        code = sms365_rotation_cancel(&r->rotation, &r->err);
    return code == SMS365_OK ? reset(r) : code;
}

/* Two names of one API key: to reset it under one would leave the other with nothing. */
static const struct sms365_key *twin_of(const struct cli *cli, const struct sms365_key *key)
{
    for (size_t i = 0; i < cli->keys.count; i++) {
        const struct sms365_key *other = &cli->keys.entries[i];
        if (other != key && other->secret.length == key->secret.length &&
            sms365_equal(other->secret.data, key->secret.data, key->secret.length))
            return other;
    }
    return NULL;
}

static enum sms365_err rotate_one(
    struct cli *cli, const struct sms365_key *key, const struct sms365_secret *master, struct rotating *r)
{
    const struct sms365_key *twin = twin_of(cli, key);

    *r = (struct rotating){.cli = cli, .master = master, .name = key->name};
    if (twin != NULL)
        return sms365_error_set(&r->err, SMS365_CONFLICT,
            "key %s is the same API key, and would be worth nothing: remove one of the two", twin->name);
    enum sms365_err code = sms365_rotation_open(&r->rotation, cli->conf.keys_dir, key->name, &r->err);
    if (code != SMS365_OK)
        return code;
    code = sms365_key_load_stored(&r->stored, cli->conf.keys_dir, key->name, master, cli->conf.sandbox, &r->err);
    if (code == SMS365_OK)
        code = rotate(r);
    sms365_rotation_close(&r->rotation);
    sms365_key_free(&r->stored);
    /* The next key has a connection of its own. */
    sms365_provider_close(&cli->provider);
    return code;
}

static cJSON *rotated_json(const struct rotating *r, enum sms365_err code)
{
    cJSON *object = cJSON_CreateObject();

    (void)cJSON_AddStringToObject(object, "name", r->name);
    if (r->result != NULL) {
        (void)cJSON_AddStringToObject(object, "result", r->result);
        (void)cJSON_AddBoolToObject(object, "reloaded", r->reloaded);
    }
    if (code != SMS365_OK)
        (void)cJSON_AddStringToObject(object, "text", r->err.text);
    return object;
}

static enum cli_exit rotated_tell(struct cli *cli, struct rotating *r, enum sms365_err code)
{
    if (r->result != NULL)
        cli_say(cli, "Key %s is %s; the provider accepts it from %s.", r->name,
            strcmp(r->result, "rotated") == 0   ? "replaced by a new one"
            : strcmp(r->result, "resumed") == 0 ? "the new one that an earlier run had asked for"
                                                : "the new one that the provider told",
            cli->provider.local);
    if (code != SMS365_OK) {
        /* What is to be done comes first: it must not fall victim to the length of what failed. */
        if (r->rotation.found)
            sms365_error_prefix(
                &r->err, "its rotation was cut short (to bring it to its end, run: sms365 key rotate %s)", r->name);
        sms365_error_prefix(&r->err, "key %s", r->name);
        return cli_fail_error(cli, &r->err);
    }
    return r->reloaded ? CLI_DONE
                       : cli_fail(cli, CLI_FAILED, "reload", "key %s: the new key is kept, and %s failed: run it again",
                             r->name, cli->conf.reload);
}

enum cli_exit cli_key_rotate(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    const struct cli_option options[] = {{NULL, NULL, NULL, NULL}};
    const struct sms365_key *only = NULL;
    struct sms365_secret master = {0};
    enum cli_exit exit = CLI_DONE;

    if (!cli_args(cli, command, options, &argc, argv, 0, 1) || !cli_conf(cli) || !cli_keys(cli) ||
        !cli_master(cli, &master))
        return CLI_USAGE;
    const bool chosen = cli_key_choose(cli, argc > 0 ? argv[0] : NULL, &only);
    if (!chosen)
        exit = CLI_FAILED;
    cJSON *list = cJSON_AddArrayToObject(cli->out, "keys");
    for (size_t i = 0; chosen && i < cli->keys.count; i++) {
        const struct sms365_key *key = &cli->keys.entries[i];
        struct rotating r;
        if (only != NULL && key != only)
            continue;
        const enum sms365_err code = rotate_one(cli, key, &master, &r);
        exit = cli_key_worse(exit, rotated_tell(cli, &r, code));
        (void)cJSON_AddItemToArray(list, rotated_json(&r, code));
    }
    sms365_secret_free(&master);
    return exit;
}
