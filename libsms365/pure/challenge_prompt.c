/* What the person sees and answers, and what is known of the delivery before. */
#include "pure/challenge_state.h"

#include <stdio.h>
#include <string.h>

#define STATUS_FIRST_MS 500  /* after a message before its status is asked for, */
#define STATUS_EVERY_MS 1000 /* and between two times */

void challenge_note(struct sms365_challenge *ch, enum sms365_text text, const char *argument)
{
    const size_t used = strlen(ch->note);

    sms365_text_format(ch->note + used, sizeof ch->note - used, ch->language, text,
        (const char *const[]){argument == NULL ? "" : argument, NULL});
}

/* The number, masked, and the channel where it is another than SMS. */
static void name_way(const struct sms365_challenge *ch, char out[64])
{
    char masked[32];

    sms365_msisdn_mask(masked, ch->slot.msisdn);
    if (ch->slot.channel == SMS365_CHANNEL_VIBER)
        sms365_text_format(out, 64, ch->language, SMS365_TEXT_BY_VIBER, (const char *const[]){masked, NULL});
    else
        (void)sms365_str_copy(out, 64, masked);
}

/* The other answers that there are: r, o where there is another way, b for those who have backup codes. */
static void name_others(const struct sms365_challenge *ch, char *out, size_t size)
{
    const size_t now = challenge_route(ch);
    const struct sms365_route *next = &ch->routes.entries[ch->routes.count == 0 ? 0 : (now + 1) % ch->routes.count];
    size_t used;

    sms365_text_format(out, size, ch->language, SMS365_TEXT_AGAIN, NULL);
    used = strlen(out);
    if (ch->routes.count > 1 && strcmp(ch->numbers[next->number].msisdn, ch->slot.msisdn) == 0)
        sms365_text_format(out + used, size - used, ch->language, SMS365_TEXT_OTHER_CHANNEL,
            (const char *const[]){next->channel == SMS365_CHANNEL_VIBER ? "Viber" : "SMS", NULL});
    else if (ch->routes.count > 1)
        sms365_text_format(out + used, size - used, ch->language, SMS365_TEXT_OTHER_NUMBER, NULL);
    used = strlen(out);
    if (ch->backups_left > 0)
        sms365_text_format(out + used, size - used, ch->language, SMS365_TEXT_BACKUP, NULL);
}

static void on_answer(struct sms365_challenge *ch, const struct sms365_event *event);

static void show_prompt(struct sms365_challenge *ch)
{
    static const enum sms365_text deliveries[SMS365_DELIVERIES] = {
        [SMS365_DELIVERY_PENDING] = SMS365_TEXT_PENDING,
        [SMS365_DELIVERY_DONE] = SMS365_TEXT_DELIVERED,
        [SMS365_DELIVERY_FAILED] = SMS365_TEXT_FAILED,
        [SMS365_DELIVERY_UNKNOWN] = SMS365_TEXT_UNKNOWN,
    };
    char way[64];
    char delivery[64];
    char others[128];
    char age[32];
    char left[64];
    char number[16];
    const int tries = ch->limits.tries - ch->slot.tries;

    if (ch->newest)
        challenge_note(ch, SMS365_TEXT_NEWEST, NULL);
    ch->newest = false;
    name_way(ch, way);
    name_others(ch, others, sizeof others);
    sms365_text_format(delivery, sizeof delivery, ch->language, deliveries[ch->slot.delivery], NULL);
    sms365_text_duration(age, ch->language, ch->now.boot_ms - ch->slot.sent_ms);
    (void)snprintf(number, sizeof number, "%d", tries);
    sms365_text_format(left, sizeof left, ch->language, tries == 1 ? SMS365_TEXT_ONE_TRY : SMS365_TEXT_TRIES,
        (const char *const[]){number, NULL});
    (void)sms365_str_copy(ch->prompt, sizeof ch->prompt, ch->note);
    const size_t used = strlen(ch->prompt);
    ch->note[0] = '\0';
    if (ch->resumed)
        sms365_text_format(ch->prompt + used, SMS365_PROMPT_SIZE, ch->language, SMS365_TEXT_CODE_AGAIN,
            (const char *const[]){way, age, delivery, left, others, NULL});
    else
        sms365_text_format(ch->prompt + used, SMS365_PROMPT_SIZE, ch->language, SMS365_TEXT_CODE,
            (const char *const[]){way, delivery, others, NULL});
    challenge_ask(ch, ch->prompt, on_answer);
}

/* --- Delivery --- */

int64_t challenge_wait_s(const struct sms365_challenge *ch)
{
    const bool more = challenge_untried(ch) < ch->routes.count;

    return more && ch->conf->give_up_after_s > 0 ? ch->conf->give_up_after_s : ch->conf->wait_s;
}

/* What this login sent and did not arrive is followed by the next of the ways that it has not tried. */
static void decide(struct sms365_challenge *ch)
{
    const size_t next = challenge_untried(ch);
    const bool failed = ch->slot.delivery == SMS365_DELIVERY_FAILED;
    const bool given_up = ch->slot.delivery == SMS365_DELIVERY_PENDING && ch->conf->give_up_after_s > 0;
    char way[64];

    if (ch->resumed || (!failed && !given_up) || next >= ch->routes.count) {
        show_prompt(ch);
        return;
    }
    name_way(ch, way);
    challenge_note(ch, failed ? SMS365_TEXT_NOT_DELIVERED : SMS365_TEXT_NO_REPORT, way);
    challenge_send(ch, next);
}

static int64_t left_ms(const struct sms365_challenge *ch)
{
    const int64_t left = ch->report_until_ms - ch->now.boot_ms;

    return left < 0 ? 0 : left;
}

/* What a report tells of the cost counts once, for whichever process puts it into the store. */
static enum sms365_reason change_cost(struct sms365_challenge *ch)
{
    struct sms365_slot *slot = sms365_state_slot(&ch->state, ch->slot.id);

    if (slot == NULL || slot->cost == ch->cost)
        return SMS365_REASON_SUPERSEDED;
    slot->delivery = ch->slot.delivery;
    ch->cost_delta = ch->cost - slot->cost;
    sms365_state_correct(&ch->state, &ch->limits, slot, ch->cost, &ch->now);
    return SMS365_REASON_NONE;
}

static void cost_changed(struct sms365_challenge *ch)
{
    ch->slot.cost = ch->cost;
    challenge_correct(ch, ch->cost_delta, decide);
}

static void wait_for_report(struct sms365_challenge *ch, bool discard);

static void on_report(struct sms365_challenge *ch, const struct sms365_event *event)
{
    enum sms365_delivery delivery;
    int64_t cost;

    if (event->query == NULL) {
        decide(ch);
    } else if (sms365_report_parse(&delivery, &cost, event->query, event->length, &ch->callback_key, ch->slot.id)) {
        ch->slot.delivery = (uint8_t)delivery;
        ch->cost = cost;
        if (cost != ch->slot.cost && challenge_may_cost(&ch->slot, cost))
            challenge_write(ch, change_cost, cost_changed, decide);
        else
            decide(ch);
    } else if (++ch->discards <= SMS365_DISCARDS_MAX) {
        wait_for_report(ch, true);
    } else {
        decide(ch);
    }
}

static void wait_for_report(struct sms365_challenge *ch, bool discard)
{
    challenge_set(ch, SMS365_ACTION_WAIT, on_report);
    ch->action.id = ch->slot.id;
    ch->action.discard = discard;
    ch->action.timeout_ms = left_ms(ch);
}

static void wait_for_status(struct sms365_challenge *ch, int64_t pause_ms);

static void on_status(struct sms365_challenge *ch, const struct sms365_event *event)
{
    const char *status = event->fields[SMS365_FIELD_SMS_STATUS];

    if (event->err == SMS365_OK && status != NULL)
        ch->slot.delivery = (uint8_t)sms365_delivery_parse(status);
    /* A look that failed says nothing of the message. */
    if (ch->slot.delivery == SMS365_DELIVERY_PENDING)
        wait_for_status(ch, STATUS_EVERY_MS);
    else
        decide(ch);
}

static void on_pause(struct sms365_challenge *ch, const struct sms365_event *event)
{
    size_t count = 0;

    (void)event;
    if (left_ms(ch) == 0) {
        decide(ch);
        return;
    }
    challenge_param(ch, &count, "smsId", ch->slot.auth_id);
    challenge_call(ch, SMS365_EP_STATUS_SMS, count, false, left_ms(ch), on_status);
    ch->action.key = ch->slot.key;
}

static void wait_for_status(struct sms365_challenge *ch, int64_t pause_ms)
{
    challenge_set(ch, SMS365_ACTION_WAIT, on_pause);
    ch->action.timeout_ms = pause_ms < left_ms(ch) ? pause_ms : left_ms(ch);
}

void challenge_follow(struct sms365_challenge *ch)
{
    const struct sms365_slot *slot = &ch->slot;

    ch->sending = false;
    if (ch->questions >= SMS365_QUESTIONS_MAX)
        challenge_deny(ch, SMS365_REASON_TOO_MANY_QUESTIONS);
    else if (slot->delivery != SMS365_DELIVERY_PENDING)
        decide(ch);
    else if (ch->conf->callback[0] != '\0')
        wait_for_report(ch, false);
    else if (slot->local && slot->auth_id[0] != '\0' && left_ms(ch) > 0)
        wait_for_status(ch, STATUS_FIRST_MS);
    else
        decide(ch);
}

void challenge_prompt(struct sms365_challenge *ch)
{
    if (ch->questions >= SMS365_QUESTIONS_MAX)
        challenge_deny(ch, SMS365_REASON_TOO_MANY_QUESTIONS);
    else if (ch->conf->callback[0] != '\0' && ch->slot.delivery == SMS365_DELIVERY_PENDING)
        wait_for_report(ch, false);
    else
        show_prompt(ch);
}

/* --- Answers --- */

/* Blanks around an answer are cut. False when what is left does not fit size, so that it cannot be one of ours. */
static bool trim_answer(char *out, size_t size, const char *answer)
{
    static const char blanks[] = " \t\r\n";
    const char *start = answer + strspn(answer, blanks);
    size_t length = strlen(start);

    while (length > 0 && strchr(blanks, start[length - 1]) != NULL)
        length--;
    if (length >= size)
        return false;
    memcpy(out, start, length);
    out[length] = '\0';
    return true;
}

static bool is_code(const struct sms365_challenge *ch, const char *text)
{
    return strlen(text) == ch->slot.digits && text[strspn(text, "0123456789")] == '\0';
}

static bool is_wish(const char *answer, char letter)
{
    return (answer[0] == letter || answer[0] == letter - 'a' + 'A') && answer[1] == '\0';
}

/* Send a further message, by this route, if it is not too soon. */
static void send_again(struct sms365_challenge *ch, size_t route)
{
    const int64_t wait_ms = sms365_slot_resend_ms(&ch->slot, &ch->limits, &ch->now);
    char duration[32];

    if (wait_ms == 0) {
        challenge_send(ch, route);
        return;
    }
    sms365_text_duration(duration, ch->language, wait_ms);
    challenge_note(ch, SMS365_TEXT_TOO_SOON, duration);
    challenge_prompt_again(ch);
}

static void send_other(struct sms365_challenge *ch)
{
    if (ch->routes.count > 1) {
        send_again(ch, (challenge_route(ch) + 1) % ch->routes.count);
    } else {
        challenge_note(ch, SMS365_TEXT_NO_OTHER, NULL);
        challenge_prompt(ch);
    }
}

static void on_answer(struct sms365_challenge *ch, const struct sms365_event *event)
{
    char answer[16];

    if (event->answer == NULL) {
        challenge_deny(ch, SMS365_REASON_NO_ANSWER);
    } else if (!trim_answer(answer, sizeof answer, event->answer)) {
        challenge_deny(ch, SMS365_REASON_NOT_A_CODE);
    } else if (answer[0] == '\0') {
        challenge_deny(ch, SMS365_REASON_NO_ANSWER);
    } else if (is_wish(answer, 'r')) {
        send_again(ch, challenge_route(ch));
    } else if (is_wish(answer, 'o')) {
        send_other(ch);
    } else if (is_wish(answer, 'b')) {
        challenge_backup(ch);
    } else if (is_code(ch, answer)) {
        memcpy(ch->code, answer, strlen(answer) + 1);
        challenge_check(ch);
    } else {
        challenge_deny(ch, SMS365_REASON_NOT_A_CODE);
    }
    sms365_wipe(answer, sizeof answer);
}

static void on_lost_answer(struct sms365_challenge *ch, const struct sms365_event *event)
{
    char answer[16];
    const bool short_enough = event->answer != NULL && trim_answer(answer, sizeof answer, event->answer);

    if (short_enough && is_wish(answer, 'r'))
        send_again(ch, challenge_route(ch));
    else if (short_enough && is_wish(answer, 'b'))
        challenge_backup(ch);
    else
        challenge_deny(ch, ch->pending);
}

void challenge_prompt_lost(struct sms365_challenge *ch, enum sms365_reason reason)
{
    char way[64];
    char backup[64] = "";

    ch->pending = reason;
    if (ch->questions >= SMS365_QUESTIONS_MAX) {
        challenge_deny(ch, reason);
        return;
    }
    name_way(ch, way);
    if (ch->backups_left > 0)
        sms365_text_format(backup, sizeof backup, ch->language, SMS365_TEXT_BACKUP, NULL);
    (void)sms365_str_copy(ch->prompt, sizeof ch->prompt, ch->note);
    const size_t used = strlen(ch->prompt);
    ch->note[0] = '\0';
    sms365_text_format(ch->prompt + used, SMS365_PROMPT_SIZE, ch->language, SMS365_TEXT_LOST,
        (const char *const[]){way, backup, NULL});
    challenge_ask(ch, ch->prompt, on_lost_answer);
}

void challenge_prompt_again(struct sms365_challenge *ch)
{
    if (ch->slot.phase == SMS365_PHASE_OPEN)
        challenge_prompt(ch);
    else
        challenge_prompt_lost(ch, ch->pending);
}
