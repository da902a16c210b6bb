#include "edges/curl_init.h"

#include "base/mem.h"

#include <curl/curl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void wipe_free(void *data)
{
    if (data != NULL)
        sms365_wipe(data, malloc_usable_size(data));
    free(data);
}

static void *wipe_realloc(void *data, size_t size)
{
    void *moved = malloc(size);

    if (moved == NULL || data == NULL)
        return moved;
    const size_t held = malloc_usable_size(data);
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
        ready = curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wipe_free, wipe_realloc, strdup, calloc) == CURLE_OK;
    const bool result = ready;
    (void)pthread_mutex_unlock(&lock);
    return result;
}
