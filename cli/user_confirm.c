/* sms365 user confirm: an administrator's word that a number's move to another network was its owner's doing. */
#include "base/err.h"
#include "guard.h"
#include "pure/sim.h"
#include "roster.h"
#include "user.h"

#include <stdio.h>
#include <string.h>

/* A confirmation: the user as the file has it, and as the networks do. */
struct confirmation {
    struct sms365_user before;
    struct sms365_user now;
    size_t changed;
    size_t unknown; /* numbers that could not be looked up: they stay as they were */
    const struct cli_guard *guard;
};

static bool same_network(const struct sms365_number *a, const struct sms365_number *b)
{
    return strcmp(a->mcc, b->mcc) == 0 && strcmp(a->mnc, b->mnc) == 0 && strcmp(a->ported, b->ported) == 0;
}

static void network_text(char out[64], const struct sms365_number *number)
{
    if (number->mcc[0] == '\0')
        (void)snprintf(out, 64, "not known");
    else
        (void)snprintf(out, 64, "network %s/%s%s", number->mcc, number->mnc[0] == '\0' ? "?" : number->mnc,
            strcmp(number->ported, "yes") == 0  ? ", ported"
            : strcmp(number->ported, "no") == 0 ? ", not ported"
                                                : "");
}

static void number_tell(
    struct cli *cli, cJSON *list, const struct sms365_number *before, const struct sms365_number *now)
{
    char was[64], is[64];
    cJSON *one = cJSON_CreateObject();
    const bool changed = !same_network(before, now);

    (void)cJSON_AddItemToArray(list, one);
    (void)cJSON_AddStringToObject(one, "msisdn", now->msisdn);
    cli_network_json(cJSON_AddObjectToObject(one, "before"), before);
    cli_network_json(cJSON_AddObjectToObject(one, "now"), now);
    (void)cJSON_AddBoolToObject(one, "changed", changed);
    network_text(was, before);
    network_text(is, now);
    if (changed)
        cli_say(cli, "+%s: before: %s; now: %s", now->msisdn, was, is);
    else
        cli_say(cli, "+%s: as before: %s", now->msisdn, is);
}

/* False when the provider cannot be asked at all; *exit then. */
static bool networks_look(struct cli *cli, struct confirmation *confirmation, enum cli_exit *exit)
{
    cJSON *list = cJSON_AddArrayToObject(cli->out, "numbers");

    for (size_t i = 0; i < confirmation->now.count; i++) {
        struct sms365_number *number = &confirmation->now.numbers[i];
        struct sms365_error err = {0};
        const enum sms365_err code = cli_hlr_lookup(cli, number, &err);
        if (code == SMS365_NOT_FOUND) {
            confirmation->unknown++;
            cli_note(cli, "+%s stays as it was: %s", number->msisdn, err.text);
        } else if (code != SMS365_OK) {
            *exit = cli_fail_error(cli, &err);
            return false;
        } else {
            confirmation->changed += !same_network(&confirmation->before.numbers[i], number);
            number_tell(cli, list, &confirmation->before.numbers[i], number);
        }
    }
    return true;
}

static void place_drop(struct sms365_places *places, const uint8_t name[SMS365_PLACE_BYTES])
{
    for (size_t i = places->count; i-- > 0;) {
        if (memcmp(places->entries[i].name, name, SMS365_PLACE_BYTES) != 0)
            continue;
        places->count--;
        memmove(&places->entries[i], &places->entries[i + 1], (places->count - i) * sizeof *places->entries);
        memset(&places->entries[places->count], 0, sizeof *places->entries);
    }
}

/* A number that went to another network and came back bears its old name again: that one is cleared too. */
static bool confirm_edit(void *context, struct cli_record *record, const struct sms365_limits *limits)
{
    const struct confirmation *confirmation = context;
    bool changed = false;

    (void)limits;
    for (size_t i = 0; i < confirmation->now.count; i++) {
        uint8_t name[SMS365_PLACE_BYTES];
        if (!cli_guard_moved(confirmation->guard, record, &confirmation->now.numbers[i]) ||
            !sms365_sim_name(name, &confirmation->now.numbers[i], &confirmation->guard->holder_key))
            continue;
        place_drop(&record->state.swapped, name);
        changed = true;
    }
    return changed;
}

static bool wanted(const struct confirmation *confirmation)
{
    char question[256];

    (void)snprintf(
        question, sizeof question, "Is that %s's own doing, and are codes to go there?", confirmation->before.name);
    return cli_read_yes(question);
}

/* The file may have been changed while the networks were asked and the prompt was up. */
static enum sms365_err confirmation_store(
    struct cli *cli, const struct confirmation *confirmation, struct sms365_error *err)
{
    struct sms365_user present;
    enum sms365_err code = sms365_users_find(&present, cli->conf.users_file, confirmation->before.name, NULL, err);

    for (size_t i = 0; code == SMS365_OK && i < confirmation->before.count; i++)
        if (present.count != confirmation->before.count ||
            strcmp(present.numbers[i].msisdn, confirmation->before.numbers[i].msisdn) != 0)
            code = sms365_error_set(
                err, SMS365_CONFLICT, "the numbers of %s were changed meanwhile: nothing was confirmed", present.name);
    if (code == SMS365_OK && confirmation->changed > 0)
        code = sms365_users_put(cli->conf.users_file, &confirmation->now, err);
    return code;
}

static void confirmation_log(const struct cli *cli, const struct confirmation *confirmation, const char *service)
{
    struct sms365_audit line;

    cli_audit_begin(cli, &line, "confirm", confirmation->now.name);
    sms365_audit_text(&line, "service", service == NULL ? "" : service);
    sms365_audit_number(&line, "numbers", (int64_t)confirmation->now.count);
    sms365_audit_number(&line, "changed", (int64_t)confirmation->changed);
    cli_audit_end(&line);
}

static enum cli_exit confirm(
    struct cli *cli, struct cli_guard *guard, struct confirmation *confirmation, const char *service, bool yes)
{
    struct sms365_error err = {0};
    enum cli_exit exit = CLI_DONE;

    if (!cli_lookups_accepted(cli, confirmation->now.count, yes, &exit) || !networks_look(cli, confirmation, &exit))
        return exit;
    if (!yes && !wanted(confirmation))
        return cli_fail(cli, CLI_FAILED, "not_confirmed", "nothing was confirmed");
    confirmation->guard = guard;
    if (confirmation_store(cli, confirmation, &err) != SMS365_OK ||
        cli_guard_change(guard, confirmation->now.name, confirm_edit, confirmation, &err) != SMS365_OK)
        return cli_fail_error(cli, &err);
    confirmation_log(cli, confirmation, service);
    (void)cJSON_AddNumberToObject(cli->out, "changed", (double)confirmation->changed);
    if (confirmation->unknown > 0)
        return cli_fail(cli, CLI_FAILED, "not_found",
            "%zu of the numbers could not be looked up: the others are "
            "confirmed",
            confirmation->unknown);
    cli_say(cli, "The numbers of %s are confirmed as they are now.", confirmation->now.name);
    return CLI_DONE;
}

enum cli_exit cli_user_confirm(struct cli *cli, const struct cli_command *command, int argc, char **argv)
{
    const char *service = NULL;
    bool yes = false, web = false;
    const struct cli_option options[] = {{"--for", NULL, &service, NULL}, {"--web", &web, NULL, NULL},
        {"--yes", &yes, NULL, NULL}, {NULL, NULL, NULL, NULL}};
    struct confirmation confirmation = {.changed = 0};
    struct cli_guard guard;
    struct sms365_error err = {0};

    if (!cli_args(cli, command, options, &argc, argv, 1, 1) || !cli_conf_of_store(cli, service, web))
        return CLI_USAGE;
    if (cli->conf.hlr == SMS365_HLR_OFF)
        return cli_fail(cli, CLI_USAGE, "hlr_off", "hlr = off: nobody looks whether numbers move, and none is refused");
    if (!yes && !cli_interactive())
        return cli_fail_usage(cli, command, "nobody is there to be asked: add --yes");
    if (sms365_users_find(&confirmation.before, cli->conf.users_file, argv[0], NULL, &err) != SMS365_OK)
        return cli_fail_error(cli, &err);
    confirmation.now = confirmation.before;
    (void)cJSON_AddStringToObject(cli->out, "user", confirmation.now.name);
    if (!cli_keys(cli))
        return CLI_USAGE;
    if (!cli_guard_enter(cli, &guard))
        return CLI_USAGE;
    const enum cli_exit exit = confirm(cli, &guard, &confirmation, service, yes);
    cli_guard_close(&guard);
    return exit;
}
