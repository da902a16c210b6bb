/* The provider's API: credentials, parameters and endpoints. Knows no HTTP. The sandbox's lock is held throughout. */
#ifndef SANDBOX_API_H
#define SANDBOX_API_H

#include "reply.h"
#include "sandbox.h"

struct call {
    struct sandbox *box;
    const struct endpoint *endpoint;
    const struct params *params;
    const struct sockaddr *from;
    struct reply reply;
    uint64_t message; /* the one that it sent */
    int64_t wait_ms;  /* api_end() is wanted when its report is in, or after this time */
};

/* Begins a call: everything but what has to wait for the report. */
void api_begin(struct call *c);
/* Completes the reply. Call it once, after api_begin(), at once if wait_ms is 0. */
void api_end(struct call *c);

/* A parameter's value, NULL for one that was not given or is empty. */
const char *call_given(const struct call *c, const char *name);
bool call_says_yes(const struct call *c, const char *name); /* true or 1 */

/* One endpoint: fills in the reply; 0, or the reference's error. */
unsigned api_mobile_check(struct call *c);
unsigned api_key_get(struct call *c);
unsigned api_key_reset(struct call *c);
unsigned api_me_balance(struct call *c);
unsigned api_sms_send(struct call *c);
unsigned api_viber_send(struct call *c);
unsigned api_hlr_lookup(struct call *c);
unsigned api_status_sms(struct call *c);
unsigned api_2fa_send(struct call *c);
void api_2fa_send_end(struct call *c);
unsigned api_2fa_check(struct call *c);

#endif
