/*
 * The PAM module itself, logins of one person and others in turn, with a conversation, a provider, a clock and a state
 * store that the input drives. The first byte chooses the module's arguments; each login then takes a byte for who
 * wants in, and whatever the module asks (an answer, a reply, a record) is decided by further bytes; zeros when there
 * are no more, and then nobody answers.
 *
 * Nobody gets in but by the right code of a message of theirs, each good once and tried three times at most, after a
 * first factor; nothing is sent without one; no prompt holds a control character.
 */
#include "../../pam_sms365/pam_sms365.c"
#include "pam_world.h"

#include "edges/keys.h"

#include <stdarg.h>
#include <sys/stat.h>

#define LOGINS_MAX 8
#define ALICE "alice"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* --- PAM --- */

static void code_spoil(char *code)
{
    code[0] = code[0] == '9' ? '0' : (char)(code[0] + 1);
}

/* NULL: no answer. */
static char *answer_choose(void)
{
    static const char *const words[] = {"r", "o", "b", "", "12345678"};
    struct message *message = message_newest();
    char text[32] = "0000";
    size_t length;
    const uint8_t what = input_left == 0 ? 9 : take();

    if (what % 16 == 1 && world.message_count > 0)
        message = &world.messages[what / 16 % world.message_count];
    if (message != NULL)
        (void)snprintf(text, sizeof text, what % 16 == 2 ? "  %s\t" : "%s", message->code);
    switch (what % 16) {
    case 0:
    case 1:
    case 2:
        break;
    case 3:
        return take_text(&length);
    case 4:
    case 5:
    case 6:
    case 7:
    case 8:
        return strdup(words[what % 16 - 4]);
    case 9:
        return NULL;
    default:
        code_spoil(text);
        break;
    }
    char *answer = strdup(text);
    demand(answer != NULL);
    return answer;
}

/* A code of ours is checked here, not by the provider. */
static void answer_note(const char *answer)
{
    char text[64];

    if (!sms365_str_copy(text, sizeof text, answer))
        return;
    for (size_t i = 0; i < world.message_count; i++)
        if (world.messages[i].local && !world.messages[i].used &&
            strcmp(sms365_str_trim(text), world.messages[i].code) == 0)
            world.accepted = &world.messages[i];
}

int pam_prompt(pam_handle_t *pamh, int style, char **response, const char *format, ...)
{
    char text[2048];
    va_list list;

    (void)pamh;
    va_start(list, format);
    const int length = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    demand(length > 0 && (size_t)length < sizeof text);
    for (const char *at = text; *at != '\0'; at++)
        demand((unsigned char)*at >= ' ' && *at != 0x7f);
    if (style == PAM_ERROR_MSG || style == PAM_TEXT_INFO)
        return PAM_SUCCESS;
    *response = answer_choose();
    if (*response == NULL)
        return take() % 2 == 0 ? PAM_CONV_ERR : PAM_SUCCESS;
    answer_note(*response);
    return PAM_SUCCESS;
}

void pam_syslog(const pam_handle_t *pamh, int priority, const char *format, ...)
{
    (void)pamh;
    (void)priority;
    (void)format;
}

int pam_get_user(pam_handle_t *pamh, const char **user, const char *prompt)
{
    (void)pamh;
    (void)prompt;
    *user = world.alice ? ALICE : "mallory";
    return PAM_SUCCESS;
}

int pam_get_item(const pam_handle_t *pamh, int item, const void **value)
{
    (void)pamh;
    *value = item == PAM_SERVICE                   ? "fuzz"
             : item == PAM_AUTHTOK && world.proved ? "secret"
             : item == PAM_RHOST && world.host     ? "192.0.2.7"
             : item == PAM_TTY                     ? (world.ssh ? "ssh" : "/dev/pts/7")
                                                   : NULL;
    return PAM_SUCCESS;
}

const char *pam_getenv(pam_handle_t *pamh, const char *name)
{
    (void)pamh;
    return world.proved && strcmp(name, "SSH_AUTH_INFO_0") == 0 ? "publickey ssh-ed25519 AAAA" : NULL;
}

struct passwd *pam_modutil_getpwnam(pam_handle_t *pamh, const char *user)
{
    static char name[] = ALICE;
    static struct passwd entry = {.pw_name = name, .pw_uid = 1000};

    (void)pamh;
    return strcmp(user, ALICE) == 0 ? &entry : NULL;
}

struct passwd *pam_modutil_getpwuid(pam_handle_t *pamh, uid_t uid)
{
    (void)uid;
    return pam_modutil_getpwnam(pamh, ALICE);
}

/* --- The files, and a login --- */

static char directory[] = "/dev/shm/sms365-fuzz-XXXXXX";
static char conf_argument[80];

static void path_of(char path[80], const char *name)
{
    (void)snprintf(path, 80, "%s/%s", directory, name);
}

static void clean_up(void)
{
    static const char *const names[] = {
        "keys.d/main.key", "keys.d/keys.lock", "keys.d", "users", "master.key", "sms365.conf", ""};
    char path[80];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        path_of(path, names[i]);
        (void)remove(path);
    }
}

static void file_write(const char *name, const char *text)
{
    char path[80];

    path_of(path, name);
    FILE *file = fopen(path, "we");
    demand(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0 && chmod(path, 0600) == 0);
}

static void files_make(void)
{
    struct sms365_key key = {.name = "main", .urls = {"https://127.0.0.1/api"}, .url_count = 1};
    struct sms365_secret master = {0};
    struct sms365_error err = {0};
    char path[80], text[600];

    demand(mkdtemp(directory) != NULL && atexit(clean_up) == 0);
    path_of(path, "master.key");
    demand(sms365_master_create(path, &err) == SMS365_OK && sms365_master_load(&master, path, &err) == SMS365_OK);
    path_of(path, "keys.d");
    demand(mkdir(path, 0700) == 0 && sms365_cidr_list_parse(&key.whitelist, "any", NULL) &&
           sms365_secret_set(&key.secret, "API-KEY", 7) &&
           sms365_key_save(&key, path, &master, false, false, &err) == SMS365_OK);
    sms365_key_free(&key);
    sms365_secret_free(&master);
    (void)snprintf(text, sizeof text,
        "[provider]\nkeys = %s/keys.d\nmaster = %s/master.key\n[users]\nfile = %s/users\n[store]\ndir = %s\n",
        directory, directory, directory, directory);
    file_write("sms365.conf", text);
    file_write("users", ALICE ": 306971234567 306971234568\n");
    (void)snprintf(conf_argument, sizeof conf_argument, "conf=%s/sms365.conf", directory);
}

static void login_judge(int result, bool grace, bool *succeeded)
{
    demand(result != PAM_IGNORE || (grace && *succeeded && world.alice && world.proved));
    if (result != PAM_SUCCESS)
        return;
    demand(world.alice && world.proved && (world.accepted != NULL || world.said_ok));
    demand(world.said_ok || !world.accepted->used);
    if (world.accepted != NULL)
        world.accepted->used = true;
    *succeeded = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const first_factors[] = {"first_factor=proven", "first_factor=stacked"};
    static char handle; /* nobody looks into it */
    bool succeeded = false;

    if (conf_argument[0] == '\0')
        files_make();
    input = data;
    input_left = size;
    world = (struct world){.now = {.boot_ms = 1000000, .wall_s = 1800000000, .boot_id = {1}}, .random = 365};
    const uint8_t variant = take();
    world.store_fails = (variant & 8) != 0;
    const bool grace = (variant & 4) != 0;
    const char *argv[] = {conf_argument, first_factors[variant & 1],
        (variant & 2) != 0 ? "code=local" : "code=provider", grace ? "grace=600" : "grace=0",
        (variant & 16) != 0 ? "callback=https://example.com/report" : "wait=0",
        (variant & 32) != 0 ? "on_outage=backup-codes" : "on_outage=deny", (variant & 64) != 0 ? "tries=1" : "tries=3",
        "resend_after=0", "sends_per_hour=30", "failed_tries=20"};
    for (int i = 0; i < LOGINS_MAX && input_left > 0 && world.message_count + 8 < MESSAGES_MAX; i++) {
        const uint8_t who = take();
        world.alice = (who & 7) != 7;
        world.proved = (who & 0x18) != 0x18;
        world.holder = (who & 0x20) != 0 ? 'A' : 'B';
        world.host = (who & 0x40) != 0;
        world.ssh = who == 0x80;
        world.accepted = NULL;
        world.said_ok = false;
        world.requests = 0;
        sms365_pause((who & 0x80) != 0 ? (int64_t)take() * 4000 : 100);
        login_judge(pam_sm_authenticate((pam_handle_t *)(void *)&handle, 0, sizeof argv / sizeof *argv, argv), grace,
            &succeeded);
    }
    if (world.store != NULL)
        real_ops->close(world.store);
    return 0;
}
