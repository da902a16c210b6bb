#include "pure/session.h"

#include "base/str.h"
#include "base/wire.h"

#include <stdlib.h>
#include <string.h>

#define KEY_ID_BYTES 4
#define HEAD_BYTES (KEY_ID_BYTES + SMS365_TICKET_ID_BYTES + 3 * 8)
#define WHOLE_BYTES (HEAD_BYTES + SMS365_MAC_BYTES)
#define PART_MAX 65535   /* of a scope */
#define SIGNED_SIZE 1024 /* bytes to sign that are put together without asking for memory */

_Static_assert(SMS365_TICKET_SIZE == (WHOLE_BYTES * 8 + 5) / 6 + 1, "a text of base64url without padding");

struct sms365_ticket_key {
    struct sms365_mac *mac;
    uint8_t id[KEY_ID_BYTES];
};

struct sms365_ticket_key *sms365_ticket_key_new(const struct sms365_mac_key *key)
{
    static const char title[] = "sms365 ticket key";
    struct sms365_ticket_key *made = calloc(1, sizeof *made);
    uint8_t name[SMS365_MAC_BYTES];

    if (made == NULL)
        return NULL;
    made->mac = sms365_mac_new(key);
    if (made->mac == NULL || !sms365_mac_make(name, made->mac, title, sizeof title)) {
        sms365_ticket_key_free(made);
        return NULL;
    }
    memcpy(made->id, name, sizeof made->id);
    return made;
}

void sms365_ticket_key_free(struct sms365_ticket_key *key)
{
    if (key == NULL)
        return;
    sms365_mac_free(key->mac);
    free(key);
}

static void put_span(struct sms365_writer *writer, const struct sms365_span *span)
{
    sms365_put_u8(writer, (uint8_t)(span->length >> 8));
    sms365_put_u8(writer, (uint8_t)span->length);
    if (span->length > 0)
        sms365_put_bytes(writer, span->data, span->length);
}

/* The HMAC of head and scope. Every part has its length before it: no two scopes give the same bytes. */
static bool sign(uint8_t mac[SMS365_MAC_BYTES], const struct sms365_ticket_key *key, const struct sms365_scope *scope,
    const uint8_t head[HEAD_BYTES])
{
    static const char title[] = "sms365 ticket 1";
    const struct sms365_span *const parts[] = {&scope->service, &scope->host, &scope->user, &scope->network};
    uint8_t room[SIGNED_SIZE];
    size_t size = sizeof title + 1 + HEAD_BYTES + SMS365_ENROLMENT_BYTES;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i]->length > PART_MAX)
            return false;
        size += 2 + parts[i]->length;
    }
    struct sms365_writer writer = {.data = size <= sizeof room ? room : malloc(size), .size = size};
    if (writer.data == NULL)
        return false;
    sms365_put_bytes(&writer, title, sizeof title);
    sms365_put_u8(&writer, (uint8_t)scope->purpose);
    sms365_put_bytes(&writer, head, HEAD_BYTES);
    sms365_put_bytes(&writer, scope->enrolment, sizeof scope->enrolment);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        put_span(&writer, parts[i]);
    const bool signed_now = !writer.failed && sms365_mac_make(mac, key->mac, writer.data, writer.used);
    if (writer.data != room)
        free(writer.data);
    return signed_now;
}

bool sms365_ticket_make(char out[SMS365_TICKET_SIZE], const struct sms365_ticket_key *key,
    const struct sms365_scope *scope, const struct sms365_ticket *ticket)
{
    uint8_t whole[WHOLE_BYTES];
    struct sms365_writer writer = {.data = whole, .size = HEAD_BYTES};

    sms365_put_bytes(&writer, key->id, sizeof key->id);
    sms365_put_bytes(&writer, ticket->id, sizeof ticket->id);
    sms365_put_i64(&writer, ticket->issued_s);
    sms365_put_i64(&writer, ticket->seen_s);
    sms365_put_i64(&writer, ticket->expires_s);
    return !writer.failed && sign(whole + HEAD_BYTES, key, scope, whole) &&
           sms365_str_base64url(out, SMS365_TICKET_SIZE, whole, sizeof whole);
}

static enum sms365_ticket_state judge(
    const struct sms365_ticket *ticket, const struct sms365_ticket_limits *limits, int64_t now_s)
{
    const int64_t latest = ticket->issued_s > ticket->seen_s ? ticket->issued_s : ticket->seen_s;

    if (ticket->issued_s < 0 || ticket->seen_s < 0 || now_s < 0)
        return SMS365_TICKET_FORGED;
    if (latest - SMS365_TICKET_SKEW_S > now_s)
        return SMS365_TICKET_EARLY;
    if (now_s >= ticket->expires_s || (limits->life_s > 0 && now_s - ticket->issued_s >= limits->life_s) ||
        (limits->idle_s > 0 && now_s - ticket->seen_s >= limits->idle_s))
        return SMS365_TICKET_EXPIRED;
    return SMS365_TICKET_VALID;
}

enum sms365_ticket_state sms365_ticket_check(struct sms365_ticket *ticket, const struct sms365_ticket_key *key,
    const struct sms365_scope *scope, const struct sms365_ticket_limits *limits, const char *text, size_t length,
    int64_t now_s)
{
    uint8_t whole[WHOLE_BYTES];
    uint8_t key_id[KEY_ID_BYTES];
    uint8_t mac[SMS365_MAC_BYTES];
    char copy[SMS365_TICKET_SIZE];
    size_t decoded = 0;

    *ticket = (struct sms365_ticket){0};
    if (length != sizeof copy - 1 || memchr(text, '\0', length) != NULL)
        return SMS365_TICKET_FORGED;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (!sms365_str_unbase64url(whole, sizeof whole, &decoded, copy) || decoded != sizeof whole)
        return SMS365_TICKET_FORGED;
    struct sms365_reader reader = {.data = whole, .length = HEAD_BYTES};
    struct sms365_ticket found = {.issued_s = 0};
    sms365_take_bytes(&reader, key_id, sizeof key_id);
    sms365_take_bytes(&reader, found.id, sizeof found.id);
    found.issued_s = sms365_take_i64(&reader);
    found.seen_s = sms365_take_i64(&reader);
    found.expires_s = sms365_take_i64(&reader);
    if (memcmp(key_id, key->id, sizeof key_id) != 0)
        return SMS365_TICKET_OTHER_KEY;
    if (!sign(mac, key, scope, whole) || !sms365_equal(mac, whole + HEAD_BYTES, sizeof mac))
        return SMS365_TICKET_FORGED;
    const enum sms365_ticket_state state = judge(&found, limits, now_s);
    if (state == SMS365_TICKET_VALID || state == SMS365_TICKET_EXPIRED)
        *ticket = found;
    return state;
}

bool sms365_enrolment(uint8_t out[SMS365_ENROLMENT_BYTES], const struct sms365_ticket_key *key,
    const struct sms365_number *numbers, size_t count)
{
    static const char title[] = "sms365 enrolment";
    struct sms365_buf text;
    uint8_t mac[SMS365_MAC_BYTES];

    sms365_buf_init(&text, 4096);
    sms365_buf_add(&text, title, sizeof title);
    for (size_t i = 0; i < count; i++)
        sms365_buf_printf(&text, "%s ", numbers[i].msisdn);
    const bool made = !text.failed && sms365_mac_make(mac, key->mac, sms365_buf_text(&text), text.length);
    sms365_buf_free(&text);
    if (made)
        memcpy(out, mac, SMS365_ENROLMENT_BYTES);
    return made;
}
