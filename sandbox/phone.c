#include "phone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void phone_init(struct phone *p, struct chance *chance)
{
    *p = (struct phone){.first_seq = 1, .next_seq = 1};
    p->first_id = 100000000 + chance_below(chance, 800000000);
}

static struct message **slot(struct phone *p, uint64_t seq)
{
    return &p->message[seq % PHONE_MESSAGES_MAX];
}

static void unlink_change(struct phone *p, struct message *m)
{
    if (m->revision == 0)
        return;
    *(m->older ? &m->older->newer : &p->oldest_change) = m->newer;
    *(m->newer ? &m->newer->older : &p->newest_change) = m->older;
    m->older = m->newer = NULL;
}

void message_free_parts(struct message *m)
{
    if (m->fallback != NULL) {
        free(m->fallback->from);
        free(m->fallback->text);
        free(m->fallback);
    }
    free(m->from);
    free(m->text);
    free(m->callback);
}

static void forget_oldest(struct phone *p)
{
    struct message **m = slot(p, p->first_seq++);
    unlink_change(p, *m);
    message_free_parts(*m);
    free(*m);
    *m = NULL;
}

void phone_clear(struct phone *p)
{
    while (p->first_seq < p->next_seq)
        forget_oldest(p);
    p->cleared_at = ++p->revision;
}

void phone_free(struct phone *p)
{
    phone_clear(p);
}

struct message *phone_add(struct phone *p, const struct message *draft)
{
    if (p->next_seq - p->first_seq == PHONE_MESSAGES_MAX)
        forget_oldest(p);
    struct message *m = mem_get(sizeof(*m));
    *m = *draft;
    m->seq = p->next_seq++;
    snprintf(m->id, sizeof(m->id), "%llu", (unsigned long long)(p->first_id + m->seq));
    text_cut(m->text, MESSAGE_TEXT_MAX);
    text_cut(m->from, MESSAGE_FROM_MAX);
    *slot(p, m->seq) = m;
    if (!m->scheduled)
        phone_touch(p, m);
    return m;
}

struct message *phone_find(const struct phone *p, uint64_t seq)
{
    if (seq < p->first_seq || seq >= p->next_seq)
        return NULL;
    return p->message[seq % PHONE_MESSAGES_MAX];
}

struct message *phone_find_sms(const struct phone *p, uint64_t account, const char *id)
{
    int64_t number = 0;
    if (!number_between(id, (int64_t)p->first_id, INT64_MAX, &number))
        return NULL;
    struct message *m = phone_find(p, (uint64_t)number - p->first_id);
    const bool known = m != NULL && strcmp(m->id, id) == 0 && m->account == account;
    return known && m->channel == CHANNEL_SMS && !m->cancelled ? m : NULL;
}

struct message *phone_find_auth(const struct phone *p, const char *auth_id)
{
    if (*auth_id == '\0')
        return NULL;
    for (uint64_t seq = p->next_seq; seq-- > p->first_seq;) {
        struct message *m = phone_find(p, seq);
        if (strcmp(m->auth_id, auth_id) == 0)
            return m;
    }
    return NULL;
}

void phone_touch(struct phone *p, struct message *m)
{
    unlink_change(p, m);
    m->revision = ++p->revision;
    m->older = p->newest_change;
    *(m->older ? &m->older->newer : &p->oldest_change) = m;
    p->newest_change = m;
}

const struct message *phone_changed_since(const struct phone *p, uint64_t revision)
{
    const struct message *found = NULL;
    for (const struct message *m = p->newest_change; m != NULL && m->revision > revision; m = m->older)
        found = m;
    return found;
}

cJSON *message_json(const struct message *m)
{
    const char status[] = {m->status, '\0'};
    char time[TIME_TEXT];
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "id", m->id);
    cJSON_AddStringToObject(json, "channel", m->channel == CHANNEL_VIBER ? "viber" : "sms");
    cJSON_AddStringToObject(json, "to", m->to);
    cJSON_AddStringToObject(json, "from", m->from);
    cJSON_AddStringToObject(json, "text", m->text);
    cJSON_AddItemToObject(json, "code", m->code[0] ? cJSON_CreateString(m->code) : cJSON_CreateNull());
    cJSON_AddStringToObject(json, "status", status);
    time_print(m->time_ms, time);
    cJSON_AddStringToObject(json, "time", time);
    cJSON_AddItemToObject(json, "authId", m->auth_id[0] ? cJSON_CreateString(m->auth_id) : cJSON_CreateNull());
    cJSON_AddNumberToObject(json, "parts", m->parts);
    cJSON_AddNumberToObject(json, "cost", (double)m->cost / 1000);
    cJSON_AddBoolToObject(json, "flash", m->flash);
    return json;
}

cJSON *phone_json(const struct phone *p, const char *to)
{
    cJSON *list = cJSON_CreateArray();
    for (uint64_t seq = p->first_seq; seq < p->next_seq; seq++) {
        const struct message *m = phone_find(p, seq);
        if (!m->scheduled && (to == NULL || strcmp(m->to, to) == 0))
            cJSON_AddItemToArray(list, message_json(m));
    }
    return list;
}
