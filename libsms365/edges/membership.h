/* Groups of this system. */
#ifndef SMS365_MEMBERSHIP_H
#define SMS365_MEMBERSHIP_H

#include <stdbool.h>

/*
 * Does this user of the system need no code, by the option `groups`? Whatever cannot be looked up (the user, one of the
 * groups) means that a code is needed.
 */
bool sms365_group_exempt(const char *groups, const char *user);

#endif
