/* Sub-accounts of the one account that the settings describe, comments on them, and what was bought for either. */
#ifndef SANDBOX_ACCOUNTS_H
#define SANDBOX_ACCOUNTS_H

#include "book.h"

#define USERS_MAX 100
#define COMMENTS_MAX 10000
#define PURCHASES_MAX 10000
#define MAIN_ACCOUNT 0
#define USER_KEY_DIGITS 32

/* What an account has. */
struct purse {
    milli balance;
    int64_t hlr_balance; /* lookups that are paid for */
};

struct user {
    uint64_t id;
    char *email, *password;
    char key[USER_KEY_DIGITS + 1];
    struct purse purse;
};

struct comment {
    uint64_t id, user;
    int64_t time_s;
    char *text;
};

struct purchase {
    uint64_t id, account;
    int64_t time_s;
    milli sms, cost;
};

struct accounts {
    struct shelf users, comments, purchases;
};

void accounts_init(struct accounts *a);
void accounts_clear(struct accounts *a);

/* NULL: none. */
struct user *accounts_user(const struct accounts *a, const char *id);
struct user *accounts_user_by_key(const struct accounts *a, const char *key);
struct user *accounts_user_by_email(const struct accounts *a, const char *email);

/* NULL: no room. */
struct user *accounts_add_user(struct accounts *a, const char *email, const char *password);
struct comment *accounts_add_comment(struct accounts *a, uint64_t user, const char *text);
/* The oldest goes when there is no room. */
void accounts_add_purchase(struct accounts *a, uint64_t account, milli sms, milli cost);

/* False: there is none of that id. */
bool accounts_delete_comment(struct accounts *a, const char *id);

#endif
