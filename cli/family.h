/* The commands that are the provider's endpoints, from families.def: what they take, show and cost. */
#ifndef SMS365_CLI_FAMILY_H
#define SMS365_CLI_FAMILY_H

#include "cli.h"
#include "pure/api.h"

/* What is known of the price before a request is made. */
enum cli_price { CLI_PRICE_FREE, CLI_PRICE_MESSAGES, CLI_PRICE_VIBER, CLI_PRICE_LOOKUP, CLI_PRICE_TRANSFER };

/* --- family.c --- */

/* Of a request of the endpoint: each that costs money has a command. */
enum cli_price cli_price_of(enum sms365_endpoint_id endpoint);

/* The endpoint of a command of a family; NULL for the other commands. */
const struct sms365_endpoint *cli_family_endpoint(const struct cli_command *command);

/* --- family_help.c --- */

/* How a parameter is given. */
enum cli_place { CLI_PLACE_NONE, CLI_PLACE_WORD, CLI_PLACE_OPTION, CLI_PLACE_PROMPT };
enum cli_place cli_param_place(const struct sms365_api_param *param);
/* May it be read from standard input to its end, with - in its place? */
bool cli_param_streams(const struct sms365_api_param *param);
/* Does it answer with a list? With an API key? */
bool cli_family_lists(const struct sms365_endpoint *endpoint);
bool cli_family_reveals(const struct sms365_endpoint *endpoint);

/* What commands of families take beside their parameters. */
struct cli_common_option {
    const char *name;  /* "--key" */
    const char *value; /* as help has it; "" for none */
    const char *help;
    bool (*fits)(const struct sms365_endpoint *endpoint); /* does the command of this endpoint take it? */
};
extern const struct cli_common_option cli_common_options[]; /* the last has no name */

/* What a usage line has behind the command's words: "MOBILE [OPTION]...". */
void cli_family_arguments(struct sms365_buf *usage, const struct sms365_endpoint *endpoint);
/* Each parameter on a line, with its bounds, and the other options. */
void cli_family_tell(const struct cli *cli, const struct sms365_endpoint *endpoint);

/* --- reply.c --- */

/* What the provider answered, for a person. Its texts were cleaned when it was read. */
void cli_reply_show(const struct cli *cli, const struct sms365_endpoint *endpoint, const cJSON *reply);
/* The list of the reply as RFC 4180 has it; texts in it that a spreadsheet would compute are changed. */
void cli_reply_csv(const struct cli *cli, const struct sms365_endpoint *endpoint, cJSON *reply);
/* The fields of the reply go into cli->out, numbers as numbers. */
void cli_reply_put(struct cli *cli, const struct sms365_endpoint *endpoint, cJSON *reply);
/* The value of a field as a person reads it: a word for a status, a time for seconds since 1970. room is its room. */
const char *cli_field_word(const struct sms365_api_field *field, const char *text, char room[CLI_MOMENT_SIZE]);

/* --- table.c --- */

/* Columns that clean text takes on a terminal. */
size_t cli_text_width(const char *text);
#define CLI_PATH_SIZE 64
/* "group.contacts": what the fields of an object or of a list's rows have for their object. */
void cli_field_path(char path[CLI_PATH_SIZE], const struct sms365_api_field *field);
/* A table with a head, aligned for a terminal; columns without a value are left out. */
void cli_table_show(const struct cli *cli, const struct sms365_api_field *list, const cJSON *rows);
void cli_table_csv(const struct cli *cli, const struct sms365_api_field *list, const cJSON *rows);

/* --- cost.c --- */

/* Say what the request costs, as far as that is known, and ask. False: the answer was no. */
bool cli_cost_ask(struct cli *cli, const struct cli_request *request);
/*
 * For commands that scripts run as they are: where a person sits in front of it, and yes is not given, the same; for
 * all others, and for what costs nothing, true.
 */
bool cli_cost_accepted(struct cli *cli, const struct cli_request *request, bool yes);

#endif
