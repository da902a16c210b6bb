#include "edges/spool.h"

#include "scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
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

static const struct sms365_mac_key key = {{'k'}}, other_key = {{'o'}};

/* A report of the message `id`, as a receiver takes it. */
static struct sms365_report make_report(const struct sms365_mac_key *maker, const char *status)
{
    char token[SMS365_TOKEN_SIZE];
    char query[128];
    struct sms365_report report;

    assert_true(sms365_token_make(token, maker, id));
    (void)snprintf(query, sizeof query, "t=%s&status=%s", token, status);
    assert_true(sms365_report_take(&report, query, strlen(query), maker));
    return report;
}

static int open_spool(const struct scratch *scratch)
{
    int dir = -1;

    assert_int_equal(sms365_spool_open(&dir, scratch->dir, NULL), SMS365_OK);
    return dir;
}

static void lies_there(struct scratch *scratch, const struct sms365_report *report)
{
    char name[SMS365_REPORT_NAME_SIZE];
    struct stat st;

    sms365_report_name(name, id);
    const char *path = scratch_path(scratch, name);
    char *text = scratch_read(path, NULL);
    assert_string_equal(text, report->text);
    free(text);
    assert_int_equal(lstat(path, &st), 0);
    assert_int_equal(st.st_mode, S_IFREG | 0640);
    assert_int_equal(st.st_nlink, 1);
    assert_int_equal(count(scratch), 1);
}

static void the_first_final_report_stays(void **state)
{
    struct scratch *scratch = *state;
    const struct sms365_report first = make_report(&key, "f"), second = make_report(&key, "d");
    const mode_t mask = umask(077);
    const int dir = open_spool(scratch);

    assert_int_equal(sms365_spool_keep(dir, &first, &key, NULL), SMS365_OK);
    lies_there(scratch, &first);
    assert_int_equal(sms365_spool_keep(dir, &first, &key, NULL), SMS365_EXISTS);
    assert_int_equal(sms365_spool_keep(dir, &second, &key, NULL), SMS365_EXISTS);
    lies_there(scratch, &first);
    (void)close(dir);
    (void)umask(mask);
}

static void what_is_no_final_report_of_ours_gives_way(void **state)
{
    struct scratch *scratch = *state;
    const struct sms365_report mine = make_report(&key, "d"), pending = make_report(&key, "s"),
                               foreign = make_report(&other_key, "f");
    const char *const texts[] = {"", "status=f", pending.text, foreign.text};
    const int dir = open_spool(scratch);
    char name[SMS365_REPORT_NAME_SIZE];

    sms365_report_name(name, id);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_true(remove(scratch_path(scratch, name)) == 0 || i == 0);
        (void)scratch_write(scratch, name, 0600, texts[i]);
        assert_int_equal(sms365_spool_keep(dir, &mine, &key, NULL), SMS365_OK);
        lies_there(scratch, &mine);
    }
    (void)close(dir);
}

struct twin {
    const char *path;
    const struct sms365_report *report;
    pthread_barrier_t *barrier;
    enum sms365_err code;
};

static void *keep_as_twin(void *context)
{
    struct twin *twin = context;
    const int dir = open(twin->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)pthread_barrier_wait(twin->barrier);
    twin->code = sms365_spool_keep(dir, twin->report, &key, NULL);
    (void)close(dir);
    return NULL;
}

static void threads_that_keep_one_report_at_a_time_lose_none(void **state)
{
    struct scratch *scratch = *state;
    const struct sms365_report report = make_report(&key, "d");
    char name[SMS365_REPORT_NAME_SIZE];

    sms365_report_name(name, id);
    for (int round = 0; round < 500; round++) {
        pthread_barrier_t barrier;
        pthread_t threads[2];
        struct twin twins[2];
        assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
        for (int i = 0; i < 2; i++) {
            twins[i] = (struct twin){scratch->dir, &report, &barrier, SMS365_IO};
            assert_int_equal(pthread_create(&threads[i], NULL, keep_as_twin, &twins[i]), 0);
        }
        for (int i = 0; i < 2; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
            assert_true(twins[i].code == SMS365_OK || twins[i].code == SMS365_EXISTS);
        }
        lies_there(scratch, &report);
        assert_int_equal(remove(scratch_path(scratch, name)), 0);
        (void)pthread_barrier_destroy(&barrier);
    }
}

static void a_link_gives_way_and_leads_nowhere(void **state)
{
    struct scratch *scratch = *state;
    const struct sms365_report mine = make_report(&key, "d");
    const char *target = scratch_write(scratch, "target", 0600, "precious");
    const int dir = open_spool(scratch);
    char name[SMS365_REPORT_NAME_SIZE];

    sms365_report_name(name, id);
    assert_int_equal(symlink("target", scratch_path(scratch, name)), 0);
    assert_int_equal(sms365_spool_keep(dir, &mine, &key, NULL), SMS365_OK);
    lies_there(scratch, &mine);
    char *text = scratch_read(target, NULL);
    assert_string_equal(text, "precious");
    free(text);
    (void)close(dir);
}

static void what_an_interrupted_writer_of_the_same_id_left_is_no_obstacle(void **state)
{
    struct scratch *scratch = *state;
    const struct sms365_report mine = make_report(&key, "d");
    const int dir = open_spool(scratch);
    char name[SMS365_REPORT_NAME_SIZE], left[64];

    sms365_report_name(name, id);
    (void)snprintf(left, sizeof left, ".%.32s.%ld", name, (long)gettid());
    (void)scratch_write(scratch, left, 0640, "t=");
    assert_int_equal(sms365_spool_keep(dir, &mine, &key, NULL), SMS365_OK);
    lies_there(scratch, &mine);
    assert_false(is_there(scratch, left));
    (void)close(dir);
}

static void a_full_spool_takes_no_more_until_something_is_old(void **state)
{
    struct scratch *scratch = *state;
    const struct sms365_report mine = make_report(&key, "d");
    const int dir = open_spool(scratch);
    char name[32];
    struct sms365_error err = {0};

    for (unsigned i = 0; i < SMS365_SPOOL_FILES_MAX; i++) {
        (void)snprintf(name, sizeof name, "%u.report", i);
        const int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        (void)close(fd);
    }
    assert_int_equal(sms365_spool_keep(dir, &mine, &key, &err), SMS365_FULL);
    assert_contains(err.text, "4096 files");
    assert_int_equal(count(scratch), SMS365_SPOOL_FILES_MAX);
    leave(scratch, "77.report", SMS365_SPOOL_KEEP_S + 60);
    assert_int_equal(sms365_spool_keep(dir, &mine, &key, NULL), SMS365_OK);
    assert_false(is_there(scratch, "77.report"));
    assert_int_equal(count(scratch), SMS365_SPOOL_FILES_MAX);
    (void)close(dir);
}

static void a_spool_that_is_missing_open_to_all_or_removed_is_told(void **state)
{
    struct scratch *scratch = *state;
    const struct sms365_report mine = make_report(&key, "d");
    const char *path = scratch_path(scratch, "spool");
    struct sms365_error err = {0};
    int dir = -1;

    assert_int_equal(sms365_spool_open(&dir, path, &err), SMS365_NOT_FOUND);
    assert_contains(err.text, path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, 01777), 0);
    assert_int_equal(sms365_spool_open(&dir, path, &err), SMS365_BAD_OWNER);
    assert_contains(err.text, "chmod o-w");
    assert_int_equal(chmod(path, 0700), 0);
    assert_int_equal(sms365_spool_open(&dir, path, &err), SMS365_OK);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(sms365_spool_keep(dir, &mine, &key, &err), SMS365_NOT_FOUND);
    (void)close(dir);
    (void)scratch_write(scratch, "spool", 0600, "");
    assert_int_equal(sms365_spool_open(&dir, path, &err), SMS365_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(old_reports_and_temporary_files_are_removed_and_nothing_else),
        scratch_test(what_is_no_file_stays),
        scratch_test(a_look_removes_a_bounded_number),
        scratch_test(the_first_final_report_stays),
        scratch_test(what_is_no_final_report_of_ours_gives_way),
        scratch_test(threads_that_keep_one_report_at_a_time_lose_none),
        scratch_test(a_link_gives_way_and_leads_nowhere),
        scratch_test(what_an_interrupted_writer_of_the_same_id_left_is_no_obstacle),
        scratch_test(a_full_spool_takes_no_more_until_something_is_old),
        scratch_test(a_spool_that_is_missing_open_to_all_or_removed_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
