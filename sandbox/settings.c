#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DELIVERY_AFTER_MAX_MS 3600000
#define HLR_BALANCE_MAX 1000000

static const char *const shape_names[] = {"rows", "arrays", "wrapped"};

static bool set_credential(char *out, const char *value, char *why, size_t size)
{
    size_t len = strlen(value);
    if (len == 0 || len >= SETTING_TEXT) {
        snprintf(why, size, "takes 1 to %d bytes", SETTING_TEXT - 1);
        return false;
    }
    memcpy(out, value, len + 1);
    return true;
}

static bool set_username(struct settings *s, const char *value, char *why, size_t size)
{
    return set_credential(s->username, value, why, size);
}

static bool set_password(struct settings *s, const char *value, char *why, size_t size)
{
    return set_credential(s->password, value, why, size);
}

static bool set_key(struct settings *s, const char *value, char *why, size_t size)
{
    return set_credential(s->key, value, why, size);
}

static bool set_account(struct settings *s, const char *value, char *why, size_t size)
{
    char part[3][SETTING_TEXT];
    const char *rest = value;
    for (size_t i = 0; i < 3; i++) {
        size_t len = i < 2 ? strcspn(rest, ":") : strlen(rest);
        if (len == 0 || len >= SETTING_TEXT || (i < 2 && rest[len] != ':')) {
            snprintf(why, size, "takes USER:PASSWORD:KEY");
            return false;
        }
        memcpy(part[i], rest, len);
        part[i][len] = '\0';
        rest += len + 1;
    }
    memcpy(s->username, part[0], SETTING_TEXT);
    memcpy(s->password, part[1], SETTING_TEXT);
    memcpy(s->key, part[2], SETTING_TEXT);
    return true;
}

static bool set_whitelist(struct settings *s, const char *value, char *why, size_t size)
{
    return whitelist_parse(&s->whitelist, value, why, size);
}

static bool set_balance(struct settings *s, const char *value, char *why, size_t size)
{
    if (milli_parse(value, &s->purse.balance))
        return true;
    snprintf(why, size, "takes a number from 0 to 1000000000 with at most three decimals");
    return false;
}

static bool set_delivery(struct settings *s, const char *value, char *why, size_t size)
{
    if (strlen(value) == 1 && strchr("dfs", value[0]) != NULL) {
        s->delivery = value[0];
        return true;
    }
    snprintf(why, size, "takes d (delivered), f (failed) or s (stays pending)");
    return false;
}

static bool set_delivery_after(struct settings *s, const char *value, char *why, size_t size)
{
    if (number_between(value, 0, DELIVERY_AFTER_MAX_MS, &s->delivery_after_ms))
        return true;
    snprintf(why, size, "takes milliseconds from 0 to %d", DELIVERY_AFTER_MAX_MS);
    return false;
}

static bool set_shape(struct settings *s, const char *value, char *why, size_t size)
{
    for (size_t i = 0; i < sizeof(shape_names) / sizeof(shape_names[0]); i++) {
        if (strcmp(shape_names[i], value) == 0) {
            s->shape = (enum shape)i;
            return true;
        }
    }
    snprintf(why, size, "takes rows, arrays or wrapped");
    return false;
}

static bool set_older(struct settings *s, const char *value, char *why, size_t size)
{
    const bool yes = strcmp(value, "yes") == 0;
    if (!yes && strcmp(value, "no") != 0) {
        snprintf(why, size, "takes yes or no");
        return false;
    }
    s->older = yes;
    return true;
}

static bool set_fault(struct settings *s, const char *value, char *why, size_t size)
{
    return faults_parse(&s->faults, value, why, size);
}

static bool set_hlr(struct settings *s, const char *value, char *why, size_t size)
{
    return hlr_parse(&s->hlr, value, why, size);
}

static bool set_hlr_balance(struct settings *s, const char *value, char *why, size_t size)
{
    if (number_between(value, 0, HLR_BALANCE_MAX, &s->purse.hlr_balance))
        return true;
    snprintf(why, size, "takes lookups from 0 to %d", HLR_BALANCE_MAX);
    return false;
}

static bool set_optout(struct settings *s, const char *value, char *why, size_t size)
{
    return numbers_parse(&s->optout, value, why, size);
}

static bool set_senders(struct settings *s, const char *value, char *why, size_t size)
{
    return senders_parse(&s->senders, value, why, size);
}

static const struct {
    const char *name;
    bool (*set)(struct settings *s, const char *value, char *why, size_t size);
} table[] = {
    {"account", set_account},
    {"username", set_username},
    {"password", set_password},
    {"key", set_key},
    {"whitelist", set_whitelist},
    {"balance", set_balance},
    {"delivery", set_delivery},
    {"delivery_after", set_delivery_after},
    {"shape", set_shape},
    {"fault", set_fault},
    {"hlr", set_hlr},
    {"hlr_balance", set_hlr_balance},
    {"older", set_older},
    {"optout", set_optout},
    {"senders", set_senders},
};

void settings_init(struct settings *s)
{
    char why[128];
    *s = (struct settings){.username = "demo",
        .password = "demo",
        .key = "DEMO-KEY",
        .purse = {.balance = 1000 * 1000},
        .delivery = 'd',
        .delivery_after_ms = 300,
        .shape = SHAPE_ROWS};
    whitelist_parse(&s->whitelist, "127.0.0.0/8,::1", why, sizeof(why));
    senders_parse(&s->senders, "sms365", why, sizeof(why));
}

bool settings_set(struct settings *s, const char *name, const char *value, char *why, size_t size)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strcmp(table[i].name, name) == 0)
            return table[i].set(s, value, why, size);
    snprintf(why, size, "is no setting");
    return false;
}

static void add_printed(cJSON *json, const char *name, struct buf *printed)
{
    cJSON_AddStringToObject(json, name, printed->data != NULL ? printed->data : "");
    buf_free(printed);
}

cJSON *settings_json(const struct settings *s)
{
    cJSON *json = cJSON_CreateObject();
    struct buf text;
    buf_init(&text, 64 * 1024);
    cJSON_AddStringToObject(json, "username", s->username);
    cJSON_AddStringToObject(json, "password", s->password);
    cJSON_AddStringToObject(json, "key", s->key);
    whitelist_print(&s->whitelist, &text);
    add_printed(json, "whitelist", &text);
    cJSON_AddNumberToObject(json, "balance", (double)s->purse.balance / 1000);
    const char delivery[] = {s->delivery, '\0'};
    cJSON_AddStringToObject(json, "delivery", delivery);
    cJSON_AddNumberToObject(json, "delivery_after", (double)s->delivery_after_ms);
    cJSON_AddStringToObject(json, "shape", shape_names[s->shape]);
    cJSON_AddStringToObject(json, "older", s->older ? "yes" : "no");
    faults_print(&s->faults, &text);
    add_printed(json, "fault", &text);
    hlr_print(&s->hlr, &text);
    add_printed(json, "hlr", &text);
    cJSON_AddNumberToObject(json, "hlr_balance", (double)s->purse.hlr_balance);
    numbers_print(&s->optout, &text);
    add_printed(json, "optout", &text);
    senders_print(&s->senders, &text);
    add_printed(json, "senders", &text);
    return json;
}
