/* A key file: header and sealed key. */
#include "edges/key_file.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sms365_secret master = {0};
    struct sms365_key key = {0};
    struct sms365_error err = {0};
    char bytes[32] = {"no master key of ours"};

    if (!sms365_secret_set(&master, bytes, sizeof bytes))
        return 0;
    /* Nothing that this master key did not seal is a key. */
    if (sms365_key_read(&key, (const char *)data, size, "main", &master, true, &err) == SMS365_OK ||
        err.text[0] == '\0')
        abort();
    sms365_secret_free(&master);
    return 0;
}
