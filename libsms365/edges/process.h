/* What the running process can tell about itself and the machine: the time, fresh randomness, who its holder is. */
#ifndef SMS365_PROCESS_H
#define SMS365_PROCESS_H

#include "base/clock.h"
#include "sms365.h"

#define SMS365_HOLDER_TEXT_SIZE 160

/* CLOCK_BOOTTIME, the wall clock, and the kernel's boot id. Errors: IO. */
enum sms365_err sms365_now_read(struct sms365_now *now, struct sms365_error *err);

/* Sleep. */
void sms365_pause(int64_t ms);

/* length bytes from getrandom(). Errors: CRYPTO. */
enum sms365_err sms365_random(void *out, size_t length, struct sms365_error *err);

/* Is this numeric address one of this machine's own, loopback included? Yes also where that cannot be told. */
bool sms365_host_is_own(const char *host);

/*
 * Name the holder: real user id, session id, when the session's leader started, boot id. Under sshd the leader is the
 * connection's monitor, the same for all tries of one connection; under sudo, su and consoles it is the terminal
 * session's. Where the leader is gone nobody can prove to be the same holder: then the name is random, for once only.
 */
enum sms365_err sms365_holder_self(char out[SMS365_HOLDER_TEXT_SIZE], struct sms365_error *err);

/* A holder that nobody is again: where processes share a session, none can prove to be the one that was asked. */
enum sms365_err sms365_holder_once(char out[SMS365_HOLDER_TEXT_SIZE], struct sms365_error *err);

/*
 * The process environment, put away while libraries run: libcurl, OpenSSL and the resolver read file names, proxies and
 * switches from it, and in a setuid program it is the caller's. Calls nest, and threads may hold it at the same time:
 * it comes back with the last restore. What another thread sets in the environment meanwhile is lost.
 */
void sms365_environment_hide(void);
void sms365_environment_restore(void);

#endif
