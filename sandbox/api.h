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
    uint64_t account; /* whose key came, and what it has */
    struct purse *purse;
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

/* A text message that the call asks for; the text is the draft's from now on. */
struct message sms_draft(const struct call *c, const struct msisdn *to, char *text);
/* When it is to be sent, wall clock; 0: now. */
int64_t sms_time_ms(const struct call *c);
/* A contact's fields, added to a row. */
void contact_fields(cJSON *row, const struct contact *contact);

/* One endpoint: fills in the reply; 0, or the reference's error. */
unsigned api_mobile_check(struct call *c);
unsigned api_key_get(struct call *c);
unsigned api_key_reset(struct call *c);
unsigned api_sms_send(struct call *c);
unsigned api_sms_bulk(struct call *c);
unsigned api_sms_cancel(struct call *c);
unsigned api_viber_send(struct call *c);
unsigned api_viber_bulk(struct call *c);
unsigned api_viber_balance(struct call *c);
unsigned api_me_balance(struct call *c);
unsigned api_2fa_send(struct call *c);
void api_2fa_send_end(struct call *c);
unsigned api_2fa_check(struct call *c);
unsigned api_contact_add(struct call *c);
unsigned api_contact_delete(struct call *c);
unsigned api_contact_get(struct call *c);
unsigned api_contact_list(struct call *c);
unsigned api_contact_update(struct call *c);
unsigned api_group_add(struct call *c);
unsigned api_group_addcontact(struct call *c);
unsigned api_group_delete(struct call *c);
unsigned api_group_deleteallcontacts(struct call *c);
unsigned api_group_deletecontact(struct call *c);
unsigned api_group_get(struct call *c);
unsigned api_group_list(struct call *c);
unsigned api_history_group_list(struct call *c);
unsigned api_history_single_list(struct call *c);
unsigned api_hlr_lookup(struct call *c);
unsigned api_purchase_list(struct call *c);
unsigned api_status_get(struct call *c);
unsigned api_status_sms(struct call *c);
unsigned api_user_add(struct call *c);
unsigned api_user_list(struct call *c);
unsigned api_user_topup(struct call *c);
unsigned api_user_comment_add(struct call *c);
unsigned api_user_comment_delete(struct call *c);
unsigned api_user_comment_list(struct call *c);

#endif
