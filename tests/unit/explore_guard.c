/* The guard by the rules' own account: failed tries and rows of them, for usual places and for others. */
#include "explore.h"

#include <string.h>

#define MESSAGES (world.common.messages)

static bool same_chain(const struct message *a, const struct message *b)
{
    return a->chain == b->chain && a->share == b->share;
}

/* Tries charged to a share, and not given back. */
static int spent(uint8_t share)
{
    int count = 0;

    for (int i = 0; i < world.common.message_count; i++)
        if (MESSAGES[i].share == share)
            count += MESSAGES[i].spent;
    return count;
}

/* Has a lockout not passed yet, at the moment that the process wrote for? */
static bool is_locked_out(uint8_t share, int64_t moment_ms)
{
    const struct conduct *conduct = &world.common.conducts[share];
    int64_t length_ms = LOCKOUT_MS;

    if (conduct->row < current_run->lockout_after)
        return false;
    for (int64_t i = current_run->lockout_after; i < conduct->row; i++)
        length_ms = 2 * length_ms > LOCKOUT_MAX_MS ? LOCKOUT_MAX_MS : 2 * length_ms;
    return moment_ms - conduct->row_ms < length_ms - ledger_slack_ms();
}

void guard_reserved(const struct proc *proc, struct message *message, uint8_t share, int held)
{
    const bool usual = (world.common.usual >> subjects[message->subject].place & 1) != 0;

    /* The share is decided when the sending begins: what another process enters meanwhile comes too late for it. */
    if (share == SMS365_SHARE_USUAL ? !usual : proc->diary.began)
        violate(RULE_share_is_the_place_s, "share %d", share);
    message->share = share;
    message->chain = held == NOBODY ? (uint8_t)(message - MESSAGES) : MESSAGES[held].chain;
    if (spent(message->share) >= current_run->failed_tries)
        violate(RULE_failed_tries_are_limited, "a message, and no try is left");
    if (is_locked_out(message->share, proc->diary.since_ms))
        violate(RULE_lockout_waits, "a message, %d failed in a row", (int)world.common.conducts[message->share].row);
}

void guard_charged(const struct proc *proc, struct message *message)
{
    struct conduct *conduct = &world.common.conducts[message->share];
    bool first = true;

    for (int i = 0; i < world.common.message_count; i++)
        if (same_chain(&MESSAGES[i], message) && MESSAGES[i].spent > 0)
            first = false;
    if (first && is_locked_out(message->share, proc->diary.since_ms))
        violate(RULE_lockout_waits, "a try, %d failed in a row", (int)conduct->row);
    message->spent++;
    if (first) {
        conduct->row++;
        conduct->row_ms = proc->diary.since_ms;
    }
    if (spent(message->share) > current_run->failed_tries)
        violate(RULE_failed_tries_are_limited, "%d", spent(message->share));
}

void guard_succeeded(const struct message *message)
{
    for (int i = 0; i < world.common.message_count; i++)
        if (same_chain(&MESSAGES[i], message))
            MESSAGES[i].spent = 0;
    world.common.conducts[message->share].row = 0;
    world.common.conducts[message->share].row_ms = 0;
    world.common.usual |= (uint8_t)(1u << subjects[message->subject].place);
}

void guard_unlocked(uint8_t subject)
{
    for (uint8_t share = 0; share < SMS365_SHARES; share++) {
        const bool locked = spent(share) >= current_run->failed_tries;
        for (int i = 0; i < world.common.message_count; i++)
            if (locked && MESSAGES[i].share == share)
                MESSAGES[i].spent = 0;
    }
    memset(world.common.conducts, 0, sizeof world.common.conducts);
    world.common.usual |= (uint8_t)(1u << subjects[subject].place);
}

int guard_messages(uint8_t share)
{
    int count = 0;

    for (int i = 0; i < world.common.message_count; i++)
        if (MESSAGES[i].share == share && ledger_counts(&MESSAGES[i]))
            count++;
    return count;
}
