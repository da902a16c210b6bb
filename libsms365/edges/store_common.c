#include "edges/store_common.h"

#include "base/err.h"

#include <string.h>
#include <time.h>

static const struct {
    size_t name_max, value_max;
} bounds[SMS365_CLASS_COUNT] = {
    [SMS365_CLASS_USER] = {SMS365_RECORD_NAME_MAX, SMS365_RECORD_MAX},
    [SMS365_CLASS_HOST] = {SMS365_RECORD_TALLY_NAME_MAX, SMS365_RECORD_TALLY_MAX},
    [SMS365_CLASS_SPEND] = {SMS365_RECORD_TALLY_NAME_MAX, SMS365_RECORD_TALLY_MAX},
    [SMS365_CLASS_SHARD] = {SMS365_RECORD_TALLY_NAME_MAX, SMS365_RECORD_TALLY_MAX},
    [SMS365_CLASS_FLAG] = {SMS365_RECORD_TALLY_NAME_MAX, SMS365_RECORD_TALLY_MAX},
};

enum sms365_err sms365_store_check_name(enum sms365_class class, const char *name, struct sms365_error *err)
{
    if ((unsigned)class >= SMS365_CLASS_COUNT)
        return sms365_error_set(err, SMS365_BAD_ARGUMENT, "state store: there is no class %u", (unsigned)class);
    const size_t length = name == NULL ? 0 : strnlen(name, bounds[class].name_max + 1);
    if (length == 0 || length > bounds[class].name_max)
        return sms365_error_set(
            err, SMS365_BAD_ARGUMENT, "state store: the name of a record has 1 to %zu bytes", bounds[class].name_max);
    return SMS365_OK;
}

enum sms365_err sms365_store_check_value(
    enum sms365_class class, const char *name, size_t length, int64_t ttl_s, struct sms365_error *err)
{
    const enum sms365_err result = sms365_store_check_name(class, name, err);

    if (result != SMS365_OK)
        return result;
    if (length > bounds[class].value_max)
        return sms365_error_set(err, SMS365_BAD_ARGUMENT, "state store: a value of %zu bytes is too long (at most %zu)",
            length, bounds[class].value_max);
    if (ttl_s < 0)
        return sms365_error_set(
            err, SMS365_BAD_ARGUMENT, "state store: a record cannot live for %lld s", (long long)ttl_s);
    return SMS365_OK;
}

int64_t sms365_store_wall_s(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec;
}

int64_t sms365_store_expiry_s(int64_t ttl_s)
{
    int64_t expiry_s;

    if (ttl_s == 0)
        return 0;
    return __builtin_add_overflow(sms365_store_wall_s(), ttl_s, &expiry_s) ? 0 : expiry_s;
}
