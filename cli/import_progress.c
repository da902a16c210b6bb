#include "base/err.h"
#include "edges/users_line.h"
#include "import.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TITLE "# sms365 user import, answers so far, hlr="
#define LIFE_S (24 * 60 * 60) /* answers older than this are asked for again */
#define SYNC_EVERY_S 1        /* a kill loses nothing, a power cut what was answered since */
#define LINE_SIZE 4096

static enum sms365_err io_fail(const struct cli_import_progress *progress, const char *what, struct sms365_error *err)
{
    return sms365_error_set(err, SMS365_IO, "%s: cannot %s: %s", progress->path, what, strerror(errno));
}

/* Whatever comes after the place where the file is read goes; from here on answers are added. */
static enum sms365_err cut(struct cli_import_progress *progress, long at, struct sms365_error *err)
{
    progress->reading = false;
    if (fseek(progress->file, at, SEEK_SET) != 0 || ftruncate(fileno(progress->file), at) != 0)
        return io_fail(progress, "cut", err);
    return SMS365_OK;
}

/* A whole line without its newline; false at the end, and for one that was not written to its end. */
static bool line_read(struct cli_import_progress *progress, char line[LINE_SIZE])
{
    if (fgets(line, LINE_SIZE, progress->file) == NULL)
        return false;
    char *end = strchr(line, '\n');
    if (end == NULL)
        return false;
    *end = '\0';
    return true;
}

static enum sms365_err start(struct cli_import_progress *progress, const char *mode, struct sms365_error *err)
{
    char line[LINE_SIZE];
    struct stat st;

    if (fstat(fileno(progress->file), &st) != 0)
        return io_fail(progress, "look at it", err);
    progress->reading = time(NULL) - st.st_mtime < LIFE_S && line_read(progress, line) &&
                        sms365_str_starts(line, TITLE) && strcmp(line + sizeof TITLE - 1, mode) == 0;
    if (progress->reading)
        return SMS365_OK;
    const enum sms365_err code = cut(progress, 0, err);
    if (code == SMS365_OK && fprintf(progress->file, TITLE "%s\n", mode) < 0)
        return io_fail(progress, "write", err);
    return code;
}

enum sms365_err cli_import_progress_open(
    struct cli_import_progress *progress, const char *users_file, const char *mode, struct sms365_error *err)
{
    struct stat st;

    *progress = (struct cli_import_progress){.synced_s = (int64_t)time(NULL)};
    if (snprintf(progress->path, sizeof progress->path, "%s.import", users_file) >= (int)sizeof progress->path)
        return sms365_error_set(err, SMS365_BAD_ARGUMENT, "%s: the path is too long", users_file);
    const int fd = open(progress->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
    if (fd < 0)
        return io_fail(progress, "open", err);
    progress->file = fdopen(fd, "r+");
    if (progress->file == NULL || fstat(fd, &st) != 0)
        return io_fail(progress, "look at it", err);
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
        return sms365_error_set(
            err, SMS365_BAD_OWNER, "%s: others may read or write it, or it is no file; remove it", progress->path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return sms365_error_set(err, SMS365_BUSY, "%s: another import is running", progress->path);
    return start(progress, mode, err);
}

static void row_write(struct sms365_buf *out, const struct cli_row *row)
{
    sms365_buf_printf(out, "%s:", row->name);
    for (size_t i = 0; i < row->count; i++)
        sms365_buf_printf(out, "%s%s", i == 0 ? "" : ",", row->typed[i]);
    sms365_buf_puts(out, "\t");
}

/* What stands behind a row. False when that is nothing we wrote. */
static bool answer_read(const char *name, const char *answer, struct sms365_user *user, char trouble[CLI_TROUBLE_SIZE])
{
    char text[SMS365_USER_NAME_SIZE + LINE_SIZE];
    const size_t length = strlen(name);
    struct sms365_users_line line = {.begin = text};

    trouble[0] = '\0';
    if (*answer == '!')
        return sms365_str_copy(trouble, CLI_TROUBLE_SIZE, answer + 1) && trouble[0] != '\0';
    if (length >= SMS365_USER_NAME_SIZE || !sms365_str_copy(text + length + 1, LINE_SIZE, answer))
        return false;
    memcpy(text, name, length);
    text[length] = ':';
    line.end = text + length + 1 + strlen(answer);
    const bool good = sms365_users_line_parse(&line) == NULL && !line.blank;
    *user = line.user;
    return good;
}

enum sms365_err cli_import_progress_find(struct cli_import_progress *progress, const struct cli_row *row, bool *known,
    struct sms365_user *user, char trouble[CLI_TROUBLE_SIZE], struct sms365_error *err)
{
    char line[LINE_SIZE];
    struct sms365_buf key;

    *known = false;
    if (!progress->reading)
        return SMS365_OK;
    const long at = ftell(progress->file);
    if (at < 0)
        return io_fail(progress, "read", err);
    sms365_buf_init(&key, LINE_SIZE);
    row_write(&key, row);
    *known = line_read(progress, line) && !key.failed && strncmp(line, sms365_buf_text(&key), key.length) == 0 &&
             answer_read(row->name, line + key.length, user, trouble);
    sms365_buf_free(&key);
    progress->known += *known;
    return *known ? SMS365_OK : cut(progress, at, err);
}

enum sms365_err cli_import_progress_add(struct cli_import_progress *progress, const struct cli_row *row,
    const struct sms365_user *user, const char *trouble, struct sms365_error *err)
{
    const int64_t now_s = (int64_t)time(NULL);
    struct sms365_buf line;
    enum sms365_err code = SMS365_OK;

    sms365_buf_init(&line, LINE_SIZE - 2);
    row_write(&line, row);
    if (user != NULL) {
        sms365_users_numbers_write(&line, user);
    } else {
        sms365_buf_printf(&line, "!%s", trouble);
        if (!line.failed)
            sms365_str_clean(line.data + line.length - strlen(trouble));
    }
    sms365_buf_puts(&line, "\n");
    if (line.failed)
        code = sms365_error_set(err, SMS365_NO_MEMORY, "%s: no memory for an answer", progress->path);
    else if (fwrite(line.data, 1, line.length, progress->file) != line.length || fflush(progress->file) != 0)
        code = io_fail(progress, "write", err);
    sms365_buf_free(&line);
    if (code == SMS365_OK && now_s - progress->synced_s >= SYNC_EVERY_S) {
        progress->synced_s = now_s;
        code = fdatasync(fileno(progress->file)) == 0 ? SMS365_OK : io_fail(progress, "write", err);
    }
    return code;
}

enum sms365_err cli_import_progress_cut(struct cli_import_progress *progress, struct sms365_error *err)
{
    const long at = ftell(progress->file);

    if (!progress->reading)
        return SMS365_OK;
    return at < 0 ? io_fail(progress, "read", err) : cut(progress, at, err);
}

enum sms365_err cli_import_progress_rewind(void *context, struct sms365_error *err)
{
    struct cli_import_progress *progress = context;
    char line[LINE_SIZE];

    if (fseek(progress->file, 0, SEEK_SET) != 0 || !line_read(progress, line))
        return io_fail(progress, "read", err);
    return SMS365_OK;
}

enum sms365_err cli_import_progress_next(void *context, struct sms365_user *user, struct sms365_error *err)
{
    struct cli_import_progress *progress = context;
    char line[LINE_SIZE];
    char trouble[CLI_TROUBLE_SIZE];

    while (line_read(progress, line)) {
        char *tab = strchr(line, '\t');
        char *colon = strchr(line, ':');
        if (tab == NULL || colon == NULL)
            break;
        *colon = '\0';
        if (!answer_read(line, tab + 1, user, trouble))
            break;
        if (trouble[0] == '\0')
            return SMS365_OK;
    }
    if (ferror(progress->file) || !feof(progress->file))
        return sms365_error_set(err, SMS365_IO, "%s: cannot be read again; remove it", progress->path);
    return SMS365_NOT_FOUND;
}

void cli_import_progress_close(struct cli_import_progress *progress, bool finished)
{
    if (finished)
        (void)unlink(progress->path);
    if (progress->file != NULL)
        (void)fclose(progress->file);
    progress->file = NULL;
}
