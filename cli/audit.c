/* What an administrator's command changed goes to the log, whatever level it has: sms365-audit(5). */
#include "cli.h"

#include <syslog.h>

#define LINE_MAX_BYTES 1024

void cli_audit_begin(const struct cli *cli, struct sms365_audit *line, const char *event, const char *user)
{
    sms365_audit_begin(line, event, cli->conf.log_format == SMS365_LOG_JSON, LINE_MAX_BYTES);
    sms365_audit_text(line, "user", user);
}

void cli_audit_end(struct sms365_audit *line)
{
    const char *text = sms365_audit_end(line);

    openlog("sms365", LOG_PID, LOG_AUTHPRIV);
    if (text != NULL)
        syslog(LOG_MAKEPRI(LOG_AUTHPRIV, LOG_NOTICE), "%s", text);
    sms365_audit_free(line);
}
