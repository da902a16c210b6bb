/* user/: sub-accounts, their balances, and comments on them. */
#include "api.h"

#include <string.h>

#define ERROR_NO_USER 209
#define ERROR_USER_BALANCE 210
#define ERROR_MAIN_BALANCE 211
#define ERROR_NO_COMMENT 220
#define ERROR_REGISTERED 601
#define ERROR_TOO_MANY_USERS 602

static void add_user(struct call *c, const struct user *u)
{
    cJSON *row = reply_object(&c->reply, "user");
    field_id(row, "userId", u->id);
    field_amount(row, "balance", u->purse.balance);
}

static bool is_email(const char *text)
{
    const char *at = strchr(text, '@');
    return at != NULL && at != text && at[1] != '\0' && strchr(at + 1, '@') == NULL && strchr(text, ' ') == NULL;
}

unsigned api_user_add(struct call *c)
{
    const char *email = params_get(c->params, "email");
    if (!is_email(email))
        return reply_refuse(&c->reply, "email parameter is invalid");
    if (accounts_user_by_email(&c->box->accounts, email) != NULL || strcmp(c->box->settings.username, email) == 0)
        return ERROR_REGISTERED;
    struct user *u = accounts_add_user(&c->box->accounts, email, params_get(c->params, "password"));
    if (u == NULL)
        return ERROR_TOO_MANY_USERS;
    chance_hex(&c->box->chance, u->key, USER_KEY_DIGITS);
    add_user(c, u);
    return 0;
}

unsigned api_user_list(struct call *c)
{
    const struct shelf *users = &c->box->accounts.users;
    cJSON *rows = field_list(c->reply.fields, "user");
    c->reply.total = (int)users->count;
    for (size_t i = 0; i < users->count; i++) {
        const struct user *u = shelf_at(users, i);
        cJSON *row = field_row(rows);
        field_id(row, "userId", u->id);
        cJSON_AddStringToObject(row, "username", u->email);
        cJSON_AddStringToObject(row, "email", u->email);
        field_amount(row, "balance", u->purse.balance);
        cJSON_AddStringToObject(row, "mobile", "");
        cJSON_AddStringToObject(row, "key", u->key);
    }
    return 0;
}

/* The parameter was checked: it is an amount. */
static milli amount_of(const struct call *c, const char *name)
{
    const char *text = params_get(c->params, name);
    bool negative = *text == '-';
    milli amount = 0;
    milli_parse(text + (negative ? 1 : 0), &amount);
    return negative ? -amount : amount;
}

unsigned api_user_topup(struct call *c)
{
    struct user *u = accounts_user(&c->box->accounts, params_get(c->params, "userId"));
    const milli sms = amount_of(c, "sms");
    if (u == NULL)
        return ERROR_NO_USER;
    if (sms < 0 && u->purse.balance < -sms)
        return ERROR_USER_BALANCE;
    if (sms > 0 && c->purse->balance < sms)
        return ERROR_MAIN_BALANCE;
    u->purse.balance += sms;
    c->purse->balance -= sms;
    accounts_add_purchase(&c->box->accounts, u->id, sms, amount_of(c, "cost"));
    add_user(c, u);
    return 0;
}

unsigned api_user_comment_add(struct call *c)
{
    const struct user *u = accounts_user(&c->box->accounts, params_get(c->params, "userId"));
    if (u == NULL)
        return ERROR_NO_USER;
    const struct comment *added = accounts_add_comment(&c->box->accounts, u->id, params_get(c->params, "comment"));
    if (added == NULL)
        return reply_refuse(&c->reply, "There are too many comments");
    field_id(reply_object(&c->reply, "comment"), "commentId", added->id);
    return 0;
}

unsigned api_user_comment_delete(struct call *c)
{
    return accounts_delete_comment(&c->box->accounts, params_get(c->params, "commentId")) ? 0 : ERROR_NO_COMMENT;
}

unsigned api_user_comment_list(struct call *c)
{
    const struct shelf *comments = &c->box->accounts.comments;
    const struct user *u = accounts_user(&c->box->accounts, params_get(c->params, "userId"));
    if (u == NULL)
        return ERROR_NO_USER;
    cJSON *rows = field_list(c->reply.fields, "comments");
    c->reply.total = 0;
    for (size_t i = 0; i < comments->count; i++) {
        const struct comment *one = shelf_at(comments, i);
        if (one->user != u->id)
            continue;
        cJSON *row = field_row(rows);
        field_id(row, "commentId", one->id);
        field_id(row, "timestamp", (uint64_t)one->time_s);
        cJSON_AddStringToObject(row, "comment", one->text);
        c->reply.total++;
    }
    return 0;
}
