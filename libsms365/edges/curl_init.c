#include "edges/curl_init.h"

#include "base/mem.h"

#include <curl/curl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROOM_BYTES 20480
#define ROOM_LEAST 16384 /* smaller blocks are malloc's: libcurl has no smaller buffer for what it sends */

/* Rooms that were never used begin at fresh; each of those that are free again begins with the address of the next. */
static struct {
    pthread_mutex_t lock;
    char *begin, *fresh, *end;
    void *free;
} rooms = {.lock = PTHREAD_MUTEX_INITIALIZER};

void sms365_curl_rooms(size_t count)
{
    const bool whole_pages = ROOM_BYTES % sysconf(_SC_PAGESIZE) == 0;

    (void)pthread_mutex_lock(&rooms.lock);
    if (rooms.begin == NULL && whole_pages) {
        void *begin =
            mmap(NULL, count * ROOM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (begin != MAP_FAILED) {
            (void)madvise(begin, count * ROOM_BYTES, MADV_NOHUGEPAGE);
            (void)madvise(begin, count * ROOM_BYTES, MADV_DONTDUMP);
            rooms.begin = rooms.fresh = begin;
            rooms.end = rooms.begin + count * ROOM_BYTES;
        }
    }
    (void)pthread_mutex_unlock(&rooms.lock);
}

/* NULL: there is none left. */
static void *room_take(void)
{
    (void)pthread_mutex_lock(&rooms.lock);
    void *room = rooms.free;
    if (room != NULL) {
        memcpy(&rooms.free, room, sizeof rooms.free);
    } else if (rooms.fresh != rooms.end) {
        room = rooms.fresh;
        rooms.fresh += ROOM_BYTES;
    }
    (void)pthread_mutex_unlock(&rooms.lock);
    return room;
}

static bool is_room(const void *data)
{
    return (uintptr_t)data >= (uintptr_t)rooms.begin && (uintptr_t)data < (uintptr_t)rooms.end;
}

/* Its pages go back to the system, swapped out or not; when one is touched again, it is empty. */
static void room_free(char *room)
{
    if (madvise(room, ROOM_BYTES, MADV_DONTNEED) != 0)
        sms365_wipe(room, ROOM_BYTES);
    (void)pthread_mutex_lock(&rooms.lock);
    memcpy(room, &rooms.free, sizeof rooms.free);
    rooms.free = room;
    (void)pthread_mutex_unlock(&rooms.lock);
}

/* Whole pages, which are left out of core dumps: libcurl sends from them, keys and codes too. free() takes them. */
static void *pages_take(size_t size)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t whole = (size + page - 1) / page * page;
    void *data = NULL;

    if (posix_memalign(&data, page, whole) != 0)
        return NULL;
    (void)madvise(data, whole, MADV_DONTDUMP);
    return data;
}

/* What takes its place may be dumped again. A block that was no such one loses nothing. */
static void pages_give(void *data, size_t usable)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);

    if ((uintptr_t)data % page == 0)
        (void)madvise(data, usable / page * page, MADV_DODUMP);
}

static void *block_take(size_t size)
{
    if (size < ROOM_LEAST || size > ROOM_BYTES)
        return malloc(size);
    void *room = room_take();
    return room != NULL ? room : pages_take(size);
}

static void wipe_free(void *data)
{
    if (data == NULL)
        return;
    if (is_room(data)) {
        room_free(data);
        return;
    }
    const size_t usable = malloc_usable_size(data);
    sms365_wipe(data, usable);
    if (usable >= ROOM_LEAST)
        pages_give(data, usable);
    free(data);
}

static void *wipe_realloc(void *data, size_t size)
{
    void *moved = block_take(size);

    if (moved == NULL || data == NULL)
        return moved;
    const size_t held = is_room(data) ? ROOM_BYTES : malloc_usable_size(data);
    memcpy(moved, data, held < size ? held : size);
    wipe_free(data);
    return moved;
}

bool sms365_curl_init(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static bool ready;

    (void)pthread_mutex_lock(&lock);
    if (!ready)
        ready =
            curl_global_init_mem(CURL_GLOBAL_DEFAULT, block_take, wipe_free, wipe_realloc, strdup, calloc) == CURLE_OK;
    const bool result = ready;
    (void)pthread_mutex_unlock(&lock);
    return result;
}
