#include "pure/challenge_view.h"

#include "pure/challenge_state.h"

#include <string.h>

void sms365_challenge_view(struct sms365_view *view, const struct sms365_challenge *ch)
{
    const struct sms365_slot *slot = &ch->slot;

    *view = (struct sms365_view){
        .settled = ch->settled,
        .reason = ch->settled ? ch->outcome.reason : SMS365_REASON_NONE,
        .delivery = (enum sms365_delivery)slot->delivery,
        .tries_left = sms365_slot_tries_left(slot, &ch->limits, &ch->now),
        .retry_after_s = ch->outcome.retry_after_s,
        .numbers = ch->number_count,
        .backups_left = ch->backups_left,
        .asks_backup = ch->asks_backup,
        .instead = ch->instead,
    };
    if (ch->instead && !ch->settled)
        view->reason = ch->pending;
    if (slot->phase == 0)
        return;
    view->unusable = slot->phase != SMS365_PHASE_OPEN;
    if (view->unusable && !ch->settled && !ch->instead)
        view->reason = ch->pending;
    memcpy(view->id, slot->id, sizeof view->id);
    sms365_msisdn_mask(view->number, slot->msisdn);
    view->awaited = slot->delivery == SMS365_DELIVERY_PENDING && ch->conf->callback[0] != '\0';
    view->age_ms = ch->now.boot_ms - slot->sent_ms;
    view->resend_ms = sms365_slot_resend_ms(slot, &ch->limits, &ch->now);
    view->life_ms = sms365_slot_life_ms(slot, &ch->limits, &ch->now);
}
