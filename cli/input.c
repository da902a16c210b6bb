#include "base/err.h"
#include "base/mem.h"
#include "cli.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define VALUE_SIZE 8192 /* of one value */

/* Signals that would leave the terminal without echo if they ended, or stopped, us during a prompt. */
static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
#define CAUGHT_COUNT (sizeof caught / sizeof *caught)

static volatile sig_atomic_t signal_seen;

static void signal_note(int number)
{
    signal_seen = number;
}

struct quiet {
    bool active;
    sigset_t mask; /* as it was */
    struct termios terminal;
    struct sigaction actions[CAUGHT_COUNT];
};

static void quiet_begin(struct quiet *quiet, bool secret)
{
    const struct sigaction note = {.sa_handler = signal_note};
    sigset_t held;

    quiet->active = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &quiet->terminal) == 0;
    if (!quiet->active)
        return;
    signal_seen = 0;
    (void)sigemptyset(&held);
    for (size_t i = 0; i < CAUGHT_COUNT; i++) {
        (void)sigaction(caught[i], &note, &quiet->actions[i]);
        (void)sigaddset(&held, caught[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &held, &quiet->mask);
    if (secret) {
        struct termios silent = quiet->terminal;
        silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
        silent.c_lflag |= ECHONL;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
}

/* Put everything back; a signal that came meanwhile does now what it would have done. failed: what was typed and not
 * read is dropped, or the rest of a secret would go to the shell. */
static void quiet_end(struct quiet *quiet, bool failed)
{
    if (!quiet->active)
        return;
    (void)tcsetattr(STDIN_FILENO, failed ? TCSAFLUSH : TCSADRAIN, &quiet->terminal);
    for (size_t i = 0; i < CAUGHT_COUNT; i++)
        (void)sigaction(caught[i], &quiet->actions[i], NULL);
    (void)sigprocmask(SIG_SETMASK, &quiet->mask, NULL);
    if (signal_seen != 0)
        (void)raise(signal_seen);
}

/* Wait for input. The signals get through here only: one that came before the wait ends it all the same. */
static bool quiet_wait(const struct quiet *quiet)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

    if (!quiet->active)
        return true;
    while (ppoll(&input, 1, NULL, &quiet->mask) < 0)
        if (errno != EINTR || signal_seen != 0)
            return false;
    return true;
}

/* Byte by byte: what follows the line is the next reader's. */
static enum sms365_err line_read(const struct quiet *quiet, char *line, size_t size, struct sms365_error *err)
{
    size_t length = 0;

    for (;;) {
        char c = '\0';
        const ssize_t got = quiet_wait(quiet) ? read(STDIN_FILENO, &c, 1) : -1;
        if (got < 0)
            return sms365_error_set(err, SMS365_IO, "nothing was entered: %s", strerror(errno));
        if (got == 0 && length == 0)
            return sms365_error_set(err, SMS365_IO, "nothing was entered: the input ended");
        if (got == 0 || c == '\n')
            break;
        if (c == '\0')
            return sms365_error_set(err, SMS365_BAD_ARGUMENT, "what was entered holds a NUL byte");
        if (length + 1 >= size)
            return sms365_error_set(err, SMS365_BAD_ARGUMENT, "what was entered is longer than %zu bytes", size - 1);
        line[length++] = c;
    }
    if (length > 0 && line[length - 1] == '\r')
        length--;
    line[length] = '\0';
    return SMS365_OK;
}

bool cli_read_line(const char *prompt, bool secret, char *line, size_t size, struct sms365_error *err)
{
    struct quiet quiet;

    (void)fflush(stdout);
    quiet_begin(&quiet, secret);
    if (quiet.active) {
        char clean[1024];
        (void)snprintf(clean, sizeof clean, "%s", prompt);
        sms365_str_clean(clean);
        (void)fprintf(stderr, "%s", clean);
        (void)fflush(stderr);
    }
    const enum sms365_err code = line_read(&quiet, line, size, err);
    quiet_end(&quiet, code != SMS365_OK);
    if (code != SMS365_OK)
        sms365_wipe(line, size);
    return code == SMS365_OK;
}

bool cli_read_all(struct sms365_buf *buf, struct sms365_error *err)
{
    char chunk[4096];

    for (;;) {
        const ssize_t got = read(STDIN_FILENO, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            (void)sms365_error_set(err, SMS365_IO, "standard input cannot be read: %s", strerror(errno));
            return false;
        }
        if (got == 0)
            return true;
        sms365_buf_add(buf, chunk, (size_t)got);
        if (buf->failed) {
            (void)sms365_error_set(err, SMS365_BAD_ARGUMENT, "standard input holds more than %zu bytes", buf->cap);
            return false;
        }
    }
}

bool cli_read_text(struct cli *cli, struct sms365_buf *text, const char *word)
{
    struct sms365_error err = {0};

    if (strcmp(word, "-") != 0) {
        sms365_buf_puts(text, word);
        if (!text->failed)
            return true;
        (void)cli_fail(cli, CLI_USAGE, "bad_argument", "the text is longer than %zu bytes", text->cap);
        return false;
    }
    if (!cli_read_all(text, &err)) {
        (void)cli_fail_error(cli, &err);
        return false;
    }
    while (text->length > 0 && text->data[text->length - 1] == '\n')
        text->data[--text->length] = '\0';
    if (text->length == strlen(sms365_buf_text(text)))
        return true;
    (void)cli_fail(cli, CLI_USAGE, "bad_argument", "the text holds a NUL byte");
    return false;
}

bool cli_read_value(struct cli *cli, const char *name, bool secret, struct sms365_secret *value)
{
    static char line[VALUE_SIZE];
    char prompt[96];
    struct sms365_error err = {0};

    (void)snprintf(prompt, sizeof prompt, "%s%s: ", name, secret ? " (not shown)" : "");
    if (!cli_read_line(prompt, secret, line, sizeof line, &err)) {
        (void)cli_fail(cli, CLI_USAGE, "bad_argument", "%s: %s", name, err.text);
        return false;
    }
    const bool kept = sms365_secret_set(value, line, strlen(line));
    sms365_wipe(line, sizeof line);
    if (!kept)
        (void)cli_fail(cli, CLI_FAILED, "no_memory", "no memory for %s", name);
    return kept;
}

bool cli_read_yes(const char *question)
{
    struct sms365_error err = {0};
    char prompt[1024];
    char answer[16];

    (void)snprintf(prompt, sizeof prompt, "%s [y/N] ", question);
    if (!cli_read_line(prompt, false, answer, sizeof answer, &err))
        return false;
    const char *text = sms365_str_trim(answer);
    return strcmp(text, "y") == 0 || strcmp(text, "yes") == 0;
}

bool cli_interactive(void)
{
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}
