/* sms365 user unlock: an administrator's word that a user's failures were no guessing, or that it is over. */
#include "base/err.h"
#include "guard.h"

#include <string.h>

struct lifted {
    bool locked;
    int64_t lockout_ms;
    size_t failed_tries;
    unsigned failed_challenges; /* in a row */
    int64_t wrong_backup_codes;
};

static bool lifted_any(const struct lifted *lifted)
{
    return lifted->locked || lifted->failed_tries > 0 || lifted->failed_challenges > 0 ||
           lifted->wrong_backup_codes > 0;
}

static bool unlock_edit(void *context, struct cli_record *record, const struct sms365_limits *limits)
{
    struct lifted *lifted = context;

    *lifted = (struct lifted){.locked = false};
    for (size_t i = 0; i < SMS365_SHARES; i++) {
        struct sms365_share *share = &record->state.shares[i];
        const int64_t lockout_ms = sms365_share_lockout_ms(share, &limits->guard, &record->now);
        lifted->locked = lifted->locked || share->locked;
        lifted->lockout_ms = lockout_ms > lifted->lockout_ms ? lockout_ms : lifted->lockout_ms;
        lifted->failed_tries += share->fail_count;
        lifted->failed_challenges += share->row;
        lifted->wrong_backup_codes += share->backups.count;
        sms365_share_unlock(share);
    }
    return lifted_any(lifted);
}

static void unlock_log(const struct cli *cli, const char *user, const struct lifted *lifted)
{
    struct sms365_audit line;

    cli_audit_begin(cli, &line, "unlock", user);
    sms365_audit_word(&line, "locked", lifted->locked ? "yes" : "no");
    sms365_audit_number(&line, "failed_tries", (int64_t)lifted->failed_tries);
    sms365_audit_number(&line, "wrong_backup_codes", lifted->wrong_backup_codes);
    cli_audit_end(&line);
}

static void unlock_tell(struct cli *cli, const char *user, const struct lifted *lifted)
{
    struct sms365_buf what;
    cJSON *object = cJSON_AddObjectToObject(cli->out, "lifted");

    (void)cJSON_AddBoolToObject(object, "locked", lifted->locked);
    (void)cJSON_AddNumberToObject(object, "lockout_s", (double)cli_seconds(lifted->lockout_ms));
    (void)cJSON_AddNumberToObject(object, "failed_tries", (double)lifted->failed_tries);
    (void)cJSON_AddNumberToObject(object, "wrong_backup_codes", (double)lifted->wrong_backup_codes);
    if (!lifted_any(lifted)) {
        cli_say(cli, "%s was not locked: there was nothing to lift.", user);
        return;
    }
    sms365_buf_init(&what, 256);
    if (lifted->locked)
        sms365_buf_puts(&what, "the lock, ");
    if (lifted->lockout_ms > 0)
        sms365_buf_printf(&what, "the lockout of another %lld s, ", cli_seconds(lifted->lockout_ms));
    sms365_buf_printf(&what, "%zu failed %s", lifted->failed_tries, lifted->failed_tries == 1 ? "try" : "tries");
    if (lifted->wrong_backup_codes > 0)
        sms365_buf_printf(&what, ", %lld wrong backup code%s", (long long)lifted->wrong_backup_codes,
            lifted->wrong_backup_codes == 1 ? "" : "s");
    cli_say(cli, "Lifted for %s: %s.", user, sms365_buf_text(&what));
    sms365_buf_free(&what);
    unlock_log(cli, user, lifted);
}

/* A name that has neither a record nor a number was mistyped. *known is set when it can be told. */
static enum sms365_err user_known(
    struct cli *cli, struct cli_guard *guard, const char *name, bool *known, struct sms365_error *err)
{
    struct cli_record record;
    struct sms365_user user;
    enum sms365_err code = cli_guard_read(guard, name, &record, err);

    *known = code == SMS365_OK && record.version != 0;
    if (code != SMS365_OK || *known)
        return code;
    code = sms365_users_find(&user, cli->conf.users_file, name, NULL, err);
    *known = code == SMS365_OK;
    return code == SMS365_NOT_FOUND ? SMS365_OK : code;
}

enum cli_exit cli_user_unlock(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    const char *service = NULL;
    bool web = false;
    const struct cli_option options[] = {
        {"--for", NULL, &service, NULL}, {"--web", &web, NULL, NULL}, {NULL, NULL, NULL, NULL}};
    struct cli_guard guard;
    struct lifted lifted = {.locked = false};
    struct sms365_error err = {0};
    bool known = false;

    if (!cli_args(cli, command, options, &argc, argv, 1, 1) || !cli_conf_of_store(cli, service, web))
        return CLI_USAGE;
    if (!cli_guard_enter(cli, &guard))
        return CLI_USAGE;
    enum sms365_err code = user_known(cli, &guard, argv[0], &known, &err);
    if (code == SMS365_OK && known)
        code = cli_guard_change(&guard, argv[0], unlock_edit, &lifted, &err);
    cli_guard_close(&guard);
    if (code != SMS365_OK)
        return cli_fail_error(cli, &err);
    if (!known)
        return cli_fail(cli, CLI_FAILED, "not_found", "there is no user %s; see: sms365 user list", argv[0]);
    (void)cJSON_AddStringToObject(cli->out, "user", argv[0]);
    unlock_tell(cli, argv[0], &lifted);
    return CLI_DONE;
}
