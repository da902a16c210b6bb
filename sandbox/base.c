#include "base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define UTF8_BYTES_MAX 4

static void *mem_sure(void *memory)
{
    if (memory == NULL) {
        static const char message[] = "sms365-sandbox: out of memory\n";
        ssize_t ignored = write(STDERR_FILENO, message, sizeof(message) - 1);
        (void)ignored;
        _exit(1);
    }
    return memory;
}

void *mem_get(size_t bytes)
{
    return mem_sure(calloc(1, bytes ? bytes : 1));
}

void *mem_grow(void *old, size_t bytes)
{
    return mem_sure(realloc(old, bytes ? bytes : 1));
}

char *mem_text(const char *text)
{
    return mem_sure(strdup(text));
}

/* Length of the valid UTF-8 sequence at s, 0 if there is none. Overlong forms and surrogates are not valid. */
static size_t utf8_sequence(const unsigned char *s)
{
    static const uint32_t least[UTF8_BYTES_MAX + 1] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc0 ? 2 : 0;
    if (len <= 1)
        return len;
    uint32_t code = s[0] & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3fU);
    }
    bool bad = code < least[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff);
    return bad ? 0 : len;
}

void text_make_utf8(char *text)
{
    while (*text != '\0') {
        size_t len = utf8_sequence((const unsigned char *)text);
        if (len == 0)
            *text = '?';
        text += len ? len : 1;
    }
}

uint32_t text_next(const char **text)
{
    const unsigned char *s = (const unsigned char *)*text;
    size_t len = utf8_sequence(s);
    uint32_t code = len <= 1 ? s[0] : s[0] & (0x7fU >> len);
    for (size_t i = 1; i < len; i++)
        code = code << 6 | (s[i] & 0x3fU);
    if (code != 0)
        *text += len ? len : 1;
    return code;
}

size_t text_chars(const char *utf8)
{
    size_t chars = 0;
    while (text_next(&utf8) != 0)
        chars++;
    return chars;
}

void text_cut(char *utf8, size_t chars)
{
    const char *end = utf8;
    while (chars > 0 && text_next(&end) != 0)
        chars--;
    utf8[end - utf8] = '\0';
}

void text_copy(char *out, size_t size, const char *text)
{
    size_t len = strlen(text);
    if (len >= size) {
        len = size - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    memcpy(out, text, len);
    out[len] = '\0';
}

bool number_between(const char *text, int64_t min, int64_t max, int64_t *out)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 18 || text[digits] != '\0')
        return false;
    int64_t value = 0;
    for (size_t i = 0; i < digits; i++)
        value = value * 10 + (text[i] - '0');
    if (value < min || value > max)
        return false;
    *out = value;
    return true;
}

bool milli_parse(const char *text, milli *out)
{
    const size_t decimals = 3;
    const int64_t most = 1000000000;
    char whole[16];
    size_t digits = strcspn(text, ".");
    if (digits >= sizeof(whole))
        return false;
    memcpy(whole, text, digits);
    whole[digits] = '\0';
    int64_t units = 0;
    if (!number_between(whole, 0, most, &units))
        return false;
    milli amount = units * 1000;
    if (text[digits] == '.') {
        const char *part = text + digits + 1;
        int64_t value = 0;
        size_t len = strlen(part);
        if (len > decimals || !number_between(part, 0, 999, &value))
            return false;
        for (size_t i = len; i < decimals; i++)
            value *= 10;
        amount += value;
    }
    *out = amount;
    return true;
}

void milli_print(milli amount, char *out, size_t size)
{
    snprintf(out, size, "%lld.%03lld", (long long)(amount / 1000), (long long)(amount % 1000));
    size_t len = strlen(out);
    while (len > 0 && out[len - 1] == '0')
        len--;
    if (len > 0 && out[len - 1] == '.')
        len--;
    out[len] = '\0';
}

static int64_t clock_read(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_ms(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

int64_t clock_wall_ms(void)
{
    return clock_read(CLOCK_REALTIME);
}

void time_print(int64_t wall_ms, char out[TIME_TEXT])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm t;
    char day[TIME_TEXT - 8];
    gmtime_r(&seconds, &t);
    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &t);
    snprintf(out, TIME_TEXT, "%s.%03dZ", day, (int)(wall_ms % 1000));
}

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_add(struct buf *b, const void *data, size_t len)
{
    if (b->over || len > b->max - b->len) {
        b->over = true;
        return;
    }
    if (b->len + len + 1 > b->room) {
        b->room = (b->len + len + 1) * 2;
        b->data = mem_grow(b->data, b->room);
    }
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void buf_text(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_print(struct buf *b, const char *format, ...)
{
    char small[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof(small)) {
        b->over = true;
        return;
    }
    buf_add(b, small, (size_t)len);
}

void buf_free(struct buf *b)
{
    free(b->data);
    buf_init(b, b->max);
}

char *buf_take(struct buf *b)
{
    char *data = b->data != NULL ? b->data : mem_get(1);
    buf_init(b, b->max);
    return data;
}
