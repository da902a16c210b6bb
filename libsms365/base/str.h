/* Strings: a growing buffer with a cap, numbers with bounds, cleaning of foreign text, masking of phone numbers. */
#ifndef SMS365_STR_H
#define SMS365_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A growing, NUL-terminated buffer. It never grows beyond its cap; an append that would, or that finds no memory,
 * leaves the contents alone and sets failed, which stays set: append freely and look once at the end.
 */
struct sms365_buf {
    char *data;
    size_t length;
    size_t size;
    size_t cap; /* most bytes of contents */
    bool failed;
    bool secret; /* set before anything is added: contents are left out of core dumps, and wiped when moved or freed */
};

/* cap in bytes, without the NUL. */
void sms365_buf_init(struct sms365_buf *buf, size_t cap);
void sms365_buf_add(struct sms365_buf *buf, const void *data, size_t length);
void sms365_buf_puts(struct sms365_buf *buf, const char *text);
void sms365_buf_printf(struct sms365_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Append text percent-encoded for a form field (RFC 3986 unreserved characters stay). */
void sms365_buf_add_form(struct sms365_buf *buf, const char *text, size_t length);
/* The contents, never NULL. Valid until the next call on buf. */
const char *sms365_buf_text(const struct sms365_buf *buf);
void sms365_buf_free(struct sms365_buf *buf);

/* Parse a whole decimal number within [min, max]; signs and blanks are not taken. */
bool sms365_str_number(const char *text, int64_t min, int64_t max, int64_t *value);

/* Is text a decimal number: digits, with a sign before and a fraction behind or without? */
bool sms365_str_is_decimal(const char *text);

/* Copy text into out of size bytes. False, and out = "", when it does not fit. */
bool sms365_str_copy(char *out, size_t size, const char *text);

/* Bytes of the UTF-8 sequence (RFC 3629) at text, of which left bytes may be read; 0 when it is none or cut. */
size_t sms365_str_utf8(const char *text, size_t left);

/* Replace control characters (C0, DEL, C1 in UTF-8, and bytes that are no UTF-8) by '?', in place. */
void sms365_str_clean(char *text);

/* Cut blanks (space, tab, CR, LF) at both ends, in place; returns the first character kept. */
char *sms365_str_trim(char *text);

/*
 * Step through a list of words with blanks or commas between: the next word, *length bytes of it, *text moves behind
 * it. NULL at the end.
 */
const char *sms365_str_word(const char **text, size_t *length);

/* True when text starts with prefix. */
bool sms365_str_starts(const char *text, const char *prefix);

/* Lower-case hexadecimal of length bytes; out has room for 2 * length + 1. */
void sms365_str_hex(char *out, const void *data, size_t length);
/* The opposite: exactly length bytes. */
bool sms365_str_unhex(void *out, size_t length, const char *hex);

/* RFC 4648 base64url without padding. out has room for size bytes with the NUL; false when it does not fit. */
bool sms365_str_base64url(char *out, size_t size, const void *data, size_t length);
/* Decode the canonical form only (no padding, no stray bits). *length is set to the bytes decoded. */
bool sms365_str_unbase64url(void *out, size_t size, size_t *length, const char *text);

#endif
