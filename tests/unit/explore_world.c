/* The model's frame: its beginning, the moves of a state, what a move does, and the state's hash. */
#include "explore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world world;
const struct run *current_run;

/* Two moves reach either side of every limit. */
static const int64_t clock_steps_ms[] = {1, 30 * 1000 - 1, 300 * 1000 - 1, SMS365_HOUR_MS - 1};

enum reboot { REBOOT_QUICK, REBOOT_LONG, REBOOT_WALL_BACK, REBOOT_COUNT };

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Challenges of other holders, open from the beginning. */
static void make_crowd(int count)
{
    struct cell *cell = &world.common.cells[SMS365_CLASS_USER];
    const struct sms365_now now = world_now();
    struct sms365_state state;

    memset(&state, 0, sizeof state);
    for (int i = 0; i < count; i++) {
        struct sms365_slot *slot = &state.slots[state.slot_count++];
        memset(slot->id, 0x80 + i, sizeof slot->id);
        memset(slot->holder, 0x40 + i, sizeof slot->holder);
        slot->phase = SMS365_PHASE_OPEN;
        slot->sent_ms = now.boot_ms;
        (void)snprintf(slot->msisdn, sizeof slot->msisdn, "%s", world_numbers[0]);
        (void)snprintf(slot->auth_id, sizeof slot->auth_id, "crowd%d", i);
    }
    if (count > 0 && !sms365_state_encode(&state, &now, cell->value, sizeof cell->value, &cell->length))
        abort();
    cell->version = 1;
}

/* What a run does not name is as the configuration has it by default. */
static const struct run *with_defaults(const struct run *run)
{
    static struct run complete;

    complete = *run;
    complete.numbers = run->numbers == 0 ? 1 : run->numbers;
    complete.tries = run->tries == 0 ? 3 : run->tries;
    complete.sends_per_hour = run->sends_per_hour == 0 ? 10 : run->sends_per_hour;
    complete.host_attempts_per_hour = run->host_attempts_per_hour == 0 ? 30 : run->host_attempts_per_hour;
    complete.failed_tries = run->failed_tries == 0 ? SMS365_FAILS_MAX : run->failed_tries;
    complete.lockout_after = run->lockout_after == 0 ? SMS365_FAILS_MAX : run->lockout_after;
    complete.wait_s = run->no_wait ? 0 : 5;
    complete.procs = run->procs == 0 ? 1 : run->procs;
    return &complete;
}

void world_begin(const struct run *run)
{
    current_run = with_defaults(run);
    memset(&world, 0, sizeof world);
    world.common.true_ms = 10 * 1000;
    world.common.boot_base_ms = 5 * 1000;
    world.common.wall_offset_s = 1700 * 1000 * 1000;
    world.common.logins = (uint8_t)run->logins;
    world.common.clocks = (uint8_t)run->clocks;
    world.common.conflicts = (uint8_t)run->conflicts;
    world.common.crashes = (uint8_t)run->crashes;
    world.common.reboots = (uint8_t)run->reboots;
    make_crowd(run->crowd);
}

/* --- Which moves there are --- */

static int count_live(void)
{
    int live = 0;

    for (int i = 0; i < WORLD_PROCS; i++)
        live += world.procs[i].diary.live;
    return live;
}

static void add(struct move *moves, size_t *count, enum move_kind kind, uint8_t proc, uint8_t choice)
{
    moves[(*count)++] = (struct move){(uint8_t)kind, proc, choice, 0};
}

/*
 * A process that touches nothing that others see, whatever comes of its action, goes on before the others do: all
 * orders of such a step among those of others lead to the same states. That is so when it has decided; and, once the
 * clock stands still, while it waits for a person, whose answers are the same ones at all times. A crash in between is
 * like an answer that does not come.
 */
static int independent_proc(void)
{
    for (int i = 0; i < WORLD_PROCS; i++) {
        const struct proc *proc = &world.procs[i];
        const bool waits = proc->ch.action.kind == SMS365_ACTION_ASK || proc->ch.action.kind == SMS365_ACTION_WAIT;
        if (proc->diary.live && proc->ch.settled)
            return i;
        if (proc->diary.live && waits && world.common.clocks == 0 && current_run->alphabet >= ALPHABET_PAIR)
            return i;
    }
    return NOBODY;
}

size_t world_moves(struct move moves[WORLD_MOVES_MAX])
{
    const int first = independent_proc();
    const int live = count_live();
    size_t count = 0;

    if (first != NOBODY)
        return event_choices(&world.procs[first], moves, (uint8_t)first);
    for (uint8_t i = 0; i < WORLD_PROCS; i++) {
        if (!world.procs[i].diary.live)
            continue;
        count += event_choices(&world.procs[i], moves + count, i);
        for (uint8_t written = 0; world.common.crashes > 0 && written < 2; written++)
            if (written == 0 || world.procs[i].ch.action.kind == SMS365_ACTION_CAS)
                add(moves, &count, MOVE_CRASH, i, written);
    }
    if (live < current_run->procs && world.common.logins > 0)
        for (uint8_t subject = 0; subject < SUBJECT_COUNT; subject++)
            if ((current_run->subjects & ALLOWS(subject)) != 0)
                add(moves, &count, MOVE_LOGIN, 0, subject);
    if (count == 0) /* the end of a sequence: time alone leads nowhere */
        return 0;
    for (uint8_t step = 0; world.common.clocks > 0 && step < COUNT(clock_steps_ms); step++)
        add(moves, &count, MOVE_CLOCK, 0, step);
    for (uint8_t reboot = 0; world.common.reboots > 0 && live == 0 && reboot < REBOOT_COUNT; reboot++)
        add(moves, &count, MOVE_REBOOT, 0, reboot);
    return count;
}

/* --- What they do --- */

static void end(struct proc *proc)
{
    memset(proc, 0, sizeof *proc);
    ledger_tidy();
}

static void step(struct proc *proc, struct move move)
{
    struct sms365_event event;
    struct glimpse before;

    event_make(proc, move, &event);
    rules_before(proc, move, &event, &before);
    sms365_challenge_feed(&proc->ch, &event);
    rules_after(proc, move, &before);
    if (proc->ch.action.kind == SMS365_ACTION_DONE) {
        rules_probe_done(proc);
        end(proc);
        return;
    }
    if (proc->ch.action.kind == SMS365_ACTION_CAS)
        rules_probe_conflicts(proc);
    ledger_tidy();
}

static void login(enum subject subject)
{
    struct proc *proc = world.procs;

    while (proc->diary.live)
        proc++;
    memset(proc, 0, sizeof *proc);
    proc->diary.live = 1;
    proc->diary.subject = (uint8_t)subject;
    proc->diary.login = (uint8_t)(current_run->logins - world.common.logins + 1);
    proc->diary.may_send = proc->diary.may_check = proc->diary.accepted = proc->diary.consumed = NOBODY;
    world.common.logins--;
    subject_login(proc, subject);
    rules_begin(proc);
}

static void crash(struct proc *proc, bool written)
{
    struct sms365_event event;

    world.common.crashes--;
    /* A request that was under way may have arrived: what counts against the limits has been counted. */
    if (written)
        event_make(proc, (struct move){MOVE_STEP, 0, CAS_OK, 0}, &event);
    end(proc);
}

static void reboot(enum reboot kind)
{
    world.common.true_ms += kind == REBOOT_LONG ? 300 * 1000 : 1000;
    world.common.wall_offset_s -= kind == REBOOT_WALL_BACK ? 24 * 3600 : 0;
    world.common.boot_base_ms = world.common.true_ms - 3000;
    world.common.boots++;
    world.common.reboots--;
}

void world_do(struct move move)
{
    switch ((enum move_kind)move.kind) {
    case MOVE_STEP:
        step(&world.procs[move.proc], move);
        break;
    case MOVE_CLOCK:
        world.common.true_ms += clock_steps_ms[move.choice];
        world.common.clocks--;
        break;
    case MOVE_REBOOT:
        reboot((enum reboot)move.choice);
        break;
    case MOVE_LOGIN:
        login((enum subject)move.choice);
        break;
    case MOVE_CRASH:
        crash(&world.procs[move.proc], move.choice != 0);
        break;
    }
}

/* --- Hash --- */

static uint64_t mix(uint64_t hash, const void *data, size_t length)
{
    const uint8_t *bytes = data;
    uint64_t word;

    for (; length >= sizeof word; bytes += sizeof word, length -= sizeof word) {
        memcpy(&word, bytes, sizeof word);
        hash = (hash ^ word) * 0x9fb21c651e98df25u;
        hash ^= hash >> 35;
    }
    word = length;
    memcpy(&word, bytes, length);
    hash = (hash ^ word ^ (uint64_t)length << 56) * 0x9fb21c651e98df25u;
    return hash ^ hash >> 28;
}

#define MIX_FIELDS(hash, ch, from, to)                                                                                 \
    mix(hash, (const char *)(ch) + offsetof(struct sms365_challenge, from),                                            \
        offsetof(struct sms365_challenge, to) - offsetof(struct sms365_challenge, from))

/*
 * Of a process: everything from `now` on, but buffers that are written before they are read again, and the unused
 * end of the record. Of versions it counts only whether they are the present ones: they never come back.
 */
static uint64_t mix_proc(uint64_t hash, const struct proc *proc)
{
    const struct sms365_challenge *ch = &proc->ch;
    struct sms365_action action;

    memcpy(&action, &ch->action, sizeof action);
    action.version = action.version == world.common.cells[action.class].version;
    const uint64_t fresh = ch->version == world.common.cells[SMS365_CLASS_USER].version;
    hash = mix(hash, &proc->diary, sizeof proc->diary);
    hash = mix(hash, &action, sizeof action);
    hash = mix(hash, &fresh, sizeof fresh);
    hash = MIX_FIELDS(hash, ch, now, action);
    hash = MIX_FIELDS(hash, ch, then, version);
    hash = MIX_FIELDS(hash, ch, slot, value);
    hash = mix(hash, ch->state.shares, sizeof ch->state.shares);
    hash = mix(hash, &ch->state.places, sizeof ch->state.places);
    hash = mix(hash, &ch->state.slot_count, sizeof ch->state.slot_count);
    hash = mix(hash, ch->state.slots, ch->state.slot_count * sizeof *ch->state.slots);
    hash = mix(hash, ch->code, sizeof ch->code);
    hash = mix(hash, ch->note, strlen(ch->note));
    if (action.kind == SMS365_ACTION_CAS)
        hash = mix(hash, action.value, action.length);
    for (size_t i = 0; action.kind == SMS365_ACTION_CALL && i < action.param_count; i++)
        hash = mix(hash, action.params[i].value, strlen(action.params[i].value));
    return hash;
}

uint64_t world_hash(void)
{
    uint64_t hash = mix(1, &world.common, offsetof(struct common, messages));

    hash = mix(hash, world.common.messages, world.common.message_count * sizeof *world.common.messages);
    for (int i = 0; i < SMS365_CLASS_COUNT; i++)
        hash = mix(hash, world.common.cells[i].value, world.common.cells[i].length);
    for (int i = 0; i < WORLD_PROCS; i++)
        hash = world.procs[i].diary.live ? mix_proc(hash, &world.procs[i]) : hash * 3;
    return hash;
}
