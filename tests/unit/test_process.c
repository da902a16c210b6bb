/* Who the holder of a challenge is: a session of processes, told by what no later process can have again. */
#include "edges/process.h"

#include "base/err.h"
#include "scratch.h"

#include <string.h>
#include <unistd.h>

#define BOOT "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0\n"

/* What this process sees of itself and of /proc; NULL: it is not there. */
static struct {
    pid_t session;
    uid_t uid;
    const char *stat, *boot;
    char asked[64]; /* the file of the session's leader */
} seen;

pid_t __wrap_getsid(pid_t pid);
pid_t __wrap_getsid(pid_t pid)
{
    assert_int_equal(pid, 0);
    return seen.session;
}

uid_t __wrap_getuid(void);
uid_t __wrap_getuid(void)
{
    return seen.uid;
}

/* A pipe with the text in it. */
static int opened(const char *text)
{
    int ends[2];

    if (text == NULL)
        return -1;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(close(ends[1]), 0);
    return ends[0];
}

int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    assert_int_equal(flags & O_ACCMODE, O_RDONLY);
    if (strcmp(path, "/proc/sys/kernel/random/boot_id") == 0)
        return opened(seen.boot);
    (void)snprintf(seen.asked, sizeof seen.asked, "%s", path);
    return opened(seen.stat);
}

/* Of a process with this name, and with this start in field 22. */
#define STAT(name, start)                                                                                              \
    "4711 (" name ") S 1 4711 4711 34816 4711 4194560 1 2 3 4 5 6 7 8 20 0 1 0 " start                                 \
    " 8192 100 18446744073709551615\n"

static void look(void)
{
    seen.session = 4711;
    seen.uid = 1000;
    seen.stat = STAT("bash", "360365");
    seen.boot = BOOT;
}

static void expect_name(const char *expected)
{
    char name[SMS365_HOLDER_TEXT_SIZE];

    assert_int_equal(sms365_holder_self(name, &(struct sms365_error){0}), SMS365_OK);
    assert_string_equal(name, expected);
}

#define REST ":0f1e2d3c4b5a69788796a5b4c3d2e1f0"

static void a_session_is_told_by_user_leader_its_start_and_the_boot(void **state)
{
    (void)state;
    look();
    expect_name("session:1000:4711:360365" REST);
    assert_string_equal(seen.asked, "/proc/4711/stat");
    seen.uid = 1001;
    expect_name("session:1001:4711:360365" REST);
    look();
    seen.session = 4712;
    expect_name("session:1000:4712:360365" REST);
    assert_string_equal(seen.asked, "/proc/4712/stat");
    look();
    seen.boot = "ffffffff-ffff-ffff-ffff-ffffffffffff\n";
    expect_name("session:1000:4711:360365:ffffffffffffffffffffffffffffffff");
}

static void a_process_that_has_the_leader_s_number_later_is_another_holder(void **state)
{
    (void)state;
    look();
    seen.stat = STAT("bash", "360366");
    expect_name("session:1000:4711:360366" REST);
}

static void a_leader_s_name_does_not_move_its_start(void **state)
{
    static const char *const stats[] = {STAT("a b c", "360365"), STAT(") S 1 2 3", "360365"), STAT("", "360365")};

    (void)state;
    look();
    for (size_t i = 0; i < sizeof stats / sizeof *stats; i++) {
        seen.stat = stats[i];
        expect_name("session:1000:4711:360365" REST);
    }
}

/* Nobody can prove to be the holder then: no two names are the same. */
static void where_a_leader_cannot_be_told_everybody_is_another(void **state)
{
    static const char *const stats[] = {NULL, "", "4711", "4711 (bash) S 1 4711", "4711 (bash"};
    char one[SMS365_HOLDER_TEXT_SIZE], other[SMS365_HOLDER_TEXT_SIZE];

    (void)state;
    look();
    for (size_t i = 0; i < sizeof stats / sizeof *stats + 3; i++) {
        look();
        if (i < sizeof stats / sizeof *stats)
            seen.stat = stats[i];
        else if (i == sizeof stats / sizeof *stats)
            seen.boot = NULL;
        else if (i == sizeof stats / sizeof *stats + 1)
            seen.boot = "no boot id\n";
        else
            seen.session = 0;
        assert_int_equal(sms365_holder_self(one, &(struct sms365_error){0}), SMS365_OK);
        assert_int_equal(sms365_holder_self(other, &(struct sms365_error){0}), SMS365_OK);
        assert_memory_equal(one, "once:", 5);
        assert_int_equal(strlen(one), 5 + 32);
        assert_string_not_equal(one, other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_is_told_by_user_leader_its_start_and_the_boot),
        cmocka_unit_test(a_process_that_has_the_leader_s_number_later_is_another_holder),
        cmocka_unit_test(a_leader_s_name_does_not_move_its_start),
        cmocka_unit_test(where_a_leader_cannot_be_told_everybody_is_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
