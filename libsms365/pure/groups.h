/* Which members of which groups need a code: the option `groups`. */
#ifndef SMS365_GROUPS_H
#define SMS365_GROUPS_H

#include <stdbool.h>
#include <stddef.h>

#define SMS365_GROUP_NAME_SIZE 64

/* Step through the list: the next name (without its !) into name; *text moves on. False at the end. */
bool sms365_groups_next(const char **text, char name[SMS365_GROUP_NAME_SIZE], bool *exempt);

/* NULL, or what is wrong with the list. Static. */
const char *sms365_groups_check(const char *text);

#endif
