/*
 * pamcall [-e NAME=VALUE] [-i] [-n TIMES] [-r RHOST] [-s] [-t TTY] SERVICE USER [ANSWER...]: call pam_authenticate,
 * answer its prompts one after the other, print every message and the code's number. An ANSWER @FILE is the file's
 * contents, -code is four characters and a newline from standard input (which many processes may share), -fail makes
 * the conversation fail, -null gives no answer, and so does every prompt after the last. -i tells what the call left
 * behind in this process; -n calls that many times, each time with its number for a # in RHOST and USER; -s calls
 * pam_setcred afterwards and prints its code.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#define STATE_MAX 65536
#define CODE_LINE 5

extern char **environ;

struct answers {
    char **next;
};

static char *read_file(const char *path)
{
    struct stat about;
    FILE *file = fopen(path, "rb");

    if (file == NULL || fstat(fileno(file), &about) != 0)
        return NULL;
    const size_t size = (size_t)about.st_size;
    char *text = calloc(1, size + 1);
    if (text != NULL && fread(text, 1, size, file) != size) {
        free(text);
        text = NULL;
    }
    (void)fclose(file);
    return text;
}

/* One read takes one line of the fixed length, whoever else reads from the same pipe. */
static char *read_code(void)
{
    char line[CODE_LINE + 1] = "";

    if (read(STDIN_FILENO, line, CODE_LINE) != CODE_LINE)
        return NULL;
    line[CODE_LINE - 1] = '\0';
    return strdup(line);
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses, void *context)
{
    struct answers *answers = context;
    struct pam_response *out = calloc((size_t)count, sizeof *out);

    if (out == NULL)
        return PAM_BUF_ERR;
    for (int i = 0; i < count; i++) {
        const bool prompt =
            messages[i]->msg_style == PAM_PROMPT_ECHO_OFF || messages[i]->msg_style == PAM_PROMPT_ECHO_ON;
        printf("%s: %s\n", prompt ? "prompt" : "text", messages[i]->msg);
        fflush(stdout);
        if (!prompt || *answers->next == NULL)
            continue;
        const char *answer = *answers->next++;
        if (strcmp(answer, "-fail") == 0) {
            free(out);
            return PAM_CONV_ERR;
        }
        if (strcmp(answer, "-code") == 0)
            out[i].resp = read_code();
        else if (strcmp(answer, "-null") != 0)
            out[i].resp = answer[0] == '@' ? read_file(answer + 1) : strdup(answer);
    }
    *responses = out;
    return PAM_SUCCESS;
}

static void add(char *state, const char *format, const char *a, const char *b)
{
    const size_t used = strlen(state);

    (void)snprintf(state + used, STATE_MAX - used, format, a, b);
}

/* What a well-behaved module leaves as it found it, as text. */
static void inspect(char *state)
{
    char path[300];
    char target[300];
    char line[512];
    struct dirent *entry;
    DIR *descriptors = opendir("/proc/self/fd");
    FILE *status = fopen("/proc/self/status", "r");

    state[0] = '\0';
    while (descriptors != NULL && (entry = readdir(descriptors)) != NULL) {
        if (strtol(entry->d_name, NULL, 10) == dirfd(descriptors) || entry->d_name[0] == '.' ||
            (status != NULL && strtol(entry->d_name, NULL, 10) == fileno(status)))
            continue;
        (void)snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        const ssize_t length = readlink(path, target, sizeof target - 1);
        target[length < 0 ? 0 : length] = '\0';
        add(state, "descriptor %s %s\n", entry->d_name, target);
    }
    if (descriptors != NULL)
        (void)closedir(descriptors);
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        static const char *const names[] = {"Threads:", "SigBlk:", "SigIgn:", "Umask:", "Uid:", "Gid:"};
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (strncmp(line, names[i], strlen(names[i])) == 0)
                add(state, "%s%s", line, "");
    }
    if (status != NULL)
        (void)fclose(status);
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) != 0)
            continue;
        (void)snprintf(line, sizeof line, "%d %p %x", number, (void *)action.sa_handler, (unsigned)action.sa_flags);
        add(state, "signal %s%s\n", line, "");
    }
    add(state, "directory %s%s\n", getcwd(path, sizeof path) == NULL ? "?" : path, "");
    for (char **variable = environ; *variable != NULL; variable++)
        add(state, "environment %s%s\n", *variable, "");
    const bool child = waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD;
    add(state, "children %s%s\n", child ? "yes" : "none", "");
}

/* Those lines of text that other does not have. */
static void print_missing(const char *what, const char *text, const char *other)
{
    char line[1024];

    while (*text != '\0') {
        const size_t length = strcspn(text, "\n") + 1;
        (void)snprintf(line, sizeof line, "%.*s", (int)length, text);
        if (strstr(other, line) == NULL)
            printf("%s: %s", what, line);
        text += length;
    }
}

static void no_delay(int code, unsigned delay_us, void *context)
{
    (void)code;
    (void)delay_us;
    (void)context;
}

struct request {
    const char *service, *user, *rhost, *tty, *variable;
    char **answers;
    bool setcred;
};

/* text with number in the place of its #, if it has one. */
static void put_number(char *out, size_t size, const char *text, long number)
{
    const size_t before = strcspn(text, "#");

    if (text[before] == '\0')
        (void)snprintf(out, size, "%s", text);
    else
        (void)snprintf(out, size, "%.*s%ld%s", (int)before, text, number, text + before + 1);
}

static int call(const struct request *request, long number)
{
    struct answers given = {request->answers};
    const struct pam_conv conversation = {converse, &given};
    pam_handle_t *pamh = NULL;
    char user[512], rhost[512];

    put_number(user, sizeof user, request->user, number);
    int code = pam_start(request->service, user, &conversation, &pamh);
    if (code != PAM_SUCCESS)
        return code;
    if (request->variable != NULL)
        (void)pam_putenv(pamh, request->variable);
    if (request->rhost != NULL) {
        put_number(rhost, sizeof rhost, request->rhost, number);
        (void)pam_set_item(pamh, PAM_RHOST, rhost);
    }
    if (request->tty != NULL)
        (void)pam_set_item(pamh, PAM_TTY, request->tty);
    (void)pam_set_item(pamh, PAM_FAIL_DELAY, (const void *)(uintptr_t)no_delay);
    code = pam_authenticate(pamh, 0);
    printf("code: %d\n", code);
    if (request->setcred)
        printf("setcred: %d\n", pam_setcred(pamh, PAM_ESTABLISH_CRED));
    (void)fflush(stdout);
    (void)pam_end(pamh, code);
    return code;
}

int main(int argc, char **argv)
{
    static char before[STATE_MAX], after[STATE_MAX];
    struct request request = {0};
    bool inspected = false;
    long times = 1;
    int code = 0;

    for (int option; (option = getopt(argc, argv, "+e:in:r:st:")) != -1;) {
        if (option == 'e')
            request.variable = optarg;
        else if (option == 'i')
            inspected = true;
        else if (option == 'n')
            times = strtol(optarg, NULL, 10);
        else if (option == 'r')
            request.rhost = optarg;
        else if (option == 's')
            request.setcred = true;
        else if (option == 't')
            request.tty = optarg;
        else
            return 2;
    }
    if (argc - optind < 2)
        return 2;
    request.service = argv[optind];
    request.user = argv[optind + 1];
    request.answers = argv + optind + 2;
    (void)signal(SIGUSR1, SIG_IGN); /* a disposition that is not the default's, to be found again */
    printf("pid: %ld\n", (long)getpid());
    openlog("pamcall", LOG_NDELAY, LOG_AUTHPRIV); /* as sshd and sudo do: libpam writes to the same socket */
    inspect(before);
    for (long i = 0; i < times; i++)
        code = call(&request, i);
    inspect(after);
    if (inspected && strcmp(before, after) == 0)
        puts("left: nothing");
    else if (inspected) {
        print_missing("no more", before, after);
        print_missing("new", after, before);
    }
    return code;
}
