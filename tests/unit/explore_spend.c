/* What messages are charged to beside their user, by the rules' own account: number, address and store. */
#include "explore.h"

#include <stdio.h>
#include <string.h>

#define MESSAGES (world.common.messages)
#define EVERY_LEDGER ((1u << LEDGERS) - 1)

bool spend_read(int cell, struct sms365_tally *tally)
{
    const struct sms365_now now = world_now();

    return sms365_tally_decode(tally, &now, world.common.cells[cell].value, world.common.cells[cell].length);
}

static int64_t window_of(int cell)
{
    return cell == CELL_FLAG ? PAUSE_MS : cell < CELL_ADDRESS ? SMS365_HOUR_MS : SMS365_DAY_MS;
}

static bool read_now(int cell, struct sms365_tally *tally)
{
    const struct sms365_now now = world_now();

    if (!spend_read(cell, tally))
        return false;
    sms365_tally_prune(tally, window_of(cell), &now);
    return true;
}

static void count_others(int id, int64_t since_ms, int64_t count)
{
    const struct sms365_now now = world_now();
    const struct sms365_tally others = {.since_ms = since_ms, .count = count};
    struct cell *cell = &world.common.cells[id];
    size_t length = 0;

    (void)sms365_tally_encode(&others, &now, cell->value, sizeof cell->value, &length);
    cell->length = length;
    cell->version = 1;
}

void spend_begin(void)
{
    const struct sms365_now now = world_now();

    if (current_run->store_left != 0)
        count_others(CELL_SHARD, now.boot_ms - now.boot_ms % SMS365_DAY_MS, STORE_ROOM - current_run->store_left);
    /* One move of the clock is then enough to end the address's window. */
    if (current_run->days)
        count_others(CELL_ADDRESS, now.boot_ms - 1, 1);
}

struct sms365_tally spend_sum(int64_t window_ms)
{
    const struct sms365_now now = world_now();
    struct sms365_tally sum = {0}, tally;

    for (int cell = CELL_SHARD; cell < CELL_FLAG; cell++) {
        if (!spend_read(cell, &tally))
            continue;
        sms365_tally_prune(&tally, window_ms, &now);
        sum.count += tally.count;
        sum.cost += tally.cost;
    }
    return sum;
}

/* --- Writing --- */

static unsigned ledger_of(int cell)
{
    return cell < CELL_NUMBER ? LEDGER_ADDRESS : cell < CELL_SHARD ? LEDGER_NUMBER : LEDGER_STORE;
}

static void charged(struct proc *proc, int cell)
{
    struct diary *diary = &proc->diary;

    if (diary->paid == 0)
        diary->paid_ms = diary->since_ms; /* when it was asked for: the store may have taken its time */
    diary->paid |= (uint8_t)(1u << ledger_of(cell));
    if (ledger_of(cell) == LEDGER_NUMBER)
        diary->paid_cell = (uint8_t)cell;
    else if (ledger_of(cell) == LEDGER_STORE)
        diary->paid_shard = (uint8_t)cell;
    diary->summed = 0;
}

/* A charge may come back that this process made for a message it will not send, or that was certainly not sent. */
static void refunded(struct proc *proc, int cell)
{
    const uint8_t bit = (uint8_t)(1u << ledger_of(cell));
    struct message *message = proc->diary.last == NOBODY ? NULL : &MESSAGES[proc->diary.last];

    proc->diary.summed = 0;
    if (message != NULL && message->stage == STAGE_NOT_SENT && (message->paid & bit) != 0)
        message->paid &= (uint8_t)~bit;
    else if ((proc->diary.paid & bit) != 0)
        proc->diary.paid &= (uint8_t)~bit;
    else
        violate(RULE_charge_comes_back_only_if_not_sent, "cell %d", cell);
}

static void flag_written(struct proc *proc, const struct sms365_tally *new)
{
    if (!proc->diary.no_balance || new->count == 0)
        violate(RULE_no_balance_pauses, "the flag is written, and the provider had not said so");
    world.common.paused_ms = proc->diary.since_ms;
}

void spend_written(struct proc *proc, const struct record *record, const uint8_t *value, size_t length)
{
    const struct sms365_now now = world_now();
    struct sms365_tally old, new;

    if (length > SMS365_RECORD_TALLY_MAX || !spend_read(record->cell, &old) ||
        !sms365_tally_decode(&new, &now, value, length)) {
        violate(RULE_only_own_records, "a tally was written that cannot be read");
        return;
    }
    if (record->cell == CELL_FLAG) {
        flag_written(proc, &new);
        return;
    }
    proc->diary.wrote = 1;
    if (old.count > 0 && new.since_ms - old.since_ms > ledger_slack_ms() &&
        now.boot_ms - old.since_ms < SMS365_DAY_MS - ledger_slack_ms())
        violate(RULE_ledgers_cover_messages, "a window of cell %d ends before its time", record->cell);
    /* Another window begins, or the last one is found to be over. */
    if (new.since_ms - old.since_ms > ledger_slack_ms() ||
        (new.count == 0 && now.boot_ms - old.since_ms >= SMS365_DAY_MS))
        old.count = 0;
    if (new.count == old.count + 1)
        charged(proc, record->cell);
    else if (new.count == old.count - 1)
        refunded(proc, record->cell);
    else if (new.count != old.count)
        violate(RULE_charge_comes_back_only_if_not_sent, "%d after %d", (int)new.count, (int)old.count);
}

/* --- Sending --- */

static int number_cell(const struct message *message)
{
    return CELL_NUMBER + message->number * SMS365_SHARES + message->share;
}

/* Is it one that the tally of this cell has to count, which was begun at that true time? */
static bool counts_in(const struct message *message, int cell, int64_t since_ms)
{
    const bool may_have_gone =
        message->stage == STAGE_FLYING || message->stage == STAGE_SENT || message->stage == STAGE_LOST;
    const bool here = ledger_of(cell) == LEDGER_NUMBER    ? number_cell(message) == cell
                      : ledger_of(cell) == LEDGER_ADDRESS ? CELL_ADDRESS + message->host == cell
                                                          : message->shard == cell;

    return may_have_gone && here && message->paid_ms >= since_ms;
}

/* Messages that a cell's tally has to count; those of others, too, in the shard that has some from the beginning. */
static int64_t sent_by(int cell, const struct sms365_tally *tally)
{
    const int64_t since_ms = tally->since_ms + world.common.boot_base_ms + ledger_slack_ms();
    int64_t count = cell == CELL_SHARD && current_run->store_left > 0 && world.common.true_ms < SMS365_DAY_MS
                        ? STORE_ROOM - current_run->store_left
                        : 0;

    for (int i = 0; i < world.common.message_count; i++)
        count += counts_in(&MESSAGES[i], cell, since_ms);
    return count;
}

void spend_covers(void)
{
    const struct sms365_now now = world_now();
    struct sms365_tally tally;

    for (int cell = CELL_ADDRESS; cell < CELL_FLAG; cell++) {
        if (world.common.cells[cell].length == 0 || !spend_read(cell, &tally) ||
            now.boot_ms - tally.since_ms >= SMS365_DAY_MS)
            continue; /* nothing was counted yet, or its window is over */
        if (tally.count < sent_by(cell, &tally))
            violate(RULE_ledgers_cover_messages, "cell %d counts %d, %d were sent", cell, (int)tally.count,
                (int)sent_by(cell, &tally));
    }
}

/* Messages that were sent, this one included, against each cap. */
static void check_caps(const struct message *message)
{
    struct sms365_tally tally;
    int64_t store = 0;
    int64_t day = 0, cost = 0;

    for (int cell = CELL_SHARD; cell < CELL_FLAG; cell++)
        if (read_now(cell, &tally))
            store += sent_by(cell, &tally);
    if (store > (message->share == SMS365_SHARE_USUAL ? STORE_CAP : STORE_ROOM))
        violate(RULE_caps_hold, "%d messages of the store", (int)store);
    if (read_now(number_cell(message), &tally) && sent_by(number_cell(message), &tally) > current_run->sends_per_day)
        violate(RULE_caps_hold, "%d to the number", (int)sent_by(number_cell(message), &tally));
    if (read_now(CELL_ADDRESS + message->host, &tally) &&
        sent_by(CELL_ADDRESS + message->host, &tally) > current_run->sends_per_address)
        violate(RULE_caps_hold, "%d from the address", (int)sent_by(CELL_ADDRESS + message->host, &tally));
    for (int i = 0; i < world.common.message_count; i++) {
        const bool counts = MESSAGES[i].share == message->share && MESSAGES[i].stage != STAGE_RESERVED &&
                            MESSAGES[i].stage != STAGE_NOT_SENT;
        day += counts;
        cost += counts ? MESSAGES[i].cost : 0;
    }
    if (!current_run->days && day > current_run->sends_per_day)
        violate(RULE_caps_hold, "%d to the user", (int)day);
    if (current_run->cost_per_day > 0 && cost > current_run->cost_per_day * SMS365_COST_UNIT)
        violate(RULE_caps_hold, "%d thousandths of a credit to the user", (int)cost);
}

void spend_sending(struct proc *proc, struct message *message)
{
    struct diary *diary = &proc->diary;

    if (diary->paid != EVERY_LEDGER || !diary->summed)
        violate(RULE_every_ledger_is_charged_first, "%x charged%s", diary->paid, diary->summed ? "" : ", not summed");
    else if (diary->paid_cell != number_cell(message))
        violate(RULE_every_ledger_is_charged_first, "another number, or share, was charged");
    message->paid = diary->paid;
    message->paid_ms = diary->paid_ms;
    message->shard = diary->paid_shard;
    message->host = subjects[diary->subject].host;
    diary->paid = diary->summed = 0;
    check_caps(message);
    spend_covers();
}

/*
 * Once nobody is at it: what is counted for a number and an address is what its messages cost, as far as told. Where a
 * process crashed or the store failed, it may be more.
 */
void spend_settled(void)
{
    struct sms365_tally tally;

    for (int cell = CELL_ADDRESS; cell < CELL_FLAG; cell++) {
        int64_t cost = 0;
        for (int i = 0; i < world.common.message_count; i++)
            if (counts_in(&MESSAGES[i], cell, 0))
                cost += MESSAGES[i].cost;
        if (world.common.cells[cell].length > 0 && spend_read(cell, &tally) && tally.cost != cost)
            violate(
                RULE_costs_are_counted, "cell %d counts %d, its messages cost %d", cell, (int)tally.cost, (int)cost);
    }
}
