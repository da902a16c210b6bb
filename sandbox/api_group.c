/* group/: groups of contacts. */
#include "api.h"

#define ERROR_NO_CONTACT 216
#define ERROR_NO_GROUP 217
#define ERROR_IN_GROUP 218

static struct group *group_of(const struct call *c)
{
    const char *id = call_given(c, "groupId");
    return id != NULL ? book_group(&c->box->book, c->account, id) : NULL;
}

unsigned api_group_add(struct call *c)
{
    const struct group *g = book_add_group(&c->box->book, c->account, params_get(c->params, "name"));
    if (g == NULL)
        return reply_refuse(&c->reply, "There are too many groups");
    reply_id(&c->reply, "groupId", g->id);
    return 0;
}

unsigned api_group_addcontact(struct call *c)
{
    struct book *b = &c->box->book;
    const struct group *g = group_of(c);
    const struct contact *contact = book_contact(b, c->account, params_get(c->params, "contactId"));
    if (contact == NULL)
        return ERROR_NO_CONTACT;
    if (g == NULL)
        return ERROR_NO_GROUP;
    if (book_member(b, g->id, contact->id) != NULL)
        return ERROR_IN_GROUP;
    const struct member *m = book_add_member(b, g->id, contact->id);
    if (m == NULL)
        return reply_refuse(&c->reply, "There are too many contacts in groups");
    reply_id(&c->reply, "contactGroupId", m->id);
    return 0;
}

unsigned api_group_delete(struct call *c)
{
    struct group *g = group_of(c);
    if (g == NULL)
        return ERROR_NO_GROUP;
    book_delete_group(&c->box->book, g);
    return 0;
}

unsigned api_group_deleteallcontacts(struct call *c)
{
    const struct group *g = group_of(c);
    if (g == NULL)
        return ERROR_NO_GROUP;
    book_empty_group(&c->box->book, g->id);
    return 0;
}

unsigned api_group_deletecontact(struct call *c)
{
    struct book *b = &c->box->book;
    const char *reference = call_given(c, "contactGroupId"), *id = call_given(c, "contactId");
    const struct group *g = group_of(c);
    struct member *m = NULL;
    if (reference != NULL) {
        m = book_member_by_id(b, c->account, reference);
    } else if (g == NULL) {
        return ERROR_NO_GROUP;
    } else {
        const struct contact *contact = book_contact(b, c->account, id);
        m = contact != NULL ? book_member(b, g->id, contact->id) : NULL;
    }
    if (m == NULL)
        return reply_refuse(&c->reply, "The contact is not in the group");
    book_delete_member(b, m);
    return 0;
}

unsigned api_group_get(struct call *c)
{
    const struct book *b = &c->box->book;
    const struct group *g = group_of(c);
    unsigned total = 0;
    if (g == NULL)
        return ERROR_NO_GROUP;
    cJSON *group = reply_object(&c->reply, "group");
    cJSON_AddStringToObject(group, "name", g->name);
    cJSON *contacts = cJSON_CreateArray();
    for (size_t i = 0; i < b->members.count; i++) {
        const struct member *m = shelf_at(&b->members, i);
        const struct contact *contact = m->group == g->id ? shelf_find(&b->contacts, m->contact) : NULL;
        if (contact == NULL)
            continue;
        contact_fields(field_row(contacts), contact);
        total++;
    }
    cJSON_AddNumberToObject(group, "total", total);
    cJSON_AddItemToObject(group, "contacts", contacts);
    return 0;
}

unsigned api_group_list(struct call *c)
{
    const struct book *b = &c->box->book;
    cJSON *rows = field_list(c->reply.fields, "groups");
    c->reply.total = 0;
    for (size_t i = 0; i < b->groups.count; i++) {
        const struct group *g = shelf_at(&b->groups, i);
        if (g->account != c->account)
            continue;
        cJSON *row = field_row(rows);
        field_id(row, "groupId", g->id);
        cJSON_AddStringToObject(row, "name", g->name);
        c->reply.total++;
    }
    return 0;
}
