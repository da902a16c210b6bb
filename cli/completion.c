/* sms365 completion: what shells complete, from the tables of commands and endpoints. */
#include "family.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SCRIPT_BYTES_MAX 262144
#define USAGE_MAX 1024
#define WORDS_MAX 8 /* of a command */
#define KEY_SIZE 128

/*
 * Both shells: _sms365_words prints what can stand behind some words, "word:explanation" a line. It returns 1 for words
 * that it does not know, and 2 where a file's name is to stand.
 */
static const char common_text[] =
    "_sms365_has()\n"
    "{\n"
    "    local line\n"
    "    while IFS= read -r line; do\n"
    "        [[ ${line%%:*} == \"$2\" ]] && return 0\n"
    "    done < <(_sms365_words \"$1\")\n"
    "    return 1\n"
    "}\n"
    "\n"
    "# Of the words before the cursor those that name a command, and for api an endpoint.\n"
    "_sms365_key()\n"
    "{\n"
    "    local key='' skip='' word\n"
    "    for word in \"$@\"; do\n"
    "        if [[ -n $skip ]]; then\n"
    "            skip=''\n"
    "        elif [[ $word == -c ]]; then\n"
    "            skip=yes\n"
    "        elif [[ $word != -* && $word != help ]] && _sms365_has \"$key\" \"$word\"; then\n"
    "            key=${key:+$key }$word\n"
    "        fi\n"
    "    done\n"
    "    printf '%s' \"$key\"\n"
    "}\n"
    "\n";

static const char bash_text[] =
    "_sms365()\n"
    "{\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} key list=() status=0\n"
    "    # bash takes --name=value for three words.\n"
    "    if [[ $current == = ]]; then\n"
    "        current=''\n"
    "    elif [[ $previous == = ]]; then\n"
    "        previous=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n"
    "    COMPREPLY=()\n"
    "    key=$(_sms365_key \"${COMP_WORDS[@]:1:COMP_CWORD - 1}\")\n"
    "    if [[ $previous == -* ]]; then\n"
    "        _sms365_words \"${key:+$key }$previous\" >/dev/null || status=$?\n"
    "        ((status == 1)) || key=${key:+$key }$previous\n"
    "    elif [[ ${COMP_WORDS[COMP_CWORD]} == = || ${COMP_WORDS[COMP_CWORD - 1]} == = ]]; then\n"
    "        return\n"
    "    fi\n"
    "    status=0\n"
    "    list=$(_sms365_words \"$key\") || status=$?\n"
    "    if ((status == 2)); then\n"
    "        mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
    "        compopt -o filenames 2>/dev/null\n"
    "        return\n"
    "    fi\n"
    "    mapfile -t list <<<\"$list\"\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"${list[*]%%:*}\" -- \"$current\")\n"
    "    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null\n"
    "    return 0\n"
    "}\n"
    "complete -F _sms365 sms365\n";

static const char zsh_text[] = "_sms365()\n"
                               "{\n"
                               "    local key previous=${words[CURRENT-1]} lines status_=0\n"
                               "    local -a list\n"
                               "    key=$(_sms365_key \"${(@)words[2,CURRENT-1]}\")\n"
                               "    if [[ $previous == -* ]]; then\n"
                               "        _sms365_words \"${key:+$key }$previous\" >/dev/null || status_=$?\n"
                               "        ((status_ == 1)) || key=${key:+$key }$previous\n"
                               "    fi\n"
                               "    status_=0\n"
                               "    lines=$(_sms365_words \"$key\") || status_=$?\n"
                               "    if ((status_ == 2)); then\n"
                               "        _files\n"
                               "        return\n"
                               "    fi\n"
                               "    list=(${(f)lines})\n"
                               "    if [[ $key == 'api '* ]]; then\n"
                               "        _describe sms365 list -S ''\n"
                               "    else\n"
                               "        _describe sms365 list\n"
                               "    fi\n"
                               "}\n"
                               "_sms365 \"$@\"\n";

/* A line of a case: what can be typed, and what it means. Single quotes end a quoted text of the shell. */
static void entry_put(struct sms365_buf *out, const char *word, size_t length, const char *about)
{
    sms365_buf_printf(out, "        '%.*s:", (int)length, word);
    for (; *about != '\0'; about++)
        if (*about == '\'')
            sms365_buf_puts(out, "'\\''");
        else
            sms365_buf_add(out, about, 1);
    sms365_buf_puts(out, "' \\\n");
}

static void case_begin(struct sms365_buf *out, const char *key)
{
    sms365_buf_printf(out, "    '%s') printf '%%s\\n' \\\n", key);
}

static void case_end(struct sms365_buf *out)
{
    sms365_buf_puts(out, "        ;;\n");
}

static void word_put(struct sms365_buf *out, const char *word, const char *about)
{
    entry_put(out, word, strlen(word), about);
}

/* --- Words of commands --- */

static bool has_word(const struct cli_command *command, int n)
{
    size_t length;

    return cli_command_word(command, n, &length) != NULL;
}

/* "account comment": the first words of a command. */
static void key_of(char key[KEY_SIZE], const struct cli_command *command, int words)
{
    struct sms365_buf text;
    size_t length;

    sms365_buf_init(&text, KEY_SIZE - 1);
    for (int n = 0; n < words && has_word(command, n); n++) {
        const char *word = cli_command_word(command, n, &length);
        sms365_buf_printf(&text, "%s%.*s", n == 0 ? "" : " ", (int)length, word);
    }
    (void)sms365_str_copy(key, KEY_SIZE, sms365_buf_text(&text));
    sms365_buf_free(&text);
}

/* Is it the first command that begins with these many of its words? */
static bool is_first(const struct cli_command *command, int words)
{
    char key[KEY_SIZE], other[KEY_SIZE];

    key_of(key, command, words);
    for (size_t i = 0; cli_tables[i] != NULL; i++)
        for (const struct cli_command *one = cli_tables[i]; one->name != NULL; one++) {
            key_of(other, one, words);
            if (strcmp(key, other) == 0)
                return one == command;
        }
    return false;
}

static const char *group_help(const struct cli_command *command)
{
    static const struct {
        const char *name, *help;
    } groups[] = {
#define GROUP(name, help) {name, help},
#include "families.def"
        {"user", "users of this machine"},
        {"key", "API keys of this machine"},
        {"session", "web sessions"},
    };

    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (strcmp(groups[i].name, command->group) == 0)
            return groups[i].help;
    return "";
}

/* What can stand behind key, which is so many words. */
static void next_words_put(struct sms365_buf *out, const char *key, int words)
{
    char present[KEY_SIZE];
    size_t length;

    for (size_t i = 0; cli_tables[i] != NULL; i++)
        for (const struct cli_command *command = cli_tables[i]; command->name != NULL; command++) {
            const char *word = cli_command_word(command, words, &length);
            key_of(present, command, words);
            if (word == NULL || strcmp(present, key) != 0 || !is_first(command, words + 1))
                continue;
            const char *about = words == 0 && command->group != NULL ? group_help(command) : "";
            entry_put(out, word, length, has_word(command, words + 1) ? about : cli_command_help(command));
        }
}

/* The words that begin a command, but are none yet. */
static void beginnings_put(struct sms365_buf *out, const struct cli_command *command)
{
    char key[KEY_SIZE];

    for (int words = 1; has_word(command, words); words++) {
        if (!is_first(command, words))
            continue;
        key_of(key, command, words);
        case_begin(out, key);
        next_words_put(out, key, words);
        word_put(out, "--help", "what these take");
        case_end(out);
    }
}

/* --- Options --- */

/* One that a usage line has: "--url", with a value behind it or without. */
struct named {
    const char *name;
    size_t length;
    const char *value; /* NULL: it takes none */
};

static bool option_next(const char **usage, struct named *option)
{
    const char *found = strstr(*usage, "--");

    if (found == NULL)
        return false;
    option->name = found;
    option->length = 2 + strspn(found + 2, "abcdefghijklmnopqrstuvwxyz-");
    const char *behind = found + option->length;
    option->value = behind[0] == ' ' && isalnum((unsigned char)behind[1]) ? behind + 1 : NULL;
    *usage = behind;
    return true;
}

static void usage_options_put(struct sms365_buf *out, const struct cli_command *command)
{
    const char *usage = command->arguments;
    struct named option;

    while (option_next(&usage, &option))
        entry_put(out, option.name, option.length, "");
}

/* Their values: a file's name, or whatever it is. */
static void usage_values_put(struct sms365_buf *out, const struct cli_command *command, const char *key)
{
    const char *usage = command->arguments;
    struct named option;

    while (option_next(&usage, &option))
        if (option.value != NULL)
            sms365_buf_printf(out, "    '%s %.*s') return %d ;;\n", key, (int)option.length, option.name,
                sms365_str_starts(option.value, "FILE") ? 2 : 0);
}

static const struct sms365_api_param *option_params(const struct sms365_endpoint *endpoint, size_t *i)
{
    size_t count;
    const struct sms365_api_param *params = sms365_api_params(&count);

    for (; *i < count; ++*i)
        if (params[*i].endpoint == endpoint->id && cli_param_place(&params[*i]) == CLI_PLACE_OPTION)
            return &params[(*i)++];
    return NULL;
}

static void family_options_put(struct sms365_buf *out, const struct sms365_endpoint *endpoint)
{
    const struct sms365_api_param *param;
    char option[KEY_SIZE];

    for (size_t i = 0; (param = option_params(endpoint, &i)) != NULL;) {
        (void)snprintf(option, sizeof option, "--%s", param->name);
        word_put(out, option, sms365_api_param_help(param));
    }
    for (const struct cli_common_option *common = cli_common_options; common->name != NULL; common++)
        if (common->fits(endpoint))
            word_put(out, common->name, common->help);
}

static void family_values_put(struct sms365_buf *out, const struct sms365_endpoint *endpoint, const char *key)
{
    static const char choice[] = "    '%s --%s') printf '%%s\\n' %s ;;\n";
    const struct sms365_api_param *param;

    for (size_t i = 0; (param = option_params(endpoint, &i)) != NULL;)
        if (param->type == SMS365_TYPE_BOOL)
            sms365_buf_printf(out, choice, key, param->name, "true false");
        else
            sms365_buf_printf(out, "    '%s --%s') ;;\n", key, param->name);
    sms365_buf_printf(out, "    '%s --key') ;;\n", key);
    if (cli_family_lists(endpoint))
        sms365_buf_printf(out, choice, key, "format", "table csv");
}

/* --- api --- */

static void endpoints_put(struct sms365_buf *out)
{
    for (int id = 0; id < SMS365_EP_COUNT; id++) {
        const struct sms365_endpoint *endpoint = sms365_endpoint_get((enum sms365_endpoint_id)id);
        word_put(out, endpoint->path, sms365_endpoint_help(endpoint));
    }
}

/* Behind an endpoint: its parameters. Secrets are read from elsewhere. */
static void api_params_put(struct sms365_buf *out, const struct sms365_endpoint *endpoint)
{
    size_t count;
    const struct sms365_api_param *params = sms365_api_params(&count);
    char word[KEY_SIZE];

    (void)snprintf(word, sizeof word, "api %s", endpoint->path);
    case_begin(out, word);
    for (size_t i = 0; i < count; i++) {
        if (params[i].endpoint != endpoint->id || strcmp(params[i].name, "key") == 0)
            continue;
        (void)snprintf(word, sizeof word, "%s=%s", params[i].name, params[i].type == SMS365_TYPE_SECRET ? "-" : "");
        word_put(out, word, sms365_api_param_help(&params[i]));
    }
    word_put(out, "type=", "json, xml or v2");
    case_end(out);
}

/* --- The script --- */

static void command_put(struct sms365_buf *out, const struct cli_command *command)
{
    const struct sms365_endpoint *endpoint = cli_family_endpoint(command);
    char key[KEY_SIZE];

    key_of(key, command, WORDS_MAX);
    beginnings_put(out, command);
    case_begin(out, key);
    if (strcmp(key, "api") == 0)
        endpoints_put(out);
    if (strcmp(key, "completion") == 0) {
        word_put(out, "bash", "");
        word_put(out, "zsh", "");
    }
    if (endpoint != NULL)
        family_options_put(out, endpoint);
    else
        usage_options_put(out, command);
    word_put(out, "--help", "what it takes");
    case_end(out);
    if (endpoint != NULL)
        family_values_put(out, endpoint, key);
    else
        usage_values_put(out, command, key);
}

static void words_put(struct sms365_buf *out)
{
    sms365_buf_puts(out, "_sms365_words()\n{\n    case $1 in\n");
    case_begin(out, "");
    next_words_put(out, "", 0);
    word_put(out, "-c", "the configuration file");
    word_put(out, "--json", "one JSON object");
    word_put(out, "--help", "all commands");
    word_put(out, "--version", "");
    case_end(out);
    sms365_buf_puts(out, "    -c) return 2 ;;\n");
    for (size_t i = 0; cli_tables[i] != NULL; i++)
        for (const struct cli_command *command = cli_tables[i]; command->name != NULL; command++)
            command_put(out, command);
    for (int id = 0; id < SMS365_EP_COUNT; id++)
        api_params_put(out, sms365_endpoint_get((enum sms365_endpoint_id)id));
    sms365_buf_puts(out, "    *) return 1 ;;\n    esac\n}\n\n");
}

static enum cli_exit completion_run(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    const struct cli_option options[] = {{NULL, NULL, NULL, NULL}};
    struct sms365_buf script;

    if (!cli_args(cli, command, options, &argc, argv, 1, 1))
        return CLI_USAGE;
    const bool zsh = strcmp(argv[0], "zsh") == 0;
    if (!zsh && strcmp(argv[0], "bash") != 0)
        return cli_fail_usage(cli, command, "the shell is bash or zsh");
    sms365_buf_init(&script, SCRIPT_BYTES_MAX);
    sms365_buf_puts(&script, zsh ? "#compdef sms365\n" : "");
    sms365_buf_printf(&script, "# Made by: sms365 completion %s\n\n", argv[0]);
    words_put(&script);
    sms365_buf_puts(&script, common_text);
    sms365_buf_puts(&script, zsh ? zsh_text : bash_text);
    const bool whole = !script.failed;
    cli_print(cli, sms365_buf_text(&script));
    (void)cJSON_AddStringToObject(cli->out, "script", sms365_buf_text(&script));
    sms365_buf_free(&script);
    return whole ? CLI_DONE : cli_fail(cli, CLI_FAILED, "no_memory", "no memory for the script");
}

const struct cli_command cli_completion_commands[] = {
    {NULL, "completion", "bash|zsh", "Print what completes commands in a shell", completion_run},
    {NULL, NULL, NULL, NULL, NULL},
};
