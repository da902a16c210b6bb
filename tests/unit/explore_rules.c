/* The rules: what a process may do next, and how it may decide. */
#include "explore.h"

#include <string.h>

#define REASON(name) (UINT64_C(1) << SMS365_REASON_##name)
/* Why another way may be refused after one that failed. */
#define OTHER_WAY                                                                                                      \
    (REASON(TOO_MANY_SENDS) | REASON(TOO_MANY_FROM_HOST) | REASON(STORE_SPENT) | REASON(LOCKED) | REASON(LOCKED_OUT) | \
        REASON(TOO_MANY_OPEN) | REASON(NO_BALANCE) | REASON(COUNTRY_REFUSED) | REASON(SIM_CHANGED) |                   \
        REASON(SUPERSEDED) | REASON(STORE_FAILED) | REASON(TOO_MANY_QUESTIONS))

/* What a process may still do that is to deny. */
enum leave { LEAVE_NOTHING, LEAVE_WRITES, LEAVE_OTHER_WAY };

/* --- What a choice obliges the process to --- */

static void doom(struct proc *proc, enum rule rule, uint64_t reasons, enum leave leave)
{
    proc->diary.doom = (uint8_t)(rule + 1);
    proc->diary.doom_writes = (uint8_t)leave;
    proc->diary.reasons = reasons;
}

static uint64_t reason_of_refusal(int error)
{
    switch (error) {
    case 101:
        return REASON(KEY_REFUSED);
    case 102:
    case 103:
        return REASON(BAD_NUMBER);
    case 105:
        return REASON(NO_BALANCE);
    default:
        return REASON(PROVIDER_REFUSED);
    }
}

static uint64_t reason_of_err(enum sms365_err err)
{
    switch (err) {
    case SMS365_UNREACHABLE:
        return REASON(UNREACHABLE);
    case SMS365_WRONG_ADDRESS:
        return REASON(WRONG_ADDRESS);
    case SMS365_NO_KEY:
        return REASON(CONFIG_UNUSABLE);
    case SMS365_REPLY_LOST:
        return REASON(REPLY_LOST);
    case SMS365_BAD_REPLY:
        return REASON(BAD_REPLY);
    default:
        return REASON(INTERNAL);
    }
}

/* What the provider would not send, or could not be asked to. */
static void before_refusal(struct proc *proc, uint64_t reasons)
{
    const bool other = (reasons & (REASON(BAD_NUMBER) | REASON(PROVIDER_REFUSED))) != 0 && proc->ch.routes.count > 1;
    const int index = ledger_find(proc->ch.slot.id);

    if (index != NOBODY)
        world.common.messages[index].refused = other;
    proc->diary.no_balance = (reasons & REASON(NO_BALANCE)) != 0;
    if (proc->ch.before.phase == SMS365_PHASE_OPEN && !proc->ch.spared)
        return; /* the code of the message before may be asked for again */
    doom(proc, RULE_failed_send_opens_nothing, reasons | (other ? OTHER_WAY : 0),
        other ? LEAVE_OTHER_WAY : LEAVE_WRITES);
}

static void before_sent(struct proc *proc, const struct sms365_event *event)
{
    const enum sms365_err err = event->err;

    proc->diary.last = (int8_t)ledger_find(proc->ch.slot.id);
    if (err == SMS365_REFUSED && event_says_not_sent(proc->ch.action.endpoint, event->provider_error))
        before_refusal(proc, reason_of_refusal(event->provider_error));
    else if (err != SMS365_OK && err != SMS365_REFUSED && err != SMS365_REPLY_LOST && err != SMS365_BAD_REPLY)
        before_refusal(proc, reason_of_err(err));
    /* Otherwise nobody knows whether a message went out: as after a lost reply. */
}

static void before_checked(struct proc *proc, struct move move, const struct sms365_event *event)
{
    const char *auth = event->fields[SMS365_FIELD_AUTH];

    if (event->err == SMS365_REFUSED && event->provider_error == 302)
        doom(proc, RULE_only_an_exact_ok_is_accepted, REASON(EXPIRED) | REASON(SUPERSEDED) | REASON(STORE_FAILED),
            LEAVE_WRITES);
    else if (event->err == SMS365_REFUSED)
        doom(proc, RULE_only_an_exact_ok_is_accepted, reason_of_refusal(event->provider_error), LEAVE_NOTHING);
    else if (event->err != SMS365_OK)
        doom(proc, RULE_only_an_exact_ok_is_accepted, reason_of_err(event->err), LEAVE_NOTHING);
    else if (move.choice == CHECK_ODD)
        doom(proc, RULE_only_an_exact_ok_is_accepted, REASON(BAD_REPLY), LEAVE_NOTHING);
    else if (strcmp(auth, "nok") == 0)
        doom(proc, RULE_only_an_exact_ok_is_accepted,
            proc->ch.slot.tries < current_run->tries ? REASON(WRONG_CODE) : REASON(TRIES_USED), LEAVE_NOTHING);
}

static void before_looked(struct proc *proc, struct move move)
{
    proc->diary.looked = move.choice == HLR_CHANGED ? LOOK_CHANGED : move.choice == HLR_SAME ? LOOK_SAME : LOOK_NOTHING;
    if (move.choice == HLR_CHANGED && current_run->hlr == SMS365_HLR_BLOCK)
        doom(proc, RULE_changed_sim_denies, REASON(SIM_CHANGED) | REASON(STORE_FAILED), LEAVE_WRITES);
}

static void before_reply(struct proc *proc, struct move move, const struct sms365_event *event)
{
    const enum sms365_endpoint_id endpoint = proc->ch.action.endpoint;

    if (event_is_send(&proc->ch.action))
        before_sent(proc, event);
    else if (endpoint == SMS365_EP_2FA_CHECK)
        before_checked(proc, move, event);
    else if (endpoint == SMS365_EP_HLR_LOOKUP)
        before_looked(proc, move);
}

static void before_backup(struct proc *proc, enum answer answer, const char *text)
{
    const bool code = answer == ANSWER_BACKUP || answer == ANSWER_BACKUP_USED || answer == ANSWER_BACKUP_WRONG;
    const bool none = answer == ANSWER_NULL || answer == ANSWER_EMPTY || answer == ANSWER_BLANKS;

    if (code) {
        proc->diary.doom = 0;
        proc->diary.backup = (int8_t)event_backup(text);
        if (proc->diary.backup == WRONG_BACKUP || (world.common.backups_used >> proc->diary.backup & 1) != 0)
            doom(proc, RULE_backup_code_is_used_once,
                REASON(WRONG_BACKUP_CODE) | REASON(TRIES_USED) | REASON(STORE_FAILED), LEAVE_WRITES);
    } else if (proc->diary.prompt == PROMPT_BACKUP) {
        doom(proc, RULE_answer_that_is_no_code_denies, none ? REASON(NO_ANSWER) : REASON(NOT_A_CODE), LEAVE_NOTHING);
    } else if (proc->diary.doom == 0) { /* denied as it would have been without the offer */
        doom(proc, RULE_answer_that_is_no_code_denies, OTHER_WAY, LEAVE_NOTHING);
    } else {
        proc->diary.doom_writes = LEAVE_NOTHING;
    }
}

/* The prompt after a lost reply takes no codes, the one for strangers nothing at all. */
static void before_answer(struct proc *proc, enum answer answer, const char *text)
{
    const struct subject_info *who = &subjects[proc->diary.subject];
    const bool lost = proc->diary.prompt == PROMPT_LOST;
    const bool again = answer == ANSWER_AGAIN || answer == ANSWER_AGAIN_CAPITAL;
    const bool other = answer == ANSWER_OTHER || answer == ANSWER_OTHER_CAPITAL;

    memset(proc->diary.typed, 0, sizeof proc->diary.typed);
    if (!who->known || !who->first_factor) {
        doom(proc, RULE_strangers_learn_nothing, REASON(NO_FIRST_FACTOR) | REASON(UNKNOWN_USER), LEAVE_NOTHING);
    } else if (proc->diary.prompt >= PROMPT_BACKUP) {
        before_backup(proc, answer, text);
    } else if (answer == ANSWER_BACKUP_WISH) {
        return;
    } else if (again || (other && !lost)) {
        proc->diary.wished = 1;
        proc->diary.no_balance = 0; /* of a message before */
    } else if (lost) {
        doom(proc, RULE_answer_that_is_no_code_denies,
            REASON(REPLY_LOST) | REASON(BAD_REPLY) | REASON(PROVIDER_REFUSED), LEAVE_NOTHING);
    } else if (event_is_code(answer)) {
        text += strspn(text, " \t");
        memcpy(proc->diary.typed, text, strspn(text, "0123456789"));
    } else {
        const bool none = answer == ANSWER_NULL || answer == ANSWER_EMPTY || answer == ANSWER_BLANKS;
        doom(proc, RULE_answer_that_is_no_code_denies, none ? REASON(NO_ANSWER) : REASON(NOT_A_CODE), LEAVE_NOTHING);
    }
}

/* The way of the message that is there when the process begins has been tried. */
static void before_first_look(struct proc *proc)
{
    for (int i = 0; i < world.common.message_count; i++) {
        const struct message *message = &world.common.messages[i];
        if (ledger_same_holder(message->subject, proc->diary.subject) && !message->superseded && !message->gone)
            proc->diary.routes = message->route;
    }
}

static void before_record(struct proc *proc, struct move move, const struct sms365_event *event)
{
    const struct sms365_action *action = &proc->ch.action;
    const uint8_t usual = world.common.usual >> subjects[proc->diary.subject].place & 1;

    if (action->class == SMS365_CLASS_SHARD && event->err == SMS365_BUSY)
        return; /* another one will do */
    if (action->class == SMS365_CLASS_FLAG && proc->diary.no_balance)
        return; /* only a hint to others */
    if (move.choice != GET_OK) {
        doom(proc, RULE_store_failure_denies, REASON(STORE_FAILED), LEAVE_NOTHING);
    } else if (action->class == SMS365_CLASS_USER) {
        proc->diary.usual = usual;
        proc->diary.limited = ledger_charges() >= current_run->sends_per_hour;
        if (proc->diary.routes == 0)
            before_first_look(proc);
    } else if (action->class == SMS365_CLASS_FLAG) {
        proc->diary.began = proc->diary.usual;
        proc->diary.balance = world.common.paused_ms == 0 ||
                              world.common.true_ms - world.common.paused_ms >= PAUSE_MS - ledger_slack_ms();
        if (!proc->diary.balance && (proc->ch.slot.phase != SMS365_PHASE_OPEN || proc->ch.spared))
            doom(proc, RULE_no_balance_pauses, REASON(NO_BALANCE), LEAVE_NOTHING);
    }
}

/* What is compared with a code of ours is not seen: it is done once the try stands in the store. */
static void before_comparison(struct proc *proc, int index)
{
    struct message *message = &world.common.messages[index];

    rules_compared(proc, index);
    if (strcmp(proc->diary.typed, message->code) != 0) {
        message->wrong = 1;
        doom(proc, RULE_only_an_exact_ok_is_accepted,
            (proc->ch.slot.tries < current_run->tries ? REASON(WRONG_CODE) : REASON(TRIES_USED)) | REASON(EXPIRED),
            LEAVE_NOTHING);
    } else if (world.common.true_ms - message->called_ms < proc->ch.limits.life_ms) {
        proc->diary.accepted = (int8_t)index;
        message->accepted = 1;
    }
    memset(proc->diary.typed, 0, sizeof proc->diary.typed);
}

static void before_written(struct proc *proc, const struct sms365_event *event)
{
    const enum sms365_class class = proc->ch.action.class;
    const int index = proc->diary.may_check;

    if (class == SMS365_CLASS_FLAG || (class == SMS365_CLASS_SHARD && event->err == SMS365_BUSY))
        return;
    if (event->err != SMS365_OK && event->err != SMS365_CONFLICT) {
        doom(proc, RULE_store_failure_denies, REASON(STORE_FAILED), LEAVE_NOTHING);
    } else if (event->err == SMS365_OK && class == SMS365_CLASS_USER) {
        proc->diary.usual = world.common.usual >> subjects[proc->diary.subject].place & 1;
        if (index != NOBODY && world.common.messages[index].local)
            before_comparison(proc, index);
    }
}

void rules_before(struct proc *proc, struct move move, const struct sms365_event *event, struct glimpse *before)
{
    *before = (struct glimpse){proc->ch.outcome, proc->ch.action.kind, proc->ch.settled, proc->ch.slot.delivery,
        proc->ch.action.kind == SMS365_ACTION_WAIT && proc->ch.action.id != NULL, {0}};
    memcpy(before->id, proc->ch.slot.id, sizeof before->id);
    if (before->settled)
        return;
    if (move.choice == WRONG_KIND)
        doom(proc, RULE_unexpected_event_denies, REASON(INTERNAL), LEAVE_NOTHING);
    else if (move.choice == CLOCK_BACK || move.choice == OTHER_BOOT)
        doom(proc, RULE_clock_going_back_denies, REASON(INTERNAL), LEAVE_NOTHING);
    else if (event->kind == SMS365_EVENT_RECORD)
        before_record(proc, move, event);
    else if (event->kind == SMS365_EVENT_WRITTEN)
        before_written(proc, event);
    else if (event->kind == SMS365_EVENT_SUM && event->err != SMS365_OK)
        doom(proc, RULE_store_failure_denies, REASON(STORE_FAILED), LEAVE_NOTHING);
    else if (event->kind == SMS365_EVENT_SUM)
        proc->diary.summed = event->total.count <= STORE_CAP;
    else if (event->kind == SMS365_EVENT_REPLY)
        before_reply(proc, move, event);
    else if (event->kind == SMS365_EVENT_ANSWER)
        before_answer(proc, (enum answer)move.arg, event->answer == NULL ? "" : event->answer);
}

/* --- Decisions --- */

static void check_allow(struct proc *proc)
{
    const int index = proc->diary.accepted;

    if (!rules_is_welcome(proc))
        violate(RULE_allow_needs_a_proved_known_enrolled_subject, "%s", subjects[proc->diary.subject].name);
    if (proc->ch.outcome.reason == SMS365_REASON_BACKUP_CODE)
        return;
    if (index == NOBODY || proc->ch.outcome.reason != SMS365_REASON_CODE_ACCEPTED) {
        violate(RULE_allow_needs_an_accepted_code, "the provider accepted nothing");
        return;
    }
    struct message *message = &world.common.messages[index];
    if (!ledger_same_holder(message->subject, proc->diary.subject) || message->superseded)
        violate(RULE_allow_needs_an_accepted_code, "the code of another challenge");
    if (proc->diary.consumed != index)
        violate(RULE_allow_needs_the_slot_consumed, "it was not this process that took it out of the store");
    if (++message->allows > 1)
        violate(RULE_one_allow_per_message, "%d", message->allows);
}

static bool same_outcome(const struct sms365_outcome *a, const struct sms365_outcome *b)
{
    return a->verdict == b->verdict && a->reason == b->reason && a->tries_left == b->tries_left &&
           a->retry_after_s == b->retry_after_s;
}

/* Before it denies, a process may put the store right, try another way, or ask for a backup code. */
static bool may_still(const struct proc *proc)
{
    const struct sms365_action *action = &proc->ch.action;

    switch (action->kind) {
    case SMS365_ACTION_GET:
    case SMS365_ACTION_CAS:
        return proc->diary.doom_writes != LEAVE_NOTHING;
    case SMS365_ACTION_SUM:
        return proc->diary.doom_writes == LEAVE_OTHER_WAY;
    case SMS365_ACTION_CALL:
        return proc->diary.doom_writes == LEAVE_OTHER_WAY && event_is_send(action);
    case SMS365_ACTION_ASK:
        return backup_prompt(proc) == PROMPT_OFFER && backup_may_replace(proc, proc->diary.reasons);
    default:
        return false;
    }
}

static void check_decision(struct proc *proc, const struct glimpse *before)
{
    const struct sms365_challenge *ch = &proc->ch;
    const enum sms365_action_kind kind = ch->action.kind;
    const bool told = kind == SMS365_ACTION_LOG || kind == SMS365_ACTION_DONE;

    if (before->settled) {
        if (!ch->settled || !told || !same_outcome(&ch->outcome, &before->outcome))
            violate(RULE_settled_is_final, "after %s", sms365_reason_name(before->outcome.reason));
    } else if (ch->settled) {
        if (!told && kind != SMS365_ACTION_ASK && kind != SMS365_ACTION_TELL)
            violate(RULE_settled_is_final, "a decision is told and logged, nothing else");
        if (proc->diary.doom != 0 && ch->outcome.verdict != SMS365_DENY)
            violate((enum rule)(proc->diary.doom - 1), "not denied");
        else if (ch->outcome.verdict == SMS365_DENY)
            rules_denied(proc);
        else if (ch->outcome.verdict == SMS365_BYPASS)
            bypass_decided(proc);
        else
            check_allow(proc);
        backup_decided(proc);
        if (bypass_is_due(proc) && ch->outcome.verdict == SMS365_ALLOW)
            violate(RULE_bypass_only_as_configured, "a code was asked for");
        search_decided(ch->outcome.reason);
    } else {
        if (proc->diary.doom != 0 && !may_still(proc))
            violate((enum rule)(proc->diary.doom - 1), "not denied");
        if (ch->outcome.verdict != SMS365_DENY)
            violate(RULE_starts_with_deny, "before anything is decided");
    }
    if (kind == SMS365_ACTION_DONE && !same_outcome(&ch->action.outcome, &ch->outcome))
        violate(RULE_settled_is_final, "the action has another outcome");
}

/* --- Every action --- */

static void check_store(struct proc *proc)
{
    const struct subject_info *who = &subjects[proc->diary.subject];
    const struct sms365_action *action = &proc->ch.action;
    static uint8_t value[SMS365_RECORD_MAX];
    struct record record;
    size_t length;

    if (!world_record(&record, action))
        violate(RULE_only_own_records, "%s", action->name);
    if (sms365_challenge_value(&proc->ch, value, &length) != (action->kind == SMS365_ACTION_CAS))
        violate(
            RULE_only_own_records, "%s: a value where nothing is written, or none where something is", action->name);
    if (action->class != SMS365_CLASS_HOST && (!who->known || !who->first_factor))
        violate(RULE_strangers_learn_nothing, "a record of users is looked at");
    if (action->class == SMS365_CLASS_USER && who->count_host && !proc->diary.counted)
        violate(RULE_strangers_are_counted, "the attempt is not counted");
    proc->diary.since_ms = world.common.true_ms;
}

static void check_ask(struct proc *proc)
{
    const struct subject_info *who = &subjects[proc->diary.subject];
    const bool stranger = !who->known || !who->first_factor;

    if (++proc->diary.asks > SMS365_QUESTIONS_MAX)
        violate(RULE_five_questions, "%d", proc->diary.asks);
    if (stranger && !proc->diary.counted)
        violate(RULE_strangers_are_counted, "the attempt is not counted");
    if (bypass_is_due(proc) && !proc->ch.settled)
        violate(RULE_bypass_only_as_configured, "a code is asked for");
    proc->diary.wished = 0;
    proc->diary.prompt = (uint8_t)backup_prompt(proc);
    if (proc->diary.prompt == PROMPT_OFFER && proc->diary.backup != NOBODY)
        violate(RULE_backup_code_is_used_once, "another is asked for");
}

static void check_action(struct proc *proc)
{
    switch (proc->ch.action.kind) {
    case SMS365_ACTION_GET:
    case SMS365_ACTION_CAS:
        check_store(proc);
        return;
    case SMS365_ACTION_CALL:
        rules_request(proc);
        break;
    case SMS365_ACTION_ASK:
        check_ask(proc);
        rules_texts(proc);
        break;
    case SMS365_ACTION_TELL:
    case SMS365_ACTION_LOG:
        rules_texts(proc);
        break;
    default:
        break;
    }
}

static void check_report(const struct proc *proc, struct move move, const struct glimpse *before)
{
    uint8_t expected = before->delivery;

    if (move.choice != REPORT || !before->awaited)
        return;
    if (move.arg == REPORT_DELIVERED || move.arg == REPORT_OLD_WORD)
        expected = SMS365_DELIVERY_DONE;
    else if (move.arg == REPORT_FAILED)
        expected = SMS365_DELIVERY_FAILED;
    if (proc->ch.slot.delivery != expected && memcmp(proc->ch.slot.id, before->id, sizeof before->id) == 0)
        violate(RULE_only_own_report_counts, "%d became %d", before->delivery, proc->ch.slot.delivery);
}

void rules_after(struct proc *proc, struct move move, const struct glimpse *before)
{
    check_decision(proc, before);
    check_report(proc, move, before);
    check_action(proc);
    if (move.kind != MOVE_STEP || before->kind != SMS365_ACTION_CAS)
        return; /* nothing else changes what is charged */
    if (ledger_charges() < ledger_messages())
        violate(RULE_charges_cover_messages, "%d charges, %d messages", ledger_charges(), ledger_messages());
    spend_covers();
}

void rules_begin(struct proc *proc)
{
    const struct glimpse before = {0};

    rules_after(proc, (struct move){.kind = MOVE_LOGIN}, &before);
}
