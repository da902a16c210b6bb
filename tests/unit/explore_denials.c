/* The rules for what a denial says. */
#include "explore.h"

#include <string.h>

/* Tries that the holder's challenge has according to the store; 0 when there is none that can be answered. */
static int tries_open(const struct proc *proc)
{
    const struct user_cell *cell = &world.common.user;
    const struct sms365_now now = world_now();
    const struct subject_info *who = &subjects[proc->diary.subject];
    struct sms365_state state;
    bool own = false;

    /* Strangers are not to learn of any. */
    if (!who->known || !who->first_factor || !sms365_state_decode(&state, &now, cell->value, cell->length))
        return 0;
    const struct sms365_slot *slot = sms365_state_held(&state, proc->ch.holder);
    for (size_t i = 0; slot != NULL && i < proc->ch.number_count; i++)
        own = own || strcmp(slot->msisdn, proc->ch.numbers[i].msisdn) == 0;
    if (!own || slot->phase != SMS365_PHASE_OPEN || sms365_slot_life_ms(slot, &proc->ch.limits, &now) <= 0)
        return 0;
    return current_run->tries - slot->tries;
}

/* Until when a limit holds: 0 where there is no limit. */
static int64_t longest_wait_s(const struct proc *proc)
{
    switch (proc->ch.outcome.reason) {
    case SMS365_REASON_TOO_MANY_OPEN:
    case SMS365_REASON_LOCKED_OUT:
        return SMS365_HOUR_MS / 1000;
    case SMS365_REASON_TOO_MANY_SENDS:
    case SMS365_REASON_TOO_MANY_FROM_HOST:
    case SMS365_REASON_STORE_SPENT:
        return SMS365_DAY_MS / 1000;
    case SMS365_REASON_NO_BALANCE:
        return proc->diary.no_balance ? 0 : PAUSE_MS / 1000;
    default:
        return 0;
    }
}

void rules_denied(const struct proc *proc)
{
    const struct sms365_outcome *outcome = &proc->ch.outcome;
    const int64_t longest_s = longest_wait_s(proc);
    bool good = outcome->reason != SMS365_REASON_NONE && outcome->reason > SMS365_REASON_UNENROLLED;

    if (proc->diary.doom != 0)
        good = (proc->diary.reasons >> outcome->reason & 1u) != 0;
    good = good && outcome->tries_left >= 0 && outcome->tries_left <= current_run->tries;
    if (outcome->reason != SMS365_REASON_TRIES_USED)
        good = good && outcome->retry_after_s <= longest_s &&
               (outcome->retry_after_s > 0 || longest_s == 0 || outcome->reason == SMS365_REASON_NO_BALANCE);
    /* Without a look at the record, or with another process at it meanwhile, nobody can tell. */
    if (outcome->reason != SMS365_REASON_STORE_FAILED && outcome->reason != SMS365_REASON_INTERNAL &&
        outcome->reason != SMS365_REASON_TOO_MANY_FROM_HOST && outcome->reason != SMS365_REASON_SIM_CHANGED &&
        !(outcome->reason == SMS365_REASON_TRIES_USED && proc->diary.backup != NOBODY) && current_run->procs == 1)
        good = good && outcome->tries_left == tries_open(proc);
    if (outcome->reason == SMS365_REASON_TRIES_USED || outcome->reason == SMS365_REASON_SUPERSEDED)
        good = good && (outcome->tries_left == 0 || proc->diary.backup != NOBODY);
    if (outcome->reason == SMS365_REASON_TOO_MANY_SENDS && !current_run->caps)
        good = good && proc->diary.limited;
    if (outcome->reason == SMS365_REASON_SIM_CHANGED)
        good = good && outcome->tries_left == 0;
    if (outcome->reason == SMS365_REASON_NOT_ENROLLED)
        good = good && !subjects[proc->diary.subject].enrolled;
    if (!good)
        violate(RULE_outcome_is_true, "%s, %d tries left, %d s", sms365_reason_name(outcome->reason),
            outcome->tries_left, (int)outcome->retry_after_s);
    bypass_denied(proc);
    if (proc->diary.no_balance && current_run->alphabet != ALPHABET_FULL && current_run->conflicts == 0 &&
        world.common.paused_ms == 0)
        violate(RULE_no_balance_pauses, "it is not noted for others");
}
