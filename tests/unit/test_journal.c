#include "edges/journal_file.h"
#include "pure/conf.h"
#include "scratch.h"

#include <fcntl.h>
#include <sys/wait.h>

#define NOW 1800000000
#define SPAN(text) ((struct sms365_span){text, sizeof(text) - 1})

static const struct sms365_journal_line lines[] = {
    {SMS365_JOURNAL_REMEMBERED, {2, 0xff}, "app", "alice", "192.0.2.7", NOW, NOW + 86400},
    {SMS365_JOURNAL_ISSUED, {1, 0xff}, "app", "a b%\\\n\xc3\xa9", "2001:db8::1", NOW, NOW + 100},
    {SMS365_JOURNAL_REVOKED, {2}, "", "", "", 0, NOW + 100},
    {SMS365_JOURNAL_USER, {0}, "", "alice", "", NOW, 0},
    {SMS365_JOURNAL_ALL, {0}, "", "", "", NOW - 1000, 0},
};
#define LINES (sizeof lines / sizeof *lines)

static struct sms365_error err;

struct seen {
    struct sms365_journal_line lines[64];
    size_t count;
};

static bool see(void *context, const struct sms365_journal_line *line)
{
    struct seen *seen = context;

    assert_true(seen->count < 64);
    seen->lines[seen->count++] = *line;
    return true;
}

static void assert_same(const struct sms365_journal_line *a, const struct sms365_journal_line *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_memory_equal(a->id, b->id, sizeof a->id);
    assert_string_equal(a->service, b->service);
    assert_string_equal(a->user, b->user);
    assert_string_equal(a->address, b->address);
    assert_int_equal(a->when_s, b->when_s);
    assert_int_equal(a->expires_s, b->expires_s);
}

static void lines_come_back_as_they_were_written(void **state)
{
    struct sms365_journal_line back;
    struct sms365_buf text;

    (void)state;
    for (size_t i = 0; i < LINES; i++) {
        sms365_buf_init(&text, SMS365_JOURNAL_LINE_MAX);
        sms365_journal_write(&text, &lines[i]);
        assert_ptr_equal(strchr(sms365_buf_text(&text), '\n'), text.data + text.length - 1);
        assert_true(sms365_journal_read(&back, text.data, text.length - 1));
        assert_same(&back, &lines[i]);
        sms365_buf_free(&text);
    }
}

static void other_lines_are_none(void **state)
{
    static const char *const others[] = {"", " ", "revoked", "revoked-all", "revoked-all x", "revoked-all 1 2",
        "revoked-all -1", "revoked-all 99999999999999999999", "revoked 01 5", "revoked-user %4 5", "revoked-user %zz 5",
        "revoked-user a%00b 5", "Revoked-all 5", "revoked-all  5", "revoked-all 5 ",
        "issued 01000000000000000000000000000000 s u a 1", "issued 01000000000000000000000000000000 s u a 1 2 3"};
    struct sms365_journal_line line;

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (sms365_journal_read(&line, others[i], strlen(others[i])))
            fail_msg("%s", others[i]);
    assert_true(sms365_journal_read(&line, "revoked-all 5xxx", strlen("revoked-all 5")));
    assert_false(sms365_journal_read(&line, "revoked-all\0 5", sizeof "revoked-all\0 5" - 1));
}

static void what_is_revoked_is_found(void **state)
{
    struct sms365_revoked revoked = {.ids = NULL};
    const uint8_t id[SMS365_TICKET_ID_BYTES] = {1, 0xff}, other[SMS365_TICKET_ID_BYTES] = {2};

    (void)state;
    assert_false(sms365_revoked_has(&revoked, id, SPAN("alice"), NOW));
    for (size_t i = 0; i < LINES; i++)
        assert_true(sms365_revoked_add(&revoked, &lines[i], NOW));
    assert_true(sms365_revoked_has(&revoked, other, SPAN("bob"), NOW));
    assert_false(sms365_revoked_has(&revoked, id, SPAN("bob"), NOW));
    assert_true(sms365_revoked_has(&revoked, id, SPAN("alice"), NOW));
    assert_true(sms365_revoked_has(&revoked, id, SPAN("alice"), NOW - 1));
    assert_false(sms365_revoked_has(&revoked, id, SPAN("alice"), NOW + 1));
    assert_false(sms365_revoked_has(&revoked, id, SPAN("alic"), NOW));
    assert_false(sms365_revoked_has(&revoked, id, SPAN("alicee"), NOW));
    assert_true(sms365_revoked_has(&revoked, id, SPAN("bob"), NOW - 1000));
    assert_false(sms365_revoked_has(&revoked, id, SPAN("bob"), NOW - 999));
    sms365_revoked_free(&revoked);
    assert_false(sms365_revoked_has(&revoked, other, SPAN("bob"), NOW - 1000));
}

static void many_are_kept_in_order(void **state)
{
    struct sms365_revoked revoked = {.ids = NULL};
    struct sms365_journal_line line = {.kind = SMS365_JOURNAL_REVOKED, .expires_s = NOW};

    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        const unsigned which = i * 7919 % 1000;
        line.id[0] = (uint8_t)(which >> 8);
        line.id[15] = (uint8_t)which;
        assert_true(sms365_revoked_add(&revoked, &line, NOW));
        (void)snprintf(line.user, sizeof line.user, "user-%u", which);
        line.kind = i % 2 == 0 ? SMS365_JOURNAL_USER : SMS365_JOURNAL_REVOKED;
        line.when_s = i;
    }
    assert_true(revoked.id_count <= 1000);
    for (size_t i = 1; i < 1000; i++) {
        memset(line.id, 0, sizeof line.id);
        line.id[0] = (uint8_t)(i >> 8);
        line.id[15] = (uint8_t)i;
        line.id[7] = 1;
        assert_false(sms365_revoked_has(&revoked, line.id, SPAN("nobody"), NOW));
    }
    sms365_revoked_free(&revoked);
}

/* A logout each second, of sessions that would have lasted an hour. */
static void what_has_expired_takes_no_room(void **state)
{
    enum { LIFE_S = 3600, LOGOUTS = 20 * LIFE_S };
    struct sms365_revoked revoked = {.ids = NULL};
    struct sms365_journal_line line = {.kind = SMS365_JOURNAL_REVOKED};

    (void)state;
    for (int64_t now_s = 0; now_s < LOGOUTS; now_s++) {
        memcpy(line.id, &now_s, sizeof now_s);
        line.expires_s = now_s + LIFE_S;
        assert_true(sms365_revoked_add(&revoked, &line, now_s));
    }
    assert_true(revoked.id_room < 3 * LIFE_S);
    for (int64_t i = LOGOUTS - LIFE_S; i < LOGOUTS; i++) {
        memcpy(line.id, &i, sizeof i);
        assert_true(sms365_revoked_has(&revoked, line.id, SPAN("nobody"), NOW));
    }
    sms365_revoked_free(&revoked);
}

static void readers_follow_what_is_added(void **state)
{
    struct scratch *scratch = *state;
    struct sms365_journal_place place = {0};
    struct seen seen = {.count = 0};

    assert_int_equal(sms365_journal_follow(scratch->dir, &place, see, &seen, &err), SMS365_OK);
    assert_int_equal(seen.count, 0);
    for (size_t i = 0; i < LINES; i++) {
        assert_int_equal(sms365_journal_add(scratch->dir, &lines[i], NOW, &err), SMS365_OK);
        assert_int_equal(sms365_journal_follow(scratch->dir, &place, see, &seen, &err), SMS365_OK);
        assert_int_equal(seen.count, i + 1);
        assert_same(&seen.lines[i], &lines[i]);
    }
    assert_int_equal(sms365_journal_follow(scratch->dir, &place, see, &seen, &err), SMS365_OK);
    assert_int_equal(seen.count, LINES);
}

static void a_line_that_was_cut_off_costs_none_but_itself(void **state)
{
    struct scratch *scratch = *state;
    struct sms365_journal_place place = {0};
    struct seen seen = {.count = 0};

    (void)scratch_write(scratch, SMS365_JOURNAL_FILE, 0600, "rubbish\nrevoked-all 5\nrevoked-us");
    assert_int_equal(sms365_journal_follow(scratch->dir, &place, see, &seen, &err), SMS365_OK);
    assert_int_equal(seen.count, 1);
    assert_int_equal(sms365_journal_add(scratch->dir, &lines[2], NOW, &err), SMS365_OK);
    assert_int_equal(sms365_journal_follow(scratch->dir, &place, see, &seen, &err), SMS365_OK);
    assert_int_equal(seen.count, 2);
    assert_same(&seen.lines[1], &lines[2]);
}

static void a_journal_that_is_not_our_own_is_refused(void **state)
{
    struct scratch *scratch = *state;
    struct sms365_journal_place place = {0};
    struct seen seen = {.count = 0};
    const char *path = scratch_write(scratch, SMS365_JOURNAL_FILE, 0644, "revoked-all 5\n");

    assert_int_equal(sms365_journal_follow(scratch->dir, &place, see, &seen, &err), SMS365_BAD_OWNER);
    assert_int_equal(sms365_journal_add(scratch->dir, &lines[0], NOW, &err), SMS365_BAD_OWNER);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(chown(path, SCRATCH_STRANGER, 0), 0);
    assert_int_equal(sms365_journal_follow(scratch->dir, &place, see, &seen, &err), SMS365_BAD_OWNER);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(sms365_journal_add(scratch->dir, &lines[0], NOW, &err), SMS365_IO);
    assert_int_equal(sms365_journal_follow(scratch->dir, &place, see, &seen, &err), SMS365_IO);
    assert_int_equal(seen.count, 0);
}

static bool count(void *context, const struct sms365_journal_line *line)
{
    (void)line;
    ++*(size_t *)context;
    return true;
}

static void a_large_journal_loses_what_has_expired(void **state)
{
    struct scratch *scratch = *state;
    struct sms365_journal_place place = {0};
    struct sms365_journal_line old = lines[0];
    const char *path = scratch_path(scratch, SMS365_JOURNAL_FILE);
    struct sms365_buf text;
    struct stat status;
    size_t found = 0;

    old.expires_s = NOW;
    sms365_buf_init(&text, 2 * SMS365_JOURNAL_SHRINK_BYTES);
    sms365_journal_write(&text, &lines[1]);
    while (text.length < SMS365_JOURNAL_SHRINK_BYTES - 200)
        sms365_journal_write(&text, &old);
    (void)scratch_write(scratch, SMS365_JOURNAL_FILE, 0600, sms365_buf_text(&text));
    assert_int_equal(sms365_journal_follow(scratch->dir, &place, count, &found, &err), SMS365_OK);
    for (int added = 0; added < 10; added++)
        assert_int_equal(sms365_journal_add(scratch->dir, &lines[2], NOW, &err), SMS365_OK);
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_size < 1000);
    assert_int_equal(status.st_mode & 07777, 0600);
    found = 0;
    assert_int_equal(sms365_journal_follow(scratch->dir, &place, count, &found, &err), SMS365_OK);
    assert_int_equal(found, 11);
    sms365_buf_free(&text);
}

/* Sessions live for so many seconds at most, remembered browsers for so many days. */
static int64_t longest_credential_s(void)
{
    size_t count;
    const struct sms365_option *table = sms365_conf_table(&count);
    int64_t longest_s = 0;

    for (size_t i = 0; i < count; i++) {
        const int64_t unit_s = strcmp(table[i].name, "session_life") == 0 ? 1
                               : strcmp(table[i].name, "remember") == 0   ? 86400
                                                                          : 0;
        if (unit_s * table[i].max > longest_s)
            longest_s = unit_s * table[i].max;
    }
    return longest_s;
}

static void a_revocation_stays_as_long_as_what_it_revokes_may_be_good(void **state)
{
    const int64_t life_s = longest_credential_s();
    struct scratch *scratch = *state;
    struct sms365_journal_line old = lines[0];
    struct sms365_journal_line revoked = {.kind = SMS365_JOURNAL_USER, .when_s = NOW, .user = "alice"};
    const char *path = scratch_path(scratch, SMS365_JOURNAL_FILE);
    struct sms365_buf text, line;
    size_t length;

    assert_true(life_s >= 90 * 86400);
    old.expires_s = NOW;
    sms365_buf_init(&line, 1000);
    sms365_journal_write(&line, &revoked);
    sms365_buf_init(&text, 2 * SMS365_JOURNAL_SHRINK_BYTES);
    sms365_buf_add(&text, line.data, line.length);
    while (text.length < SMS365_JOURNAL_SHRINK_BYTES - 200)
        sms365_journal_write(&text, &old);
    (void)scratch_write(scratch, SMS365_JOURNAL_FILE, 0600, sms365_buf_text(&text));
    for (int added = 0; added < 10; added++)
        assert_int_equal(sms365_journal_add(scratch->dir, &old, NOW + life_s + 3600, &err), SMS365_OK);
    char *left = scratch_read(path, &length);
    assert_true(length < SMS365_JOURNAL_SHRINK_BYTES);
    assert_memory_equal(left, line.data, line.length);
    free(left);
    sms365_buf_free(&line);
    sms365_buf_free(&text);
}

static void many_writers_lose_no_line(void **state)
{
    struct scratch *scratch = *state;
    struct sms365_journal_place place = {0};
    size_t found = 0;

    for (int i = 0; i < 4; i++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child > 0)
            continue;
        for (int j = 0; j < 50; j++)
            if (sms365_journal_add(scratch->dir, &lines[1], NOW, &err) != SMS365_OK)
                _exit(1);
        _exit(0);
    }
    for (int i = 0; i < 4; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(sms365_journal_follow(scratch->dir, &place, count, &found, &err), SMS365_OK);
    assert_int_equal(found, 200);
}

#define SCRATCH_TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_back_as_they_were_written),
        cmocka_unit_test(other_lines_are_none),
        cmocka_unit_test(what_is_revoked_is_found),
        cmocka_unit_test(many_are_kept_in_order),
        cmocka_unit_test(what_has_expired_takes_no_room),
        SCRATCH_TEST(readers_follow_what_is_added),
        SCRATCH_TEST(a_line_that_was_cut_off_costs_none_but_itself),
        SCRATCH_TEST(a_journal_that_is_not_our_own_is_refused),
        SCRATCH_TEST(a_large_journal_loses_what_has_expired),
        scratch_test(a_revocation_stays_as_long_as_what_it_revokes_may_be_good),
        SCRATCH_TEST(many_writers_lose_no_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
