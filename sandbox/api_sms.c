/* Endpoints that send messages and tell what became of them. */
#include "api.h"
#include "smstext.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_FROM "sms365"
#define DEFAULT_2FA_TEXT "Your authentication code is %%CODE%%"
#define CODE_MARK "%%CODE%%"
#define DEFAULT_WAIT_S 10
#define AUTH_TEXT_MAX (64 * 1024)

struct message sms_draft(const struct call *c, const struct msisdn *to, char *text)
{
    bool unicode = call_says_yes(c, "ucs");
    const char *from = call_given(c, "from");
    const char *callback = call_given(c, "callback");
    if (!unicode)
        smstext_to_gsm(text);
    struct message m = {.text = text,
        .from = mem_text(from ? from : DEFAULT_FROM),
        .callback = callback && strlen(callback) <= CALLBACK_URL_MAX ? mem_text(callback) : NULL,
        .flash = call_says_yes(c, "flash"),
        .unicode = unicode,
        .account = c->account,
        .parts = smstext_parts(text, unicode),
        .mcc = to->mcc,
        .mnc = to->mnc};
    m.cost = to->cost * m.parts;
    memcpy(m.to, to->international, sizeof(m.to));
    return m;
}

int64_t sms_time_ms(const struct call *c)
{
    int64_t at_s = 0;
    const char *timestamp = call_given(c, "timestamp");
    const struct endpoint_param *bounds = endpoint_param(EP_SMS_SEND, "timestamp");
    if (timestamp != NULL)
        number_between(timestamp, bounds->min, bounds->max, &at_s);
    return at_s * 1000;
}

unsigned api_sms_send(struct call *c)
{
    struct msisdn to;
    struct message *m = NULL;
    if (!msisdn_parse(params_get(c->params, "to"), &to))
        return endpoint_param(EP_SMS_SEND, "to")->err_bad;
    struct message draft = sms_draft(c, &to, mem_text(params_get(c->params, "text")));
    unsigned error = sandbox_send(c->box, &draft, sms_time_ms(c), &m);
    if (error != 0)
        return error;
    reply_text(&c->reply, "smsId", m->id);
    reply_amount(&c->reply, "cost", m->cost);
    reply_amount(&c->reply, "balance", c->purse->balance);
    reply_text(&c->reply, "mcc", m->mcc);
    reply_text(&c->reply, "mnc", m->mnc);
    return 0;
}

static char *with_code(const char *text, const char *code)
{
    struct buf out;
    buf_init(&out, AUTH_TEXT_MAX);
    for (const char *mark = strstr(text, CODE_MARK); mark != NULL; mark = strstr(text, CODE_MARK)) {
        buf_add(&out, text, (size_t)(mark - text));
        buf_text(&out, code);
        text = mark + strlen(CODE_MARK);
    }
    buf_text(&out, text);
    return buf_take(&out);
}

/* The reference: 10 s if nothing is said; none if a callback is given, whatever wait says. */
static int64_t wait_of(const struct call *c)
{
    int64_t seconds = DEFAULT_WAIT_S;
    const char *wait = call_given(c, "wait");
    const struct endpoint_param *bounds = endpoint_param(EP_2FA_SEND, "wait");
    if (call_given(c, "callback") != NULL)
        return 0;
    if (wait != NULL && number_between(wait, 0, INT64_MAX, &seconds) && seconds > bounds->max)
        seconds = bounds->max;
    return seconds * 1000;
}

unsigned api_2fa_send(struct call *c)
{
    struct msisdn to;
    struct message *m = NULL;
    char code[CODE_DIGITS + 1];
    const char *text = call_given(c, "text");
    if (!msisdn_parse(params_get(c->params, "to"), &to))
        return endpoint_param(EP_2FA_SEND, "to")->err_bad;
    chance_digits(&c->box->chance, code, CODE_DIGITS);
    struct message draft = sms_draft(c, &to, with_code(text ? text : DEFAULT_2FA_TEXT, code));
    memcpy(draft.code, code, sizeof(code));
    chance_hex(&c->box->chance, draft.auth_id, AUTH_ID_DIGITS);
    unsigned error = sandbox_send(c->box, &draft, 0, &m);
    if (error != 0)
        return error;
    reply_text(&c->reply, "authId", m->auth_id);
    c->message = m->seq;
    c->wait_ms = wait_of(c);
    return 0;
}

void api_2fa_send_end(struct call *c)
{
    /* A call that does not wait knows of no report, however quick the phone was. */
    const struct message *m = c->wait_ms == 0 ? NULL : phone_find(&c->box->phone, c->message);
    const char status[] = {m != NULL ? m->status : 's', '\0'};
    reply_text(&c->reply, "authStatus", status);
}

unsigned api_2fa_check(struct call *c)
{
    const struct message *m = phone_find_auth(&c->box->phone, params_get(c->params, "authId"));
    if (m == NULL || m->account != c->account)
        return endpoint_param(EP_2FA_CHECK, "authId")->err_bad;
    reply_text(&c->reply, "auth", strcmp(m->code, params_get(c->params, "code")) == 0 ? "ok" : "nok");
    return 0;
}
