/*
 * LD_PRELOAD: how many bytes of heap a program holds at most (what malloc's blocks can hold, threads included). Written
 * to the file that BENCH_HEAP names when the program ends, as "PEAK_BYTES BLOCKS".
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *data, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *data);
void *aligned_alloc(size_t alignment, size_t size);

static atomic_size_t held, peak, blocks;

static void *count_in(void *data)
{
    if (data == NULL)
        return NULL;
    const size_t size = malloc_usable_size(data);
    const size_t now = atomic_fetch_add(&held, size) + size;
    size_t before = atomic_load(&peak);
    while (now > before && !atomic_compare_exchange_weak(&peak, &before, now))
        continue;
    atomic_fetch_add(&blocks, 1);
    return data;
}

static void count_out(void *data)
{
    if (data != NULL)
        atomic_fetch_sub(&held, malloc_usable_size(data));
}

void *malloc(size_t size)
{
    return count_in(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return count_in(__libc_calloc(count, size));
}

void *realloc(void *data, size_t size)
{
    count_out(data);
    return count_in(__libc_realloc(data, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return count_in(__libc_memalign(alignment, size));
}

int posix_memalign(void **data, size_t alignment, size_t size)
{
    *data = aligned_alloc(alignment, size);
    return *data == NULL ? 12 /* ENOMEM */ : 0;
}

void free(void *data)
{
    count_out(data);
    __libc_free(data);
}

__attribute__((destructor)) static void report(void)
{
    const char *path = getenv("BENCH_HEAP");
    const int fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd >= 0)
        (void)dprintf(fd, "%zu %zu\n", atomic_load(&peak), atomic_load(&blocks));
}
