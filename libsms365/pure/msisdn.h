/* Phone numbers in MSISDN form (E.164 without the plus): 8 to 15 digits, the first not 0. */
#ifndef SMS365_MSISDN_H
#define SMS365_MSISDN_H

#include <stdbool.h>
#include <stddef.h>

#define SMS365_MSISDN_SIZE 16 /* 15 digits (E.164) and the NUL */

/* Take "+30 697 123-4567", "0030697...", "306971234567" (blanks, dots, hyphens, brackets stripped) into digits. */
bool sms365_msisdn_parse(char out[SMS365_MSISDN_SIZE], const char *text);

/* "+30 69****4567": country code (E.164 zones, longest known prefix), first two and last four digits. Short numbers
 * show less. ASCII. The result fits 32 bytes. */
void sms365_msisdn_mask(char out[32], const char *msisdn);

#endif
