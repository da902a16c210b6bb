/*
 * Locks on files of the store, and the care a process takes while it holds one. Whoever starts su or sudo may stop or
 * kill it while its real uid is theirs, and a stopped process keeps its locks: so, for as long as one is held, the
 * terminal's stop signals are blocked and, in a setuid program, the real and saved uid are raised to root.
 */
#ifndef SMS365_STORE_LOCK_H
#define SMS365_STORE_LOCK_H

#include "sms365.h"

#include <signal.h>
#include <sys/types.h>

struct sms365_lock {
    int fd;       /* stays the caller's */
    off_t start;  /* of the range to lock */
    off_t length; /* 0: the whole file, by flock; otherwise a range, by an open file description lock */
    sigset_t signals;
    uid_t real, saved;
    bool raised;
};

/*
 * Lock lock->fd exclusively before deadline_ms (of sms365_monotonic_ms()), set fd, start and length first. At least one
 * attempt is made. BUSY when another process kept it for too long, IO with errno set for everything else.
 */
enum sms365_err sms365_lock_take(struct sms365_lock *lock, int64_t deadline_ms);

/* Let go, and put signals and uids back as they were. errno is kept. */
void sms365_lock_release(struct sms365_lock *lock);

/* The process that holds lock->fd's range, as far as /proc tells; 0: unknown. */
pid_t sms365_lock_holder(const struct sms365_lock *lock);

#endif
