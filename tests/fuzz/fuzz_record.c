/* A user's record as the state store hands it over, with its backup codes; and what is typed as one of these. */
#include "pure/policy.h"
#include "base/record.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool good)
{
    if (!good)
        abort();
}

static void state_check(const struct sms365_state *state)
{
    const int left = sms365_backup_left(&state->backup);

    demand(state->backup.count <= SMS365_BACKUP_CODES && left >= 0 && left <= state->backup.count);
    demand(state->slot_count <= SMS365_OPEN_MAX && state->places.count <= SMS365_PLACES_MAX);
    for (size_t i = 0; i < SMS365_SHARES; i++)
        demand(state->shares[i].send_count <= SMS365_SENDS_MAX && state->shares[i].fail_count <= SMS365_FAILS_MAX);
    for (size_t i = 0; i < state->slot_count; i++) {
        const struct sms365_slot *slot = &state->slots[i];
        demand(slot->msisdn[strnlen(slot->msisdn, sizeof slot->msisdn - 1)] == '\0');
        demand(slot->auth_id[strnlen(slot->auth_id, sizeof slot->auth_id - 1)] == '\0');
        demand(slot->key[strnlen(slot->key, sizeof slot->key - 1)] == '\0');
        demand(slot->share < SMS365_SHARES && slot->delivery < SMS365_DELIVERIES);
    }
}

/* What is taken for a backup code has eight digits, and nothing but blanks and hyphens between them. */
static void answer_check(const uint8_t *data, size_t size)
{
    char code[SMS365_BACKUP_DIGITS + 1];
    char *answer = strndup((const char *)data, size);

    demand(answer != NULL);
    if (sms365_backup_parse(code, answer))
        demand(strspn(code, "0123456789") == SMS365_BACKUP_DIGITS && code[SMS365_BACKUP_DIGITS] == '\0' &&
               strspn(answer, "0123456789 \t\r\n-") == strlen(answer));
    free(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct sms365_now now = {.boot_ms = 100000000, .wall_s = 1800000000, .boot_id = {1}};
    static struct sms365_state state, back;
    static uint8_t first[SMS365_RECORD_MAX], second[SMS365_RECORD_MAX];
    size_t length = 0, again = 0;

    answer_check(data, size);
    memset(&state, 0, sizeof state);
    if (!sms365_state_decode(&state, &now, data, size))
        return 0;
    state_check(&state);
    demand(sms365_state_encode(&state, &now, first, sizeof first, &length));
    memset(&back, 0, sizeof back);
    demand(sms365_state_decode(&back, &now, first, length));
    demand(sms365_state_encode(&back, &now, second, sizeof second, &again));
    demand(length == again && memcmp(first, second, length) == 0);
    return 0;
}
