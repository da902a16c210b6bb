#include "edges/file_safe.h"

#include "scratch.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define CAP 100

static void expect_refusal(const char *path, enum sms365_file_mode mode, enum sms365_err code, const char *part)
{
    struct sms365_error err = {0};
    struct sms365_buf text;

    assert_int_equal(sms365_file_read(&text, path, mode, CAP, &err), code);
    assert_int_equal(err.code, code);
    assert_int_equal(strncmp(err.text, path, strlen(path)), 0);
    if (strstr(err.text, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, part);
    assert_null(text.data);
    sms365_buf_free(&text);
}

static void expect_contents(const char *path, const char *contents)
{
    struct sms365_error err = {0};
    struct sms365_buf text;

    if (sms365_file_read(&text, path, SMS365_FILE_PUBLIC, CAP, &err) != SMS365_OK)
        fail_msg("%s", err.text);
    assert_string_equal(sms365_buf_text(&text), contents);
    sms365_buf_free(&text);
}

static mode_t mode_of(const char *path)
{
    struct stat st;

    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode & 07777;
}

static size_t files_in(const struct scratch *scratch)
{
    size_t count = 0;
    DIR *dir = opendir(scratch->dir);

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count - 2; /* . and .. */
}

static void a_safe_file_is_read_whole(void **state)
{
    struct scratch *scratch = *state;
    struct sms365_secret secret = {0};
    char long_text[CAP + 1];

    expect_contents(scratch_write(scratch, "f", 0644, "two\nlines"), "two\nlines");
    expect_contents(scratch_write(scratch, "empty", 0600, ""), "");
    memset(long_text, 'x', CAP);
    long_text[CAP] = '\0';
    expect_contents(scratch_write(scratch, "full", 0600, long_text), long_text);
    const char *path = scratch_write_bytes(scratch, "raw", 0600, "a\0b", 3);
    assert_int_equal(sms365_file_read_secret(&secret, path, CAP, NULL), SMS365_OK);
    assert_int_equal(secret.length, 3);
    assert_memory_equal(secret.data, "a\0b", 4);
    sms365_secret_free(&secret);
}

static void a_missing_file_is_told_apart(void **state)
{
    struct scratch *scratch = *state;

    expect_refusal(scratch_path(scratch, "none"), SMS365_FILE_PUBLIC, SMS365_NOT_FOUND, "No such file");
    expect_refusal(scratch_path(scratch, "none/none"), SMS365_FILE_PUBLIC, SMS365_NOT_FOUND, "its directory");
}

static void a_foreign_owner_is_refused(void **state)
{
    const char *path = scratch_write(*state, "f", 0600, "x");

    assert_int_equal(chown(path, SCRATCH_STRANGER, 0), 0);
    expect_refusal(path, SMS365_FILE_PUBLIC, SMS365_BAD_OWNER, "user id 65534, not to root; run: chown root /tmp");
}

static void what_others_may_write_is_refused(void **state)
{
    const char *path = scratch_write(*state, "f", 0664, "x");

    expect_refusal(path, SMS365_FILE_PUBLIC, SMS365_BAD_OWNER, "(mode 0664); run: chmod go-w /tmp");
    assert_int_equal(chmod(path, 0602), 0);
    expect_refusal(path, SMS365_FILE_PUBLIC, SMS365_BAD_OWNER, "chmod go-w");
}

static void a_secret_that_others_may_read_is_refused(void **state)
{
    static const mode_t modes[] = {0640, 0604, 0610, 0644};
    const char *path = scratch_write(*state, "f", 0600, "x");

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        expect_refusal(path, SMS365_FILE_SECRET, SMS365_BAD_OWNER, "run: chmod 0600 /tmp");
        expect_contents(path, "x");
    }
}

static void a_directory_that_others_may_write_is_refused(void **state)
{
    struct scratch *scratch = *state;
    const char *path = scratch_write(scratch, "f", 0600, "x");

    assert_int_equal(chmod(scratch->dir, 0770), 0);
    expect_refusal(path, SMS365_FILE_PUBLIC, SMS365_BAD_OWNER, "its directory (mode 0770)");
    assert_int_equal(chmod(scratch->dir, 01777), 0);
    expect_refusal(path, SMS365_FILE_PUBLIC, SMS365_BAD_OWNER, "run: chmod go-w /tmp");
    assert_int_equal(chmod(scratch->dir, 0755), 0);
    expect_contents(path, "x");
    assert_int_equal(chown(scratch->dir, SCRATCH_STRANGER, 0), 0);
    expect_refusal(path, SMS365_FILE_PUBLIC, SMS365_BAD_OWNER, "its directory belongs to user id 65534");
}

static void a_symbolic_link_is_refused(void **state)
{
    struct scratch *scratch = *state;
    const char *link = scratch_path(scratch, "link");

    assert_int_equal(symlink(scratch_write(scratch, "f", 0600, "x"), link), 0);
    expect_refusal(link, SMS365_FILE_PUBLIC, SMS365_BAD_OWNER, "a symbolic link");
}

static void a_pipe_a_socket_or_a_directory_is_refused_at_once(void **state)
{
    struct scratch *scratch = *state;
    const char *pipe = scratch_path(scratch, "pipe");
    const char *dir = scratch_path(scratch, "dir");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    /* Blocking would end in the alarm: the process is killed, and the test with it. */
    (void)alarm(20);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    expect_refusal(pipe, SMS365_FILE_SECRET, SMS365_BAD_OWNER, "not a regular file");
    assert_int_equal(mkdir(dir, 0700), 0);
    expect_refusal(dir, SMS365_FILE_PUBLIC, SMS365_BAD_OWNER, "not a regular file");
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/s", scratch->dir);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    expect_refusal(scratch_path(scratch, "s"), SMS365_FILE_PUBLIC, SMS365_BAD_OWNER, "not a regular file");
    (void)close(fd);
    (void)alarm(0);
}

static void a_file_beyond_the_cap_is_refused(void **state)
{
    struct sms365_secret secret = {0};
    struct sms365_error err = {0};
    char text[CAP + 2];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    const char *path = scratch_write(*state, "f", 0600, text);
    expect_refusal(path, SMS365_FILE_PUBLIC, SMS365_FULL, "larger than the 100 bytes");
    assert_int_equal(sms365_file_read_secret(&secret, path, CAP, &err), SMS365_FULL);
    assert_null(secret.data);
    /* A file whose size the kernel does not know beforehand is capped while it is read. */
    expect_refusal("/proc/self/smaps", SMS365_FILE_PUBLIC, SMS365_FULL, "larger than the 100 bytes");
}

static void paths_that_name_no_file_are_refused(void **state)
{
    (void)state;
    expect_refusal("/tmp/", SMS365_FILE_PUBLIC, SMS365_BAD_ARGUMENT, "not the path of a file");
    expect_refusal("", SMS365_FILE_PUBLIC, SMS365_BAD_ARGUMENT, "not the path of a file");
}

static void a_file_is_made_once(void **state)
{
    struct scratch *scratch = *state;
    struct sms365_error err = {0};
    const char *path = scratch_path(scratch, "new");

    (void)umask(077);
    assert_int_equal(sms365_file_create(path, "one", 3, 0644, &err), SMS365_OK);
    assert_int_equal(mode_of(path), 0644);
    assert_int_equal(sms365_file_create(path, "two", 3, 0600, &err), SMS365_EXISTS);
    expect_contents(path, "one");
    assert_int_equal(symlink("nowhere", scratch_path(scratch, "link")), 0);
    assert_int_equal(sms365_file_create(scratch_path(scratch, "link"), "x", 1, 0600, &err), SMS365_EXISTS);
    assert_int_equal(files_in(scratch), 2);
    (void)umask(022);
}

static void replacing_keeps_owner_and_mode(void **state)
{
    struct scratch *scratch = *state;
    struct sms365_error err = {0};
    struct stat st;
    const char *path = scratch_write(scratch, "f", 0640, "old");

    assert_int_equal(chown(path, 0, SCRATCH_STRANGER), 0);
    assert_int_equal(sms365_file_replace(path, "new", 3, 0644, &err), SMS365_OK);
    expect_contents(path, "new");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(st.st_gid, SCRATCH_STRANGER);
    assert_int_equal(sms365_file_replace(scratch_path(scratch, "g"), "fresh", 5, 0600, &err), SMS365_OK);
    assert_int_equal(mode_of(scratch_path(scratch, "g")), 0600);
    assert_int_equal(files_in(scratch), 2);
}

static int replace_as_stranger(const char *path, mode_t mode)
{
    int status = -1;
    const pid_t pid = fork();

    if (pid == 0)
        _exit(setresgid(SCRATCH_STRANGER, SCRATCH_STRANGER, SCRATCH_STRANGER) != 0 || setgroups(0, NULL) != 0 ||
                      setresuid(SCRATCH_STRANGER, SCRATCH_STRANGER, SCRATCH_STRANGER) != 0
                  ? 100
                  : (int)sms365_file_replace(path, "new", 3, mode, NULL));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_group_that_has_no_rights_may_change(void **state)
{
    struct scratch *scratch = *state;
    struct stat st;
    const char *path = scratch_write(scratch, "f", 0600, "old");

    assert_int_equal(chown(scratch->dir, SCRATCH_STRANGER, 0), 0);
    assert_int_equal(chown(path, SCRATCH_STRANGER, 0), 0);
    assert_int_equal(replace_as_stranger(path, 0600), SMS365_OK);
    char *text = scratch_read(path, NULL);
    assert_string_equal(text, "new");
    free(text);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_gid, SCRATCH_STRANGER);
    path = scratch_write(scratch, "g", 0640, "old");
    assert_int_equal(chown(path, SCRATCH_STRANGER, 0), 0);
    assert_int_equal(replace_as_stranger(path, 0640), SMS365_IO);
    text = scratch_read(path, NULL);
    assert_string_equal(text, "old");
    free(text);
    assert_int_equal(chown(scratch->dir, 0, 0), 0);
}

static void what_is_not_safe_is_not_replaced(void **state)
{
    struct scratch *scratch = *state;
    struct sms365_error err = {0};
    const char *path = scratch_write(scratch, "f", 0644, "old");
    const char *link = scratch_path(scratch, "link");

    assert_int_equal(sms365_file_replace(path, "new", 3, 0600, &err), SMS365_BAD_OWNER);
    assert_contains(err.text, "chmod 0600");
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(sms365_file_replace(link, "new", 3, 0644, &err), SMS365_BAD_OWNER);
    expect_contents(path, "old");
    assert_int_equal(chmod(scratch->dir, 0777), 0);
    assert_int_equal(sms365_file_replace(path, "new", 3, 0644, &err), SMS365_BAD_OWNER);
    assert_int_equal(sms365_file_create(scratch_path(scratch, "g"), "new", 3, 0644, &err), SMS365_BAD_OWNER);
    assert_int_equal(files_in(scratch), 2);
}

static void a_full_disk_leaves_the_old_contents(void **state)
{
    struct scratch *scratch = *state;
    struct sms365_error err = {0};
    const char *path = scratch_write(scratch, "f", 0600, "old");
    char much[8192] = "";
    int status = 0;

    const pid_t child = fork();
    if (child == 0) {
        /* A limit on the size of files stands for a disk without room. */
        (void)signal(SIGXFSZ, SIG_IGN);
        const struct rlimit limit = {1024, 1024};
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
            _exit(9);
        _exit(sms365_file_replace(path, much, sizeof much, 0600, &err) == SMS365_IO ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    expect_contents(path, "old");
    assert_int_equal(files_in(scratch), 1);
}

static void *let_go_when_asked(void *argument)
{
    const int *fds = argument;
    char byte;

    if (read(fds[0], &byte, 1) == 1)
        (void)close(fds[1]);
    return NULL;
}

static void a_lock_waits_for_its_holder(void **state)
{
    struct scratch *scratch = *state;
    const char *path = scratch_path(scratch, "f");
    struct sms365_error err = {0};
    int first = -1;
    int second = -1;
    int pipes[2];
    pthread_t thread;

    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(sms365_file_lock(&first, path, &err), SMS365_OK);
    assert_int_equal(mode_of(scratch_path(scratch, "f.lock")), 0600);
    int fds[2] = {pipes[0], first};
    assert_int_equal(pthread_create(&thread, NULL, let_go_when_asked, fds), 0);
    const int other = open(scratch_path(scratch, "f.lock"), O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
    assert_int_equal(errno, EWOULDBLOCK);
    assert_int_equal(write(pipes[1], "x", 1), 1);
    assert_int_equal(sms365_file_lock(&second, path, &err), SMS365_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)close(second);
    (void)close(other);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}

static void a_lock_held_for_too_long_is_told(void **state)
{
    struct scratch *scratch = *state;
    const char *path = scratch_path(scratch, "f");
    struct sms365_error err = {0};
    int first = -1;
    int second = -1;

    assert_int_equal(sms365_file_lock(&first, path, &err), SMS365_OK);
    assert_int_equal(sms365_file_lock(&second, path, &err), SMS365_BUSY);
    assert_contains(err.text, "fuser -v /tmp");
    assert_int_equal(second, -1);
    (void)close(first);
}

static void a_lock_that_others_could_hold_is_refused(void **state)
{
    struct scratch *scratch = *state;
    struct sms365_error err = {0};
    int fd = -1;

    (void)scratch_write(scratch, "f.lock", 0644, "");
    assert_int_equal(sms365_file_lock(&fd, scratch_path(scratch, "f"), &err), SMS365_BAD_OWNER);
    assert_int_equal(symlink("target", scratch_path(scratch, "g.lock")), 0);
    assert_int_equal(sms365_file_lock(&fd, scratch_path(scratch, "g"), &err), SMS365_IO);
    assert_int_equal(fd, -1);
}

static void no_descriptor_is_left_open(void **state)
{
    struct scratch *scratch = *state;
    struct sms365_buf text;
    int lock = -1;
    const int before = dup(0);

    (void)close(before);
    (void)scratch_write(scratch, "f", 0666, "x");
    (void)sms365_file_read(&text, scratch_path(scratch, "f"), SMS365_FILE_PUBLIC, CAP, NULL);
    (void)sms365_file_read(&text, scratch_path(scratch, "none"), SMS365_FILE_PUBLIC, CAP, NULL);
    (void)sms365_file_replace(scratch_path(scratch, "f"), "y", 1, 0644, NULL);
    (void)sms365_file_create(scratch_path(scratch, "f"), "y", 1, 0644, NULL);
    (void)sms365_file_create(scratch_path(scratch, "g"), "y", 1, 0644, NULL);
    (void)scratch_write(scratch, "f.lock", 0666, "");
    (void)sms365_file_lock(&lock, scratch_path(scratch, "f"), NULL);
    const int after = dup(0);
    (void)close(after);
    assert_int_equal(before, after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(a_safe_file_is_read_whole),
        scratch_test(a_missing_file_is_told_apart),
        scratch_test(a_foreign_owner_is_refused),
        scratch_test(what_others_may_write_is_refused),
        scratch_test(a_secret_that_others_may_read_is_refused),
        scratch_test(a_directory_that_others_may_write_is_refused),
        scratch_test(a_symbolic_link_is_refused),
        scratch_test(a_pipe_a_socket_or_a_directory_is_refused_at_once),
        scratch_test(a_file_beyond_the_cap_is_refused),
        scratch_test(paths_that_name_no_file_are_refused),
        scratch_test(a_file_is_made_once),
        scratch_test(replacing_keeps_owner_and_mode),
        scratch_test(a_group_that_has_no_rights_may_change),
        scratch_test(what_is_not_safe_is_not_replaced),
        scratch_test(a_full_disk_leaves_the_old_contents),
        scratch_test(a_lock_waits_for_its_holder),
        scratch_test(a_lock_held_for_too_long_is_told),
        scratch_test(a_lock_that_others_could_hold_is_refused),
        scratch_test(no_descriptor_is_left_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
