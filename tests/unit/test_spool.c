#include "edges/spool.h"

#include "scratch.h"

#include <dirent.h>
#include <time.h>

static const uint8_t id[SMS365_ID_BYTES] = {0x12, 0x34};

/* A file of this age in the directory. */
static void leave(struct scratch *scratch, const char *name, time_t age_s)
{
    const struct timespec then = {.tv_sec = time(NULL) - age_s};
    const struct timespec times[2] = {then, then};

    assert_int_equal(utimensat(AT_FDCWD, scratch_write(scratch, name, 0600, "status=d"), times, 0), 0);
}

static bool is_there(struct scratch *scratch, const char *name)
{
    struct stat st;

    return lstat(scratch_path(scratch, name), &st) == 0;
}

static void look(struct scratch *scratch, size_t expected)
{
    char out[SMS365_REPORT_MAX + 1];
    size_t length = 0;
    struct sms365_error err = {0};

    if (sms365_spool_wait(scratch->dir, id, false, 0, out, &length, &err) != SMS365_OK)
        fail_msg("%s", err.text);
    assert_int_equal(length, expected);
}

static void old_reports_and_temporary_files_are_removed_and_nothing_else(void **state)
{
    static const struct {
        const char *name;
        time_t age_s;
        bool stays;
    } files[] = {
        {"00112233445566778899aabbccddeeff.report", SMS365_SPOOL_KEEP_S + 60, false},
        {"10112233445566778899aabbccddeeff.report", SMS365_SPOOL_KEEP_S - 60, true},
        {".tmpold", SMS365_SPOOL_KEEP_S + 60, false},
        {".tmpnew", 0, true},
        {"notes.txt", SMS365_SPOOL_KEEP_S + 60, true},
        {"report", SMS365_SPOOL_KEEP_S + 60, true},
    };
    struct scratch *scratch = *state;
    char wanted[SMS365_REPORT_NAME_SIZE];

    sms365_report_name(wanted, id);
    leave(scratch, wanted, 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        leave(scratch, files[i].name, files[i].age_s);
    look(scratch, strlen("status=d"));
    assert_true(is_there(scratch, wanted));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (is_there(scratch, files[i].name) != files[i].stays)
            fail_msg("%s %s", files[i].name, files[i].stays ? "is gone" : "stays");
}

static void what_is_no_file_stays(void **state)
{
    struct scratch *scratch = *state;
    const struct timespec long_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    const char *directory = scratch_path(scratch, "d.report");
    const char *link = scratch_path(scratch, "l.report");

    assert_int_equal(mkdir(directory, 0700), 0);
    assert_int_equal(symlink("d.report", link), 0);
    assert_int_equal(utimensat(AT_FDCWD, directory, long_ago, 0), 0);
    assert_int_equal(utimensat(AT_FDCWD, link, long_ago, AT_SYMLINK_NOFOLLOW), 0);
    look(scratch, 0);
    assert_true(is_there(scratch, "d.report") && is_there(scratch, "l.report"));
}

static unsigned count(const struct scratch *scratch)
{
    DIR *dir = opendir(scratch->dir);
    unsigned names = 0;

    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        names += strstr(entry->d_name, ".report") != NULL;
    (void)closedir(dir);
    return names;
}

static void a_look_removes_a_bounded_number(void **state)
{
    enum { FILES = 3 * SMS365_SPOOL_SWEEP_MAX };
    struct scratch *scratch = *state;
    char name[32];

    for (unsigned i = 0; i < FILES; i++) {
        (void)snprintf(name, sizeof name, "%u.report", i);
        leave(scratch, name, SMS365_SPOOL_KEEP_S + 60);
    }
    for (unsigned left = FILES, looks = 0; left > 0; looks++) {
        look(scratch, 0);
        const unsigned now = count(scratch);
        assert_true(now < left && left - now <= SMS365_SPOOL_SWEEP_MAX);
        assert_true(looks < 5);
        left = now;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(old_reports_and_temporary_files_are_removed_and_nothing_else),
        scratch_test(what_is_no_file_stays),
        scratch_test(a_look_removes_a_bounded_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
