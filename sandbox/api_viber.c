/* Viber messages. The text message that may follow one that fails is the phone's business. */
#include "api.h"
#include "smstext.h"

#include <stdlib.h>
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

unsigned api_viber_send(struct call *c)
{
    struct msisdn to;
    struct message *m = NULL;
    const struct sender *sender = NULL;
    /* Contacts and groups have to exist: none do. */
    if (call_given(c, "contactId") != NULL)
        return endpoint_param(EP_VIBER_SEND, "contactId")->err_bad;
    if (call_given(c, "groupId") != NULL)
        return endpoint_param(EP_VIBER_SEND, "groupId")->err_bad;
    unsigned error = check_sender(c, &sender);
    if (error == 0)
        error = check_parts(c);
    if (error == 0 && !msisdn_parse(params_get(c->params, "to"), &to))
        error = endpoint_param(EP_VIBER_SEND, "to")->err_bad;
    if (error != 0)
        return error;
    struct message draft = draft_of(c, sender, &to);
    error = sandbox_send(c->box, &draft, 0, &m);
    if (error != 0)
        return error == ERROR_NO_BALANCE ? ERROR_VIBER_BALANCE : ERROR_VIBER_FAILED;
    reply_text(&c->reply, "id", m->id);
    reply_amount(&c->reply, "cost", m->cost);
    reply_amount(&c->reply, "balance", c->box->settings.balance);
    return 0;
}
