/* What people read at a prompt, in English (ASCII) and Greek (UTF-8). One table; no sentence stands anywhere else. */
#ifndef SMS365_TEXT_H
#define SMS365_TEXT_H

#include "pure/conf.h"
#include "sms365.h"

enum sms365_text {
    SMS365_TEXT_GENERIC,     /* prompt when nothing was proved: tells nothing */
    SMS365_TEXT_CODE,        /* prompt: %1 number, %2 delivery, %3 other answers */
    SMS365_TEXT_CODE_AGAIN,  /* prompt of a resumed challenge: %1 number, %2 age, %3 delivery, %4 tries left, %5 answers
                              */
    SMS365_TEXT_LOST,        /* prompt when the reply was lost: %1 number */
    SMS365_TEXT_AGAIN,       /* the other answers */
    SMS365_TEXT_AGAIN_OTHER, /* and with several numbers */
    SMS365_TEXT_DELIVERED,
    SMS365_TEXT_PENDING,
    SMS365_TEXT_FAILED,
    SMS365_TEXT_SECONDS,       /* %1 */
    SMS365_TEXT_MINUTES,       /* %1 */
    SMS365_TEXT_ONE_TRY,       /* left */
    SMS365_TEXT_TRIES,         /* %1 left */
    SMS365_TEXT_TOO_SOON,      /* note before a prompt: %1 time until r works */
    SMS365_TEXT_NO_OTHER,      /* note: there is one number only */
    SMS365_TEXT_NO_MORE_SENDS, /* note: %1 time until a message can be sent */
    SMS365_TEXT_WRONG,         /* told: %1 tries left */
    SMS365_TEXT_NOT_ENROLLED,  /* %1 whom to ask */
    SMS365_TEXT_LATER,         /* after a denial: %1 time until it lets go */
    SMS365_TEXT_PRESS_ENTER,   /* after a text that stands in a prompt to be read */
    SMS365_TEXT_COUNT
};

/* Write a text with %1 to %5 replaced by args (NULL ends them). Cut at size. */
void sms365_text_format(
    char *out, size_t size, enum sms365_language language, enum sms365_text text, const char *const *args);

/* What somebody who is denied for this reason is told. Static. */
const char *sms365_text_denial(enum sms365_language language, enum sms365_reason reason);

/* "40 s" or "3 min"; rounded up. out has room for 32 bytes. */
void sms365_text_duration(char out[32], enum sms365_language language, int64_t ms);

#endif
