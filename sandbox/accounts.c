#include "accounts.h"

#include <stdlib.h>
#include <string.h>

void accounts_init(struct accounts *a)
{
    *a = (struct accounts){.users = {.size = sizeof(struct user), .max = USERS_MAX},
        .comments = {.size = sizeof(struct comment), .max = COMMENTS_MAX},
        .purchases = {.size = sizeof(struct purchase), .max = PURCHASES_MAX}};
}

void accounts_clear(struct accounts *a)
{
    for (size_t i = 0; i < a->users.count; i++) {
        struct user *u = shelf_at(&a->users, i);
        free(u->email);
        free(u->password);
    }
    for (size_t i = 0; i < a->comments.count; i++)
        free(((struct comment *)shelf_at(&a->comments, i))->text);
    shelf_clear(&a->users);
    shelf_clear(&a->comments);
    shelf_clear(&a->purchases);
}

struct user *accounts_user(const struct accounts *a, const char *id)
{
    return shelf_find_text(&a->users, id);
}

struct user *accounts_user_by_key(const struct accounts *a, const char *key)
{
    for (size_t i = 0; i < a->users.count; i++) {
        struct user *u = shelf_at(&a->users, i);
        if (strcmp(u->key, key) == 0)
            return u;
    }
    return NULL;
}

struct user *accounts_user_by_email(const struct accounts *a, const char *email)
{
    for (size_t i = 0; i < a->users.count; i++) {
        struct user *u = shelf_at(&a->users, i);
        if (strcmp(u->email, email) == 0)
            return u;
    }
    return NULL;
}

struct user *accounts_add_user(struct accounts *a, const char *email, const char *password)
{
    struct user *u = shelf_add(&a->users);
    if (u != NULL) {
        u->email = mem_text(email);
        u->password = mem_text(password);
    }
    return u;
}

struct comment *accounts_add_comment(struct accounts *a, uint64_t user, const char *text)
{
    struct comment *c = shelf_add(&a->comments);
    if (c != NULL) {
        c->user = user;
        c->time_s = clock_wall_ms() / 1000;
        c->text = mem_text(text);
    }
    return c;
}

void accounts_add_purchase(struct accounts *a, uint64_t account, milli sms, milli cost)
{
    if (a->purchases.count == a->purchases.max)
        shelf_take_out(&a->purchases, shelf_at(&a->purchases, 0));
    struct purchase *p = shelf_add(&a->purchases);
    p->account = account;
    p->time_s = clock_wall_ms() / 1000;
    p->sms = sms;
    p->cost = cost;
}

bool accounts_delete_comment(struct accounts *a, const char *id)
{
    struct comment *c = shelf_find_text(&a->comments, id);
    if (c == NULL)
        return false;
    free(c->text);
    shelf_take_out(&a->comments, c);
    return true;
}
