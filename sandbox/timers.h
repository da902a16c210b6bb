/* Moments at which something is due: a binary heap, earliest first; equal moments in the order they were set. */
#ifndef SANDBOX_TIMERS_H
#define SANDBOX_TIMERS_H

#include "base.h"

#define TIMERS_MAX 65536

enum timer_kind {
    TIMER_ARRIVE, /* a scheduled message reaches the phone */
    TIMER_REPORT, /* the delivery report of a message */
    TIMER_BEAT,   /* time to show the listeners that we live */
};

struct timer {
    int64_t due_ms; /* monotonic */
    uint64_t order;
    enum timer_kind kind;
    uint64_t subject; /* a message's number */
};

struct timers {
    struct timer *heap;
    size_t count, room;
    uint64_t order;
};

bool timers_add(struct timers *t, int64_t due_ms, enum timer_kind kind, uint64_t subject); /* false: full */
/* Takes the earliest if it is due. */
bool timers_take(struct timers *t, int64_t now_ms, struct timer *out);
/* When the earliest is due, latest_ms if that is before. */
int64_t timers_next(const struct timers *t, int64_t latest_ms);
void timers_free(struct timers *t);

#endif
