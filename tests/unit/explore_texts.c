/* The rules on texts: prompts, what is told, audit lines. */
#include "explore.h"

#include "base/str.h"

#include <string.h>

#define TEXTS_SEEN 8192 /* a power of two */

/* Five digits of a phone number in a row are more than a masked one shows. */
static bool shows_number(const char *text)
{
    char part[6] = "";

    for (int i = 0; i < WORLD_NUMBERS; i++) {
        for (size_t at = 0; at + 5 <= strlen(world_numbers[i]); at++) {
            memcpy(part, world_numbers[i] + at, 5);
            if (strstr(text, part) != NULL)
                return true;
        }
    }
    return false;
}

static bool shows_answer(const char *text)
{
    if (strstr(text, "2468") != NULL || strstr(text, "hunter2") != NULL || strstr(text, "7777") != NULL ||
        strstr(text, "8642") != NULL)
        return true;
    for (int i = 0; i < WORLD_MESSAGES; i++) {
        const char *code = event_code(&world.common.messages[i]);
        if (code[0] != '\0' && strstr(text, code) != NULL)
            return true;
    }
    for (int i = 0; i < WORLD_BACKUPS; i++)
        if (world_backups[i][0] != '\0' && strstr(text, world_backups[i]) != NULL)
            return true;
    return false;
}

static bool is_clean(const char *text, bool ascii)
{
    char cleaned[2 * SMS365_AUDIT_SIZE];

    if (!sms365_str_copy(cleaned, sizeof cleaned, text))
        return false;
    sms365_str_clean(cleaned);
    if (strcmp(cleaned, text) != 0)
        return false;
    for (const char *c = text; ascii && *c != '\0'; c++)
        if ((unsigned char)*c > '~')
            return false;
    return true;
}

/* Step over `name="value"` with escapes, or `name=word`; NULL when it is not there. */
static const char *field(const char *at, const char *name)
{
    const size_t length = strlen(name);

    if (at == NULL || strncmp(at, name, length) != 0 || at[length] != '=')
        return NULL;
    at += length + 1;
    if (*at != '"')
        return at + strcspn(at, " ");
    for (at++; *at != '"'; at++) {
        if (*at == '\\')
            at++;
        if (*at == '\0')
            return NULL;
    }
    return at + 1;
}

/* An audit line has exactly its fields, whatever names are in them. hidden: the line without its hashes. */
static bool is_audit(const char *text, char *hidden, size_t size)
{
    static const char *const fields[] = {"event", "user", "service", "rhost", "channel", "to", "delivery", "challenge",
        "msg_id", "cost", "tries", "sim", "balance", "verdict", "reason"};
    const char *at = text;
    struct sms365_buf buf;

    sms365_buf_init(&buf, size - 1);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const bool sent = i >= 5 && i <= 12;
        const char *end = field(at, fields[i]);
        if (end == NULL && sent)
            continue;
        if (end == NULL || (*end != ' ' && *end != '\0'))
            break;
        const bool hash = strcmp(fields[i], "challenge") == 0 || strcmp(fields[i], "msg_id") == 0 ||
                          strncmp(at, "user=unknown#", 13) == 0;
        if (!hash)
            sms365_buf_add(&buf, at, (size_t)(end - at));
        at = *end == ' ' ? end + 1 : end;
        if (*end == '\0' && i + 1 < sizeof fields / sizeof *fields)
            break;
        sms365_buf_puts(&buf, " ");
    }
    const bool good = *at == '\0' && strstr(sms365_buf_text(&buf), " reason=") != NULL;
    (void)sms365_str_copy(hidden, size, sms365_buf_text(&buf));
    sms365_buf_free(&buf);
    return good;
}

static uint64_t text_hash(const char *text, uint64_t hash)
{
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash;
}

/* There are few texts and many states: each is looked at once. */
static bool is_new(const struct proc *proc, const char *text)
{
    static uint64_t seen[TEXTS_SEEN];
    const uint64_t hash = text_hash(text, (uint64_t)proc->ch.action.kind * 64 + proc->diary.subject * 2u +
                                              (uint64_t)current_run->greek + 0x9e3779b97f4a7c15u);
    uint64_t *slot = &seen[(hash ^ hash >> 31) % TEXTS_SEEN];

    if (*slot == hash)
        return false;
    *slot = hash;
    return true;
}

void rules_texts(const struct proc *proc)
{
    const struct subject_info *who = &subjects[proc->diary.subject];
    const bool stranger = !who->known || !who->first_factor;
    const char *text = proc->ch.action.text;
    const char *generic = current_run->greek ? "Κωδικός επαλήθευσης: " : "Verification code: ";
    const bool log = proc->ch.action.kind == SMS365_ACTION_LOG;
    char hidden[SMS365_AUDIT_SIZE + 64];

    if (!is_new(proc, text))
        return;
    if (!is_clean(text, !log && !current_run->greek) || text[0] == '\0')
        violate(RULE_texts_are_clean, "%s", text);
    if (log && !is_audit(text, hidden, sizeof hidden))
        violate(RULE_audit_line_is_well_formed, "%s", text);
    if (shows_answer(log ? hidden : text))
        violate(RULE_answers_stay_secret, "%s", text);
    if (shows_number(log ? hidden : text))
        violate(RULE_numbers_are_masked, "%s", text);
    if (log && !who->known && strstr(text, "mallory") != NULL)
        violate(RULE_answers_stay_secret, "a stranger's name, which may be a password, is logged");
    if (stranger && !log && (proc->ch.action.kind != SMS365_ACTION_ASK || strcmp(text, generic) != 0))
        violate(RULE_strangers_learn_nothing, "%s", text);
}
