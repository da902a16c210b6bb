/*
 * The text of a message: its length in the phone's alphabets (3GPP TS 23.038), and the template an administrator
 * writes.
 *
 *   %%CODE%%    where the code goes; exactly once
 *   %h %s %u %a the host's name, the service, the user, the remote address; %% is a percent sign
 *
 * A template is cut into its parts before anything is put in, so that what is put in is never looked at again. What is
 * put in is cut to a length of its own, and brought into the GSM alphabet: a user's name cannot make a message longer
 * or dearer than the administrator's own words do.
 */
#ifndef SMS365_SMS_H
#define SMS365_SMS_H

#include <stdbool.h>
#include <stddef.h>

#define SMS365_SMS_CODE "%%CODE%%"
#define SMS365_SMS_TEXT_MAX 640 /* bytes of an expanded text */

struct sms365_sms_size {
    bool ucs;     /* a character outside the GSM alphabet: the message goes as UCS-2 */
    size_t units; /* septets (extension characters take two), or UTF-16 units with ucs */
    size_t parts; /* 160 septets or 70 units in one message, 153 or 67 a part beyond */
};

/* Measure UTF-8 text; false when it is none. */
bool sms365_sms_measure(const char *text, struct sms365_sms_size *size);

/* What a template's marks stand for. None is NULL. */
struct sms365_sms_words {
    const char *host, *service, *user, *address;
    const char *origin; /* "" or the site to which the code is bound, by a last line of its own */
};

/*
 * Expand a template; %%CODE%% stays as it is, for whoever puts the code in. out has room for size bytes, of which
 * SMS365_SMS_TEXT_MAX + 1 are always enough for a template that sms365_sms_check() took. False when it does not fit.
 */
bool sms365_sms_expand(char *out, size_t size, const char *template, const struct sms365_sms_words *words);

/* Put the code in the place of every %%CODE%%. False when it does not fit. */
bool sms365_sms_put_code(char *out, size_t size, const char *text, const char *code);

/*
 * Can this template be used? NULL, or what is wrong: the code's place is missing or doubled, an unknown mark, or a text
 * that would need a second part at its longest, with a code of code_digits and the line for origin ("": none). Static.
 */
const char *sms365_sms_check(const char *template, size_t code_digits, const char *origin);

#endif
