/*
 * libcurl's initialisation for the whole process, with memory that is wiped when it is released.
 *
 * Whoever initialises libcurl first in a process decides on its memory functions. Where that is us, every block that
 * libcurl releases (the request with the key, the reply) is wiped, also for other users of libcurl in the process; the
 * blocks themselves are malloc's, so that they may be mixed freely. Where somebody else was first, libcurl's own copies
 * are released unwiped. What OpenSSL holds (records, encrypted but for the moment of writing) is wiped in neither case.
 *
 * There is no counterpart: curl_global_cleanup() would take away what others in the process use without having
 * initialised it themselves.
 */
#ifndef SMS365_CURL_INIT_H
#define SMS365_CURL_INIT_H

#include <stdbool.h>

/* Once a process; later calls tell how it went. May be called from any thread. The environment must be hidden. */
bool sms365_curl_init(void);

#endif
