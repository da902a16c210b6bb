/* hlr/lookup: where a number is today. */
#include "api.h"

#include <stdio.h>
#include <string.h>

/* The reference: ten lookups for one message of the balance. */
#define LOOKUPS_PER_SMS 10
#define SMS_PRICE 1000

static const struct {
    const char *mcc, *mnc, *name;
} networks[] = {
    {"202", "01", "COSMOTE"},
    {"202", "05", "VODAFONE"},
    {"202", "09", "NOVA"},
    {"202", "10", "NOVA"},
    {"280", "01", "CYTA"},
    {"280", "10", "EPIC"},
};

static void add_network(struct reply *r, const char *country, const char *mcc, const char *mnc)
{
    char name[64];
    snprintf(name, sizeof(name), "%s %s", country, mnc);
    for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++)
        if (strcmp(networks[i].mcc, mcc) == 0 && strcmp(networks[i].mnc, mnc) == 0)
            text_copy(name, sizeof(name), networks[i].name);
    reply_text(r, "network", name);
}

/* Takes one lookup from the account; where there is none left, ten are bought. */
static bool pay(struct purse *p)
{
    if (p->hlr_balance == 0) {
        if (p->balance < SMS_PRICE)
            return false;
        p->balance -= SMS_PRICE;
        p->hlr_balance = LOOKUPS_PER_SMS;
    }
    p->hlr_balance--;
    return true;
}

unsigned api_hlr_lookup(struct call *c)
{
    struct msisdn number;
    char code[16];
    if (!msisdn_parse(params_get(c->params, "mobile"), &number))
        return endpoint_param(EP_HLR_LOOKUP, "mobile")->err_bad;
    if (!pay(c->purse))
        return ERROR_NO_BALANCE;
    const struct hlr_entry *e = hlr_find(&c->box->settings.hlr, number.international);
    if (e != NULL && e->mcc[0] == '\0') {
        reply_text(&c->reply, "result", "FAILED");
        reply_text(&c->reply, "description", "Unknown subscriber");
        return 0;
    }
    const char *mcc = e != NULL ? e->mcc : number.mcc;
    const char *mnc = e != NULL ? e->mnc : number.mnc;
    reply_text(&c->reply, "result", "OK");
    reply_text(&c->reply, "description", "Success");
    reply_text(&c->reply, "mcc", mcc);
    reply_text(&c->reply, "mnc", mnc);
    add_network(&c->reply, number.country, mcc, mnc);
    reply_text(&c->reply, "country", number.country);
    snprintf(code, sizeof(code), "%u", number.country_code);
    reply_text(&c->reply, "countryCode", code);
    reply_text(&c->reply, "ported", e != NULL && e->ported ? "yes" : "no");
    reply_text(&c->reply, "cctld", number.cctld);
    reply_text(&c->reply, "mccInitial", number.mcc);
    reply_text(&c->reply, "mncInitial", number.mnc);
    return 0;
}
