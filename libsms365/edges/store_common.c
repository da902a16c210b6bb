#include "edges/store_common.h"

#include "base/err.h"
#include "edges/process.h"

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

/* What a sum is made of. */
struct sum {
    struct sms365_tally total;
    struct sms365_now now;
    int64_t window_ms;
    bool bad;
};

static bool add_tally(void *context, const char *name, const struct sms365_record *record)
{
    struct sum *sum = context;
    struct sms365_tally tally;

    (void)name;
    sum->bad = !sms365_tally_decode(&tally, &sum->now, record->value, record->length);
    if (sum->bad)
        return false;
    sms365_tally_prune(&tally, sum->window_ms, &sum->now);
    sum->total.count += tally.count;
    sum->total.cost += tally.cost;
    return true;
}

enum sms365_err sms365_store_sum(struct sms365_store *store, enum sms365_class class, int64_t window_ms,
    struct sms365_tally *total, struct sms365_error *err)
{
    struct sum sum = {.window_ms = window_ms};
    enum sms365_err code = sms365_now_read(&sum.now, err);

    if (code == SMS365_OK)
        code = sms365_store_scan(store, class, add_tally, &sum, err);
    if (code == SMS365_OK && sum.bad)
        code = sms365_error_set(err, SMS365_CORRUPT, "a record of messages sent is none of ours");
    if (code == SMS365_OK)
        *total = sum.total;
    return code;
}
