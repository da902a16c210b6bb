/* The rules for requests: may this message be sent, this code be checked? */
#include "explore.h"

#include <string.h>

bool rules_is_welcome(const struct proc *proc)
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

/* --- Sends --- */

/*
 * So long is the report waited for: as long as configured for the last way, or for one that others follow. A way to a
 * country that is not allowed may count as one, until it has been thought of.
 */
static bool is_wait(const struct proc *proc, const struct message *message, int64_t seconds)
{
    const uint8_t tried = proc->diary.routes | message->route;
    const char *const countries = current_run->countries == NULL ? "" : current_run->countries;
    bool more = false;
    bool barred = false;

    for (size_t i = 0; i < proc->ch.routes.count; i++) {
        const struct sms365_route *route = &proc->ch.routes.entries[i];
        const uint8_t number = (uint8_t)(subjects[proc->diary.subject].first_number + route->number);
        const bool untried = (tried & world_route((enum sms365_channel)route->channel, number)) == 0;
        const bool allowed = strncmp(world_numbers[number], countries, strlen(countries)) == 0;
        more = more || (untried && allowed);
        barred = barred || (untried && !allowed);
    }
    return (current_run->give_up_s > 0 && (more || barred) && seconds == current_run->give_up_s) ||
           ((current_run->give_up_s == 0 || !more) && seconds == current_run->wait_s);
}

static bool is_own_callback(const char *url, const struct message *message)
{
    const char *callback = subject_conf(current_run)->callback;
    const size_t prefix = strlen(callback);
    uint8_t id[SMS365_ID_BYTES];

    return strncmp(url, callback, prefix) == 0 && strncmp(url + prefix, "&t=", 3) == 0 &&
           sms365_token_check(id, &callback_key, url + prefix + 3) && memcmp(id, message->id, sizeof id) == 0;
}

/* The text: the template with a code of ours in it, or with the provider's mark. */
static bool is_text(const char *text, bool local)
{
    const char *template = subject_conf(current_run)->text;
    const size_t prefix = strlen(template) - strlen(SMS365_SMS_CODE);

    if (!local)
        return strcmp(text, template) == 0;
    return strncmp(text, template, prefix) == 0 && strlen(text + prefix) == 6 &&
           strspn(text + prefix, "0123456789") == 6;
}

/* The next of the expected parameters. */
static bool has(const struct sms365_action *action, size_t *at, const char *name, const char *value)
{
    return strcmp(param(action, (*at)++, name), value) == 0;
}

/* What stands between the text and the end, by channel. */
static bool has_sender(const struct sms365_action *action, size_t *at, bool viber)
{
    const struct sms365_conf *conf = subject_conf(current_run);
    const char *text = param(action, 1, "text");
    const bool from = !current_run->no_from;

    if (!viber)
        return !from || has(action, at, "from", conf->from);
    return (!from || has(action, at, "from", conf->viber_from)) && has(action, at, "validity", "60") &&
           has(action, at, "sms_fallback", "true") && has(action, at, "sms_text", text) &&
           (!from || has(action, at, "sms_from", conf->from));
}

/* The request has what the configuration says, and nothing else. */
static void check_send_params(const struct proc *proc, const struct message *message)
{
    const struct sms365_action *action = &proc->ch.action;
    const bool viber = action->endpoint == SMS365_EP_VIBER_SEND;
    const bool local = action->endpoint != SMS365_EP_2FA_SEND;
    const bool waits = !local && !current_run->callback;
    int64_t timeout_ms = subject_conf(current_run)->timeout_s * 1000;
    int64_t seconds = -1;
    bool own = false;
    size_t at = 2;

    bool good =
        local == current_run->local && is_text(param(action, 1, "text"), local) && has_sender(action, &at, viber);
    if (current_run->greek)
        good = good && has(action, &at, "ucs", "true");
    if (current_run->callback && !viber)
        good = good && is_own_callback(param(action, at++, "callback"), message);
    if (waits) {
        good =
            good && sms365_str_number(param(action, at++, "wait"), 0, 30, &seconds) && is_wait(proc, message, seconds);
        timeout_ms += seconds * 1000;
    }
    if (!good || at != action->param_count || action->timeout_ms != timeout_ms)
        violate(RULE_message_is_as_configured, "%d parameters", (int)action->param_count);
    if (!action->once)
        violate(RULE_message_is_written_once, "the request may be repeated");
    if (message->number == WORLD_NUMBERS || strcmp(param(action, 0, "to"), world_numbers[message->number]) != 0)
        violate(RULE_message_goes_to_the_own_number, "%s is not the number of the charge", param(action, 0, "to"));
    for (size_t i = 0; i < proc->ch.number_count; i++)
        own = own || strcmp(param(action, 0, "to"), proc->ch.numbers[i].msisdn) == 0;
    if (!own)
        violate(RULE_message_goes_to_the_own_number, "%s", param(action, 0, "to"));
    if (current_run->countries != NULL && strncmp(param(action, 0, "to"), current_run->countries, 2) != 0)
        violate(RULE_country_is_allowed, "%s", param(action, 0, "to"));
}

static void check_send_cause(const struct proc *proc, const struct message *message)
{
    const bool wished = proc->diary.wished;
    const bool follows = !wished && !message->uncaused;

    if (proc->diary.sends > 0 && !wished && message->uncaused && (proc->diary.routes & message->route) == 0)
        violate(RULE_message_has_a_cause, "nobody asked for another message");
    if (proc->diary.sends > 0 && !wished && (proc->diary.routes & message->route) != 0)
        violate(RULE_fallback_takes_an_untried_way, "the same way once more");
    if (proc->diary.asks >= SMS365_QUESTIONS_MAX)
        violate(RULE_message_can_be_answered, "no prompt may follow any more");
    if (!wished && !follows && message->after_wrong)
        violate(RULE_wrong_code_sends_nothing, "a message after a wrong code that nobody asked for");
    if (wished && message->too_soon)
        violate(RULE_resend_waits, "the last message to this number is too young");
}

static void check_send(struct proc *proc)
{
    const int index = proc->diary.may_send;

    if (!rules_is_welcome(proc))
        violate(RULE_message_needs_a_proved_known_enrolled_subject, "%s", subjects[proc->diary.subject].name);
    if (bypass_is_due(proc))
        violate(RULE_bypass_only_as_configured, "a message is sent");
    if (!proc->diary.balance)
        violate(RULE_no_balance_pauses, "nobody looked whether the account is empty");
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
    spend_sending(proc, message);
    proc->diary.routes |= message->route;
    proc->diary.doom = 0; /* this is another way, and a good one */
    proc->diary.balance = 0;
    proc->diary.wished = 0;
    proc->diary.sends++;
}

/* --- Checks --- */

void rules_compared(struct proc *proc, int index)
{
    struct message *message = &world.common.messages[index];

    message->checks++;
    if (!ledger_same_holder(message->subject, proc->diary.subject))
        violate(RULE_check_only_by_the_holder, "%s", subjects[proc->diary.subject].name);
    if (message->checks > current_run->tries)
        violate(RULE_tries_per_message, "%d checks", message->checks);
    if (message->checks > message->charged)
        violate(RULE_check_is_charged_first, "%d checks, %d charged", message->checks, message->charged);
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
    const struct message *message = &world.common.messages[index];
    const char *key = event_key(index) == NULL ? "" : event_key(index);
    if (message->local)
        violate(RULE_code_stands_only_in_the_message, "a code of ours is checked by the provider");
    if (strcmp(action->key == NULL ? "" : action->key, key) != 0)
        violate(RULE_check_uses_the_key_of_the_send, "%s", action->key == NULL ? "none" : action->key);
    if (charged != index)
        violate(RULE_check_is_charged_first, "another message was charged");
    rules_compared(proc, index);
    if (world.common.true_ms - message->called_ms >= proc->ch.limits.life_ms + ledger_slack_ms())
        violate(RULE_check_only_in_life, "%d ms old", (int)(world.common.true_ms - message->called_ms));
}

/* --- Looks --- */

static void check_status(const struct proc *proc)
{
    const int index = event_auth_id(event_param(proc, "smsId"));

    if (index == NOBODY || index != proc->diary.last || proc->ch.action.param_count != 1)
        violate(RULE_only_own_report_counts, "the status of another message is asked for");
}

static void check_look(const struct proc *proc)
{
    const int index = proc->diary.accepted;

    if (current_run->hlr == SMS365_HLR_OFF || index == NOBODY)
        violate(RULE_sim_is_looked_at, "before a right code");
    else if (strcmp(event_param(proc, "mobile"), world_numbers[world.common.messages[index].number]) != 0)
        violate(RULE_sim_is_looked_at, "another number is");
}

/* No code of ours goes anywhere but in its message. */
static void check_codes(const struct proc *proc)
{
    const struct sms365_action *action = &proc->ch.action;

    for (size_t i = 0; i < action->param_count; i++) {
        const bool text =
            strcmp(action->params[i].name, "text") == 0 || strcmp(action->params[i].name, "sms_text") == 0;
        for (int m = 0; m < world.common.message_count; m++) {
            const struct message *message = &world.common.messages[m];
            if (message->code[0] != '\0' && strstr(action->params[i].value, message->code) != NULL &&
                !(text && event_is_send(action)))
                violate(RULE_code_stands_only_in_the_message, "%s", action->params[i].name);
        }
    }
}

void rules_request(struct proc *proc)
{
    switch (proc->ch.action.endpoint) {
    case SMS365_EP_2FA_SEND:
    case SMS365_EP_SMS_SEND:
    case SMS365_EP_VIBER_SEND:
        check_send(proc);
        break;
    case SMS365_EP_2FA_CHECK:
        check_check(proc);
        break;
    case SMS365_EP_STATUS_SMS:
        check_status(proc);
        break;
    case SMS365_EP_HLR_LOOKUP:
        check_look(proc);
        break;
    default:
        violate(RULE_message_is_as_configured, "a request of another kind");
        break;
    }
    if (current_run->local)
        check_codes(proc);
}
