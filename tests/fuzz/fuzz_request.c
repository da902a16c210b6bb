/* The encoder of requests. The first byte chooses the endpoint; then name=value, ended by newlines. */
#include "pure/api.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PARAMS_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sms365_param params[PARAMS_MAX];
    struct sms365_buf body;
    struct sms365_error err = {0};
    size_t count = 0;

    if (size == 0)
        return 0;
    char *text = malloc(size);
    if (text == NULL)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    for (char *line = text; line != NULL && count < PARAMS_MAX;) {
        char *end = strchr(line, '\n');
        if (end != NULL)
            *end++ = '\0';
        char *value = strchr(line, '=');
        if (value != NULL)
            *value++ = '\0';
        params[count++] = (struct sms365_param){line, value};
        line = end;
    }
    sms365_buf_init(&body, 65536);
    body.secret = true;
    const struct sms365_endpoint *endpoint = sms365_endpoint_get((enum sms365_endpoint_id)(data[0] % SMS365_EP_COUNT));
    const enum sms365_err code = sms365_api_encode(&body, endpoint, params, count, "KEY", &err);
    if ((code == SMS365_OK) != (body.length > 0))
        abort();
    /* Whatever the values are, they are form-encoded. */
    if (code == SMS365_OK && body.data[strspn(body.data, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                         "0123456789-._~%&=")] != '\0')
        abort();
    sms365_buf_free(&body);
    free(text);
    return 0;
}
