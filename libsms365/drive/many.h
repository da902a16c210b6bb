/* Many requests of the provider's API at a time, over few connections, each of which is kept for the next request. */
#ifndef SMS365_MANY_H
#define SMS365_MANY_H

#include "drive/provider.h"

#define SMS365_MANY_MAX 64 /* connections */

struct sms365_many {
    void *context;
    /* The next request, and a tag of the caller's to know its reply by; its parameters are used at once. False: there
     * is none now; it is asked for again when something was answered. */
    bool (*next)(void *context, struct sms365_provider_request *request, void **tag);
    /* What came of one, as sms365_provider_call() would have it; reply is ours. False: no more; what is under way is
     * dropped. */
    bool (*done)(void *context, void *tag, const struct sms365_reply *reply, const struct sms365_error *err);
};

/*
 * Run until there is no next request and nothing is under way. Waits, and calls back from, this thread alone. Errors
 * are those of setting up: NO_MEMORY, IO; what becomes of a request goes to done.
 */
enum sms365_err sms365_provider_many(
    struct sms365_provider *provider, const struct sms365_many *many, size_t connections, struct sms365_error *err);

#endif
