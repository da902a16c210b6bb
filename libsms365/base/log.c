#include "base/log.h"

#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>

void sms365_log_line(const struct sms365_log *log, int priority, const char *format, ...)
{
    char line[1001];
    va_list args;

    if (log == NULL || log->write == NULL)
        return;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    sms365_str_clean(line);
    log->write(log->context, priority, line);
}
