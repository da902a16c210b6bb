/*
 * An audit line, field by field: name=value pairs, or a JSON object. Which events there are, and what fields they have,
 * is a contract: sms365-audit(5).
 *
 * Begin, put fields, end; then free. A line that does not fit its cap has no end (NULL).
 */
#ifndef SMS365_AUDIT_H
#define SMS365_AUDIT_H

#include "base/str.h"
#include "pure/crypto.h"

struct sms365_audit {
    struct sms365_buf buf;
    bool json;
};

/* cap in bytes. */
void sms365_audit_begin(struct sms365_audit *line, const char *event, bool json, size_t cap);

/* A text of anybody's choice, quoted. */
void sms365_audit_text(struct sms365_audit *line, const char *name, const char *text);
/* Who logs in. A name that nobody has is told as its hash under key (NULL: as `unknown` alone). */
void sms365_audit_user(struct sms365_audit *line, const char *user, bool known, const struct sms365_mac_key *key);
/* One of our own words. */
void sms365_audit_word(struct sms365_audit *line, const char *name, const char *word);
void sms365_audit_number(struct sms365_audit *line, const char *name, int64_t number);
/* Thousandths of a credit, written as credits. */
void sms365_audit_cost(struct sms365_audit *line, const char *name, int64_t cost);

/* The whole line, valid until it is freed. */
const char *sms365_audit_end(struct sms365_audit *line);
void sms365_audit_free(struct sms365_audit *line);

#endif
