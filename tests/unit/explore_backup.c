/* Backup codes by the rules' own account. */
#include "explore.h"

#include <stdio.h>
#include <string.h>

void backup_written(struct proc *proc, const struct sms365_state *old, const struct sms365_state *new)
{
    const unsigned before = old->backup.used;
    const unsigned used = new->backup.used & ~before;
    const int code = proc->diary.backup;
    const bool usual = (world.common.usual >> subjects[proc->diary.subject].place & 1) != 0;
    const size_t share = usual ? SMS365_SHARE_USUAL : SMS365_SHARE_OTHER;
    const int64_t wrong = new->shares[share].backups.count;
    const int64_t wrong_before = old->shares[share].backups.count;

    if ((new->backup.used &before) != before)
        violate(RULE_backup_code_is_used_once, "a code that was used is good again");
    if (used == 0 && wrong == wrong_before)
        return;
    if (used == 0) {
        if (wrong != wrong_before + 1)
            violate(RULE_backup_budget_holds, "%d wrong codes after %d", (int)wrong, (int)wrong_before);
        if (code == NOBODY || proc->diary.backup_paid)
            violate(RULE_backup_code_is_charged_first, "a code is charged that was not entered");
        proc->diary.backup_paid = 1;
        if (++world.common.backups_wrong[share] > current_run->failed_tries)
            violate(RULE_backup_budget_holds, "%d", world.common.backups_wrong[share]);
        return;
    }
    if (!proc->diary.backup_paid)
        violate(RULE_backup_code_is_charged_first, "a code is used, and none was charged");
    if (code < 0 || used != 1u << code || (world.common.backups_used & used) != 0)
        violate(RULE_backup_code_is_used_once, "code %d was entered, %x used", code, used);
    world.common.backups_wrong[share]--;
    for (size_t i = 0; i < SMS365_SHARES; i++) {
        if (new->shares[i].row > 0 || new->shares[i].locked)
            violate(RULE_backup_code_unlocks, "share %d is locked", (int)i);
        if (new->shares[i].fail_count != (old->shares[i].locked ? 0 : old->shares[i].fail_count))
            violate(RULE_backup_code_refills_nothing, "share %d", (int)i);
        if (world.common.backups_wrong[i] >= current_run->failed_tries)
            world.common.backups_wrong[i] = 0;
        if (new->shares[i].backups.count != world.common.backups_wrong[i])
            violate(RULE_backup_code_refills_nothing, "wrong backup codes of share %d", (int)i);
    }
    world.common.backups_used |= (uint16_t)used;
    proc->diary.backup_used = (int8_t)code;
    guard_unlocked(proc->diary.subject);
}

void backup_decided(const struct proc *proc)
{
    const struct diary *diary = &proc->diary;
    const unsigned all = (1u << WORLD_BACKUPS) - 1;

    if (proc->ch.outcome.reason == SMS365_REASON_BACKUP_CODE &&
        (diary->backup < 0 || diary->backup_used != diary->backup))
        violate(RULE_backup_code_is_used_once, "it was not this process that used it");
    if (proc->ch.outcome.reason == SMS365_REASON_WRONG_BACKUP_CODE && !diary->backup_paid &&
        (world.common.backups_used & all) != all)
        violate(RULE_backup_code_is_charged_first, "compared, and not charged");
}

bool backup_may_replace(const struct proc *proc, uint64_t reasons)
{
    static const enum sms365_reason replaceable[] = {SMS365_REASON_LOCKED, SMS365_REASON_LOCKED_OUT,
        SMS365_REASON_TOO_MANY_SENDS, SMS365_REASON_TOO_MANY_FROM_HOST, SMS365_REASON_STORE_SPENT,
        SMS365_REASON_TOO_MANY_OPEN, SMS365_REASON_KEY_REFUSED, SMS365_REASON_NO_BALANCE, SMS365_REASON_BAD_NUMBER,
        SMS365_REASON_COUNTRY_REFUSED, SMS365_REASON_SIM_CHANGED, SMS365_REASON_PROVIDER_REFUSED};
    const unsigned all = (1u << WORLD_BACKUPS) - 1;
    uint64_t mask = current_run->outage_backup ? UINT64_C(1) << SMS365_REASON_UNREACHABLE : 0;

    for (size_t i = 0; i < sizeof replaceable / sizeof *replaceable; i++)
        mask |= UINT64_C(1) << replaceable[i];
    return current_run->backup && proc->diary.backup == NOBODY && (world.common.backups_used & all) != all &&
           (reasons & mask) != 0;
}

enum prompt backup_prompt(const struct proc *proc)
{
    const char *prompt = proc->ch.action.text;
    char text[SMS365_PROMPT_SIZE];
    char left[8];

    for (int i = 1; current_run->backup && i <= WORLD_BACKUPS; i++) {
        (void)snprintf(left, sizeof left, "%d", i);
        sms365_text_format(
            text, sizeof text, proc->ch.language, SMS365_TEXT_BACKUP_PROMPT, (const char *const[]){left, NULL});
        if (strcmp(prompt, text) == 0)
            return PROMPT_BACKUP;
        sms365_text_format(
            text, sizeof text, proc->ch.language, SMS365_TEXT_OFFER_BACKUP, (const char *const[]){left, NULL});
        if (strlen(prompt) >= strlen(text) && strcmp(prompt + strlen(prompt) - strlen(text), text) == 0)
            return PROMPT_OFFER;
    }
    return proc->ch.slot.phase == SMS365_PHASE_SENDING ? PROMPT_LOST : PROMPT_CODE;
}
