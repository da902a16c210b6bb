/* sms365 user backup-codes: codes on paper, for when no message arrives. */
#include "base/err.h"
#include "edges/process.h"
#include "guard.h"

#include <string.h>
#include <unistd.h>

/* A set that was made, and what it took the place of. */
struct fresh_set {
    struct sms365_backup backup;
    int replaced; /* codes of the old set that were still good */
};

static bool backup_edit(void *context, struct cli_record *record, const struct sms365_limits *limits)
{
    struct fresh_set *set = context;

    (void)limits;
    set->replaced = sms365_backup_left(&record->state.backup);
    record->state.backup = set->backup;
    return true;
}

static enum sms365_err set_make(struct cli_guard *guard, const char *user, struct fresh_set *set,
    char texts[SMS365_BACKUP_CODES][SMS365_BACKUP_TEXT_SIZE], struct sms365_error *err)
{
    uint8_t seed[SMS365_BACKUP_SEED_BYTES];

    enum sms365_err code = sms365_random(seed, sizeof seed, err);
    if (code == SMS365_OK && !sms365_backup_make(&set->backup, texts, seed, &guard->holder_key))
        code = sms365_error_set(err, SMS365_CRYPTO, "the backup codes could not be hashed");
    sms365_wipe(seed, sizeof seed);
    if (code == SMS365_OK)
        code = cli_guard_change(guard, user, backup_edit, set, err);
    return code;
}

static void set_log(const struct cli *cli, const char *user, const char *service, const struct fresh_set *set)
{
    struct sms365_audit line;

    cli_audit_begin(cli, &line, "backup_codes", user);
    sms365_audit_text(&line, "service", service == NULL ? "" : service);
    sms365_audit_number(&line, "made", set->backup.count);
    sms365_audit_number(&line, "replaced", set->replaced);
    cli_audit_end(&line);
}

static void set_tell(struct cli *cli, const char *user, const struct fresh_set *set,
    char texts[SMS365_BACKUP_CODES][SMS365_BACKUP_TEXT_SIZE])
{
    cJSON *list = cJSON_AddArrayToObject(cli->out, "codes");

    (void)cJSON_AddNumberToObject(cli->out, "left", set->backup.count);
    (void)cJSON_AddNumberToObject(cli->out, "replaced", set->replaced);
    cli_say(cli, "Backup codes of %s, each good for one login (b at the prompt):", user);
    for (size_t i = 0; i < SMS365_BACKUP_CODES; i++) {
        (void)cJSON_AddItemToArray(list, cJSON_CreateString(texts[i]));
        cli_say(cli, "  %s", texts[i]);
    }
    if (set->replaced > 0)
        cli_say(cli, "The %d code%s left of the old set %s good no more.", set->replaced, set->replaced == 1 ? "" : "s",
            set->replaced == 1 ? "is" : "are");
    if (isatty(STDOUT_FILENO))
        cli_note(cli, "they are shown this once: write them on paper, keep it where the phone is not, and clear this "
                      "screen; whoever reads them gets in without the phone");
}

static enum cli_exit backup_make(struct cli *cli, struct cli_guard *guard, const char *user, const char *service)
{
    char texts[SMS365_BACKUP_CODES][SMS365_BACKUP_TEXT_SIZE];
    struct fresh_set set = {.replaced = 0};
    struct sms365_error err = {0};
    enum cli_exit exit = CLI_DONE;

    if (set_make(guard, user, &set, texts, &err) == SMS365_OK) {
        set_log(cli, user, service, &set);
        set_tell(cli, user, &set, texts);
    } else {
        exit = cli_fail_error(cli, &err);
    }
    sms365_wipe(texts, sizeof texts);
    sms365_wipe(&set, sizeof set);
    return exit;
}

static enum cli_exit backup_left(struct cli *cli, struct cli_guard *guard, const char *user)
{
    struct cli_record record;
    struct sms365_error err = {0};

    if (cli_guard_read(guard, user, &record, &err) != SMS365_OK)
        return cli_fail_error(cli, &err);
    const int left = sms365_backup_left(&record.state.backup);
    (void)cJSON_AddNumberToObject(cli->out, "left", left);
    (void)cJSON_AddNumberToObject(cli->out, "made", record.state.backup.count);
    cli_say(cli, "%s has %d backup code%s left.", user, left, left == 1 ? "" : "s");
    return CLI_DONE;
}

enum cli_exit cli_user_backup_codes(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    const char *service = NULL;
    bool left = false, web = false;
    const struct cli_option options[] = {{"--for", NULL, &service, NULL}, {"--web", &web, NULL, NULL},
        {"--left", &left, NULL, NULL}, {NULL, NULL, NULL, NULL}};
    struct cli_guard guard;
    struct sms365_user user;
    struct sms365_error err = {0};

    if (!cli_args(cli, command, options, &argc, argv, 1, 1) || !cli_conf_of_store(cli, service, web))
        return CLI_USAGE;
    /* Who has no number is denied before anything is asked: codes would be of no use. */
    if (sms365_users_find(&user, cli->conf.users_file, argv[0], NULL, &err) != SMS365_OK)
        return cli_fail_error(cli, &err);
    if (!cli_guard_enter(cli, &guard))
        return CLI_USAGE;
    (void)cJSON_AddStringToObject(cli->out, "user", user.name);
    if (service != NULL)
        (void)cJSON_AddStringToObject(cli->out, "service", service);
    (void)cJSON_AddStringToObject(cli->out, "store", cli->conf.store_dir);
    const enum cli_exit exit =
        left ? backup_left(cli, &guard, user.name) : backup_make(cli, &guard, user.name, service);
    cli_guard_close(&guard);
    return exit;
}
