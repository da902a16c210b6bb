/* Many users at once: their numbers are checked, then merged into the users file. What user import and sync share. */
#ifndef SMS365_CLI_ROSTER_H
#define SMS365_CLI_ROSTER_H

#include "cli.h"
#include "seen.h"

#define CLI_TYPED_SIZE 48
#define CLI_TROUBLE_SIZE 640

/* A user with numbers as somebody typed them. */
struct cli_row {
    size_t line, last_line; /* of a file; 0: of none */
    char name[SMS365_USER_NAME_SIZE];
    char typed[SMS365_USER_NUMBERS_MAX][CLI_TYPED_SIZE];
    size_t count;
};

/* The user's name as the system has it (force: as it stands). Otherwise false, and what is wrong. */
bool cli_row_name(struct cli *cli, struct cli_row *row, bool force, char trouble[CLI_TROUBLE_SIZE]);
/* Add a number to a row, blanks at its ends cut. Otherwise false, and what is wrong. */
bool cli_row_number(const struct cli *cli, struct cli_row *row, const char *typed, char trouble[CLI_TROUBLE_SIZE]);

/* --- roster_check.c --- */

struct cli_checks {
    void *context;
    /* The next row whose numbers are to be checked. False: there is none. */
    bool (*next)(void *context, struct cli_row *row);
    /* A number was answered for. */
    void (*step)(void *context);
    /* What came of a row, in the order of next: the user, or trouble. Errors end it all. */
    enum sms365_err (*done)(void *context, const struct cli_row *row, const struct sms365_user *user,
        const char *trouble, struct sms365_error *err);
};

/* Ask the provider about every number, with many requests at a time. Errors: those that are nobody's number's fault;
 * UNREACHABLE. */
enum sms365_err cli_rows_check(struct cli *cli, const struct cli_checks *checks, struct sms365_error *err);

/* --- roster_there.c --- */

/* Users of the users file, with their numbers: the caller frees it. Errors: those of sms365_users_each(); NO_MEMORY. */
enum sms365_err cli_there_read(struct cli_seen *there, const char *users_file, struct sms365_error *err);
/* Does the user stand there with just these numbers? */
bool cli_there_has(struct cli_seen *there, const struct cli_row *row);
/* Looking numbers up costs money: yes, or somebody at the terminal, accepts it. False: it was told. */
bool cli_lookups_accepted(struct cli *cli, size_t numbers, bool yes, enum cli_exit *exit);

/* --- roster_merge.c --- */

struct cli_roster {
    struct cli *cli;
    const struct cli_values *confirm; /* users whose numbers may change */
    bool preview;                     /* show what is new, and ask; accounts of the system need to be confirmed */
    bool yes;                         /* do not ask about what is new */
    bool no_notice;
    /* The users, as sms365_users_merge() takes them. */
    void *context;
    enum sms365_err (*rewind)(void *context, struct sms365_error *err);
    enum sms365_err (*next)(void *context, struct sms365_user *user, struct sms365_error *err);
    size_t added, changed, same, kept; /* what came of it */
    size_t signed_in;                  /* users whose web sessions could not be ended */
};

/* Merge: users that are there with other numbers are shown, and change when they were confirmed or somebody says so. */
enum cli_exit cli_roster_merge(struct cli_roster *roster);

/* Tell what came of it; passed: users who were as before, and not given to it. */
void cli_roster_tell(const struct cli_roster *roster, size_t passed);
/* How it ended: fails where users were left as before, or signed in. */
enum cli_exit cli_roster_end(const struct cli_roster *roster);

/* Somebody says yes; false without asking when nobody is there. */
bool cli_roster_asked(const char *question);

#endif
