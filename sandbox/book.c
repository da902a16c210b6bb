#include "book.h"

#include <stdlib.h>
#include <string.h>

const char *const contact_field_names[CONTACT_FIELD_COUNT] = {"name", "surname", "fullname", "vname", "vsurname",
    "birthday", "nameday", "custom1", "custom2", "custom3", "custom4", "custom5"};

void book_init(struct book *b)
{
    *b = (struct book){.contacts = {.size = sizeof(struct contact), .max = BOOK_CONTACTS_MAX},
        .groups = {.size = sizeof(struct group), .max = BOOK_GROUPS_MAX},
        .members = {.size = sizeof(struct member), .max = BOOK_MEMBERS_MAX}};
}

static void contact_free_parts(struct contact *c)
{
    for (size_t i = 0; i < CONTACT_FIELD_COUNT; i++)
        free(c->field[i]);
}

void book_clear(struct book *b)
{
    for (size_t i = 0; i < b->contacts.count; i++)
        contact_free_parts(shelf_at(&b->contacts, i));
    for (size_t i = 0; i < b->groups.count; i++)
        free(((struct group *)shelf_at(&b->groups, i))->name);
    shelf_clear(&b->contacts);
    shelf_clear(&b->groups);
    shelf_clear(&b->members);
}

struct contact *book_contact(const struct book *b, uint64_t account, const char *id)
{
    struct contact *c = shelf_find_text(&b->contacts, id);
    return c != NULL && c->account == account ? c : NULL;
}

struct contact *book_contact_by_mobile(const struct book *b, uint64_t account, const char *international)
{
    for (size_t i = 0; i < b->contacts.count; i++) {
        struct contact *c = shelf_at(&b->contacts, i);
        if (c->account == account && strcmp(c->mobile, international) == 0)
            return c;
    }
    return NULL;
}

struct group *book_group(const struct book *b, uint64_t account, const char *id)
{
    struct group *g = shelf_find_text(&b->groups, id);
    return g != NULL && g->account == account ? g : NULL;
}

struct member *book_member(const struct book *b, uint64_t group, uint64_t contact)
{
    for (size_t i = 0; i < b->members.count; i++) {
        struct member *m = shelf_at(&b->members, i);
        if (m->group == group && m->contact == contact)
            return m;
    }
    return NULL;
}

struct member *book_member_by_id(const struct book *b, uint64_t account, const char *id)
{
    struct member *m = shelf_find_text(&b->members, id);
    const struct group *g = m != NULL ? shelf_find(&b->groups, m->group) : NULL;
    return g != NULL && g->account == account ? m : NULL;
}

struct contact *book_add_contact(struct book *b, uint64_t account, const char *international)
{
    struct contact *c = shelf_add(&b->contacts);
    if (c != NULL) {
        c->account = account;
        text_copy(c->mobile, sizeof(c->mobile), international);
    }
    return c;
}

struct group *book_add_group(struct book *b, uint64_t account, const char *name)
{
    struct group *g = shelf_add(&b->groups);
    if (g != NULL) {
        g->account = account;
        g->name = mem_text(name);
    }
    return g;
}

struct member *book_add_member(struct book *b, uint64_t group, uint64_t contact)
{
    struct member *m = shelf_add(&b->members);
    if (m != NULL) {
        m->group = group;
        m->contact = contact;
    }
    return m;
}

void contact_set(struct contact *c, size_t field, const char *value)
{
    free(c->field[field]);
    c->field[field] = *value != '\0' ? mem_text(value) : NULL;
}

/* group or contact 0: any. */
static void delete_members(struct book *b, uint64_t group, uint64_t contact)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->members.count; i++) {
        const struct member *m = shelf_at(&b->members, i);
        if ((group == 0 || m->group == group) && (contact == 0 || m->contact == contact))
            continue;
        memmove((char *)b->members.data + kept++ * sizeof(*m), m, sizeof(*m));
    }
    b->members.count = kept;
}

void book_delete_contact(struct book *b, struct contact *c)
{
    delete_members(b, 0, c->id);
    contact_free_parts(c);
    shelf_take_out(&b->contacts, c);
}

void book_delete_group(struct book *b, struct group *g)
{
    delete_members(b, g->id, 0);
    free(g->name);
    shelf_take_out(&b->groups, g);
}

void book_delete_member(struct book *b, struct member *m)
{
    shelf_take_out(&b->members, m);
}

void book_empty_group(struct book *b, uint64_t group)
{
    delete_members(b, group, 0);
}
