#include "pure/sms.h"

#include "base/str.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define GSM_ONE 160  /* septets of a message in one part (3GPP TS 23.040) */
#define GSM_PART 153 /* of one of several */
#define UCS_ONE 70   /* UTF-16 units */
#define UCS_PART 67

/* 3GPP TS 23.038, 6.2.1: the default alphabet, without the escape to the extension table. */
static const char gsm_basic[] =
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà";
/* 6.2.1.1: its extension; each takes two septets. */
static const char gsm_extension[] = "\f^{}\\[~]|€";

/* Greek letters that the alphabet lacks, as the capitals that look like them; others become '?'. */
static const struct {
    const char *letters;
    const char *plain;
} greek[] = {
    {"ΑαάΆ", "A"},
    {"Ββ", "B"},
    {"γ", "Γ"},
    {"δ", "Δ"},
    {"ΕεέΈ", "E"},
    {"Ζζ", "Z"},
    {"ΗηήΉ", "H"},
    {"θ", "Θ"},
    {"ΙιίϊΐΊΪ", "I"},
    {"Κκ", "K"},
    {"λ", "Λ"},
    {"Μμ", "M"},
    {"Νν", "N"},
    {"ξ", "Ξ"},
    {"ΟοόΌ", "O"},
    {"π", "Π"},
    {"Ρρ", "P"},
    {"σς", "Σ"},
    {"Ττ", "T"},
    {"ΥυύϋΰΎΫ", "Y"},
    {"φ", "Φ"},
    {"Χχ", "X"},
    {"ψ", "Ψ"},
    {"ωώΏ", "Ω"},
};

/* The marks of a template and the most characters that each may become. */
static const struct mark {
    char letter;
    size_t longest;
    size_t offset; /* in struct sms365_sms_words */
} marks[] = {
    {'h', 20, offsetof(struct sms365_sms_words, host)}, {'s', 12, offsetof(struct sms365_sms_words, service)},
    {'u', 20, offsetof(struct sms365_sms_words, user)},
    {'a', 39, offsetof(struct sms365_sms_words, address)}, /* an IPv6 address in full */
};

static bool contains(const char *set, const char *character, size_t length)
{
    for (size_t step; *set != '\0'; set += step) {
        step = sms365_str_utf8(set, strlen(set));
        if (step == length && memcmp(set, character, length) == 0)
            return true;
    }
    return false;
}

bool sms365_sms_measure(const char *text, struct sms365_sms_size *size)
{
    size_t septets = 0;
    size_t units = 0;
    bool gsm = true;

    for (size_t length; *text != '\0'; text += length) {
        length = sms365_str_utf8(text, strlen(text));
        if (length == 0)
            return false;
        units += length == 4 ? 2 : 1; /* beyond the Basic Multilingual Plane: a surrogate pair */
        if (contains(gsm_extension, text, length))
            septets += 2;
        else if (contains(gsm_basic, text, length))
            septets++;
        else
            gsm = false;
    }
    size->ucs = !gsm;
    size->units = gsm ? septets : units;
    const size_t one = gsm ? GSM_ONE : UCS_ONE;
    const size_t part = gsm ? GSM_PART : UCS_PART;
    size->parts = size->units <= one ? 1 : (size->units + part - 1) / part;
    return true;
}

/* A word as it may stand in a message: printable GSM characters of one septet, at most longest of them, and no '%', by
 * which it could hold a place for the code. */
static void add_word(struct sms365_buf *out, const char *word, size_t longest)
{
    for (size_t count = 0; *word != '\0' && count < longest; count++) {
        const size_t length = sms365_str_utf8(word, strlen(word));
        const char *plain = "?";
        if (length > 0 && (unsigned char)*word >= ' ' && *word != '%' && contains(gsm_basic, word, length)) {
            sms365_buf_add(out, word, length);
        } else {
            for (size_t i = 0; length > 0 && i < sizeof greek / sizeof *greek; i++)
                if (contains(greek[i].letters, word, length))
                    plain = greek[i].plain;
            sms365_buf_puts(out, plain);
        }
        word += length == 0 ? 1 : length;
    }
}

static const struct mark *find_mark(char letter)
{
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (marks[i].letter == letter)
            return &marks[i];
    return NULL;
}

/* Step over one part of a template. *mark is set when it is a mark; otherwise the part is text, or the code's place. */
static size_t next_part(const char *template, const struct mark **mark)
{
    *mark = NULL;
    if (sms365_str_starts(template, SMS365_SMS_CODE))
        return strlen(SMS365_SMS_CODE);
    if (template[0] != '%')
        return strcspn(template, "%");
    *mark = find_mark(template[1]);
    return template[1] == '\0' ? 1 : 2;
}

bool sms365_sms_expand(char *out, size_t size, const char *template, const struct sms365_sms_words *words)
{
    struct sms365_buf buf;
    const struct mark *mark;

    sms365_buf_init(&buf, SMS365_SMS_TEXT_MAX);
    for (size_t length; *template != '\0'; template += length) {
        length = next_part(template, &mark);
        if (mark != NULL)
            add_word(&buf, *(const char *const *)(const void *)((const char *)words + mark->offset), mark->longest);
        else if (template[0] == '%' && length == 2)
            sms365_buf_puts(&buf, "%");
        else
            sms365_buf_add(&buf, template, length);
    }
    if (words->origin[0] != '\0')
        sms365_buf_printf(&buf, "\n@%s #%s", words->origin, SMS365_SMS_CODE);
    const bool fits = !buf.failed && sms365_str_copy(out, size, sms365_buf_text(&buf));
    sms365_buf_free(&buf);
    return fits;
}

bool sms365_sms_put_code(char *out, size_t size, const char *text, const char *code)
{
    const size_t mark = strlen(SMS365_SMS_CODE);
    const size_t length = strlen(code);
    size_t used = 0;

    while (*text != '\0') {
        const bool here = sms365_str_starts(text, SMS365_SMS_CODE);
        const size_t more = here ? length : 1;
        if (used + more >= size) {
            out[0] = '\0';
            return false;
        }
        memcpy(out + used, here ? code : text, more);
        used += more;
        text += here ? mark : 1;
    }
    out[used] = '\0';
    return true;
}

/* The template at its longest: every mark as long as it may become, the code's place as long as the code. */
static bool longest_text(struct sms365_buf *out, const char *template, size_t code_digits)
{
    const struct mark *mark;

    for (size_t length; *template != '\0'; template += length) {
        length = next_part(template, &mark);
        const bool code = sms365_str_starts(template, SMS365_SMS_CODE);
        const size_t fill = mark != NULL ? mark->longest : code ? code_digits : 0;
        for (size_t i = 0; i < fill; i++)
            sms365_buf_puts(out, "0");
        if (mark == NULL && !code)
            sms365_buf_add(out, template, template[0] == '%' && length == 2 ? 1 : length);
    }
    return !out->failed;
}

const char *sms365_sms_check(const char *template, size_t code_digits, const char *origin)
{
    struct sms365_buf text;
    struct sms365_sms_size size;
    const struct mark *mark;
    size_t codes = 0;

    for (const char *part = template; *part != '\0'; part += next_part(part, &mark)) {
        const size_t length = next_part(part, &mark);
        if (sms365_str_starts(part, SMS365_SMS_CODE))
            codes++;
        else if (part[0] == '%' && mark == NULL && (length < 2 || part[1] != '%'))
            return "has a % that is none of %%CODE%%, %h, %s, %u, %a; a percent sign is written %%";
    }
    if (codes != 1)
        return "must hold %%CODE%% exactly once";
    sms365_buf_init(&text, SMS365_SMS_TEXT_MAX);
    bool measured = longest_text(&text, template, code_digits);
    if (origin[0] != '\0')
        sms365_buf_printf(&text, "\n@%s #%.*s", origin, (int)code_digits, "0000000000");
    measured = measured && !text.failed && sms365_sms_measure(sms365_buf_text(&text), &size);
    sms365_buf_free(&text);
    if (!measured)
        return "is too long, or not UTF-8";
    return size.parts == 1 ? NULL
                           : "would need more than one message at its longest: shorten it (160 characters of the GSM "
                             "alphabet, 70 of others)";
}
