/* Inside of user import: the rows of a CSV file, and how far an import got. */
#ifndef SMS365_CLI_IMPORT_H
#define SMS365_CLI_IMPORT_H

#include "pure/csv.h"
#include "roster.h"

#include <limits.h>
#include <stdio.h>
#include <sys/types.h>

/* --- import_rows.c --- */

#define CLI_COLUMNS_MAX SMS365_CSV_FIELDS_MAX

enum cli_column { CLI_COLUMN_OTHER, CLI_COLUMN_USER, CLI_COLUMN_NUMBER };

struct cli_import_rows {
    const struct cli *cli;
    const char *path;
    int fd;
    struct sms365_csv csv;
    char chunk[65536];
    size_t at, length;
    bool started, ended;
    enum cli_column columns[CLI_COLUMNS_MAX];
};

enum cli_row_kind { CLI_ROW, CLI_ROW_BAD, CLI_ROW_END };

/* Errors: NOT_FOUND, IO, BAD_ARGUMENT (not a regular file). */
enum sms365_err cli_import_rows_open(
    struct cli_import_rows *rows, const struct cli *cli, const char *path, struct sms365_error *err);
enum sms365_err cli_import_rows_rewind(struct cli_import_rows *rows, struct sms365_error *err);
/* The next row that is not empty; what is wrong with a bad one. Errors: IO. */
enum sms365_err cli_import_rows_next(struct cli_import_rows *rows, struct cli_row *row, enum cli_row_kind *kind,
    char trouble[CLI_TROUBLE_SIZE], struct sms365_error *err);
void cli_import_rows_close(struct cli_import_rows *rows);

/* --- import_progress.c --- */

/*
 * What the provider said of each row, in a file beside the users file: an import that was killed finds its answers
 * there. One line a row, in order: the name, a colon, the numbers as they were typed with commas between, a tab, then
 * the numbers as in the users file, or "!" and what was wrong.
 */
struct cli_import_progress {
    char path[PATH_MAX];
    FILE *file;
    bool reading; /* the rows so far were the same as before; the next may be, too */
    size_t known;
    int64_t synced_s;
};

/* mode: what the answers depend on; those of another mode, and old ones, are not used. Errors: BUSY (another import is
 * running), BAD_OWNER, IO. */
enum sms365_err cli_import_progress_open(
    struct cli_import_progress *progress, const char *users_file, const char *mode, struct sms365_error *err);
/* Is the row's answer the next in the file? *known then, and the user, or trouble. Errors: IO. */
enum sms365_err cli_import_progress_find(struct cli_import_progress *progress, const struct cli_row *row, bool *known,
    struct sms365_user *user, char trouble[CLI_TROUBLE_SIZE], struct sms365_error *err);
/* Add an answer: the user, or (NULL) trouble. Errors: IO. */
enum sms365_err cli_import_progress_add(struct cli_import_progress *progress, const struct cli_row *row,
    const struct sms365_user *user, const char *trouble, struct sms365_error *err);
/* No more rows come: answers that are left over belong to none. Errors: IO. */
enum sms365_err cli_import_progress_cut(struct cli_import_progress *progress, struct sms365_error *err);
/* The good users from the first on, as sms365_users_merge() takes them. */
enum sms365_err cli_import_progress_rewind(void *progress, struct sms365_error *err);
enum sms365_err cli_import_progress_next(void *progress, struct sms365_user *user, struct sms365_error *err);
/* finished: there is nothing to go on with. */
void cli_import_progress_close(struct cli_import_progress *progress, bool finished);

#endif
