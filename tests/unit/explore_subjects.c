/* Who logs in to the model, with which configuration, and the clock. */
#include "explore.h"

#include "base/str.h"

#include <stdlib.h>
#include <string.h>

/* Names that would forge a line of the log, or steer a terminal, if they were let through. */
#define USER "al\"ice"
#define STRANGER "mallory\" verdict=allow\033[2J"
const char world_host[] = "gate\" verdict=allow reason=\"code_accepted\n\033[31m";

const struct subject_info subjects[SUBJECT_COUNT] = {
    [SUBJECT_HOLDER] = {"holder", USER, "sshd", "1000:77", true, true, false, 0, 0, 0, true},
    [SUBJECT_MOVED] = {"holder with a new number", USER, "sshd", "1000:77", true, true, false, 0, 2, 0, true},
    [SUBJECT_COUNTED] = {"holder without first factor", USER, "sshd", "1000:77", true, true, true, 0, 0, 0, true},
    [SUBJECT_OTHER_HOLDER] = {"other holder", USER, "sshd", "1000:78", true, true, false, 1, 0, 1, true},
    [SUBJECT_OTHER_SERVICE] = {"other service", USER, "sudo", "1000:77", true, true, false, 2, 0, 2, true},
    [SUBJECT_UNENROLLED] = {"unenrolled", USER, "sshd", "1000:77", true, true, false, 0, 0, 0, false},
    [SUBJECT_UNPROVED] = {"unproved", USER, "sshd", "1000:77", true, false, false, 0, 0, 0, true},
    [SUBJECT_UNKNOWN] = {"unknown", STRANGER, "sshd", "1000:77", false, true, false, 3, 0, 0, true},
};

const char world_numbers[WORLD_NUMBERS][SMS365_MSISDN_SIZE] = {"306971234567", "306980008123", "35799123456"};

const struct sms365_mac_key callback_key = {{'c'}};

/*
 * In the place of HMAC-SHA256, which would take most of the time: what is explored is the machine, not the hash. It
 * mixes every byte of key and data, so that different inputs have different outputs for all that happens here.
 */
bool sms365_hmac(uint8_t mac[SMS365_MAC_BYTES], const struct sms365_mac_key *key, const void *data, size_t length)
{
    const uint8_t *bytes = data;
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < sizeof key->bytes; i++)
        hash = (hash ^ key->bytes[i]) * 0x100000001b3u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    for (size_t i = 0; i < SMS365_MAC_BYTES; i++) {
        hash = (hash ^ hash >> 29) * 0xbf58476d1ce4e5b9u;
        mac[i] = (uint8_t)(hash >> 56);
    }
    return true;
}

const struct sms365_conf *subject_conf(const struct run *run)
{
    static struct sms365_conf conf;

    memset(&conf, 0, sizeof conf);
    conf.tries = run->tries;
    conf.life_s = 300;
    conf.resend_after_s = 30;
    conf.sends_per_hour = run->sends_per_hour;
    conf.host_attempts_per_hour = run->host_attempts_per_hour;
    conf.failed_tries = run->failed_tries;
    conf.failed_tries_days = 30;
    conf.lockout_after = run->lockout_after;
    conf.lockout_s = LOCKOUT_MS / 1000;
    conf.lockout_max_s = LOCKOUT_MAX_MS / 1000;
    conf.wait_s = run->wait_s;
    conf.timeout_s = 15;
    conf.language = run->greek ? SMS365_LANGUAGE_EL : SMS365_LANGUAGE_EN;
    (void)sms365_str_copy(conf.text, sizeof conf.text, run->greek ? "Σκέψου: %%CODE%%" : "Code: %%CODE%%");
    (void)sms365_str_copy(conf.from, sizeof conf.from, "ACME");
    if (run->callback)
        (void)sms365_str_copy(conf.callback, sizeof conf.callback, "https://example.com/cb?site=1");
    (void)sms365_str_copy(conf.contact, sizeof conf.contact, "your administrator");
    return &conf;
}

struct sms365_now world_now(void)
{
    struct sms365_now now;

    memset(&now, 0, sizeof now);
    now.boot_ms = world.common.true_ms - world.common.boot_base_ms;
    now.wall_s = world.common.true_ms / 1000 + world.common.wall_offset_s;
    memset(now.boot_id, world.common.boots + 1, sizeof now.boot_id);
    return now;
}

/* The pointers of an action lead into the challenge: after a copy they have to lead into the copy. */
static const void *moved(const void *pointer, const struct sms365_challenge *from, const struct sms365_challenge *to)
{
    const uintptr_t at = (uintptr_t)pointer - (uintptr_t)from;

    return pointer == NULL || at >= sizeof *from ? pointer : (const char *)to + at;
}

void subject_login(struct proc *proc, enum subject subject)
{
    const struct subject_info *info = &subjects[subject];
    char numbers[SMS365_NUMBERS_MAX][SMS365_MSISDN_SIZE] = {{0}};
    struct sms365_challenge_setup setup = {.user = info->user, .service = info->service, .host = world_host};
    struct sms365_challenge *ch;
    const int left = WORLD_NUMBERS - info->first_number;

    setup.machine = "host";
    setup.holder = info->holder;
    setup.place = info->place == 1 ? "elsewhere" : "desk";
    setup.known = info->known;
    setup.first_factor = info->first_factor;
    setup.count_host = info->count_host;
    setup.number_count = info->enrolled ? (size_t)(left < current_run->numbers ? left : current_run->numbers) : 0;
    for (size_t i = 0; i < setup.number_count; i++)
        memcpy(numbers[i], world_numbers[info->first_number + i], sizeof numbers[i]);
    setup.numbers = (const char(*)[SMS365_MSISDN_SIZE])numbers;
    setup.conf = subject_conf(current_run);
    setup.callback_key = callback_key;
    setup.holder_key.bytes[0] = 'h';
    setup.seed[0] = proc->diary.login;
    setup.now = world_now();
    if (sms365_challenge_new(&ch, &setup) != SMS365_OK)
        abort();
    memcpy(&proc->ch, ch, sizeof proc->ch);
    struct sms365_action *action = &proc->ch.action;
    action->name = moved(action->name, ch, &proc->ch);
    action->text = moved(action->text, ch, &proc->ch);
    action->value = moved(action->value, ch, &proc->ch);
    sms365_challenge_free(ch);
}
