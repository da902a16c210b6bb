#include "pure/conf_table.h"

#include "pure/challenge.h"
#include "pure/cidr.h"
#include "pure/groups.h"
#include "pure/number.h"
#include "pure/route.h"
#include "pure/sms.h"
#include "pure/url.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LETTERS_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define FROM_LETTERS_MAX 11 /* of a sender that is no number (3GPP TS 23.040, 9.1.2.5) */
#define SLIP_NAME_MAX 40    /* longer names resemble none of ours */
#define SLIP_MAX 2          /* letters wrong, missing, too many or swapped */

enum type { TYPE_NUMBER, TYPE_BOOL, TYPE_TEXT, TYPE_PATH, TYPE_CHOICE };

#define NAME_NUMBER "number"
#define NAME_BOOL "bool"
#define NAME_TEXT "text"
#define NAME_PATH "path"
#define NAME_CHOICE "choice"

static const struct sms365_option table[] = {
#define OPTION(section, name, type, field, fallback, min, max, help)                                                   \
    {#section, name, NAME_##type, fallback, min, max, help},
#include "pure/options.def"
};

#define OPTION_COUNT (sizeof table / sizeof *table)

_Static_assert(OPTION_COUNT <= sizeof((struct sms365_conf *)NULL)->origins / sizeof(struct sms365_origin),
    "struct sms365_conf has room for the origin of every option");

/* A default that does not fit could only be left out in silence; a very long --prefix is refused here instead. */
#define FITS_NUMBER(fallback, max) 1
#define FITS_BOOL(fallback, max) 1
#define FITS_CHOICE(fallback, max) 1
#define FITS_TEXT(fallback, max) (sizeof(fallback) - 1 <= (max))
#define FITS_PATH(fallback, max) (sizeof(fallback) - 1 <= (max))
#define OPTION(section, name, type, field, fallback, min, max, help)                                                   \
    _Static_assert(FITS_##type(fallback, max), "the default of " name " fits");
#include "pure/options.def"

/* Where each option's field is. */
static const struct {
    enum type type;
    size_t offset;
} fields[] = {
#define OPTION(section, name, type, field, fallback, min, max, help) {TYPE_##type, offsetof(struct sms365_conf, field)},
#include "pure/options.def"
};

static const struct {
    size_t offset;
    int value;
    const char *word;
} choices[] = {
#define CHOICE(field, value, word) {offsetof(struct sms365_conf, field), value, word},
#include "pure/options.def"
};

static const char *const sections[] = {
#define SECTION(name, help) #name,
#include "pure/options.def"
};

const struct sms365_option *sms365_conf_table(size_t *count)
{
    *count = OPTION_COUNT;
    return table;
}

size_t sms365_conf_find(const char *name)
{
    size_t i = 0;

    while (i < OPTION_COUNT && strcmp(table[i].name, name) != 0)
        i++;
    return i;
}

const char *sms365_conf_section(const char *name)
{
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        if (strcmp(sections[i], name) == 0)
            return sections[i];
    return NULL;
}

const char *sms365_conf_choice(size_t index, size_t which)
{
    if (index >= OPTION_COUNT || fields[index].type != TYPE_CHOICE)
        return NULL;
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
        if (choices[i].offset == fields[index].offset && which-- == 0)
            return choices[i].word;
    return NULL;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters a slip of the pen got wrong (optimal string alignment: a swapped pair counts once). */
static size_t slip_distance(const char *a, const char *b)
{
    size_t rows[3][SLIP_NAME_MAX + 1];
    const size_t length = strlen(b);

    for (size_t j = 0; j <= length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= strlen(a); i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *before = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return rows[strlen(a) % 3][length];
}

/* Keep the nearer of two: name's distance to candidate against *distance. */
static void slip_consider(const char *name, const char *candidate, const char **nearest, size_t *distance)
{
    if (strlen(name) > SLIP_NAME_MAX || strlen(candidate) > SLIP_NAME_MAX)
        return;
    const size_t found = slip_distance(name, candidate);
    /* Of a short name, two letters are too much to change. */
    if (found < *distance && found * 2 < strlen(candidate)) {
        *nearest = candidate;
        *distance = found;
    }
}

const char *sms365_conf_nearest_option(const char *name)
{
    const char *nearest = NULL;
    size_t distance = SLIP_MAX + 1;

    for (size_t i = 0; i < OPTION_COUNT; i++)
        slip_consider(name, table[i].name, &nearest, &distance);
    return nearest;
}

const char *sms365_conf_nearest_section(const char *name)
{
    const char *nearest = NULL;
    size_t distance = SLIP_MAX + 1;

    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        slip_consider(name, sections[i], &nearest, &distance);
    return nearest;
}

/* Rules of single options, beyond type and length. They return false and fill in why. */

static bool check_url(char *value, char *why)
{
    struct sms365_error err;

    /* Whether http:// is allowed depends on another option: that is looked at when all are read. */
    if (sms365_url_check(value, value, true, &err) == SMS365_OK)
        return true;
    (void)snprintf(why, SMS365_CONF_WHY_SIZE, "is refused: %.280s", err.text);
    return false;
}

static bool check_callback(char *value, char *why)
{
    struct sms365_error err;

    if (value[0] == '\0' || sms365_url_check_callback(value, &err) == SMS365_OK)
        return true;
    (void)snprintf(why, SMS365_CONF_WHY_SIZE, "is refused: %.280s", err.text);
    return false;
}

static bool check_key(char *value, char *why)
{
    if (value[strspn(value, LETTERS_DIGITS "-_")] == '\0')
        return true;
    (void)snprintf(why, SMS365_CONF_WHY_SIZE,
        "is the name under which `sms365 key add` stored a key: letters, digits, hyphen, underscore");
    return false;
}

static bool check_bind(char *value, char *why)
{
    if (value[strspn(value, LETTERS_DIGITS ".:_-")] == '\0')
        return true;
    (void)snprintf(why, SMS365_CONF_WHY_SIZE, "must be a numeric address of this machine or the name of an interface");
    return false;
}

/* A rule that only says what is wrong with a value, NULL for nothing. */
static bool tell_wrong(const char *wrong, char *why)
{
    if (wrong != NULL)
        (void)snprintf(why, SMS365_CONF_WHY_SIZE, "%s", wrong);
    return wrong == NULL;
}

static bool check_text(char *value, char *why)
{
    const char *wrong = value[0] == '\0' ? NULL : sms365_sms_check(value, SMS365_CODE_DIGITS, "");

    return tell_wrong(wrong, why);
}

static bool check_channels(char *value, char *why)
{
    struct sms365_routes routes;

    return tell_wrong(sms365_routes_parse(&routes, value, SMS365_ROUTES_MAX), why);
}

static bool check_countries(char *value, char *why)
{
    return tell_wrong(sms365_countries_check(value), why);
}

static bool check_groups(char *value, char *why)
{
    return tell_wrong(sms365_groups_check(value), why);
}

static bool check_trusted(char *value, char *why)
{
    struct sms365_cidr_list list;
    const char *bad = NULL;

    if (value[0] == '\0' || sms365_cidr_list_parse(&list, value, &bad))
        return true;
    (void)snprintf(why, SMS365_CONF_WHY_SIZE,
        "must be networks like 192.0.2.0/24 or 2001:db8::/32, without host bits; \"%.60s\" is none",
        bad == NULL ? value : bad);
    return false;
}

static bool check_origin(char *value, char *why)
{
    if (value[strspn(value, LETTERS_DIGITS ".-")] == '\0')
        return true;
    (void)snprintf(why, SMS365_CONF_WHY_SIZE, "must be a host name, like login.example.com");
    return false;
}

static bool check_viber_from(char *value, char *why)
{
    if (value[strspn(value, LETTERS_DIGITS " .-_")] == '\0')
        return true;
    (void)snprintf(why, SMS365_CONF_WHY_SIZE, "must be Latin letters, digits, blanks, and . - _");
    return false;
}

static bool check_from(char *value, char *why)
{
    const bool number = value[strspn(value, "0123456789")] == '\0';
    const bool word = value[strspn(value, LETTERS_DIGITS)] == '\0' && strlen(value) <= FROM_LETTERS_MAX;

    if (number || word)
        return true;
    (void)snprintf(why, SMS365_CONF_WHY_SIZE,
        "must be at most %d Latin letters and digits, or a number of at most 15 digits", FROM_LETTERS_MAX);
    return false;
}

static bool check_cookie(char *value, char *why)
{
    if (value[strspn(value, LETTERS_DIGITS "-_")] == '\0')
        return true;
    (void)snprintf(why, SMS365_CONF_WHY_SIZE, "must be letters, digits, hyphens and underscores");
    return false;
}

/* Labels of letters, digits and hyphens, two at least: browsers take no cookie for a whole top-level domain. */
static bool check_domain(char *value, char *why)
{
    const bool good = value[strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-.")] == '\0' && value[0] != '.' &&
                      strstr(value, "..") == NULL && (value[0] == '\0' || strchr(value, '.') != NULL);

    if (good && (value[0] == '\0' || value[strlen(value) - 1] != '.'))
        return true;
    (void)snprintf(
        why, SMS365_CONF_WHY_SIZE, "must be a domain in lower case, without a dot at its ends, such as example.org");
    return false;
}

static bool check_path(char *value, char *why)
{
    if (value[0] == '\0' || value[0] == '/')
        return true;
    (void)snprintf(why, SMS365_CONF_WHY_SIZE, "must be an absolute path, beginning with /");
    return false;
}

static bool check_callback_from(char *value, char *why)
{
    struct sms365_cidr_list list;
    const char *bad = NULL;

    if (value[0] == '\0' || sms365_cidr_list_parse(&list, value, &bad))
        return true;
    (void)snprintf(why, SMS365_CONF_WHY_SIZE, "must be addresses or ranges such as 192.0.2.0/24: not \"%.60s\"",
        bad == NULL ? value : bad);
    return false;
}

/* Apply the option's own rule; value may be brought into its canonical form, which is never longer. */
static bool check_rule(size_t offset, char *value, char *why)
{
    static const struct {
        size_t offset;
        bool (*check)(char *value, char *why);
    } rules[] = {
        {offsetof(struct sms365_conf, url), check_url},
        {offsetof(struct sms365_conf, callback), check_callback},
        {offsetof(struct sms365_conf, key), check_key},
        {offsetof(struct sms365_conf, bind), check_bind},
        {offsetof(struct sms365_conf, text), check_text},
        {offsetof(struct sms365_conf, from), check_from},
        {offsetof(struct sms365_conf, channels), check_channels},
        {offsetof(struct sms365_conf, viber_from), check_viber_from},
        {offsetof(struct sms365_conf, trusted), check_trusted},
        {offsetof(struct sms365_conf, countries), check_countries},
        {offsetof(struct sms365_conf, groups), check_groups},
        {offsetof(struct sms365_conf, origin), check_origin},
        {offsetof(struct sms365_conf, cookie), check_cookie},
        {offsetof(struct sms365_conf, domain), check_domain},
        {offsetof(struct sms365_conf, templates), check_path},
        {offsetof(struct sms365_conf, reload), check_path},
        {offsetof(struct sms365_conf, callback_from), check_callback_from},
    };

    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].offset == offset)
            return rules[i].check(value, why);
    return true;
}

static bool set_number(struct sms365_conf *conf, size_t index, const char *value, char *why)
{
    int64_t number;

    if (!sms365_str_number(value, table[index].min, table[index].max, &number)) {
        (void)snprintf(why, SMS365_CONF_WHY_SIZE, "must be a number from %" PRId64 " to %" PRId64 ", not \"%.40s\"",
            table[index].min, table[index].max, value);
        return false;
    }
    memcpy((char *)conf + fields[index].offset, &number, sizeof number);
    return true;
}

static bool set_bool(struct sms365_conf *conf, size_t index, const char *value, char *why)
{
    const bool yes = strcmp(value, "yes") == 0;

    if (!yes && strcmp(value, "no") != 0) {
        (void)snprintf(why, SMS365_CONF_WHY_SIZE, "must be yes or no, not \"%.40s\"", value);
        return false;
    }
    memcpy((char *)conf + fields[index].offset, &yes, sizeof yes);
    return true;
}

static bool set_choice(struct sms365_conf *conf, size_t index, const char *value, char *why)
{
    struct sms365_buf words;

    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        if (choices[i].offset != fields[index].offset || strcmp(choices[i].word, value) != 0)
            continue;
        memcpy((char *)conf + fields[index].offset, &choices[i].value, sizeof choices[i].value);
        return true;
    }
    sms365_buf_init(&words, SMS365_CONF_WHY_SIZE / 2);
    for (size_t i = 0; sms365_conf_choice(index, i) != NULL; i++)
        sms365_buf_printf(&words, "%s%s", i == 0 ? "" : " or ", sms365_conf_choice(index, i));
    (void)snprintf(why, SMS365_CONF_WHY_SIZE, "must be %s, not \"%.40s\"", sms365_buf_text(&words), value);
    sms365_buf_free(&words);
    return false;
}

static bool set_text(struct sms365_conf *conf, size_t index, const char *value, char *why)
{
    const struct sms365_option *option = &table[index];
    const size_t length = strlen(value);
    char clean[1024]; /* more than any option's maximum */

    if (length < (size_t)option->min || length > (size_t)option->max || length >= sizeof clean) {
        if (length == 0)
            (void)snprintf(why, SMS365_CONF_WHY_SIZE, "must not be empty");
        else
            (void)snprintf(why, SMS365_CONF_WHY_SIZE, "must have %" PRId64 " to %" PRId64 " bytes; it has %zu",
                option->min, option->max, length);
        return false;
    }
    memcpy(clean, value, length + 1);
    sms365_str_clean(clean);
    if (strcmp(clean, value) != 0) {
        (void)snprintf(why, SMS365_CONF_WHY_SIZE, "must be UTF-8 without control characters");
        return false;
    }
    if (fields[index].type == TYPE_PATH && value[0] != '/') {
        (void)snprintf(why, SMS365_CONF_WHY_SIZE, "must be an absolute path, beginning with /");
        return false;
    }
    if (!check_rule(fields[index].offset, clean, why))
        return false;
    memcpy((char *)conf + fields[index].offset, clean, strlen(clean) + 1);
    return true;
}

bool sms365_conf_set(struct sms365_conf *conf, size_t index, const char *value, char why[SMS365_CONF_WHY_SIZE])
{
    switch (fields[index].type) {
    case TYPE_NUMBER:
        return set_number(conf, index, value, why);
    case TYPE_BOOL:
        return set_bool(conf, index, value, why);
    case TYPE_CHOICE:
        return set_choice(conf, index, value, why);
    case TYPE_TEXT:
    case TYPE_PATH:
        break;
    }
    return set_text(conf, index, value, why);
}

void sms365_conf_defaults(struct sms365_conf *conf)
{
    char why[SMS365_CONF_WHY_SIZE];

    memset(conf, 0, sizeof *conf);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        (void)sms365_conf_set(conf, i, table[i].fallback, why);
}

void sms365_conf_value(char *out, const struct sms365_conf *conf, size_t index)
{
    const char *field = (const char *)conf + fields[index].offset;
    int64_t number;
    bool yes;
    int value;

    out[0] = '\0';
    switch (fields[index].type) {
    case TYPE_NUMBER:
        memcpy(&number, field, sizeof number);
        (void)snprintf(out, 1024, "%" PRId64, number);
        break;
    case TYPE_BOOL:
        memcpy(&yes, field, sizeof yes);
        (void)snprintf(out, 1024, "%s", yes ? "yes" : "no");
        break;
    case TYPE_CHOICE:
        memcpy(&value, field, sizeof value);
        for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
            if (choices[i].offset == fields[index].offset && choices[i].value == value)
                (void)snprintf(out, 1024, "%s", choices[i].word);
        break;
    case TYPE_TEXT:
    case TYPE_PATH:
        (void)snprintf(out, 1024, "%s", field);
        break;
    }
}
