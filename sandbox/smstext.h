/* What becomes of a text on its way to a phone: alphabet and parts (3GPP TS 23.038). */
#ifndef SANDBOX_SMSTEXT_H
#define SANDBOX_SMSTEXT_H

#include "base.h"

/* Without Unicode the GSM alphabet carries the text: characters it lacks become '?'. In place, never longer. */
void smstext_to_gsm(char *utf8);
/* Messages that the text takes; an empty one takes one. */
unsigned smstext_parts(const char *utf8, bool unicode);

#endif
