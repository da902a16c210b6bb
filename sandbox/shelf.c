#include "shelf.h"

#include <stdlib.h>
#include <string.h>

static uint64_t id_at(const struct shelf *s, size_t place)
{
    uint64_t id;
    memcpy(&id, shelf_at(s, place), sizeof(id));
    return id;
}

void *shelf_at(const struct shelf *s, size_t place)
{
    return place < s->count ? (char *)s->data + place * s->size : NULL;
}

void *shelf_find(const struct shelf *s, uint64_t id)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint64_t found = id_at(s, middle);
        if (found == id)
            return shelf_at(s, middle);
        if (found < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void *shelf_find_text(const struct shelf *s, const char *id)
{
    int64_t number;
    return number_between(id, 1, INT64_MAX, &number) ? shelf_find(s, (uint64_t)number) : NULL;
}

void *shelf_add(struct shelf *s)
{
    if (s->count == s->max)
        return NULL;
    if (s->count == s->room) {
        s->room = s->room ? s->room * 2 : 16;
        s->data = mem_grow(s->data, s->room * s->size);
    }
    void *thing = (char *)s->data + s->count++ * s->size;
    memset(thing, 0, s->size);
    s->last_id++;
    memcpy(thing, &s->last_id, sizeof(s->last_id));
    return thing;
}

void shelf_take_out(struct shelf *s, void *thing)
{
    char *next = (char *)thing + s->size;
    memmove(thing, next, (size_t)((char *)s->data + s->count * s->size - next));
    s->count--;
}

void shelf_clear(struct shelf *s)
{
    free(s->data);
    s->data = NULL;
    s->count = s->room = 0;
}
