/* sms365 send, check, balance: the provider's everyday requests. */
#include "base/err.h"
#include "drive/typed.h"
#include "family.h"
#include "pure/msisdn.h"
#include "pure/sms.h"

#include <string.h>

#define TEXT_BYTES_MAX 6400 /* the provider's 1,600 characters, four bytes each */
#define CODE_SIZE 64
#define DIGITS "0123456789"

/* Read keys, and choose the one asked for. False: it was told; *exit. */
static bool keys_ready(struct cli *cli, const char *name, const struct sms365_key **key, enum cli_exit *exit)
{
    *exit = CLI_USAGE;
    if (!cli_conf(cli) || !cli_keys(cli))
        return false;
    *exit = CLI_FAILED;
    return cli_key_choose(cli, name, key);
}

static void sent_tell(
    struct cli *cli, const char *to, const struct sms365_sms_size *sms, const struct sms365_sent *sent)
{
    const char *const texts[][2] = {{"to", to}, {"smsId", sent->id}, {"mcc", sent->mcc}, {"mnc", sent->mnc}};
    char masked[32], cost[CLI_AMOUNT_SIZE], balance[CLI_AMOUNT_SIZE];

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i][1][0] != '\0')
            (void)cJSON_AddStringToObject(cli->out, texts[i][0], texts[i][1]);
    cli_put_amount(cli->out, "cost", sent->cost);
    cli_put_amount(cli->out, "balance", sent->balance);
    (void)cJSON_AddNumberToObject(cli->out, "parts", (double)sms->parts);
    sms365_msisdn_mask(masked, to);
    cli_say(cli, "Sent to %s in %zu part%s%s: id %s, cost %s, balance %s.", masked, sms->parts,
        sms->parts == 1 ? "" : "s", sms->ucs ? " (Unicode)" : "", sent->id[0] == '\0' ? "not told" : sent->id,
        cli_amount_text(cost, sent->cost), cli_amount_text(balance, sent->balance));
}

static enum cli_exit message_send(
    struct cli *cli, const struct sms365_message *message, const struct sms365_key *key, bool yes)
{
    const struct sms365_param params[] = {{"to", message->to}, {"text", message->text}};
    const struct cli_request request = {SMS365_EP_SMS_SEND, params, 2, key};
    struct sms365_sms_size sms = {.parts = 0};
    struct sms365_sent sent;
    struct sms365_error err = {0};

    if (!sms365_sms_measure(message->text, &sms) || message->text[0] == '\0')
        return cli_fail(cli, CLI_USAGE, "bad_argument", "the text is empty, or not UTF-8");
    if (!cli_cost_accepted(cli, &request, yes))
        return cli_fail(cli, CLI_FAILED, "not_confirmed", "nothing was done");
    const enum sms365_err code = sms365_ask_send(&cli->provider, key, SMS365_EP_SMS_SEND, message, &sent, &err);
    if (code == SMS365_OK)
        sent_tell(cli, message->to, &sms, &sent);
    else if (code == SMS365_REPLY_LOST || code == SMS365_BAD_REPLY)
        return cli_fail(cli, CLI_FAILED, code == SMS365_REPLY_LOST ? "reply_lost" : "bad_reply",
            "the message may have been sent, and is not sent again: %s", err.text);
    return code == SMS365_OK ? CLI_DONE : cli_fail_error(cli, &err);
}

static enum cli_exit send_run(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    const char *from = NULL;
    const char *name = NULL;
    bool yes = false;
    const struct cli_option options[] = {{"--from", NULL, &from, NULL}, {"--key", NULL, &name, NULL},
        {"--yes", &yes, NULL, NULL}, {NULL, NULL, NULL, NULL}};
    const struct sms365_key *key = NULL;
    char to[SMS365_MSISDN_SIZE];
    struct sms365_buf text;
    enum cli_exit exit = CLI_USAGE;

    if (!cli_args(cli, command, options, &argc, argv, 2, 2))
        return CLI_USAGE;
    if (!sms365_msisdn_parse(to, argv[0]))
        return cli_fail(cli, CLI_USAGE, "bad_argument",
            "%s is no number in international form: 8 to 15 digits, country code first, for example 306971234567",
            argv[0]);
    sms365_buf_init(&text, TEXT_BYTES_MAX);
    if (cli_read_text(cli, &text, argv[1]) && keys_ready(cli, name, &key, &exit)) {
        const struct sms365_message message = {to, sms365_buf_text(&text), from == NULL ? cli->conf.from : from};
        exit = message_send(cli, &message, key, yes);
    }
    sms365_buf_free(&text);
    return exit;
}

static enum cli_exit code_check(struct cli *cli, const char *id, const char *code, const struct sms365_key *key)
{
    struct sms365_error err = {0};
    bool accepted;

    if (sms365_ask_2fa_check(&cli->provider, key, id, code, &accepted, &err) != SMS365_OK)
        return cli_fail_error(cli, &err);
    (void)cJSON_AddBoolToObject(cli->out, "accepted", accepted);
    if (!accepted)
        return cli_fail(cli, CLI_FAILED, "wrong_code", "the code is wrong");
    cli_say(cli, "The code is right.");
    return CLI_DONE;
}

static enum cli_exit check_run(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    const char *name = NULL;
    const struct cli_option options[] = {{"--key", NULL, &name, NULL}, {NULL, NULL, NULL, NULL}};
    const struct sms365_key *key = NULL;
    struct sms365_error err = {0};
    char line[CODE_SIZE];
    enum cli_exit exit = CLI_USAGE;

    if (!cli_args(cli, command, options, &argc, argv, 1, 1) || !keys_ready(cli, name, &key, &exit))
        return exit;
    if (!cli_read_line("Code: ", false, line, sizeof line, &err))
        return cli_fail(cli, CLI_USAGE, "bad_argument", "the code is read from standard input: %s", err.text);
    const char *code = sms365_str_trim(line);
    if (code[0] == '\0' || strspn(code, DIGITS) != strlen(code))
        exit = cli_fail(cli, CLI_USAGE, "not_a_code", "a code has digits only; nothing was sent");
    else
        exit = code_check(cli, argv[0], code, key);
    sms365_wipe(line, sizeof line);
    return exit;
}

/* For monitoring: one line that says it all, and the exit status. */
static enum cli_exit balance_check(struct cli *cli, double balance)
{
    const int least = (int)cli->conf.low_balance;
    const bool low = least > 0 && balance < least;

    (void)cJSON_AddNumberToObject(cli->out, "low_balance", least);
    (void)cJSON_AddBoolToObject(cli->out, "low", low);
    cli_say(cli, low ? "Balance: %.15g, low: below %d" : "Balance: %.15g, not below %d", balance, least);
    if (low && cli->json)
        return cli_fail(cli, CLI_FAILED, "low_balance", "the balance is %.15g, below %d", balance, least);
    return low ? CLI_FAILED : CLI_DONE;
}

static enum cli_exit balance_run(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    const char *name = NULL;
    bool check = false;
    const struct cli_option options[] = {
        {"--key", NULL, &name, NULL}, {"--check", &check, NULL, NULL}, {NULL, NULL, NULL, NULL}};
    const struct sms365_key *key = NULL;
    struct sms365_error err = {0};
    enum cli_exit exit = CLI_USAGE;
    double balance;

    if (!cli_args(cli, command, options, &argc, argv, 0, 0) || !keys_ready(cli, name, &key, &exit))
        return exit;
    if (sms365_ask_me_balance(&cli->provider, key, &balance, &err) != SMS365_OK)
        return cli_fail_error(cli, &err);
    cli_put_amount(cli->out, "balance", balance);
    if (check)
        return balance_check(cli, balance);
    cli_say(cli, "Balance: %.15g", balance);
    return CLI_DONE;
}

const struct cli_command cli_message_commands[] = {
    {NULL, "send", "NUMBER TEXT|- [--from SENDER] [--key NAME] [--yes]",
        "Send a text message; - takes the text from standard input", send_run},
    {NULL, "check", "AUTHID [--key NAME]", "Ask whether a code, read from standard input, is the one that was sent",
        check_run},
    {"2fa", "check", "AUTHID [--key NAME]", "The same", check_run},
    {NULL, "balance", "[--check] [--key NAME]", "Tell the balance of the account, and whether it is low", balance_run},
    {NULL, NULL, NULL, NULL, NULL},
};
