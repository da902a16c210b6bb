#include "recipients.h"

#include <stdlib.h>
#include <string.h>

static void add(struct recipients *r, const struct call *c, const char *text)
{
    struct msisdn number;
    if (!msisdn_parse(text, &number) || numbers_have(&c->box->settings.optout, number.international)) {
        r->rejected++;
        return;
    }
    if ((r->count & (r->count + 1)) == 0) /* room doubles: 1, 3, 7... are full */
        r->item = mem_grow(r->item, (2 * r->count + 1) * sizeof(*r->item));
    r->item[r->count++] = number;
}

static void add_list(struct recipients *r, const struct call *c, const char *list)
{
    while (*list != '\0') {
        char one[MSISDN_INPUT_TEXT];
        size_t len = strcspn(list, ",");
        text_copy(one, len + 1 < sizeof(one) ? len + 1 : sizeof(one), list);
        if (len > 0)
            add(r, c, len < sizeof(one) ? one : "");
        list += len;
        list += *list == ',';
    }
}

static void add_group(struct recipients *r, const struct call *c, uint64_t group)
{
    const struct book *b = &c->box->book;
    for (size_t i = 0; i < b->members.count; i++) {
        const struct member *m = shelf_at(&b->members, i);
        const struct contact *contact = m->group == group ? shelf_find(&b->contacts, m->contact) : NULL;
        if (contact != NULL)
            add(r, c, contact->mobile);
    }
}

unsigned recipients_find(struct recipients *r, const struct call *c)
{
    const char *to = call_given(c, "to"), *contact = call_given(c, "contactId"), *group = call_given(c, "groupId");
    *r = (struct recipients){.count = 0};
    if (to != NULL) {
        add_list(r, c, to);
        return 0;
    }
    if (contact != NULL) {
        const struct contact *found = book_contact(&c->box->book, c->account, contact);
        if (found == NULL)
            return endpoint_param(c->endpoint->id, "contactId")->err_bad;
        add(r, c, found->mobile);
        return 0;
    }
    const struct group *found = group != NULL ? book_group(&c->box->book, c->account, group) : NULL;
    if (found == NULL)
        return endpoint_param(c->endpoint->id, "groupId")->err_bad;
    add_group(r, c, found->id);
    return 0;
}

void recipients_free(struct recipients *r)
{
    free(r->item);
    *r = (struct recipients){.count = 0};
}
