/* A directory of its own for each test that needs files, and the writing of files into it. */
#ifndef SMS365_TEST_SCRATCH_H
#define SMS365_TEST_SCRATCH_H

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCRATCH_STRANGER 65534 /* a user id that is neither root nor ours */

struct scratch_name {
    struct scratch_name *next;
    char path[256];
};

struct scratch {
    char dir[64];
    struct scratch_name *names; /* handed out */
};

static inline int scratch_setup(void **state)
{
    struct scratch *scratch = calloc(1, sizeof *scratch);

    if (geteuid() != 0) {
        print_error("these tests change the owners of files: run them as root\n");
        free(scratch);
        return -1;
    }
    (void)umask(022);
    if (scratch == NULL)
        return -1;
    (void)snprintf(scratch->dir, sizeof scratch->dir, "/tmp/sms365-test-XXXXXX");
    *state = scratch;
    return mkdtemp(scratch->dir) == NULL ? -1 : 0;
}

static inline int scratch_remove_one(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)st;
    (void)type;
    (void)place;
    return remove(path);
}

static inline int scratch_teardown(void **state)
{
    struct scratch *scratch = *state;
    const int result = nftw(scratch->dir, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS);

    while (scratch->names != NULL) {
        struct scratch_name *next = scratch->names->next;
        free(scratch->names);
        scratch->names = next;
    }
    free(scratch);
    return result;
}

/* The path of name in the directory; valid until the test ends. */
static inline const char *scratch_path(struct scratch *scratch, const char *name)
{
    struct scratch_name *fresh = calloc(1, sizeof *fresh);

    assert_non_null(fresh);
    (void)snprintf(fresh->path, sizeof fresh->path, "%s/%s", scratch->dir, name);
    fresh->next = scratch->names;
    scratch->names = fresh;
    return fresh->path;
}

static inline const char *scratch_write_bytes(
    struct scratch *scratch, const char *name, mode_t mode, const void *data, size_t length)
{
    const char *path = scratch_path(scratch, name);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, length), (ssize_t)length);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
    return path;
}

static inline const char *scratch_write(struct scratch *scratch, const char *name, mode_t mode, const char *text)
{
    return scratch_write_bytes(scratch, name, mode, text, strlen(text));
}

/* The file's bytes, NUL-terminated; free() them. */
static inline char *scratch_read(const char *path, size_t *length)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    char *text = calloc(1, (size_t)st.st_size + 1);
    assert_non_null(text);
    assert_int_equal(read(fd, text, (size_t)st.st_size), st.st_size);
    (void)close(fd);
    if (length != NULL)
        *length = (size_t)st.st_size;
    return text;
}

#define assert_contains(text, part) assert_non_null(strstr((text), (part)))

#define scratch_test(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

#endif
