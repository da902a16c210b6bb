/* The journal of web sessions: lines that others may have written, read, written again, and followed in a file. */
#include "edges/journal_file.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool good)
{
    if (!good)
        abort();
}

static bool same(const struct sms365_journal_line *a, const struct sms365_journal_line *b)
{
    return a->kind == b->kind && memcmp(a->id, b->id, sizeof a->id) == 0 && strcmp(a->service, b->service) == 0 &&
           strcmp(a->user, b->user) == 0 && strcmp(a->address, b->address) == 0 && a->when_s == b->when_s &&
           a->expires_s == b->expires_s;
}

/* Whatever is read comes back when it is written; and what it revokes is revoked. */
static void line_check(struct sms365_revoked *revoked, const struct sms365_journal_line *line)
{
    const struct sms365_span user = {line->user, strlen(line->user)};
    struct sms365_journal_line back;
    struct sms365_buf text;

    sms365_buf_init(&text, SMS365_JOURNAL_LINE_MAX);
    sms365_journal_write(&text, line);
    demand(!text.failed && memchr(text.data, '\n', text.length) == text.data + text.length - 1);
    demand(sms365_journal_read(&back, text.data, text.length - 1) && same(line, &back));
    sms365_buf_free(&text);
    demand(sms365_revoked_add(revoked, line, 0));
    if (!sms365_journal_is_issue(line->kind))
        demand(sms365_revoked_has(
            revoked, line->id, user, line->kind == SMS365_JOURNAL_REVOKED ? INT64_MAX : line->when_s));
}

struct seen {
    size_t count;
    struct sms365_journal_line last;
};

static bool see(void *context, const struct sms365_journal_line *line)
{
    struct seen *seen = context;

    seen->count++;
    seen->last = *line;
    return true;
}

static char directory[] = "/dev/shm/sms365-fuzz-XXXXXX";

static void clean_up(void)
{
    (void)rmdir(directory);
}

/* The file as it is, then one line more: what came before does not swallow it. */
static void file_check(const uint8_t *data, size_t size, size_t expected)
{
    static const struct sms365_journal_line more = {.kind = SMS365_JOURNAL_USER, .user = "alice", .when_s = 1800000000};
    static char path[64];
    struct sms365_journal_place place = {.offset = 0};
    struct seen seen = {.count = 0};
    struct sms365_error err = {0};

    if (path[0] == '\0') {
        demand(mkdtemp(directory) != NULL && atexit(clean_up) == 0);
        (void)snprintf(path, sizeof path, "%s/" SMS365_JOURNAL_FILE, directory);
    }
    FILE *file = fopen(path, "we");
    demand(file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0);
    demand(chmod(path, 0600) == 0);
    demand(sms365_journal_follow(directory, &place, see, &seen, &err) == SMS365_OK && seen.count == expected);
    demand(sms365_journal_add(directory, &more, more.when_s, &err) == SMS365_OK);
    seen.count = 0;
    demand(sms365_journal_follow(directory, &place, see, &seen, &err) == SMS365_OK);
    /* The end of the input becomes a line, too, if it had no end of its own. */
    demand(seen.count >= 1 && seen.count <= 2 && same(&seen.last, &more));
    (void)unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sms365_revoked revoked = {.all_s = -1};
    struct sms365_journal_line line;
    const char *text = (const char *)data, *const stop = text + size;
    size_t whole = 0;

    for (const char *end; text < stop && (end = memchr(text, '\n', (size_t)(stop - text))) != NULL; text = end + 1) {
        if (!sms365_journal_read(&line, text, (size_t)(end - text)))
            continue;
        whole++;
        line_check(&revoked, &line);
    }
    sms365_revoked_free(&revoked);
    file_check(data, size, whole);
    return 0;
}
