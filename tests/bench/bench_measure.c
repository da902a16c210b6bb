/*
 * bench_measure PROGRAM ARG...: run it and write "WALL_US CPU_US PEAK_KB STATUS" to descriptor 3. Small, so that its
 * own size, which a child's peak includes until it is replaced by the program, does not show in the peak.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long microseconds(const struct timespec *from, const struct timespec *to)
{
    return (to->tv_sec - from->tv_sec) * 1000000LL + (to->tv_nsec - from->tv_nsec) / 1000;
}

static long long cpu_time(const struct rusage *usage)
{
    return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000LL + usage->ru_utime.tv_usec +
           usage->ru_stime.tv_usec;
}

int main(int argc, char **argv)
{
    struct timespec start, end;
    struct rusage usage;
    int status;

    if (argc < 2)
        return 2;
    (void)fcntl(3, F_SETFD, FD_CLOEXEC);
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    const pid_t pid = fork();
    if (pid == 0) {
        (void)execvp(argv[1], argv + 1);
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, &usage) != pid)
        return 2;
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    return dprintf(3, "%lld %lld %ld %d\n", microseconds(&start, &end), cpu_time(&usage), usage.ru_maxrss, status) < 0;
}
