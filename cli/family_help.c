/* How the commands of families.def are written: all of it from the table of endpoints. */
#include "family.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define LONG_TEXT 255    /* characters: a longer text is a message or a comment */
#define NAME_COLUMN 26   /* where the explanation of a parameter begins */
#define MEANING_WIDTH 45 /* of it, on a terminal of 80 columns */
#define USAGE_MAX 256

enum cli_place cli_param_place(const struct sms365_api_param *param)
{
    if (strcmp(param->name, "key") == 0)
        return CLI_PLACE_NONE;
    if (param->type == SMS365_TYPE_SECRET)
        return CLI_PLACE_PROMPT;
    return param->required ? CLI_PLACE_WORD : CLI_PLACE_OPTION;
}

bool cli_param_streams(const struct sms365_api_param *param)
{
    return param->type == SMS365_TYPE_MSISDNS || (param->type == SMS365_TYPE_TEXT && param->max > LONG_TEXT);
}

bool cli_family_lists(const struct sms365_endpoint *endpoint)
{
    return sms365_api_has_list(endpoint->id);
}

bool cli_family_reveals(const struct sms365_endpoint *endpoint)
{
    size_t count;
    const struct sms365_api_field *fields = sms365_api_fields(&count);

    for (size_t i = 0; i < count; i++)
        if (fields[i].endpoint == endpoint->id && fields[i].type == SMS365_TYPE_SECRET)
            return true;
    return false;
}

static bool takes_key(const struct sms365_endpoint *endpoint)
{
    return endpoint->auth == SMS365_AUTH_KEY;
}

static bool costs(const struct sms365_endpoint *endpoint)
{
    return endpoint->costs;
}

const struct cli_common_option cli_common_options[] = {
    {"--key", "NAME", "the stored key to use", takes_key},
    {"--format", "table|csv", "how the list is shown", cli_family_lists},
    {"--reveal", "", "show API keys, too", cli_family_reveals},
    {"--yes", "", "it costs money: do not ask", costs},
    {NULL, NULL, NULL, NULL},
};

/* "MOBILE", "TEXT|-" */
static void word_put(struct sms365_buf *text, const struct sms365_api_param *param)
{
    for (const char *c = param->name; *c != '\0'; c++)
        sms365_buf_printf(text, "%c", toupper((unsigned char)*c));
    if (cli_param_streams(param))
        sms365_buf_puts(text, "|-");
}

void cli_family_arguments(struct sms365_buf *usage, const struct sms365_endpoint *endpoint)
{
    size_t count;
    const struct sms365_api_param *params = sms365_api_params(&count);

    for (size_t i = 0; i < count; i++) {
        if (params[i].endpoint != endpoint->id || cli_param_place(&params[i]) != CLI_PLACE_WORD)
            continue;
        sms365_buf_puts(usage, " ");
        word_put(usage, &params[i]);
    }
    sms365_buf_puts(usage, " [OPTION]...");
}

/* What stands for the value of an option. */
static const char *value_name(const struct sms365_api_param *param)
{
    switch (param->type) {
    case SMS365_TYPE_BOOL:
        return "true|false";
    case SMS365_TYPE_NUMBER:
    case SMS365_TYPE_AMOUNT:
        return "N";
    case SMS365_TYPE_MSISDN:
        return "NUMBER";
    case SMS365_TYPE_MSISDNS:
        return "NUMBER,...";
    case SMS365_TYPE_URL:
        return "URL";
    case SMS365_TYPE_DATE:
        return "DATE";
    default:
        return "TEXT";
    }
}

static void bounds_put(struct sms365_buf *text, const struct sms365_api_param *param)
{
    const bool of_value = param->type == SMS365_TYPE_NUMBER || param->type == SMS365_TYPE_AMOUNT;

    if (param->type != SMS365_TYPE_BOOL && param->type != SMS365_TYPE_DATE)
        sms365_buf_printf(
            text, " (%lld to %lld%s)", (long long)param->min, (long long)param->max, of_value ? "" : " characters");
}

/* How much of a text has whole words and fits; the first word in any case. */
static size_t words_that_fit(const char *text)
{
    size_t length = strcspn(text, " ");

    while (text[length] != '\0' && length + 1 + strcspn(text + length + 1, " ") <= MEANING_WIDTH)
        length += 1 + strcspn(text + length + 1, " ");
    return length;
}

/* What is typed, and beside it what it means, in lines of whole words. */
static void line_tell(const struct cli *cli, const char *typed, const char *meaning)
{
    do {
        const size_t length = words_that_fit(meaning);
        cli_say(cli, "        %-*s %.*s", NAME_COLUMN, typed, (int)length, meaning);
        typed = "";
        meaning += length;
        meaning += *meaning == ' ';
    } while (*meaning != '\0');
}

static void param_tell(const struct cli *cli, const struct sms365_api_param *param)
{
    const enum cli_place place = cli_param_place(param);
    struct sms365_buf typed, meaning;

    sms365_buf_init(&typed, USAGE_MAX);
    sms365_buf_init(&meaning, USAGE_MAX);
    if (place == CLI_PLACE_WORD)
        word_put(&typed, param);
    else if (place == CLI_PLACE_OPTION)
        sms365_buf_printf(&typed, "--%s %s%s", param->name, value_name(param), cli_param_streams(param) ? "|-" : "");
    else
        sms365_buf_printf(&typed, "(%s)", param->name);
    sms365_buf_puts(&meaning, sms365_api_param_help(param));
    bounds_put(&meaning, param);
    if (place == CLI_PLACE_PROMPT)
        sms365_buf_puts(&meaning, ": asked for, or a line of standard input");
    line_tell(cli, sms365_buf_text(&typed), sms365_buf_text(&meaning));
    sms365_buf_free(&typed);
    sms365_buf_free(&meaning);
}

/* Where several sets of options will do. */
static void ways_tell(const struct cli *cli, const struct sms365_endpoint *endpoint)
{
    size_t count;
    const struct sms365_api_way *ways = sms365_api_ways(&count);
    struct sms365_buf text;

    sms365_buf_init(&text, USAGE_MAX);
    for (size_t i = 0; i < count; i++) {
        const char *names = ways[i].names;
        size_t length;
        if (ways[i].endpoint != endpoint->id)
            continue;
        sms365_buf_puts(&text, text.length == 0 ? "Needed: " : ", or ");
        for (const char *sign = "--"; *names != '\0'; sign = " --") {
            const char *name = sms365_str_word(&names, &length);
            sms365_buf_printf(&text, "%s%.*s", sign, (int)length, name);
        }
    }
    if (text.length > 0)
        cli_say(cli, "      %s.", sms365_buf_text(&text));
    sms365_buf_free(&text);
}

void cli_family_tell(const struct cli *cli, const struct sms365_endpoint *endpoint)
{
    size_t count;
    const struct sms365_api_param *params = sms365_api_params(&count);

    for (int place = CLI_PLACE_WORD; place <= CLI_PLACE_PROMPT; place++)
        for (size_t i = 0; i < count; i++)
            if (params[i].endpoint == endpoint->id && (int)cli_param_place(&params[i]) == place)
                param_tell(cli, &params[i]);
    for (const struct cli_common_option *option = cli_common_options; option->name != NULL; option++) {
        char typed[USAGE_MAX];
        (void)snprintf(typed, sizeof typed, "%s%s%s", option->name, option->value[0] == '\0' ? "" : " ", option->value);
        if (option->fits(endpoint))
            line_tell(cli, typed, option->help);
    }
    ways_tell(cli, endpoint);
}
