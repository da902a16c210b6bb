/* sms365 user sync: the contacts of one of the provider's groups are users, whose names stand in a field of theirs. */
#include "base/err.h"
#include "roster.h"
#include "user.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sync {
    struct cli *cli;
    const char *group, *field;
    bool force;
    struct cli_row *rows;
    size_t row_count, next_row;
    struct sms365_user *users; /* checked */
    size_t user_count, next_user;
    struct cli_seen names; /* of rows */
    struct cli_seen there;
    cJSON *bad, *strangers;
    size_t bad_count, same;
};

static void bad_tell(struct sync *sync, const char *contact, const char *trouble)
{
    cJSON *one = cJSON_CreateObject();

    sync->bad_count++;
    if (!sync->cli->json)
        cli_note(sync->cli, "contact %s is left out: %s", contact, trouble);
    (void)cJSON_AddStringToObject(one, "contact", contact);
    (void)cJSON_AddStringToObject(one, "text", trouble);
    (void)cJSON_AddItemToArray(sync->bad, one);
}

/* --- The group --- */

static enum cli_exit nothing_changed(struct sync *sync, struct sms365_error *err)
{
    sms365_error_prefix(err, "nothing was changed");
    return cli_fail_error(sync->cli, err);
}

static const char *row_value(const struct sms365_row *row, const char *name)
{
    const char *value = sms365_row_get(row, name);

    return value == NULL ? "" : value;
}

/* The id of the one group of that name. */
static enum cli_exit group_find(struct sync *sync, char id[65])
{
    const struct cli_request request = {SMS365_EP_GROUP_LIST, NULL, 0, NULL};
    struct sms365_reply *reply = NULL;
    struct sms365_row row = {0};
    struct sms365_error err = {0};
    size_t found = 0;
    enum cli_exit exit = CLI_DONE;

    if (cli_call(sync->cli, &request, &reply, &err) != SMS365_OK)
        exit = nothing_changed(sync, &err);
    while (exit == CLI_DONE && sms365_reply_next(reply, "groups", &row))
        if (strcmp(row_value(&row, "name"), sync->group) == 0 && sms365_str_copy(id, 65, row_value(&row, "groupId")))
            found++;
    if (exit == CLI_DONE && found != 1)
        exit = cli_fail(sync->cli, CLI_FAILED, "not_found",
            found == 0 ? "there is no group %s at the provider: nothing was changed"
                       : "there are several groups %s at the provider: nothing was changed",
            sync->group);
    sms365_reply_free(reply);
    return exit;
}

/* A contact's row; false when there is something wrong, which was told, or no memory. */
static bool contact_take(struct sync *sync, const struct sms365_row *contact, bool *memory)
{
    const char *id = row_value(contact, "contactId");
    const char *name = row_value(contact, sync->field);
    char trouble[CLI_TROUBLE_SIZE];
    struct cli_row *row = &sync->rows[sync->row_count];
    struct sms365_error err = {0};
    bool fresh = false;

    *memory = true;
    *row = (struct cli_row){.line = 0};
    if (name[0] == '\0') {
        (void)snprintf(trouble, sizeof trouble, "it has no user's name in %s", sync->field);
    } else if (!sms365_str_copy(row->name, sizeof row->name, name)) {
        (void)snprintf(trouble, sizeof trouble, "the user's name is too long");
    } else if (cli_row_name(sync->cli, row, sync->force, trouble) &&
               cli_row_number(sync->cli, row, row_value(contact, "mobile"), trouble)) {
        *memory = cli_seen_add(&sync->names, row->name, strlen(row->name), &fresh, &err) == SMS365_OK;
        if (fresh)
            return true;
        (void)snprintf(trouble, sizeof trouble, "%s has an earlier contact in this group", row->name);
    }
    bad_tell(sync, id, trouble);
    return false;
}

/* Every contact, or none: a list that is shorter than its own total was cut somewhere. */
static enum cli_exit contacts_take(struct sync *sync, const struct sms365_reply *reply)
{
    static const char list[] = "group.contacts";
    const char *total = sms365_reply_get(reply, "group.total");
    struct sms365_row row = {0};
    size_t count = 0;
    int64_t told = 0;
    bool memory = true;

    while (sms365_reply_next(reply, list, &row))
        count++;
    if (total == NULL || !sms365_str_number(total, 0, INT32_MAX, &told) || (size_t)told != count)
        return cli_fail(sync->cli, CLI_FAILED, "bad_reply",
            "the provider tells of %s contacts in the group and lists %zu: nothing was changed",
            total == NULL ? "no number of" : total, count);
    if (count == 0)
        return cli_fail(
            sync->cli, CLI_FAILED, "empty", "there is no contact in the group %s: nothing was changed", sync->group);
    sync->rows = calloc(count, sizeof *sync->rows);
    sync->users = calloc(count, sizeof *sync->users);
    memory = sync->rows != NULL && sync->users != NULL;
    row = (struct sms365_row){0};
    while (memory && sms365_reply_next(reply, list, &row))
        if (contact_take(sync, &row, &memory)) {
            const bool there = cli_there_has(&sync->there, &sync->rows[sync->row_count]);
            sync->same += there;
            sync->row_count += !there;
        }
    return memory ? CLI_DONE : cli_fail(sync->cli, CLI_FAILED, "no_memory", "out of memory");
}

static enum cli_exit group_read(struct sync *sync)
{
    char id[65];
    const struct sms365_param params[] = {{"groupId", id}};
    const struct cli_request request = {SMS365_EP_GROUP_GET, params, 1, NULL};
    struct sms365_reply *reply = NULL;
    struct sms365_error err = {0};
    enum cli_exit exit = group_find(sync, id);

    if (exit != CLI_DONE)
        return exit;
    if (cli_call(sync->cli, &request, &reply, &err) == SMS365_OK)
        exit = contacts_take(sync, reply);
    else
        exit = nothing_changed(sync, &err);
    sms365_reply_free(reply);
    return exit;
}

/* --- Its contacts as users --- */

static bool sync_next(void *context, struct cli_row *row)
{
    struct sync *sync = context;

    if (sync->next_row == sync->row_count)
        return false;
    *row = sync->rows[sync->next_row++];
    return true;
}

static void sync_step(void *context)
{
    (void)context;
}

static enum sms365_err sync_done(void *context, const struct cli_row *row, const struct sms365_user *user,
    const char *trouble, struct sms365_error *err)
{
    struct sync *sync = context;

    (void)err;
    if (user == NULL)
        bad_tell(sync, row->name, trouble);
    else
        sync->users[sync->user_count++] = *user;
    return SMS365_OK;
}

static enum sms365_err users_rewind(void *context, struct sms365_error *err)
{
    struct sync *sync = context;

    (void)err;
    sync->next_user = 0;
    return SMS365_OK;
}

static enum sms365_err users_next(void *context, struct sms365_user *user, struct sms365_error *err)
{
    struct sync *sync = context;

    (void)err;
    if (sync->next_user == sync->user_count)
        return SMS365_NOT_FOUND;
    *user = sync->users[sync->next_user++];
    return SMS365_OK;
}

/* Users whom the group does not have stay: it may be another group's turn, or nobody's. */
static bool stranger_add(void *context, const struct sms365_user *user)
{
    struct sync *sync = context;

    if (!cli_seen_has(&sync->names, user->name, strlen(user->name)))
        (void)cJSON_AddItemToArray(sync->strangers, cJSON_CreateString(user->name));
    return true;
}

static enum cli_exit strangers_tell(struct sync *sync)
{
    struct sms365_error err = {0};
    const cJSON *name = NULL;

    if (sms365_users_each(sync->cli->conf.users_file, stranger_add, sync, &err) != SMS365_OK)
        return cli_fail_error(sync->cli, &err);
    cJSON_ArrayForEach(name, sync->strangers)
        cli_say(sync->cli, "  %s: not in the group; stays as it is", name->valuestring);
    return CLI_DONE;
}

static enum cli_exit sync_tell(struct sync *sync, const struct cli_roster *roster)
{
    struct cli *cli = sync->cli;

    cli_roster_tell(roster, sync->same);
    if (sync->bad_count > 0)
        return cli_fail(cli, CLI_FAILED, "bad_contacts", "%zu contact%s left out", sync->bad_count,
            sync->bad_count == 1 ? " was" : "s were");
    return cli_roster_end(roster);
}

static enum cli_exit sync_run(struct sync *sync, struct cli_roster *roster)
{
    const struct cli_checks checks = {sync, sync_next, sync_step, sync_done};
    struct sms365_error err = {0};
    enum cli_exit exit = CLI_DONE;

    if (cli_seen_init(&sync->names, &err) != SMS365_OK ||
        cli_there_read(&sync->there, sync->cli->conf.users_file, &err) != SMS365_OK)
        return cli_fail_error(sync->cli, &err);
    exit = group_read(sync);
    if (exit != CLI_DONE || !cli_lookups_accepted(sync->cli, sync->row_count, roster->yes, &exit))
        return exit;
    if (cli_rows_check(sync->cli, &checks, &err) != SMS365_OK)
        return nothing_changed(sync, &err);
    exit = strangers_tell(sync);
    if (exit == CLI_DONE)
        exit = cli_roster_merge(roster);
    return exit == CLI_DONE ? sync_tell(sync, roster) : exit;
}

static bool is_field(const char *name)
{
    return strlen(name) == 7 && sms365_str_starts(name, "custom") && name[6] >= '1' && name[6] <= '5';
}

enum cli_exit cli_user_sync(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    struct sync sync = {.cli = cli};
    struct cli_values confirm = {.count = 0};
    struct cli_roster roster = {
        .cli = cli, .confirm = &confirm, .preview = true, .context = &sync, .rewind = users_rewind, .next = users_next};
    const struct cli_option options[] = {{"--group", NULL, &sync.group, NULL}, {"--field", NULL, &sync.field, NULL},
        {"--confirm", NULL, NULL, &confirm}, {"--yes", &roster.yes, NULL, NULL}, {"--force", &sync.force, NULL, NULL},
        {"--no-notice", &roster.no_notice, NULL, NULL}, {NULL, NULL, NULL, NULL}};

    if (!cli_args(cli, command, options, &argc, argv, 0, 0))
        return CLI_USAGE;
    if (sync.group == NULL)
        return cli_fail_usage(cli, command, "which group? --group NAME");
    if (sync.field == NULL)
        sync.field = "custom1";
    if (!is_field(sync.field))
        return cli_fail_usage(cli, command, "the field with the user's name is one of custom1 to custom5");
    if (!roster.yes && (cli->json || !cli_interactive()))
        return cli_fail_usage(cli, command, "nobody is there to be asked: add --yes");
    if (!cli_conf(cli) || !cli_keys(cli))
        return CLI_USAGE;
    sync.bad = cJSON_AddArrayToObject(cli->out, "bad");
    sync.strangers = cJSON_AddArrayToObject(cli->out, "not_in_group");
    const enum cli_exit exit = sync_run(&sync, &roster);
    cli_seen_free(&sync.names);
    cli_seen_free(&sync.there);
    free(sync.rows);
    free(sync.users);
    return exit;
}
