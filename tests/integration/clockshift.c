/*
 * Preloaded: clocks differ from the machine's by the seconds that stand in the file CLOCKS, as of every call:
 * "ALL WALL BOOT", where WALL is added for CLOCK_REALTIME and BOOT for CLOCK_BOOTTIME alone; what is missing is 0.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    char text[80] = {0};
    char *rest = text;
    const long status = syscall(SYS_clock_gettime, clock, now);
    const int fd = status == 0 ? open(CLOCKS, O_RDONLY | O_CLOEXEC) : -1;

    if (fd >= 0) {
        if (read(fd, text, sizeof text - 1) > 0) {
            now->tv_sec += strtol(rest, &rest, 10);
            const long wall = strtol(rest, &rest, 10);
            const long boot = strtol(rest, &rest, 10);
            now->tv_sec += clock == CLOCK_REALTIME ? wall : clock == CLOCK_BOOTTIME ? boot : 0;
        }
        close(fd);
    }
    return (int)status;
}
