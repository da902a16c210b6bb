/* Groups of this system. */
#ifndef SMS365_MEMBERSHIP_H
#define SMS365_MEMBERSHIP_H

#include "base/log.h"

#include <stdbool.h>

/*
 * Does this user of the system need no code, by the option `groups`? Whatever cannot be looked up (the user, one of the
 * groups) means that a code is needed. And so does being in none of them, where groups come from elsewhere, too
 * (nsswitch.conf(5)): while a directory is out of reach, getgrouplist(3) succeeds with the groups of this machine
 * alone. The log says so.
 */
bool sms365_group_exempt(const char *groups, const char *user, const struct sms365_log *log);

#endif
