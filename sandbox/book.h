/*
 * The accounts' contacts and groups, and who is in which. A pointer is good until the next thing of its kind is added
 * or deleted.
 */
#ifndef SANDBOX_BOOK_H
#define SANDBOX_BOOK_H

#include "msisdn.h"
#include "shelf.h"

#define BOOK_CONTACTS_MAX 100000
#define BOOK_GROUPS_MAX 10000
#define BOOK_MEMBERS_MAX 1000000
#define CONTACT_FIELD_COUNT 12

/* Names of a contact's fields, apart from its number. */
extern const char *const contact_field_names[CONTACT_FIELD_COUNT];

struct contact {
    uint64_t id, account;
    char mobile[MSISDN_TEXT];
    char *field[CONTACT_FIELD_COUNT]; /* NULL: empty */
};

struct group {
    uint64_t id, account;
    char *name;
};

struct member {
    uint64_t id, group, contact;
};

struct book {
    struct shelf contacts, groups, members;
};

void book_init(struct book *b);
void book_clear(struct book *b);

/* NULL: the account has no such thing. */
struct contact *book_contact(const struct book *b, uint64_t account, const char *id);
struct contact *book_contact_by_mobile(const struct book *b, uint64_t account, const char *international);
struct group *book_group(const struct book *b, uint64_t account, const char *id);
struct member *book_member(const struct book *b, uint64_t group, uint64_t contact);
struct member *book_member_by_id(const struct book *b, uint64_t account, const char *id);

/* NULL: no room. */
struct contact *book_add_contact(struct book *b, uint64_t account, const char *international);
struct group *book_add_group(struct book *b, uint64_t account, const char *name);
struct member *book_add_member(struct book *b, uint64_t group, uint64_t contact);

void contact_set(struct contact *c, size_t field, const char *value);

/* With its memberships. */
void book_delete_contact(struct book *b, struct contact *c);
void book_delete_group(struct book *b, struct group *g);
void book_delete_member(struct book *b, struct member *m);
void book_empty_group(struct book *b, uint64_t group);

#endif
