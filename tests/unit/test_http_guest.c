/* A request as a guest in a process: what it must not leave behind, and what must not reach it. */
#include "http_fixture.h"

#include <dirent.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

static void no_descriptor_to_be_had_is_no_outage(void **state)
{
    static const struct tiny_step steps[] = {{TINY_REPLY, GOOD}};
    struct rlimit before;
    struct trial t;

    (void)state;
    trial_open(&t, NULL, "127.0.0.1", ca.hashed, steps, 1);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const int next = dup(0);
    (void)close(next);
    const struct rlimit none = {(rlim_t)next, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    const enum sms365_err result = trial_post(&t, true, 1000);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(result, SMS365_IO);
    assert_int_equal(trial_post(&t, true, 1000), SMS365_OK);
    trial_close(&t);
}

static void a_peer_that_resets_raises_no_sigpipe(void **state)
{
    static const struct tiny_step steps[] = {{TINY_RESET_NOW, NULL}};
    SSL_CTX *tls = tiny_certificate(&ca, "127.0.0.1", -60, 3600);
    struct sigaction action;
    sigset_t pending;

    (void)state;
    assert_int_equal(sigaction(SIGPIPE, NULL, &action), 0);
    assert_true(action.sa_handler == SIG_DFL);
    for (int round = 0; round < 2; round++) {
        struct trial t;
        trial_open(&t, round == 0 ? NULL : tls, "127.0.0.1", ca.hashed, steps, 1);
        for (int i = 0; i < 20; i++) {
            const enum sms365_err result = trial_post(&t, true, 1000);
            assert_true(result == SMS365_REPLY_LOST || result == SMS365_UNREACHABLE);
        }
        trial_close(&t);
    }
    assert_int_equal(sigpending(&pending), 0);
    assert_int_equal(sigismember(&pending, SIGPIPE), 0);
    SSL_CTX_free(tls);
}

static volatile sig_atomic_t alarms;
static pthread_t alarmed;

static void on_alarm(int number)
{
    (void)number;
    alarms++;
    alarmed = pthread_self();
}

static void signals_are_delivered_during_a_request_and_left_as_they_were(void **state)
{
    static const struct tiny_step steps[] = {{TINY_SILENT, NULL}};
    const struct sigaction action = {.sa_handler = on_alarm};
    const struct itimerval soon = {.it_value.tv_usec = 50000};
    struct sigaction before[NSIG] = {0}, after[NSIG] = {0};
    sigset_t mask_before, mask_after;
    struct trial t;

    (void)state;
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    for (int i = 1; i < NSIG; i++)
        (void)sigaction(i, NULL, &before[i]);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mask_before), 0);
    trial_open(&t, NULL, "127.0.0.1", ca.hashed, steps, 1);
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
    assert_int_equal(trial_post(&t, true, 400), SMS365_REPLY_LOST);
    trial_close(&t);
    assert_int_equal(alarms, 1);
    assert_true(pthread_equal(alarmed, pthread_self()));
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mask_after), 0);
    for (int i = 1; i < NSIG; i++) {
        (void)sigaction(i, NULL, &after[i]);
        assert_true(before[i].sa_handler == after[i].sa_handler);
        assert_int_equal(sigismember(&mask_before, i), sigismember(&mask_after, i));
    }
    (void)signal(SIGALRM, SIG_DFL);
}

static unsigned count_entries(const char *path)
{
    DIR *dir = opendir(path);
    unsigned count = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count;
}

static void no_descriptor_and_no_thread_stays(void **state)
{
    static const struct tiny_step steps[] = {{TINY_REPLY, GOOD}, {TINY_CLOSE, NULL}, {TINY_SILENT, NULL}};
    SSL_CTX *tls = tiny_certificate(&ca, "localhost", -60, 3600);
    const unsigned files = count_entries("/proc/self/fd");
    const unsigned tasks = count_entries("/proc/self/task");

    (void)state;
    for (int round = 0; round < 10; round++) {
        struct trial t;
        trial_open(&t, tls, "localhost", ca.hashed, steps, 3);
        assert_int_equal(trial_post(&t, true, 5000), SMS365_OK);
        assert_int_equal(trial_post(&t, true, 5000), SMS365_REPLY_LOST);
        assert_int_equal(trial_post(&t, true, 100), SMS365_REPLY_LOST);
        trial_close(&t);
    }
    assert_int_equal(count_entries("/proc/self/fd"), files);
    assert_int_equal(count_entries("/proc/self/task"), tasks);
    SSL_CTX_free(tls);
}

static void the_environment_is_neither_used_nor_changed(void **state)
{
    static const struct tiny_step steps[] = {{TINY_REPLY, GOOD}};
    SSL_CTX *tls = tiny_certificate(&ca, "localhost", -60, 3600);
    struct trial t;

    (void)state;
    trial_open(&t, tls, "localhost", ca.hashed, steps, 1);
    assert_int_equal(trial_post(&t, true, 5000), SMS365_OK);
    trial_close(&t);
    http_environment_is_untouched();
    SSL_CTX_free(tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_descriptor_to_be_had_is_no_outage),
        cmocka_unit_test(a_peer_that_resets_raises_no_sigpipe),
        cmocka_unit_test(signals_are_delivered_during_a_request_and_left_as_they_were),
        cmocka_unit_test(no_descriptor_and_no_thread_stays),
        cmocka_unit_test(the_environment_is_neither_used_nor_changed),
    };

    return http_prepare() ? cmocka_run_group_tests(tests, http_setup, http_teardown) : 1;
}
