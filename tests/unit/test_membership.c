/* Whose group needs no code: nobody's as long as a lookup fails. */
#include "edges/membership.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#define SPARED 50
#define NEEDY 51

/* The name service: alice is in the group spared, and what it answers to each question. */
static struct {
    int user, group;       /* an errno; -1: there is none */
    const char *for_group; /* the one for which group is meant; NULL: all */
    int groups;            /* of alice's; 0: more than anybody makes room for */
    unsigned lists;        /* how often they were asked for */
} service;

int __wrap_getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size, struct passwd **result);
int __wrap_getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size, struct passwd **result)
{
    (void)buffer;
    (void)size;
    assert_string_equal(name, "alice");
    *entry = (struct passwd){.pw_uid = 1000, .pw_gid = 100};
    *result = service.user == 0 ? entry : NULL;
    return service.user == -1 ? 0 : service.user;
}

int __wrap_getgrnam_r(const char *name, struct group *entry, char *buffer, size_t size, struct group **result);
int __wrap_getgrnam_r(const char *name, struct group *entry, char *buffer, size_t size, struct group **result)
{
    const bool meant = service.for_group == NULL || strcmp(service.for_group, name) == 0;

    (void)buffer;
    (void)size;
    *entry = (struct group){.gr_gid = strcmp(name, "spared") == 0 ? SPARED : NEEDY};
    *result = meant && service.group != 0 ? NULL : entry;
    return meant && service.group != -1 ? service.group : 0;
}

int __wrap_getgrouplist(const char *name, gid_t gid, gid_t *groups, int *count);
int __wrap_getgrouplist(const char *name, gid_t gid, gid_t *groups, int *count)
{
    const int room = *count;

    assert_string_equal(name, "alice");
    service.lists++;
    if (service.groups == 0)
        return -1;
    *count = service.groups;
    if (room < service.groups)
        return -1;
    for (int i = 0; i < service.groups; i++)
        groups[i] = i == service.groups - 1 ? SPARED : gid + (gid_t)i;
    return service.groups;
}

static bool exempt(const char *groups)
{
    return sms365_group_exempt(groups, "alice", &(struct sms365_log){NULL, NULL});
}

static int answering(void **state)
{
    (void)state;
    memset(&service, 0, sizeof service);
    service.groups = 2;
    return 0;
}

static void a_member_of_an_exempt_group_needs_no_code(void **state)
{
    (void)state;
    assert_true(exempt("!spared"));
    assert_true(exempt("needy !spared"));
    assert_false(exempt("!needy"));
    assert_false(exempt("spared"));
    assert_false(exempt(""));
}

static void of_many_groups_the_last_one_counts_too(void **state)
{
    (void)state;
    service.groups = 1000;
    assert_true(exempt("!spared"));
    assert_int_equal(service.lists, 2);
}

static void a_lookup_that_fails_needs_a_code(void **state)
{
    static const int errors[] = {-1, EIO, EAGAIN, ENOMEM, EMFILE, ERANGE};

    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        (void)answering(state);
        service.user = errors[i];
        assert_false(exempt("!spared"));
        (void)answering(state);
        service.group = errors[i];
        assert_false(exempt("!spared"));
        assert_false(exempt("spared"));
        service.for_group = "needy";
        assert_false(exempt("needy !spared"));
        assert_false(exempt("!spared !needy"));
        assert_true(exempt("!spared"));
    }
}

static void groups_without_an_end_need_a_code(void **state)
{
    (void)state;
    service.groups = 0;
    assert_false(exempt("!spared"));
    assert_in_range(service.lists, 2, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_member_of_an_exempt_group_needs_no_code, answering),
        cmocka_unit_test_setup(of_many_groups_the_last_one_counts_too, answering),
        cmocka_unit_test_setup(a_lookup_that_fails_needs_a_code, answering),
        cmocka_unit_test_setup(groups_without_an_end_need_a_code, answering),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
