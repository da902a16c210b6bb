/*
 * strangers CONF FIRST COUNT: COUNT logins, one after the other, of names that nobody has, each from an address of its
 * own, numbered from FIRST, as the modules would let them run. Prints how many were denied, and how many were asked.
 */
#include "base/err.h"
#include "sms365.h"

#include <stdio.h>
#include <stdlib.h>

static bool give_up(void *context, const char *prompt, bool secret, char *answer, size_t size)
{
    long *asked = context;

    (void)prompt;
    (void)secret;
    (*asked)++;
    (void)snprintf(answer, size, "1234");
    return true;
}

static void put_line(void *context, int priority, const char *text)
{
    (void)context;
    if (priority <= 3) /* LOG_ERR: trouble, of which there is to be none */
        (void)fprintf(stderr, "strangers: %s\n", text);
}

int main(int argc, char **argv)
{
    const struct sms365_options options = {.conf = argc == 4 ? argv[1] : NULL, .service = "sshd", .log = put_line};
    const long first = argc == 4 ? strtol(argv[2], NULL, 10) : 0;
    const long count = argc == 4 ? strtol(argv[3], NULL, 10) : 0;
    struct sms365 *instance = NULL;
    struct sms365_error err = {0};
    long asked = 0, denied = 0;

    if (count <= 0 || sms365_open(&instance, &options, &err) != SMS365_OK) {
        (void)fprintf(stderr, "usage: strangers CONF FIRST COUNT\n%s\n", err.text);
        return 2;
    }
    for (long i = first; i < first + count; i++) {
        char name[32], address[48];
        const struct sms365_subject subject = {.user = name, .service = "sshd", .host = address, .holder = name};
        const struct sms365_dialogue dialogue = {.ask = give_up, .context = &asked};
        struct sms365_outcome outcome;
        (void)snprintf(name, sizeof name, "stranger%ld", i);
        (void)snprintf(
            address, sizeof address, "2001:db8:%lx:%lx::1", (unsigned long)i >> 16, (unsigned long)i & 0xffff);
        if (sms365_login(instance, &subject, &dialogue, &outcome, &err) == SMS365_OK && outcome.verdict == SMS365_DENY)
            denied++;
    }
    sms365_close(instance);
    (void)printf("denied %ld, asked %ld\n", denied, asked);
    return 0;
}
