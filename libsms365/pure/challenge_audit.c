/* The audit line: one a decision, the same from every front end. Its fields are a contract: sms365-audit(5). */
#include "pure/audit.h"
#include "pure/challenge_state.h"
#include "pure/sim.h"

#include <string.h>

static void put_message(const struct sms365_challenge *ch, struct sms365_audit *line)
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

    sms365_audit_word(line, "channel",
        ch->by_backup      ? "backup"
        : slot->phase != 0 ? sms365_channel_name((enum sms365_channel)slot->channel)
                           : "none");
    if (slot->phase == 0)
        return;
    sms365_msisdn_mask(masked, slot->msisdn);
    sms365_str_hex(id, slot->id, 8);
    sms365_audit_text(line, "to", masked);
    sms365_audit_word(line, "delivery", deliveries[slot->delivery]);
    sms365_audit_word(line, "challenge", id);
    sms365_audit_text(line, "msg_id", slot->auth_id);
    sms365_audit_cost(line, "cost", slot->cost);
    sms365_audit_number(line, "tries", slot->tries);
}

/* What is to be told of the SIM behind the number; NULL when all is well, or nobody asked for it to be watched. */
static const char *sim_word(const struct sms365_challenge *ch)
{
    const struct sms365_number *number = challenge_number(ch, ch->slot.msisdn);

    if (ch->sim_changed)
        return "changed";
    if (ch->sim_unknown)
        return "unknown";
    if (ch->conf->hlr == SMS365_HLR_OFF || ch->slot.phase == 0 || number == NULL || sms365_sim_is_known(number))
        return NULL;
    return "unwatched";
}

void challenge_audit(struct sms365_challenge *ch)
{
    static const char *const verdicts[] = {"deny", "allow", "bypass"};
    const char *sim = sim_word(ch);
    struct sms365_audit line;

    sms365_audit_begin(&line, "login", ch->conf->log_format == SMS365_LOG_JSON, sizeof ch->audit - 1);
    sms365_audit_user(&line, ch->user, ch->known, &ch->holder_key);
    sms365_audit_text(&line, "service", ch->service);
    sms365_audit_text(&line, "rhost", ch->host);
    put_message(ch, &line);
    if (sim != NULL)
        sms365_audit_word(&line, "sim", sim);
    if (ch->low_balance)
        sms365_audit_word(&line, "balance", "low");
    sms365_audit_word(&line, "verdict", verdicts[ch->outcome.verdict]);
    sms365_audit_word(&line, "reason", sms365_reason_name(ch->outcome.reason));
    const char *text = sms365_audit_end(&line);
    if (text == NULL || !sms365_str_copy(ch->audit, sizeof ch->audit, text))
        ch->audit[0] = '\0';
    sms365_audit_free(&line);
}
