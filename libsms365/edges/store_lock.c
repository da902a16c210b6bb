#include "edges/store_lock.h"

#include "base/str.h"
#include "edges/monotonic.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

/* Between two attempts, growing: a durable write takes about as long as the first. */
#define FIRST_PAUSE_US 200
#define LAST_PAUSE_US 20000

static void pause_us(int64_t us)
{
    const struct timespec pause = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};

    (void)nanosleep(&pause, NULL);
}

static bool shield_raise(struct sms365_lock *lock)
{
    sigset_t stops;
    uid_t effective;

    (void)sigemptyset(&stops);
    (void)sigaddset(&stops, SIGTSTP);
    (void)sigaddset(&stops, SIGTTIN);
    (void)sigaddset(&stops, SIGTTOU);
    const int failed = pthread_sigmask(SIG_BLOCK, &stops, &lock->signals);
    if (failed != 0) {
        errno = failed;
        return false;
    }
    lock->raised = false;
    if (getresuid(&lock->real, &effective, &lock->saved) == 0) {
        if (effective != 0 || (lock->real == 0 && lock->saved == 0))
            return true;
        if (setresuid(0, 0, 0) == 0) {
            lock->raised = true;
            return true;
        }
    }
    const int saved_errno = errno;
    (void)pthread_sigmask(SIG_SETMASK, &lock->signals, NULL);
    errno = saved_errno;
    return false;
}

static void shield_lower(struct sms365_lock *lock)
{
    const int saved_errno = errno;

    if (lock->raised) {
        /* Only a kernel without memory refuses. The caller must not go on with root as its real uid: to su it would
         * look as if root had called. */
        for (unsigned tries = 0; setresuid(lock->real, 0, lock->saved) != 0; tries++) {
            if (tries == 100)
                abort();
            pause_us(LAST_PAUSE_US);
        }
        lock->raised = false;
    }
    (void)pthread_sigmask(SIG_SETMASK, &lock->signals, NULL);
    errno = saved_errno;
}

static int lock_once(const struct sms365_lock *lock, bool take)
{
    struct flock range = {
        .l_type = take ? F_WRLCK : F_UNLCK, .l_whence = SEEK_SET, .l_start = lock->start, .l_len = lock->length};

    if (lock->length == 0)
        return flock(lock->fd, take ? LOCK_EX | LOCK_NB : LOCK_UN);
    return fcntl(lock->fd, F_OFD_SETLK, &range);
}

enum sms365_err sms365_lock_take(struct sms365_lock *lock, int64_t deadline_ms)
{
    int64_t step_us = FIRST_PAUSE_US;

    for (;;) {
        if (!shield_raise(lock))
            return SMS365_IO;
        if (lock_once(lock, true) == 0)
            return SMS365_OK;
        shield_lower(lock);
        if (errno != EWOULDBLOCK && errno != EACCES && errno != EINTR)
            return SMS365_IO;
        const int64_t left_us = (deadline_ms - sms365_monotonic_ms()) * 1000;
        if (left_us <= 0)
            return SMS365_BUSY;
        pause_us(step_us < left_us ? step_us : left_us);
        step_us = step_us * 2 < LAST_PAUSE_US ? step_us * 2 : LAST_PAUSE_US;
    }
}

void sms365_lock_release(struct sms365_lock *lock)
{
    const int saved_errno = errno;

    /* Closing would not do: a child forked by another thread in between keeps the description, and the lock, open. */
    (void)lock_once(lock, false);
    errno = saved_errno;
    shield_lower(lock);
}

/* One line of /proc/locks, or of fdinfo after "lock:", as proc(5) describes it. */
static bool line_matches(const char *line, const struct sms365_lock *lock, const struct stat *st, long *pid)
{
    char type[16];
    unsigned major_number, minor_number;
    unsigned long long inode;
    long long start;

    if (sscanf(line, "%*s %15s %*s %*s %ld %x:%x:%llu %lld", type, pid, &major_number, &minor_number, &inode, &start) !=
        6)
        return false;
    return strcmp(type, lock->length == 0 ? "FLOCK" : "OFDLCK") == 0 && inode == st->st_ino && start == lock->start &&
           makedev(major_number, minor_number) == st->st_dev;
}

/* Looks through a file of lock lines; *pid is what the line says. */
static bool find_line(
    int dir, const char *path, const char *prefix, const struct sms365_lock *lock, const struct stat *st, long *pid)
{
    const int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
    char line[256];
    bool found = false;

    if (file == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return false;
    }
    while (!found && fgets(line, sizeof line, file) != NULL)
        found = sms365_str_starts(line, prefix) && line_matches(line + strlen(prefix), lock, st, pid);
    (void)fclose(file);
    return found;
}

/* Locks of open file descriptions belong to no process in /proc/locks: look who has such a description. */
static bool process_has(const char *pid_name, const struct sms365_lock *lock, const struct stat *st)
{
    char path[300];
    const int length = snprintf(path, sizeof path, "/proc/%s/fdinfo", pid_name);
    DIR *dir = length < 0 || (size_t)length >= sizeof path ? NULL : opendir(path);
    bool found = false;
    long ignored;

    if (dir == NULL)
        return false;
    for (const struct dirent *entry; !found && (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.')
            found = find_line(dirfd(dir), entry->d_name, "lock:", lock, st, &ignored);
    (void)closedir(dir);
    return found;
}

static pid_t find_process(const struct sms365_lock *lock, const struct stat *st)
{
    DIR *dir = opendir("/proc");
    int64_t pid = 0;
    bool found = false;

    if (dir == NULL)
        return 0;
    for (const struct dirent *entry; !found && (entry = readdir(dir)) != NULL;)
        found = sms365_str_number(entry->d_name, 1, INT32_MAX, &pid) && process_has(entry->d_name, lock, st);
    (void)closedir(dir);
    return found ? (pid_t)pid : 0;
}

pid_t sms365_lock_holder(const struct sms365_lock *lock)
{
    struct stat st;
    long pid = 0;

    if (fstat(lock->fd, &st) != 0)
        return 0;
    if (lock->length != 0)
        return find_process(lock, &st);
    return find_line(AT_FDCWD, "/proc/locks", "", lock, &st, &pid) && pid > 0 ? (pid_t)pid : 0;
}
