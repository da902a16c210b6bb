/*
 * What everything in the sandbox stands on: memory, growing text, time, numbers.
 *
 * Memory: a stand-in that cannot get memory is of no use to any test, so mem_*() never return NULL; they end the
 * program with a message.
 */
#ifndef SANDBOX_BASE_H
#define SANDBOX_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *mem_get(size_t bytes); /* zeroed */
void *mem_grow(void *old, size_t bytes);
char *mem_text(const char *text);

/* Copies with an end mark at most size - 1 bytes, never part of a character. */
void text_copy(char *out, size_t size, const char *text);

/* Replaces what is no UTF-8 by '?' so that every text can be part of a JSON or XML reply. */
void text_make_utf8(char *text);
size_t text_chars(const char *utf8);
/* Cuts after so many characters. */
void text_cut(char *utf8, size_t chars);
/* The code point at *text, which is advanced; 0 at the end. The text is valid UTF-8. */
uint32_t text_next(const char **text);

/* Whole numbers from outside; false unless the whole text is one within the bounds. */
bool number_between(const char *text, int64_t min, int64_t max, int64_t *out);

/* Money: thousandths of one SMS, so that no sum is ever off by a rounding. */
typedef int64_t milli;
bool milli_parse(const char *text, milli *out); /* 0 to a billion, at most three decimals */
void milli_print(milli amount, char *out, size_t size);
#define MILLI_TEXT 24

int64_t clock_ms(void);      /* monotonic */
int64_t clock_wall_ms(void); /* since 1970 */
#define TIME_TEXT 32
void time_print(int64_t wall_ms, char out[TIME_TEXT]); /* 2024-05-01T10:20:30.123Z */

/* A text that grows up to a cap. What does not fit sets `over` and is left out. */
struct buf {
    char *data; /* always ends with a 0 once something was added */
    size_t len, room, max;
    bool over;
};
void buf_init(struct buf *b, size_t max);
void buf_add(struct buf *b, const void *data, size_t len);
void buf_text(struct buf *b, const char *text);
void buf_print(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_free(struct buf *b);
/* The text, owned by the caller; the buffer is empty afterwards. */
char *buf_take(struct buf *b);

#endif
