/* sms365 send, check, balance: the provider's everyday requests. */
#include "base/err.h"
#include "cli.h"
#include "pure/msisdn.h"
#include "pure/number.h"
#include "pure/sms.h"
#include "pure/tally.h"

#include <string.h>

#define TEXT_BYTES_MAX 6400 /* the provider's 1,600 characters, four bytes each */
#define CODE_SIZE 64
#define DIGITS "0123456789"
#define BALANCE_DIGITS_MAX 9 /* before the point: more is not low, whatever the limit */

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
    struct cli *cli, const char *to, const struct sms365_sms_size *sms, const struct sms365_reply *reply)
{
    static const char *const fields[] = {"cost", "balance", "mcc", "mnc"};
    char masked[32];
    const char *id = sms365_reply_get(reply, "smsId");
    const char *cost = sms365_reply_get(reply, "cost");
    const char *balance = sms365_reply_get(reply, "balance");

    if (id == NULL)
        id = sms365_reply_get(reply, "id");
    (void)cJSON_AddStringToObject(cli->out, "to", to);
    if (id != NULL)
        (void)cJSON_AddStringToObject(cli->out, "smsId", id);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        /* Codes are texts, with zeros in front; amounts are numbers. */
        if (i < 2)
            cli_put(cli->out, fields[i], sms365_reply_get(reply, fields[i]));
        else if (sms365_reply_get(reply, fields[i]) != NULL)
            (void)cJSON_AddStringToObject(cli->out, fields[i], sms365_reply_get(reply, fields[i]));
    (void)cJSON_AddNumberToObject(cli->out, "parts", (double)sms->parts);
    sms365_msisdn_mask(masked, to);
    cli_say(cli, "Sent to %s in %zu part%s%s: id %s, cost %s, balance %s.", masked, sms->parts,
        sms->parts == 1 ? "" : "s", sms->ucs ? " (Unicode)" : "", id == NULL ? "not told" : id,
        cost == NULL ? "not told" : cost, balance == NULL ? "not told" : balance);
}

static enum cli_exit message_send(
    struct cli *cli, const char *to, const char *text, const char *from, const struct sms365_key *key)
{
    struct sms365_sms_size sms = {.parts = 0};
    struct sms365_reply *reply = NULL;
    struct sms365_error err = {0};

    if (!sms365_sms_measure(text, &sms) || text[0] == '\0')
        return cli_fail(cli, CLI_USAGE, "bad_argument", "the text is empty, or not UTF-8");
    const struct sms365_param params[] = {
        {"to", to}, {"text", text}, {"ucs", sms.ucs ? "true" : "false"}, {"from", from}};
    const struct cli_request request = {SMS365_EP_SMS_SEND, params, from[0] == '\0' ? 3 : 4, key};
    const enum sms365_err code = cli_call(cli, &request, &reply, &err);
    enum cli_exit exit = CLI_DONE;
    if (code == SMS365_OK)
        sent_tell(cli, to, &sms, reply);
    else if (code == SMS365_REPLY_LOST || code == SMS365_BAD_REPLY)
        exit = cli_fail(cli, CLI_FAILED, code == SMS365_REPLY_LOST ? "reply_lost" : "bad_reply",
            "the message may have been sent, and is not sent again: %s", err.text);
    else
        exit = cli_fail_reply(cli, reply, &err);
    sms365_reply_free(reply);
    return exit;
}

static enum cli_exit send_run(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    const char *from = NULL;
    const char *name = NULL;
    const struct cli_option options[] = {
        {"--from", NULL, &from, NULL}, {"--key", NULL, &name, NULL}, {NULL, NULL, NULL, NULL}};
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
    if (cli_read_text(cli, &text, argv[1]) && keys_ready(cli, name, &key, &exit))
        exit = message_send(cli, to, sms365_buf_text(&text), from == NULL ? cli->conf.from : from, key);
    sms365_buf_free(&text);
    return exit;
}

/* Accepted is status 1 and error 0 (that is SMS365_OK) and auth exactly ok; everything else is not. */
static enum cli_exit code_check(struct cli *cli, const char *id, const char *code, const struct sms365_key *key)
{
    const struct sms365_param params[] = {{"authId", id}, {"code", code}};
    const struct cli_request request = {SMS365_EP_2FA_CHECK, params, 2, key};
    struct sms365_reply *reply = NULL;
    struct sms365_error err = {0};
    enum cli_exit exit = CLI_DONE;

    if (cli_call(cli, &request, &reply, &err) != SMS365_OK) {
        exit = cli_fail_reply(cli, reply, &err);
    } else {
        const char *auth = sms365_reply_get(reply, "auth");
        const bool accepted = auth != NULL && strcmp(auth, "ok") == 0;
        (void)cJSON_AddBoolToObject(cli->out, "accepted", accepted);
        if (accepted)
            cli_say(cli, "The code is right.");
        else
            exit = cli_fail(cli, CLI_FAILED, "wrong_code", "the code is wrong");
    }
    sms365_reply_free(reply);
    return exit;
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

/* Thousandths of a credit. False when the text is no amount. */
static bool balance_parse(const char *text, int64_t *balance)
{
    const bool negative = text[0] == '-';
    const char *amount = text + negative;
    const size_t whole = strspn(amount, DIGITS);
    const char *rest = amount + whole;

    if (whole == 0 || (rest[0] == '.' && (rest[1] == '\0' || rest[1 + strspn(rest + 1, DIGITS)] != '\0')) ||
        (rest[0] != '.' && rest[0] != '\0'))
        return false;
    if (whole > BALANCE_DIGITS_MAX)
        *balance = INT64_MAX;
    else
        *balance = sms365_cost_parse(amount);
    if (negative)
        *balance = -*balance;
    return true;
}

/* For monitoring: one line that says it all, and the exit status. */
static enum cli_exit balance_check(struct cli *cli, const char *text)
{
    const long long least = (long long)cli->conf.low_balance;
    int64_t balance;

    if (!balance_parse(text, &balance))
        return cli_fail(cli, CLI_FAILED, "bad_reply", "the balance in the provider's reply is no amount");
    const bool low = least > 0 && balance < least * SMS365_COST_UNIT;
    (void)cJSON_AddNumberToObject(cli->out, "low_balance", (double)least);
    (void)cJSON_AddBoolToObject(cli->out, "low", low);
    cli_say(cli, low ? "Balance: %s, low: below %lld" : "Balance: %s, not below %lld", text, least);
    if (low && cli->json)
        return cli_fail(cli, CLI_FAILED, "low_balance", "the balance is %s, below %lld", text, least);
    return low ? CLI_FAILED : CLI_DONE;
}

static enum cli_exit balance_run(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    const char *name = NULL;
    bool check = false;
    const struct cli_option options[] = {
        {"--key", NULL, &name, NULL}, {"--check", &check, NULL, NULL}, {NULL, NULL, NULL, NULL}};
    struct cli_request request = {SMS365_EP_ME_BALANCE, NULL, 0, NULL};
    struct sms365_reply *reply = NULL;
    struct sms365_error err = {0};
    enum cli_exit exit = CLI_USAGE;

    if (!cli_args(cli, command, options, &argc, argv, 0, 0) || !keys_ready(cli, name, &request.key, &exit))
        return exit;
    exit = CLI_DONE;
    if (cli_call(cli, &request, &reply, &err) != SMS365_OK) {
        exit = cli_fail_reply(cli, reply, &err);
    } else {
        const char *balance = sms365_reply_get(reply, "balance");
        cli_put(cli->out, "balance", balance);
        if (balance == NULL)
            exit = cli_fail(cli, CLI_FAILED, "bad_reply", "the provider's reply holds no balance");
        else if (check)
            exit = balance_check(cli, balance);
        else
            cli_say(cli, "Balance: %s", balance);
    }
    sms365_reply_free(reply);
    return exit;
}

const struct cli_command cli_message_commands[] = {
    {NULL, "send", "NUMBER TEXT|- [--from SENDER] [--key NAME]",
        "Send a text message; - takes the text from standard input", send_run},
    {NULL, "check", "AUTHID [--key NAME]", "Ask whether a code, read from standard input, is the one that was sent",
        check_run},
    {"2fa", "check", "AUTHID [--key NAME]", "The same", check_run},
    {NULL, "balance", "[--check] [--key NAME]", "Tell the balance of the account, and whether it is low", balance_run},
    {NULL, NULL, NULL, NULL, NULL},
};
