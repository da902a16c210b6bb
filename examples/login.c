/*
 * A whole challenge with libsms365: send a code to a user's phone, ask for it, say whether it was right.
 *   cc login.c $(pkg-config --cflags --libs sms365) -o login && ./login /etc/sms365/sms365.conf alice
 */
#include <sms365.h>

#include <stdio.h>
#include <string.h>

static bool ask(void *context, const char *prompt, bool secret, char *answer, size_t size)
{
    (void)context;
    (void)secret;
    fputs(prompt, stdout);
    fflush(stdout);
    if (fgets(answer, (int)size, stdin) == NULL)
        return false;
    answer[strcspn(answer, "\n")] = '\0';
    return true;
}

int main(int argc, char **argv)
{
    struct sms365 *sms365;
    struct sms365_error err;
    struct sms365_outcome outcome;

    if (argc != 3)
        return 2;
    if (sms365_open(&sms365, &(struct sms365_options){.conf = argv[1], .service = "example"}, &err) != SMS365_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 2;
    }
    /* first_factor: this program has checked a password, say, before it comes here. */
    const struct sms365_subject subject = {.user = argv[2], .service = "example", .known = true, .first_factor = true};
    const struct sms365_dialogue dialogue = {.ask = ask};
    sms365_login(sms365, &subject, &dialogue, &outcome, &err);
    puts(sms365_reason_text(outcome.reason));
    sms365_close(sms365);
    return outcome.verdict == SMS365_ALLOW ? 0 : 1;
}
