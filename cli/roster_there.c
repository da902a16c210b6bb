/* Users who stand in the users file with the same numbers are not asked about again; what it costs to ask about others.
 */
#include "base/err.h"
#include "roster.h"
#include "user.h"

#include <stdio.h>
#include <string.h>

#define HLR_PER_CREDIT 10 /* lookups */
#define KEY_MAX 1024      /* bytes of a name and its numbers */

struct reading {
    struct cli_seen *there;
    struct sms365_error err;
};

static bool there_add(void *context, const struct sms365_user *user)
{
    struct reading *reading = context;
    struct sms365_buf key;
    bool fresh;

    sms365_buf_init(&key, KEY_MAX);
    sms365_buf_puts(&key, user->name);
    for (size_t i = 0; i < user->count; i++)
        sms365_buf_printf(&key, "\n%s", user->numbers[i].msisdn);
    (void)cli_seen_add(reading->there, sms365_buf_text(&key), key.length, &fresh, &reading->err);
    sms365_buf_free(&key);
    return reading->err.code == SMS365_OK;
}

enum sms365_err cli_there_read(struct cli_seen *there, const char *users_file, struct sms365_error *err)
{
    struct reading reading = {.there = there};
    enum sms365_err code = cli_seen_init(there, err);

    if (code == SMS365_OK)
        code = sms365_users_each(users_file, there_add, &reading, err);
    if (code == SMS365_OK && reading.err.code != SMS365_OK) {
        *err = reading.err;
        code = err->code;
    }
    return code;
}

/* Only the provider can tell what a number without its country code is. */
bool cli_there_has(struct cli_seen *there, const struct cli_row *row)
{
    struct sms365_buf key;
    char parsed[SMS365_MSISDN_SIZE];
    bool whole = true;

    sms365_buf_init(&key, KEY_MAX);
    sms365_buf_puts(&key, row->name);
    for (size_t i = 0; i < row->count; i++) {
        whole = whole && sms365_msisdn_parse(parsed, row->typed[i]) && cli_number_international(row->typed[i], parsed);
        sms365_buf_printf(&key, "\n%s", whole ? parsed : "");
    }
    const bool has = whole && cli_seen_has(there, sms365_buf_text(&key), key.length);
    sms365_buf_free(&key);
    return has;
}

bool cli_lookups_accepted(struct cli *cli, size_t numbers, bool yes, enum cli_exit *exit)
{
    char question[160];

    if (cli->conf.hlr == SMS365_HLR_OFF || yes || numbers == 0)
        return true;
    (void)snprintf(question, sizeof question,
        "To look up the network%s of %zu number%s costs %zu.%zu credits. Go on? [y/N] ", numbers == 1 ? "" : "s",
        numbers, numbers == 1 ? "" : "s", numbers / HLR_PER_CREDIT, numbers % HLR_PER_CREDIT);
    if (!cli->json && cli_roster_asked(question))
        return true;
    *exit = cli_fail(cli, CLI_FAILED, "not_confirmed",
        "nothing was asked and nothing changed: %zu lookups (hlr is not off) cost a tenth of a credit each; --yes "
        "accepts that",
        numbers);
    return false;
}
