#include "pure/route.h"

#include "base/str.h"

#include <string.h>

static const char *const names[SMS365_CHANNELS] = {
    [SMS365_CHANNEL_SMS] = "sms",
    [SMS365_CHANNEL_VIBER] = "viber",
};

const char *sms365_channel_name(enum sms365_channel channel)
{
    return names[channel];
}

/* One word: a channel's name, and :1 to :8. */
static bool parse_word(struct sms365_route *route, const char *word, size_t length)
{
    for (uint8_t i = 0; i < SMS365_CHANNELS; i++) {
        const size_t name = strlen(names[i]);
        if (length < name || strncmp(word, names[i], name) != 0)
            continue;
        *route = (struct sms365_route){.channel = i};
        if (length == name)
            return true;
        if (length != name + 2 || word[name] != ':' || word[name + 1] < '1' || word[name + 1] > '0' + SMS365_ROUTES_MAX)
            return false;
        route->number = (uint8_t)(word[name + 1] - '1');
        return true;
    }
    return false;
}

const char *sms365_routes_parse(struct sms365_routes *routes, const char *channels, size_t number_count)
{
    size_t length;
    size_t words = 0;

    memset(routes, 0, sizeof *routes);
    for (const char *word; (word = sms365_str_word(&channels, &length)) != NULL;) {
        struct sms365_route route;
        if (!parse_word(&route, word, length))
            return "must be words like sms, viber, sms:2 (the user's second number)";
        if (++words > SMS365_ROUTES_MAX)
            return "names more than 8 ways";
        if (route.number < number_count)
            routes->entries[routes->count++] = route;
    }
    for (uint8_t i = 0; words == 0 && i < number_count && i < SMS365_ROUTES_MAX; i++)
        routes->entries[routes->count++] = (struct sms365_route){.channel = SMS365_CHANNEL_SMS, .number = i};
    return NULL;
}

bool sms365_routes_use(const struct sms365_routes *routes, enum sms365_channel channel)
{
    for (size_t i = 0; i < routes->count; i++)
        if (routes->entries[i].channel == channel)
            return true;
    return false;
}
