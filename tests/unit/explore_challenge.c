/*
 * Proof by exhaustive test of the challenge machine: every sequence of events up to the bounds of the runs below, with
 * every outcome of store, provider, person and clock, for one process, for several logins in a row, and for processes
 * side by side. Prints what was covered; fails when a rule is broken, and tells by which events.
 *
 *   explore_challenge [--light | --deep] [--run NAME] [--expect RULE] [--rules]
 *
 * --expect stops at the first sequence that breaks this rule; --rules names them all. A sanitised build is light by
 * default, and so is any other where SMS365_EXPLORE=light is in the environment. --deep takes some twelve minutes and
 * five gigabytes.
 */
#include "explore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

enum effort { EFFORT_LIGHT, EFFORT_DEFAULT, EFFORT_DEEP };

#define ONE ALLOWS(SUBJECT_HOLDER)
#define TWO (ONE | ALLOWS(SUBJECT_OTHER_HOLDER))
#define HOLDERS (TWO | ALLOWS(SUBJECT_OTHER_SERVICE) | ALLOWS(SUBJECT_MOVED))
#define COUNTED (ALLOWS(SUBJECT_UNPROVED) | ALLOWS(SUBJECT_UNKNOWN) | ALLOWS(SUBJECT_COUNTED))
#define EVERYBODY ((1u << SUBJECT_COUNT) - 1)
#define FULL(who) .alphabet = ALPHABET_FULL, .subjects = (who)
#define MODEL(who) .alphabet = ALPHABET_MODEL, .subjects = (who)
#define PAIR(who) .alphabet = ALPHABET_PAIR, .procs = 2, .subjects = (who)
#define RACE(who) .alphabet = ALPHABET_RACE, .procs = 3, .subjects = (who)

/* clang-format off */
static const struct run runs[] = {
    /* One login: every event at every step. */
    {"one-login", FULL(ONE), .logins = 1, .numbers = 2, .sends_per_hour = 3},
    {"one-login-conflict", FULL(ONE), .logins = 1, .conflicts = 1, .sends_per_hour = 2},
    {"everybody", FULL(HOLDERS | COUNTED | ALLOWS(SUBJECT_UNENROLLED)), .logins = 1, .numbers = 2, .sends_per_hour = 1},
    {"everybody-conflict", FULL(EVERYBODY), .logins = 1, .numbers = 2, .conflicts = 1, .sends_per_hour = 1, .effort = EFFORT_DEEP},
    {"tallies", FULL(ONE), .logins = 1, .sends_per_hour = 1, .no_wait = true, .tries = 1, .tallies = true, .effort = EFFORT_DEFAULT},
    {"one-login-callback", FULL(ONE), .logins = 1, .numbers = 2, .callback = true, .greek = true, .sends_per_hour = 1, .effort = EFFORT_DEFAULT},
    {"one-login-clock", FULL(ONE), .logins = 1, .clocks = 1, .sends_per_hour = 1, .effort = EFFORT_DEFAULT},
    {"one-login-clock-resend", FULL(ONE), .logins = 1, .clocks = 1, .effort = EFFORT_DEEP},
    {"one-login-callback-clock", FULL(ONE), .logins = 1, .clocks = 1, .callback = true, .sends_per_hour = 1, .effort = EFFORT_DEEP},
    {"one-login-callback-resend", FULL(ONE), .logins = 1, .clocks = 1, .callback = true, .sends_per_hour = 3, .effort = EFFORT_DEEP},
    {"one-login-clocks", FULL(ONE), .logins = 1, .clocks = 2, .sends_per_hour = 1, .no_wait = true, .effort = EFFORT_DEEP},
    {"one-login-conflicts", FULL(HOLDERS), .logins = 1, .conflicts = 3, .numbers = 2, .effort = EFFORT_DEEP},
    /* Logins one after the other on what the last one left, by the same holder and by others. */
    {"two-logins", FULL(HOLDERS), .logins = 2, .tries = 1, .sends_per_hour = 1, .effort = EFFORT_DEFAULT},
    {"crowd", FULL(ONE), .logins = 1, .crowd = 14, .sends_per_hour = 2},
    {"crowd-full", FULL(TWO), .logins = 1, .crowd = 16},
    {"two-logins-clock", FULL(ONE), .logins = 2, .clocks = 1, .tries = 2, .sends_per_hour = 1, .effort = EFFORT_DEEP},
    {"two-logins-all", FULL(EVERYBODY), .logins = 2, .sends_per_hour = 2, .effort = EFFORT_DEEP},
    {"two-logins-resend", FULL(ONE), .logins = 2, .sends_per_hour = 2, .effort = EFFORT_DEFAULT},
    {"three-logins", FULL(ONE), .logins = 3, .sends_per_hour = 2, .effort = EFFORT_DEEP},
    {"three-logins-tries", FULL(ONE), .logins = 3, .sends_per_hour = 1, .tries = 2, .effort = EFFORT_DEEP},
    {"strangers", FULL(COUNTED), .logins = 2, .clocks = 1, .host_attempts_per_hour = 1, .sends_per_hour = 1, .effort = EFFORT_DEFAULT},
    {"strangers-four", FULL(ALLOWS(SUBJECT_UNKNOWN)), .logins = 4, .clocks = 2, .conflicts = 1, .host_attempts_per_hour = 2},
    {"guard", MODEL(TWO), .logins = 3, .tries = 2, .failed_tries = 2, .lockout_after = 1, .sends_per_hour = 2},
    {"guard-budget", MODEL(TWO), .logins = 3, .tries = 2, .failed_tries = 2, .lockout_after = 3, .sends_per_hour = 2},
    {"guard-clock", MODEL(ONE), .logins = 3, .clocks = 1, .tries = 2, .failed_tries = 2, .lockout_after = 1, .sends_per_hour = 2, .effort = EFFORT_DEFAULT},
    {"guard-clocks", MODEL(TWO), .logins = 3, .clocks = 2, .tries = 2, .failed_tries = 3, .lockout_after = 1, .sends_per_hour = 2, .effort = EFFORT_DEEP},
    {"guard-four", MODEL(TWO), .logins = 4, .tries = 3, .failed_tries = 2, .lockout_after = 3, .sends_per_hour = 2, .effort = EFFORT_DEEP},
    {"guard-pair", PAIR(TWO), .logins = 2, .tries = 2, .failed_tries = 2, .lockout_after = 1, .sends_per_hour = 2, .effort = EFFORT_DEFAULT},
    {"guard-pair-three", PAIR(TWO), .logins = 3, .tries = 2, .failed_tries = 3, .lockout_after = 2, .sends_per_hour = 1, .effort = EFFORT_DEEP},
    {"crash", MODEL(ONE), .logins = 3, .crashes = 1, .sends_per_hour = 2},
    {"crash-clock", MODEL(ONE), .logins = 2, .clocks = 1, .crashes = 1, .sends_per_hour = 2, .effort = EFFORT_DEFAULT},
    {"crash-holders", MODEL(HOLDERS), .logins = 3, .crashes = 1, .sends_per_hour = 3, .effort = EFFORT_DEEP},
    {"crash-clocks", MODEL(ONE), .logins = 2, .clocks = 2, .crashes = 1, .sends_per_hour = 2, .effort = EFFORT_DEEP},
    {"clocks", MODEL(ONE), .logins = 2, .clocks = 2, .sends_per_hour = 1, .effort = EFFORT_DEFAULT},
    {"clocks-resend", MODEL(ONE), .logins = 2, .clocks = 2, .sends_per_hour = 2, .effort = EFFORT_DEEP},
    {"clocks-callback", MODEL(ONE), .logins = 2, .clocks = 1, .callback = true, .sends_per_hour = 2, .effort = EFFORT_DEFAULT},
    {"clocks-three", MODEL(ONE), .logins = 3, .clocks = 2, .sends_per_hour = 2, .effort = EFFORT_DEEP},
    {"reboot", MODEL(ONE), .logins = 2, .clocks = 1, .reboots = 1, .sends_per_hour = 2, .effort = EFFORT_DEFAULT},
    {"reboots", MODEL(ONE), .logins = 3, .clocks = 1, .reboots = 2, .sends_per_hour = 1, .effort = EFFORT_DEEP},
    /* Two processes, step by step in every order. */
    {"pair", PAIR(ONE), .logins = 2, .sends_per_hour = 3},
    {"pair-others", PAIR(TWO), .logins = 2, .sends_per_hour = 2, .effort = EFFORT_DEFAULT},
    {"pair-numbers", PAIR(ONE), .logins = 2, .numbers = 2, .tries = 1, .sends_per_hour = 3, .effort = EFFORT_DEFAULT},
    {"pair-crash", PAIR(ONE), .logins = 3, .crashes = 1, .sends_per_hour = 1, .tries = 2, .effort = EFFORT_DEEP},
    {"pair-crash-two", PAIR(ONE), .logins = 2, .crashes = 1, .sends_per_hour = 2, .tries = 2, .effort = EFFORT_DEFAULT},
    {"pair-clock", PAIR(ONE), .logins = 2, .clocks = 1, .sends_per_hour = 1, .effort = EFFORT_DEFAULT},
    {"pair-clock-resend", PAIR(ONE), .logins = 2, .clocks = 1, .sends_per_hour = 2, .effort = EFFORT_DEEP},
    {"pair-crashes", PAIR(TWO), .logins = 3, .crashes = 2, .sends_per_hour = 1, .effort = EFFORT_DEEP},
    {"pair-clock-others", PAIR(TWO), .logins = 2, .clocks = 1, .sends_per_hour = 2, .effort = EFFORT_DEEP},
    /* What messages are charged to beside their user, with caps within reach. */
    {"caps-number", PAIR(TWO), .logins = 2, .caps = true, .sends_per_day = 1, .sends_per_hour = 2},
    {"caps-numbers", MODEL(ONE), .logins = 2, .conflicts = 1, .numbers = 2, .caps = true, .sends_per_day = 1},
    {"caps-address", PAIR(TWO), .logins = 2, .caps = true, .sends_per_address = 1, .sends_per_hour = 2, .effort = EFFORT_DEFAULT},
    {"caps-store", PAIR(TWO), .logins = 2, .caps = true, .store_left = 1, .sends_per_hour = 2, .effort = EFFORT_DEFAULT},
    {"caps-days", MODEL(ONE), .logins = 2, .clocks = 2, .caps = true, .days = true, .sends_per_day = 1, .no_wait = true, .tries = 1, .effort = EFFORT_DEFAULT},
    {"caps-days-late", .alphabet = ALPHABET_RACE, .procs = 2, .subjects = ONE, .logins = 2, .clocks = 1, .caps = true, .days = true, .store_left = -1},
    {"caps-busy", MODEL(ONE), .logins = 2, .clocks = 1, .caps = true, .days = true, .busy = true, .sends_per_day = 1, .no_wait = true, .tries = 1},
    {"caps-days-pair", PAIR(ONE), .logins = 2, .clocks = 1, .caps = true, .days = true, .sends_per_hour = 1, .tries = 1, .no_wait = true, .effort = EFFORT_DEEP},
    {"caps-cost", MODEL(ONE), .logins = 2, .costs = true, .caps = true, .cost_per_day = 1, .sends_per_hour = 2},
    {"costs", MODEL(ONE), .logins = 3, .callback = true, .costs = true, .caps = true, .cost_per_day = 2, .sends_per_hour = 2, .effort = EFFORT_DEFAULT},
    {"balance", MODEL(ONE), .logins = 2, .clocks = 1, .balance = true, .sends_per_hour = 1, .tries = 1, .no_wait = true},
    {"balance-clocks", MODEL(ONE), .logins = 2, .clocks = 2, .balance = true, .sends_per_hour = 1, .tries = 1, .no_wait = true, .effort = EFFORT_DEEP},
    {"balance-pair", PAIR(TWO), .logins = 2, .balance = true, .sends_per_hour = 2, .effort = EFFORT_DEFAULT},
    /* Codes of our own, and other ways. */
    {"local", FULL(ONE), .logins = 1, .local = true, .sends_per_hour = 2},
    {"local-clock", MODEL(TWO), .logins = 2, .clocks = 1, .local = true, .no_wait = true, .sends_per_hour = 2, .effort = EFFORT_DEFAULT},
    {"local-pair", PAIR(ONE), .logins = 2, .local = true, .no_wait = true, .tries = 2, .sends_per_hour = 2},
    {"local-race", RACE(ONE), .logins = 3, .local = true, .no_wait = true},
    {"ways", MODEL(ONE), .logins = 2, .local = true, .numbers = 2, .give_up_s = 1, .channels = "sms viber sms:2", .sends_per_hour = 4},
    {"ways-full", FULL(ONE), .logins = 1, .local = true, .numbers = 2, .give_up_s = 1, .channels = "sms sms:2 viber", .no_from = true, .greek = true, .sends_per_hour = 3, .effort = EFFORT_DEFAULT},
    {"ways-callback", MODEL(ONE), .logins = 2, .callback = true, .numbers = 2, .give_up_s = 3, .sends_per_hour = 4, .effort = EFFORT_DEFAULT},
    {"ways-wait", MODEL(ONE), .logins = 2, .numbers = 3, .give_up_s = 3, .sends_per_hour = 4, .countries = "30"},
    {"countries", MODEL(ONE), .logins = 1, .countries = "357"},
    /* Backup codes. */
    {"backup", FULL(ONE), .logins = 1, .backup = true, .sends_per_hour = 1},
    {"backup-logins", MODEL(TWO), .logins = 3, .backup = true, .tries = 1, .failed_tries = 2, .lockout_after = 1, .sends_per_hour = 1, .outage_backup = true},
    {"backup-pair", PAIR(TWO), .logins = 2, .backup = true, .tries = 1, .failed_tries = 1, .sends_per_hour = 1, .effort = EFFORT_DEFAULT},
    {"backup-race", RACE(ONE), .logins = 3, .backup = true, .sends_per_hour = 1, .effort = EFFORT_DEFAULT},
    /* Who needs no code. */
    {"bypass", FULL(EVERYBODY), .logins = 1, .trusted = true, .ignore_unenrolled = true, .grace_s = 300, .sends_per_hour = 1},
    {"remembered", FULL(EVERYBODY), .logins = 1, .remember = true, .remembered = true, .sends_per_hour = 1},
    {"remembered-off", MODEL(EVERYBODY), .logins = 1, .remembered = true, .sends_per_hour = 1, .no_wait = true},
    {"grace", .alphabet = ALPHABET_RACE, .subjects = HOLDERS | ALLOWS(SUBJECT_UNPROVED), .logins = 3, .clocks = 2, .grace_s = 300, .sends_per_hour = 1},
    {"grace-model", MODEL(HOLDERS | ALLOWS(SUBJECT_UNPROVED)), .logins = 2, .clocks = 2, .grace_s = 300, .sends_per_hour = 1, .tries = 1, .no_wait = true, .effort = EFFORT_DEEP},
    {"grace-reboot", MODEL(ONE), .logins = 2, .clocks = 1, .reboots = 1, .grace_s = 300, .sends_per_hour = 1},
    /* Numbers that move to another network. */
    {"sim", FULL(ONE), .logins = 1, .hlr = SMS365_HLR_BLOCK, .sends_per_hour = 1},
    {"sim-block", MODEL(TWO | ALLOWS(SUBJECT_CONFIRMED)), .logins = 3, .hlr = SMS365_HLR_BLOCK, .sends_per_hour = 2, .tries = 1, .effort = EFFORT_DEFAULT},
    {"sim-warn", MODEL(ONE), .logins = 2, .numbers = 2, .hlr = SMS365_HLR_WARN, .sends_per_hour = 2},
    {"sim-pair", PAIR(TWO), .logins = 2, .hlr = SMS365_HLR_BLOCK, .sends_per_hour = 1, .tries = 1},
    {"sim-race", RACE(TWO), .logins = 2, .hlr = SMS365_HLR_BLOCK, .sends_per_hour = 2},
    /* Three with right codes. */
    {"race", RACE(ONE), .logins = 3},
    {"race-once", RACE(ONE), .logins = 3, .provider_once = true},
    {"race-others", RACE(TWO), .logins = 3, .sends_per_hour = 2, .effort = EFFORT_DEEP},
};
/* clang-format on */

static double seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print_bounds(const struct run *run)
{
    static const char *const alphabets[] = {"every event", "a working world", "a pair's events", "right codes"};
    const struct {
        int count;
        const char *what;
    } bounds[] = {{run->procs, "at once"}, {run->clocks, "moves of the clock"}, {run->conflicts, "foreign conflicts"},
        {run->crashes, "crashes"}, {run->reboots, "reboots"}};

    (void)printf("%s: %s, up to %d logins", run->name, alphabets[run->alphabet], run->logins);
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (bounds[i].count > 0)
            (void)printf(", %d %s", bounds[i].count, bounds[i].what);
    (void)printf("\n");
}

static void explore(const struct run *run, struct totals *sum)
{
    const double start = seconds();
    struct totals totals;

    print_bounds(run);
    search_run(run, &totals);
    (void)printf("    %zu states, %zu transitions, %zu ends, %.3g sequences of up to %u events, %.1f s\n",
        totals.states, totals.transitions, totals.terminals, totals.sequences, totals.longest, seconds() - start);
    (void)fflush(stdout);
    sum->reasons |= totals.reasons;
    sum->states += totals.states;
    sum->transitions += totals.transitions;
    sum->terminals += totals.terminals;
    sum->sequences += totals.sequences;
    sum->longest = totals.longest > sum->longest ? totals.longest : sum->longest;
}

/* A search that does not get to every decision proves little about it. */
static bool print_missing(uint64_t reached)
{
    static const enum sms365_reason wanted[] = {SMS365_REASON_CODE_ACCEPTED, SMS365_REASON_NO_FIRST_FACTOR,
        SMS365_REASON_UNKNOWN_USER, SMS365_REASON_NOT_ENROLLED, SMS365_REASON_WRONG_CODE, SMS365_REASON_NOT_A_CODE,
        SMS365_REASON_NO_ANSWER, SMS365_REASON_LOCKED, SMS365_REASON_LOCKED_OUT, SMS365_REASON_TRIES_USED,
        SMS365_REASON_EXPIRED, SMS365_REASON_TOO_MANY_SENDS, SMS365_REASON_TOO_MANY_FROM_HOST,
        SMS365_REASON_TOO_MANY_OPEN, SMS365_REASON_TOO_MANY_QUESTIONS, SMS365_REASON_SUPERSEDED,
        SMS365_REASON_KEY_REFUSED, SMS365_REASON_NO_BALANCE, SMS365_REASON_BAD_NUMBER, SMS365_REASON_PROVIDER_REFUSED,
        SMS365_REASON_UNREACHABLE, SMS365_REASON_REPLY_LOST, SMS365_REASON_BAD_REPLY, SMS365_REASON_WRONG_ADDRESS,
        SMS365_REASON_STORE_FAILED, SMS365_REASON_INTERNAL, SMS365_REASON_BACKUP_CODE, SMS365_REASON_TRUSTED_NETWORK,
        SMS365_REASON_GRACE, SMS365_REASON_REMEMBERED, SMS365_REASON_GROUP_EXEMPT, SMS365_REASON_UNENROLLED,
        SMS365_REASON_WRONG_BACKUP_CODE, SMS365_REASON_STORE_SPENT, SMS365_REASON_COUNTRY_REFUSED,
        SMS365_REASON_SIM_CHANGED, SMS365_REASON_CONFIG_UNUSABLE};
    bool missing = false;

    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if ((reached >> wanted[i] & 1u) == 0) {
            (void)printf("no sequence ended with %s\n", sms365_reason_name(wanted[i]));
            missing = true;
        }
    }
    return missing;
}

struct arguments {
    int effort;
    const char *run;
};

static bool expect(const char *name)
{
    for (int rule = 0; rule < RULE_COUNT; rule++) {
        if (strcmp(name, rule_name((enum rule)rule)) == 0) {
            violation_expected((enum rule)rule);
            return true;
        }
    }
    return false;
}

static bool read_arguments(struct arguments *arguments, char **argv)
{
    for (; *argv != NULL; argv++) {
        if (strcmp(*argv, "--light") == 0)
            arguments->effort = EFFORT_LIGHT;
        else if (strcmp(*argv, "--deep") == 0)
            arguments->effort = EFFORT_DEEP;
        else if (strcmp(*argv, "--run") == 0 && argv[1] != NULL)
            arguments->run = *++argv;
        else if (strcmp(*argv, "--expect") == 0 && argv[1] != NULL && expect(argv[1]))
            argv++;
        else
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.effort = EFFORT_DEFAULT};
    const double start = seconds();
    struct totals sum = {0};
    bool found = false;

#ifdef SANITIZED
    arguments.effort = EFFORT_LIGHT;
#endif
    const char *wish = getenv("SMS365_EXPLORE");
    if (wish != NULL && strcmp(wish, "light") == 0)
        arguments.effort = EFFORT_LIGHT;
    if (argc == 2 && strcmp(argv[1], "--rules") == 0) {
        for (int rule = 0; rule < RULE_COUNT; rule++)
            (void)printf("%s\n", rule_name((enum rule)rule));
        return EXIT_SUCCESS;
    }
    if (!read_arguments(&arguments, argv + 1)) {
        (void)fprintf(stderr, "usage: explore_challenge [--light | --deep] [--run NAME] [--expect RULE] [--rules]\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        if (arguments.run == NULL ? runs[i].effort > arguments.effort : strcmp(arguments.run, runs[i].name) != 0)
            continue;
        explore(&runs[i], &sum);
        found = true;
    }
    (void)printf("covered %zu states, %zu transitions and %.3g sequences of up to %u events in %.0f s\n", sum.states,
        sum.transitions, sum.sequences, sum.longest, seconds() - start);
    if (arguments.run == NULL && violations() == 0 && print_missing(sum.reasons))
        return EXIT_FAILURE;
    (void)printf("%d of %d rules hold\n", RULE_COUNT - violations(), RULE_COUNT);
    return found && violations() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
