/* What a message costs others than its user: the number, the address, the whole store. And a balance that is used up.
 */
#include "pure/challenge_state.h"

#include <stdio.h>
#include <string.h>

#define BUSY_MAX 3 /* shards found held by another process, before the store counts as failed */
#define BALANCE_FLAG "balance"
#define COST_TIMES_MAX 10 /* what was expected of a message, or one credit if that is more */

/* Places where a user lately got in have a quarter of the store to themselves: however many passwords were stolen. */
static int64_t store_room(const struct sms365_challenge *ch, int64_t whole)
{
    return ch->fresh.share == SMS365_SHARE_USUAL ? whole : whole - whole / 4;
}

static struct sms365_cap ledger_cap(const struct sms365_challenge *ch, unsigned ledger)
{
    struct sms365_cap cap = ledger == LEDGER_NUMBER    ? ch->limits.day
                            : ledger == LEDGER_ADDRESS ? ch->limits.address_day
                                                       : ch->limits.store_day;

    if (ledger == LEDGER_STORE) {
        cap.count = store_room(ch, cap.count);
        cap.cost = store_room(ch, cap.cost);
    }
    return cap;
}

static enum sms365_reason ledger_reason(unsigned ledger)
{
    return ledger == LEDGER_NUMBER    ? SMS365_REASON_TOO_MANY_SENDS
           : ledger == LEDGER_ADDRESS ? SMS365_REASON_TOO_MANY_FROM_HOST
                                      : SMS365_REASON_STORE_SPENT;
}

/* The message that is charged, or was. */
static const struct sms365_slot *ledger_slot(const struct sms365_challenge *ch)
{
    return ch->spend.mode == SPEND_CORRECT ? &ch->slot : &ch->fresh;
}

static enum sms365_class ledger_name(struct sms365_challenge *ch)
{
    struct challenge_spend *spend = &ch->spend;
    const struct sms365_slot *slot = ledger_slot(ch);

    if (spend->next == LEDGER_STORE)
        (void)snprintf(spend->name, sizeof spend->name, "%u", (slot->id[0] + spend->shard) % SMS365_SHARDS);
    else if (spend->next == LEDGER_ADDRESS)
        (void)snprintf(spend->name, sizeof spend->name, "address/%.240s", ch->peer);
    else
        (void)snprintf(spend->name, sizeof spend->name, "number/%u/%s", slot->share, slot->msisdn);
    return spend->next == LEDGER_STORE ? SMS365_CLASS_SHARD : SMS365_CLASS_SPEND;
}

static void go_on(struct sms365_challenge *ch);

static void give_back(struct sms365_challenge *ch, enum sms365_reason why, int64_t retry_after_ms)
{
    struct challenge_spend *spend = &ch->spend;

    spend->why = why;
    spend->retry_after_ms = retry_after_ms;
    spend->mode = SPEND_REFUND;
    spend->charged = spend->next;
    spend->next = 0;
    spend->after = spend->refused;
    go_on(ch);
}

static void on_sum(struct sms365_challenge *ch, const struct sms365_event *event)
{
    const struct sms365_cap cap = ledger_cap(ch, LEDGER_STORE);

    if (event->err != SMS365_OK)
        challenge_deny(ch, SMS365_REASON_STORE_FAILED);
    else if (event->total.count > cap.count || (cap.cost > 0 && event->total.cost > cap.cost))
        give_back(ch, SMS365_REASON_STORE_SPENT, cap.window_ms);
    else
        ch->spend.after(ch);
}

/* The shards are summed after this message stands in one of them: no two processes find room for the same one. */
static void all_written(struct sms365_challenge *ch)
{
    if (ch->spend.mode != SPEND_CHARGE) {
        if (ch->spend.why != SMS365_REASON_NONE) {
            ch->why = ch->spend.why;
            challenge_retry_after(ch, ch->spend.retry_after_ms);
        }
        ch->spend.after(ch);
        return;
    }
    challenge_record(ch, SMS365_ACTION_SUM, SMS365_CLASS_SHARD, NULL, on_sum);
    ch->action.window_ms = ch->limits.store_day.window_ms;
}

/*
 * What a frozen process holds is its own affair: any shard will do for a charge. What was charged to one shard cannot
 * be taken from another: it stays charged.
 */
static bool other_shard(struct sms365_challenge *ch, enum sms365_err err)
{
    if (err != SMS365_BUSY || ch->spend.next != LEDGER_STORE || ch->spend.busy >= BUSY_MAX)
        return false;
    ch->spend.busy++;
    if (ch->spend.mode == SPEND_CHARGE)
        ch->spend.shard++;
    else
        ch->spend.next++;
    return true;
}

static void on_written(struct sms365_challenge *ch, const struct sms365_event *event)
{
    if (event->err == SMS365_OK)
        ch->spend.next++;
    else if (event->err == SMS365_CONFLICT ? !challenge_again(ch) : !other_shard(ch, event->err)) {
        challenge_deny(ch, SMS365_REASON_STORE_FAILED);
        return;
    }
    go_on(ch);
}

/* False when it may not be charged; *retry_after_ms: until it may. */
static bool change_tally(struct sms365_challenge *ch, struct sms365_tally *tally, int64_t *retry_after_ms)
{
    const struct sms365_cap cap = ledger_cap(ch, ch->spend.next);
    const struct sms365_slot *slot = ledger_slot(ch);

    if (ch->spend.mode == SPEND_CHARGE)
        return sms365_tally_charge(tally, &cap, slot->sent_ms, slot->cost, &ch->now, retry_after_ms);
    if (ch->spend.mode == SPEND_REFUND)
        sms365_tally_refund(tally, cap.window_ms, slot->sent_ms, slot->cost, &ch->now);
    else
        sms365_tally_correct(tally, cap.window_ms, slot->sent_ms, ch->spend.delta, &ch->now);
    return true;
}

static void on_record(struct sms365_challenge *ch, const struct sms365_event *event)
{
    struct sms365_tally tally;
    int64_t retry_after_ms = 0;

    if (event->err != SMS365_OK && other_shard(ch, event->err)) {
        go_on(ch);
    } else if (!challenge_take_tally(ch, event, &tally)) {
        challenge_deny(ch, SMS365_REASON_STORE_FAILED);
    } else if (!change_tally(ch, &tally, &retry_after_ms)) {
        give_back(ch, ledger_reason(ch->spend.next), retry_after_ms);
    } else {
        const enum sms365_class class = ledger_name(ch);
        challenge_put_tally(ch, class, ch->spend.name, event->record->version, &tally, on_written);
    }
}

static void go_on(struct sms365_challenge *ch)
{
    struct challenge_spend *spend = &ch->spend;

    if (spend->next == LEDGER_ADDRESS && ch->host[0] == '\0')
        spend->next++;
    if (spend->next >= spend->charged) {
        all_written(ch);
        return;
    }
    const enum sms365_class class = ledger_name(ch);
    challenge_record(ch, SMS365_ACTION_GET, class, spend->name, on_record);
}

static void begin(
    struct sms365_challenge *ch, enum challenge_spending mode, challenge_step *after, challenge_step *refused)
{
    struct challenge_spend *spend = &ch->spend;

    /* What stays: which shard was charged. It is given back there. */
    spend->mode = mode;
    spend->next = spend->busy = 0;
    spend->charged = LEDGERS;
    spend->delta = 0;
    spend->why = SMS365_REASON_NONE;
    spend->after = after;
    spend->refused = refused;
    go_on(ch);
}

bool challenge_may_cost(const struct sms365_slot *slot, int64_t cost)
{
    const int64_t expected = slot->cost < SMS365_COST_UNIT ? SMS365_COST_UNIT : slot->cost;

    return cost >= 0 && cost <= SMS365_SLOT_COST_MAX && cost <= expected * COST_TIMES_MAX;
}

void challenge_charge(struct sms365_challenge *ch, challenge_step *after, challenge_step *refused)
{
    begin(ch, SPEND_CHARGE, after, refused);
}

void challenge_refund(struct sms365_challenge *ch, const struct sms365_slot *slot, challenge_step *after)
{
    ch->fresh = *slot;
    begin(ch, SPEND_REFUND, after, NULL);
}

void challenge_correct(struct sms365_challenge *ch, int64_t delta, challenge_step *after)
{
    begin(ch, SPEND_CORRECT, after, NULL);
    ch->spend.delta = delta;
}

/* --- A balance that is used up --- */

static void on_balance(struct sms365_challenge *ch, const struct sms365_event *event)
{
    const int64_t pause_ms = ch->conf->no_balance_pause_s * 1000;
    struct sms365_tally flag;

    if (!challenge_take_tally(ch, event, &flag)) {
        challenge_deny(ch, SMS365_REASON_STORE_FAILED);
        return;
    }
    sms365_tally_prune(&flag, pause_ms, &ch->now);
    if (flag.count == 0) {
        ch->spend.after(ch);
        return;
    }
    challenge_retry_after(ch, flag.since_ms + pause_ms - ch->now.boot_ms);
    ch->why = SMS365_REASON_NO_BALANCE;
    ch->spend.refused(ch);
}

void challenge_look_at_balance(struct sms365_challenge *ch, challenge_step *after, challenge_step *refused)
{
    ch->spend.after = after;
    ch->spend.refused = refused;
    challenge_record(ch, SMS365_ACTION_GET, SMS365_CLASS_FLAG, BALANCE_FLAG, on_balance);
}

/* Only a hint to those who come later: when it cannot be written, they will be refused by the provider. */
static void on_flag_written(struct sms365_challenge *ch, const struct sms365_event *event)
{
    (void)event;
    ch->spend.after(ch);
}

static void on_flag(struct sms365_challenge *ch, const struct sms365_event *event)
{
    const struct sms365_tally flag = {.since_ms = ch->now.boot_ms, .count = 1};

    if (event->err != SMS365_OK || event->record == NULL)
        ch->spend.after(ch);
    else
        challenge_put_tally(ch, SMS365_CLASS_FLAG, BALANCE_FLAG, event->record->version, &flag, on_flag_written);
}

void challenge_note_no_balance(struct sms365_challenge *ch, challenge_step *after)
{
    ch->spend.after = after;
    challenge_record(ch, SMS365_ACTION_GET, SMS365_CLASS_FLAG, BALANCE_FLAG, on_flag);
}
