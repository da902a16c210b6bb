#include "timers.h"

#include <stdlib.h>

static bool before(const struct timer *a, const struct timer *b)
{
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void swap(struct timer *a, struct timer *b)
{
    struct timer t = *a;
    *a = *b;
    *b = t;
}

bool timers_add(struct timers *t, int64_t due_ms, enum timer_kind kind, uint64_t subject)
{
    if (t->count == TIMERS_MAX)
        return false;
    if (t->count == t->room) {
        t->room = t->room ? t->room * 2 : 64;
        t->heap = mem_grow(t->heap, t->room * sizeof(*t->heap));
    }
    size_t i = t->count++;
    t->heap[i] = (struct timer){.due_ms = due_ms, .order = t->order++, .kind = kind, .subject = subject};
    for (; i > 0 && before(&t->heap[i], &t->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&t->heap[i], &t->heap[(i - 1) / 2]);
    return true;
}

bool timers_take(struct timers *t, int64_t now_ms, struct timer *out)
{
    if (t->count == 0 || t->heap[0].due_ms > now_ms)
        return false;
    *out = t->heap[0];
    t->heap[0] = t->heap[--t->count];
    for (size_t i = 0;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < t->count; child++)
            if (before(&t->heap[child], &t->heap[least]))
                least = child;
        if (least == i)
            return true;
        swap(&t->heap[i], &t->heap[least]);
        i = least;
    }
}

int64_t timers_next(const struct timers *t, int64_t latest_ms)
{
    return t->count > 0 && t->heap[0].due_ms < latest_ms ? t->heap[0].due_ms : latest_ms;
}

void timers_free(struct timers *t)
{
    free(t->heap);
    *t = (struct timers){.count = 0};
}
