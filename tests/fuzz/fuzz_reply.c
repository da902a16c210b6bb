/* The decoder of replies. The first byte chooses the endpoint. */
#include "pure/api.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool good)
{
    if (!good)
        abort();
}

/* Every list of a success is there, and its rows hold texts. */
static void walk(const struct sms365_reply *reply, const struct sms365_endpoint *endpoint)
{
    size_t count;
    const struct sms365_api_field *fields = sms365_api_fields(&count);

    for (size_t i = 0; i < count; i++) {
        struct sms365_row row = {NULL};
        char path[64] = "";
        if (fields[i].endpoint != endpoint->id)
            continue;
        if (fields[i].object != NULL)
            demand(sms365_str_copy(path, sizeof path, fields[i].object));
        if (fields[i].item == NULL) {
            const size_t used = strlen(path);
            demand(used + strlen(fields[i].name) + 2 < sizeof path);
            if (used > 0)
                path[used] = '.';
            demand(sms365_str_copy(path + used + (used > 0 ? 1 : 0), sizeof path - used - 1, fields[i].name));
            const char *text = sms365_reply_get(reply, path);
            demand(text == NULL || fields[i].type != SMS365_TYPE_NUMBER || sms365_str_is_decimal(text));
        } else if (fields[i].object == NULL) {
            while (sms365_reply_next(reply, fields[i].name, &row))
                demand(fields[i].type != SMS365_TYPE_VALUES || sms365_row_get(&row, NULL) != NULL);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sms365_reply *reply;
    struct sms365_error err = {0};

    if (size == 0)
        return 0;
    const struct sms365_endpoint *endpoint = sms365_endpoint_get((enum sms365_endpoint_id)(data[0] % SMS365_EP_COUNT));
    const enum sms365_err code = sms365_api_decode(&reply, endpoint, (const char *)data + 1, size - 1, &err);
    demand((reply != NULL) == (code == SMS365_OK || code == SMS365_REFUSED));
    demand((err.text[0] == '\0') == (code == SMS365_OK));
    if (code == SMS365_OK) {
        char *text = sms365_reply_json(reply, true);
        const char *status = sms365_reply_get(reply, "status");
        const bool already = sms365_api_is_already(endpoint->id, sms365_reply_error(reply));
        demand(already || (strcmp(status, "1") == 0 && sms365_reply_error(reply) == 0));
        demand(text != NULL);
        free(text);
        walk(reply, endpoint);
    }
    sms365_reply_free(reply);
    return 0;
}
