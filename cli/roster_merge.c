/* Many users become part of the users file: shown, asked about, written at once. */
#include "base/err.h"
#include "guard.h"
#include "roster.h"
#include "user.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UID_OF_PEOPLE 1000 /* Debian's UID_MIN: those below are the system's */

/* What is to become of each user, in the order in which they come. */
enum lot {
    LOT_SAME = 's',
    LOT_NEW = 'n',
    LOT_AGAIN = 'o', /* new to the file, but the store has a record of that name */
    LOT_CHANGED = 'c',
    LOT_SYSTEM = 'y' /* new, and an account of the system */
};

/* What has to be confirmed for the user. */
struct change {
    struct sms365_user before, now; /* before: no number of an account of the system */
    bool confirmed;
};

struct merger {
    struct cli_roster *roster;
    struct change *changes;
    size_t count, room;
    struct sms365_buf lots; /* enum lot */
    size_t at;              /* users that came since the last rewind */
    bool gathering;         /* the first time through */
    bool failed;            /* out of memory */
};

bool cli_roster_asked(const char *question)
{
    struct sms365_error err = {0};
    char answer[16];

    if (!cli_interactive() || !cli_read_line(question, false, answer, sizeof answer, &err))
        return false;
    const char *text = sms365_str_trim(answer);
    return strcmp(text, "y") == 0 || strcmp(text, "yes") == 0;
}

/* --- Going through the users --- */

static enum sms365_err merger_rewind(void *context, struct sms365_error *err)
{
    struct merger *merger = context;

    merger->at = 0;
    return merger->roster->rewind(merger->roster->context, err);
}

static enum sms365_err merger_next(void *context, struct sms365_user *user, struct sms365_error *err)
{
    struct merger *merger = context;

    if (merger->failed)
        return sms365_error_set(err, SMS365_NO_MEMORY, "out of memory");
    merger->at++;
    return merger->roster->next(merger->roster->context, user, err);
}

static struct change *change_find(const struct merger *merger, const char *name)
{
    for (size_t i = 0; i < merger->count; i++)
        if (strcmp(merger->changes[i].now.name, name) == 0)
            return &merger->changes[i];
    return NULL;
}

static void change_add(struct merger *merger, const struct sms365_user *before, const struct sms365_user *now)
{
    if (merger->count == merger->room) {
        const size_t room = merger->room == 0 ? 16 : 2 * merger->room;
        struct change *moved = reallocarray(merger->changes, room, sizeof *moved);
        merger->failed = moved == NULL;
        if (moved == NULL)
            return;
        merger->changes = moved;
        merger->room = room;
    }
    merger->changes[merger->count++] = (struct change){*before, *now, false};
}

static void numbers_show(struct sms365_buf *out, const struct sms365_user *user)
{
    for (size_t i = 0; i < user->count; i++)
        sms365_buf_printf(out, "%s+%s", i == 0 ? "" : ", ", user->numbers[i].msisdn);
}

static void diff_say(const struct cli *cli, char sign, const struct sms365_user *user)
{
    struct sms365_buf numbers;

    sms365_buf_init(&numbers, 256);
    numbers_show(&numbers, user);
    cli_say(cli, "%c %s: %s", sign, user->name, sms365_buf_text(&numbers));
    sms365_buf_free(&numbers);
}

/* Is it one of those that the system makes, root among them? Where that cannot be told, it may be. */
static bool is_system(const char *name)
{
    errno = 0;
    const struct passwd *entry = getpwnam(name);

    if (entry != NULL)
        return entry->pw_uid < UID_OF_PEOPLE;
    return errno != 0 && errno != ENOENT && errno != ESRCH;
}

static void gather(struct merger *merger, const struct sms365_user *there, const struct sms365_user *user)
{
    static const struct sms365_user nobody = {.count = 0};
    struct cli_roster *roster = merger->roster;
    char lot = LOT_NEW;

    if (there != NULL)
        lot = cli_numbers_equal(there, user) ? LOT_SAME : LOT_CHANGED;
    else if (roster->preview && is_system(user->name))
        lot = LOT_SYSTEM;
    roster->added += lot == LOT_NEW;
    roster->same += lot == LOT_SAME;
    if (lot == LOT_CHANGED || lot == LOT_SYSTEM)
        change_add(merger, there == NULL ? &nobody : there, user);
    if (lot == LOT_NEW && roster->preview)
        diff_say(roster->cli, '+', user);
    sms365_buf_add(&merger->lots, &lot, 1);
    merger->failed = merger->failed || merger->lots.failed;
}

/* Is the user new to the file? */
static bool lot_is_new(char lot)
{
    return lot == LOT_NEW || lot == LOT_AGAIN;
}

/* Others changed the user's line since it was shown, or took it away: it stays as it is now. */
static void late_tell(const struct merger *merger, const struct sms365_user *user)
{
    cli_note(merger->roster->cli, "%s was changed by somebody else meanwhile, and stays as it is now", user->name);
}

static enum sms365_users_verdict new_decide(
    struct merger *merger, char *lot, const struct sms365_user *there, const struct sms365_user *user)
{
    const bool same = there != NULL && cli_numbers_equal(there, user);

    if (there == NULL)
        return SMS365_USERS_PUT;
    if (!same)
        late_tell(merger, user);
    *lot = LOT_SAME;
    merger->roster->added--;
    merger->roster->same += same;
    merger->roster->kept += !same;
    return SMS365_USERS_KEEP;
}

/* Where a change is counted that is made. */
static size_t *change_count(const struct merger *merger, const struct change *change)
{
    return change->before.count == 0 ? &merger->roster->added : &merger->roster->changed;
}

static enum sms365_users_verdict change_decide(
    struct merger *merger, const struct sms365_user *there, const struct sms365_user *user)
{
    struct change *change = change_find(merger, user->name);

    if (change == NULL || !change->confirmed)
        return SMS365_USERS_KEEP;
    const bool as_shown = there == NULL ? change->before.count == 0 : cli_numbers_equal(there, &change->before);
    if (as_shown && cli_numbers_equal(user, &change->now))
        return SMS365_USERS_PUT;
    late_tell(merger, user);
    change->confirmed = false;
    --*change_count(merger, change);
    merger->roster->kept++;
    return SMS365_USERS_KEEP;
}

/* What the first time through found new is added, and a change that was shown and confirmed for that user is made:
 * nothing else touches the file, whatever others did to it since. */
static enum sms365_users_verdict merger_decide(
    void *context, const struct sms365_user *there, const struct sms365_user *user)
{
    struct merger *merger = context;

    if (merger->gathering)
        gather(merger, there, user);
    if (merger->at > merger->lots.length)
        return SMS365_USERS_KEEP;
    char *lot = &merger->lots.data[merger->at - 1];
    if (lot_is_new(*lot))
        return new_decide(merger, lot, there, user);
    return *lot == LOT_CHANGED || *lot == LOT_SYSTEM ? change_decide(merger, there, user) : SMS365_USERS_KEEP;
}

static enum sms365_err merge(struct merger *merger, bool write, struct sms365_error *err)
{
    const struct sms365_users_merge users = {merger, merger_rewind, merger_next, merger_decide};

    return sms365_users_merge(merger->roster->cli->conf.users_file, &users, write, err);
}

/* --- Changes of numbers --- */

static bool is_listed(const struct cli_values *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->list[i], name) == 0)
            return true;
    return false;
}

/* Show a change, and ask about it. */
static void change_ask(const struct cli_roster *roster, struct change *change)
{
    struct cli *cli = roster->cli;
    const bool first = change->before.count == 0;
    const char *name = change->now.name;
    char question[320];

    if (!first)
        diff_say(cli, '-', &change->before);
    diff_say(cli, '+', &change->now);
    if (first)
        cli_say(cli, "  %s is an account of the system (uid below %d)", name, UID_OF_PEOPLE);
    (void)snprintf(question, sizeof question, "Are the codes of %s to go there? [y/N] ", name);
    change->confirmed = is_listed(roster->confirm, name) || (!cli->json && cli_roster_asked(question));
    if (change->confirmed)
        return;
    if (first)
        cli_note(cli, "%s is an account of the system and gets no number; to give it one: --confirm %s", name, name);
    else
        cli_note(cli, "%s keeps the numbers of before; to change them: --confirm %s", name, name);
}

static void changes_ask(struct merger *merger)
{
    struct cli_roster *roster = merger->roster;
    cJSON *list = cJSON_AddArrayToObject(roster->cli->out, "changes");

    for (size_t i = 0; i < merger->count; i++) {
        struct change *change = &merger->changes[i];
        change_ask(roster, change);
        cJSON *one = cJSON_CreateObject();
        (void)cJSON_AddItemToArray(list, one);
        (void)cJSON_AddItemToObject(one, "before", cli_user_json(&change->before));
        (void)cJSON_AddItemToObject(one, "now", cli_user_json(&change->now));
        (void)cJSON_AddBoolToObject(one, "confirmed", change->confirmed);
        *change_count(merger, change) += change->confirmed;
        roster->kept += !change->confirmed;
    }
}

/* --- Records --- */

/*
 * Before new users get into the file: whoever is killed in between begins again. What was counted under a name stays,
 * what belongs to numbers does not. Those who have no record get one at their first login: two durable writes and some
 * room on the disk for each of many, who may never come, are not made here.
 */
static enum sms365_err records_renew(void *context, struct cli_guard *guard, struct sms365_error *err)
{
    struct merger *merger = context;
    struct sms365_user user;
    const size_t count = cli_guard_has_records(guard) ? merger->lots.length : 0;
    struct sms365_error one = {0};
    enum sms365_err code = merger_rewind(merger, err);

    for (size_t i = 0; code == SMS365_OK && i < count; i++) {
        char *lot = &merger->lots.data[i];
        bool had = false;
        code = merger_next(merger, &user, err);
        if (code != SMS365_OK || !lot_is_new(*lot))
            continue;
        if (cli_guard_renew(guard, user.name, &had, &one) != SMS365_OK)
            cli_note(merger->roster->cli, "what was remembered of %s stays: %s", user.name, one.text);
        if (had)
            *lot = LOT_AGAIN;
    }
    return code;
}

/* Without a store users are enrolled all the same. */
static void new_begin(struct merger *merger)
{
    struct cli *cli = merger->roster->cli;
    struct cli_guard guard;
    struct sms365_error err = {0};

    if (merger->roster->added == 0)
        return;
    (void)cli_stores_each(cli, records_renew, merger, "what was remembered of the new users");
    enum sms365_err code = cli_guard_open(cli, &guard, &err);
    if (code == SMS365_OK)
        code = cli_guard_make_tables(&guard, &err);
    if (code != SMS365_OK)
        cli_note(cli, "the state store was not made ready for the new users: %s", err.text);
    cli_guard_close(&guard);
}

/* What user add does once a user has other numbers than before. */
static void changes_end(struct merger *merger)
{
    struct cli_roster *roster = merger->roster;
    struct cli *cli = roster->cli;

    for (size_t i = 0; i < merger->count; i++) {
        const struct change *change = &merger->changes[i];
        if (!change->confirmed)
            continue;
        (void)cli_stores_renew(cli, change->now.name);
        roster->signed_in += !cli_user_sessions_end(cli, change->now.name);
        cli_user_enrolled(cli, &change->now, true);
        if (!roster->no_notice && change->before.count > 0)
            cli_user_notice(cli, &change->before, &change->now);
    }
}

static enum sms365_err new_end(struct merger *merger, struct sms365_error *err)
{
    struct sms365_user user;
    enum sms365_err code = merger_rewind(merger, err);

    for (size_t i = 0; code == SMS365_OK && i < merger->lots.length; i++) {
        code = merger_next(merger, &user, err);
        if (code != SMS365_OK || !lot_is_new(merger->lots.data[i]))
            continue;
        if (merger->lots.data[i] == LOT_AGAIN)
            merger->roster->signed_in += !cli_user_sessions_end(merger->roster->cli, user.name);
        cli_user_enrolled(merger->roster->cli, &user, true);
    }
    return code;
}

static enum cli_exit merger_write(struct merger *merger)
{
    struct cli_roster *roster = merger->roster;
    struct sms365_error err = {0};

    new_begin(merger);
    if (merge(merger, true, &err) != SMS365_OK || new_end(merger, &err) != SMS365_OK)
        return cli_fail_error(roster->cli, &err);
    changes_end(merger);
    return CLI_DONE;
}

enum cli_exit cli_roster_merge(struct cli_roster *roster)
{
    struct merger merger = {.roster = roster, .gathering = true};
    struct sms365_error err = {0};
    enum cli_exit exit = CLI_DONE;
    char question[64];

    sms365_buf_init(&merger.lots, SIZE_MAX / 2);
    if (merge(&merger, false, &err) != SMS365_OK) {
        exit = cli_fail_error(roster->cli, &err);
    } else {
        merger.gathering = false;
        changes_ask(&merger);
        (void)snprintf(question, sizeof question, "Write this to the users file? [y/N] ");
        if (roster->added + roster->changed > 0) {
            if (roster->preview && !roster->yes && !cli_roster_asked(question))
                exit = cli_fail(roster->cli, CLI_FAILED, "not_confirmed", "nothing was changed");
            else
                exit = merger_write(&merger);
        }
    }
    free(merger.changes);
    sms365_buf_free(&merger.lots);
    return exit;
}

void cli_roster_tell(const struct cli_roster *roster, size_t passed)
{
    const struct cli *cli = roster->cli;
    const size_t same = roster->same + passed;

    (void)cJSON_AddNumberToObject(cli->out, "added", (double)roster->added);
    (void)cJSON_AddNumberToObject(cli->out, "changed", (double)roster->changed);
    (void)cJSON_AddNumberToObject(cli->out, "same", (double)same);
    (void)cJSON_AddNumberToObject(cli->out, "kept", (double)roster->kept);
    cli_say(cli, "%zu user%s added, %zu changed, %zu as before.", roster->added, roster->added == 1 ? "" : "s",
        roster->changed, same);
}

enum cli_exit cli_roster_end(const struct cli_roster *roster)
{
    if (roster->signed_in > 0)
        return cli_fail(roster->cli, CLI_FAILED, "sessions_stay",
            "web sessions of %zu user%s go on; once that is mended, for each: sms365 session revoke USER",
            roster->signed_in, roster->signed_in == 1 ? "" : "s");
    if (roster->kept > 0)
        return cli_fail(roster->cli, CLI_FAILED, "not_confirmed",
            "the numbers of %zu user%s were left as before: confirm each with --confirm USER", roster->kept,
            roster->kept == 1 ? "" : "s");
    return CLI_DONE;
}
