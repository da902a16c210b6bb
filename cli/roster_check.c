/* Numbers of many users, asked about with many requests at a time. */
#include "base/err.h"
#include "drive/many.h"
#include "drive/typed.h"
#include "pure/api.h"
#include "roster.h"
#include "user.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 16 /* each has one request under way */
#define WINDOW 64      /* rows that are begun; they come out in order */
#define TRIES_MAX 3    /* of a question that costs nothing */
#define NO_BALANCE 105 /* an error of the account's, not of the number's */
/* What user export writes may be opened in a spreadsheet. */
#define FORMULA_MARKS "=+-@"

static bool trouble_set(char trouble[CLI_TROUBLE_SIZE], const char *text)
{
    (void)snprintf(trouble, CLI_TROUBLE_SIZE, "%s", text);
    return false;
}

/* The row's name becomes that by which the system knows the user. */
static bool name_look_up(struct cli *cli, struct cli_row *row, char trouble[CLI_TROUBLE_SIZE])
{
    errno = 0;
    const struct passwd *entry = getpwnam(row->name);
    const int number = errno;

    if (entry == NULL && (number == 0 || number == ENOENT || number == ESRCH)) {
        (void)snprintf(trouble, CLI_TROUBLE_SIZE, "there is no user %s on this system; --force takes names as they are",
            row->name);
        return false;
    }
    if (entry == NULL) {
        (void)snprintf(trouble, CLI_TROUBLE_SIZE, "cannot look up user %s: %s", row->name, strerror(number));
        return false;
    }
    if (strcmp(entry->pw_name, row->name) != 0)
        cli_note(cli, "the system calls %s %s: that is the name that counts", row->name, entry->pw_name);
    return sms365_str_copy(row->name, sizeof row->name, entry->pw_name) ||
           trouble_set(trouble, "the user's name is too long");
}

bool cli_row_name(struct cli *cli, struct cli_row *row, bool force, char trouble[CLI_TROUBLE_SIZE])
{
    struct sms365_user user = {.count = 1, .numbers = {{.msisdn = "30690000000"}}};
    struct sms365_error err = {0};

    if (row->name[0] != '\0' && strchr(FORMULA_MARKS, row->name[0]) != NULL)
        return trouble_set(trouble, "a user's name that begins with =, +, - or @ would be a formula in a spreadsheet");
    if (!force && !name_look_up(cli, row, trouble))
        return false;
    (void)sms365_str_copy(user.name, sizeof user.name, row->name);
    return sms365_user_check(&user, &err) == SMS365_OK || trouble_set(trouble, err.text);
}

bool cli_row_number(const struct cli *cli, struct cli_row *row, const char *typed, char trouble[CLI_TROUBLE_SIZE])
{
    char parsed[SMS365_MSISDN_SIZE];

    if (row->count == SMS365_USER_NUMBERS_MAX)
        return trouble_set(trouble, "a user can have 8 numbers at most");
    char *number = row->typed[row->count];
    if (!sms365_str_copy(number, CLI_TYPED_SIZE, typed))
        return trouble_set(trouble, "a number is too long");
    const char *trimmed = sms365_str_trim(number);
    memmove(number, trimmed, strlen(trimmed) + 1);
    if (!cli_number_typed(number)) {
        (void)snprintf(trouble, CLI_TROUBLE_SIZE, "%s is no phone number", number);
        return false;
    }
    if (sms365_msisdn_parse(parsed, number) && cli_number_international(number, parsed) &&
        !sms365_number_allowed(parsed, cli->conf.countries)) {
        (void)snprintf(trouble, CLI_TROUBLE_SIZE, "%s: no messages go to the country of this number", number);
        return false;
    }
    row->count++;
    return true;
}

/* One number's way through the questions. */
struct check {
    struct item *item;
    size_t index; /* of the number */
    bool look;    /* hlr/lookup is next; mobile/check otherwise */
    unsigned tries;
    struct check *next; /* to be asked */
};

struct item {
    struct cli_row row;
    struct sms365_user user;
    size_t open; /* numbers that are not answered for */
    char trouble[CLI_TROUBLE_SIZE];
    struct check checks[SMS365_USER_NUMBERS_MAX];
};

struct crowd {
    struct cli *cli;
    const struct cli_checks *checks;
    struct item items[WINDOW]; /* a ring */
    size_t head, count;
    struct check *first, *last; /* to be asked */
    bool ended;
    struct sms365_param param;
    struct sms365_error err; /* that ended it */
};

static void check_queue(struct crowd *crowd, struct check *check)
{
    check->next = NULL;
    if (crowd->first == NULL)
        crowd->first = check;
    else
        crowd->last->next = check;
    crowd->last = check;
}

static void row_begin(struct crowd *crowd)
{
    struct item *item = &crowd->items[(crowd->head + crowd->count) % WINDOW];

    if (!crowd->checks->next(crowd->checks->context, &item->row)) {
        crowd->ended = true;
        return;
    }
    crowd->count++;
    item->user = (struct sms365_user){.count = item->row.count};
    (void)sms365_str_copy(item->user.name, sizeof item->user.name, item->row.name);
    item->trouble[0] = '\0';
    item->open = item->row.count;
    for (size_t i = 0; i < item->row.count; i++) {
        item->checks[i] = (struct check){.item = item, .index = i};
        check_queue(crowd, &item->checks[i]);
    }
}

static bool crowd_next(void *context, struct sms365_provider_request *request, void **tag)
{
    struct crowd *crowd = context;

    while (crowd->first == NULL && !crowd->ended && crowd->count < WINDOW)
        row_begin(crowd);
    struct check *check = crowd->first;
    if (check == NULL)
        return false;
    crowd->first = check->next;
    crowd->param = (struct sms365_param){
        "mobile", check->look ? check->item->user.numbers[check->index].msisdn : check->item->row.typed[check->index]};
    const enum sms365_endpoint_id endpoint = check->look ? SMS365_EP_HLR_LOOKUP : SMS365_EP_MOBILE_CHECK;
    *request = cli_request_of(crowd->cli, &(const struct cli_request){endpoint, &crowd->param, 1, NULL});
    *tag = check;
    return true;
}

static void trouble_note(struct check *check, const char *text)
{
    struct item *item = check->item;

    if (item->trouble[0] == '\0')
        (void)snprintf(item->trouble, sizeof item->trouble, "%s: %s", item->row.typed[check->index], text);
}

/* Did it fail for this number alone? The same question may do better a second time, if it costs nothing. */
enum fate { GOOD, NUMBER_BAD, AGAIN, ALL_BAD };

static enum fate fate_of(const struct check *check, const struct sms365_reply *reply, const struct sms365_error *err)
{
    const enum sms365_endpoint_id endpoint = check->look ? SMS365_EP_HLR_LOOKUP : SMS365_EP_MOBILE_CHECK;
    const int refusal = reply == NULL ? 0 : sms365_reply_error(reply);
    const bool lost = err->code == SMS365_REPLY_LOST || err->code == SMS365_BAD_REPLY;

    if (err->code == SMS365_OK)
        return GOOD;
    if (err->code == SMS365_REFUSED && refusal != NO_BALANCE && refusal != 101 &&
        sms365_endpoint_refuses(endpoint, refusal))
        return NUMBER_BAD;
    if (check->look && lost)
        return NUMBER_BAD;
    return (lost || err->code == SMS365_UNREACHABLE) && check->tries < TRIES_MAX ? AGAIN : ALL_BAD;
}

/* Nothing is known of where the number is today. What its digits say is not kept in the place of that. */
static void look_failed(struct crowd *crowd, struct check *check, const struct sms365_error *err)
{
    struct sms365_number *number = &check->item->user.numbers[check->index];

    if (crowd->cli->conf.hlr == SMS365_HLR_BLOCK) {
        trouble_note(check, err->text);
        return;
    }
    number->mcc[0] = number->mnc[0] = number->ported[0] = '\0';
    cli_note(crowd->cli, "+%s is not watched until `sms365 user confirm` has found its network: %s", number->msisdn,
        err->text);
}

/* What a good reply tells. True: there is one more question. */
static bool reply_take(struct crowd *crowd, struct check *check, const struct sms365_reply *reply)
{
    struct sms365_number *number = &check->item->user.numbers[check->index];
    const char *typed = check->item->row.typed[check->index];
    struct sms365_network network;
    struct sms365_mobile mobile;
    struct sms365_error err = {0};

    if (check->look) {
        if (sms365_network_read(&network, reply, number->msisdn, &err) == SMS365_OK)
            cli_number_network(number, &network);
        else
            look_failed(crowd, check, &err);
        return false;
    }
    if (sms365_mobile_read(&mobile, reply, typed, &err) != SMS365_OK) {
        trouble_note(check, "the provider's reply has no number in international form");
        return false;
    }
    cli_number_take(crowd->cli, number, &mobile, typed);
    if (!sms365_number_allowed(number->msisdn, crowd->cli->conf.countries)) {
        trouble_note(check, "no messages go to the country of this number");
        return false;
    }
    check->look = crowd->cli->conf.hlr != SMS365_HLR_OFF;
    check->tries = 0;
    return check->look;
}

static void twice_note(struct item *item)
{
    for (size_t i = 0; i < item->user.count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(item->user.numbers[i].msisdn, item->user.numbers[j].msisdn) == 0)
                trouble_note(&item->checks[i], "the same number stands there twice");
}

/* Rows that are complete leave, in order. */
static bool rows_leave(struct crowd *crowd)
{
    for (; crowd->count > 0 && crowd->items[crowd->head].open == 0; crowd->count--) {
        struct item *item = &crowd->items[crowd->head];
        if (item->trouble[0] == '\0')
            twice_note(item);
        const bool good = item->trouble[0] == '\0';
        crowd->err.code = crowd->checks->done(
            crowd->checks->context, &item->row, good ? &item->user : NULL, good ? NULL : item->trouble, &crowd->err);
        if (crowd->err.code != SMS365_OK)
            return false;
        crowd->head = (crowd->head + 1) % WINDOW;
    }
    return true;
}

static bool crowd_done(void *context, void *tag, const struct sms365_reply *reply, const struct sms365_error *err)
{
    struct crowd *crowd = context;
    struct check *check = tag;
    bool more = false;

    check->tries++;
    switch (fate_of(check, reply, err)) {
    case GOOD:
        more = reply_take(crowd, check, reply);
        break;
    case NUMBER_BAD:
        if (check->look)
            look_failed(crowd, check, err);
        else
            trouble_note(check, err->text);
        break;
    case AGAIN:
        more = true;
        break;
    case ALL_BAD:
        crowd->err = *err;
        return false;
    }
    if (more) {
        check_queue(crowd, check);
        return true;
    }
    check->item->open--;
    crowd->checks->step(crowd->checks->context);
    return rows_leave(crowd);
}

enum sms365_err cli_rows_check(struct cli *cli, const struct cli_checks *checks, struct sms365_error *err)
{
    struct crowd *crowd = calloc(1, sizeof *crowd);
    const struct sms365_many many = {crowd, crowd_next, crowd_done};

    if (crowd == NULL)
        return sms365_error_set(err, SMS365_NO_MEMORY, "out of memory");
    crowd->cli = cli;
    crowd->checks = checks;
    enum sms365_err code = sms365_provider_many(&cli->provider, &many, CONNECTIONS, err);
    if (code == SMS365_OK && crowd->err.code != SMS365_OK) {
        *err = crowd->err;
        code = err->code;
    }
    free(crowd);
    return code;
}
