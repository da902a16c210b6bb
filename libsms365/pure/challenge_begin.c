/* Making a challenge, and how it begins: who is it, is a code needed, and what is open. */
#include "pure/challenge_state.h"

#include "pure/cidr.h"

#include <stdlib.h>
#include <string.h>

/* --- What is open --- */

static void resume(struct sms365_challenge *ch)
{
    ch->resumed = true;
    ch->tried |= 1u << challenge_route(ch);
    if (ch->slot.phase == SMS365_PHASE_SENDING) {
        challenge_prompt_lost(ch, SMS365_REASON_REPLY_LOST);
    } else if (ch->slot.tries >= ch->limits.tries) {
        challenge_retry_after(ch, sms365_slot_life_ms(&ch->slot, &ch->limits, &ch->now));
        challenge_deny(ch, SMS365_REASON_TRIES_USED);
    } else {
        challenge_prompt(ch);
    }
}

static void on_loaded(struct sms365_challenge *ch)
{
    sms365_state_prune(&ch->state, &ch->limits, &ch->now);
    const struct sms365_slot *held = sms365_state_held(&ch->state, ch->holder);

    if (ch->has_grace && sms365_place_is_recent(&ch->state.graces, ch->grace, ch->conf->grace_s * 1000, &ch->now)) {
        challenge_bypass(ch, SMS365_REASON_GRACE);
        return;
    }
    if (held != NULL)
        ch->slot = *held;
    if (held != NULL && challenge_number(ch, held->msisdn) != NULL)
        resume(ch);
    else /* none, or to a number that is the user's no more */
        challenge_send(ch, 0);
}

/* --- Is a code needed? --- */

static void admit(struct sms365_challenge *ch)
{
    if (ch->exempt)
        challenge_bypass(ch, SMS365_REASON_GROUP_EXEMPT);
    else if (!ch->own_host && sms365_cidr_trusts(ch->conf->trusted, ch->host))
        challenge_bypass(ch, SMS365_REASON_TRUSTED_NETWORK);
    else if (ch->number_count == 0 && ch->conf->unenrolled == SMS365_UNENROLLED_IGNORE)
        challenge_bypass(ch, SMS365_REASON_UNENROLLED);
    else if (ch->number_count == 0)
        challenge_deny(ch, SMS365_REASON_NOT_ENROLLED);
    else if (ch->remembered && ch->conf->remember_days > 0)
        challenge_bypass(ch, SMS365_REASON_REMEMBERED);
    else
        challenge_write(ch, NULL, on_loaded, NULL);
}

static void on_generic_answer(struct sms365_challenge *ch, const struct sms365_event *event)
{
    (void)event;
    challenge_deny(ch, ch->known ? SMS365_REASON_NO_FIRST_FACTOR : SMS365_REASON_UNKNOWN_USER);
}

static void host_counted(struct sms365_challenge *ch)
{
    if (ch->known && ch->first_factor) {
        admit(ch);
        return;
    }
    sms365_text_format(ch->prompt, sizeof ch->prompt, ch->language, SMS365_TEXT_GENERIC, NULL);
    challenge_ask(ch, ch->prompt, on_generic_answer);
}

static void read_host(struct sms365_challenge *ch);

static void on_host_written(struct sms365_challenge *ch, const struct sms365_event *event)
{
    if (event->err == SMS365_OK)
        host_counted(ch);
    else if (event->err == SMS365_CONFLICT && challenge_again(ch))
        read_host(ch);
    else
        challenge_deny(ch, SMS365_REASON_STORE_FAILED);
}

/* Attempts without an address (consoles, su) count together, under a name that no host has. */
static const char *host_name(const struct sms365_challenge *ch)
{
    return ch->peer[0] == '\0' ? "(local)" : ch->peer;
}

static void on_host_record(struct sms365_challenge *ch, const struct sms365_event *event)
{
    struct sms365_tally attempts;
    int64_t retry_after_ms = 0;

    if (!challenge_take_tally(ch, event, &attempts)) {
        challenge_deny(ch, SMS365_REASON_STORE_FAILED);
    } else if (!sms365_tally_charge(&attempts, &ch->limits.attempts, ch->now.boot_ms, 0, &ch->now, &retry_after_ms)) {
        challenge_retry_after(ch, retry_after_ms);
        challenge_deny(ch, SMS365_REASON_TOO_MANY_FROM_HOST);
    } else {
        challenge_put_tally(ch, SMS365_CLASS_HOST, host_name(ch), event->record->version, &attempts, on_host_written);
    }
}

static void read_host(struct sms365_challenge *ch)
{
    challenge_record(ch, SMS365_ACTION_GET, SMS365_CLASS_HOST, host_name(ch), on_host_record);
}

/* The first action: who is it, is a code needed, and what is open. */
static void begin(struct sms365_challenge *ch)
{
    if (!ch->known || !ch->first_factor || ch->count_host)
        read_host(ch);
    else
        admit(ch);
}

/* --- Making --- */

static bool expand_text(struct sms365_challenge *ch, const struct sms365_challenge_setup *setup)
{
    const bool local = setup->conf->code == SMS365_CODE_LOCAL;
    const char *template =
        setup->conf->text[0] == '\0' && local ? sms365_text_message(ch->language) : setup->conf->text;
    const struct sms365_sms_words words = {
        .host = setup->machine,
        .service = ch->service,
        .user = ch->user,
        /* A name is what whoever owns its DNS zone wants it to be. */
        .address = sms365_cidr_is_address(ch->host) ? ch->host : "",
        .origin = setup->origin == NULL || !local ? "" : setup->origin,
    };
    struct sms365_sms_size size;

    if (!sms365_sms_expand(ch->text, sizeof ch->text, template, &words) || !sms365_sms_measure(ch->text, &size))
        return false;
    ch->ucs = size.ucs;
    return true;
}

/* out = the first length bytes of a keyed hash of kind, service, host and text, each but the last ended by a NUL. */
static bool hash_text(const struct sms365_challenge *ch, const char *kind, const char *host, const char *text,
    uint8_t *out, size_t length)
{
    uint8_t mac[SMS365_MAC_BYTES];
    struct sms365_buf name;

    sms365_buf_init(&name, 16384);
    sms365_buf_printf(&name, "%s%c%s%c%s%c%s", kind, 0, ch->service, 0, host, 0, text);
    const bool hashed = !name.failed && sms365_hmac(mac, &ch->holder_key, sms365_buf_text(&name), name.length);
    sms365_buf_free(&name);
    if (hashed)
        memcpy(out, mac, length);
    return hashed;
}

/* A grace period ends with a change of the numbers: they are part of what it is remembered by. */
static bool hash_grace(struct sms365_challenge *ch, const char *grace)
{
    struct sms365_buf text;

    ch->has_grace = grace != NULL && ch->conf->grace_s > 0;
    if (!ch->has_grace)
        return true;
    sms365_buf_init(&text, 16384);
    for (size_t i = 0; i < ch->number_count; i++)
        sms365_buf_printf(&text, "%s ", ch->numbers[i].msisdn);
    sms365_buf_printf(&text, "\n%s", grace);
    const bool hashed =
        !text.failed && hash_text(ch, "grace", ch->host, sms365_buf_text(&text), ch->grace, sizeof ch->grace);
    sms365_buf_free(&text);
    return hashed;
}

static bool copy_setup(struct sms365_challenge *ch, const struct sms365_challenge_setup *setup)
{
    ch->limits = sms365_limits_of(setup->conf);
    ch->callback_key = setup->callback_key;
    ch->holder_key = setup->holder_key;
    memcpy(ch->seed, setup->seed, sizeof ch->seed);
    ch->known = setup->known;
    ch->own_host = setup->own_host;
    ch->exempt = setup->exempt;
    ch->remembered = setup->remembered;
    ch->first_factor = setup->first_factor;
    ch->count_host = setup->count_host;
    ch->now = setup->now;
    ch->number_count = setup->number_count;
    for (size_t i = 0; i < setup->number_count; i++)
        ch->numbers[i] = setup->numbers[i];
    (void)sms365_routes_parse(&ch->routes, setup->conf->channels, setup->number_count);
    if (ch->routes.count == 0) /* the user has none of the numbers that channels names */
        (void)sms365_routes_parse(&ch->routes, "", setup->number_count);
    return hash_text(ch, "holder", "", setup->holder, ch->holder, sizeof ch->holder) &&
           hash_text(ch, "place", ch->peer, setup->place, ch->place, sizeof ch->place) && hash_grace(ch, setup->grace);
}

/* Hundreds may wait for the provider in one process, in pages of their own: these four, and not one more by chance. */
_Static_assert(sizeof(struct sms365_challenge) < (size_t)4 * 4096, "a waiting challenge takes more memory");

enum sms365_err sms365_challenge_new(struct sms365_challenge **challenge, const struct sms365_challenge_setup *setup)
{
    struct sms365_challenge *ch;
    const struct sms365_conf *conf = setup->conf;

    *challenge = NULL;
    if (setup->number_count > SMS365_NUMBERS_MAX || setup->holder[0] == '\0' || conf->sends_per_hour > SMS365_SENDS_MAX)
        return SMS365_BAD_ARGUMENT;
    ch = sms365_secret_new(sizeof *ch);
    if (ch == NULL)
        return SMS365_NO_MEMORY;
    ch->conf = conf;
    ch->language = (enum sms365_language)conf->language;
    /* A name that nobody has is only hashed: as much of it as fits will do. */
    const bool fits = sms365_str_copy(ch->user, sizeof ch->user, setup->user);
    if (!fits && !setup->known)
        memcpy(ch->user, setup->user, sizeof ch->user - 1);
    if ((!fits && setup->known) || !sms365_str_copy(ch->service, sizeof ch->service, setup->service) ||
        !sms365_str_copy(ch->host, sizeof ch->host, setup->host) || !expand_text(ch, setup)) {
        sms365_challenge_free(ch);
        return SMS365_BAD_ARGUMENT;
    }
    sms365_cidr_peer(ch->peer, sizeof ch->peer, ch->host);
    if (!copy_setup(ch, setup)) {
        sms365_challenge_free(ch);
        return SMS365_CRYPTO;
    }
    begin(ch);
    *challenge = ch;
    return SMS365_OK;
}
