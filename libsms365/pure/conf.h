/*
 * The configuration: an INI file read against options.def. The reader takes text, not a path, and reports every mistake
 * with its line.
 *
 *   [section]            the sections of options.def
 *   [service NAME]       any option of any section but [web], for one PAM or web service
 *   name = value         blanks around both are cut; the value goes to the end of the line; no quotes, no continuation
 *   # comment            on a line of its own; also ;
 */
#ifndef SMS365_CONF_H
#define SMS365_CONF_H

#include "base/str.h"
#include "sms365.h"

#define SMS365_CONF_FILE_MAX 65536 /* bytes of a configuration file */

enum sms365_first_factor { SMS365_FIRST_PROVEN, SMS365_FIRST_STACKED, SMS365_FIRST_NONE };
enum sms365_code { SMS365_CODE_PROVIDER, SMS365_CODE_LOCAL };
enum sms365_on_outage { SMS365_OUTAGE_DENY, SMS365_OUTAGE_BACKUP };
enum sms365_unenrolled { SMS365_UNENROLLED_DENY, SMS365_UNENROLLED_IGNORE };
enum sms365_hlr { SMS365_HLR_OFF, SMS365_HLR_WARN, SMS365_HLR_BLOCK };
enum sms365_whose { SMS365_SUBJECT_USER, SMS365_SUBJECT_CALLER };
enum sms365_language { SMS365_LANGUAGE_EN, SMS365_LANGUAGE_EL };
enum sms365_log_level { SMS365_LOG_ERROR, SMS365_LOG_WARNING, SMS365_LOG_INFO };
enum sms365_log_format { SMS365_LOG_TEXT, SMS365_LOG_JSON };

/* Where a value came from. */
struct sms365_origin {
    int line;      /* 0: not from the file */
    bool override; /* an argument */
};

/* One field an option; fixed sizes, so that it can be copied and needs no freeing. */
struct sms365_conf {
#define OPTION_NUMBER(field, max) int64_t field;
#define OPTION_BOOL(field, max) bool field;
#define OPTION_TEXT(field, max) char field[(max) + 1];
#define OPTION_PATH(field, max) char field[(max) + 1];
#define OPTION_CHOICE(field, max) int field; /* an enumerator of CHOICE(field, ...) */
#define OPTION(section, name, type, field, fallback, min, max, help) OPTION_##type(field, max)
#include "pure/options.def"
#undef OPTION_NUMBER
#undef OPTION_BOOL
#undef OPTION_TEXT
#undef OPTION_PATH
#undef OPTION_CHOICE
    struct sms365_origin origins[128]; /* by the option's place in the table */
};

enum sms365_front_end { SMS365_FRONT_PAM, SMS365_FRONT_WEB, SMS365_FRONT_CLI };

/* The mistakes found: one "file:line: text" a line, in order. Those in sections this front end does not read do not
 * make the configuration unusable. */
struct sms365_problems {
    struct sms365_buf text;
    int errors;   /* make it unusable */
    int warnings; /* logged only */
};

void sms365_problems_init(struct sms365_problems *problems);
void sms365_problems_free(struct sms365_problems *problems);

/* Every option's default. */
void sms365_conf_defaults(struct sms365_conf *conf);

/*
 * Read text (length bytes; a NUL in it is a mistake) over the defaults, then [service NAME] for service (may be NULL),
 * then overrides ("name=value", may be NULL; ends with NULL). file names the text in problems. Reads on after a
 * mistake, so that all are told at once. BAD_CONFIG when problems->errors > 0; conf holds nothing usable then.
 */
enum sms365_err sms365_conf_parse(struct sms365_conf *conf, const char *file, const char *text, size_t length,
    const char *service, const char *const *overrides, enum sms365_front_end front_end,
    struct sms365_problems *problems);

/* The services that text sets something for: into names, each once, with a newline behind it. Mistakes are passed over.
 * NO_MEMORY. */
enum sms365_err sms365_conf_services(struct sms365_buf *names, const char *text, size_t length);

/* The table, for `sms365 config` and the documentation. */
struct sms365_option {
    const char *section;
    const char *name;
    const char *type; /* "number", "bool", "text", "path", "choice" */
    const char *fallback;
    int64_t min, max;
    const char *help;
};
const struct sms365_option *sms365_conf_table(size_t *count);
/* The effective value of the option at `index` as text; out has room for 1024 bytes. */
void sms365_conf_value(char *out, const struct sms365_conf *conf, size_t index);
/* Words of a CHOICE option, one a call from 0 on; NULL after the last, and for other options. */
const char *sms365_conf_choice(size_t index, size_t which);

#endif
