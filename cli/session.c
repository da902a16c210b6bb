/* sms365 session: what web sessions there are, and the end of them. */
#include "base/err.h"
#include "cli.h"
#include "edges/journal_file.h"
#include "edges/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The journal belongs to the web server's workers, who might put anything in its place: it is not opened as root. */
struct owner {
    uid_t own_uid;
    gid_t own_gid;
};

/* NOT_FOUND: the web has no store here. */
static enum sms365_err owner_become(const struct cli *cli, struct owner *owner, struct sms365_error *err)
{
    const char *dir = cli->conf.web_dir;
    struct stat st;

    *owner = (struct owner){geteuid(), getegid()};
    if (lstat(dir, &st) != 0)
        return sms365_error_set(err, errno == ENOENT ? SMS365_NOT_FOUND : SMS365_IO,
            "%s: %s; nginx makes it when it starts with a service of sms365", dir, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return sms365_error_set(err, SMS365_BAD_OWNER, "%s: not a directory", dir);
    if (owner->own_uid == 0 && (setegid(st.st_gid) != 0 || seteuid(st.st_uid) != 0))
        return sms365_error_set(err, SMS365_IO, "%s: cannot act as its owner: %s", dir, strerror(errno));
    return SMS365_OK;
}

static void owner_leave(const struct owner *owner)
{
    if (owner->own_uid == 0 && (seteuid(owner->own_uid) != 0 || setegid(owner->own_gid) != 0))
        abort();
}

/* --- Revoking --- */

static enum sms365_err journal_add(struct cli *cli, const struct sms365_journal_line *line, struct sms365_error *err)
{
    struct owner owner;
    enum sms365_err code = owner_become(cli, &owner, err);

    if (code == SMS365_OK)
        code = sms365_journal_add(cli->conf.web_dir, line, (int64_t)time(NULL), err);
    owner_leave(&owner);
    return code;
}

enum sms365_err cli_sessions_revoke(struct cli *cli, const char *user, struct sms365_error *err)
{
    struct sms365_journal_line line = {.kind = user == NULL ? SMS365_JOURNAL_ALL : SMS365_JOURNAL_USER};

    line.when_s = (int64_t)time(NULL);
    if (user != NULL && !sms365_str_copy(line.user, sizeof line.user, user))
        return sms365_error_set(err, SMS365_BAD_ARGUMENT, "a user's name has at most %d bytes", SMS365_RECORD_NAME_MAX);
    return journal_add(cli, &line, err);
}

static enum cli_exit session_revoke(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    bool all = false;
    const struct cli_option options[] = {{"--all", &all, NULL, NULL}, {NULL, NULL, NULL, NULL}};
    struct sms365_error err = {0};
    struct sms365_audit line;

    if (!cli_args(cli, command, options, &argc, argv, 0, 1))
        return CLI_USAGE;
    if (all == (argc == 1))
        return cli_fail_usage(cli, command, "name one user, or --all");
    if (!cli_conf(cli))
        return CLI_USAGE;
    if (cli_sessions_revoke(cli, all ? NULL : argv[0], &err) != SMS365_OK)
        return cli_fail_error(cli, &err);
    cli_audit_begin(cli, &line, "revoke", all ? "" : argv[0]);
    sms365_audit_word(&line, "all", all ? "yes" : "no");
    cli_audit_end(&line);
    (void)cJSON_AddStringToObject(cli->out, "revoked", all ? "all" : argv[0]);
    if (all)
        cli_say(cli, "All web sessions end within two seconds.");
    else
        cli_say(cli, "The web sessions of %s end within two seconds.", argv[0]);
    return CLI_DONE;
}

/* --- Listing --- */

struct sessions {
    const char *user; /* whose; NULL: everybody's */
    int64_t now_s;
    struct sms365_journal_line *lines;
    size_t count, room;
    struct sms365_revoked revoked;
    bool failed;
};

static bool session_take(void *context, const struct sms365_journal_line *line)
{
    struct sessions *sessions = context;

    if (!sms365_journal_is_issue(line->kind)) {
        sessions->failed = !sms365_revoked_add(&sessions->revoked, line, sessions->now_s);
        return !sessions->failed;
    }
    if (line->expires_s <= sessions->now_s || (sessions->user != NULL && strcmp(line->user, sessions->user) != 0))
        return true;
    if (sessions->count == sessions->room) {
        const size_t more = sessions->room == 0 ? 64 : 2 * sessions->room;
        struct sms365_journal_line *moved = reallocarray(sessions->lines, more, sizeof *moved);
        sessions->failed = moved == NULL;
        if (moved == NULL)
            return false;
        sessions->lines = moved;
        sessions->room = more;
    }
    sessions->lines[sessions->count++] = *line;
    return true;
}

static void session_tell(struct cli *cli, cJSON *list, const struct sms365_journal_line *line)
{
    char id[2 * SMS365_TICKET_ID_BYTES + 1], issued[CLI_MOMENT_SIZE], expires[CLI_MOMENT_SIZE];
    const bool browser = line->kind == SMS365_JOURNAL_REMEMBERED;
    cJSON *one = cJSON_CreateObject();

    /* Enough to tell sessions apart. */
    sms365_str_hex(id, line->id, SMS365_TICKET_ID_BYTES);
    id[8] = '\0';
    (void)cli_moment(issued, line->when_s);
    (void)cli_moment(expires, line->expires_s);
    (void)cJSON_AddItemToArray(list, one);
    (void)cJSON_AddStringToObject(one, "id", id);
    (void)cJSON_AddStringToObject(one, "kind", browser ? "browser" : "session");
    (void)cJSON_AddStringToObject(one, "user", line->user);
    (void)cJSON_AddStringToObject(one, "service", line->service);
    (void)cJSON_AddStringToObject(one, "address", line->address);
    (void)cJSON_AddStringToObject(one, "issued", issued);
    (void)cJSON_AddStringToObject(one, "expires", expires);
    cli_say(cli, "%s  %s  %s  %sfrom %s  since %s  until %s at the latest", id, line->user, line->service,
        browser ? "remembered browser  " : "", line->address, issued, expires);
}

static enum cli_exit session_list(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    const struct cli_option options[] = {{NULL, NULL, NULL, NULL}};
    struct sessions sessions = {.now_s = (int64_t)time(NULL)};
    struct sms365_journal_place place = {0};
    struct sms365_error err = {0};
    struct owner owner;

    if (!cli_args(cli, command, options, &argc, argv, 0, 1) || !cli_conf(cli))
        return CLI_USAGE;
    sessions.user = argc == 1 ? argv[0] : NULL;
    enum sms365_err code = owner_become(cli, &owner, &err);
    if (code == SMS365_OK)
        code = sms365_journal_follow(cli->conf.web_dir, &place, session_take, &sessions, &err);
    owner_leave(&owner);
    if (code == SMS365_OK && sessions.failed)
        code = sms365_error_set(&err, SMS365_NO_MEMORY, "out of memory");
    if (code == SMS365_OK) {
        cJSON *list = cJSON_AddArrayToObject(cli->out, "sessions");
        size_t told = 0;
        for (size_t i = 0; i < sessions.count; i++) {
            const struct sms365_journal_line *line = &sessions.lines[i];
            const struct sms365_span user = {line->user, strlen(line->user)};
            if (sms365_revoked_has(&sessions.revoked, line->id, user, line->when_s))
                continue;
            session_tell(cli, list, line);
            told++;
        }
        if (told == 0)
            cli_say(cli, "There is no web session%s%s.", sessions.user == NULL ? "" : " of ",
                sessions.user == NULL ? "" : sessions.user);
    }
    sms365_revoked_free(&sessions.revoked);
    free(sessions.lines);
    return code == SMS365_OK ? CLI_DONE : cli_fail_error(cli, &err);
}

const struct cli_command cli_session_commands[] = {
    {"session", "list", "[USER]", "List web sessions and remembered browsers", session_list},
    {"session", "revoke", "USER | --all", "End web sessions, and forget browsers", session_revoke},
    {NULL, NULL, NULL, NULL, NULL},
};
