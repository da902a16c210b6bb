/* The query string of a callback. */
#include "pure/report.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t id[SMS365_ID_BYTES] = {1};
    const struct sms365_mac_key key = {{2}};
    struct sms365_report report;
    enum sms365_delivery delivery;
    int64_t cost;

    /* Nobody makes the token by chance: whoever has it comes through the corpus. */
    (void)sms365_report_parse(&delivery, &cost, (const char *)data, size, &key, id);
    if (sms365_report_take(&report, (const char *)data, size, &key) &&
        (report.length > SMS365_REPORT_MAX || strlen(report.text) != report.length))
        abort();
    return 0;
}
