/* The rules: what a process may do next, and how it may decide. */
#include "explore.h"

#include <string.h>

#define REASON(name) (1u << SMS365_REASON_##name)
#define ANY_REASON (~0u)

/* --- What a choice obliges the process to --- */

static void doom(struct proc *proc, enum rule rule, uint32_t reasons, bool writes)
{
    proc->diary.doom = (uint8_t)(rule + 1);
    proc->diary.doom_writes = writes;
    proc->diary.reasons = reasons;
}

static uint32_t reason_of_refusal(int error)
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

static uint32_t reason_of_err(enum sms365_err err)
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

static void before_reply(struct proc *proc, struct move move, const struct sms365_event *event)
{
    const uint32_t gone = REASON(SUPERSEDED) | REASON(STORE_FAILED);
    const bool send = proc->ch.action.endpoint == SMS365_EP_2FA_SEND;
    const enum sms365_err err = event->err;

    if (err == SMS365_REFUSED && send && event_says_not_sent(event->provider_error))
        doom(proc, RULE_failed_send_opens_nothing, reason_of_refusal(event->provider_error), true);
    else if (err == SMS365_REFUSED && send)
        return; /* nobody knows whether a message went out: as after a lost reply */
    else if (err == SMS365_REFUSED && event->provider_error == 302)
        doom(proc, RULE_only_an_exact_ok_is_accepted, REASON(EXPIRED) | gone, true);
    else if (err == SMS365_REFUSED)
        doom(proc, RULE_only_an_exact_ok_is_accepted, reason_of_refusal(event->provider_error), false);
    else if (err != SMS365_OK && !send)
        doom(proc, RULE_only_an_exact_ok_is_accepted, reason_of_err(err), false);
    else if (err != SMS365_OK && err != SMS365_REPLY_LOST && err != SMS365_BAD_REPLY)
        doom(proc, RULE_failed_send_opens_nothing, reason_of_err(err), true);
    else if (!send && move.choice == CHECK_ODD)
        doom(proc, RULE_only_an_exact_ok_is_accepted, REASON(BAD_REPLY), false);
    else if (!send && strcmp(event->auth, "nok") == 0)
        doom(proc, RULE_only_an_exact_ok_is_accepted,
            proc->ch.slot.tries < current_run->tries ? REASON(WRONG_CODE) : REASON(TRIES_USED), false);
}

/* The prompt after a lost reply takes no codes, the one for strangers nothing at all. */
static void before_answer(struct proc *proc, enum answer answer, const char *text)
{
    const struct subject_info *who = &subjects[proc->diary.subject];
    const bool lost = proc->ch.slot.phase == SMS365_PHASE_SENDING;
    const bool again = answer == ANSWER_AGAIN || answer == ANSWER_AGAIN_CAPITAL;
    const bool other = answer == ANSWER_OTHER || answer == ANSWER_OTHER_CAPITAL;

    memset(proc->diary.typed, 0, sizeof proc->diary.typed);
    if (!who->known || !who->first_factor) {
        doom(proc, RULE_strangers_learn_nothing, REASON(NO_FIRST_FACTOR) | REASON(UNKNOWN_USER), false);
    } else if (again || (other && !lost)) {
        proc->diary.wished = 1;
    } else if (lost) {
        doom(proc, RULE_answer_that_is_no_code_denies,
            REASON(REPLY_LOST) | REASON(BAD_REPLY) | REASON(PROVIDER_REFUSED), false);
    } else if (event_is_code(answer)) {
        memcpy(proc->diary.typed, text + strspn(text, " \t"), SMS365_CODE_DIGITS);
    } else {
        const bool none = answer == ANSWER_NULL || answer == ANSWER_EMPTY || answer == ANSWER_BLANKS;
        doom(proc, RULE_answer_that_is_no_code_denies, none ? REASON(NO_ANSWER) : REASON(NOT_A_CODE), false);
    }
}

void rules_before(struct proc *proc, struct move move, const struct sms365_event *event, struct glimpse *before)
{
    *before = (struct glimpse){proc->ch.outcome, proc->ch.action.kind, proc->ch.settled, proc->ch.slot.delivery};
    if (before->settled)
        return;
    if (move.choice == WRONG_KIND)
        doom(proc, RULE_unexpected_event_denies, REASON(INTERNAL), false);
    else if (move.choice == CLOCK_BACK || move.choice == OTHER_BOOT)
        doom(proc, RULE_clock_going_back_denies, REASON(INTERNAL), false);
    else if (event->kind == SMS365_EVENT_RECORD && move.choice != GET_OK)
        doom(proc, RULE_store_failure_denies, REASON(STORE_FAILED), false);
    else if (event->kind == SMS365_EVENT_WRITTEN && event->err != SMS365_OK && event->err != SMS365_CONFLICT)
        doom(proc, RULE_store_failure_denies, REASON(STORE_FAILED), false);
    else if (event->kind == SMS365_EVENT_REPLY)
        before_reply(proc, move, event);
    else if (event->kind == SMS365_EVENT_ANSWER)
        before_answer(proc, (enum answer)move.arg, event->answer == NULL ? "" : event->answer);
}

/* --- Requests --- */

static bool is_welcome(const struct proc *proc)
{
    const struct subject_info *who = &subjects[proc->diary.subject];

    return who->known && who->first_factor && who->enrolled;
}

static const char *param(const struct sms365_action *action, size_t index, const char *name)
{
    if (index >= action->param_count || strcmp(action->params[index].name, name) != 0)
        return "";
    return action->params[index].value;
}

static bool is_last_param(const char *value, const struct message *message)
{
    const struct sms365_conf *conf = subject_conf(current_run);
    const size_t prefix = strlen(conf->callback);
    uint8_t id[SMS365_ID_BYTES];
    int64_t wait_s;

    if (current_run->callback)
        return strncmp(value, conf->callback, prefix) == 0 && strncmp(value + prefix, "&t=", 3) == 0 &&
               sms365_token_check(id, &callback_key, value + prefix + 3) && memcmp(id, message->id, sizeof id) == 0;
    return sms365_str_number(value, 0, 30, &wait_s) && wait_s == conf->wait_s;
}

/* The request has what the configuration says, and nothing else. */
static void check_send_params(const struct proc *proc, const struct message *message)
{
    const struct sms365_action *action = &proc->ch.action;
    const struct sms365_conf *conf = subject_conf(current_run);
    const size_t count = current_run->greek ? 5 : 4;
    const char *last = param(action, count - 1, current_run->callback ? "callback" : "wait");
    const int64_t timeout_ms = (conf->timeout_s + (current_run->callback ? 0 : conf->wait_s)) * 1000;
    bool own = false;

    if (!is_last_param(last, message) || action->param_count != count ||
        strcmp(param(action, 1, "text"), conf->text) != 0 ||
        strcmp(param(action, count - 2, "from"), conf->from) != 0 ||
        (current_run->greek && strcmp(param(action, 2, "ucs"), "true") != 0) || action->timeout_ms != timeout_ms)
        violate(RULE_message_is_as_configured, "%s", last);
    if (!action->once)
        violate(RULE_message_is_written_once, "the request may be repeated");
    if (message->number == WORLD_NUMBERS || strcmp(param(action, 0, "to"), world_numbers[message->number]) != 0)
        violate(RULE_message_goes_to_the_own_number, "%s is not the number of the charge", param(action, 0, "to"));
    for (size_t i = 0; i < proc->ch.number_count; i++)
        own = own || strcmp(param(action, 0, "to"), proc->ch.numbers[i]) == 0;
    if (!own)
        violate(RULE_message_goes_to_the_own_number, "%s", param(action, 0, "to"));
}

static void check_send_cause(const struct proc *proc, const struct message *message)
{
    const bool wished = proc->diary.wished;

    if (proc->diary.sends > 0 && !wished)
        violate(RULE_message_has_a_cause, "nobody asked for another message");
    if (proc->diary.asks >= SMS365_QUESTIONS_MAX)
        violate(RULE_message_can_be_answered, "no prompt may follow any more");
    if (!wished && message->after_wrong)
        violate(RULE_wrong_code_sends_nothing, "a message after a wrong code that nobody asked for");
    if (wished && message->too_soon)
        violate(RULE_resend_waits, "the last message to this number is too young");
}

static void check_send(struct proc *proc)
{
    const int index = proc->diary.may_send;

    if (!is_welcome(proc))
        violate(RULE_message_needs_a_proved_known_enrolled_subject, "%s", subjects[proc->diary.subject].name);
    proc->diary.may_send = NOBODY;
    if (index == NOBODY) {
        violate(RULE_message_is_charged_first, "no charge was written");
        return;
    }
    struct message *message = &world.common.messages[index];
    message->stage = STAGE_FLYING;
    message->called_ms = world.common.true_ms;
    check_send_params(proc, message);
    check_send_cause(proc, message);
    if (guard_messages(message->share) > current_run->sends_per_hour)
        violate(RULE_messages_per_hour, "%d messages", guard_messages(message->share));
    if (ledger_charges() < ledger_messages())
        violate(RULE_message_is_charged_first, "%d charges, %d messages", ledger_charges(), ledger_messages());
    proc->diary.wished = 0;
    proc->diary.sends++;
}

static void check_check(struct proc *proc)
{
    const struct sms365_action *action = &proc->ch.action;
    const int index = event_auth_id(param(action, 0, "authId"));
    const int charged = proc->diary.may_check;

    proc->diary.may_check = NOBODY;
    if (proc->diary.typed[0] == '\0' || action->param_count != 2 || action->once ||
        strcmp(param(action, 1, "code"), proc->diary.typed) != 0)
        violate(RULE_check_only_what_was_typed, "%s", param(action, 1, "code"));
    memset(proc->diary.typed, 0, sizeof proc->diary.typed);
    if (index == NOBODY) {
        violate(RULE_check_only_the_newest, "a message that there is not");
        return;
    }
    struct message *message = &world.common.messages[index];
    message->checks++;
    const char *key = event_key(index) == NULL ? "" : event_key(index);
    if (strcmp(action->key == NULL ? "" : action->key, key) != 0)
        violate(RULE_check_uses_the_key_of_the_send, "%s", action->key == NULL ? "none" : action->key);
    if (!ledger_same_holder(message->subject, proc->diary.subject))
        violate(RULE_check_only_by_the_holder, "%s", subjects[proc->diary.subject].name);
    if (message->checks > current_run->tries)
        violate(RULE_tries_per_message, "%d checks", message->checks);
    if (charged != index || message->checks > message->charged)
        violate(RULE_check_is_charged_first, "%d checks, %d charged", message->checks, message->charged);
    if (world.common.true_ms - message->called_ms >= proc->ch.limits.life_ms + ledger_slack_ms())
        violate(RULE_check_only_in_life, "%d ms old", (int)(world.common.true_ms - message->called_ms));
}

/* --- Decisions --- */

static void check_allow(struct proc *proc)
{
    const int index = proc->diary.accepted;

    if (!is_welcome(proc))
        violate(RULE_allow_needs_a_proved_known_enrolled_subject, "%s", subjects[proc->diary.subject].name);
    if (index == NOBODY) {
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

/* Tries that the holder's challenge has according to the store; 0 when there is none that can be answered. */
static int tries_open(const struct proc *proc)
{
    const struct cell *cell = &world.common.cells[SMS365_CLASS_USER];
    const struct sms365_now now = world_now();
    const struct subject_info *who = &subjects[proc->diary.subject];
    struct sms365_state state;
    bool own = false;

    /* Strangers are not to learn of any. */
    if (!who->known || !who->first_factor || !sms365_state_decode(&state, &now, cell->value, cell->length))
        return 0;
    const struct sms365_slot *slot = sms365_state_held(&state, proc->ch.holder);
    for (size_t i = 0; slot != NULL && i < proc->ch.number_count; i++)
        own = own || strcmp(slot->msisdn, proc->ch.numbers[i]) == 0;
    if (!own || slot->phase != SMS365_PHASE_OPEN || sms365_slot_life_ms(slot, &proc->ch.limits, &now) <= 0)
        return 0;
    return current_run->tries - slot->tries;
}

static void check_deny(const struct proc *proc)
{
    const struct sms365_outcome *outcome = &proc->ch.outcome;
    const int tries = current_run->tries;
    const bool waits = outcome->reason == SMS365_REASON_TOO_MANY_SENDS ||
                       outcome->reason == SMS365_REASON_TOO_MANY_OPEN || outcome->reason == SMS365_REASON_LOCKED_OUT ||
                       outcome->reason == SMS365_REASON_TOO_MANY_FROM_HOST;
    bool good = outcome->reason != SMS365_REASON_NONE && outcome->reason != SMS365_REASON_CODE_ACCEPTED;

    if (proc->diary.doom != 0)
        good = (proc->diary.reasons >> outcome->reason & 1u) != 0;
    good = good && outcome->tries_left >= 0 && outcome->tries_left <= tries;
    if (waits)
        good = good && outcome->retry_after_s >= 1 && outcome->retry_after_s <= SMS365_HOUR_MS / 1000;
    else if (outcome->reason != SMS365_REASON_TRIES_USED)
        good = good && outcome->retry_after_s == 0;
    /* Without a look at the record, or with another process at it meanwhile, nobody can tell. */
    if (outcome->reason != SMS365_REASON_STORE_FAILED && outcome->reason != SMS365_REASON_INTERNAL &&
        outcome->reason != SMS365_REASON_TOO_MANY_FROM_HOST && current_run->procs == 1)
        good = good && outcome->tries_left == tries_open(proc);
    if (outcome->reason == SMS365_REASON_TRIES_USED || outcome->reason == SMS365_REASON_SUPERSEDED)
        good = good && outcome->tries_left == 0;
    if (outcome->reason == SMS365_REASON_TOO_MANY_SENDS)
        good = good && ledger_charges() >= current_run->sends_per_hour;
    if (outcome->reason == SMS365_REASON_NOT_ENROLLED)
        good = good && !subjects[proc->diary.subject].enrolled;
    if (!good)
        violate(RULE_outcome_is_true, "%s, %d tries left, %d s", sms365_reason_name(outcome->reason),
            outcome->tries_left, (int)outcome->retry_after_s);
}

static bool same_outcome(const struct sms365_outcome *a, const struct sms365_outcome *b)
{
    return a->verdict == b->verdict && a->reason == b->reason && a->tries_left == b->tries_left &&
           a->retry_after_s == b->retry_after_s;
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
            check_deny(proc);
        if (ch->outcome.verdict != SMS365_DENY)
            check_allow(proc);
        search_decided(ch->outcome.reason);
    } else {
        const bool writes = kind == SMS365_ACTION_GET || kind == SMS365_ACTION_CAS;
        if (proc->diary.doom != 0 && !(writes && proc->diary.doom_writes))
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
    const bool user = action->class == SMS365_CLASS_USER;

    if (strcmp(action->name, user ? who->user : world_host) != 0)
        violate(RULE_only_own_records, "%s", action->name);
    if (user && (!who->known || !who->first_factor))
        violate(RULE_strangers_learn_nothing, "the user's record is looked at");
    if (user && who->count_host && !proc->diary.counted)
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
    proc->diary.wished = 0;
}

static void check_action(struct proc *proc)
{
    switch (proc->ch.action.kind) {
    case SMS365_ACTION_GET:
    case SMS365_ACTION_CAS:
        check_store(proc);
        return;
    case SMS365_ACTION_CALL:
        if (proc->ch.action.endpoint == SMS365_EP_2FA_SEND)
            check_send(proc);
        else if (proc->ch.action.endpoint == SMS365_EP_2FA_CHECK)
            check_check(proc);
        else
            violate(RULE_message_is_as_configured, "a request of another kind");
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

    if (move.choice != REPORT)
        return;
    if (move.arg == REPORT_DELIVERED || move.arg == REPORT_OLD_WORD)
        expected = SMS365_DELIVERY_DONE;
    else if (move.arg == REPORT_FAILED)
        expected = SMS365_DELIVERY_FAILED;
    if (proc->ch.slot.delivery != expected)
        violate(RULE_only_own_report_counts, "%d became %d", before->delivery, proc->ch.slot.delivery);
}

void rules_after(struct proc *proc, struct move move, const struct glimpse *before)
{
    check_decision(proc, before);
    check_report(proc, move, before);
    check_action(proc);
    if (ledger_charges() < ledger_messages())
        violate(RULE_charges_cover_messages, "%d charges, %d messages", ledger_charges(), ledger_messages());
}

void rules_begin(struct proc *proc)
{
    const struct glimpse before = {0};

    rules_after(proc, (struct move){.kind = MOVE_LOGIN}, &before);
}
