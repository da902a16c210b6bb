/* sms365 listen: what stands before the first connection, and in which order. */
#include "listen.h"

#include "base/err.h"
#include "edges/file_safe.h"
#include "edges/keys.h"
#include "edges/spool.h"
#include "pure/url.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <syslog.h>
#include <unistd.h>

#define ADDRESS_DEFAULT "127.0.0.1:8365"
#define USER_DEFAULT "sms365"
#define PEM_MAX 65536 /* bytes of a certificate with its chain, or of its key */
#define NO_FD (-1)

/* What the command line asks for. */
struct wishes {
    const char *address, *user, *certificate, *key, *from, *ready;
};

/* Everything that is opened on the way; close_all() closes it. */
struct listening {
    struct listen_account account;
    struct listen_setup setup;
    struct sms365_cidr_list from;
    struct sms365_log log;
    int least_priority; /* of what is logged */
    char path[sizeof((struct sms365_conf *)NULL)->callback];
    char name[LISTEN_ADDRESS_SIZE];
    struct sms365_buf certificate;
    struct sms365_secret key;
    int ends, ready, notify;
    bool walled;
};

static void log_write(void *context, int priority, const char *text)
{
    const struct listening *all = context;

    if (priority <= all->least_priority)
        syslog(LOG_MAKEPRI(LOG_AUTHPRIV, priority), "%s", text);
}

static void log_open(struct listening *all, const struct sms365_conf *conf)
{
    static const int priorities[] = {
        [SMS365_LOG_ERROR] = LOG_ERR, [SMS365_LOG_WARNING] = LOG_WARNING, [SMS365_LOG_INFO] = LOG_INFO};

    all->least_priority = priorities[conf->log_level];
    all->log = (struct sms365_log){log_write, all};
    all->setup.log = &all->log;
    openlog("sms365", LOG_PID | LOG_NDELAY | (isatty(STDERR_FILENO) ? LOG_PERROR : 0), LOG_AUTHPRIV);
}

/* Of the master key only what verifies tokens is kept: it forges reports, and opens nothing. */
static enum cli_exit callback_key_derive(struct cli *cli, struct listening *all)
{
    struct sms365_secret master = {0};
    struct sms365_error err = {0};

    if (sms365_master_load(&master, cli->conf.master, &err) != SMS365_OK) {
        if (geteuid() == 0)
            return cli_fail_error(cli, &err);
        return cli_fail(cli, CLI_USAGE, "not_root",
            "%s; start this as root: it reads the master key, and then becomes the user %s for good", err.text,
            USER_DEFAULT);
    }
    const bool good = sms365_derive(&all->setup.callback_key, &master, "callback");
    sms365_secret_free(&master);
    return good ? CLI_DONE : cli_fail(cli, CLI_FAILED, "crypto", "no key could be derived from %s", cli->conf.master);
}

/* A link, as certbot makes them, is followed first; then the file itself is held to the rules of secrets. */
static enum sms365_err pem_path(char out[PATH_MAX], const char *path, struct sms365_error *err)
{
    if (realpath(path, out) != NULL)
        return SMS365_OK;
    return sms365_error_set(err, errno == ENOENT ? SMS365_NOT_FOUND : SMS365_IO, "%s: %s", path, strerror(errno));
}

static enum sms365_err tls_read(struct listening *all, const struct wishes *wishes, struct sms365_error *err)
{
    char path[PATH_MAX];

    if (wishes->certificate == NULL)
        return SMS365_OK;
    enum sms365_err code = pem_path(path, wishes->certificate, err);
    if (code == SMS365_OK)
        code = sms365_file_read(&all->certificate, path, SMS365_FILE_PUBLIC, PEM_MAX, err);
    if (code == SMS365_OK)
        code = pem_path(path, wishes->key, err);
    if (code == SMS365_OK)
        code = sms365_file_read_secret(&all->key, path, PEM_MAX, err);
    if (code == SMS365_OK) {
        all->setup.certificate = sms365_buf_text(&all->certificate);
        all->setup.key = (const char *)all->key.data;
    }
    return code;
}

static enum cli_exit wishes_check(
    struct cli *cli, const struct cli_command *command, const struct wishes *wishes, struct listening *all)
{
    const char *bad = NULL;
    int64_t number;

    if ((wishes->certificate == NULL) != (wishes->key == NULL))
        return cli_fail_usage(cli, command, "--tls-cert and --tls-key go together");
    if (wishes->from != NULL) {
        if (!sms365_cidr_list_parse(&all->from, wishes->from, &bad))
            return cli_fail_usage(cli, command, "--from takes addresses and ranges with commas between them");
        all->setup.from = &all->from;
    }
    if (wishes->ready != NULL) {
        if (!sms365_str_number(wishes->ready, 0, INT_MAX, &number) || fcntl((int)number, F_SETFD, FD_CLOEXEC) != 0)
            return cli_fail_usage(cli, command, "--ready-fd takes the number of an open descriptor");
        all->ready = (int)number;
    }
    return CLI_DONE;
}

static enum cli_exit callback_path(struct cli *cli, struct listening *all)
{
    all->setup.path = all->path;
    if (cli->conf.callback[0] != '\0' && sms365_url_callback_path(all->path, sizeof all->path, cli->conf.callback))
        return CLI_DONE;
    return cli_fail(cli, CLI_USAGE, "no_callback",
        "callback in [challenge] is empty, so no report will ever come: set it to the URL at which the provider "
        "reaches "
        "this machine");
}

/* The spool, opened by whoever may go there; it has to be writable by the account that goes on. */
static enum cli_exit spool_open(struct cli *cli, struct listening *all)
{
    const char *path = cli->conf.spool;
    struct sms365_error err = {0};

    const enum sms365_err code = sms365_spool_open(&all->setup.spool, path, &err);
    if (code == SMS365_NOT_FOUND)
        return cli_fail(cli, CLI_USAGE, "not_found", "%s; run: install -d -o %s -g root -m 0750 %s", err.text,
            all->account.name, path);
    return code == SMS365_OK ? CLI_DONE : cli_fail_error(cli, &err);
}

static enum cli_exit spool_check(struct cli *cli, const struct listening *all)
{
    if (faccessat(all->setup.spool, ".", R_OK | W_OK | X_OK, AT_EACCESS) == 0)
        return CLI_DONE;
    return cli_fail(cli, CLI_USAGE, "bad_owner", "spool %s: the user %s cannot write to it (%s); run: chown %s %s",
        cli->conf.spool, all->account.name, strerror(errno), all->account.name, cli->conf.spool);
}

/* All that takes privileges. */
static enum cli_exit prepare(
    struct cli *cli, const struct cli_command *command, const struct wishes *wishes, struct listening *all)
{
    struct sms365_error err = {0};
    enum cli_exit exit = wishes_check(cli, command, wishes, all);

    if (exit == CLI_DONE && !cli_conf(cli))
        exit = CLI_USAGE;
    if (exit == CLI_DONE)
        exit = callback_path(cli, all);
    if (exit == CLI_DONE)
        exit = callback_key_derive(cli, all);
    if (exit != CLI_DONE)
        return exit;
    const char *user = wishes->user == NULL && geteuid() == 0 ? USER_DEFAULT : wishes->user;
    enum sms365_err code = listen_account_find(&all->account, user, &err);
    if (code == SMS365_OK)
        code = tls_read(all, wishes, &err);
    if (code == SMS365_OK)
        code = listen_socket_open(
            &all->setup.socket, all->name, wishes->address != NULL ? wishes->address : ADDRESS_DEFAULT, &err);
    if (code != SMS365_OK)
        return cli_fail_error(cli, &err);
    all->notify = listen_notify_open();
    log_open(all, &cli->conf);
    return spool_open(cli, all);
}

static void close_all(struct listening *all)
{
    const int fds[] = {all->setup.socket, all->setup.spool, all->ends, all->ready, all->notify};

    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] != NO_FD)
            (void)close(fds[i]);
    sms365_buf_free(&all->certificate);
    sms365_secret_free(&all->key);
    sms365_wipe(&all->setup.callback_key, sizeof all->setup.callback_key);
    closelog();
}

static bool ready_tell(struct cli *cli, struct listening *all)
{
    char line[LISTEN_ADDRESS_SIZE + 1];
    const int length = snprintf(line, sizeof line, "%s\n", all->name);
    const char *scheme = all->setup.certificate != NULL ? "https" : "http";

    cli_say(
        cli, "Listening on %s://%s for reports to %s, as the user %s", scheme, all->name, all->path, all->account.name);
    (void)fflush(stdout);
    if (!all->walled)
        cli_note(cli, "this kernel has no Landlock: only its user id keeps this process from writing elsewhere");
    if (all->setup.certificate == NULL && !listen_name_is_loopback(all->name))
        cli_note(cli, "reports come in the clear: whoever reads them on the way can forge the next word on the same "
                      "message; use --tls-cert and --tls-key, or a reverse proxy in front of a loopback address");
    sms365_log_line(&all->log, LOG_INFO, "listening on %s://%s", scheme, all->name);
    if (all->ready != NO_FD) {
        const bool told = write(all->ready, line, (size_t)length) == length;
        (void)close(all->ready);
        all->ready = NO_FD;
        if (!told) {
            (void)cli_fail(cli, CLI_FAILED, "io", "--ready-fd: %s", strerror(errno));
            return false;
        }
    }
    listen_notify(all->notify, "READY=1");
    return true;
}

/* Without privileges from here on. */
static enum cli_exit serve(struct cli *cli, struct listening *all)
{
    struct sms365_error err = {0};
    enum cli_exit exit;

    if (listen_confine(&all->account, all->setup.spool, &all->walled, &err) != SMS365_OK)
        return cli_fail_error(cli, &err);
    exit = spool_check(cli, all);
    if (exit != CLI_DONE)
        return exit;
    struct listen_server *server = listen_server_start(&all->setup);
    all->setup.socket = NO_FD;
    if (server == NULL)
        return cli_fail(cli, CLI_FAILED, "io", "the server does not start%s",
            all->setup.certificate != NULL ? ": are certificate and key PEM files that belong together?" : "");
    exit = ready_tell(cli, all) ? CLI_DONE : CLI_FAILED;
    if (exit == CLI_DONE) {
        exit = listen_server_run(server, all->ends);
        if (exit != CLI_DONE)
            (void)cli_fail(cli, exit, "not_found", "the spool %s was removed; start this anew", cli->conf.spool);
    }
    listen_notify(all->notify, "STOPPING=1");
    const uint64_t kept = listen_server_stop(server);
    (void)cJSON_AddStringToObject(cli->out, "address", all->name);
    (void)cJSON_AddNumberToObject(cli->out, "reports", (double)kept);
    cli_say(cli, "Reports kept: %llu", (unsigned long long)kept);
    sms365_log_line(&all->log, LOG_INFO, "listening ended; reports kept: %llu", (unsigned long long)kept);
    return exit;
}

/* SIGTERM and its like can be read from here; a client that goes away must not end this. */
static int signals_take(void)
{
    sigset_t ends;
    struct sigaction hangup;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGINT);
    (void)sigaddset(&ends, SIGTERM);
    /* Whoever started this with nohup(1) wants it to go on. */
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
        (void)sigaddset(&ends, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &ends, NULL);
    return signalfd(NO_FD, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
}

static enum cli_exit listen_run(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    struct wishes wishes = {0};
    const struct cli_option options[] = {{"--listen", NULL, &wishes.address, NULL},
        {"--user", NULL, &wishes.user, NULL}, {"--from", NULL, &wishes.from, NULL},
        {"--tls-cert", NULL, &wishes.certificate, NULL}, {"--tls-key", NULL, &wishes.key, NULL},
        {"--ready-fd", NULL, &wishes.ready, NULL}, {NULL, NULL, NULL, NULL}};
    struct listening all = {.setup = {.socket = NO_FD, .spool = NO_FD}, .ready = NO_FD, .notify = NO_FD};
    enum cli_exit exit;

    if (!cli_args(cli, command, options, &argc, argv, 0, 0))
        return CLI_USAGE;
    sms365_buf_init(&all.certificate, PEM_MAX);
    all.ends = signals_take();
    if (all.ends == NO_FD)
        exit = cli_fail(cli, CLI_FAILED, "io", "signalfd: %s", strerror(errno));
    else
        exit = prepare(cli, command, &wishes, &all);
    if (exit == CLI_DONE)
        exit = serve(cli, &all);
    close_all(&all);
    return exit;
}

const struct cli_command cli_listen_commands[] = {
    {NULL, "listen",
        "[--listen ADDR:PORT] [--user NAME] [--from CIDR,...] "
        "[--tls-cert FILE --tls-key FILE] [--ready-fd N]",
        "Receive delivery reports and write them into the spool", listen_run},
    {NULL, NULL, NULL, NULL, NULL},
};
