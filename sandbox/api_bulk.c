/* Text messages to several numbers, and those that wait for their time. */
#include "api.h"
#include "recipients.h"

#include <stdlib.h>
#include <string.h>

#define ERROR_BAD_ID 108
#define ERROR_NO_MESSAGE 109
#define ERROR_ALREADY_SENT 110

/* What all of it costs. */
static milli price(const struct call *c, const struct recipients *to)
{
    milli sum = 0;
    for (size_t i = 0; i < to->count; i++) {
        struct message m = sms_draft(c, &to->item[i], mem_text(params_get(c->params, "text")));
        sum += m.cost;
        message_free_parts(&m);
    }
    return sum;
}

static void send_all(struct call *c, const struct recipients *to)
{
    size_t accepted = 0;
    uint64_t bulk = ++c->box->bulks;
    cJSON *ids = field_list(c->reply.fields, "id"), *rows = field_list(c->reply.fields, "sms");
    for (size_t i = 0; i < to->count; i++) {
        struct message *m = NULL;
        struct message draft = sms_draft(c, &to->item[i], mem_text(params_get(c->params, "text")));
        draft.bulk = bulk;
        if (sandbox_send(c->box, &draft, sms_time_ms(c), &m) != 0)
            continue;
        cJSON *row = field_row(rows);
        accepted++;
        cJSON_AddItemToArray(ids, cJSON_CreateString(m->id));
        cJSON_AddStringToObject(row, "smsId", m->id);
        cJSON_AddStringToObject(row, "msisdn", m->to);
    }
    cJSON_AddNumberToObject(c->reply.fields, "accepted", (double)accepted);
    cJSON_AddNumberToObject(c->reply.fields, "rejected", (double)(to->count - accepted + to->rejected));
    reply_amount(&c->reply, "balance", c->purse->balance);
}

unsigned api_sms_bulk(struct call *c)
{
    struct recipients to;
    unsigned error = recipients_find(&to, c);
    if (error == 0 && to.count == 0)
        error = endpoint_param(EP_SMS_BULK, "to")->err_bad;
    if (error == 0 && price(c, &to) > c->purse->balance)
        error = ERROR_NO_BALANCE;
    if (error == 0)
        send_all(c, &to);
    recipients_free(&to);
    return error;
}

unsigned api_sms_cancel(struct call *c)
{
    const char *id = params_get(c->params, "smsId");
    if (id[strspn(id, "0123456789")] != '\0')
        return ERROR_BAD_ID;
    struct message *m = phone_find_sms(&c->box->phone, c->account, id);
    if (m == NULL)
        return ERROR_NO_MESSAGE;
    if (!m->scheduled)
        return ERROR_ALREADY_SENT;
    sandbox_cancel(c->box, m);
    reply_text(&c->reply, "smsId", m->id);
    return 0;
}
