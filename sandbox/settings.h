/* What can be set from the command line and, while it runs, by POST /sandbox/settings. A plain value: copy it, change
   the copy, keep it if all changes were good. */
#ifndef SANDBOX_SETTINGS_H
#define SANDBOX_SETTINGS_H

#include "accounts.h"
#include "faults.h"
#include "hlr.h"
#include "numbers.h"
#include "senders.h"
#include "whitelist.h"

#include <cjson/cJSON.h>

#define SETTING_TEXT 257

/* How lists look in a JSON reply. */
enum shape { SHAPE_ROWS, SHAPE_ARRAYS, SHAPE_WRAPPED };

struct settings {
    char username[SETTING_TEXT], password[SETTING_TEXT], key[SETTING_TEXT];
    struct whitelist whitelist;
    struct purse purse; /* of the main account */
    char delivery;      /* d, f or s */
    int64_t delivery_after_ms;
    enum shape shape;
    bool older; /* answer in words that older replies have */
    struct faults faults;
    struct hlr hlr;
    struct numbers optout; /* who wants no messages */
    struct senders senders;
};

void settings_init(struct settings *s);
/* False: why says, in words that fit behind the setting's name, what is wrong. */
bool settings_set(struct settings *s, const char *name, const char *value, char *why, size_t size);
cJSON *settings_json(const struct settings *s);

#endif
