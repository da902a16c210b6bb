/* What `sms365 listen` is made of: who may connect, and what is left of a process that gave up its privileges. */
#include "listen.h"

#include "scratch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static struct sockaddr_storage make_address(const char *text)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        memcpy(&storage, &v4, sizeof v4);
    else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
        memcpy(&storage, &v6, sizeof v6);
    else
        fail_msg("%s", text);
    return storage;
}

static bool may_enter(const struct listen_peers *peers, const char *text)
{
    const struct sockaddr_storage address = make_address(text);

    return listen_peer_may_enter(peers, (const void *)&address);
}

static struct listen_peer *enter(struct listen_peers *peers, const char *text)
{
    const struct sockaddr_storage address = make_address(text);
    struct listen_peer *peer = listen_peer_add(peers, (const void *)&address, -1);

    assert_non_null(peer);
    return peer;
}

static void addresses_count_apart_and_ipv6_by_network(void **state)
{
    static const struct {
        const char *holder, *newcomer;
        bool same;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1", "::ffff:192.0.2.1", true},
        {"::ffff:192.0.2.1", "192.0.2.1", true},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
        {"2001:db8::1", "2001:db8::1", true},
        {"2001:db8::1", "2001:db8:0:0:ffff::1", true},
        {"2001:db8::1", "2001:db8:0:1::1", false},
        {"2001:db8::1", "192.0.2.1", false},
        {"192.0.2.1", "2001:db8::1", false},
        {"127.0.0.1", "127.0.0.1", false},
        {"127.0.0.2", "::ffff:127.0.0.2", false},
        {"::1", "::1", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct listen_peers peers = {NULL, NULL};
        for (unsigned held = 0; held < LISTEN_PEER_CONNECTIONS_MAX; held++) {
            assert_true(may_enter(&peers, cases[i].newcomer));
            (void)enter(&peers, cases[i].holder);
        }
        if (may_enter(&peers, cases[i].newcomer) == cases[i].same)
            fail_msg("%s after %s", cases[i].newcomer, cases[i].holder);
        listen_peer_remove(&peers, peers.first);
        assert_true(may_enter(&peers, cases[i].newcomer));
        while (peers.first != NULL)
            listen_peer_remove(&peers, peers.last);
        assert_null(peers.last);
    }
}

static void peers_leave_from_any_place(void **state)
{
    struct listen_peers peers = {NULL, NULL};
    struct listen_peer *three[3];

    (void)state;
    for (unsigned gone = 0; gone < 3; gone++) {
        for (unsigned i = 0; i < 3; i++)
            three[i] = enter(&peers, "192.0.2.1");
        listen_peer_remove(&peers, three[gone]);
        assert_ptr_equal(peers.first, three[gone == 0 ? 1 : 0]);
        assert_ptr_equal(peers.last, three[gone == 2 ? 1 : 2]);
        listen_peer_remove(&peers, peers.first);
        listen_peer_remove(&peers, peers.first);
        assert_null(peers.first);
        assert_null(peers.last);
    }
    assert_int_equal(listen_peers_expire(&peers), -1);
}

static void the_next_to_expire_is_the_oldest(void **state)
{
    struct listen_peers peers = {NULL, NULL};

    (void)state;
    (void)enter(&peers, "192.0.2.1");
    const int first_ms = listen_peers_expire(&peers);
    assert_in_range(first_ms, LISTEN_CONNECTION_MS - 1000, LISTEN_CONNECTION_MS);
    (void)enter(&peers, "192.0.2.2");
    assert_in_range(listen_peers_expire(&peers), 1, first_ms);
    listen_peer_remove(&peers, peers.first);
    listen_peer_remove(&peers, peers.first);
}

/* Runs in a process of its own, confined; returns the number of the check that failed, 0 for none. */
static int confined_checks(int dir, const char *elsewhere, bool walled)
{
    int fd = openat(dir, "inside", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

    if (geteuid() != SCRATCH_STRANGER || getuid() != SCRATCH_STRANGER || getegid() != SCRATCH_STRANGER ||
        getgroups(0, NULL) != 1 || setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0)
        return 1;
    if (fd < 0 || write(fd, "x", 1) != 1 || close(fd) != 0 || linkat(dir, "inside", dir, "linked", 0) != 0 ||
        unlinkat(dir, "inside", 0) != 0 || renameat(dir, "linked", dir, "kept") != 0)
        return 2;
    fd = open(elsewhere, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || close(fd) != 0)
        return 3;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
        return 4;
    if (!walled)
        return 0;
    /* What its user id alone would allow. */
    if (open(elsewhere, O_WRONLY | O_CLOEXEC) >= 0 || errno != EACCES || truncate(elsewhere, 0) == 0)
        return 5;
    if (open("/tmp/sms365-test-outside", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 || errno != EACCES)
        return 6;
    if (mkdirat(dir, "directory", 0700) == 0 || symlinkat("kept", dir, "link") == 0 || mkfifoat(dir, "fifo", 0600) == 0)
        return 7;
    (void)execl("/bin/true", "true", (char *)NULL);
    return errno == EACCES ? 0 : 8;
}

static void a_confined_process_writes_to_the_spool_and_nowhere_else(void **state)
{
    struct scratch *scratch = *state;
    const struct listen_account account = {"stranger", SCRATCH_STRANGER, SCRATCH_STRANGER};
    const char *elsewhere = scratch_write(scratch, "elsewhere", 0666, "precious");
    const char *spool = scratch_path(scratch, "spool");
    struct sms365_error err = {0};
    bool walled = false;
    int status = -1;

    assert_int_equal(chmod(scratch->dir, 0755), 0);
    assert_int_equal(mkdir(spool, 0700), 0);
    assert_int_equal(chown(spool, SCRATCH_STRANGER, SCRATCH_STRANGER), 0);
    const int dir = open(spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(dir >= 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(
            listen_confine(&account, dir, &walled, &err) == SMS365_OK ? confined_checks(dir, elsewhere, walled) : 100);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    char *text = scratch_read(elsewhere, NULL);
    assert_string_equal(text, "precious");
    free(text);
    (void)close(dir);
}

static void root_is_no_account_to_go_on_as(void **state)
{
    struct listen_account account;
    struct sms365_error err = {0};

    (void)state;
    assert_int_equal(listen_account_find(&account, "root", &err), SMS365_BAD_ARGUMENT);
    assert_int_equal(listen_account_find(&account, NULL, &err), SMS365_BAD_ARGUMENT);
    assert_int_equal(listen_account_find(&account, "nobody-of-that-name", &err), SMS365_NOT_FOUND);
    assert_contains(err.text, "useradd");
    assert_int_equal(listen_account_find(&account, "nobody", &err), SMS365_OK);
    assert_true(account.uid != 0 && account.gid != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(addresses_count_apart_and_ipv6_by_network),
        scratch_test(peers_leave_from_any_place),
        scratch_test(the_next_to_expire_is_the_oldest),
        scratch_test(a_confined_process_writes_to_the_spool_and_nowhere_else),
        scratch_test(root_is_no_account_to_go_on_as),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
