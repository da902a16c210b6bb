/* What was sent, what became of it, what was bought. */
#include "api.h"

#include <stdio.h>
#include <string.h>

static bool is_own_sms(const struct call *c, const struct message *m)
{
    return m != NULL && m->account == c->account && m->channel == CHANNEL_SMS && !m->cancelled;
}

static void add_status(cJSON *row, const struct message *m)
{
    const char status[] = {m->status, '\0'};
    cJSON_AddStringToObject(row, "status", status);
}

/* Seconds to delivery, empty without a report. */
static void add_ttd(cJSON *row, const struct message *m)
{
    char text[24] = "";
    if (m->reported_ms > 0)
        snprintf(text, sizeof(text), "%lld", (long long)((m->reported_ms - m->time_ms) / 1000));
    cJSON_AddStringToObject(row, "ttd", text);
}

/* What messages to several share, too. */
static void add_message(cJSON *row, const struct message *m)
{
    cJSON_AddStringToObject(row, "sender", m->from);
    cJSON_AddStringToObject(row, "flash", m->flash ? "1" : "0");
    cJSON_AddStringToObject(row, "unicode", m->unicode ? "1" : "0");
    field_id(row, "timestamp", (uint64_t)(m->time_ms / 1000));
    cJSON_AddStringToObject(row, "text", m->text);
}

unsigned api_history_single_list(struct call *c)
{
    const struct phone *p = &c->box->phone;
    cJSON *rows = field_list(c->reply.fields, "sms");
    milli cost = 0;
    c->reply.total = 0;
    for (uint64_t seq = p->first_seq; seq < p->next_seq; seq++) {
        const struct message *m = phone_find(p, seq);
        if (!is_own_sms(c, m) || m->bulk != 0)
            continue;
        cJSON *row = field_row(rows);
        cJSON_AddStringToObject(row, "smsId", m->id);
        cJSON_AddStringToObject(row, "to", m->to);
        add_message(row, m);
        field_amount(row, "cost", m->cost);
        add_status(row, m);
        add_ttd(row, m);
        cost += m->cost;
        c->reply.total++;
    }
    reply_amount(&c->reply, "cost", cost);
    return 0;
}

/* One of several; adds its cost to the sum. */
static void add_of_several(const struct call *c, cJSON *rows, const struct message *m, milli *cost)
{
    const struct contact *contact = book_contact_by_mobile(&c->box->book, c->account, m->to);
    cJSON *row = field_row(rows);
    cJSON_AddStringToObject(row, "smsId", m->id);
    if (contact != NULL)
        field_id(row, "contactId", contact->id);
    else
        cJSON_AddStringToObject(row, "contactId", "");
    cJSON_AddStringToObject(row, "to", m->to);
    add_status(row, m);
    field_amount(row, "cost", m->cost);
    add_ttd(row, m);
    *cost += m->cost;
}

/* Messages that were sent together stand together, but for some that may have been cancelled. */
unsigned api_history_group_list(struct call *c)
{
    const struct phone *p = &c->box->phone;
    cJSON *groups = field_list(c->reply.fields, "historyGroup");
    c->reply.total = 0;
    for (uint64_t seq = p->first_seq; seq < p->next_seq;) {
        const struct message *first = phone_find(p, seq++);
        if (!is_own_sms(c, first) || first->bulk == 0)
            continue;
        milli cost = 0;
        cJSON *rows = cJSON_CreateArray(), *group = field_row(groups);
        add_of_several(c, rows, first, &cost);
        for (; seq < p->next_seq && phone_find(p, seq)->bulk == first->bulk; seq++)
            if (is_own_sms(c, phone_find(p, seq)))
                add_of_several(c, rows, phone_find(p, seq), &cost);
        field_id(group, "groupId", first->bulk);
        add_message(group, first);
        cJSON_AddNumberToObject(group, "total", cJSON_GetArraySize(rows));
        field_amount(group, "cost", cost);
        cJSON_AddItemToObject(group, "sms", rows);
        c->reply.total++;
    }
    return 0;
}

static void add_report(struct call *c, cJSON *rows, const struct message *m)
{
    cJSON *row = field_row(rows);
    cJSON_AddStringToObject(row, "smsId", m->id);
    add_status(row, m);
    c->reply.total++;
}

/* 2fa/send gives no id that could be known here. */
unsigned api_status_get(struct call *c)
{
    const struct phone *p = &c->box->phone;
    cJSON *rows = field_list(c->reply.fields, "sms");
    c->reply.total = 0;
    for (uint64_t seq = p->first_seq; seq < p->next_seq; seq++) {
        struct message *m = phone_find(p, seq);
        if (!is_own_sms(c, m) || m->auth_id[0] != '\0' || m->reported_ms == 0 || m->told)
            continue;
        add_report(c, rows, m);
        m->told = true;
    }
    return 0;
}

unsigned api_status_sms(struct call *c)
{
    const struct message *m = phone_find_sms(&c->box->phone, c->account, params_get(c->params, "smsId"));
    if (m == NULL)
        return reply_refuse(&c->reply, "Message not found");
    c->reply.total = 0;
    add_report(c, field_list(c->reply.fields, "sms"), m);
    return 0;
}

unsigned api_purchase_list(struct call *c)
{
    const struct shelf *purchases = &c->box->accounts.purchases;
    cJSON *rows = field_list(c->reply.fields, "purchases");
    c->reply.total = 0;
    for (size_t i = 0; i < purchases->count; i++) {
        const struct purchase *p = shelf_at(purchases, i);
        if (p->account != c->account)
            continue;
        cJSON *row = field_row(rows);
        field_id(row, "purchaseId", p->id);
        field_id(row, "timestamp", (uint64_t)p->time_s);
        field_amount(row, "cost", p->cost);
        field_amount(row, "sms", p->sms);
        c->reply.total++;
    }
    return 0;
}
