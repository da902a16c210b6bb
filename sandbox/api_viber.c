/* Viber messages. The text message that may follow one that fails is the phone's business. */
#include "api.h"
#include "recipients.h"
#include "smstext.h"

#include <string.h>

#define ERROR_FROM 503
#define ERROR_FROM_PAUSED 504
#define ERROR_NO_TEXT 505
#define ERROR_NO_CAPTION 507
#define ERROR_NO_ACTION 508
#define ERROR_NO_IMAGE 509
#define ERROR_IMAGE_AND_TEXT 511
#define ERROR_IMAGE_AND_BUTTON 512
#define ERROR_VIBER_BALANCE 517
#define ERROR_VIBER_FAILED 518
#define DEFAULT_SMS_FROM "sms365"
#define DEFAULT_VALIDITY_S 86400
/* A Viber message costs half of a text message. */
#define PRICE_DIVISOR 2

/* Which parts may go together: text; image; text and button; text, image and button. */
static unsigned check_parts(const struct call *c)
{
    const bool text = call_given(c, "text") != NULL;
    const bool image = call_given(c, "image") != NULL;
    const bool caption = call_given(c, "button_caption") != NULL;
    const bool action = call_given(c, "button_action") != NULL;
    if (!image && params_get(c->params, "image") != NULL)
        return ERROR_NO_IMAGE;
    if (!text)
        return !image ? ERROR_NO_TEXT : caption || action ? ERROR_IMAGE_AND_BUTTON : 0;
    if (caption != action)
        return caption ? ERROR_NO_ACTION : ERROR_NO_CAPTION;
    return image && !caption ? ERROR_IMAGE_AND_TEXT : 0;
}

static struct fallback *fallback_of(const struct call *c, const struct msisdn *to)
{
    const char *text = call_given(c, "sms_text");
    const char *from = call_given(c, "sms_from");
    const bool unicode = call_says_yes(c, "ucs");
    if (!call_says_yes(c, "sms_fallback") || text == NULL)
        return NULL;
    struct fallback *f = mem_get(sizeof(*f));
    f->text = mem_text(text);
    f->from = mem_text(from ? from : DEFAULT_SMS_FROM);
    f->flash = call_says_yes(c, "flash");
    f->unicode = unicode;
    if (!unicode)
        smstext_to_gsm(f->text);
    f->parts = smstext_parts(f->text, unicode);
    f->cost = to->cost * f->parts;
    return f;
}

static struct message draft_of(const struct call *c, const struct sender *sender, const struct msisdn *to)
{
    const char *text = call_given(c, "text");
    const char *validity = call_given(c, "validity");
    int64_t seconds = DEFAULT_VALIDITY_S;
    if (validity != NULL)
        number_between(validity, 0, DEFAULT_VALIDITY_S, &seconds);
    struct message m = {.channel = CHANNEL_VIBER,
        .text = mem_text(text ? text : call_given(c, "image")),
        .from = mem_text(sender->name),
        .fallback = fallback_of(c, to),
        .account = c->account,
        .validity_ms = seconds * 1000,
        .parts = 1,
        .cost = to->cost / PRICE_DIVISOR,
        .mcc = to->mcc,
        .mnc = to->mnc};
    memcpy(m.to, to->international, sizeof(m.to));
    return m;
}

static unsigned check_sender(const struct call *c, const struct sender **out)
{
    const struct sender *sender = senders_find(&c->box->settings.senders, call_given(c, "from"));
    if (sender == NULL)
        return ERROR_FROM;
    *out = sender;
    return sender->paused ? ERROR_FROM_PAUSED : 0;
}

/* What is sent, by whom, and to whom; it can be paid. */
struct viber {
    const struct sender *sender;
    struct recipients to;
};

static unsigned prepare(const struct call *c, struct viber *v)
{
    milli cost = 0;
    unsigned error = recipients_find(&v->to, c);
    if (error == 0)
        error = check_sender(c, &v->sender);
    if (error == 0)
        error = check_parts(c);
    for (size_t i = 0; i < v->to.count; i++)
        cost += v->to.item[i].cost / PRICE_DIVISOR;
    if (error == 0 && v->to.count == 0)
        error = ERROR_VIBER_FAILED;
    return error == 0 && cost > c->purse->balance ? ERROR_VIBER_BALANCE : error;
}

/* NULL: it could not be sent. */
static const struct message *send_one(struct call *c, const struct viber *v, const struct msisdn *to)
{
    struct message *m = NULL;
    struct message draft = draft_of(c, v->sender, to);
    return sandbox_send(c->box, &draft, 0, &m) == 0 ? m : NULL;
}

unsigned api_viber_send(struct call *c)
{
    struct viber v = {.sender = NULL};
    milli cost = 0;
    char id[ID_TEXT] = "";
    unsigned error = prepare(c, &v);
    for (size_t i = 0; error == 0 && i < v.to.count; i++) {
        const struct message *m = send_one(c, &v, &v.to.item[i]);
        if (m == NULL) {
            error = ERROR_VIBER_FAILED;
            break;
        }
        cost += m->cost;
        if (i == 0)
            text_copy(id, sizeof(id), m->id);
    }
    recipients_free(&v.to);
    if (error != 0)
        return error;
    reply_text(&c->reply, "id", id);
    reply_amount(&c->reply, "cost", cost);
    reply_amount(&c->reply, "balance", c->purse->balance);
    return 0;
}

unsigned api_viber_bulk(struct call *c)
{
    struct viber v = {.sender = NULL};
    unsigned error = prepare(c, &v);
    if (error == 0) {
        size_t accepted = 0;
        cJSON *ids = field_list(c->reply.fields, "id"), *rows = field_list(c->reply.fields, "messages");
        for (size_t i = 0; i < v.to.count; i++) {
            const struct message *m = send_one(c, &v, &v.to.item[i]);
            if (m == NULL)
                continue;
            cJSON *row = field_row(rows);
            accepted++;
            cJSON_AddItemToArray(ids, cJSON_CreateString(m->id));
            cJSON_AddStringToObject(row, "id", m->id);
            cJSON_AddStringToObject(row, "msisdn", m->to);
            field_amount(row, "cost", m->cost);
        }
        cJSON_AddNumberToObject(c->reply.fields, "accepted", (double)accepted);
        cJSON_AddNumberToObject(c->reply.fields, "rejected", (double)(v.to.count - accepted + v.to.rejected));
        reply_amount(&c->reply, "balance", c->purse->balance);
    }
    recipients_free(&v.to);
    return error;
}

unsigned api_viber_balance(struct call *c)
{
    const struct senders *senders = &c->box->settings.senders;
    cJSON *rows = field_list(c->reply.fields, "senders");
    for (size_t i = 0; i < senders->count; i++) {
        cJSON *row = field_row(rows);
        cJSON_AddStringToObject(row, "senderId", senders->item[i].name);
        cJSON_AddStringToObject(row, "text", senders->item[i].name);
        field_amount(row, "balance", c->purse->balance);
        cJSON_AddStringToObject(row, "twoway", "0");
        cJSON_AddStringToObject(row, "paused", senders->item[i].paused ? "1" : "0");
    }
    return 0;
}
