/*
 * The administrator's command: what its commands share. A command says what it did with cli_say(), puts the same as
 * data into cli->out, and returns how it ended; nothing else writes to standard output.
 */
#ifndef SMS365_CLI_H
#define SMS365_CLI_H

#include "base/str.h"
#include "drive/provider.h"
#include "edges/keys.h"
#include "edges/users.h"
#include "pure/audit.h"
#include "pure/conf.h"
#include "sms365.h"

#include <cjson/cJSON.h>

enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1,     /* refused, or failed */
    CLI_USAGE = 2,      /* the command line or the configuration is at fault */
    CLI_UNREACHABLE = 3 /* the provider cannot be reached; nothing was sent, the same can be tried again */
};

struct cli {
    const char *conf_path; /* NULL: the default */
    bool json;
    cJSON *out; /* the one object that --json prints */
    struct sms365_conf conf;
    struct sms365_keys keys;
    struct sms365_provider provider;
};

struct cli_command {
    const char *group;     /* "key" of `key add`; NULL for a command of one word */
    const char *name;      /* may be several words */
    const char *arguments; /* as the usage line has them; NULL, and help too: the endpoint's, see family.h */
    const char *help;
    enum cli_exit (*run)(struct cli *cli, const struct cli_command *command, int argc, char **argv);
};

/* All of them, NULL at the end. */
extern const struct cli_command *const cli_tables[];

/* One table a file, each ending with an entry without a name. */
extern const struct cli_command cli_user_commands[];
extern const struct cli_command cli_key_commands[];
extern const struct cli_command cli_login_commands[];
extern const struct cli_command cli_message_commands[];
extern const struct cli_command cli_api_commands[];
extern const struct cli_command cli_family_commands[];
extern const struct cli_command cli_config_commands[];
extern const struct cli_command cli_session_commands[];
extern const struct cli_command cli_help_commands[];
extern const struct cli_command cli_completion_commands[];
extern const struct cli_command cli_listen_commands[]; /* where the build has it */

/* Key commands that have a file of their own. */
enum cli_exit cli_key_init(struct cli *cli, const struct cli_command *command, int argc, char **argv);
enum cli_exit cli_key_add(struct cli *cli, const struct cli_command *command, int argc, char **argv);
enum cli_exit cli_key_check(struct cli *cli, const struct cli_command *command, int argc, char **argv);
enum cli_exit cli_key_rotate(struct cli *cli, const struct cli_command *command, int argc, char **argv);

/* User commands that have a file of their own. */
enum cli_exit cli_user_add(struct cli *cli, const struct cli_command *command, int argc, char **argv);
enum cli_exit cli_user_backup_codes(struct cli *cli, const struct cli_command *command, int argc, char **argv);
enum cli_exit cli_user_confirm(struct cli *cli, const struct cli_command *command, int argc, char **argv);
enum cli_exit cli_user_export(struct cli *cli, const struct cli_command *command, int argc, char **argv);
enum cli_exit cli_user_import(struct cli *cli, const struct cli_command *command, int argc, char **argv);
enum cli_exit cli_user_sync(struct cli *cli, const struct cli_command *command, int argc, char **argv);
enum cli_exit cli_user_unlock(struct cli *cli, const struct cli_command *command, int argc, char **argv);

/* Other commands that have a file of their own. */
enum cli_exit cli_policy(struct cli *cli, const struct cli_command *command, int argc, char **argv);

/* --- help.c --- */

/* "key add NAME [--url URL]..." */
void cli_usage(struct sms365_buf *usage, const struct cli_command *command);
const char *cli_command_help(const struct cli_command *command);
/* The command's n-th word, from 0, and its length; NULL: it has fewer. */
const char *cli_command_word(const struct cli_command *command, int n, size_t *length);
/* How many of the first words name this command; 0: others. */
int cli_command_words(const struct cli_command *command, int argc, char **argv);
/* Is there a command of two words or more that begins with this one? */
bool cli_is_group(const char *word);
/* Tell of all commands. */
enum cli_exit cli_help(struct cli *cli);
/* Tell of the command or the commands that the words, or the first of them, name. */
enum cli_exit cli_help_of(struct cli *cli, int argc, char **argv);

/* --- args.c --- */

/* An option of a command: exactly one of the three places is set. */
struct cli_option {
    const char *name; /* "--url" */
    bool *flag;
    const char **value;
    struct cli_values *values; /* may be given several times */
};

#define CLI_VALUES_MAX 64

struct cli_values {
    const char *list[CLI_VALUES_MAX];
    size_t count;
};

/*
 * Take the options (ended by one without a name) out of argv; the other words move together, in order, and argc counts
 * them. `--` ends the options. least and most bound the number of words. False: the usage was told; return CLI_USAGE.
 */
bool cli_args(struct cli *cli, const struct cli_command *command, const struct cli_option *options, int *argc,
    char **argv, int least, int most);

/* The same, for a command whose options may have an empty value. */
struct cli_args {
    const struct cli_option *options;
    int argc;
    char **argv;
    bool empty;
};
bool cli_args_take(struct cli *cli, const struct cli_command *command, struct cli_args *args, int least, int most);

/* --- say.c --- */

/* A line for a person, on standard output; nothing with --json. Control characters are replaced. */
void cli_say(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for text of several lines, as it is but for control characters. */
void cli_say_text(const struct cli *cli, const char *text);
/* Something to know beside the result: on standard error, or among "notes" of the object. */
void cli_note(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The command failed: error names how ("usage", "not_found"), the text tells a person. Returns exit. */
enum cli_exit cli_fail(struct cli *cli, enum cli_exit exit, const char *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same from a library error; the exit follows from its code. */
enum cli_exit cli_fail_error(struct cli *cli, const struct sms365_error *err);
/* The command line is wrong: tells how the command is used. */
enum cli_exit cli_fail_usage(struct cli *cli, const struct cli_command *command, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Lines that are clean already, each with its end; nothing with --json. */
void cli_print(const struct cli *cli, const char *text);
/* "2026-01-31T10:00:00Z"; false when there is no such moment. */
#define CLI_MOMENT_SIZE 32
bool cli_moment(char out[CLI_MOMENT_SIZE], int64_t when_s);
/* Can this be written as a number of JSON as it is? */
bool cli_is_number(const char *text);
/* A decimal number goes as a number, everything else as a text; NULL is left out. */
void cli_put(cJSON *object, const char *name, const char *value);
/* Credits, "not told" or left out where they are NAN. The text is out's. */
#define CLI_AMOUNT_SIZE 32
const char *cli_amount_text(char out[CLI_AMOUNT_SIZE], double amount);
void cli_put_amount(cJSON *object, const char *name, double amount);
/* Print the object. False when standard output cannot take it. */
bool cli_flush(const struct cli *cli);

/* --- input.c --- */

/*
 * Read one line, without its end, from standard input: with a prompt (on standard error) when that is a terminal, and
 * without echo if secret. Bytes behind the line are left for the next call. False when there is none (end of input,
 * interrupted, a NUL in it, longer than size allows); err says which.
 */
bool cli_read_line(const char *prompt, bool secret, char *line, size_t size, struct sms365_error *err);
/* Everything up to the end of standard input; buf's cap bounds it. */
bool cli_read_all(struct sms365_buf *buf, struct sms365_error *err);
/* A text, from the command line or for "-" from standard input to its end. False: it was told; return CLI_USAGE. */
bool cli_read_text(struct cli *cli, struct sms365_buf *text, const char *word);
/* One line into memory of its own, the caller frees it. False: it was told; return CLI_USAGE. */
bool cli_read_value(struct cli *cli, const char *name, bool secret, struct sms365_secret *value);
/* Ask, "[y/N]" behind the question. */
bool cli_read_yes(const char *question);
/* A person sits in front of it. */
bool cli_interactive(void);

/* --- audit.c --- */

/* Begin the line about what was done to a user; fields may follow. */
void cli_audit_begin(const struct cli *cli, struct sms365_audit *line, const char *event, const char *user);
/* Write it to syslog, and free it. */
void cli_audit_end(struct sms365_audit *line);
/* --- session.c --- */

/* End the web sessions of a user (NULL: of all). NOT_FOUND: the web has no store here, and so no sessions. */
enum sms365_err cli_sessions_revoke(struct cli *cli, const char *user, struct sms365_error *err);

/* --- call.c --- */

/* Read the configuration; mistakes are told. False: it was told; return CLI_USAGE. */
bool cli_conf(struct cli *cli);
/* The same as a service sees it (NULL: no service). */
bool cli_conf_of(struct cli *cli, const char *service);
/*
 * The same for commands that look into the service's store: with web, or for the service of that name, it is the one
 * that nginx's workers keep. That one must be there: made by root, it would be of no use to them.
 */
bool cli_conf_of_store(struct cli *cli, const char *service, bool web);
/* Load the master key; the caller frees it. False: it was told; return CLI_USAGE. */
bool cli_master(struct cli *cli, struct sms365_secret *master);
/* Load the key store into cli->keys. Errors: those of sms365_master_load() and sms365_keys_load(). */
enum sms365_err cli_keys_load(struct cli *cli, struct sms365_error *err);
/* The same. False: it was told; return CLI_USAGE. */
bool cli_keys(struct cli *cli);
/* The key named (NULL: none was asked for). False: it was told; return CLI_FAILED. */
bool cli_key_choose(struct cli *cli, const char *name, const struct sms365_key **key);

/* A request, of the key given or (NULL) the one that fits. Errors are those of sms365_provider_call(). */
struct cli_request {
    enum sms365_endpoint_id endpoint;
    const struct sms365_param *params;
    size_t count;
    const struct sms365_key *key;
};
/* The same as the library has it; params are the caller's. */
struct sms365_provider_request cli_request_of(const struct cli *cli, const struct cli_request *request);
enum sms365_err cli_call(
    struct cli *cli, const struct cli_request *request, struct sms365_reply **reply, struct sms365_error *err);
enum sms365_err cli_call_raw(
    struct cli *cli, const struct cli_request *request, struct sms365_buf *body, struct sms365_error *err);

/* What the provider answered, as a tree that the caller deletes; keys in it only if reveal. NULL: no memory. */
cJSON *cli_reply_tree(const struct sms365_reply *reply, bool reveal);

#endif
