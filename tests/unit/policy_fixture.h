/* Times, limits and challenges for tests of policy. */
#ifndef POLICY_FIXTURE_H
#define POLICY_FIXTURE_H

#include "pure/policy.h"

#include <stdio.h>
#include <string.h>

#define SECOND 1000LL
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY_S (24LL * 3600)
#define WALL_S (1700LL * 1000 * 1000)

static const struct sms365_limits limits = {
    .tries = 3,
    .life_ms = 5 * MINUTE,
    .resend_after_ms = 30 * SECOND,
    .sends_per_hour = 10,
    .day = {24 * HOUR, 1000, 0, false},
    .address_day = {24 * HOUR, 1000, 0, false},
    .store_day = {24 * HOUR, 1000, 0, false},
    .attempts = {HOUR, 5, 0, false},
};

static inline struct sms365_now at(int64_t boot_ms)
{
    return (struct sms365_now){.boot_ms = boot_ms, .wall_s = WALL_S + boot_ms / 1000, .boot_id = {1}};
}

/* The next boot, boot_ms into it; the wall clock then. */
static inline struct sms365_now rebooted(int64_t boot_ms, int64_t wall_s)
{
    return (struct sms365_now){.boot_ms = boot_ms, .wall_s = wall_s, .boot_id = {2}};
}

static inline struct sms365_slot slot_of(uint8_t id, uint8_t holder, int64_t sent_ms)
{
    struct sms365_slot slot;

    memset(&slot, 0, sizeof slot);
    slot.id[0] = id;
    slot.holder[0] = holder;
    slot.phase = SMS365_PHASE_OPEN;
    slot.sent_ms = sent_ms;
    slot.digits = 4;
    slot.cost = SMS365_COST_UNIT;
    (void)snprintf(slot.msisdn, sizeof slot.msisdn, "306971234567");
    (void)snprintf(slot.auth_id, sizeof slot.auth_id, "auth%d", id);
    return slot;
}

#endif
