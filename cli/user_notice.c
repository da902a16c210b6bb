/* A changed number is announced to the old one: whoever changed it unasked is noticed. */
#include "base/err.h"
#include "drive/typed.h"
#include "pure/text.h"
#include "user.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME_SHOWN 24 /* bytes of a user's and a host's name; the message stays short */
#define NOTICE_SIZE 512

static bool has_number(const struct sms365_user *user, const char *msisdn)
{
    for (size_t i = 0; i < user->count; i++)
        if (strcmp(user->numbers[i].msisdn, msisdn) == 0)
            return true;
    return false;
}

/* A name's beginning, cut between characters. */
static void name_short(char out[NAME_SHOWN + 1], const char *name)
{
    size_t length = 0;

    for (;;) {
        const size_t bytes = sms365_str_utf8(name + length, strlen(name + length));
        if (name[length] == '\0' || bytes == 0 || length + bytes > NAME_SHOWN)
            break;
        length += bytes;
    }
    memcpy(out, name, length);
    out[length] = '\0';
    sms365_str_clean(out);
}

static void notice_write(char out[NOTICE_SIZE], const struct cli *cli, const char *user, const char *msisdn)
{
    char host[HOST_NAME_MAX + 1] = "";
    char user_shown[NAME_SHOWN + 1], host_shown[NAME_SHOWN + 1], masked[32];

    (void)gethostname(host, sizeof host - 1);
    name_short(user_shown, user);
    name_short(host_shown, host);
    sms365_msisdn_mask(masked, msisdn);
    sms365_text_format(out, NOTICE_SIZE, (enum sms365_language)cli->conf.language, SMS365_TEXT_NUMBER_CHANGED,
        (const char *const[]){user_shown, host_shown, masked, NULL});
}

static enum sms365_err notice_send(
    struct cli *cli, const char *to, const char *text, struct sms365_sent *sent, struct sms365_error *err)
{
    const struct sms365_message message = {to, text, cli->conf.from};

    if (!sms365_number_allowed(to, cli->conf.countries))
        return sms365_error_set(err, SMS365_REFUSED, "no messages go to the country of that number");
    if (cli->keys.count == 0 && cli_keys_load(cli, err) != SMS365_OK)
        return err->code;
    return sms365_ask_send(&cli->provider, NULL, SMS365_EP_SMS_SEND, &message, sent, err);
}

static void notice_give(struct cli *cli, cJSON *list, const char *to, const char *text)
{
    struct sms365_sent sent;
    struct sms365_error err = {0};
    cJSON *one = cJSON_CreateObject();
    char masked[32], cost[CLI_AMOUNT_SIZE];

    sms365_msisdn_mask(masked, to);
    (void)cJSON_AddItemToArray(list, one);
    (void)cJSON_AddStringToObject(one, "to", to);
    const enum sms365_err code = notice_send(cli, to, text, &sent, &err);
    (void)cJSON_AddBoolToObject(one, "sent", code == SMS365_OK);
    if (code == SMS365_OK) {
        cli_put_amount(one, "cost", sent.cost);
        cli_say(cli, "The change was announced to %s (cost %s).", masked, cli_amount_text(cost, sent.cost));
    } else {
        const bool lost = code == SMS365_REPLY_LOST || code == SMS365_BAD_REPLY;
        cli_note(cli, "the change %s announced to %s: %s", lost ? "may not have been" : "was not", masked, err.text);
    }
}

void cli_user_notice(struct cli *cli, const struct sms365_user *before, const struct sms365_user *now)
{
    char text[NOTICE_SIZE];
    const char *added = NULL;
    bool removed = false;

    for (size_t i = now->count; i-- > 0;)
        if (!has_number(before, now->numbers[i].msisdn))
            added = now->numbers[i].msisdn;
    if (added == NULL) /* no other phone gets codes than before */
        return;
    notice_write(text, cli, now->name, added);
    cJSON *list = cJSON_AddArrayToObject(cli->out, "notices");
    for (size_t i = 0; i < before->count; i++) {
        if (has_number(now, before->numbers[i].msisdn))
            continue;
        removed = true;
        notice_give(cli, list, before->numbers[i].msisdn, text);
    }
    if (!removed)
        notice_give(cli, list, before->numbers[0].msisdn, text);
}
