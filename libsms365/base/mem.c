#include "base/mem.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Whole pages, with room for a NUL behind the data. */
static size_t mapped_for(size_t length)
{
    const size_t page = 4096;

    return (length / page + 1) * page;
}

bool sms365_secret_alloc(struct sms365_secret *secret, size_t length)
{
    const size_t mapped = mapped_for(length);
    void *data = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (data == MAP_FAILED)
        return false;
    /* Both are best effort: RLIMIT_MEMLOCK may be small. */
    (void)madvise(data, mapped, MADV_DONTDUMP);
    (void)mlock(data, mapped);
    sms365_secret_free(secret);
    *secret = (struct sms365_secret){data, length, mapped};
    return true;
}

void *sms365_secret_new(size_t size_bytes)
{
    struct sms365_secret secret = {0};

    return sms365_secret_alloc(&secret, size_bytes) ? secret.data : NULL;
}

void sms365_secret_delete(void *data, size_t size_bytes)
{
    sms365_secret_free(&(struct sms365_secret){data, size_bytes, mapped_for(size_bytes)});
}

bool sms365_secret_set(struct sms365_secret *secret, const void *data, size_t length)
{
    struct sms365_secret fresh = {0};

    if (!sms365_secret_alloc(&fresh, length))
        return false;
    if (length > 0)
        memcpy(fresh.data, data, length);
    sms365_secret_free(secret);
    *secret = fresh;
    return true;
}

void sms365_secret_free(struct sms365_secret *secret)
{
    if (secret->data != NULL) {
        sms365_wipe(secret->data, secret->mapped_bytes);
        (void)munmap(secret->data, secret->mapped_bytes);
    }
    *secret = (struct sms365_secret){0};
}

void sms365_wipe(void *data, size_t length)
{
    if (data != NULL)
        explicit_bzero(data, length);
}

bool sms365_equal(const void *a, const void *b, size_t length)
{
    const volatile uint8_t *x = a;
    const volatile uint8_t *y = b;
    uint8_t difference = 0;

    for (size_t i = 0; i < length; i++)
        difference |= (uint8_t)(x[i] ^ y[i]);
    return difference == 0;
}
