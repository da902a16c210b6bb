/* Randomness from a seed. */
#ifndef SMS365_DRAW_H
#define SMS365_DRAW_H

#include "pure/crypto.h"

/*
 * A stream of random bytes from a fresh seed of 32: its counter-th block is HMAC(seed, counter). draw_digits makes a
 * number of so many decimal digits (at most SMS365_DIGITS_MAX), every one as likely as the others, and moves the
 * counter on; digits has room for them and a NUL.
 */
#define SMS365_DIGITS_MAX 10
bool sms365_draw(uint8_t block[SMS365_MAC_BYTES], const uint8_t seed[SMS365_KEY_BYTES], unsigned counter);
bool sms365_draw_digits(char *digits, int count, const uint8_t seed[SMS365_KEY_BYTES], unsigned *counter);

#endif
