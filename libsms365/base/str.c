#include "base/str.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_BYTES 64
#define LEAST_SECRET_BYTES 2048 /* it takes a page whatever it holds */

void sms365_buf_init(struct sms365_buf *buf, size_t cap)
{
    *buf = (struct sms365_buf){.cap = cap};
}

static void buf_release(struct sms365_buf *buf)
{
    if (buf->secret)
        sms365_secret_delete(buf->data, buf->size);
    else
        free(buf->data);
}

/* Make room for more bytes and the NUL. */
static bool buf_reserve(struct sms365_buf *buf, size_t more)
{
    if (buf->failed || more > buf->cap - buf->length) {
        buf->failed = true;
        return false;
    }
    const size_t need = buf->length + more + 1;
    if (need <= buf->size)
        return true;
    size_t size = buf->size > 0 ? buf->size : buf->secret ? LEAST_SECRET_BYTES : LEAST_BYTES;
    while (size < need)
        size *= 2;
    char *data = buf->secret ? sms365_secret_new(size) : malloc(size);
    if (data == NULL) {
        buf->failed = true;
        return false;
    }
    if (buf->data != NULL)
        memcpy(data, buf->data, buf->length);
    buf_release(buf);
    buf->data = data;
    buf->size = size;
    return true;
}

void sms365_buf_add(struct sms365_buf *buf, const void *data, size_t length)
{
    if (!buf_reserve(buf, length))
        return;
    if (length > 0)
        memcpy(buf->data + buf->length, data, length);
    buf->length += length;
    buf->data[buf->length] = '\0';
}

void sms365_buf_puts(struct sms365_buf *buf, const char *text)
{
    sms365_buf_add(buf, text, strlen(text));
}

void sms365_buf_printf(struct sms365_buf *buf, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    const int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0 || !buf_reserve(buf, (size_t)length)) {
        buf->failed = true;
        return;
    }
    va_start(args, format);
    (void)vsnprintf(buf->data + buf->length, (size_t)length + 1, format, args);
    va_end(args);
    buf->length += (size_t)length;
}

/* RFC 3986, section 2.3. */
static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

void sms365_buf_add_form(struct sms365_buf *buf, const char *text, size_t length)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)text[i];
        const char encoded[3] = {'%', digits[c >> 4], digits[c & 15]};
        if (is_unreserved(text[i]))
            sms365_buf_add(buf, &text[i], 1);
        else
            sms365_buf_add(buf, encoded, sizeof encoded);
    }
}

const char *sms365_buf_text(const struct sms365_buf *buf)
{
    return buf->data == NULL ? "" : buf->data;
}

void sms365_buf_free(struct sms365_buf *buf)
{
    buf_release(buf);
    *buf = (struct sms365_buf){.cap = buf->cap, .secret = buf->secret};
}

bool sms365_str_number(const char *text, int64_t min, int64_t max, int64_t *value)
{
    int64_t number = 0;

    if (*text == '\0')
        return false;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < '0' || *c > '9' || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *c - '0', &number))
            return false;
    }
    if (number < min || number > max)
        return false;
    *value = number;
    return true;
}

bool sms365_str_is_decimal(const char *text)
{
    text += *text == '-' ? 1 : 0;
    const size_t whole = strspn(text, "0123456789");
    if (whole == 0)
        return false;
    text += whole;
    if (*text != '.')
        return *text == '\0';
    const size_t fraction = strspn(++text, "0123456789");
    return fraction > 0 && text[fraction] == '\0';
}

bool sms365_str_copy(char *out, size_t size, const char *text)
{
    const size_t length = strlen(text);

    if (length >= size) {
        out[0] = '\0';
        return false;
    }
    memcpy(out, text, length + 1);
    return true;
}

size_t sms365_str_utf8(const char *text, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)text;
    size_t length;
    uint32_t point;

    if (left == 0)
        return 0;
    if (bytes[0] < 0x80)
        return 1;
    if ((bytes[0] & 0xe0) == 0xc0) {
        length = 2;
        point = bytes[0] & 0x1f;
    } else if ((bytes[0] & 0xf0) == 0xe0) {
        length = 3;
        point = bytes[0] & 0x0f;
    } else if ((bytes[0] & 0xf8) == 0xf0) {
        length = 4;
        point = bytes[0] & 0x07;
    } else {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if (i == left || (bytes[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (bytes[i] & 0x3f);
    }
    const bool surrogate = point >= 0xd800 && point <= 0xdfff;
    return point < least[length] || point > 0x10ffff || surrogate ? 0 : length;
}

/* Characters that steer a terminal or reorder what a person reads: controls, U+2028/9, and bidirectional marks. */
static bool is_hostile(const unsigned char *text, size_t length)
{
    if (length == 1)
        return text[0] < 0x20 || text[0] == 0x7f;
    if (length == 2)
        return (text[0] == 0xc2 && text[1] < 0xa0) || (text[0] == 0xd8 && text[1] == 0x9c);
    if (length == 3 && text[0] == 0xe2 && text[1] == 0x80)
        return (text[2] >= 0x8e && text[2] <= 0x8f) || (text[2] >= 0xa8 && text[2] <= 0xae);
    return length == 3 && text[0] == 0xe2 && text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9;
}

void sms365_str_clean(char *text)
{
    char *const end = text + strlen(text);

    for (char *c = text; c < end;) {
        const size_t length = sms365_str_utf8(c, (size_t)(end - c));
        if (length == 0) {
            *c++ = '?';
        } else {
            if (is_hostile((const unsigned char *)c, length))
                memset(c, '?', length);
            c += length;
        }
    }
}

char *sms365_str_trim(char *text)
{
    static const char blanks[] = " \t\r\n";

    text += strspn(text, blanks);
    size_t length = strlen(text);
    while (length > 0 && strchr(blanks, text[length - 1]) != NULL)
        text[--length] = '\0';
    return text;
}

const char *sms365_str_word(const char **text, size_t *length)
{
    static const char separators[] = " \t\r\n,";
    const char *word = *text + strspn(*text, separators);

    *length = strcspn(word, separators);
    *text = word + *length;
    return *length == 0 ? NULL : word;
}

bool sms365_str_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

void sms365_str_hex(char *out, const void *data, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = data;

    for (size_t i = 0; i < length; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * length] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

bool sms365_str_unhex(void *out, size_t length, const char *hex)
{
    uint8_t *bytes = out;

    if (strlen(hex) != 2 * length)
        return false;
    for (size_t i = 0; i < length; i++) {
        const int high = hex_value(hex[2 * i]);
        const int low = hex_value(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

bool sms365_str_base64url(char *out, size_t size, const void *data, size_t length)
{
    const uint8_t *bytes = data;
    uint32_t bits = 0;
    unsigned held = 0;
    size_t used = 0;

    if (size == 0 || length > (size - 1) / 4 * 3 + 2 || (length * 4 + 2) / 3 >= size)
        return false;
    for (size_t i = 0; i < length; i++) {
        bits = bits << 8 | bytes[i];
        for (held += 8; held >= 6; held -= 6)
            out[used++] = base64url[bits >> (held - 6) & 63];
    }
    if (held > 0)
        out[used++] = base64url[bits << (6 - held) & 63];
    out[used] = '\0';
    return true;
}

bool sms365_str_unbase64url(void *out, size_t size, size_t *length, const char *text)
{
    uint8_t *bytes = out;
    uint32_t bits = 0;
    unsigned held = 0;
    size_t used = 0;

    for (; *text != '\0'; text++) {
        const char *found = strchr(base64url, *text);
        if (found == NULL)
            return false;
        bits = bits << 6 | (uint32_t)(found - base64url);
        held += 6;
        if (held >= 8) {
            held -= 8;
            if (used == size)
                return false;
            bytes[used++] = (uint8_t)(bits >> held);
        }
    }
    if (held == 6 || (bits & ((1u << held) - 1)) != 0)
        return false;
    *length = used;
    return true;
}
