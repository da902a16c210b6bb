/*
 * Delivery reports on their way out: real GETs, made by the background thread over libcurl's multi interface, so that
 * no request waits for them. Not retried: the reference promises one call.
 */
#ifndef SANDBOX_POSTMAN_H
#define SANDBOX_POSTMAN_H

#include "phone.h"

#define POSTMAN_UNDERWAY_MAX 256
#define CALLBACK_URL_MAX 1024 /* bytes, as the reference's bound for the parameter */

struct postman;

/* ca_file: whom callbacks over HTTPS are trusted to, NULL: the system's store. NULL if libcurl fails. */
struct postman *postman_new(const char *ca_file);
void postman_free(struct postman *p);

/* The URL with the report appended. Owned by the caller. */
char *postman_url(const struct message *m);
/* Begins a call; false if it cannot: not http(s), too long, too many underway. */
bool postman_send(struct postman *p, const char *url);
/* Moves the calls on. Adds those that ended to *done (any answer of the 200s) or *failed. */
void postman_work(struct postman *p, uint64_t *done, uint64_t *failed);
/* Sleeps until something moves, the time is over or postman_wake() is called, from whatever thread. */
void postman_wait(struct postman *p, int timeout_ms);
void postman_wake(struct postman *p);

#endif
