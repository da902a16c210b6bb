/* Writing of the users file: what is merged into it replaces users in their lines, or comes after all that is there. */
#include "base/err.h"
#include "edges/file_safe.h"
#include "edges/users_line.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DROPPED UINT32_MAX

/* Where a user stands in the file. */
struct place {
    uint32_t line;  /* 1 + where the line begins in the text; 0: this place is free */
    uint32_t fresh; /* 1 + where the line that takes its place begins in fresh; 0: it stays; DROPPED */
    bool twice;     /* nobody can tell which line counts */
};

struct work {
    const char *path;
    const struct sms365_users_merge *merge;
    struct sms365_buf text;
    struct sms365_buf fresh; /* lines, each with its newline */
    struct place *places;    /* a hash table: linear probing, half of it free at least */
    size_t mask;
    size_t changes;
    size_t bytes; /* written */
    char last;    /* of them */
};

static void mark_write(struct sms365_buf *out, const char *before, const char *value)
{
    if (value[0] == '\0')
        return;
    sms365_buf_puts(out, before);
    sms365_buf_puts(out, value);
}

void sms365_users_numbers_write(struct sms365_buf *out, const struct sms365_user *user)
{
    for (size_t i = 0; i < user->count; i++) {
        const struct sms365_number *number = &user->numbers[i];
        sms365_buf_puts(out, " ");
        sms365_buf_puts(out, number->msisdn);
        mark_write(out, ";mcc=", number->mcc);
        mark_write(out, ";mnc=", number->mnc);
        mark_write(out, ";ported=", number->ported);
        mark_write(out, ";cost=", number->cost);
    }
}

/* The user's line. It has to be read again as what it was written from: a name with a colon, say, would be another's.
 */
static enum sms365_err line_make(struct sms365_buf *text, const struct sms365_user *user, struct sms365_error *err)
{
    struct sms365_users_line line = {.end = NULL};
    const char *wrong = "out of memory";

    sms365_buf_init(text, SMS365_USERS_LINE_MAX);
    if (user->count > SMS365_USER_NUMBERS_MAX)
        return sms365_error_set(
            err, SMS365_BAD_ARGUMENT, "a user can have %d numbers at most", SMS365_USER_NUMBERS_MAX);
    sms365_buf_printf(text, "%s:", user->name);
    sms365_users_numbers_write(text, user);
    sms365_buf_puts(text, "\n");
    if (text->failed)
        return sms365_error_set(err, SMS365_NO_MEMORY, "user %s: no memory for the line", user->name);
    if (sms365_users_line_next(&line, text))
        wrong = sms365_users_line_parse(&line);
    if (wrong == NULL && (line.blank || strcmp(line.user.name, user->name) != 0 || line.end[1] != '\0'))
        wrong = "the users file cannot hold this name (a colon, a leading # or blank, a blank at its end)";
    return wrong == NULL ? SMS365_OK : sms365_error_set(err, SMS365_BAD_ARGUMENT, "user %s: %s", user->name, wrong);
}

enum sms365_err sms365_user_check(const struct sms365_user *user, struct sms365_error *err)
{
    struct sms365_buf text;
    const enum sms365_err code = line_make(&text, user, err);

    sms365_buf_free(&text);
    return code;
}

/* FNV-1a. Names that fall together cost time, and only whoever may write the file chooses them. */
static size_t hash_of(const char *name)
{
    uint64_t hash = 14695981039346656037u;

    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    return (size_t)(hash ^ (hash >> 32));
}

/* The line that stands in a place. It was read before: it is a good one. */
static void line_at(struct sms365_users_line *line, const struct work *work, const struct place *place)
{
    const char *text = sms365_buf_text(&work->text);
    const char *end = text + work->text.length;

    line->begin = text + place->line - 1;
    line->end = memchr(line->begin, '\n', (size_t)(end - line->begin));
    if (line->end == NULL)
        line->end = end;
    (void)sms365_users_line_parse(line);
}

/* The user's place, or the free one where it would be; *line is the one that stands there. */
static struct place *place_find(const struct work *work, const char *name, struct sms365_users_line *line)
{
    for (size_t i = hash_of(name);; i++) {
        struct place *place = &work->places[i & work->mask];
        if (place->line == 0)
            return place;
        line_at(line, work, place);
        if (strcmp(line->user.name, name) == 0)
            return place;
    }
}

static enum sms365_err places_make(struct work *work, size_t users, struct sms365_error *err)
{
    struct sms365_users_line line = {.end = NULL}, other;
    size_t size = 16;

    while (size < 2 * users + 1)
        size *= 2;
    work->mask = size - 1;
    work->places = calloc(size, sizeof *work->places);
    if (work->places == NULL)
        return sms365_error_set(err, SMS365_NO_MEMORY, "%s: no memory to read it", work->path);
    while (sms365_users_line_next(&line, &work->text)) {
        if (sms365_users_line_parse(&line) != NULL || line.blank)
            continue;
        struct place *place = place_find(work, line.user.name, &other);
        place->twice = place->line != 0;
        if (!place->twice)
            place->line = (uint32_t)(line.begin - sms365_buf_text(&work->text)) + 1;
    }
    return SMS365_OK;
}

/* What is decided for a user. *place is the user's, or a free one. */
static enum sms365_err decide(const struct work *work, const struct sms365_user *user, struct place **place,
    enum sms365_users_verdict *verdict, struct sms365_error *err)
{
    struct sms365_users_line line = {.number = 0};

    *place = place_find(work, user->name, &line);
    if ((*place)->twice)
        return sms365_error_set(err, SMS365_BAD_CONFIG,
            "%s: %s stands on two lines; make one line of the two with an editor", work->path, user->name);
    *verdict = work->merge->decide(work->merge->context, (*place)->line == 0 ? NULL : &line.user, user);
    return SMS365_OK;
}

/* Call take for each user and what is decided for it. */
static enum sms365_err each(struct work *work,
    enum sms365_err (*take)(struct work *work, void *context, struct place *place, enum sms365_users_verdict verdict,
        const struct sms365_user *user, struct sms365_error *err),
    void *context, struct sms365_error *err)
{
    const struct sms365_users_merge *merge = work->merge;
    enum sms365_users_verdict verdict = SMS365_USERS_KEEP;
    struct sms365_user user;
    struct place *place = NULL;

    enum sms365_err code = merge->rewind(merge->context, err);
    while (code == SMS365_OK && (code = merge->next(merge->context, &user, err)) == SMS365_OK) {
        code = decide(work, &user, &place, &verdict, err);
        if (code == SMS365_OK)
            code = take(work, context, place, verdict, &user, err);
    }
    return code == SMS365_NOT_FOUND ? SMS365_OK : code;
}

/* Note what becomes of lines that are there; new users are only counted. */
static enum sms365_err change_note(struct work *work, void *context, struct place *place,
    enum sms365_users_verdict verdict, const struct sms365_user *user, struct sms365_error *err)
{
    struct sms365_buf line;

    (void)context;
    if (verdict == SMS365_USERS_KEEP || (verdict == SMS365_USERS_DROP && place->line == 0))
        return SMS365_OK;
    work->changes++;
    if (verdict == SMS365_USERS_DROP) {
        place->fresh = DROPPED;
        return SMS365_OK;
    }
    const enum sms365_err code = line_make(&line, user, err);
    if (code == SMS365_OK && place->line != 0) {
        place->fresh = (uint32_t)work->fresh.length + 1;
        sms365_buf_add(&work->fresh, line.data, line.length);
    }
    sms365_buf_free(&line);
    return code;
}

/* Write a line, which ends with a newline but at the end of the file perhaps. */
static void line_put(struct work *work, FILE *file, const char *text, size_t length)
{
    if (work->bytes > 0 && work->last != '\n') {
        (void)fputc('\n', file);
        work->bytes++;
    }
    (void)fwrite(text, 1, length, file);
    work->bytes += length;
    work->last = text[length - 1];
}

static enum sms365_err user_append(struct work *work, void *context, struct place *place,
    enum sms365_users_verdict verdict, const struct sms365_user *user, struct sms365_error *err)
{
    struct sms365_buf line;

    if (verdict != SMS365_USERS_PUT || place->line != 0)
        return SMS365_OK;
    const enum sms365_err code = line_make(&line, user, err);
    if (code == SMS365_OK)
        line_put(work, context, line.data, line.length);
    sms365_buf_free(&line);
    return code;
}

/* The file as it will be. */
static enum sms365_err contents_write(void *context, FILE *file, struct sms365_error *err)
{
    struct work *work = context;
    struct sms365_users_line line = {.end = NULL}, there;
    const char *fresh = sms365_buf_text(&work->fresh);
    const char *end = sms365_buf_text(&work->text) + work->text.length;

    while (sms365_users_line_next(&line, &work->text)) {
        const struct place *place = NULL;
        if (sms365_users_line_parse(&line) == NULL && !line.blank)
            place = place_find(work, line.user.name, &there);
        if (place != NULL && place->fresh == DROPPED)
            continue;
        if (place != NULL && place->fresh != 0) {
            const char *begin = fresh + place->fresh - 1;
            line_put(work, file, begin, strcspn(begin, "\n") + 1);
        } else {
            line_put(work, file, line.begin, (size_t)(line.end - line.begin) + (line.end < end));
        }
    }
    const enum sms365_err code = each(work, user_append, file, err);
    if (code == SMS365_OK && work->bytes > SMS365_USERS_FILE_MAX)
        return sms365_error_set(err, SMS365_FULL, "%s: larger than %zu bytes", work->path, SMS365_USERS_FILE_MAX);
    return code;
}

static enum sms365_err merge_run(struct work *work, bool write, struct sms365_error *err)
{
    const struct sms365_file_contents contents = {contents_write, work};
    size_t users = 0;
    enum sms365_err code = sms365_users_read(&work->text, work->path, err);
    /* Phone numbers are nobody's business: a file of our making is private, one that is there stays as it is. */
    const mode_t mode = code == SMS365_NOT_FOUND ? 0600 : 0644;

    if (code == SMS365_NOT_FOUND)
        code = SMS365_OK;
    if (code == SMS365_OK)
        code = sms365_users_text_check(&work->text, work->path, NULL, NULL, &users, NULL, err);
    if (code == SMS365_OK)
        code = places_make(work, users, err);
    if (code == SMS365_OK)
        code = each(work, change_note, NULL, err);
    if (code == SMS365_OK && work->fresh.failed)
        code = sms365_error_set(err, SMS365_NO_MEMORY, "%s: no memory for the users that change", work->path);
    if (code == SMS365_OK && write && work->changes > 0)
        code = sms365_file_rewrite(work->path, &contents, mode, err);
    return code;
}

enum sms365_err sms365_users_merge(
    const char *path, const struct sms365_users_merge *merge, bool write, struct sms365_error *err)
{
    struct work work = {.path = path, .merge = merge};
    int lock = -1;
    enum sms365_err code = write ? sms365_file_lock(&lock, path, err) : SMS365_OK;

    if (code != SMS365_OK)
        return code;
    sms365_buf_init(&work.text, SMS365_USERS_FILE_MAX);
    sms365_buf_init(&work.fresh, SMS365_USERS_FILE_MAX);
    code = merge_run(&work, write, err);
    free(work.places);
    sms365_buf_free(&work.fresh);
    sms365_buf_free(&work.text);
    if (lock >= 0)
        (void)close(lock);
    return code;
}

/* --- One user --- */

struct single {
    const struct sms365_user *user;
    enum sms365_users_verdict verdict;
    bool given, there;
};

static enum sms365_err single_rewind(void *context, struct sms365_error *err)
{
    struct single *single = context;

    (void)err;
    single->given = false;
    return SMS365_OK;
}

static enum sms365_err single_next(void *context, struct sms365_user *user, struct sms365_error *err)
{
    struct single *single = context;

    (void)err;
    if (single->given)
        return SMS365_NOT_FOUND;
    single->given = true;
    *user = *single->user;
    return SMS365_OK;
}

static enum sms365_users_verdict single_decide(
    void *context, const struct sms365_user *there, const struct sms365_user *user)
{
    struct single *single = context;

    (void)user;
    single->there = there != NULL;
    return single->verdict;
}

static enum sms365_err single_merge(const char *path, struct single *single, struct sms365_error *err)
{
    const struct sms365_users_merge merge = {single, single_rewind, single_next, single_decide};

    return sms365_users_merge(path, &merge, true, err);
}

enum sms365_err sms365_users_put(const char *path, const struct sms365_user *user, struct sms365_error *err)
{
    struct single single = {.user = user, .verdict = SMS365_USERS_PUT};
    const enum sms365_err code = sms365_user_check(user, err);

    return code == SMS365_OK ? single_merge(path, &single, err) : code;
}

enum sms365_err sms365_users_remove(const char *path, const char *name, struct sms365_error *err)
{
    struct sms365_user user = {.count = 0};
    struct single single = {.user = &user, .verdict = SMS365_USERS_DROP};
    enum sms365_err code = SMS365_OK;

    /* A name that is too long for the file is not in it. */
    if (sms365_str_copy(user.name, sizeof user.name, name))
        code = single_merge(path, &single, err);
    if (code == SMS365_OK && !single.there)
        code = sms365_error_set(err, SMS365_NOT_FOUND, "%s: there is no user %s; see: sms365 user list", path, name);
    return code;
}
