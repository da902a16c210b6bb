#include "pure/json.h"

#include <string.h>

struct scan {
    struct sms365_buf *out;
    const char *text;
    size_t length;
    size_t at;
    unsigned depth;
    const char *why;
};

/* The character at offset from the scan's place, NUL beyond the end (a NUL in the text itself is refused anyway). */
static char peek(const struct scan *s, size_t offset)
{
    return offset < s->length - s->at ? s->text[s->at + offset] : '\0';
}

static bool fail(struct scan *s, const char *why)
{
    s->why = why;
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Length of the escape sequence after which the string goes on; 0 when it is none, or stands for NUL. */
static size_t escape_length(const struct scan *s)
{
    const char kind = peek(s, 1);

    if (kind != 'u')
        return kind != '\0' && strchr("\"\\/bfnrt", kind) != NULL ? 2 : 0;
    bool zero = true;
    for (size_t i = 2; i < 6; i++) {
        if (!is_hex(peek(s, i)))
            return 0;
        zero = zero && peek(s, i) == '0';
    }
    return zero ? 0 : 6;
}

static bool scan_string(struct scan *s)
{
    const size_t start = s->at++;

    while (s->at < s->length && s->text[s->at] != '"') {
        size_t step = sms365_str_utf8(s->text + s->at, s->length - s->at);
        if (step == 0)
            return fail(s, "it is not UTF-8");
        if ((unsigned char)s->text[s->at] < 0x20)
            return fail(s, "a string holds a control character");
        if (s->text[s->at] == '\\')
            step = escape_length(s);
        if (step == 0)
            return fail(s, "a string holds a bad escape sequence, or NUL");
        s->at += step;
    }
    if (s->at >= s->length)
        return fail(s, "it is cut off");
    s->at++;
    sms365_buf_add(s->out, s->text + start, s->at - start);
    return true;
}

/* A number taken apart: digits without the point, and where the point stands among them. */
struct number {
    bool negative;
    char digits[SMS365_JSON_NUMBER_BYTES];
    size_t count;
    int64_t point;
};

static bool take_digits(struct scan *s, struct number *n, size_t *taken)
{
    *taken = 0;
    for (; is_digit(peek(s, 0)); s->at++, ++*taken) {
        if (n->count == sizeof n->digits)
            return fail(s, "a number is too long");
        n->digits[n->count++] = peek(s, 0);
    }
    return *taken > 0 || fail(s, "a number is not one");
}

/* Move the point by the exponent, if there is one. */
static bool take_exponent(struct scan *s, struct number *n)
{
    int64_t exponent = 0;

    if (peek(s, 0) != 'e' && peek(s, 0) != 'E')
        return true;
    s->at++;
    const bool negative = peek(s, 0) == '-';
    if (negative || peek(s, 0) == '+')
        s->at++;
    if (!is_digit(peek(s, 0)))
        return fail(s, "a number is not one");
    for (; is_digit(peek(s, 0)); s->at++) {
        exponent = exponent * 10 + (peek(s, 0) - '0');
        if (exponent > SMS365_JSON_NUMBER_BYTES)
            return fail(s, "a number is too long");
    }
    n->point += negative ? -exponent : exponent;
    return true;
}

/* RFC 8259, section 6. */
static bool take_number(struct scan *s, struct number *n)
{
    size_t taken;

    *n = (struct number){.negative = peek(s, 0) == '-'};
    s->at += n->negative ? 1 : 0;
    const bool zero = peek(s, 0) == '0';
    if (!take_digits(s, n, &taken))
        return false;
    if (zero && taken > 1)
        return fail(s, "a number begins with 0");
    n->point = (int64_t)n->count;
    if (peek(s, 0) == '.') {
        s->at++;
        if (!take_digits(s, n, &taken))
            return false;
    }
    return take_exponent(s, n);
}

static bool scan_number(struct scan *s)
{
    struct number n;
    size_t next = 0;

    if (!take_number(s, &n))
        return false;
    if (n.point > SMS365_JSON_NUMBER_BYTES || n.point < -SMS365_JSON_NUMBER_BYTES)
        return fail(s, "a number is too long");
    /* As a string it could stand where a number cannot: as a member's name. */
    while (is_blank(peek(s, next)))
        next++;
    if (peek(s, next) == ':')
        return fail(s, "a member's name is a number");
    sms365_buf_puts(s->out, n.negative ? "\"-" : "\"");
    const int64_t count = (int64_t)n.count;
    /* An exponent can leave zeros in front ("0.5e1"): they go, but for one before the point. */
    int64_t i = n.point < 1 ? n.point - 1 : 0;
    while (i >= 0 && i < n.point - 1 && (i >= count || n.digits[i] == '0'))
        i++;
    for (; i < n.point || i < count; i++) {
        if (i == n.point)
            sms365_buf_puts(s->out, ".");
        sms365_buf_add(s->out, i >= 0 && i < count ? &n.digits[i] : "0", 1);
    }
    sms365_buf_puts(s->out, "\"");
    return true;
}

static bool scan_word(struct scan *s)
{
    static const char *const words[] = {"true", "false", "null"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const size_t length = strlen(words[i]);
        if (length <= s->length - s->at && memcmp(s->text + s->at, words[i], length) == 0) {
            sms365_buf_puts(s->out, words[i]);
            s->at += length;
            return true;
        }
    }
    return fail(s, "it is not JSON");
}

static bool scan_bracket(struct scan *s, char c)
{
    if (c == '{' || c == '[') {
        if (++s->depth > SMS365_JSON_DEPTH_MAX)
            return fail(s, "it is nested too deeply");
    } else if (s->depth-- == 0) {
        return fail(s, "it is not JSON");
    }
    sms365_buf_add(s->out, &c, 1);
    s->at++;
    return true;
}

static bool scan_token(struct scan *s)
{
    const char c = s->text[s->at];

    if (c == '"')
        return scan_string(s);
    if (c == '-' || is_digit(c))
        return scan_number(s);
    if (c == '{' || c == '}' || c == '[' || c == ']')
        return scan_bracket(s, c);
    if (c != ',' && c != ':')
        return scan_word(s);
    sms365_buf_add(s->out, &c, 1);
    s->at++;
    return true;
}

static void skip_blanks(struct scan *s)
{
    while (is_blank(peek(s, 0)))
        s->at++;
}

bool sms365_json_filter(struct sms365_buf *out, const char *text, size_t length, const char **why)
{
    struct scan s = {.out = out, .text = text, .length = length};

    skip_blanks(&s);
    *why = s.at == length ? "it is empty" : "it is not a JSON object";
    if (peek(&s, 0) != '{')
        return false;
    do {
        if (!scan_token(&s)) {
            *why = s.why;
            return false;
        }
        skip_blanks(&s);
    } while (s.depth > 0 && s.at < length);
    *why = s.depth > 0 ? "it is cut off" : "something follows the object";
    if (s.depth > 0 || s.at < length)
        return false;
    *why = "it is too long";
    return !out->failed;
}
