/* The two kinds of URL that an administrator writes: where the provider is, and where it delivers its reports. */
#ifndef SMS365_URL_H
#define SMS365_URL_H

#include "sms365.h"

#define SMS365_URL_SIZE 256 /* of a base URL, with the NUL */

/* A base URL: https://host[:port][/path], or http:// to a numeric loopback address with sandbox. No user, query, or
 * fragment; control characters and blanks refused. out (may be url itself) has room for SMS365_URL_SIZE; a trailing
 * slash is cut. BAD_ARGUMENT, with the reason. */
enum sms365_err sms365_url_check(char *out, const char *url, bool sandbox, struct sms365_error *err);

/* A callback URL: http:// or https://, any host, path and query; the same characters, no user, no fragment. */
enum sms365_err sms365_url_check_callback(const char *url, struct sms365_error *err);

/* The path of such a URL, "/" where it has none. False when it does not fit. */
bool sms365_url_callback_path(char *out, size_t size, const char *url);

#endif
