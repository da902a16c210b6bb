/* The configuration's reader. */
#include "pure/conf.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sms365_conf conf;
    struct sms365_problems problems;
    size_t count;
    char value[1024];

    sms365_problems_init(&problems);
    const enum sms365_err code =
        sms365_conf_parse(&conf, "fuzz", (const char *)data, size, "sshd", NULL, SMS365_FRONT_PAM, &problems);
    if ((code == SMS365_OK) != (problems.errors == 0))
        abort();
    (void)sms365_conf_table(&count);
    for (size_t i = 0; code == SMS365_OK && i < count; i++)
        sms365_conf_value(value, &conf, i);
    sms365_problems_free(&problems);
    return 0;
}
