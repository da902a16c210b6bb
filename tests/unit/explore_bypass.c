/* Who gets in without a code, and what a change of the SIM does: by the rules' own account. */
#include "explore.h"

#include <string.h>

static bool is_remembered(void)
{
    return current_run->remember && current_run->remembered;
}

/* Does the configuration let this login in without a code, whatever the store has? */
bool bypass_is_due(const struct proc *proc)
{
    const struct subject_info *who = &subjects[proc->diary.subject];
    const bool trusted = current_run->trusted && who->host == 1;

    return who->known && who->first_factor &&
           (who->exempt || trusted || (who->enrolled ? is_remembered() : current_run->ignore_unenrolled));
}

/* A code was entered there, and not too long ago. */
static bool has_grace(const struct subject_info *who)
{
    const int64_t since_ms = world.common.grace_ms[who->grace];

    return who->grace != 0 && since_ms != 0 &&
           world.common.true_ms - since_ms < current_run->grace_s * 1000 + ledger_slack_ms();
}

void bypass_decided(const struct proc *proc)
{
    const struct subject_info *who = &subjects[proc->diary.subject];
    bool good = who->known && who->first_factor;

    switch (proc->ch.outcome.reason) {
    case SMS365_REASON_TRUSTED_NETWORK:
        good = good && current_run->trusted && who->host == 1;
        break;
    case SMS365_REASON_GROUP_EXEMPT:
        good = good && who->exempt;
        break;
    case SMS365_REASON_UNENROLLED:
        good = good && current_run->ignore_unenrolled && !who->enrolled;
        break;
    case SMS365_REASON_REMEMBERED:
        good = good && is_remembered() && who->enrolled;
        break;
    case SMS365_REASON_GRACE:
        if (!has_grace(who))
            violate(RULE_grace_ends, "the last code was entered %d ms ago",
                (int)(world.common.true_ms - world.common.grace_ms[who->grace]));
        good = good && current_run->grace_s > 0 && who->enrolled;
        break;
    default:
        good = false;
        break;
    }
    if (!good)
        violate(RULE_bypass_only_as_configured, "%s, %s", who->name, sms365_reason_name(proc->ch.outcome.reason));
    if (proc->diary.wrote || proc->diary.sends > 0)
        violate(RULE_bypass_leaves_no_trace, "something was written or sent");
}

void bypass_succeeded(struct proc *proc, const struct message *message)
{
    const uint8_t sim = world_sim(proc->diary.subject, message->number);

    if (current_run->grace_s > 0)
        world.common.grace_ms[subjects[proc->diary.subject].grace] = world.common.true_ms;
    if (current_run->hlr == SMS365_HLR_OFF)
        return;
    if (proc->diary.looked == LOOK_NONE && (world.common.looked & sim) == 0)
        violate(RULE_sim_is_looked_at, "a code was taken, and nobody ever looked at its number");
    if (current_run->hlr == SMS365_HLR_BLOCK && (world.common.swapped & sim) != 0)
        violate(RULE_changed_sim_is_refused, "a code was taken from a number that has moved");
    if (proc->diary.looked == LOOK_SAME || proc->diary.looked == LOOK_CHANGED)
        world.common.looked |= sim;
}

static bool same_places(const struct sms365_places *a, const struct sms365_places *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

void bypass_written(struct proc *proc, const struct sms365_state *old, const struct sms365_state *new)
{
    const int index = proc->diary.accepted;

    if (!same_places(&old->graces, &new->graces) && proc->diary.consumed == NOBODY)
        violate(RULE_grace_ends, "a grace period begins, and no code was entered");
    if (same_places(&old->swapped, &new->swapped))
        return;
    if (proc->diary.looked != LOOK_CHANGED || index == NOBODY)
        violate(RULE_changed_sim_denies, "a number is refused, and the provider had not said that it has moved");
    else
        world.common.swapped |= world_sim(proc->diary.subject, world.common.messages[index].number);
}

void bypass_denied(const struct proc *proc)
{
    const struct diary *diary = &proc->diary;

    if (current_run->hlr != SMS365_HLR_BLOCK || diary->looked != LOOK_CHANGED || diary->accepted == NOBODY ||
        proc->ch.outcome.reason != SMS365_REASON_SIM_CHANGED)
        return;
    if ((world.common.swapped & world_sim(diary->subject, world.common.messages[diary->accepted].number)) == 0)
        violate(RULE_changed_sim_is_refused, "it is not remembered that the number has moved");
}
