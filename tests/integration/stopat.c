/*
 * stopat UID GID KIND FROM WHEN PROGRAM [ARGUMENT...]: run a program as that user and, once it has named the path FROM
 * in a system call and made WHEN further calls, do to it what its caller could: KIND is "stop" (SIGSTOP sent by that
 * user, as kill(2) allows), "suspend" (SIGTSTP as the terminal sends it at Ctrl-Z), or "freeze:PATH" (its cgroup, made
 * before, is frozen). Prints "stopped", "protected" (kill was not permitted), or "ended STATUS" when it made no more
 * calls, then goes away; the program stays as it is. KIND "list" prints the number of each call instead.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int write_text(const char *directory, const char *name, const char *text)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    const ssize_t written = fd < 0 ? -1 : write(fd, text, strlen(text));
    if (fd >= 0)
        close(fd);
    return written < 0 ? -1 : 0;
}

/* As the caller, send SIGSTOP. False when the kernel does not permit it. */
static bool stop_as(uid_t uid, gid_t gid, pid_t target)
{
    int status = 0;
    const pid_t helper = fork();

    if (helper == 0) {
        if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
            _exit(2);
        _exit(kill(target, SIGSTOP) == 0 ? 0 : 1);
    }
    return waitpid(helper, &status, 0) == helper && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Whether the system call that the tracee enters has FROM for its first or second argument. */
static bool names_path(pid_t pid, const struct __ptrace_syscall_info *info, const char *from)
{
    char text[256];

    for (int i = 0; i < 2; i++) {
        struct iovec local = {text, strlen(from)};
        struct iovec remote = {(void *)(uintptr_t)info->entry.args[i], strlen(from)};
        if (process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)strlen(from) &&
            memcmp(text, from, strlen(from)) == 0)
            return true;
    }
    return false;
}

static int act(pid_t child, uid_t uid, gid_t gid, const char *kind)
{
    if (strcmp(kind, "stop") == 0) {
        const bool stopped = stop_as(uid, gid, child);
        puts(stopped ? "stopped" : "protected");
    } else if (strcmp(kind, "suspend") == 0) {
        puts(kill(child, SIGTSTP) == 0 ? "stopped" : "protected");
    } else {
        char pid[24];
        (void)snprintf(pid, sizeof pid, "%ld", (long)child);
        if (write_text(kind + strlen("freeze:"), "cgroup.procs", pid) != 0 ||
            write_text(kind + strlen("freeze:"), "cgroup.freeze", "1") != 0)
            return 2;
        puts("stopped");
    }
    return ptrace(PTRACE_DETACH, child, NULL, NULL) == 0 ? 0 : 2;
}

static int follow(pid_t child, uid_t uid, gid_t gid, const char *kind, const char *from, long when)
{
    bool begun = false;
    long calls = 0;
    int status = 0;
    long deliver = 0;

    for (;;) {
        if (ptrace(PTRACE_SYSCALL, child, NULL, deliver) != 0 || waitpid(child, &status, 0) != child)
            return 2;
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            printf("ended %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
            return 0;
        }
        deliver = 0;
        if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
            if (status >> 16 == 0)
                deliver = WSTOPSIG(status);
            continue;
        }
        struct __ptrace_syscall_info info;
        if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) <= 0 || info.op != PTRACE_SYSCALL_INFO_ENTRY)
            continue;
        begun = begun || names_path(child, &info, from);
        if (begun && strcmp(kind, "list") == 0)
            printf("call %llu\n", (unsigned long long)info.entry.nr);
        else if (begun && calls++ == when)
            return act(child, uid, gid, kind);
    }
}

int main(int argc, char **argv)
{
    int status = 0;

    if (argc < 7)
        return 2;
    const uid_t uid = (uid_t)strtoul(argv[1], NULL, 10);
    const gid_t gid = (gid_t)strtoul(argv[2], NULL, 10);
    const pid_t child = fork();
    if (child == 0) {
        if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
            _exit(126);
        (void)raise(SIGSTOP);
        execv(argv[6], argv + 6);
        _exit(127);
    }
    if (waitpid(child, &status, WUNTRACED) != child || ptrace(PTRACE_SEIZE, child, NULL, PTRACE_O_TRACESYSGOOD) != 0)
        return 2;
    printf("pid %ld\n", (long)child);
    fflush(stdout);
    if (kill(child, SIGCONT) != 0)
        return 2;
    status = follow(child, uid, gid, argv[3], argv[4], strtol(argv[5], NULL, 10));
    fflush(stdout);
    return status;
}
