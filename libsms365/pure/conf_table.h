/* The options one by one: what the reader (conf.c) asks of the table. */
#ifndef SMS365_CONF_TABLE_H
#define SMS365_CONF_TABLE_H

#include "pure/conf.h"

#define SMS365_CONF_WHY_SIZE 320

/* The option's place in the table; the number of options when there is none of that name. */
size_t sms365_conf_find(const char *name);

/* The section's name as the table has it (static), NULL when there is none. */
const char *sms365_conf_section(const char *name);

/* The option, or section, whose name is so near that a slip is likely; NULL when none is. */
const char *sms365_conf_nearest_option(const char *name);
const char *sms365_conf_nearest_section(const char *name);

/* Check a value and put it into conf. False: why says what it must be ("must be a number from 0 to 30"), without the
 * value of a text; conf is as before. */
bool sms365_conf_set(struct sms365_conf *conf, size_t index, const char *value, char why[SMS365_CONF_WHY_SIZE]);

#endif
