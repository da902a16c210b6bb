/* The audit line: one a decision, the same from every front end. Its fields are a contract: sms365-audit(5). */
#include "pure/challenge_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct line {
    struct sms365_buf buf;
    bool json;
};

static void begin_field(struct line *line, const char *name)
{
    if (line->json)
        sms365_buf_printf(&line->buf, "%s\"%s\":", line->buf.length == 0 ? "{" : ",", name);
    else
        sms365_buf_printf(&line->buf, "%s%s=", line->buf.length == 0 ? "" : " ", name);
}

/* Names come from strangers: none may end its field and forge the next. */
static void put_text(struct line *line, const char *name, const char *text)
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

/* One of our own words, or a number. */
static void put_word(struct line *line, const char *name, const char *word)
{
    if (line->json) {
        put_text(line, name, word);
    } else {
        begin_field(line, name);
        sms365_buf_puts(&line->buf, word);
    }
}

static void put_number(struct line *line, const char *name, int number)
{
    begin_field(line, name);
    sms365_buf_printf(&line->buf, "%d", number);
}

/* Thousandths of a credit as credits, without zeros at the end. */
static void put_cost(struct line *line, int64_t cost)
{
    char digits[8];
    size_t length;

    (void)snprintf(digits, sizeof digits, "%03d", (int)(cost % SMS365_COST_UNIT));
    for (length = strlen(digits); length > 0 && digits[length - 1] == '0'; length--)
        digits[length - 1] = '\0';
    begin_field(line, "cost");
    sms365_buf_printf(&line->buf, "%" PRId64 "%s%s", cost / SMS365_COST_UNIT, length > 0 ? "." : "", digits);
}

/* A name that a stranger made up may be anything, a password typed at the wrong prompt too: only its hash is logged. */
static void put_user(struct sms365_challenge *ch, struct line *line)
{
    uint8_t mac[SMS365_MAC_BYTES] = {0};
    char hashed[8 + 17] = "unknown#";

    if (ch->known) {
        put_text(line, "user", ch->user);
        return;
    }
    (void)sms365_hmac(mac, &ch->holder_key, ch->user, strlen(ch->user));
    sms365_str_hex(hashed + 8, mac, 8);
    put_word(line, "user", hashed);
}

static void put_message(const struct sms365_challenge *ch, struct line *line)
{
    static const char *const deliveries[SMS365_DELIVERIES] = {
        [SMS365_DELIVERY_PENDING] = "pending",
        [SMS365_DELIVERY_DONE] = "delivered",
        [SMS365_DELIVERY_FAILED] = "failed",
        [SMS365_DELIVERY_UNKNOWN] = "unknown",
    };
    const struct sms365_slot *slot = &ch->slot;
    char masked[32];
    char id[17];

    put_word(line, "channel",
        ch->by_backup      ? "backup"
        : slot->phase != 0 ? sms365_channel_name((enum sms365_channel)slot->channel)
                           : "none");
    if (slot->phase == 0)
        return;
    sms365_msisdn_mask(masked, slot->msisdn);
    sms365_str_hex(id, slot->id, 8);
    put_text(line, "to", masked);
    put_word(line, "delivery", deliveries[slot->delivery]);
    put_word(line, "challenge", id);
    put_text(line, "msg_id", slot->auth_id);
    put_cost(line, slot->cost);
    put_number(line, "tries", slot->tries);
}

void challenge_audit(struct sms365_challenge *ch)
{
    static const char *const verdicts[] = {"deny", "allow", "bypass"};
    struct line line = {.json = ch->conf->log_format == SMS365_LOG_JSON};

    sms365_buf_init(&line.buf, sizeof ch->audit - 1);
    put_word(&line, "event", "login");
    put_user(ch, &line);
    put_text(&line, "service", ch->service);
    put_text(&line, "rhost", ch->host);
    put_message(ch, &line);
    if (ch->sim_changed)
        put_word(&line, "sim", "changed");
    if (ch->low_balance)
        put_word(&line, "balance", "low");
    put_word(&line, "verdict", verdicts[ch->outcome.verdict]);
    put_word(&line, "reason", sms365_reason_name(ch->outcome.reason));
    if (line.json)
        sms365_buf_puts(&line.buf, "}");
    if (!sms365_str_copy(ch->audit, sizeof ch->audit, sms365_buf_text(&line.buf)))
        ch->audit[0] = '\0';
    sms365_buf_free(&line.buf);
    sms365_str_clean(ch->audit);
}
