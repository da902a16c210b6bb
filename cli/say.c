#include "base/err.h"
#include "cli.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE_SIZE 4096
#define USAGE_MAX 1024

/* One clean line; what does not fit is cut. */
__attribute__((format(printf, 2, 0))) static void line_format(char line[LINE_SIZE], const char *format, va_list args)
{
    (void)vsnprintf(line, LINE_SIZE, format, args);
    sms365_str_clean(line);
}

void cli_say(const struct cli *cli, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list args;

    if (cli->json)
        return;
    va_start(args, format);
    line_format(line, format, args);
    va_end(args);
    (void)puts(line);
}

void cli_say_text(const struct cli *cli, const char *text)
{
    while (!cli->json && *text != '\0') {
        char piece[LINE_SIZE] = "";
        size_t used = 0;
        for (; *text != '\0' && *text != '\n'; text++) {
            /* Indentation stays readable: tabs would be taken for what steers a terminal. */
            const size_t width = *text == '\t' && strspn(piece, " ") == used ? 4 : 1;
            if (used + width >= sizeof piece)
                break;
            memset(piece + used, *text == '\t' ? ' ' : *text, width);
            used += width;
        }
        for (; used > 1 && ((unsigned char)*text & 0xc0) == 0x80; text--) /* a character of UTF-8 stays whole */
            used--;
        piece[used] = '\0';
        sms365_str_clean(piece);
        (void)fputs(piece, stdout);
        if (*text == '\0' || *text == '\n')
            (void)putchar('\n');
        text += *text == '\n';
    }
}

void cli_print(const struct cli *cli, const char *text)
{
    if (!cli->json)
        (void)fputs(text, stdout);
}

void cli_note(struct cli *cli, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list args;

    va_start(args, format);
    line_format(line, format, args);
    va_end(args);
    if (!cli->json) {
        (void)fprintf(stderr, "sms365: %s\n", line);
        return;
    }
    cJSON *notes = cJSON_GetObjectItemCaseSensitive(cli->out, "notes");
    if (notes == NULL)
        notes = cJSON_AddArrayToObject(cli->out, "notes");
    (void)cJSON_AddItemToArray(notes, cJSON_CreateString(line));
}

static enum cli_exit fail_line(struct cli *cli, enum cli_exit exit, const char *error, const char *line)
{
    if (cli->json) {
        cJSON_DeleteItemFromObjectCaseSensitive(cli->out, "error");
        cJSON_DeleteItemFromObjectCaseSensitive(cli->out, "text");
        (void)cJSON_AddStringToObject(cli->out, "error", error);
        (void)cJSON_AddStringToObject(cli->out, "text", line);
    } else {
        (void)fflush(stdout);
        (void)fprintf(stderr, "sms365: %s\n", line);
    }
    return exit;
}

enum cli_exit cli_fail(struct cli *cli, enum cli_exit exit, const char *error, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list args;

    va_start(args, format);
    line_format(line, format, args);
    va_end(args);
    return fail_line(cli, exit, error, line);
}

enum cli_exit cli_fail_usage(struct cli *cli, const struct cli_command *command, const char *format, ...)
{
    char line[LINE_SIZE];
    struct sms365_buf usage;
    va_list args;

    va_start(args, format);
    line_format(line, format, args);
    va_end(args);
    sms365_buf_init(&usage, USAGE_MAX);
    cli_usage(&usage, command);
    const enum cli_exit exit = cli_fail(cli, CLI_USAGE, "usage", "%s; usage: sms365 %s", line, sms365_buf_text(&usage));
    sms365_buf_free(&usage);
    return exit;
}

/* What each of the library's errors means for whoever called the command. */
static const struct {
    enum sms365_err code;
    const char *name;
} names[] = {
#define SMS365_ERR(name, text) {SMS365_##name, #name},
    SMS365_ERRORS
#undef SMS365_ERR
};

static enum cli_exit exit_of(enum sms365_err code)
{
    switch (code) {
    case SMS365_BAD_ARGUMENT:
    case SMS365_BAD_CONFIG:
    case SMS365_BAD_OWNER:
    case SMS365_CORRUPT:
    case SMS365_NO_KEY:
        return CLI_USAGE;
    case SMS365_UNREACHABLE:
        return CLI_UNREACHABLE;
    default:
        return CLI_FAILED;
    }
}

enum cli_exit cli_fail_error(struct cli *cli, const struct sms365_error *err)
{
    char name[32] = "unknown";

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].code == err->code)
            (void)sms365_str_copy(name, sizeof name, names[i].name);
    for (char *c = name; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    if (err->provider_error != 0)
        (void)cJSON_AddNumberToObject(cli->out, "provider_error", err->provider_error);
    return fail_line(cli, exit_of(err->code), name, err->text[0] == '\0' ? sms365_strerror(err->code) : err->text);
}

bool cli_moment(char out[CLI_MOMENT_SIZE], int64_t when_s)
{
    const time_t when = (time_t)when_s;
    struct tm parts;

    out[0] = '\0';
    return gmtime_r(&when, &parts) != NULL && strftime(out, CLI_MOMENT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts) > 0;
}

/* RFC 8259, section 6, without exponents. */
bool cli_is_number(const char *text)
{
    text += text[0] == '-';
    const size_t whole = strspn(text, "0123456789");
    if (whole == 0 || whole > 15 || (text[0] == '0' && whole > 1))
        return false;
    if (text[whole] == '\0')
        return true;
    const size_t fraction = strspn(text + whole + 1, "0123456789");
    return text[whole] == '.' && fraction > 0 && fraction <= 15 && text[whole + 1 + fraction] == '\0';
}

void cli_put(cJSON *object, const char *name, const char *value)
{
    if (value == NULL)
        return;
    if (cli_is_number(value))
        (void)cJSON_AddRawToObject(object, name, value);
    else
        (void)cJSON_AddStringToObject(object, name, value);
}

const char *cli_amount_text(char out[CLI_AMOUNT_SIZE], double amount)
{
    if (isnan(amount))
        return "not told";
    (void)snprintf(out, CLI_AMOUNT_SIZE, "%.15g", amount);
    return out;
}

void cli_put_amount(cJSON *object, const char *name, double amount)
{
    if (!isnan(amount))
        (void)cJSON_AddNumberToObject(object, name, amount);
}

bool cli_flush(const struct cli *cli)
{
    if (cli->json) {
        char *text = cJSON_PrintUnformatted(cli->out);
        const bool printed = text != NULL && puts(text) >= 0;
        free(text);
        if (!printed)
            return false;
    }
    return fflush(stdout) == 0 && !ferror(stdout);
}
