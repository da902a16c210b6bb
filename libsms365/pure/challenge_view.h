/*
 * What a challenge that asks can say about itself, for front ends that show a page instead of a prompt. A view decides
 * nothing.
 */
#ifndef SMS365_CHALLENGE_VIEW_H
#define SMS365_CHALLENGE_VIEW_H

#include "pure/challenge.h"

struct sms365_view {
    bool settled;                /* decided already: the prompt only tells why */
    enum sms365_reason reason;   /* when settled, when unusable, or for which the denial would be */
    bool unusable;               /* its reply was lost, or has not come yet: no code can be entered */
    uint8_t id[SMS365_ID_BYTES]; /* names the present message */
    char number[32];             /* that it went to, masked */
    enum sms365_delivery delivery;
    bool awaited; /* its report may still come */
    int tries_left;
    int64_t age_ms;
    int64_t resend_ms;     /* until another can be sent to this number; 0: now */
    int64_t life_ms;       /* until its code is too old */
    int64_t retry_after_s; /* when a limit was met */
    size_t numbers;        /* the user has so many */
    int backups_left;      /* backup codes that are good */
    bool asks_backup;      /* the prompt is for one of them, */
    bool instead;          /* in the place of a denial */
};

/* Of a challenge whose action is ASK, TELL or DONE. */
void sms365_challenge_view(struct sms365_view *view, const struct sms365_challenge *ch);

#endif
