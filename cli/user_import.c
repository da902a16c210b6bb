/* sms365 user import: many users get numbers from a CSV file. */
#include "bar.h"
#include "base/err.h"
#include "import.h"
#include "user.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct import {
    struct cli *cli;
    bool force;
    struct cli_import_rows rows;
    struct cli_import_progress progress;
    struct cli_seen names; /* of rows so far */
    struct cli_seen there;
    struct cli_bar bar;
    cJSON *bad;
    size_t bad_count /* lines */, same;
    struct sms365_error err; /* that ended it while rows were read */
};

static void bad_tell(struct import *import, const struct cli_row *row, const char *trouble)
{
    cJSON *one = cJSON_CreateObject();
    char to[24] = "";

    import->bad_count += row->last_line - row->line + 1;
    cli_bar_clear(&import->bar);
    if (row->last_line > row->line)
        (void)snprintf(to, sizeof to, "-%zu", row->last_line);
    if (!import->cli->json)
        cli_note(import->cli, "%s:%zu%s: left out: %s", import->rows.path, row->line, to, trouble);
    (void)cJSON_AddNumberToObject(one, "line", (double)row->line);
    (void)cJSON_AddNumberToObject(one, "last_line", (double)row->last_line);
    (void)cJSON_AddStringToObject(one, "text", trouble);
    if (import->cli->json)
        (void)cJSON_AddItemToArray(import->bad, one);
    else
        cJSON_Delete(one);
}

/* True: the row's numbers are to be asked about. */
static bool row_wanted(struct import *import, struct cli_row *row)
{
    char trouble[CLI_TROUBLE_SIZE];
    struct sms365_user user;
    bool fresh = false, known = false;

    if (!cli_row_name(import->cli, row, import->force, trouble)) {
        bad_tell(import, row, trouble);
        return false;
    }
    if (cli_seen_add(&import->names, row->name, strlen(row->name), &fresh, &import->err) != SMS365_OK)
        return false;
    if (!fresh) {
        bad_tell(import, row, "this user stands on an earlier line too; several numbers stand on one line");
        return false;
    }
    if (cli_import_progress_find(&import->progress, row, &known, &user, trouble, &import->err) != SMS365_OK)
        return false;
    if (known && trouble[0] != '\0')
        bad_tell(import, row, trouble);
    if (known)
        return false;
    const bool there = cli_there_has(&import->there, row);
    import->same += there;
    return !there;
}

static bool import_next(void *context, struct cli_row *row)
{
    struct import *import = context;
    char trouble[CLI_TROUBLE_SIZE];
    enum cli_row_kind kind;

    for (;;) {
        if (import->err.code != SMS365_OK ||
            cli_import_rows_next(&import->rows, row, &kind, trouble, &import->err) != SMS365_OK || kind == CLI_ROW_END)
            return false;
        if (kind == CLI_ROW_BAD) {
            bad_tell(import, row, trouble);
            continue;
        }
        if (row_wanted(import, row))
            return true;
        cli_bar_step(&import->bar, row->count);
    }
}

static void import_step(void *context)
{
    struct import *import = context;

    cli_bar_step(&import->bar, 1);
}

static enum sms365_err import_done(void *context, const struct cli_row *row, const struct sms365_user *user,
    const char *trouble, struct sms365_error *err)
{
    struct import *import = context;

    if (user == NULL)
        bad_tell(import, row, trouble);
    return cli_import_progress_add(&import->progress, row, user, trouble, err);
}

/* How many numbers there are. */
static enum sms365_err numbers_count(struct import *import, size_t *count, struct sms365_error *err)
{
    char trouble[CLI_TROUBLE_SIZE];
    struct cli_row row;
    enum cli_row_kind kind = CLI_ROW;
    enum sms365_err code = SMS365_OK;

    *count = 0;
    while (code == SMS365_OK && kind != CLI_ROW_END) {
        code = cli_import_rows_next(&import->rows, &row, &kind, trouble, err);
        if (code == SMS365_OK && kind == CLI_ROW)
            *count += row.count;
    }
    return code == SMS365_OK ? cli_import_rows_rewind(&import->rows, err) : code;
}

static enum sms365_err import_check(struct import *import, struct sms365_error *err)
{
    const struct cli_checks checks = {import, import_next, import_step, import_done};
    enum sms365_err code = cli_rows_check(import->cli, &checks, err);

    cli_bar_clear(&import->bar);
    if (code == SMS365_OK && import->err.code != SMS365_OK) {
        *err = import->err;
        code = err->code;
    }
    return code == SMS365_OK ? cli_import_progress_cut(&import->progress, err) : code;
}

static enum cli_exit import_tell(struct import *import, const struct cli_roster *roster)
{
    struct cli *cli = import->cli;

    cli_roster_tell(roster, import->same);
    if (import->bad_count > 0)
        return cli_fail(cli, CLI_FAILED, "bad_lines", "%zu line%s of %s %s left out", import->bad_count,
            import->bad_count == 1 ? "" : "s", import->rows.path, import->bad_count == 1 ? "was" : "were");
    return cli_roster_end(roster);
}

static enum cli_exit import_run(struct import *import, struct cli_roster *roster)
{
    static const char *const hlr[] = {
        [SMS365_HLR_OFF] = "off", [SMS365_HLR_WARN] = "warn", [SMS365_HLR_BLOCK] = "block"};
    struct cli *cli = import->cli;
    struct sms365_error err = {0};
    enum cli_exit exit = CLI_DONE;
    size_t numbers = 0;

    if (numbers_count(import, &numbers, &err) != SMS365_OK)
        return cli_fail_error(cli, &err);
    if (!cli_lookups_accepted(cli, numbers, roster->yes, &exit))
        return exit;
    if (cli_seen_init(&import->names, &err) != SMS365_OK ||
        cli_there_read(&import->there, cli->conf.users_file, &err) != SMS365_OK ||
        cli_import_progress_open(&import->progress, cli->conf.users_file, hlr[cli->conf.hlr], &err) != SMS365_OK)
        return cli_fail_error(cli, &err);
    cli_bar_begin(&import->bar, cli, "numbers checked", numbers);
    if (import_check(import, &err) != SMS365_OK) {
        sms365_error_prefix(&err, "the import stopped (the same command goes on from there)");
        return cli_fail_error(cli, &err);
    }
    if (import->progress.known > 0)
        cli_note(cli, "%zu lines were checked by an earlier run", import->progress.known);
    roster->context = &import->progress;
    exit = cli_roster_merge(roster);
    if (exit != CLI_DONE)
        return exit;
    cli_import_progress_close(&import->progress, true);
    return import_tell(import, roster);
}

enum cli_exit cli_user_import(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    struct cli_values confirm = {.count = 0};
    struct cli_roster roster = {
        .cli = cli, .confirm = &confirm, .rewind = cli_import_progress_rewind, .next = cli_import_progress_next};
    bool force = false;
    const struct cli_option options[] = {{"--confirm", NULL, NULL, &confirm}, {"--force", &force, NULL, NULL},
        {"--yes", &roster.yes, NULL, NULL}, {"--no-notice", &roster.no_notice, NULL, NULL}, {NULL, NULL, NULL, NULL}};
    struct sms365_error err = {0};
    enum cli_exit exit;

    if (!cli_args(cli, command, options, &argc, argv, 1, 1) || !cli_conf(cli))
        return CLI_USAGE;
    if (cli->conf.hlr != SMS365_HLR_OFF && !cli_keys(cli))
        return CLI_USAGE;
    struct import *import = calloc(1, sizeof *import);
    if (import == NULL)
        return cli_fail(cli, CLI_FAILED, "no_memory", "out of memory");
    import->cli = cli;
    import->force = force;
    import->rows.fd = -1;
    import->bad = cJSON_AddArrayToObject(cli->out, "bad");
    if (cli_import_rows_open(&import->rows, cli, argv[0], &err) == SMS365_OK)
        exit = import_run(import, &roster);
    else
        exit = cli_fail_error(cli, &err);
    cli_import_progress_close(&import->progress, false);
    cli_import_rows_close(&import->rows);
    cli_seen_free(&import->names);
    cli_seen_free(&import->there);
    free(import);
    return exit;
}
