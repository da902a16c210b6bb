/* What a request will cost, as far as that is known before it is made. */
#include "drive/typed.h"
#include "family.h"
#include "pure/sms.h"

#include <math.h>
#include <string.h>

#define ASKED_MAX 10 /* numbers whose price is asked for: a request each */
#define NUMBER_SIZE 64
#define QUESTION_MAX 900

static const char *value_of(const struct cli_request *request, const char *name)
{
    return sms365_param_value(request->params, request->count, name);
}

static size_t numbers_count(const char *to)
{
    size_t count = 0;

    while (*to != '\0') {
        const size_t length = strcspn(to, ",");
        count += length > 0;
        to += length + (to[length] == ',');
    }
    return count;
}

/* -1 when it cannot be had. */
static double price_ask(struct cli *cli, const char *number)
{
    struct sms365_mobile mobile;
    struct sms365_error err = {0};

    if (sms365_ask_mobile_check(&cli->provider, number, &mobile, &err) != SMS365_OK || isnan(mobile.cost))
        return -1;
    return mobile.cost;
}

/* What one part to each number costs together, and how many prices are not known. */
static double prices_ask(struct cli *cli, const char *to, size_t *unknown)
{
    char number[NUMBER_SIZE];
    double sum = 0;
    size_t asked = 0;

    for (*unknown = 0; *to != '\0';) {
        const size_t length = strcspn(to, ",");
        double price = -1;
        if (length > 0 && length < sizeof number && asked++ < ASKED_MAX) {
            memcpy(number, to, length);
            number[length] = '\0';
            price = price_ask(cli, number);
        }
        sum += price < 0 ? 0 : price;
        *unknown += length > 0 && price < 0;
        to += length + (to[length] == ',');
    }
    return sum;
}

static void balance_put(struct cli *cli, struct sms365_buf *question, const struct cli_request *request)
{
    struct sms365_error err = {0};
    double balance;

    if (sms365_ask_me_balance(&cli->provider, request->key, &balance, &err) != SMS365_OK)
        sms365_buf_puts(question, " The balance cannot be had.");
    else
        sms365_buf_printf(question, " The balance is %.15g.", balance);
}

static size_t parts_of(const char *text)
{
    struct sms365_sms_size size = {.parts = 1};

    return text != NULL && sms365_sms_measure(text, &size) && size.parts > 0 ? size.parts : 1;
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static void messages_put(struct cli *cli, struct sms365_buf *question, const struct cli_request *request)
{
    const char *to = value_of(request, "to");
    const size_t count = numbers_count(to);
    const size_t parts = parts_of(value_of(request, "text"));
    size_t unknown;
    const double cost = prices_ask(cli, to, &unknown) * (double)parts;

    sms365_buf_printf(question, "%zu message%s of %zu part%s", count, plural(count), parts, plural(parts));
    if (unknown == 0)
        sms365_buf_printf(question, ": %.15g credit%s.", cost, cost == 1 ? "" : "s");
    else if (unknown == count)
        sms365_buf_puts(question, ", at a price that is not known.");
    else
        sms365_buf_printf(question, ": %.15g credit%s, and %zu number%s at a price that is not known.", cost,
            cost == 1 ? "" : "s", unknown, plural(unknown));
}

/* How many a group has; 0 when that cannot be had. */
static size_t group_count(struct cli *cli, const struct cli_request *request, const char *group)
{
    const struct sms365_param params[] = {{"groupId", group}};
    const struct cli_request get = {SMS365_EP_GROUP_GET, params, 1, request->key};
    struct sms365_reply *reply = NULL;
    struct sms365_error err = {0};
    double total = 0;

    if (cli_call(cli, &get, &reply, &err) == SMS365_OK)
        (void)sms365_reply_number(reply, "group.total", &total);
    sms365_reply_free(reply);
    return total < 0 ? 0 : (size_t)total;
}

static void viber_put(struct cli *cli, struct sms365_buf *question, const struct cli_request *request)
{
    const char *to = value_of(request, "to");
    const char *group = value_of(request, "groupId");
    const char *fallback = value_of(request, "sms_fallback");
    const size_t count = to != NULL ? numbers_count(to) : group != NULL ? group_count(cli, request, group) : 1;
    const size_t parts = parts_of(value_of(request, "sms_text"));

    if (count == 0)
        sms365_buf_puts(question, "Viber messages to a group of unknown size");
    else
        sms365_buf_printf(question, "%zu Viber message%s", count, plural(count));
    sms365_buf_puts(question, ", at a price that is told afterwards");
    if (fallback != NULL && strcmp(fallback, "true") == 0)
        sms365_buf_printf(question, "; where one fails, a text message of %zu part%s", parts, plural(parts));
    sms365_buf_puts(question, ".");
}

static void transfer_put(struct sms365_buf *question, const struct cli_request *request)
{
    const char *amount = value_of(request, "sms");
    const char *account = value_of(request, "userId");

    if (amount[0] == '-')
        sms365_buf_printf(question, "%s credits go back from sub-account %s to the main account.", amount + 1, account);
    else
        sms365_buf_printf(question, "%s credits go from the main account to sub-account %s.", amount, account);
}

bool cli_cost_ask(struct cli *cli, const struct cli_request *request)
{
    struct sms365_buf question;

    sms365_buf_init(&question, QUESTION_MAX);
    switch (cli_price_of(request->endpoint)) {
    case CLI_PRICE_MESSAGES:
        messages_put(cli, &question, request);
        break;
    case CLI_PRICE_VIBER:
        viber_put(cli, &question, request);
        break;
    case CLI_PRICE_LOOKUP:
        sms365_buf_puts(&question, "A lookup: a tenth of a credit.");
        break;
    case CLI_PRICE_TRANSFER:
        transfer_put(&question, request);
        break;
    default:
        sms365_buf_puts(&question, "This costs money; how much is not known.");
        break;
    }
    balance_put(cli, &question, request);
    sms365_buf_puts(&question, " Go on?");
    const bool yes = cli_read_yes(sms365_buf_text(&question));
    sms365_buf_free(&question);
    return yes;
}

bool cli_cost_accepted(struct cli *cli, const struct cli_request *request, bool yes)
{
    return yes || !sms365_endpoint_get(request->endpoint)->costs || !cli_interactive() || cli_cost_ask(cli, request);
}
