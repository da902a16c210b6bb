#include "base/err.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

static const struct {
    enum sms365_err code;
    const char *text;
} texts[] = {
#define SMS365_ERR(name, text) {SMS365_##name, text},
    SMS365_ERRORS
#undef SMS365_ERR
};

const char *sms365_strerror(enum sms365_err code)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].code == code)
            return texts[i].text;
    return "unknown error";
}

enum sms365_err sms365_error_set(struct sms365_error *err, enum sms365_err code, const char *format, ...)
{
    if (err == NULL)
        return code;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    sms365_str_clean(err->text);
    err->code = code;
    err->provider_error = 0;
    return code;
}

void sms365_error_prefix(struct sms365_error *err, const char *format, ...)
{
    char prefix[sizeof err->text];
    char joined[2 * sizeof err->text + 2];
    va_list args;

    if (err == NULL)
        return;
    va_start(args, format);
    (void)vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    (void)snprintf(joined, sizeof joined, "%s: %s", prefix, err->text);
    memcpy(err->text, joined, sizeof err->text - 1);
    err->text[sizeof err->text - 1] = '\0';
    sms365_str_clean(err->text);
}
