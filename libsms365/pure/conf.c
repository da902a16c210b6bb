#include "pure/conf.h"

#include "pure/conf_table.h"
#include "pure/route.h"
#include "pure/sms.h"
#include "pure/text.h"
#include "pure/url.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 1024 /* of a line that is not a comment; the longest value has half of that */
#define PROBLEMS_MAX_BYTES 65536
#define LAST_LINE_BYTES 400 /* kept free for the line that tells how many problems did not fit */
#define BYTE_ORDER_MARK "\xef\xbb\xbf"
#define BLANKS " \t\r\n"

/* One "name = value" of the text. Strings point into the reader's copy. */
struct setting {
    size_t option;
    int line;
    const char *service; /* NULL in a plain section */
    const char *value;
};

/* What the lines that follow belong to. */
struct section {
    const char *name;    /* as the table has it; NULL before the first header and in [service NAME] */
    const char *service; /* of [service NAME] */
    bool unknown;        /* its header was reported: what it holds cannot be judged */
};

struct reader {
    struct sms365_problems *problems;
    const char *file;
    const char *service;
    enum sms365_front_end front_end;
    const struct sms365_option *table;
    size_t options;
    char *copy;
    struct setting *settings;
    size_t count;
    struct section section;
    int line;                   /* the one being read */
    const char *argument;       /* the one being read, NULL in the text */
    int unlisted;               /* problems for which there was no room */
    struct sms365_conf scratch; /* where values are tried */
};

void sms365_problems_init(struct sms365_problems *problems)
{
    *problems = (struct sms365_problems){0};
    sms365_buf_init(&problems->text, PROBLEMS_MAX_BYTES);
}

void sms365_problems_free(struct sms365_problems *problems)
{
    sms365_buf_free(&problems->text);
}

/* Does a mistake at this place make the configuration unusable for this front end? */
static bool place_counts(const struct reader *reader)
{
    const struct section *section = &reader->section;

    if (reader->argument != NULL || reader->front_end == SMS365_FRONT_CLI)
        return true;
    if (section->service != NULL)
        return reader->service != NULL && strcmp(section->service, reader->service) == 0;
    return section->name == NULL || strcmp(section->name, "web") != 0 || reader->front_end == SMS365_FRONT_WEB;
}

__attribute__((format(printf, 2, 3))) static void report(struct reader *reader, const char *format, ...)
{
    struct sms365_problems *problems = reader->problems;
    const bool counts = place_counts(reader);
    char where[280], text[SMS365_CONF_WHY_SIZE + 200], line[sizeof where + sizeof text + 40];
    va_list args;

    if (counts)
        problems->errors++;
    else
        problems->warnings++;
    if (reader->argument != NULL)
        (void)snprintf(where, sizeof where, "argument \"%.120s\"", reader->argument);
    else
        (void)snprintf(where, sizeof where, "%.255s:%d", reader->file, reader->line);
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)snprintf(line, sizeof line, "%s: %s%s", where, text, counts ? "" : " (not read here)");
    sms365_str_clean(line);
    if (reader->unlisted > 0 || problems->text.length + strlen(line) + LAST_LINE_BYTES > problems->text.cap)
        reader->unlisted++;
    else
        sms365_buf_printf(&problems->text, "%s\n", line);
}

static void report_unknown_option(struct reader *reader, const char *name)
{
    const char *nearest = sms365_conf_nearest_option(name);

    if (nearest == NULL)
        report(reader, "there is no option \"%.60s\"", name);
    else
        report(reader, "there is no option \"%.60s\"; did you mean \"%s\" of [%s]?", name, nearest,
            reader->table[sms365_conf_find(nearest)].section);
}

static void report_unknown_section(struct reader *reader, const char *name)
{
    const char *nearest = sms365_conf_nearest_section(name);

    if (nearest != NULL)
        report(reader, "there is no section [%.60s]; did you mean [%s]?", name, nearest);
    else
        report(reader, "there is no section [%.60s]; its options were not looked at", name);
    /* The options below a slip of the pen are checked as what they most likely are. */
    reader->section.name = nearest;
    reader->section.unknown = nearest == NULL;
}

/* The name between the brackets; tail is what follows the closing one, NULL when there is none. */
static void section_enter(struct reader *reader, char *name, const char *tail)
{
    static const char word[] = "service";
    const size_t length = sizeof word - 1;

    reader->section = (struct section){0};
    if (strncmp(name, word, length) == 0 && (name[length] == '\0' || strchr(BLANKS, name[length]) != NULL)) {
        reader->section.service = sms365_str_trim(name + length);
        if (reader->section.service[0] == '\0' || strpbrk(reader->section.service, BLANKS "/[") != NULL) {
            reader->section = (struct section){.unknown = true};
            report(reader, "[service NAME] takes the name of one service; its options were not looked at");
        }
    } else {
        reader->section.name = sms365_conf_section(name);
        if (reader->section.name == NULL)
            report_unknown_section(reader, name);
    }
    if (tail == NULL)
        report(reader, "\"]\" is missing at the end of the section's name");
    else if (*tail != '\0')
        report(reader, "nothing may follow the \"]\"; comments stand on lines of their own");
}

static void header_read(struct reader *reader, char *line)
{
    char *end = strchr(line, ']');
    const char *tail = NULL;

    if (end != NULL) {
        *end = '\0';
        tail = sms365_str_trim(end + 1);
    }
    section_enter(reader, sms365_str_trim(line + 1), tail);
}

/* May the option stand in the section being read? */
static bool option_fits_section(struct reader *reader, size_t option)
{
    const char *name = reader->table[option].name;
    const char *home = reader->table[option].section;
    const struct section *section = &reader->section;

    if (section->service != NULL) {
        /* What is revoked must end for every service: its journal is one. */
        if (strcmp(name, "web_dir") != 0)
            return true;
        report(reader, "\"%s\" stands in [web] only, not in [service %.60s]", name, section->service);
    } else if (section->name == NULL) {
        report(reader, "\"%s\" stands before any section; it belongs in [%s]", name, home);
    } else if (strcmp(section->name, home) == 0) {
        return true;
    } else {
        report(reader, "\"%s\" belongs in [%s], not in [%s]", name, home, section->name);
    }
    return false;
}

/* Try the value on conf; report what is wrong with it. */
static bool value_set(struct reader *reader, struct sms365_conf *conf, size_t option, const char *value)
{
    char why[SMS365_CONF_WHY_SIZE];
    const char *type = reader->table[option].type;

    if (sms365_conf_set(conf, option, value, why))
        return true;
    const bool comment = strcmp(type, "text") != 0 && strpbrk(value, "#;") != NULL;
    report(reader, "\"%s\" %s%s", reader->table[option].name, why,
        comment ? "; comments stand on lines of their own" : "");
    return false;
}

static const struct setting *setting_find(const struct reader *reader, size_t option, const char *service)
{
    for (size_t i = 0; i < reader->count; i++) {
        const struct setting *setting = &reader->settings[i];
        if (setting->option != option || (setting->service == NULL) != (service == NULL))
            continue;
        if (service == NULL || strcmp(setting->service, service) == 0)
            return setting;
    }
    return NULL;
}

static void option_read(struct reader *reader, char *line)
{
    char *equals = strchr(line, '=');

    if (reader->section.unknown)
        return;
    if (equals == NULL) {
        report(reader, "this is not \"name = value\", nor a [section], nor a # comment");
        return;
    }
    *equals = '\0';
    const char *name = sms365_str_trim(line);
    const char *value = sms365_str_trim(equals + 1);
    const size_t option = sms365_conf_find(name);
    if (name[0] == '\0') {
        report(reader, "there is no name before the \"=\"");
        return;
    }
    if (option == reader->options) {
        report_unknown_option(reader, name);
        return;
    }
    (void)value_set(reader, &reader->scratch, option, value);
    if (!option_fits_section(reader, option))
        return;
    const char *service = reader->section.service;
    const struct setting *first = setting_find(reader, option, service);
    if (first != NULL)
        report(reader, "\"%s\" is set twice; the first time on line %d", name, first->line);
    else
        reader->settings[reader->count++] = (struct setting){option, reader->line, service, value};
}

static void line_read(struct reader *reader, char *line, size_t length)
{
    if (strlen(line) < length) {
        report(reader, "the line holds a NUL byte; this is not a text file");
        return;
    }
    line = sms365_str_trim(line);
    if (line[0] == '\0' || line[0] == '#' || line[0] == ';')
        return;
    if (length > LINE_MAX_BYTES)
        report(reader, "the line is longer than %d bytes", LINE_MAX_BYTES);
    else if (line[0] == '[')
        header_read(reader, line);
    else
        option_read(reader, line);
}

static enum sms365_err text_read(struct reader *reader, const char *text, size_t length)
{
    size_t lines = 1;

    reader->line = 1;
    if (length > SMS365_CONF_FILE_MAX) {
        report(reader, "the file is larger than %d bytes", SMS365_CONF_FILE_MAX);
        return SMS365_OK;
    }
    for (size_t i = 0; i < length; i++)
        lines += text[i] == '\n';
    reader->settings = calloc(lines, sizeof *reader->settings);
    reader->copy = malloc(length + 1);
    if (reader->settings == NULL || reader->copy == NULL)
        return SMS365_NO_MEMORY;
    if (length > 0)
        memcpy(reader->copy, text, length);
    reader->copy[length] = '\0';

    char *line = reader->copy;
    char *const end = reader->copy + length;
    if (sms365_str_starts(line, BYTE_ORDER_MARK)) {
        report(reader, "the file begins with a byte order mark; save it as UTF-8 without one");
        line += strlen(BYTE_ORDER_MARK);
    }
    for (; line < end; reader->line++) {
        char *newline = memchr(line, '\n', (size_t)(end - line));
        char *stop = newline == NULL ? end : newline;
        *stop = '\0';
        line_read(reader, line, (size_t)(stop - line));
        line = stop + 1;
    }
    return SMS365_OK;
}

/* Put what the text sets for a service (NULL: for all) into conf. Bad values were reported and change nothing. */
static void settings_apply(const struct reader *reader, struct sms365_conf *conf, const char *service)
{
    char why[SMS365_CONF_WHY_SIZE];

    for (size_t i = 0; i < reader->count; i++) {
        const struct setting *setting = &reader->settings[i];
        if ((setting->service == NULL) != (service == NULL))
            continue;
        if (service != NULL && strcmp(setting->service, service) != 0)
            continue;
        if (sms365_conf_set(conf, setting->option, setting->value, why))
            conf->origins[setting->option] = (struct sms365_origin){.line = setting->line};
    }
}

static void argument_read(struct reader *reader, struct sms365_conf *conf, const char *argument)
{
    char copy[LINE_MAX_BYTES];
    char *equals;

    reader->argument = argument;
    if (!sms365_str_copy(copy, sizeof copy, argument)) {
        report(reader, "longer than %d bytes", LINE_MAX_BYTES - 1);
        return;
    }
    equals = strchr(copy, '=');
    if (equals == NULL) {
        report(reader, "this is not \"name=value\"");
        return;
    }
    *equals = '\0';
    const char *name = sms365_str_trim(copy);
    const size_t option = sms365_conf_find(name);
    if (option == reader->options) {
        report_unknown_option(reader, name);
        return;
    }
    if (conf->origins[option].override)
        report(reader, "\"%s\" is set twice", name);
    else if (value_set(reader, conf, option, sms365_str_trim(equals + 1)))
        conf->origins[option] = (struct sms365_origin){.override = true};
}

/* The argument that set an option, NULL when none did. */
static const char *argument_of(const char *name, const char *const *overrides)
{
    const size_t length = strlen(name);

    for (; overrides != NULL && *overrides != NULL; overrides++) {
        const char *argument = *overrides + strspn(*overrides, BLANKS);
        if (strncmp(argument, name, length) == 0 && strchr(BLANKS "=", argument[length]) != NULL)
            return *overrides;
    }
    return NULL;
}

/* Report a mistake between options where this one was set. */
static void disagree(struct reader *reader, const struct sms365_conf *conf, const char *const *overrides,
    const char *name, const char *why)
{
    const size_t option = sms365_conf_find(name);

    reader->line = conf->origins[option].line;
    reader->argument = conf->origins[option].override ? argument_of(name, overrides) : NULL;
    reader->section = (struct section){0};
    report(reader, "%.300s", why);
}

/* The options that rules between options read. */
static const char *const related[] = {
    "url", "sandbox", "code", "code_digits", "text", "channels", "give_up_after", "wait", "origin", "language"};

/* Rules between options. */
static void conf_agrees(struct reader *reader, const struct sms365_conf *conf, const char *const *overrides)
{
    const bool local = conf->code == SMS365_CODE_LOCAL;
    const char *origin = reader->front_end == SMS365_FRONT_PAM ? "" : conf->origin; /* a slip of the web's alone */
    const char *text = conf->text[0] != '\0' ? conf->text : sms365_text_message((enum sms365_language)conf->language);
    char out[SMS365_URL_SIZE];
    char why[SMS365_CONF_WHY_SIZE];
    struct sms365_routes routes;
    struct sms365_error err;

    if (sms365_url_check(out, conf->url, conf->sandbox, &err) != SMS365_OK)
        disagree(reader, conf, overrides, "url", err.text);
    (void)sms365_routes_parse(&routes, conf->channels, SMS365_ROUTES_MAX);
    if (!local && sms365_routes_use(&routes, SMS365_CHANNEL_VIBER))
        disagree(reader, conf, overrides, "channels", "\"channels\": viber needs code = local");
    if (!local && origin[0] != '\0')
        disagree(reader, conf, overrides, "origin", "\"origin\" needs code = local");
    if (conf->give_up_after_s > conf->wait_s)
        disagree(reader, conf, overrides, "give_up_after", "\"give_up_after\" is longer than wait");
    const char *wrong = local ? sms365_sms_check(text, (size_t)conf->code_digits, origin) : NULL;
    if (wrong != NULL) {
        (void)snprintf(why, sizeof why, "\"text\", with a code of %d digits%s: %s", (int)conf->code_digits,
            origin[0] == '\0' ? "" : " and the line for origin", wrong);
        disagree(reader, conf, overrides, "text", why);
    }
}

/* Does this setting come first among those of its service that a rule between options reads? */
static bool is_first_related(const struct reader *reader, const struct setting *setting)
{
    for (const struct setting *other = reader->settings; other <= setting; other++)
        for (size_t i = 0; i < sizeof related / sizeof *related; i++)
            if (other->service != NULL && strcmp(other->service, setting->service) == 0 &&
                other->option == sms365_conf_find(related[i]))
                return other == setting;
    return false;
}

/* `sms365 config --check` asks for every service at once: those that are not the one asked for, over plain. */
static void other_services_check(struct reader *reader, const struct sms365_conf *plain)
{
    for (size_t i = 0; i < reader->count; i++) {
        const struct setting *setting = &reader->settings[i];
        const char *service = setting->service;
        if (service == NULL || (reader->service != NULL && strcmp(service, reader->service) == 0) ||
            !is_first_related(reader, setting))
            continue;
        reader->scratch = *plain;
        settings_apply(reader, &reader->scratch, service);
        conf_agrees(reader, &reader->scratch, NULL);
    }
}

enum sms365_err sms365_conf_parse(struct sms365_conf *conf, const char *file, const char *text, size_t length,
    const char *service, const char *const *overrides, enum sms365_front_end front_end,
    struct sms365_problems *problems)
{
    struct reader reader = {.problems = problems, .file = file, .service = service, .front_end = front_end};
    const int errors_before = problems->errors;

    reader.table = sms365_conf_table(&reader.options);
    sms365_conf_defaults(conf);
    enum sms365_err err = text_read(&reader, text, length);
    if (err != SMS365_OK)
        goto out;
    settings_apply(&reader, conf, NULL);
    if (front_end == SMS365_FRONT_CLI)
        other_services_check(&reader, conf);
    if (service != NULL)
        settings_apply(&reader, conf, service);
    for (const char *const *argument = overrides; argument != NULL && *argument != NULL; argument++)
        argument_read(&reader, conf, *argument);
    conf_agrees(&reader, conf, overrides);
    if (reader.unlisted > 0)
        sms365_buf_printf(&problems->text, "%d more mistakes are not listed\n", reader.unlisted);
    if (problems->errors > errors_before)
        err = SMS365_BAD_CONFIG;
out:
    free(reader.settings);
    free(reader.copy);
    return err;
}

enum sms365_err sms365_conf_services(struct sms365_buf *names, const char *text, size_t length)
{
    struct sms365_problems problems;
    struct reader reader = {.problems = &problems, .file = ""};

    sms365_problems_init(&problems);
    reader.table = sms365_conf_table(&reader.options);
    enum sms365_err err = text_read(&reader, text, length);
    for (size_t i = 0; err == SMS365_OK && i < reader.count; i++) {
        const char *service = reader.settings[i].service;
        if (service == NULL)
            continue;
        bool first = true;
        for (size_t j = 0; j < i && first; j++)
            first = reader.settings[j].service == NULL || strcmp(reader.settings[j].service, service) != 0;
        if (first)
            sms365_buf_printf(names, "%s\n", service);
    }
    if (names->failed)
        err = SMS365_NO_MEMORY;
    sms365_problems_free(&problems);
    free(reader.settings);
    free(reader.copy);
    return err;
}
