/* The audit line: one a decision, the same from every front end. */
#include "pure/challenge_state.h"

#include <string.h>

static const char *const delivery_names[] = {
    [SMS365_DELIVERY_PENDING] = "pending",
    [SMS365_DELIVERY_DONE] = "delivered",
    [SMS365_DELIVERY_FAILED] = "failed",
};

/* Host names come from strangers: none may end its field and forge the next. */
static void audit_text(struct sms365_buf *line, const char *name, const char *text)
{
    sms365_buf_printf(line, "%s=\"", name);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            sms365_buf_puts(line, "\\");
        sms365_buf_add(line, c, 1);
    }
    sms365_buf_puts(line, "\" ");
}

/* A name that a stranger made up may be anything, a password typed at the wrong prompt too: only its hash is logged. */
static void audit_user(struct sms365_challenge *ch, struct sms365_buf *line)
{
    uint8_t mac[SMS365_MAC_BYTES] = {0};
    char hex[17];

    if (ch->known) {
        audit_text(line, "user", ch->user);
        return;
    }
    (void)sms365_hmac(mac, &ch->holder_key, ch->user, strlen(ch->user));
    sms365_str_hex(hex, mac, 8);
    sms365_buf_printf(line, "user=unknown#%s ", hex);
}

void challenge_audit(struct sms365_challenge *ch)
{
    static const char *const verdicts[] = {"deny", "allow", "bypass"};
    struct sms365_buf line;
    char masked[32];
    char id[17];

    sms365_buf_init(&line, sizeof ch->audit - 1);
    sms365_buf_puts(&line, "event=login ");
    audit_user(ch, &line);
    audit_text(&line, "service", ch->service);
    audit_text(&line, "rhost", ch->host);
    if (ch->slot.phase != 0) {
        sms365_msisdn_mask(masked, ch->slot.msisdn);
        sms365_str_hex(id, ch->slot.id, 8);
        sms365_buf_printf(&line, "channel=sms to=\"%s\" delivery=%s challenge=%s tries=%d ", masked,
            delivery_names[ch->slot.delivery], id, ch->slot.tries);
    }
    sms365_buf_printf(
        &line, "verdict=%s reason=%s", verdicts[ch->outcome.verdict], sms365_reason_name(ch->outcome.reason));
    if (!sms365_str_copy(ch->audit, sizeof ch->audit, sms365_buf_text(&line)))
        ch->audit[0] = '\0';
    sms365_buf_free(&line);
    sms365_str_clean(ch->audit);
}
