/* The thread on which a name is looked up: none of the caller's signal handlers may run there. */
#include "edges/resolve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>

/* What the resolver saw when it was asked. */
static struct {
    pthread_t thread;
    sigset_t blocked;
    unsigned calls;
} asked;

static struct sockaddr_in address;
static struct addrinfo answer = {.ai_family = AF_INET, .ai_addr = (struct sockaddr *)(void *)&address};

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **found);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    (void)host;
    (void)service;
    (void)hints;
    asked.calls++;
    asked.thread = pthread_self();
    (void)pthread_sigmask(SIG_BLOCK, NULL, &asked.blocked);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *found = &answer;
    return 0;
}

void __wrap_freeaddrinfo(struct addrinfo *found);
void __wrap_freeaddrinfo(struct addrinfo *found)
{
    assert_ptr_equal(found, &answer);
}

static void a_name_is_looked_up_with_every_signal_blocked_and_the_caller_s_are_as_before(void **state)
{
    sigset_t all, before, after;
    struct sms365_buf addresses;

    (void)state;
    (void)sigfillset(&all);
    (void)sigemptyset(&before);
    (void)sigaddset(&before, SIGUSR1);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    sms365_buf_init(&addresses, 64);
    assert_int_equal(sms365_resolve(&addresses, "provider.example", 1000, NULL), SMS365_OK);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
    assert_string_equal(sms365_buf_text(&addresses), "127.0.0.1");
    assert_int_equal(asked.calls, 1);
    assert_false(pthread_equal(asked.thread, pthread_self()));
    for (int i = 1; i < NSIG; i++) {
        /* Nobody can block these two; and sigfillset leaves out what the C library keeps for itself. */
        if (i != SIGKILL && i != SIGSTOP && sigismember(&asked.blocked, i) != sigismember(&all, i))
            fail_msg("signal %d", i);
        assert_int_equal(sigismember(&after, i), i == SIGUSR1);
    }
    sms365_buf_free(&addresses);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_looked_up_with_every_signal_blocked_and_the_caller_s_are_as_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
