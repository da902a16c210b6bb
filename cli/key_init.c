/* sms365 key init: the master key, the key store and the state directories. */
#include "base/err.h"
#include "cli.h"
#include "drive/instance.h"
#include "edges/file_safe.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONF_TEXT                                                                                                      \
    "# sms365: every option stands at its default. `sms365 config` shows them all; sms365.conf(5) explains them.\n"

static void made_tell(struct cli *cli, const char *path, bool made)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(cli->out, made ? "made" : "kept");

    if (list == NULL)
        list = cJSON_AddArrayToObject(cli->out, made ? "made" : "kept");
    (void)cJSON_AddItemToArray(list, cJSON_CreateString(path));
    cli_say(cli, "%s %s", made ? "made " : "there:", path);
}

/* ours: it has to belong to root. The spool may belong to whoever receives reports: what is in it is verified. */
static enum sms365_err directory_check(const char *path, bool ours, struct sms365_error *err)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return sms365_error_set(err, SMS365_IO, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return sms365_error_set(err, SMS365_BAD_OWNER, "%s: not a directory; move it away", path);
    if (ours && st.st_uid != 0 && st.st_uid != geteuid())
        return sms365_error_set(err, SMS365_BAD_OWNER, "%s: belongs to user id %u, not to root; run: chown root %s",
            path, (unsigned)st.st_uid, path);
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return sms365_error_set(err, SMS365_BAD_OWNER, "%s: others may write to it (mode %04o); run: chmod go-w %s",
            path, (unsigned)(st.st_mode & 07777), path);
    return SMS365_OK;
}

/* Make a directory, and those above it (0755) where they are missing; what is there already is not changed. */
static enum sms365_err directory_make(const char *path, mode_t mode, bool ours, bool *made, struct sms365_error *err)
{
    char above[PATH_MAX];

    *made = false;
    if (!sms365_str_copy(above, sizeof above, path))
        return sms365_error_set(err, SMS365_BAD_ARGUMENT, "%s: the path is too long", path);
    for (char *slash = strchr(above + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(above, 0755) != 0 && errno != EEXIST)
            return sms365_error_set(err, SMS365_IO, "%s: cannot make this directory: %s", above, strerror(errno));
        *slash = '/';
    }
    if (mkdir(path, mode) == 0)
        *made = true;
    else if (errno != EEXIST)
        return sms365_error_set(err, SMS365_IO, "%s: cannot make this directory: %s", path, strerror(errno));
    return directory_check(path, ours, err);
}

static enum sms365_err parent_make(const char *path, struct sms365_error *err)
{
    char parent[PATH_MAX];
    bool made = false;

    if (!sms365_str_copy(parent, sizeof parent, path))
        return sms365_error_set(err, SMS365_BAD_ARGUMENT, "%s: the path is too long", path);
    char *slash = strrchr(parent, '/');
    if (slash == NULL || slash == parent)
        return SMS365_OK;
    *slash = '\0';
    return directory_make(parent, 0755, true, &made, err);
}

/* Whether dir holds a file whose name ends so; a directory that is not there holds none. */
static bool holds(const char *dir, const char *suffix)
{
    const size_t least = strlen(suffix);
    const struct dirent *entry;
    bool found = false;
    DIR *stream = opendir(dir);

    if (stream == NULL)
        return false;
    while (!found && (entry = readdir(stream)) != NULL) {
        const size_t length = strlen(entry->d_name);
        found = entry->d_name[0] != '.' && length > least && strcmp(entry->d_name + length - least, suffix) == 0;
    }
    (void)closedir(stream);
    return found;
}

/* A first run has no configuration either: an empty one makes the defaults the administrator's own choice. */
static bool conf_make(struct cli *cli)
{
    static const char path[] = SMS365_CONF_DEFAULT;
    struct sms365_error err = {0};

    if (cli->conf_path != NULL || access(path, F_OK) == 0)
        return true;
    if (parent_make(path, &err) == SMS365_OK &&
        sms365_file_create(path, CONF_TEXT, sizeof CONF_TEXT - 1, 0644, &err) == SMS365_OK) {
        made_tell(cli, path, true);
        return true;
    }
    (void)cli_fail_error(cli, &err);
    return false;
}

static enum cli_exit master_make(struct cli *cli)
{
    struct sms365_secret master = {0};
    struct sms365_error err = {0};

    enum sms365_err code = sms365_master_load(&master, cli->conf.master, &err);
    if (code == SMS365_OK) {
        sms365_secret_free(&master);
        made_tell(cli, cli->conf.master, false);
        return CLI_DONE;
    }
    if (code != SMS365_NOT_FOUND)
        return cli_fail_error(cli, &err);
    if (holds(cli->conf.keys_dir, ".key"))
        return cli_fail(cli, CLI_FAILED, "exists",
            "%s is missing, and the keys in %s were sealed under it: put it back from a backup, or remove them one by "
            "one "
            "(sms365 key remove NAME) and begin anew",
            cli->conf.master, cli->conf.keys_dir);
    code = parent_make(cli->conf.master, &err);
    if (code == SMS365_OK)
        code = sms365_master_create(cli->conf.master, &err);
    if (code != SMS365_OK)
        return cli_fail_error(cli, &err);
    made_tell(cli, cli->conf.master, true);
    if (holds(cli->conf.store_dir, ""))
        cli_note(cli, "%s holds counters made under another master key, which cannot be read any more: empty it",
            cli->conf.store_dir);
    return CLI_DONE;
}

enum cli_exit cli_key_init(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    const struct cli_option options[] = {{NULL, NULL, NULL, NULL}};
    struct sms365_error err = {0};

    if (!cli_args(cli, command, options, &argc, argv, 0, 0) || !conf_make(cli) || !cli_conf(cli))
        return CLI_USAGE;
    const enum cli_exit exit = master_make(cli);
    if (exit != CLI_DONE)
        return exit;
    const char *const directories[] = {cli->conf.keys_dir, cli->conf.store_dir, cli->conf.spool};
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        bool made = false;
        if (directory_make(directories[i], 0700, directories[i] != cli->conf.spool, &made, &err) != SMS365_OK)
            return cli_fail_error(cli, &err);
        made_tell(cli, directories[i], made);
    }
    if (!holds(cli->conf.keys_dir, ".key"))
        cli_say(cli, "Next: sms365 key add NAME");
    return CLI_DONE;
}
