/* What the key commands share. */
#ifndef SMS365_CLI_KEY_H
#define SMS365_CLI_KEY_H

#include "base/str.h"
#include "cli.h"

#include <netinet/in.h>

/* What came of asking for key/get with one key at one URL. */
struct cli_key_trial {
    enum sms365_err code;
    const char *url;
    char local[INET6_ADDRSTRLEN]; /* the address that the request left from, "" when there was no connection */
    char matched[64];             /* the line of the key's whitelist that has it, "" when none does */
    struct sms365_error err;
};

enum sms365_err cli_key_try(struct cli *cli, const struct sms365_key *key, size_t url, struct cli_key_trial *trial);
cJSON *cli_key_trial_json(const struct cli_key_trial *trial);

/* Of two ends of one command: whatever went wrong first, a refusal before a provider that cannot be reached. */
enum cli_exit cli_key_worse(enum cli_exit a, enum cli_exit b);

/* "10.0.0.0/8, ::1" */
void cli_whitelist_text(struct sms365_buf *out, const struct sms365_cidr_list *list);

#endif
