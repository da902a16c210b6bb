#include "edges/users_line.h"

#include "base/err.h"
#include "edges/file_safe.h"

#include <string.h>

#define TEXT_OF_TOKENS(tokens) #tokens
#define TEXT_OF(macro) TEXT_OF_TOKENS(macro)

static bool digits_only(const char *text, size_t least, size_t most)
{
    const size_t length = strlen(text);

    return length >= least && length <= most && strspn(text, "0123456789") == length;
}

/* "1", "0.07": an amount, never negative. */
static bool is_amount(const char *text)
{
    const size_t whole = strspn(text, "0123456789");

    if (whole == 0)
        return false;
    return text[whole] == '\0' || (text[whole] == '.' && digits_only(text + whole + 1, 1, 15));
}

bool sms365_number_note(struct sms365_number *number, const char *name, const char *value)
{
    if (strcmp(name, "mcc") == 0 && digits_only(value, 3, 3))
        return sms365_str_copy(number->mcc, sizeof number->mcc, value);
    if (strcmp(name, "mnc") == 0 && digits_only(value, 2, 3))
        return sms365_str_copy(number->mnc, sizeof number->mnc, value);
    if (strcmp(name, "ported") == 0 && (strcmp(value, "yes") == 0 || strcmp(value, "no") == 0))
        return sms365_str_copy(number->ported, sizeof number->ported, value);
    if (strcmp(name, "cost") == 0 && is_amount(value) && strlen(value) < sizeof number->cost)
        return sms365_str_copy(number->cost, sizeof number->cost, value);
    return false;
}

/* One "name=value" after a number. NULL, or what is wrong. */
static const char *attribute_parse(struct sms365_number *number, char *text)
{
    const struct sms365_number before = *number;
    char *value = strchr(text, '=');

    if (value != NULL)
        *value++ = '\0';
    const bool noted = value != NULL && sms365_number_note(number, text, value);
    const bool twice = (before.mcc[0] != '\0' && strcmp(text, "mcc") == 0) ||
                       (before.mnc[0] != '\0' && strcmp(text, "mnc") == 0) ||
                       (before.ported[0] != '\0' && strcmp(text, "ported") == 0) ||
                       (before.cost[0] != '\0' && strcmp(text, "cost") == 0);
    if (!noted || twice)
        return "after a number stand ;mcc=, ;mnc= and ;cost= with digits, ;ported= with yes or no, once each, and "
               "nothing else";
    return NULL;
}

/* One number with its attributes. NULL, or what is wrong. */
static const char *number_parse(struct sms365_number *number, const char *begin, size_t length)
{
    char text[SMS365_USERS_NUMBER_MAX];
    char parsed[SMS365_MSISDN_SIZE];

    *number = (struct sms365_number){.msisdn = ""};
    if (length >= sizeof text)
        return "what stands between two blanks is too long for a number";
    memcpy(text, begin, length);
    text[length] = '\0';
    char *next = strchr(text, ';');
    if (next != NULL)
        *next++ = '\0';
    if (!sms365_msisdn_parse(parsed, text) || strcmp(parsed, text) != 0)
        return "a number has 8 to 15 digits with the country code first, for example 306971234567";
    memcpy(number->msisdn, parsed, sizeof parsed);
    while (next != NULL) {
        char *attribute = next;
        next = strchr(attribute, ';');
        if (next != NULL)
            *next++ = '\0';
        const char *wrong = attribute_parse(number, attribute);
        if (wrong != NULL)
            return wrong;
    }
    return NULL;
}

static const char *numbers_parse(struct sms365_user *user, const char *text, const char *end)
{
    static const char blanks[] = " \t";

    while (text < end) {
        const char *begin = text;
        while (text < end && strchr(blanks, *text) == NULL)
            text++;
        if (text > begin) {
            if (user->count == SMS365_USER_NUMBERS_MAX)
                return "a user can have 8 numbers at most";
            const char *wrong = number_parse(&user->numbers[user->count], begin, (size_t)(text - begin));
            if (wrong != NULL)
                return wrong;
            for (size_t i = 0; i < user->count; i++)
                if (strcmp(user->numbers[i].msisdn, user->numbers[user->count].msisdn) == 0)
                    return "a number stands there twice";
            user->count++;
        }
        if (text < end)
            text++;
    }
    return user->count == 0 ? "there is no number" : NULL;
}

const char *sms365_users_line_parse(struct sms365_users_line *line)
{
    const char *begin = line->begin;
    const char *end = line->end;

    line->user.count = 0;
    line->user.name[0] = '\0';
    if (memchr(begin, '\0', (size_t)(end - begin)) != NULL)
        return "there is a NUL byte in it";
    while (begin < end && (*begin == ' ' || *begin == '\t'))
        begin++;
    while (end > begin && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    line->blank = begin == end || *begin == '#';
    if (line->blank)
        return NULL;
    for (const char *c = begin; c < end; c++)
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
            return "there is a control character in it";
    const char *colon = memchr(begin, ':', (size_t)(end - begin));
    if (colon == NULL)
        return "there is no colon after the user's name";
    const char *name_end = colon;
    while (name_end > begin && (name_end[-1] == ' ' || name_end[-1] == '\t'))
        name_end--;
    const size_t length = (size_t)(name_end - begin);
    if (length == 0)
        return "there is no user's name before the colon";
    if (length >= sizeof line->user.name)
        return "the user's name is too long: it has " TEXT_OF(SMS365_RECORD_NAME_MAX) " bytes at most";
    if (memchr(begin, '\t', length) != NULL)
        return "there is a control character in the user's name";
    memcpy(line->user.name, begin, length);
    line->user.name[length] = '\0';
    return numbers_parse(&line->user, colon + 1, end);
}

bool sms365_users_line_next(struct sms365_users_line *line, const struct sms365_buf *text)
{
    const char *start = sms365_buf_text(text);
    const char *stop = start + text->length;

    if (line->end == NULL) {
        line->number = 0;
        line->begin = start;
    } else {
        line->begin = line->end + 1;
    }
    if (line->begin >= stop)
        return false;
    line->number++;
    line->end = memchr(line->begin, '\n', (size_t)(stop - line->begin));
    if (line->end == NULL)
        line->end = stop;
    return true;
}

static void problem_add(struct sms365_buf *problems, int *count, const char *path, int line, const char *wrong)
{
    (*count)++;
    if (problems != NULL)
        sms365_buf_printf(problems, "%s:%d: %s\n", path, line, wrong);
}

enum sms365_err sms365_users_text_check(const struct sms365_buf *text, const char *path, const char *wanted,
    struct sms365_users_line *found, size_t *users, struct sms365_buf *problems, struct sms365_error *err)
{
    struct sms365_users_line line = {.end = NULL};
    char first[160] = "";
    int first_line = 0;
    int count = 0;

    *users = 0;
    if (found != NULL)
        found->number = 0;
    while (sms365_users_line_next(&line, text)) {
        const char *wrong = sms365_users_line_parse(&line);
        if (wrong == NULL && !line.blank)
            (*users)++;
        if (wrong == NULL && !line.blank && wanted != NULL && strcmp(line.user.name, wanted) == 0) {
            if (found->number != 0)
                wrong = "this user stands on an earlier line too; make one line of the two";
            else
                *found = line;
        }
        if (wrong == NULL)
            continue;
        if (count == 0) {
            first_line = line.number;
            (void)sms365_str_copy(first, sizeof first, wrong);
        }
        problem_add(problems, &count, path, line.number, wrong);
    }
    if (count == 0)
        return SMS365_OK;
    return sms365_error_set(err, SMS365_BAD_CONFIG, "%s:%d: %s%s; correct the file with an editor", path, first_line,
        first, count > 1 ? " (and more lines are wrong)" : "");
}

enum sms365_err sms365_users_read(struct sms365_buf *text, const char *path, struct sms365_error *err)
{
    return sms365_file_read(text, path, SMS365_FILE_PUBLIC, SMS365_USERS_FILE_MAX, err);
}

enum sms365_err sms365_users_find(
    struct sms365_user *user, const char *path, const char *name, struct sms365_buf *problems, struct sms365_error *err)
{
    struct sms365_buf text;
    struct sms365_users_line found = {.number = 0};
    size_t users = 0;

    enum sms365_err code = sms365_users_read(&text, path, err);
    if (code == SMS365_NOT_FOUND)
        /* NOT_FOUND would mean that this user has no phone; nobody can tell without the file. */
        return sms365_error_set(
            err, SMS365_BAD_CONFIG, "%s: there is no users file; run: sms365 user add USER NUMBER", path);
    if (code != SMS365_OK)
        return code;
    code = sms365_users_text_check(&text, path, name, &found, &users, problems, err);
    sms365_buf_free(&text);
    if (code != SMS365_OK)
        return code;
    if (users == 0)
        return sms365_error_set(
            err, SMS365_BAD_CONFIG, "%s: there is no user in it; run: sms365 user add USER NUMBER", path);
    if (found.number == 0)
        return sms365_error_set(
            err, SMS365_NOT_FOUND, "%s: %s has no phone number there; run: sms365 user add", path, name);
    *user = found.user;
    return SMS365_OK;
}

enum sms365_err sms365_users_each(const char *path, bool (*each)(void *context, const struct sms365_user *user),
    void *context, struct sms365_error *err)
{
    struct sms365_buf text;
    struct sms365_users_line line = {.end = NULL};
    size_t users = 0;

    enum sms365_err code = sms365_users_read(&text, path, err);
    if (code == SMS365_NOT_FOUND)
        return SMS365_OK;
    if (code != SMS365_OK)
        return code;
    code = sms365_users_text_check(&text, path, NULL, NULL, &users, NULL, err);
    while (code == SMS365_OK && sms365_users_line_next(&line, &text))
        if (sms365_users_line_parse(&line) == NULL && !line.blank && !each(context, &line.user))
            break;
    sms365_buf_free(&text);
    return code;
}
