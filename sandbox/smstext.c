#include "smstext.h"

#include <string.h>

/* 3GPP TS 23.038, 6.2.1: the default alphabet and its extension, which costs a second septet. */
static const char gsm_ascii[] =
    "\n\r !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
static const uint16_t gsm_others[] = {0xa3, 0xa5, 0xe8, 0xe9, 0xf9, 0xec, 0xf2, 0xc7, 0xd8, 0xf8, 0xc5, 0xe5, 0x394,
    0x3a6, 0x393, 0x39b, 0x3a9, 0x3a0, 0x3a8, 0x3a3, 0x398, 0x39e, 0xc6, 0xe6, 0xdf, 0xc9, 0xa4, 0xa1, 0xc4, 0xd6, 0xd1,
    0xdc, 0xa7, 0xbf, 0xe4, 0xf6, 0xf1, 0xfc, 0xe0};
static const char gsm_extension[] = "\f^{}\\[~]|";
#define EURO_SIGN 0x20ac

#define GSM_SINGLE 160
#define GSM_PART 153
#define UCS_SINGLE 70
#define UCS_PART 67

/* Septets that the character takes; 0: the alphabet lacks it. */
static unsigned gsm_septets(uint32_t c)
{
    if (c < 0x80)
        return strchr(gsm_ascii, (int)c) != NULL ? 1 : strchr(gsm_extension, (int)c) != NULL ? 2 : 0;
    if (c == EURO_SIGN)
        return 2;
    for (size_t i = 0; i < sizeof(gsm_others) / sizeof(gsm_others[0]); i++)
        if (gsm_others[i] == c)
            return 1;
    return 0;
}

void smstext_to_gsm(char *utf8)
{
    char *out = utf8;
    const char *in = utf8;
    for (;;) {
        const char *start = in;
        uint32_t c = text_next(&in);
        if (c == 0)
            break;
        if (gsm_septets(c) == 0) {
            *out++ = '?';
            continue;
        }
        memmove(out, start, (size_t)(in - start));
        out += in - start;
    }
    *out = '\0';
}

unsigned smstext_parts(const char *utf8, bool unicode)
{
    size_t units = 0;
    for (uint32_t c = text_next(&utf8); c != 0; c = text_next(&utf8))
        units += unicode ? (c > 0xffff ? 2 : 1) : gsm_septets(c);
    size_t single = unicode ? UCS_SINGLE : GSM_SINGLE;
    size_t part = unicode ? UCS_PART : GSM_PART;
    return units <= single ? 1 : (unsigned)((units + part - 1) / part);
}
