#include "base/err.h"
#include "import.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum sms365_err cli_import_rows_open(
    struct cli_import_rows *rows, const struct cli *cli, const char *path, struct sms365_error *err)
{
    struct stat st;

    rows->cli = cli;
    rows->path = path;
    rows->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (rows->fd < 0)
        return sms365_error_set(
            err, errno == ENOENT ? SMS365_NOT_FOUND : SMS365_IO, "%s: cannot open: %s", path, strerror(errno));
    if (fstat(rows->fd, &st) != 0 || !S_ISREG(st.st_mode))
        return sms365_error_set(err, SMS365_BAD_ARGUMENT,
            "%s: not a regular file; an import reads it twice, and once more when it goes on", path);
    return cli_import_rows_rewind(rows, err);
}

enum sms365_err cli_import_rows_rewind(struct cli_import_rows *rows, struct sms365_error *err)
{
    sms365_csv_init(&rows->csv);
    rows->at = rows->length = 0;
    rows->started = rows->ended = false;
    if (lseek(rows->fd, 0, SEEK_SET) != 0)
        return sms365_error_set(err, SMS365_IO, "%s: cannot read: %s", rows->path, strerror(errno));
    return SMS365_OK;
}

void cli_import_rows_close(struct cli_import_rows *rows)
{
    if (rows->fd >= 0)
        (void)close(rows->fd);
    rows->fd = -1;
}

/* *result is MORE at the end. */
static enum sms365_err csv_next(struct cli_import_rows *rows, enum sms365_csv_result *result, struct sms365_error *err)
{
    *result = SMS365_CSV_MORE;
    while (*result == SMS365_CSV_MORE && !rows->ended) {
        size_t used = 0;
        if (rows->at == rows->length) {
            const ssize_t got = read(rows->fd, rows->chunk, sizeof rows->chunk);
            if (got < 0)
                return sms365_error_set(err, SMS365_IO, "%s: cannot read: %s", rows->path, strerror(errno));
            rows->at = 0;
            rows->length = (size_t)got;
            rows->ended = got == 0;
        }
        *result = rows->ended ? sms365_csv_end(&rows->csv)
                              : sms365_csv_feed(&rows->csv, rows->chunk + rows->at, rows->length - rows->at, &used);
        rows->at += used;
    }
    return SMS365_OK;
}

/* A first row whose first field is "user" names the columns; otherwise the first is the user, all others numbers. */
static bool header_take(struct cli_import_rows *rows)
{
    static const char user[] = "user", number[] = "number";
    const struct sms365_csv *csv = &rows->csv;
    bool found = false;

    for (size_t i = 0; i < csv->count && !found; i++)
        found = strcasecmp(csv->field[i], user) == 0;
    for (size_t i = 0; i < CLI_COLUMNS_MAX; i++) {
        rows->columns[i] = i == 0 ? CLI_COLUMN_USER : CLI_COLUMN_NUMBER;
        if (!found)
            continue;
        rows->columns[i] = CLI_COLUMN_OTHER;
        if (i < csv->count && strcasecmp(csv->field[i], user) == 0)
            rows->columns[i] = CLI_COLUMN_USER;
        else if (i < csv->count && strncasecmp(csv->field[i], number, sizeof number - 1) == 0)
            rows->columns[i] = CLI_COLUMN_NUMBER;
    }
    return found;
}

static bool row_fail(char trouble[CLI_TROUBLE_SIZE], const char *text)
{
    (void)snprintf(trouble, CLI_TROUBLE_SIZE, "%s", text);
    return false;
}

/* What the fields say. False when they make no row; trouble says why. */
static bool row_take(const struct cli_import_rows *rows, struct cli_row *row, char trouble[CLI_TROUBLE_SIZE])
{
    const struct sms365_csv *csv = &rows->csv;

    for (size_t i = 0; i < csv->count; i++) {
        const char *text = csv->field[i];
        if (rows->columns[i] == CLI_COLUMN_USER) {
            if (!sms365_str_copy(row->name, sizeof row->name, text))
                return row_fail(trouble, "the user's name is too long");
            const char *trimmed = sms365_str_trim(row->name);
            memmove(row->name, trimmed, strlen(trimmed) + 1);
        } else if (rows->columns[i] == CLI_COLUMN_NUMBER && text[strspn(text, " \t")] != '\0' &&
                   !cli_row_number(rows->cli, row, text, trouble)) {
            return false;
        }
    }
    if (csv->count == 1 && strchr(csv->field[0], ';') != NULL)
        return row_fail(trouble, "there is no comma in it: fields are separated by commas, not semicolons");
    if (row->name[0] == '\0')
        return row_fail(trouble, "there is no user's name");
    return row->count > 0 || row_fail(trouble, "there is no number");
}

enum sms365_err cli_import_rows_next(struct cli_import_rows *rows, struct cli_row *row, enum cli_row_kind *kind,
    char trouble[CLI_TROUBLE_SIZE], struct sms365_error *err)
{
    enum sms365_csv_result result;

    for (;;) {
        const enum sms365_err code = csv_next(rows, &result, err);
        if (code != SMS365_OK)
            return code;
        *row = (struct cli_row){.line = rows->csv.line, .last_line = rows->csv.last_line};
        *kind = result == SMS365_CSV_MORE ? CLI_ROW_END : CLI_ROW_BAD;
        if (result == SMS365_CSV_BAD)
            (void)row_fail(trouble, rows->csv.wrong);
        if (result != SMS365_CSV_ROW)
            return SMS365_OK;
        if (rows->csv.count == 1 && rows->csv.field[0][strspn(rows->csv.field[0], " \t")] == '\0')
            continue;
        const bool first = !rows->started;
        rows->started = true;
        if (first && header_take(rows))
            continue;
        if (row_take(rows, row, trouble))
            *kind = CLI_ROW;
        return SMS365_OK;
    }
}
