#include "edges/users.h"

#include "scratch.h"

#include <sys/wait.h>

#define FILE_TEXT                                                                                                      \
    "# who has which phone\n"                                                                                          \
    "alice: 306971234567;mcc=202;mnc=05;cost=1 306987654321\n"                                                         \
    "\n"                                                                                                               \
    "EXAMPLE\\Domain Users: 4915112345678;cost=0.07\r\n"                                                               \
    "\xce\xbd\xce\xaf\xce\xba\xce\xbf\xcf\x82:306971111111\n"                                                          \
    "bob :\t306972222222\t\n"                                                                                          \
    "last: 306973333333"

static void users_are_found_with_all_their_numbers(void **state)
{
    const char *path = scratch_write(*state, "users", 0644, FILE_TEXT);
    struct sms365_user user;

    assert_int_equal(sms365_users_find(&user, path, "alice", NULL, NULL), SMS365_OK);
    assert_int_equal(user.count, 2);
    assert_string_equal(user.numbers[0].msisdn, "306971234567");
    assert_string_equal(user.numbers[0].mcc, "202");
    assert_string_equal(user.numbers[0].mnc, "05");
    assert_string_equal(user.numbers[0].cost, "1");
    assert_string_equal(user.numbers[1].msisdn, "306987654321");
    assert_string_equal(user.numbers[1].mcc, "");
    assert_int_equal(sms365_users_find(&user, path, "EXAMPLE\\Domain Users", NULL, NULL), SMS365_OK);
    assert_string_equal(user.numbers[0].cost, "0.07");
    assert_int_equal(sms365_users_find(&user, path, "\xce\xbd\xce\xaf\xce\xba\xce\xbf\xcf\x82", NULL, NULL), SMS365_OK);
    assert_int_equal(sms365_users_find(&user, path, "bob", NULL, NULL), SMS365_OK);
    assert_int_equal(sms365_users_find(&user, path, "last", NULL, NULL), SMS365_OK);
    assert_string_equal(user.name, "last");
}

static void a_name_matches_whole_and_byte_for_byte(void **state)
{
    static const char *const names[] = {"ali", "Alice", "alice ", "", "#", "# who has which phone", "carol"};
    const char *path = scratch_write(*state, "users", 0644, FILE_TEXT);
    struct sms365_user user;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(sms365_users_find(&user, path, names[i], NULL, NULL), SMS365_NOT_FOUND);
}

static void every_bad_line_is_told_with_its_number(void **state)
{
    static const struct {
        const char *line, *wrong;
    } cases[] = {
        {"no colon here", "no colon"},
        {": 306971234567", "no user's name"},
        {"u:", "no number"},
        {"u: 12", "8 to 15 digits"},
        {"u: +306971234567", "8 to 15 digits"},
        {"u: 0306971234567", "8 to 15 digits"},
        {"u: 306971234567x", "8 to 15 digits"},
        {"u: 306971234567,306971234568", "8 to 15 digits"},
        {"u: 306971234567;mcc=20", ";mcc="},
        {"u: 306971234567;mcc=202;mcc=202", "once each"},
        {"u: 306971234567;cost=-1", ";cost="},
        {"u: 306971234567;cost=1.", ";cost="},
        {"u: 306971234567;cost=12345678901234567890", ";cost="},
        {"u: 306971234567;color=red", "nothing else"},
        {"u: 306971234567;", "nothing else"},
        {"u: 306971234567 306971234567", "twice"},
        {"u: 30697123450 30697123451 30697123452 30697123453 30697123454 30697123455 30697123456 30697123457 "
         "30697123458",
            "8 numbers"},
        {"u\x1b: 306971234567", "control character"},
        {"u\tv: 306971234567", "control character"},
        {"u: 306971234567;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "too long"},
    };
    struct sms365_buf text, problems;
    struct sms365_error err = {0};
    struct sms365_user user;

    sms365_buf_init(&text, 65536);
    sms365_buf_init(&problems, 65536);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        sms365_buf_printf(&text, "%s\n", cases[i].line);
    sms365_buf_printf(&text, "%0300d: 306971234567\ngood: 306971234567\n", 0);
    const char *path = scratch_write(*state, "users", 0644, sms365_buf_text(&text));
    assert_int_equal(sms365_users_find(&user, path, "good", &problems, &err), SMS365_BAD_CONFIG);
    assert_contains(err.text, "users:1: there is no colon");
    assert_contains(err.text, "more lines are wrong");
    const char *line = sms365_buf_text(&problems);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[32];
        char found[256];
        const size_t length = strcspn(line, "\n");
        assert_true(length < sizeof found);
        memcpy(found, line, length);
        found[length] = '\0';
        (void)snprintf(expected, sizeof expected, "users:%zu: ", i + 1);
        if (strstr(found, expected) == NULL || strstr(found, cases[i].wrong) == NULL)
            fail_msg("\"%s\" is told as \"%s\"", cases[i].line, found);
        line += length + 1;
    }
    assert_contains(line, "users:21: the user's name is too long");
    sms365_buf_free(&problems);
    sms365_buf_free(&text);
}

static void a_nul_byte_is_a_bad_line(void **state)
{
    static const char text[] = "alice: 306971234567\n# a\0b\nbo\0b: 306971234567\n";
    const char *path = scratch_write_bytes(*state, "users", 0644, text, sizeof text - 1);
    struct sms365_buf problems;
    struct sms365_user user;

    sms365_buf_init(&problems, 4096);
    assert_int_equal(sms365_users_find(&user, path, "alice", &problems, NULL), SMS365_BAD_CONFIG);
    assert_contains(sms365_buf_text(&problems), "users:2: there is a NUL byte");
    assert_contains(sms365_buf_text(&problems), "users:3: there is a NUL byte");
    sms365_buf_free(&problems);
}

static void a_user_on_two_lines_is_an_error(void **state)
{
    const char *path = scratch_write(*state, "users", 0644, "a: 306971234567\nb: 306971234567\na: 306971234568\n");
    struct sms365_error err = {0};
    struct sms365_user user;

    assert_int_equal(sms365_users_find(&user, path, "a", NULL, &err), SMS365_BAD_CONFIG);
    assert_contains(err.text, "users:3: this user stands on an earlier line");
}

static void without_any_user_nobody_can_tell_who_is_enrolled(void **state)
{
    static const char *const texts[] = {"", "\n\n", "# only a comment\n"};
    struct scratch *scratch = *state;
    struct sms365_error err = {0};
    struct sms365_user user;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *path = scratch_write(scratch, "users", 0644, texts[i]);
        assert_int_equal(sms365_users_find(&user, path, "alice", NULL, &err), SMS365_BAD_CONFIG);
        assert_contains(err.text, "no user in it");
    }
    assert_int_equal(
        sms365_users_find(&user, scratch_path(scratch, "missing"), "alice", NULL, &err), SMS365_BAD_CONFIG);
    assert_contains(err.text, "sms365 user add");
}

static void an_unsafe_file_is_not_believed(void **state)
{
    struct scratch *scratch = *state;
    const char *path = scratch_write(scratch, "users", 0664, FILE_TEXT);
    struct sms365_user user;

    assert_int_equal(sms365_users_find(&user, path, "alice", NULL, NULL), SMS365_BAD_OWNER);
    assert_int_equal(sms365_users_remove(path, "alice", NULL), SMS365_BAD_OWNER);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(chown(path, SCRATCH_STRANGER, 0), 0);
    assert_int_equal(sms365_users_find(&user, path, "alice", NULL, NULL), SMS365_BAD_OWNER);
}

static bool name_add(void *context, const struct sms365_user *user)
{
    struct sms365_buf *names = context;

    sms365_buf_printf(names, "%s=%zu,", user->name, user->count);
    return strcmp(user->name, "bob") != 0;
}

static void users_come_in_the_files_order_until_told_to_stop(void **state)
{
    struct scratch *scratch = *state;
    struct sms365_buf names;

    sms365_buf_init(&names, 1000);
    const char *path = scratch_write(scratch, "users", 0644, FILE_TEXT);
    assert_int_equal(sms365_users_each(path, name_add, &names, NULL), SMS365_OK);
    assert_string_equal(
        sms365_buf_text(&names), "alice=2,EXAMPLE\\Domain Users=1,\xce\xbd\xce\xaf\xce\xba\xce\xbf\xcf\x82=1,bob=1,");
    assert_int_equal(sms365_users_each(scratch_path(scratch, "missing"), name_add, &names, NULL), SMS365_OK);
    path = scratch_write(scratch, "users", 0644, "good: 306971234567\nbad\n");
    assert_int_equal(sms365_users_each(path, name_add, &names, NULL), SMS365_BAD_CONFIG);
    assert_null(strstr(sms365_buf_text(&names), "good"));
    sms365_buf_free(&names);
}

static struct sms365_user user_of(const char *name, const char *msisdn)
{
    struct sms365_user user = {.count = 1};

    assert_true(sms365_str_copy(user.name, sizeof user.name, name));
    assert_true(sms365_str_copy(user.numbers[0].msisdn, sizeof user.numbers[0].msisdn, msisdn));
    return user;
}

static void expect_text(const char *path, const char *text)
{
    char *found = scratch_read(path, NULL);

    assert_string_equal(found, text);
    free(found);
}

static void putting_replaces_one_line_and_keeps_the_rest(void **state)
{
    const char *path = scratch_write(*state, "users", 0640, "# top\na: 306971234567\n\nb: 306971234568\n# end");
    struct sms365_user user = user_of("a", "306979999999");

    (void)sms365_str_copy(user.numbers[0].mcc, sizeof user.numbers[0].mcc, "202");
    (void)sms365_str_copy(user.numbers[0].mnc, sizeof user.numbers[0].mnc, "05");
    (void)sms365_str_copy(user.numbers[0].cost, sizeof user.numbers[0].cost, "1.5");
    assert_int_equal(sms365_users_put(path, &user, NULL), SMS365_OK);
    expect_text(path, "# top\na: 306979999999;mcc=202;mnc=05;cost=1.5\n\nb: 306971234568\n# end");
    user = user_of("c d", "306970000000");
    assert_int_equal(sms365_users_put(path, &user, NULL), SMS365_OK);
    expect_text(path, "# top\na: 306979999999;mcc=202;mnc=05;cost=1.5\n\nb: 306971234568\n# end\nc d: 306970000000\n");
    assert_int_equal(sms365_users_remove(path, "b", NULL), SMS365_OK);
    assert_int_equal(sms365_users_remove(path, "b", NULL), SMS365_NOT_FOUND);
    assert_int_equal(sms365_users_remove(path, "c d", NULL), SMS365_OK);
    expect_text(path, "# top\na: 306979999999;mcc=202;mnc=05;cost=1.5\n\n# end\n");
}

static void the_first_user_makes_the_file(void **state)
{
    struct scratch *scratch = *state;
    const char *path = scratch_path(scratch, "users");
    const struct sms365_user user = user_of("a", "306971234567");
    struct stat st;

    assert_int_equal(sms365_users_remove(path, "a", NULL), SMS365_NOT_FOUND);
    assert_int_equal(sms365_users_put(path, &user, NULL), SMS365_OK);
    expect_text(path, "a: 306971234567\n");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void a_user_whose_line_would_read_otherwise_is_not_written(void **state)
{
    static const struct {
        const char *name, *msisdn;
    } cases[] = {{"a:b", "306971234567"}, {"#a", "306971234567"}, {" a", "306971234567"}, {"a ", "306971234567"},
        {"", "306971234567"}, {"a\nroot", "306971234567"}, {"a\tb", "306971234567"}, {"a", "+30697123456"}, {"a", ""},
        {"a: 306971111111\nb", "306971234567"}};
    struct scratch *scratch = *state;
    const char *path = scratch_write(scratch, "users", 0600, "z: 306971234567\n");

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct sms365_user user = user_of(cases[i].name, cases[i].msisdn);
        assert_int_equal(sms365_users_put(path, &user, NULL), SMS365_BAD_ARGUMENT);
    }
    struct sms365_user user = user_of("a", "306971234567");
    user.count = 0;
    assert_int_equal(sms365_users_put(path, &user, NULL), SMS365_BAD_ARGUMENT);
    user.count = SMS365_USER_NUMBERS_MAX + 1;
    assert_int_equal(sms365_users_put(path, &user, NULL), SMS365_BAD_ARGUMENT);
    expect_text(path, "z: 306971234567\n");
}

static void a_name_that_the_state_store_cannot_keep_is_refused(void **state)
{
    struct sms365_error err = {0};
    struct sms365_user user;
    char text[SMS365_RECORD_NAME_MAX + 32];

    for (int length = SMS365_RECORD_NAME_MAX; length <= SMS365_RECORD_NAME_MAX + 1; length++) {
        const bool fits = length == SMS365_RECORD_NAME_MAX;
        (void)snprintf(text, sizeof text, "%0*d: 306971234567\n", length, 0);
        const char *path = scratch_write(*state, "users", 0600, text);
        *strchr(text, ':') = '\0';
        if (sms365_users_find(&user, path, text, NULL, &err) != (fits ? SMS365_OK : SMS365_BAD_CONFIG))
            fail_msg("%d bytes: %s", length, err.text);
        if (fits)
            assert_int_equal(sms365_users_put(path, &user, NULL), SMS365_OK);
    }
    assert_contains(err.text, "users:1: the user's name is too long: it has 128 bytes at most");
}

static void a_file_with_a_bad_line_is_not_rewritten(void **state)
{
    const char *path = scratch_write(*state, "users", 0600, "a: 306971234567\nnonsense\n");
    const struct sms365_user user = user_of("b", "306971234567");

    assert_int_equal(sms365_users_put(path, &user, NULL), SMS365_BAD_CONFIG);
    assert_int_equal(sms365_users_remove(path, "a", NULL), SMS365_BAD_CONFIG);
    expect_text(path, "a: 306971234567\nnonsense\n");
}

static void writers_side_by_side_lose_nothing(void **state)
{
    enum { WRITERS = 4, USERS = 10 };
    const char *path = scratch_path(*state, "users");
    struct sms365_user user;
    char name[32];

    for (int writer = 0; writer < WRITERS; writer++) {
        if (fork() == 0) {
            for (int i = 0; i < USERS; i++) {
                (void)snprintf(name, sizeof name, "u%d-%d", writer, i);
                user = user_of(name, "306971234567");
                if (sms365_users_put(path, &user, NULL) != SMS365_OK)
                    _exit(1);
            }
            _exit(0);
        }
    }
    for (int writer = 0; writer < WRITERS; writer++) {
        int status = -1;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    for (int writer = 0; writer < WRITERS; writer++) {
        for (int i = 0; i < USERS; i++) {
            (void)snprintf(name, sizeof name, "u%d-%d", writer, i);
            assert_int_equal(sms365_users_find(&user, path, name, NULL, NULL), SMS365_OK);
        }
    }
}

/* Users to be merged: two of them are in FILE_TEXT. */
struct arrivals {
    size_t next;
    const char *confirmed; /* whose numbers may change */
    int breaks_at;         /* the user whose turn never comes; -1: none */
    int added, changed, same;
};

static const struct sms365_user arriving[] = {
    {.name = "carol", .numbers = {{.msisdn = "306974444444", .mcc = "202", .mnc = "05"}}, .count = 1},
    {.name = "alice", .numbers = {{.msisdn = "306975555555"}}, .count = 1},
    {.name = "bob", .numbers = {{.msisdn = "306972222222"}}, .count = 1},
    {.name = "dave", .numbers = {{.msisdn = "306976666666"}, {.msisdn = "306977777777"}}, .count = 2},
};
#define ARRIVING (sizeof arriving / sizeof *arriving)

static enum sms365_err arrivals_rewind(void *context, struct sms365_error *err)
{
    struct arrivals *arrivals = context;

    (void)err;
    arrivals->next = 0;
    arrivals->added = arrivals->changed = arrivals->same = 0;
    return SMS365_OK;
}

static enum sms365_err arrivals_next(void *context, struct sms365_user *user, struct sms365_error *err)
{
    struct arrivals *arrivals = context;

    (void)err;
    if ((int)arrivals->next == arrivals->breaks_at)
        return SMS365_IO;
    if (arrivals->next == ARRIVING)
        return SMS365_NOT_FOUND;
    *user = arriving[arrivals->next++];
    return SMS365_OK;
}

static enum sms365_users_verdict arrivals_decide(
    void *context, const struct sms365_user *there, const struct sms365_user *user)
{
    struct arrivals *arrivals = context;

    arrivals->added += there == NULL;
    if (there == NULL)
        return SMS365_USERS_PUT;
    const bool same = strcmp(there->numbers[0].msisdn, user->numbers[0].msisdn) == 0;
    arrivals->same += same;
    arrivals->changed += !same;
    return !same && strcmp(user->name, arrivals->confirmed) == 0 ? SMS365_USERS_PUT : SMS365_USERS_KEEP;
}

static enum sms365_err arrivals_merge(struct arrivals *arrivals, const char *path, bool write)
{
    const struct sms365_users_merge merge = {arrivals, arrivals_rewind, arrivals_next, arrivals_decide};

    return sms365_users_merge(path, &merge, write, NULL);
}

static void merging_adds_behind_and_changes_only_what_was_decided(void **state)
{
    const char *path = scratch_write(*state, "users", 0640, FILE_TEXT);
    struct arrivals arrivals = {.confirmed = "", .breaks_at = -1};

    assert_int_equal(arrivals_merge(&arrivals, path, false), SMS365_OK);
    assert_int_equal(arrivals.added, 2);
    assert_int_equal(arrivals.changed, 1);
    assert_int_equal(arrivals.same, 1);
    expect_text(path, FILE_TEXT);
    assert_int_equal(arrivals_merge(&arrivals, path, true), SMS365_OK);
    expect_text(path, FILE_TEXT "\ncarol: 306974444444;mcc=202;mnc=05\n"
                                "dave: 306976666666 306977777777\n");
    arrivals.confirmed = "alice";
    assert_int_equal(arrivals_merge(&arrivals, path, true), SMS365_OK);
    struct sms365_user user;
    assert_int_equal(sms365_users_find(&user, path, "alice", NULL, NULL), SMS365_OK);
    assert_string_equal(user.numbers[0].msisdn, "306975555555");
    assert_int_equal(user.count, 1);
    assert_int_equal(arrivals.added, 0);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
}

static void a_merge_that_breaks_off_changes_nothing(void **state)
{
    const char *path = scratch_write(*state, "users", 0644, FILE_TEXT);

    for (int at = 0; at <= (int)ARRIVING; at++) {
        struct arrivals arrivals = {.confirmed = "alice", .breaks_at = at};
        assert_int_equal(arrivals_merge(&arrivals, path, true), SMS365_IO);
        expect_text(path, FILE_TEXT);
    }
}

static void a_user_on_two_lines_is_not_merged(void **state)
{
    const char *path = scratch_write(*state, "users", 0644, "bob: 306972222222\nbob: 306972222223\n");
    struct arrivals arrivals = {.confirmed = "bob", .breaks_at = -1};

    assert_int_equal(arrivals_merge(&arrivals, path, true), SMS365_BAD_CONFIG);
    expect_text(path, "bob: 306972222222\nbob: 306972222223\n");
}

static void a_merge_of_very_many_keeps_each_of_them(void **state)
{
    const char *path = scratch_write(*state, "users", 0600, "");
    struct sms365_buf text;
    struct sms365_user user;

    sms365_buf_init(&text, 1 << 20);
    for (int i = 0; i < 3000; i++)
        sms365_buf_printf(&text, "user%d: 3069700%05d\n", i, i);
    path = scratch_write(*state, "users", 0600, sms365_buf_text(&text));
    struct arrivals arrivals = {.confirmed = "", .breaks_at = -1};
    assert_int_equal(arrivals_merge(&arrivals, path, true), SMS365_OK);
    assert_int_equal(arrivals.added, 4);
    assert_int_equal(sms365_users_find(&user, path, "user2999", NULL, NULL), SMS365_OK);
    assert_string_equal(user.numbers[0].msisdn, "306970002999");
    assert_int_equal(sms365_users_find(&user, path, "dave", NULL, NULL), SMS365_OK);
    sms365_buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(users_are_found_with_all_their_numbers),
        scratch_test(a_name_matches_whole_and_byte_for_byte),
        scratch_test(every_bad_line_is_told_with_its_number),
        scratch_test(a_nul_byte_is_a_bad_line),
        scratch_test(a_user_on_two_lines_is_an_error),
        scratch_test(without_any_user_nobody_can_tell_who_is_enrolled),
        scratch_test(an_unsafe_file_is_not_believed),
        scratch_test(users_come_in_the_files_order_until_told_to_stop),
        scratch_test(putting_replaces_one_line_and_keeps_the_rest),
        scratch_test(the_first_user_makes_the_file),
        scratch_test(a_user_whose_line_would_read_otherwise_is_not_written),
        scratch_test(a_name_that_the_state_store_cannot_keep_is_refused),
        scratch_test(a_file_with_a_bad_line_is_not_rewritten),
        scratch_test(writers_side_by_side_lose_nothing),
        scratch_test(merging_adds_behind_and_changes_only_what_was_decided),
        scratch_test(a_merge_that_breaks_off_changes_nothing),
        scratch_test(a_user_on_two_lines_is_not_merged),
        scratch_test(a_merge_of_very_many_keeps_each_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
