/* The model's frame: its beginning, the moves of a state, what a move does, and the state's hash. */
#include "explore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world world;
const struct run *current_run;

/* Two moves reach either side of every limit. */
static const int64_t clock_steps_ms[] = {1, 30 * 1000 - 1, 300 * 1000 - 1, SMS365_HOUR_MS - 1, SMS365_DAY_MS - 1};

enum reboot { REBOOT_QUICK, REBOOT_LONG, REBOOT_WALL_BACK, REBOOT_COUNT };

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The user's record at the beginning: challenges of other holders, backup codes. */
static void make_user(int count)
{
    struct user_cell *cell = &world.common.user;
    const struct sms365_now now = world_now();
    struct sms365_state state;
    size_t length = 0;

    memset(&state, 0, sizeof state);
    if (current_run->backup)
        subject_backups(&state.backup);
    for (int i = 0; i < count; i++) {
        struct sms365_slot *slot = &state.slots[state.slot_count++];
        memset(slot->id, 0x80 + i, sizeof slot->id);
        memset(slot->holder, 0x40 + i, sizeof slot->holder);
        slot->phase = SMS365_PHASE_OPEN;
        slot->share = (uint8_t)(i % SMS365_SHARES);
        slot->digits = SMS365_CODE_DIGITS;
        slot->sent_ms = now.boot_ms;
        (void)snprintf(slot->msisdn, sizeof slot->msisdn, "%s", world_numbers[0]);
        (void)snprintf(slot->auth_id, sizeof slot->auth_id, "crowd%d", i);
    }
    if ((count > 0 || current_run->backup) &&
        !sms365_state_encode(&state, &now, cell->value, sizeof cell->value, &length))
        abort();
    cell->length = length;
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
    complete.sends_per_day = run->sends_per_day == 0 ? 1000 : run->sends_per_day;
    complete.sends_per_address = run->sends_per_address == 0 ? 1000 : run->sends_per_address;
    /* Codes of our own are asked after once, not ten times. */
    complete.wait_s = run->no_wait ? 0 : run->local ? 1 : 5;
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
    make_user(run->crowd);
    spend_begin();
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
 * The tallies of messages, while no cap is within reach: what processes add there and take away again comes to the
 * same in every order, nobody decides by it, and a compare-and-swap that is lost to another process is only a later
 * one. Nor does it matter when within a window that does not end it is done. The same goes for a look at the flag that
 * nobody sets.
 */
static bool is_tally_of_no_matter(const struct sms365_action *action)
{
    const bool record = action->kind == SMS365_ACTION_GET || action->kind == SMS365_ACTION_CAS;

    if (action->kind == SMS365_ACTION_SUM)
        return !current_run->caps;
    if (record && action->class == SMS365_CLASS_FLAG)
        return !current_run->balance;
    return record && !current_run->caps && (action->class == SMS365_CLASS_SPEND || action->class == SMS365_CLASS_SHARD);
}

/* Between reading a tally and writing it nobody else need come: whoever does makes this one read it again. */
static bool is_tally_read(const struct sms365_action *action)
{
    return action->kind == SMS365_ACTION_CAS && world.common.clocks == 0 && action->class == SMS365_CLASS_SPEND;
}

/*
 * A process that touches nothing that others see, whatever comes of its action, goes on before the others do: all
 * orders of such a step among those of others lead to the same states. That is so when it has decided; while it counts
 * a message that no cap is near to; and, once the clock stands still, while it waits for a person, whose answers are
 * the same ones at all times. A crash in between is like an answer that does not come.
 */
static int independent_proc(void)
{
    for (int i = 0; i < WORLD_PROCS; i++) {
        const struct proc *proc = &world.procs[i];
        const bool waits = proc->ch.action.kind == SMS365_ACTION_ASK || proc->ch.action.kind == SMS365_ACTION_WAIT;
        if (!proc->diary.live)
            continue;
        if (proc->ch.settled)
            return i;
        if (current_run->alphabet < ALPHABET_PAIR)
            continue;
        if ((waits && world.common.clocks == 0) || is_tally_of_no_matter(&proc->ch.action) ||
            is_tally_read(&proc->ch.action))
            return i;
    }
    return NOBODY;
}

static size_t crash_moves(struct move *moves, uint8_t proc)
{
    size_t count = 0;

    for (uint8_t written = 0; world.common.crashes > 0 && written < 2; written++)
        if (written == 0 || world.procs[proc].ch.action.kind == SMS365_ACTION_CAS)
            add(moves, &count, MOVE_CRASH, proc, written);
    return count;
}

size_t world_moves(struct move moves[WORLD_MOVES_MAX])
{
    const int first = independent_proc();
    const int live = count_live();
    size_t count = 0;

    if (first != NOBODY) {
        count = event_choices(&world.procs[first], moves, (uint8_t)first);
        if (!world.procs[first].ch.settled)
            count += crash_moves(moves + count, (uint8_t)first);
        return count;
    }
    for (uint8_t i = 0; i < WORLD_PROCS; i++) {
        if (!world.procs[i].diary.live)
            continue;
        count += event_choices(&world.procs[i], moves + count, i);
        count += crash_moves(moves + count, i);
    }
    if (live < current_run->procs && world.common.logins > 0)
        for (uint8_t subject = 0; subject < SUBJECT_COUNT; subject++)
            if ((current_run->subjects & ALLOWS(subject)) != 0)
                add(moves, &count, MOVE_LOGIN, 0, subject);
    if (count == 0) /* the end of a sequence: time alone leads nowhere */
        return 0;
    for (uint8_t step = 0; world.common.clocks > 0 && step < COUNT(clock_steps_ms); step++)
        if (current_run->days ? step == 0 || step == COUNT(clock_steps_ms) - 1 : step < COUNT(clock_steps_ms) - 1)
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
    if (current_run->costs && count_live() == 0)
        spend_settled();
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
    proc->diary.last = proc->diary.backup = proc->diary.backup_used = NOBODY;
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

/* What is under way with the tallies. */
static uint64_t mix_spend(uint64_t hash, const struct challenge_spend *spend)
{
    const uint64_t parts[] = {spend->mode, spend->next, spend->charged, spend->shard, spend->busy,
        (uint64_t)spend->delta, (uint64_t)spend->retry_after_ms, spend->why, (uint64_t)(uintptr_t)spend->after,
        (uint64_t)(uintptr_t)spend->refused};

    return mix(hash, parts, sizeof parts);
}

static uint64_t mix_state(uint64_t hash, const struct sms365_state *state)
{
    hash = mix(hash, state->shares, sizeof state->shares);
    hash = mix(hash, &state->places, sizeof state->places);
    hash = mix(hash, &state->graces, sizeof state->graces);
    hash = mix(hash, &state->looked, sizeof state->looked);
    hash = mix(hash, &state->swapped, sizeof state->swapped);
    hash = mix(hash, &state->backup.used, sizeof state->backup.used);
    hash = mix(hash, &state->slot_count, sizeof state->slot_count);
    return mix(hash, state->slots, state->slot_count * sizeof *state->slots);
}

/*
 * Of a process: everything from `now` on, but buffers that are written before they are read again, and the unused
 * end of the record. Of versions it counts only whether they are the present ones: they never come back.
 */
static uint64_t mix_proc(uint64_t hash, const struct proc *proc)
{
    const struct sms365_challenge *ch = &proc->ch;
    struct sms365_action action;
    struct record record;
    bool spends = ch->action.kind == SMS365_ACTION_SUM;

    memcpy(&action, &ch->action, sizeof action);
    if (action.kind <= SMS365_ACTION_CAS) {
        action.version = world_record(&record, &action) && action.version == *record.version;
        spends = action.class != SMS365_CLASS_USER && action.class != SMS365_CLASS_HOST;
        hash = mix(hash, &record.cell, sizeof record.cell);
    }
    const uint64_t fresh = ch->version == world.common.user.version;
    hash = mix(hash, &proc->diary, sizeof proc->diary);
    hash = mix(hash, &action, sizeof action);
    hash = mix(hash, &fresh, sizeof fresh);
    hash = MIX_FIELDS(hash, ch, now, action);
    hash = MIX_FIELDS(hash, ch, then, version);
    hash = mix_state(hash, &ch->state);
    if (spends)
        hash = mix_spend(hash, &ch->spend);
    hash = mix(hash, &ch->spend.shard, sizeof ch->spend.shard);
    hash = MIX_FIELDS(hash, ch, slot, tally);
    hash = mix(hash, ch->code, sizeof ch->code);
    hash = mix(hash, ch->note, strlen(ch->note));
    if (action.kind == SMS365_ACTION_CAS && action.class != SMS365_CLASS_USER)
        hash = mix(hash, ch->tally, ch->tally_length);
    for (size_t i = 0; action.kind == SMS365_ACTION_CALL && i < action.param_count; i++)
        hash = mix(hash, action.params[i].value, strlen(action.params[i].value));
    return hash;
}

/* Where no cap is near and no window ends, it is no matter when a tally was begun or written. */
static uint64_t mix_cell(uint64_t hash, int id)
{
    const struct cell *cell = &world.common.cells[id];
    struct sms365_tally tally;

    if (cell->length == 0)
        return hash * 5;
    if (id < CELL_ADDRESS || current_run->caps || current_run->days || current_run->balance || !spend_read(id, &tally))
        return mix(hash, cell->value, cell->length);
    tally.since_ms = 0;
    return mix(hash, &tally, sizeof tally);
}

uint64_t world_hash(void)
{
    uint64_t hash = mix(1, &world.common, offsetof(struct common, messages));

    hash = mix(hash, world.common.messages, world.common.message_count * sizeof *world.common.messages);
    hash = mix(hash, world.common.user.value, world.common.user.length);
    for (int i = 0; i < CELL_COUNT; i++)
        hash = mix_cell(hash, i);
    for (int i = 0; i < WORLD_PROCS; i++)
        hash = world.procs[i].diary.live ? mix_proc(hash, &world.procs[i]) : hash * 3;
    return hash;
}
