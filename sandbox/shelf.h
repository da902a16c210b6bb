/*
 * Things of one kind, in the order in which they came. Each begins with its id, a uint64_t; ids are given out in rising
 * order and never again. A pointer is good until the next thing of its kind comes or goes.
 */
#ifndef SANDBOX_SHELF_H
#define SANDBOX_SHELF_H

#include "base.h"

struct shelf {
    void *data;
    size_t count, room, size, max; /* size: bytes of one thing; the maker sets it, and max */
    uint64_t last_id;
};

/* Zeroed but for its id; NULL: there are max already. */
void *shelf_add(struct shelf *s);
void shelf_take_out(struct shelf *s, void *thing);
/* Forgets all things, not what they point to. */
void shelf_clear(struct shelf *s);

/* The thing at that place, or the one with that id; NULL: none. */
void *shelf_at(const struct shelf *s, size_t place);
void *shelf_find(const struct shelf *s, uint64_t id);
void *shelf_find_text(const struct shelf *s, const char *id);

#endif
