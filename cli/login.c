/* sms365 login: the whole challenge at the terminal, as PAM would run it. */
#include "base/err.h"
#include "cli.h"
#include "drive/instance.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#define SERVICE_DEFAULT "sms365"

static bool login_ask(void *context, const char *prompt, bool secret, char *answer, size_t size)
{
    struct cli *cli = context;
    struct sms365_error err = {0};

    /* Whoever pipes the answer in gets the prompt as a line of its own. */
    if (!cli_interactive())
        cli_say(cli, "%s", prompt);
    if (cli_read_line(prompt, secret, answer, size, &err))
        return true;
    cli_note(cli, "%s", err.text);
    return false;
}

static void login_tell(void *context, const char *text)
{
    cli_say(context, "%s", text);
}

/* A login is audited wherever it happens; the terminal shows what is broken. */
static void login_log(void *context, int priority, const char *text)
{
    syslog(LOG_MAKEPRI(LOG_AUTHPRIV, priority), "%s", text);
    if (priority <= LOG_ERR)
        cli_note(context, "%s", text);
}

static enum cli_exit outcome_tell(struct cli *cli, const struct sms365_outcome *outcome)
{
    static const char *const verdicts[] = {
        [SMS365_DENY] = "deny", [SMS365_ALLOW] = "allow", [SMS365_BYPASS] = "bypass"};
    const char *name = sms365_reason_name(outcome->reason);
    const char *text = sms365_reason_text(outcome->reason);

    (void)cJSON_AddStringToObject(cli->out, "verdict", verdicts[outcome->verdict]);
    (void)cJSON_AddStringToObject(cli->out, "reason", name);
    (void)cJSON_AddNumberToObject(cli->out, "tries_left", outcome->tries_left);
    (void)cJSON_AddNumberToObject(cli->out, "retry_after_s", (double)outcome->retry_after_s);
    if (outcome->verdict != SMS365_DENY) {
        cli_say(cli, "%s: %s.", outcome->verdict == SMS365_ALLOW ? "Allowed" : "Let in without a code", text);
        return CLI_DONE;
    }
    const enum cli_exit exit = outcome->reason == SMS365_REASON_UNREACHABLE       ? CLI_UNREACHABLE
                               : outcome->reason == SMS365_REASON_CONFIG_UNUSABLE ? CLI_USAGE
                                                                                  : CLI_FAILED;
    if (outcome->retry_after_s > 0)
        return cli_fail(cli, exit, name, "denied: %s; it lets go in %lld s", text, (long long)outcome->retry_after_s);
    if (outcome->tries_left > 0)
        return cli_fail(cli, exit, name, "denied: %s (tries left: %d; run the same again from this terminal)", text,
            outcome->tries_left);
    return cli_fail(cli, exit, name, "denied: %s", text);
}

static enum cli_exit login_run(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    const char *service = NULL;
    const struct cli_option arguments[] = {{"--service", NULL, &service, NULL}, {NULL, NULL, NULL, NULL}};
    const struct sms365_dialogue dialogue = {login_ask, login_tell, cli};
    struct sms365_outcome outcome;
    struct sms365_error err = {0};
    struct sms365 *instance = NULL;

    if (!cli_args(cli, command, arguments, &argc, argv, 1, 1))
        return CLI_USAGE;
    if (service == NULL)
        service = SERVICE_DEFAULT;
    const struct sms365_options options = {
        .conf = cli->conf_path, .service = service, .log = login_log, .log_context = cli};
    openlog("sms365", LOG_PID, LOG_AUTHPRIV);
    if (sms365_instance_open(&instance, &options, SMS365_FRONT_PAM, &err) != SMS365_OK) {
        (void)cli_fail_error(cli, &err);
        return CLI_USAGE;
    }
    const struct passwd *entry = getpwnam(argv[0]);
    if (entry == NULL) {
        sms365_close(instance);
        return cli_fail(cli, CLI_FAILED, "no_such_user", "there is no user %s on this system", argv[0]);
    }
    /* Only root can read the keys: whoever got this far is the administrator, and that is the first factor. */
    const struct sms365_subject subject = {
        .user = entry->pw_name,
        .service = service,
        .known = true,
        .first_factor = true,
    };
    const enum sms365_err code = sms365_login(instance, &subject, &dialogue, &outcome, &err);
    const enum cli_exit exit = code == SMS365_OK ? outcome_tell(cli, &outcome) : cli_fail_error(cli, &err);
    sms365_close(instance);
    return exit;
}

const struct cli_command cli_login_commands[] = {
    {NULL, "login", "USER [--service S]", "Run a whole challenge at this terminal: send a code, ask for it, check it",
        login_run},
    {NULL, NULL, NULL, NULL, NULL},
};
