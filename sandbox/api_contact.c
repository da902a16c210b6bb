/* contact/: the account's address book. */
#include "api.h"

#include <string.h>

#define ERROR_BAD_MOBILE 201
#define ERROR_MOBILE_TAKEN 202
#define ERROR_OPTED_OUT 203
#define ERROR_NOT_INSERTED 204
#define ERROR_NO_CONTACT 216
#define ERROR_NOT_UPDATED 221
#define FULLNAME 2 /* taken, and never returned */

/* May the contact have this number? own: it has it already; NULL for a new one. */
static unsigned check_mobile(const struct call *c, const char *text, const struct contact *own, struct msisdn *out)
{
    if (!msisdn_parse(text, out))
        return ERROR_BAD_MOBILE;
    const struct contact *other = book_contact_by_mobile(&c->box->book, c->account, out->international);
    if (other != NULL && (own == NULL || other->id != own->id))
        return ERROR_MOBILE_TAKEN;
    return numbers_have(&c->box->settings.optout, out->international) ? ERROR_OPTED_OUT : 0;
}

static void set_fields(const struct call *c, struct contact *contact)
{
    for (size_t i = 0; i < CONTACT_FIELD_COUNT; i++) {
        const char *value = params_get(c->params, contact_field_names[i]);
        if (value != NULL)
            contact_set(contact, i, value);
    }
}

static void common_fields(cJSON *row, const struct contact *contact)
{
    field_id(row, "contactId", contact->id);
    cJSON_AddStringToObject(row, "mobile", contact->mobile);
}

void contact_fields(cJSON *row, const struct contact *contact)
{
    common_fields(row, contact);
    for (size_t i = 0; i < CONTACT_FIELD_COUNT; i++)
        if (i != FULLNAME)
            cJSON_AddStringToObject(row, contact_field_names[i], contact->field[i] != NULL ? contact->field[i] : "");
}

unsigned api_contact_add(struct call *c)
{
    struct msisdn number;
    unsigned error = check_mobile(c, params_get(c->params, "mobile"), NULL, &number);
    if (error != 0)
        return error;
    struct contact *contact = book_add_contact(&c->box->book, c->account, number.international);
    if (contact == NULL)
        return ERROR_NOT_INSERTED;
    set_fields(c, contact);
    reply_id(&c->reply, "contactId", contact->id);
    return 0;
}

unsigned api_contact_delete(struct call *c)
{
    struct contact *contact = book_contact(&c->box->book, c->account, params_get(c->params, "contactId"));
    if (contact == NULL)
        return ERROR_NO_CONTACT;
    book_delete_contact(&c->box->book, contact);
    return 0;
}

unsigned api_contact_get(struct call *c)
{
    const struct book *b = &c->box->book;
    const struct contact *contact = book_contact(b, c->account, params_get(c->params, "contactId"));
    if (contact == NULL)
        return ERROR_NO_CONTACT;
    cJSON *row = reply_object(&c->reply, "contact");
    contact_fields(row, contact);
    cJSON *groups = field_list(row, "groups");
    for (size_t i = 0; i < b->members.count; i++) {
        const struct member *m = shelf_at(&b->members, i);
        const struct group *g = m->contact == contact->id ? shelf_find(&b->groups, m->group) : NULL;
        if (g == NULL)
            continue;
        cJSON *group = field_row(groups);
        field_id(group, "groupId", g->id);
        cJSON_AddStringToObject(group, "name", g->name);
    }
    c->reply.total = 1;
    return 0;
}

unsigned api_contact_list(struct call *c)
{
    const struct book *b = &c->box->book;
    cJSON *rows = field_list(c->reply.fields, "contacts");
    c->reply.total = 0;
    for (size_t i = 0; i < b->contacts.count; i++) {
        const struct contact *contact = shelf_at(&b->contacts, i);
        struct msisdn number;
        if (contact->account != c->account)
            continue;
        cJSON *row = field_row(rows);
        contact_fields(row, contact);
        if (msisdn_parse(contact->mobile, &number))
            field_amount(row, "cost", number.cost);
        c->reply.total++;
    }
    return 0;
}

unsigned api_contact_update(struct call *c)
{
    struct msisdn number;
    const char *mobile = call_given(c, "mobile");
    struct contact *contact = book_contact(&c->box->book, c->account, params_get(c->params, "contactId"));
    if (contact == NULL)
        return ERROR_NOT_UPDATED;
    unsigned error = mobile != NULL ? check_mobile(c, mobile, contact, &number) : 0;
    if (error != 0)
        return error;
    if (mobile != NULL)
        memcpy(contact->mobile, number.international, sizeof(contact->mobile));
    set_fields(c, contact);
    reply_id(&c->reply, "contactId", contact->id);
    return 0;
}
