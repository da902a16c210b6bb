#include "policy_fixture.h"

#include "base/record.h"
#include "pure/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

static void fill_share(struct sms365_share *share, const struct sms365_now *now)
{
    for (int i = 0; i < SMS365_SENDS_MAX; i++)
        share->sends[share->send_count++] = now->boot_ms - SMS365_SENDS_MAX + i;
    for (uint8_t i = 0; i < SMS365_FAILS_MAX; i++)
        share->fails[share->fail_count++] =
            (struct sms365_fail){.when_ms = now->boot_ms - SMS365_FAILS_MAX + i, .chain = {i}};
    share->day = (struct sms365_tally){now->boot_ms, 30, 30 * SMS365_COST_UNIT};
    share->backups = (struct sms365_tally){now->boot_ms, 2, 0};
    share->row = SMS365_FAILS_MAX;
    share->row_ms = now->boot_ms;
    share->locked = true;
}

/* As many sends, failures, places and challenges as there is room for, each of the longest. */
static struct sms365_state full_state(const struct sms365_now *now)
{
    struct sms365_state state;

    memset(&state, 0, sizeof state);
    for (int id = 0; id < SMS365_SHARES; id++)
        fill_share(&state.shares[id], now);
    struct sms365_places *const lists[] = {&state.places, &state.graces, &state.looked, &state.swapped};
    for (size_t list = 0; list < sizeof lists / sizeof *lists; list++)
        for (uint8_t i = 0; i < SMS365_PLACES_MAX; i++)
            lists[list]->entries[lists[list]->count++] = (struct sms365_place){{i, (uint8_t)list}, now->boot_ms - i};
    state.backup = (struct sms365_backup){.count = SMS365_BACKUP_CODES, .used = 0x201, .salt = {1}};
    memset(state.backup.hashes, 0x5a, sizeof state.backup.hashes);

    for (int i = 0; i < SMS365_OPEN_MAX; i++) {
        struct sms365_slot *slot = &state.slots[state.slot_count++];
        *slot = slot_of((uint8_t)(i + 1), (uint8_t)(i + 1), now->boot_ms - i);
        slot->tries = (uint8_t)(i % 4);
        slot->delivery = (uint8_t)(i % 3);
        memset(slot->msisdn, '9', sizeof slot->msisdn - 1);
        memset(slot->auth_id, 'a', sizeof slot->auth_id - 1);
        memset(slot->key, 'k', sizeof slot->key - 1);
        slot->local = i % 2 == 0;
        slot->digits = slot->local ? 10 : 4;
        slot->channel = slot->local ? SMS365_CHANNEL_VIBER : SMS365_CHANNEL_SMS;
        memset(slot->code_mac, 0x77, sizeof slot->code_mac);
    }
    return state;
}

static size_t encode(uint8_t *out, size_t size, const struct sms365_state *state, const struct sms365_now *now)
{
    size_t length;

    assert_true(sms365_state_encode(state, now, out, size, &length));
    return length;
}

/* Encode at one time and decode at another. */
static struct sms365_state passed_on(
    const struct sms365_state *state, const struct sms365_now *then, const struct sms365_now *now)
{
    uint8_t record[SMS365_RECORD_MAX];
    struct sms365_state found;
    const size_t length = encode(record, sizeof record, state, then);

    assert_true(sms365_state_decode(&found, now, record, length));
    return found;
}

/* Everything that is done with a record that was read: what is in it must be good for it. */
static void use(struct sms365_state *state, const struct sms365_now *now)
{
    const struct sms365_slot fresh = slot_of(200, 200, now->boot_ms);
    uint8_t record[SMS365_RECORD_MAX];
    int64_t retry_after_ms;
    size_t length;

    assert_true(state->shares[0].send_count <= SMS365_SENDS_MAX && state->slot_count <= SMS365_OPEN_MAX);
    for (size_t i = 0; i < state->slot_count; i++) {
        const struct sms365_slot *slot = &state->slots[i];
        assert_true(slot->sent_ms <= now->boot_ms);
        assert_true(sms365_slot_life_ms(slot, &limits, now) <= limits.life_ms);
        assert_true(sms365_slot_resend_ms(slot, &limits, now) <= limits.resend_after_ms);
        assert_in_range(sms365_slot_tries_left(slot, &limits, now), 0, limits.tries);
        assert_non_null(memchr(slot->msisdn, '\0', sizeof slot->msisdn));
        assert_non_null(memchr(slot->auth_id, '\0', sizeof slot->auth_id));
    }
    sms365_state_prune(state, &limits, now);
    (void)sms365_state_reserve(state, &limits, &fresh, now, &retry_after_ms);
    sms365_state_refund(state, &limits, fresh.id, &(struct sms365_slot){.phase = 0}, false, now);
    assert_true(sms365_state_encode(state, now, record, sizeof record, &length));
}

/* --- Records --- */

static void a_full_record_comes_back_as_it_was_and_fits_the_store(void **unused)
{
    const struct sms365_now now = at(HOUR);
    const struct sms365_state state = full_state(&now);
    const struct sms365_state found = passed_on(&state, &now, &now);

    (void)unused;
    assert_int_equal(found.shares[0].send_count, state.shares[0].send_count);
    assert_memory_equal(found.shares[0].sends, state.shares[0].sends, sizeof state.shares[0].sends);
    assert_int_equal(found.slot_count, state.slot_count);
    for (size_t i = 0; i < state.slot_count; i++) {
        assert_memory_equal(found.slots[i].id, state.slots[i].id, SMS365_ID_BYTES);
        assert_memory_equal(found.slots[i].holder, state.slots[i].holder, SMS365_HOLDER_BYTES);
        assert_int_equal(found.slots[i].phase, state.slots[i].phase);
        assert_int_equal(found.slots[i].delivery, state.slots[i].delivery);
        assert_int_equal(found.slots[i].tries, state.slots[i].tries);
        assert_int_equal(found.slots[i].sent_ms, state.slots[i].sent_ms);
        assert_string_equal(found.slots[i].msisdn, state.slots[i].msisdn);
        assert_string_equal(found.slots[i].auth_id, state.slots[i].auth_id);
    }
}

static void no_record_is_an_empty_one(void **unused)
{
    const struct sms365_now now = at(HOUR);
    const struct sms365_state empty = {0};
    struct sms365_state state;

    (void)unused;
    memset(&state, 0xff, sizeof state);
    assert_true(sms365_state_decode(&state, &now, NULL, 0));
    assert_memory_equal(&state, &empty, sizeof state);
}

static void a_record_that_does_not_fit_is_not_written(void **unused)
{
    const struct sms365_now now = at(HOUR);
    const struct sms365_state state = full_state(&now);
    uint8_t record[SMS365_RECORD_MAX];
    const size_t length = encode(record, sizeof record, &state, &now);

    (void)unused;
    for (size_t size = 0; size < length; size++) {
        uint8_t *exact = malloc(size == 0 ? 1 : size);
        size_t used;
        assert_non_null(exact);
        assert_false(sms365_state_encode(&state, &now, exact, size, &used));
        free(exact);
    }
}

static void a_record_cut_or_lengthened_anywhere_is_refused(void **unused)
{
    const struct sms365_now now = at(HOUR);
    const struct sms365_state state = full_state(&now);
    uint8_t record[SMS365_RECORD_MAX] = {0};
    struct sms365_state found;
    const size_t length = encode(record, sizeof record, &state, &now);

    (void)unused;
    for (size_t cut = 1; cut < length; cut++) {
        uint8_t *exact = malloc(cut);
        assert_non_null(exact);
        memcpy(exact, record, cut);
        assert_false(sms365_state_decode(&found, &now, exact, cut));
        free(exact);
    }
    assert_false(sms365_state_decode(&found, &now, record, length + 1));
}

static void a_record_altered_anywhere_is_refused_or_harmless(void **unused)
{
    const struct sms365_now times[] = {at(HOUR), rebooted(5 * SECOND, WALL_S + 2 * 3600)};
    const struct sms365_state state = full_state(&times[0]);
    uint8_t record[SMS365_RECORD_MAX];
    struct sms365_state found;
    const size_t length = encode(record, sizeof record, &state, &times[0]);

    (void)unused;
    for (size_t i = 0; i < length; i++) {
        const uint8_t good = record[i];
        for (unsigned value = 0; value < 256; value++) {
            record[i] = (uint8_t)value;
            for (size_t t = 0; t < 2; t++)
                if (sms365_state_decode(&found, &times[t], record, length))
                    use(&found, &times[t]);
        }
        record[i] = good;
    }
}

static void moments_at_the_ends_of_time_do_not_overflow(void **unused)
{
    static const int64_t moments[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
    const struct sms365_now now = at(HOUR);
    const struct sms365_now next = rebooted(0, WALL_S);
    struct sms365_state state = full_state(&now), found;
    struct sms365_tally host, host_found;
    uint8_t record[SMS365_RECORD_MAX];

    (void)unused;
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        const struct sms365_now then = {.boot_ms = moments[i], .wall_s = moments[i], .boot_id = {1}};
        int64_t retry_after_ms;
        size_t length;
        state.shares[0].sends[0] = state.slots[0].sent_ms = moments[i];
        length = encode(record, sizeof record, &state, &then);
        if (sms365_state_decode(&found, &now, record, length))
            use(&found, &now);
        if (sms365_state_decode(&found, &next, record, length))
            use(&found, &next);
        host = (struct sms365_tally){.since_ms = moments[i], .count = 5};
        assert_true(sms365_tally_encode(&host, &then, record, sizeof record, &length));
        if (sms365_tally_decode(&host_found, &now, record, length))
            (void)sms365_tally_charge(&host_found, &limits.attempts, now.boot_ms, 1, &now, &retry_after_ms);
        if (sms365_tally_decode(&host_found, &next, record, length))
            (void)sms365_tally_charge(&host_found, &limits.attempts, next.boot_ms, 1, &next, &retry_after_ms);
    }
}

/* --- Time --- */

static void moments_of_this_boot_stay_what_they_are_whatever_the_wall_clock_says(void **unused)
{
    static const int64_t steps_s[] = {-31 * DAY_S, -DAY_S, -1, 0, 1, DAY_S, 31 * DAY_S};
    const struct sms365_now then = at(2 * HOUR);
    struct sms365_state state = {.shares = {{.send_count = 1, .sends = {HOUR}}}, .slot_count = 1};

    (void)unused;
    state.slots[0] = slot_of(1, 1, 2 * HOUR - MINUTE);
    for (size_t i = 0; i < sizeof steps_s / sizeof *steps_s; i++) {
        struct sms365_now now = at(2 * HOUR + SECOND);
        now.wall_s += steps_s[i];
        const struct sms365_state found = passed_on(&state, &then, &now);
        assert_int_equal(found.shares[0].sends[0], HOUR);
        assert_int_equal(found.slots[0].sent_ms, 2 * HOUR - MINUTE);
    }
}

static void nothing_happened_later_than_now(void **unused)
{
    const struct sms365_now then = at(2 * HOUR), now = at(HOUR);
    struct sms365_state state = {.shares = {{.send_count = 1, .sends = {2 * HOUR}}}, .slot_count = 1};

    (void)unused;
    state.slots[0] = slot_of(1, 1, 2 * HOUR);
    const struct sms365_state found = passed_on(&state, &then, &now);
    assert_int_equal(found.shares[0].sends[0], HOUR);
    assert_int_equal(found.slots[0].sent_ms, HOUR);
}

static void time_powered_off_counts_and_a_clock_set_back_starts_waits_again(void **unused)
{
    /* Written at two hours, about a send ten minutes before; read 7 s into the next boot. */
    static const struct {
        int64_t wall_step_s;
        int64_t age_ms; /* that the send has then */
    } cases[] = {
        {0, 10 * MINUTE},
        {7, 10 * MINUTE + 7 * SECOND},
        {20 * 60, 30 * MINUTE},
        {50 * 60 - 1, HOUR - SECOND},
        {-1, 10 * MINUTE},
        {-DAY_S, 10 * MINUTE},
        {-31 * DAY_S, 10 * MINUTE},
    };
    const struct sms365_now then = at(2 * HOUR);
    const struct sms365_state state = {.shares = {{.send_count = 1, .sends = {2 * HOUR - 10 * MINUTE}}}};

    (void)unused;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct sms365_now now = rebooted(7 * SECOND, then.wall_s + cases[i].wall_step_s);
        struct sms365_state found = passed_on(&state, &then, &now);
        assert_int_equal(now.boot_ms - found.shares[0].sends[0], cases[i].age_ms);
        sms365_state_prune(&found, &limits, &now);
        assert_int_equal(found.shares[0].send_count, 1);
    }
}

static void sends_are_forgotten_after_a_day_or_a_month_powered_off(void **unused)
{
    static const int64_t away_s[] = {50 * 60, DAY_S, 31 * DAY_S};
    const struct sms365_now then = at(2 * HOUR);
    const struct sms365_state state = {
        .shares = {{.send_count = 2, .sends = {2 * HOUR - 30 * MINUTE, 2 * HOUR - 10 * MINUTE}}}};

    (void)unused;
    for (size_t i = 0; i < sizeof away_s / sizeof *away_s; i++) {
        const struct sms365_now now = rebooted(7 * SECOND, then.wall_s + away_s[i]);
        struct sms365_state found = passed_on(&state, &then, &now);
        sms365_state_prune(&found, &limits, &now);
        assert_int_equal(found.shares[0].send_count, 0);
    }
}

static void no_code_outlives_its_boot(void **unused)
{
    static const int64_t steps_s[] = {-31 * DAY_S, -DAY_S, 0, 1, DAY_S, 31 * DAY_S};
    const struct sms365_now then = at(2 * HOUR);
    const struct sms365_state state = full_state(&then);

    (void)unused;
    for (size_t i = 0; i < sizeof steps_s / sizeof *steps_s; i++) {
        const struct sms365_now now = rebooted(0, then.wall_s + steps_s[i]);
        struct sms365_state found = passed_on(&state, &then, &now);
        assert_int_equal(found.slot_count, 0);
        assert_null(sms365_state_held(&found, state.slots[0].holder));
        assert_int_equal(found.shares[0].send_count, state.shares[0].send_count);
    }
}

static void a_tally_comes_back_or_is_refused(void **unused)
{
    const struct sms365_now now = at(HOUR), next = rebooted(3 * SECOND, WALL_S + 3600 + 600);
    const struct sms365_tally host = {.since_ms = HOUR - MINUTE, .count = 4};
    uint8_t record[SMS365_RECORD_TALLY_MAX] = {0};
    struct sms365_tally found;
    int64_t retry_after_ms;
    size_t length;

    (void)unused;
    assert_true(sms365_tally_encode(&host, &now, record, sizeof record, &length));
    assert_true(sms365_tally_decode(&found, &now, record, length));
    assert_int_equal(found.since_ms, host.since_ms);
    assert_int_equal(found.count, 4);
    assert_true(sms365_tally_decode(&found, &next, record, length));
    assert_int_equal(next.boot_ms - found.since_ms, 11 * MINUTE);
    for (size_t cut = 1; cut <= sizeof record; cut++)
        assert_int_equal(sms365_tally_decode(&found, &now, record, cut), cut == length);
    for (size_t i = 0; i < length; i++) {
        const uint8_t good = record[i];
        for (unsigned value = 0; value < 256; value++) {
            record[i] = (uint8_t)value;
            if (sms365_tally_decode(&found, &now, record, length)) {
                assert_true(found.count >= 0 && found.since_ms <= now.boot_ms);
                (void)sms365_tally_charge(&found, &limits.attempts, now.boot_ms, 1, &now, &retry_after_ms);
            }
        }
        record[i] = good;
    }
    assert_true(sms365_tally_decode(&found, &now, NULL, 0));
    assert_int_equal(found.count, 0);
}

static void records_of_users_and_tallies_are_not_mixed_up(void **unused)
{
    const struct sms365_now now = at(HOUR);
    const struct sms365_state state = {0};
    const struct sms365_tally host = {.count = 1};
    struct sms365_state found;
    struct sms365_tally host_found;
    uint8_t record[SMS365_RECORD_MAX];
    size_t length = encode(record, sizeof record, &state, &now);

    (void)unused;
    assert_false(sms365_tally_decode(&host_found, &now, record, length));
    assert_true(sms365_tally_encode(&host, &now, record, sizeof record, &length));
    assert_false(sms365_state_decode(&found, &now, record, length));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_record_comes_back_as_it_was_and_fits_the_store),
        cmocka_unit_test(no_record_is_an_empty_one),
        cmocka_unit_test(a_record_that_does_not_fit_is_not_written),
        cmocka_unit_test(a_record_cut_or_lengthened_anywhere_is_refused),
        cmocka_unit_test(a_record_altered_anywhere_is_refused_or_harmless),
        cmocka_unit_test(moments_at_the_ends_of_time_do_not_overflow),
        cmocka_unit_test(moments_of_this_boot_stay_what_they_are_whatever_the_wall_clock_says),
        cmocka_unit_test(nothing_happened_later_than_now),
        cmocka_unit_test(time_powered_off_counts_and_a_clock_set_back_starts_waits_again),
        cmocka_unit_test(sends_are_forgotten_after_a_day_or_a_month_powered_off),
        cmocka_unit_test(no_code_outlives_its_boot),
        cmocka_unit_test(a_tally_comes_back_or_is_refused),
        cmocka_unit_test(records_of_users_and_tallies_are_not_mixed_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
