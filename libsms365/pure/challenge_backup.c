/* Backup codes at the prompt. */
#include "pure/challenge_state.h"

#include <stdio.h>
#include <string.h>

/* --- Checking one --- */

static enum sms365_reason change_charge(struct sms365_challenge *ch)
{
    const struct sms365_cap cap = {ch->limits.guard.window_ms, ch->limits.guard.budget, 0, false};
    int64_t retry_after_ms = 0;

    if (sms365_backup_left(&ch->state.backup) == 0)
        return SMS365_REASON_WRONG_BACKUP_CODE;
    if (!sms365_tally_charge(
            &ch->state.shares[challenge_share(ch)].backups, &cap, ch->now.boot_ms, 0, &ch->now, &retry_after_ms)) {
        challenge_retry_after(ch, retry_after_ms);
        return SMS365_REASON_TRIES_USED;
    }
    return SMS365_REASON_NONE;
}

/* Its owner is who entered it: no lock holds any longer. What was not locked stays counted, as after any success. */
static enum sms365_reason change_use(struct sms365_challenge *ch)
{
    struct sms365_backup *backup = &ch->state.backup;
    const uint16_t bit = (uint16_t)(1u << ch->backup_index);

    if (memcmp(backup->hashes[ch->backup_index], ch->backup_hash, sizeof ch->backup_hash) != 0 ||
        (backup->used & bit) != 0)
        return SMS365_REASON_SUPERSEDED;
    backup->used |= bit;
    sms365_tally_refund(
        &ch->state.shares[challenge_share(ch)].backups, ch->limits.guard.window_ms, ch->now.boot_ms, 0, &ch->now);
    for (size_t i = 0; i < SMS365_SHARES; i++)
        sms365_share_open(&ch->state.shares[i], &ch->limits.guard);
    sms365_place_add(&ch->state.places, ch->place, &ch->now);
    const struct sms365_slot *held = sms365_state_held(&ch->state, ch->holder);
    if (held != NULL)
        (void)sms365_state_drop(&ch->state, held->id);
    return SMS365_REASON_NONE;
}

static void used(struct sms365_challenge *ch)
{
    challenge_allow(ch, SMS365_REASON_BACKUP_CODE);
}

static void charged(struct sms365_challenge *ch)
{
    const int index = sms365_backup_find(&ch->state.backup, ch->code, &ch->holder_key);

    sms365_wipe(ch->code, sizeof ch->code);
    if (index < 0) {
        challenge_deny(ch, SMS365_REASON_WRONG_BACKUP_CODE);
        return;
    }
    ch->backup_index = (unsigned)index;
    memcpy(ch->backup_hash, ch->state.backup.hashes[index], sizeof ch->backup_hash);
    challenge_write(ch, change_use, used, challenge_refuse_why);
}

/* empty and other: why an answer that is no backup code denies. */
static void check(struct sms365_challenge *ch, const char *answer, enum sms365_reason empty, enum sms365_reason other)
{
    if (answer == NULL || answer[strspn(answer, " \t\r\n")] == '\0') {
        challenge_deny(ch, empty);
        return;
    }
    if (!sms365_backup_parse(ch->code, answer)) {
        challenge_deny(ch, other);
        return;
    }
    ch->by_backup = true;
    ch->outcome.retry_after_s = 0;
    challenge_write(ch, change_charge, charged, challenge_refuse_why);
}

/* --- Asking for one --- */

static void on_wished(struct sms365_challenge *ch, const struct sms365_event *event)
{
    check(ch, event->answer, SMS365_REASON_NO_ANSWER, SMS365_REASON_NOT_A_CODE);
}

void challenge_backup(struct sms365_challenge *ch)
{
    char left[16];

    if (ch->backups_left == 0) {
        challenge_note(ch, SMS365_TEXT_NO_BACKUP, NULL);
        challenge_prompt_again(ch);
        return;
    }
    if (ch->questions >= SMS365_QUESTIONS_MAX) {
        challenge_deny(ch, SMS365_REASON_TOO_MANY_QUESTIONS);
        return;
    }
    (void)snprintf(left, sizeof left, "%d", ch->backups_left);
    sms365_text_format(
        ch->prompt, sizeof ch->prompt, ch->language, SMS365_TEXT_BACKUP_PROMPT, (const char *const[]){left, NULL});
    challenge_ask(ch, ch->prompt, on_wished);
    ch->asks_backup = true;
}

/* Whoever has a code on paper is not shut out by these. An outage counts only as configured. */
static bool may_replace(const struct sms365_challenge *ch, enum sms365_reason reason)
{
    switch (reason) {
    case SMS365_REASON_LOCKED:
    case SMS365_REASON_LOCKED_OUT:
    case SMS365_REASON_TOO_MANY_SENDS:
    case SMS365_REASON_TOO_MANY_FROM_HOST:
    case SMS365_REASON_STORE_SPENT:
    case SMS365_REASON_TOO_MANY_OPEN:
    case SMS365_REASON_KEY_REFUSED:
    case SMS365_REASON_NO_BALANCE:
    case SMS365_REASON_BAD_NUMBER:
    case SMS365_REASON_COUNTRY_REFUSED:
    case SMS365_REASON_SIM_CHANGED:
    case SMS365_REASON_PROVIDER_REFUSED:
        return true;
    case SMS365_REASON_UNREACHABLE:
        return ch->conf->on_outage == SMS365_OUTAGE_BACKUP;
    default:
        return false;
    }
}

static void on_offered(struct sms365_challenge *ch, const struct sms365_event *event)
{
    check(ch, event->answer, ch->pending, ch->pending);
}

bool challenge_offer_backup(struct sms365_challenge *ch, enum sms365_reason reason)
{
    char left[16];

    if (!may_replace(ch, reason) || ch->backups_left == 0 || ch->by_backup || ch->questions >= SMS365_QUESTIONS_MAX)
        return false;
    ch->pending = reason;
    challenge_denial_text(ch, reason);
    (void)snprintf(left, sizeof left, "%d", ch->backups_left);
    const size_t length = strlen(ch->prompt);
    sms365_text_format(ch->prompt + length, sizeof ch->prompt - length, ch->language, SMS365_TEXT_OFFER_BACKUP,
        (const char *const[]){left, NULL});
    challenge_ask(ch, ch->prompt, on_offered);
    ch->asks_backup = ch->instead = true;
    return true;
}
