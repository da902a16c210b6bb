#include "pure/audit.h"

#include "pure/tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void begin_field(struct sms365_audit *line, const char *name)
{
    if (line->json)
        sms365_buf_printf(&line->buf, "%s\"%s\":", line->buf.length == 0 ? "{" : ",", name);
    else
        sms365_buf_printf(&line->buf, "%s%s=", line->buf.length == 0 ? "" : " ", name);
}

void sms365_audit_begin(struct sms365_audit *line, const char *event, bool json, size_t cap)
{
    line->json = json;
    sms365_buf_init(&line->buf, cap);
    sms365_audit_word(line, "event", event);
}

/* Names come from strangers: none may end its field and forge the next. */
void sms365_audit_text(struct sms365_audit *line, const char *name, const char *text)
{
    begin_field(line, name);
    sms365_buf_puts(&line->buf, "\"");
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            sms365_buf_puts(&line->buf, "\\");
        sms365_buf_add(&line->buf, c, 1);
    }
    sms365_buf_puts(&line->buf, "\"");
}

void sms365_audit_word(struct sms365_audit *line, const char *name, const char *word)
{
    if (line->json) {
        sms365_audit_text(line, name, word);
    } else {
        begin_field(line, name);
        sms365_buf_puts(&line->buf, word);
    }
}

/* A name that a stranger made up may be anything, a password typed at the wrong prompt too: only its hash is logged. */
void sms365_audit_user(struct sms365_audit *line, const char *user, bool known, const struct sms365_mac_key *key)
{
    uint8_t mac[SMS365_MAC_BYTES] = {0};
    char hashed[8 + 17] = "unknown#";

    if (known) {
        sms365_audit_text(line, "user", user);
    } else if (key == NULL) {
        sms365_audit_word(line, "user", "unknown");
    } else {
        (void)sms365_hmac(mac, key, user, strlen(user));
        sms365_str_hex(hashed + 8, mac, 8);
        sms365_audit_word(line, "user", hashed);
    }
}

void sms365_audit_number(struct sms365_audit *line, const char *name, int64_t number)
{
    begin_field(line, name);
    sms365_buf_printf(&line->buf, "%" PRId64, number);
}

void sms365_audit_cost(struct sms365_audit *line, const char *name, int64_t cost)
{
    char digits[8];
    size_t length;

    (void)snprintf(digits, sizeof digits, "%03d", (int)(cost % SMS365_COST_UNIT));
    for (length = strlen(digits); length > 0 && digits[length - 1] == '0'; length--)
        digits[length - 1] = '\0';
    begin_field(line, name);
    sms365_buf_printf(&line->buf, "%" PRId64 "%s%s", cost / SMS365_COST_UNIT, length > 0 ? "." : "", digits);
}

const char *sms365_audit_end(struct sms365_audit *line)
{
    if (line->json)
        sms365_buf_puts(&line->buf, "}");
    if (line->buf.failed)
        return NULL;
    sms365_str_clean(line->buf.data);
    return line->buf.data;
}

void sms365_audit_free(struct sms365_audit *line)
{
    sms365_buf_free(&line->buf);
}
