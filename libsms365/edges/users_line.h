/* Lines of the users file: what its readers (users.c) and its writer (users_merge.c) share. */
#ifndef SMS365_USERS_LINE_H
#define SMS365_USERS_LINE_H

#include "edges/users.h"

#define SMS365_USERS_FILE_MAX ((size_t)8 << 20) /* bytes: some 100,000 users */
#define SMS365_USERS_LINE_MAX (SMS365_USER_NAME_SIZE + SMS365_USER_NUMBERS_MAX * SMS365_USERS_NUMBER_MAX)
#define SMS365_USERS_NUMBER_MAX 80 /* of one number with all that is told of it */

/* One line of the file: begin and end (without the newline) in the text, and what it says. */
struct sms365_users_line {
    int number;
    const char *begin;
    const char *end;
    bool blank; /* a comment, or nothing */
    struct sms365_user user;
};

enum sms365_err sms365_users_read(struct sms365_buf *text, const char *path, struct sms365_error *err);

/* Step to the next line of text; begin with line->end NULL. */
bool sms365_users_line_next(struct sms365_users_line *line, const struct sms365_buf *text);

/* What line->begin to line->end says. NULL, or what is wrong. */
const char *sms365_users_line_parse(struct sms365_users_line *line);

/* Append what stands behind a user's colon: a blank before each number. */
void sms365_users_numbers_write(struct sms365_buf *out, const struct sms365_user *user);

/*
 * Read every line, good or bad. wanted (may be NULL) is looked for: *found gets it, with its line; twice the same name
 * is a mistake, since nobody can tell which numbers are meant. *users counts the lines that hold a user.
 */
enum sms365_err sms365_users_text_check(const struct sms365_buf *text, const char *path, const char *wanted,
    struct sms365_users_line *found, size_t *users, struct sms365_buf *problems, struct sms365_error *err);

#endif
