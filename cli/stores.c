/* Every store of the configuration: what is said of a user in all of them. */
#include "base/err.h"
#include "drive/instance.h"
#include "edges/file_safe.h"
#include "guard.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct walk {
    struct cli *cli;
    cli_store_each *each;
    void *context;
    const char *what;
    struct sms365_buf seen; /* directories, a newline before and after each */
    bool good;
};

/* True once for each directory. */
static bool is_new(struct walk *walk, const char *dir)
{
    char line[sizeof walk->cli->conf.store_dir + 2];

    (void)snprintf(line, sizeof line, "\n%s\n", dir);
    if (strstr(sms365_buf_text(&walk->seen), line) != NULL)
        return false;
    sms365_buf_puts(&walk->seen, line);
    return true;
}

/* A store that is not there has nothing of anybody. */
static void store_do(struct walk *walk, struct cli *at)
{
    struct cli_guard guard;
    struct stat st;
    struct sms365_error err = {0};

    if (!is_new(walk, at->conf.store_dir) || (lstat(at->conf.store_dir, &st) != 0 && errno == ENOENT))
        return;
    enum sms365_err code = cli_guard_open(at, &guard, &err);
    if (code == SMS365_OK)
        code = walk->each(walk->context, &guard, &err);
    cli_guard_close(&guard);
    if (code == SMS365_OK)
        return;
    walk->good = false;
    cli_note(walk->cli, "%s stays in %s: %s", walk->what, at->conf.store_dir, err.text);
}

/* A service whose users stand in another file has other users, who are not meant. */
static void service_do(struct walk *walk, const char *service)
{
    const struct sms365_options options = {.conf = walk->cli->conf_path, .service = service};
    struct cli at = {.json = false};
    struct sms365_error err = {0};

    if (sms365_instance_conf(&at.conf, &options, SMS365_FRONT_PAM, NULL, &err) != SMS365_OK) {
        walk->good = false;
        cli_note(walk->cli, "%s stays in the store of [service %s], if it has one: %s", walk->what, service, err.text);
    } else if (strcmp(at.conf.users_file, walk->cli->conf.users_file) == 0) {
        store_do(walk, &at);
    }
}

static void services_do(struct walk *walk)
{
    const char *path = walk->cli->conf_path == NULL ? SMS365_CONF_DEFAULT : walk->cli->conf_path;
    struct sms365_buf text, names;
    struct sms365_error err = {0};

    sms365_buf_init(&text, SMS365_CONF_FILE_MAX);
    sms365_buf_init(&names, SMS365_CONF_FILE_MAX);
    enum sms365_err code = sms365_file_read(&text, path, SMS365_FILE_PUBLIC, SMS365_CONF_FILE_MAX, &err);
    if (code == SMS365_OK && sms365_conf_services(&names, sms365_buf_text(&text), text.length) != SMS365_OK)
        code = sms365_error_set(&err, SMS365_NO_MEMORY, "out of memory");
    if (code != SMS365_OK) {
        walk->good = false;
        cli_note(walk->cli, "%s stays in the stores of services: %s", walk->what, err.text);
    }
    char *name = code == SMS365_OK && names.length > 0 ? names.data : NULL;
    while (name != NULL && *name != '\0') {
        char *end = strchr(name, '\n');
        *end = '\0';
        service_do(walk, name);
        name = end + 1;
    }
    sms365_buf_free(&names);
    sms365_buf_free(&text);
}

bool cli_stores_each(struct cli *cli, cli_store_each *each, void *context, const char *what)
{
    struct walk walk = {.cli = cli, .each = each, .context = context, .what = what, .good = true};
    struct cli at = {.conf = cli->conf};

    sms365_buf_init(&walk.seen, SMS365_CONF_FILE_MAX);
    store_do(&walk, &at);
    (void)sms365_str_copy(at.conf.store_dir, sizeof at.conf.store_dir, cli->conf.web_dir);
    store_do(&walk, &at);
    services_do(&walk);
    sms365_buf_free(&walk.seen);
    return walk.good;
}

/* --- One user --- */

static enum sms365_err store_forget(void *context, struct cli_guard *guard, struct sms365_error *err)
{
    return cli_guard_forget(guard, context, err);
}

static enum sms365_err store_renew(void *context, struct cli_guard *guard, struct sms365_error *err)
{
    return cli_guard_renew(guard, context, NULL, err);
}

static bool of_user(struct cli *cli, cli_store_each *each, const char *name, const char *what)
{
    char copy[SMS365_USER_NAME_SIZE], whole[SMS365_USER_NAME_SIZE + 64];

    /* A name that is too long for the users file is not in any store. */
    if (!sms365_str_copy(copy, sizeof copy, name))
        return true;
    (void)snprintf(whole, sizeof whole, "%s %s", what, name);
    return cli_stores_each(cli, each, copy, whole);
}

bool cli_stores_forget(struct cli *cli, const char *name)
{
    return of_user(cli, store_forget, name, "what was counted for");
}

bool cli_stores_renew(struct cli *cli, const char *name)
{
    return of_user(cli, store_renew, name, "what was remembered of");
}
