/*
 * The search: depth first through every move of every state. States already seen are known by a 64-bit hash; with
 * n states the chance that two of them share one is n * n / 2^65 (for ten million: 3 in a million). A state that is
 * met again on the way that led to it is a machine that need not end.
 */
#include "explore.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 1024
#define CONFLICT_SITES 256

/* A state, and what lies behind it. */
struct seen {
    uint64_t hash;    /* 0: an empty place */
    double sequences; /* complete ones from here on */
    uint32_t longest;
    uint32_t open; /* on the way that is being followed */
};

/* What a move can change: one process and all that is common. */
struct saved {
    struct common common;
    struct proc proc;
};

static struct {
    struct seen *seen;
    size_t size, used; /* size is a power of two */
    struct totals *totals;
    struct saved *stack;
    struct move trace[DEPTH_MAX];
    uint8_t trace_kinds[DEPTH_MAX]; /* enum sms365_action_kind of the process before the move */
    size_t depth;
    bool broken;
    bool told[RULE_COUNT];
    int expected; /* a rule, or NOBODY */
    uint64_t sites[CONFLICT_SITES];
    size_t site_count;
} search = {.expected = NOBODY};

/* --- Broken rules --- */

const char *rule_name(enum rule rule)
{
    static const char *const names[] = {
#define RULE(name) #name,
        RULES
#undef RULE
    };

    return names[rule];
}

static void print_trace(void)
{
    char text[200];

    for (size_t i = 0; i < search.depth; i++) {
        move_describe(text, sizeof text, search.trace[i], (enum sms365_action_kind)search.trace_kinds[i]);
        (void)printf("    %2zu. %s\n", i + 1, text);
    }
}

void violate(enum rule rule, const char *format, ...)
{
    char text[2 * SMS365_AUDIT_SIZE];
    va_list args;

    search.broken = true;
    if (search.told[rule])
        return;
    search.told[rule] = true;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)printf("BROKEN %s: %s\n  in run \"%s\" after\n", rule_name(rule), text, current_run->name);
    print_trace();
    (void)fflush(stdout);
    if ((int)rule == search.expected)
        exit(EXIT_FAILURE);
}

int violations(void)
{
    int count = 0;

    for (int i = 0; i < RULE_COUNT; i++)
        count += search.told[i];
    return count;
}

void violation_expected(enum rule rule)
{
    search.expected = (int)rule;
}

void search_decided(enum sms365_reason reason)
{
    search.totals->reasons |= UINT64_C(1) << reason;
}

/* --- States seen --- */

static void *allocate(size_t count, size_t size)
{
    void *data = calloc(count, size);

    if (data == NULL) {
        (void)fprintf(stderr, "explore: out of memory\n");
        exit(EXIT_FAILURE);
    }
    return data;
}

static size_t place_of(uint64_t hash)
{
    size_t place = (size_t)(hash >> 7) & (search.size - 1);

    while (search.seen[place].hash != 0 && search.seen[place].hash != hash)
        place = (place + 1) & (search.size - 1);
    return place;
}

static void grow(void)
{
    struct seen *old = search.seen;
    const size_t old_size = search.size;

    search.size = old_size == 0 ? 1 << 16 : 2 * old_size;
    search.seen = allocate(search.size, sizeof *search.seen);
    for (size_t i = 0; i < old_size; i++)
        if (old[i].hash != 0)
            search.seen[place_of(old[i].hash)] = old[i];
    free(old);
}

/* --- The search --- */

/* Copy what counts of the common part: of the user's record, what is used. */
static void copy_common(struct common *to, const struct common *from)
{
    memcpy(to, from, offsetof(struct common, user.value) + from->user.length);
}

static void save(struct saved *saved, struct move move)
{
    copy_common(&saved->common, &world.common);
    if (move.kind == MOVE_STEP || move.kind == MOVE_CRASH)
        memcpy(&saved->proc, &world.procs[move.proc], sizeof saved->proc);
}

static void restore(const struct saved *saved, struct move move, const bool *live)
{
    copy_common(&world.common, &saved->common);
    if (move.kind == MOVE_STEP || move.kind == MOVE_CRASH)
        memcpy(&world.procs[move.proc], &saved->proc, sizeof saved->proc);
    else if (move.kind == MOVE_LOGIN)
        for (int i = 0; i < WORLD_PROCS; i++)
            if (!live[i])
                memset(&world.procs[i], 0, sizeof world.procs[i]);
}

/* The only move there is, of the process that moved last: whoever goes back beyond that puts both right. */
static bool goes_on(const struct move *moves, size_t count)
{
    const struct move *last = search.depth == 0 ? NULL : &search.trace[search.depth - 1];

    return count == 1 && last != NULL && moves[0].kind == MOVE_STEP && last->kind == MOVE_STEP &&
           last->proc == moves[0].proc;
}

static void follow(double *sequences, uint32_t *longest);

/* Take these moves of the present state. */
static void expand(const struct move *moves, size_t count, double *sequences, uint32_t *longest)
{
    struct saved *saved = &search.stack[search.depth];
    const bool on = goes_on(moves, count);
    bool live[WORLD_PROCS];

    *sequences = count == 0 ? 1 : 0;
    *longest = 0;
    search.totals->terminals += count == 0;
    for (int i = 0; i < WORLD_PROCS; i++)
        live[i] = world.procs[i].diary.live;
    for (size_t i = 0; i < count; i++) {
        double more;
        uint32_t length;
        if (!on)
            save(saved, moves[i]);
        search.trace[search.depth] = moves[i];
        search.trace_kinds[search.depth] = (uint8_t)world.procs[moves[i].proc].ch.action.kind;
        search.depth++;
        search.totals->transitions++;
        search.broken = false;
        world_do(moves[i]);
        if (!search.broken) {
            follow(&more, &length);
            *sequences += more;
            if (length + 1 > *longest)
                *longest = length + 1;
        }
        search.depth--;
        if (!on)
            restore(saved, moves[i], live);
    }
}

/*
 * Follow the present state to every end. One with a single move is not remembered: what follows it is, and a way that
 * leads round through such states alone ends at DEPTH_MAX.
 */
static void follow(double *sequences, uint32_t *longest)
{
    struct move moves[WORLD_MOVES_MAX];
    const size_t count = world_moves(moves);

    *sequences = 0;
    *longest = 0;
    if (search.depth + 1 >= DEPTH_MAX) {
        violate(RULE_it_ends, "more than %d events", DEPTH_MAX);
        return;
    }
    if (count == 1) {
        expand(moves, count, sequences, longest);
        return;
    }
    const uint64_t hash = world_hash() | 1;
    size_t place = place_of(hash);
    if (search.seen[place].hash == hash) {
        if (search.seen[place].open != 0)
            violate(RULE_it_ends, "this state comes again and again");
        *sequences = search.seen[place].sequences;
        *longest = search.seen[place].longest;
        return;
    }
    if (++search.used * 2 > search.size) {
        grow();
        place = place_of(hash);
    }
    search.seen[place] = (struct seen){.hash = hash, .open = 1};
    expand(moves, count, sequences, longest);
    place = place_of(hash);
    search.seen[place] = (struct seen){hash, *sequences, *longest, 0};
}

void search_run(const struct run *run, struct totals *totals)
{
    uint32_t longest = 0;
    double sequences = 0;

    free(search.seen);
    search.seen = NULL;
    search.size = search.used = search.depth = search.site_count = 0;
    grow();
    if (search.stack == NULL)
        search.stack = allocate(DEPTH_MAX, sizeof *search.stack);
    memset(totals, 0, sizeof *totals);
    search.totals = totals;
    world_begin(run);
    follow(&sequences, &longest);
    totals->states = search.used;
    totals->sequences = sequences;
    totals->longest = longest;
}

/* --- Probes: long straight ways out of a state --- */

/* A process that is done is fed everything: nothing may change. */
void rules_probe_done(struct proc *proc)
{
    static struct sms365_challenge before;
    struct sms365_event event;

    memcpy(&before, &proc->ch, sizeof before);
    for (int kind = 0; kind <= SMS365_EVENT_LOGGED; kind++) {
        memset(&event, 0, sizeof event);
        event.kind = (enum sms365_event_kind)kind;
        event.now = world_now();
        event.fields[SMS365_FIELD_AUTH] = "ok";
        event.answer = event_code(&world.common.messages[0]);
        sms365_challenge_feed(&proc->ch, &event);
    }
    if (memcmp(&before, &proc->ch, sizeof before) != 0)
        violate(RULE_done_is_final, "an event after the end changed something");
}

/* True the first time that a write like this one is met in this run. */
static bool is_new_site(const struct sms365_challenge *ch)
{
    const uint64_t site = (uint64_t)(uintptr_t)ch->then * 31 + (uint64_t)(uintptr_t)ch->after * 7 + ch->questions +
                          1000u * ch->spend.next;

    for (size_t i = 0; i < search.site_count; i++)
        if (search.sites[i] == site)
            return false;
    if (search.site_count < CONFLICT_SITES)
        search.sites[search.site_count++] = site;
    return true;
}

void rules_probe_conflicts(struct proc *proc)
{
    static struct proc before;
    static struct sms365_record record;
    struct sms365_event event;
    struct record cell;
    unsigned lost = 0;

    /* The flag is only a hint: whoever cannot write it goes on. */
    if (proc->ch.action.class == SMS365_CLASS_FLAG || !world_record(&cell, &proc->ch.action) ||
        proc->ch.conflicts > 0 || proc->ch.action.version != *cell.version || !is_new_site(&proc->ch))
        return;
    memcpy(&before, proc, sizeof before);
    record.version = *cell.version;
    record.length = *cell.length;
    memcpy(record.value, cell.value, record.length);
    while (!proc->ch.settled && lost <= 2 * SMS365_CONFLICTS_MAX) {
        memset(&event, 0, sizeof event);
        event.now = world_now();
        event.record = &record;
        event.kind = SMS365_EVENT_RECORD;
        if (proc->ch.action.kind == SMS365_ACTION_CAS) {
            event.kind = SMS365_EVENT_WRITTEN;
            event.err = SMS365_CONFLICT;
            lost++;
        }
        sms365_challenge_feed(&proc->ch, &event);
    }
    if (lost != SMS365_CONFLICTS_MAX + 1 || proc->ch.outcome.verdict != SMS365_DENY ||
        proc->ch.outcome.reason != SMS365_REASON_STORE_FAILED)
        violate(RULE_conflicts_are_bounded, "%u lost", lost);
    memcpy(proc, &before, sizeof before);
}
