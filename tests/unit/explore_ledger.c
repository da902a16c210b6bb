/* The ledger: what every write to the store means for messages and tries, by the rules' own account. */
#include "explore.h"

#include <string.h>

#define MESSAGES (world.common.messages)

int ledger_find(const uint8_t id[SMS365_ID_BYTES])
{
    for (int i = 0; i < world.common.message_count; i++)
        if (!MESSAGES[i].retired && memcmp(MESSAGES[i].id, id, SMS365_ID_BYTES) == 0)
            return i;
    return NOBODY;
}

bool ledger_same_holder(uint8_t a, uint8_t b)
{
    return subjects[a].identity == subjects[b].identity;
}

/* A boot's wall clock counts whole seconds: times across boots are that exact. */
int64_t ledger_slack_ms(void)
{
    return 1000 * (int64_t)world.common.boots;
}

bool ledger_counts(const struct message *message)
{
    return (message->stage == STAGE_FLYING || message->stage == STAGE_SENT || message->stage == STAGE_LOST) &&
           world.common.true_ms - message->since_ms < SMS365_HOUR_MS - ledger_slack_ms();
}

int ledger_messages(void)
{
    int count = 0;

    for (int i = 0; i < world.common.message_count; i++)
        count += ledger_counts(&MESSAGES[i]);
    return count;
}

int ledger_charges(void)
{
    const struct user_cell *cell = &world.common.user;
    const struct sms365_now now = world_now();
    struct sms365_state state;
    int count = 0;

    if (!sms365_state_decode(&state, &now, cell->value, cell->length))
        return 0;
    for (size_t share = 0; share < SMS365_SHARES; share++)
        for (size_t i = 0; i < state.shares[share].send_count; i++)
            if (now.boot_ms - state.shares[share].sends[i] < SMS365_HOUR_MS)
                count++;
    return count;
}

/* What the holder's present message, if there is one, says about another. */
static void compare_with_present(const struct proc *proc, struct message *message)
{
    const struct message *present = NULL;
    bool own = false;

    for (const struct message *m = MESSAGES; m < message; m++)
        if (ledger_same_holder(m->subject, message->subject) && !m->superseded && m->boot == message->boot)
            present = m;
    if (present == NULL || present->stage == STAGE_NOT_SENT || present->accepted || present->forgotten)
        return;
    for (size_t i = 0; i < proc->ch.number_count; i++)
        own = own || strcmp(world_numbers[present->number], proc->ch.numbers[i].msisdn) == 0;
    const int64_t age_ms = world.common.true_ms - present->since_ms;
    message->after_wrong = own && present->wrong && age_ms < proc->ch.limits.life_ms;
    /* Another way may be taken at once. */
    message->too_soon =
        !present->failed && present->route == message->route && age_ms < proc->ch.limits.resend_after_ms;
}

/* What may be followed by a message that nobody asked for: one that failed, or was given up; by this process's ways. */
static void look_for_cause(const struct proc *proc, struct message *message)
{
    const struct message *last = NULL;

    if (proc->diary.last != NOBODY)
        last = &MESSAGES[proc->diary.last];
    else
        for (const struct message *m = MESSAGES; m < message; m++)
            if (ledger_same_holder(m->subject, message->subject) && !m->superseded && m->boot == message->boot)
                last = m;
    message->uncaused = (proc->diary.routes & message->route) != 0 || last == NULL ||
                        !(last->failed || last->refused || (last->given_up && proc->diary.last != NOBODY));
}

/* The message whose slot another one of that holder takes, unless its life was over when that was written. */
static int replaced(const struct proc *proc, struct sms365_state *old, const uint8_t *holder)
{
    const struct sms365_now then = {.boot_ms = proc->diary.since_ms - world.common.boot_base_ms};
    const struct sms365_slot *held = sms365_state_held(old, holder);

    return held == NULL || sms365_slot_life_ms(held, &proc->ch.limits, &then) <= 0 ? NOBODY : ledger_find(held->id);
}

/* A slot that was not there before: a message is going to be sent. */
static void reserved(struct proc *proc, const struct sms365_slot *slot, struct sms365_state *old)
{
    struct message *message = &MESSAGES[world.common.message_count];
    int number = 0;

    if (world.common.message_count == WORLD_MESSAGES) {
        violate(RULE_it_ends, "more messages than the model has room for");
        return;
    }
    while (number < WORLD_NUMBERS && strcmp(world_numbers[number], slot->msisdn) != 0)
        number++;
    memset(message, 0, sizeof *message);
    memcpy(message->id, slot->id, sizeof message->id);
    message->since_ms = proc->diary.since_ms;
    message->stage = STAGE_RESERVED;
    message->subject = proc->diary.subject;
    message->number = (uint8_t)number;
    message->boot = world.common.boots;
    message->route = number == WORLD_NUMBERS ? 0 : world_route((enum sms365_channel)slot->channel, message->number);
    message->local = slot->local;
    message->cost = slot->cost;
    compare_with_present(proc, message);
    look_for_cause(proc, message);
    message->replaced = (int8_t)replaced(proc, old, slot->holder);
    guard_reserved(proc, message, slot->share, message->replaced);
    if (number < WORLD_NUMBERS && current_run->hlr == SMS365_HLR_BLOCK &&
        (world.common.swapped & world_sim(proc->diary.subject, message->number)) != 0)
        violate(RULE_changed_sim_is_refused, "a message to a number that has moved");
    for (int i = 0; i < world.common.message_count; i++)
        if (ledger_same_holder(MESSAGES[i].subject, proc->diary.subject))
            MESSAGES[i].superseded = 1;
    proc->diary.may_send = (int8_t)world.common.message_count++;
}

static void kept(struct proc *proc, const struct sms365_slot *slot, const struct sms365_slot *old, int index)
{
    struct message *message = &MESSAGES[index];

    if (slot->tries < old->tries)
        violate(RULE_check_is_charged_first, "a try was given back");
    if (slot->tries > old->tries) {
        if (slot->tries != old->tries + 1)
            violate(RULE_check_is_charged_first, "%d tries were charged at once", slot->tries - old->tries);
        if (message->superseded)
            violate(RULE_check_only_the_newest, "a try is charged for a message that was replaced");
        message->charged = slot->tries;
        guard_charged(proc, message);
        proc->diary.may_check = (int8_t)index;
    }
    if (slot->phase == SMS365_PHASE_OPEN && !message->opened) {
        /* A code of our own can be entered when its message may have been sent. */
        if (message->stage != STAGE_SENT && !(message->local && message->stage == STAGE_LOST))
            violate(RULE_failed_send_opens_nothing, "open without a good reply");
        else if (!message->local && event_auth_id(slot->auth_id) != index)
            violate(RULE_failed_send_opens_nothing, "open with the wrong authId");
        message->opened = 1;
    }
}

/* A message that was certainly not sent leaves the store, and the one that it had replaced counts again. */
static void put_back(const struct proc *proc, const struct sms365_slot *slot, int index)
{
    const int last = proc->ch.fresh.phase == 0 ? NOBODY : ledger_find(proc->ch.fresh.id);
    const bool replaced = last != NOBODY && MESSAGES[last].replaced == index;

    if (!replaced || (MESSAGES[last].stage != STAGE_RESERVED && MESSAGES[last].stage != STAGE_NOT_SENT) ||
        slot->tries != MESSAGES[index].charged)
        violate(RULE_failed_send_opens_nothing, "a challenge that was gone came back");
    MESSAGES[index].superseded = MESSAGES[index].gone = 0;
}

static void dropped(struct proc *proc, const struct sms365_slot *old, int index)
{
    struct message *message = &MESSAGES[index];
    const struct sms365_now now = world_now();
    const struct sms365_limits limits = {.life_ms = proc->ch.limits.life_ms};

    message->gone = 1;
    if (message->stage == STAGE_RESERVED)
        message->stage = STAGE_NOT_SENT;
    /* A code that was right, and is taken; not one that is thrown away because its number has moved. */
    if (proc->diary.accepted == index &&
        !(current_run->hlr == SMS365_HLR_BLOCK && proc->diary.looked == LOOK_CHANGED)) {
        proc->diary.consumed = (int8_t)index;
        guard_succeeded(message);
        bypass_succeeded(proc, message);
    }
    if (!ledger_same_holder(message->subject, proc->diary.subject) && sms365_slot_life_ms(old, &limits, &now) > 0)
        violate(RULE_only_own_records, "the open challenge of another holder was dropped");
}

void ledger_written(struct proc *proc, const uint8_t *value, size_t length)
{
    const struct user_cell *cell = &world.common.user;
    const struct sms365_now now = world_now();
    struct sms365_state old, new;

    proc->diary.may_send = proc->diary.may_check = NOBODY;
    proc->diary.wrote = 1;
    if (length > WORLD_RECORD_MAX || !sms365_state_decode(&old, &now, cell->value, cell->length) ||
        !sms365_state_decode(&new, &now, value, length)) {
        violate(RULE_only_own_records, "a record was written that cannot be read");
        return;
    }
    for (size_t i = 0; i < new.slot_count; i++) {
        const struct sms365_slot *before = sms365_state_slot(&old, new.slots[i].id);
        const int index = ledger_find(new.slots[i].id);
        if (before == NULL && index == NOBODY)
            reserved(proc, &new.slots[i], &old);
        else if (before == NULL)
            put_back(proc, &new.slots[i], index);
        else if (index != NOBODY)
            kept(proc, &new.slots[i], before, index);
    }
    for (size_t i = 0; i < old.slot_count; i++) {
        const int index = ledger_find(old.slots[i].id);
        if (index != NOBODY && sms365_state_slot(&new, old.slots[i].id) == NULL)
            dropped(proc, &old.slots[i], index);
    }
    backup_written(proc, &old, &new);
    bypass_written(proc, &old, &new);
}

void ledger_host_written(struct proc *proc, const struct record *record, const uint8_t *value, size_t length)
{
    const struct sms365_now now = world_now();
    struct sms365_tally old, new;

    if (length > SMS365_RECORD_TALLY_MAX || !sms365_tally_decode(&old, &now, record->value, *record->length) ||
        !sms365_tally_decode(&new, &now, value, length)) {
        violate(RULE_only_own_records, "a host's record was written that cannot be read");
        return;
    }
    /* Within the hour one more; after it, the first of another. */
    const bool more = new.count == old.count + 1 && (old.count == 0 || new.since_ms == old.since_ms);
    const bool first = new.count == 1 && now.boot_ms - old.since_ms >= SMS365_HOUR_MS;
    if (!more && !first)
        violate(RULE_strangers_are_counted, "%d attempts after %d", (int)new.count, (int)old.count);
    if (new.count > current_run->host_attempts_per_hour)
        violate(RULE_strangers_are_counted, "%d attempts are too many", (int)new.count);
    proc->diary.counted = 1;
}

static bool is_held(int index)
{
    for (int i = 0; i < WORLD_PROCS; i++) {
        const struct proc *proc = &world.procs[i];
        const bool may_come_back = proc->ch.before.phase != 0 && ledger_find(proc->ch.before.id) == index;
        if (proc->diary.live &&
            (may_come_back || ledger_find(proc->ch.slot.id) == index || proc->diary.may_send == index ||
                proc->diary.accepted == index || proc->diary.last == index))
            return true;
    }
    return false;
}

/* A message that was replaced, has left the store, and that no process remembers: only that it was made still counts,
 * and that its code must let nobody in. */
static void retire(struct message *message)
{
    const struct message old = *message;

    memset(message, 0, sizeof *message);
    message->since_ms = old.since_ms;
    message->stage = old.stage == STAGE_NOT_SENT ? STAGE_NOT_SENT : STAGE_LOST;
    message->subject = old.subject;
    message->share = old.share;
    message->chain = old.chain;
    message->spent = old.spent;
    message->number = old.number;
    message->host = old.host;
    message->shard = old.shard;
    message->paid_ms = old.paid_ms;
    message->cost = old.cost;
    message->local = old.local;
    memcpy(message->code, old.code, sizeof message->code);
    message->superseded = message->gone = message->retired = 1;
}

void ledger_tidy(void)
{
    for (int i = 0; i < world.common.message_count; i++)
        if (MESSAGES[i].superseded && MESSAGES[i].gone && !MESSAGES[i].retired && !is_held(i))
            retire(&MESSAGES[i]);
    while (world.common.message_count > 0) {
        const int last = world.common.message_count - 1;
        if (!MESSAGES[last].gone || MESSAGES[last].stage != STAGE_NOT_SENT || is_held(last))
            return;
        memset(&MESSAGES[last], 0, sizeof MESSAGES[last]);
        world.common.message_count--;
    }
}
