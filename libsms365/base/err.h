/*
 * Error codes and the error a person reads. Every function that can fail returns enum sms365_err and, where it takes a
 * struct sms365_error, fills in a text that says what failed, where, and what to do. Texts never hold secrets.
 */
#ifndef SMS365_ERR_H
#define SMS365_ERR_H

#include "sms365.h"

#include <stdarg.h>

/* Set code and text (printf format; control characters are replaced). err may be NULL. Returns code. */
enum sms365_err sms365_error_set(struct sms365_error *err, enum sms365_err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "prefix: " before the text that is there already. */
void sms365_error_prefix(struct sms365_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
