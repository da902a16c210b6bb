/* What the commands about users share. */
#ifndef SMS365_CLI_USER_H
#define SMS365_CLI_USER_H

#include "cli.h"

/* --- user.c --- */

/* " (GREECE, network 202/05, ported, 1 a message)" or ""; country may be NULL. */
void cli_number_describe(char *out, size_t size, const struct sms365_number *number, const char *country);
/* mcc, mnc and ported, as far as they are known. */
void cli_network_json(cJSON *object, const struct sms365_number *number);
cJSON *cli_user_json(const struct sms365_user *user);

/* End the user's web sessions: who got in with a code to another number is asked for one to the new. False: they go on,
 * which was told. */
bool cli_user_sessions_end(struct cli *cli, const char *name);

/* --- number.c --- */

/* Nothing but what people write phone numbers with? */
bool cli_number_typed(const char *typed);
/* Written with its country code, so that the country can be told without the provider. */
bool cli_number_international(const char *typed, const char *msisdn);
/* Take what mobile/check tells of the number; what makes no sense is told, and left out. */
void cli_number_take(
    struct cli *cli, struct sms365_number *number, const struct sms365_mobile *mobile, const char *typed);
/* Put what hlr/lookup tells of the number's network in the place of what was known. */
void cli_number_network(struct sms365_number *number, const struct sms365_network *network);
/* Ask for that. Errors: those of sms365_hlr_lookup(). */
enum sms365_err cli_hlr_lookup(struct cli *cli, struct sms365_number *number, struct sms365_error *err);
/* The same numbers, in the same order? */
bool cli_numbers_equal(const struct sms365_user *a, const struct sms365_user *b);

/* --- user_add.c --- */

/* Log that the user has these numbers. */
void cli_user_enrolled(const struct cli *cli, const struct sms365_user *user, bool changed);

/* --- user_notice.c --- */

/* Tell those who had the user's codes until now that others get them. Nothing that fails here undoes the change. */
void cli_user_notice(struct cli *cli, const struct sms365_user *before, const struct sms365_user *now);

#endif
