/*
 * libcurl's initialisation for the whole process, with memory that is wiped when it is released.
 *
 * Whoever initialises libcurl first in a process decides on its memory functions. Where that is us, every block that
 * libcurl releases (the request with the key, the reply) is wiped, also for other users of libcurl in the process, and
 * the buffers from which it sends stand in pages that are left out of core dumps; all blocks are malloc's, so that they
 * may be mixed freely (but with sms365_curl_rooms()). Where somebody else was first, libcurl's own copies are dumped,
 * and released unwiped. What OpenSSL holds (records, encrypted but for the moment of writing) is wiped in neither case.
 *
 * There is no counterpart: curl_global_cleanup() would take away what others in the process use without having
 * initialised it themselves.
 */
#ifndef SMS365_CURL_INIT_H
#define SMS365_CURL_INIT_H

#include <stdbool.h>
#include <stddef.h>

/* Once a process; later calls tell how it went. May be called from any thread. The environment must be hidden. */
bool sms365_curl_init(void);

/*
 * For a process in which many requests wait at the same time: from now on libcurl's buffers of 16 to 20 KiB, from which
 * requests are sent, take memory only where they are written to, unless there are more than count. In a heap that was
 * used before, each takes all of it. Call it once, before the process's first request. Where a page of memory is larger
 * than 4 KiB, it changes nothing.
 */
void sms365_curl_rooms(size_t count);

#endif
