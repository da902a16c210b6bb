/* What people read at a prompt, in English (ASCII) and Greek (UTF-8). One table; no sentence stands anywhere else. */
#ifndef SMS365_TEXT_H
#define SMS365_TEXT_H

#include "pure/conf.h"
#include "sms365.h"

enum sms365_text {
    SMS365_TEXT_GENERIC,    /* prompt when nothing was proved: tells nothing */
    SMS365_TEXT_CODE,       /* prompt: %1 number, %2 delivery, %3 other answers */
    SMS365_TEXT_CODE_AGAIN, /* prompt of a resumed challenge: %1 number, %2 age, %3 delivery, %4 tries left, %5 answers
                             */
    SMS365_TEXT_LOST,       /* prompt when the reply was lost: %1 number, %2 SMS365_TEXT_BACKUP or nothing */
    SMS365_TEXT_AGAIN,      /* the other answers */
    SMS365_TEXT_OTHER_NUMBER, /* with several ways: %1 names the next */
    SMS365_TEXT_OTHER_CHANNEL,
    SMS365_TEXT_BACKUP,
    SMS365_TEXT_BY_VIBER, /* after a number */
    SMS365_TEXT_DELIVERED,
    SMS365_TEXT_PENDING,
    SMS365_TEXT_SENT, /* where no report comes */
    SMS365_TEXT_FAILED,
    SMS365_TEXT_UNKNOWN,
    SMS365_TEXT_NOT_DELIVERED,  /* note before the prompt for another message: %1 number */
    SMS365_TEXT_NO_REPORT,      /* note: %1 number */
    SMS365_TEXT_NEWEST,         /* note: an older message may still arrive */
    SMS365_TEXT_BACKUP_PROMPT,  /* %1 codes left */
    SMS365_TEXT_OFFER_BACKUP,   /* after a denial's text: a backup code would do */
    SMS365_TEXT_NO_BACKUP,      /* note: there are no backup codes */
    SMS365_TEXT_SECONDS,        /* %1 */
    SMS365_TEXT_MINUTES,        /* %1 */
    SMS365_TEXT_AGO,            /* %1 time */
    SMS365_TEXT_ONE_TRY,        /* left */
    SMS365_TEXT_TRIES,          /* %1 left */
    SMS365_TEXT_TOO_SOON,       /* note before a prompt: %1 time until r works */
    SMS365_TEXT_NO_OTHER,       /* note: there is one way only */
    SMS365_TEXT_NO_MORE_SENDS,  /* note: %1 time until a message can be sent */
    SMS365_TEXT_STILL_GOOD,     /* note: %1 a denial, of a further message */
    SMS365_TEXT_WRONG,          /* told: %1 tries left */
    SMS365_TEXT_NOT_ENROLLED,   /* %1 whom to ask */
    SMS365_TEXT_ADMINISTRATOR,  /* whom, where the configuration does not say */
    SMS365_TEXT_LATER,          /* after a denial: %1 time until it lets go */
    SMS365_TEXT_NUMBER_CHANGED, /* a message to the old number: %1 user, %2 host, %3 new number */
    SMS365_TEXT_PRESS_ENTER,    /* after a text that stands in a prompt to be read */
    SMS365_TEXT_COUNT
};

/* Write a text with %1 to %5 replaced by args (NULL ends them). Cut at size. */
void sms365_text_format(
    char *out, size_t size, enum sms365_language language, enum sms365_text text, const char *const *args);

/* The message with a code of ours where the configuration has no text. Static. */
const char *sms365_text_message(enum sms365_language language);

/* What somebody without a number is told; contact: whom to ask, as configured. Cut at size. */
void sms365_text_not_enrolled(char *out, size_t size, enum sms365_language language, const char *contact);

/* What somebody who is denied for this reason is told. Static. */
const char *sms365_text_denial(enum sms365_language language, enum sms365_reason reason);

/* "40 s" or "3 min"; rounded up. out has room for 32 bytes. */
void sms365_text_duration(char out[32], enum sms365_language language, int64_t ms);

#endif
