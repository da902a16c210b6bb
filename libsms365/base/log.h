/* Where log lines go. The sink is handed in: pure code and edges know neither syslog nor standard error. */
#ifndef SMS365_LOG_H
#define SMS365_LOG_H

/* Priorities are syslog's (RFC 5424): LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO. text is one line, cleaned, no
 * secrets. */
struct sms365_log {
    void (*write)(void *context, int priority, const char *text);
    void *context;
};

/* Format, clean and write one line; longer than 1,000 bytes is cut. log may be NULL, or its write. */
void sms365_log_line(const struct sms365_log *log, int priority, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
