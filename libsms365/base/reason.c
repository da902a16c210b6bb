#include "sms365.h"

static const struct {
    enum sms365_reason reason;
    const char *name;
    const char *text;
} reasons[] = {
#define SMS365_REASON(id, name, text) {SMS365_REASON_##id, name, text},
    SMS365_REASONS
#undef SMS365_REASON
};

const char *sms365_reason_name(enum sms365_reason reason)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].reason == reason)
            return reasons[i].name;
    return "none";
}

const char *sms365_reason_text(enum sms365_reason reason)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].reason == reason)
            return reasons[i].text;
    return "nothing was decided";
}

const char *sms365_version(void)
{
    return PACKAGE_VERSION;
}
