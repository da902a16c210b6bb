/* Who logs in to the model, with which configuration, and the clock. */
#include "explore.h"

#include "base/str.h"

#include <stdlib.h>
#include <string.h>

/* Names that would forge a line of the log, or steer a terminal, if they were let through. */
#define USER "al\"ice"
#define STRANGER "mallory\" verdict=allow\033[2J"
const char *const world_hosts[WORLD_HOSTS] = {
    "gate\" verdict=allow reason=\"code_accepted\n\033[31m", "192.0.2.7", "::ffff:127.0.0.1"};
/* As they are counted. */
static const char *const peers[WORLD_HOSTS] = {
    "gate\" verdict=allow reason=\"code_accepted\n\033[31m", "192.0.2.7", "127.0.0.1"};
#define TRUSTED "192.0.2.0/24 127.0.0.0/8 ::1"

/* name, user, service, holder, known, first factor, counted, identity, number, place, enrolled, host, grace, exempt,
 * confirmed */
const struct subject_info subjects[SUBJECT_COUNT] = {
    [SUBJECT_HOLDER] = {"holder", USER, "sshd", "1000:77", true, true, false, 0, 0, 0, true, 0, 1, false, false},
    [SUBJECT_MOVED] = {"holder with a new number", USER, "sshd", "1000:77", true, true, false, 0, 2, 0, true, 0, 2,
        false, false},
    [SUBJECT_COUNTED] = {"holder without first factor", USER, "sshd", "1000:77", true, true, true, 0, 0, 0, true, 0, 0,
        false, false},
    [SUBJECT_OTHER_HOLDER] = {"other holder", USER, "sshd", "1000:78", true, true, false, 1, 0, 1, true, 0, 1, false,
        false},
    [SUBJECT_OTHER_SERVICE] = {"other service", USER, "sudo", "1000:77", true, true, false, 2, 0, 2, true, 0, 3, false,
        false},
    [SUBJECT_UNENROLLED] = {"unenrolled", USER, "sshd", "1000:77", true, true, false, 0, 0, 0, false, 0, 1, false,
        false},
    [SUBJECT_UNPROVED] = {"unproved", USER, "sshd", "1000:77", true, false, false, 0, 0, 0, true, 0, 1, false, false},
    [SUBJECT_UNKNOWN] = {"unknown", STRANGER, "sshd", "1000:77", false, true, false, 3, 0, 0, true, 0, 1, false, false},
    [SUBJECT_CONFIRMED] = {"holder with a confirmed network", USER, "sshd", "1000:77", true, true, false, 0, 0, 0, true,
        0, 1, false, true},
    [SUBJECT_TRUSTED] = {"holder in a trusted network", USER, "sshd", "1000:77", true, true, false, 0, 0, 0, true, 1, 0,
        false, false},
    [SUBJECT_LOOPBACK] = {"holder on this machine", USER, "sshd", "1000:77", true, true, false, 0, 0, 0, true, 2, 0,
        false, false},
    [SUBJECT_EXEMPT] = {"exempt holder", USER, "sshd", "1000:77", true, true, false, 0, 0, 0, true, 0, 0, true, false},
    [SUBJECT_UNPROVED_FRIEND] = {"unproved friend", USER, "sshd", "1000:77", true, false, false, 0, 0, 0, true, 1, 1,
        true, false},
    [SUBJECT_UNKNOWN_FRIEND] = {"unknown friend", STRANGER, "sshd", "1000:77", false, true, false, 3, 0, 0, false, 1, 1,
        true, false},
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

/* Nor does it take the time that is the point of it. */
bool sms365_stretch(
    uint8_t out[SMS365_MAC_BYTES], const char *secret, size_t length, const uint8_t salt[SMS365_SALT_BYTES])
{
    struct sms365_mac_key key = {{'s'}};

    memcpy(key.bytes + 1, salt, SMS365_SALT_BYTES);
    return sms365_hmac(out, &key, secret, length);
}

char world_backups[WORLD_BACKUPS][SMS365_BACKUP_TEXT_SIZE];

static const struct sms365_mac_key holder_key = {{'h'}};

void subject_backups(struct sms365_backup *backup)
{
    static const uint8_t seed[SMS365_BACKUP_SEED_BYTES] = {'b'};
    char texts[SMS365_BACKUP_CODES][SMS365_BACKUP_TEXT_SIZE];

    if (!sms365_backup_make(backup, texts, seed, &holder_key))
        abort();
    memcpy(world_backups, texts, sizeof world_backups);
    /* The others were used long ago. */
    for (unsigned i = WORLD_BACKUPS; i < SMS365_BACKUP_CODES; i++)
        backup->used |= (uint16_t)(1u << i);
}

static int number_of(const char *msisdn)
{
    int number = 0;

    while (number < WORLD_NUMBERS && strcmp(world_numbers[number], msisdn) != 0)
        number++;
    return number;
}

/* The cell of one of the tables; NOBODY. */
static int cell_of(const struct sms365_action *action)
{
    const char *name = action->name;

    if (action->class == SMS365_CLASS_FLAG)
        return strcmp(name, "balance") == 0 ? CELL_FLAG : NOBODY;
    if (action->class == SMS365_CLASS_SHARD)
        return name[0] >= '0' && name[0] <= '9' ? CELL_SHARD + (name[strlen(name) - 1] - '0') % 2 : NOBODY;
    for (int host = 0; host < WORLD_HOSTS; host++) {
        if (action->class == SMS365_CLASS_HOST && strcmp(name, peers[host]) == 0)
            return CELL_HOST + host;
        if (action->class == SMS365_CLASS_SPEND && strncmp(name, "address/", 8) == 0 &&
            strcmp(name + 8, peers[host]) == 0)
            return CELL_ADDRESS + host;
    }
    if (action->class != SMS365_CLASS_SPEND || strncmp(name, "number/", 7) != 0 || (name[7] != '0' && name[7] != '1'))
        return NOBODY;
    const int number = number_of(name + 9);
    return number == WORLD_NUMBERS ? NOBODY : CELL_NUMBER + number * SMS365_SHARES + (name[7] - '0');
}

bool world_record(struct record *record, const struct sms365_action *action)
{
    struct user_cell *user = &world.common.user;

    memset(record, 0, sizeof *record);
    if (action->class == SMS365_CLASS_USER) {
        *record = (struct record){&user->version, &user->length, user->value, sizeof user->value, NOBODY};
        return action->name == NULL || strcmp(action->name, USER) == 0;
    }
    record->cell = cell_of(action);
    if (record->cell == NOBODY)
        return false;
    struct cell *cell = &world.common.cells[record->cell];
    *record = (struct record){&cell->version, &cell->length, cell->value, sizeof cell->value, record->cell};
    return true;
}

uint8_t world_route(enum sms365_channel channel, uint8_t number)
{
    return (uint8_t)(1u << (number * SMS365_CHANNELS + channel));
}

uint8_t world_sim(uint8_t subject, uint8_t number)
{
    return (uint8_t)(1u << (2 * number + subjects[subject].confirmed));
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
    conf.sends_per_day = run->sends_per_day;
    conf.sends_per_day_address = run->sends_per_address;
    conf.sends_per_day_host = STORE_CAP;
    conf.cost_per_day = run->cost_per_day;
    conf.no_balance_pause_s = PAUSE_MS / 1000;
    conf.code = run->local ? SMS365_CODE_LOCAL : SMS365_CODE_PROVIDER;
    conf.code_digits = 6;
    conf.give_up_after_s = run->give_up_s;
    conf.grace_s = run->grace_s;
    conf.remember_days = run->remember ? 30 : 0;
    conf.hlr = run->hlr;
    conf.hlr_every_days = 7;
    conf.on_outage = run->outage_backup ? SMS365_OUTAGE_BACKUP : SMS365_OUTAGE_DENY;
    conf.unenrolled = run->ignore_unenrolled ? SMS365_UNENROLLED_IGNORE : SMS365_UNENROLLED_DENY;
    (void)sms365_str_copy(conf.text, sizeof conf.text, run->greek ? "Σκέψου: %%CODE%%" : "Code: %%CODE%%");
    if (!run->no_from) {
        (void)sms365_str_copy(conf.from, sizeof conf.from, "ACME");
        (void)sms365_str_copy(conf.viber_from, sizeof conf.viber_from, "ACME shop");
    }
    (void)sms365_str_copy(conf.channels, sizeof conf.channels, run->channels == NULL ? "" : run->channels);
    (void)sms365_str_copy(conf.countries, sizeof conf.countries, run->countries == NULL ? "" : run->countries);
    (void)sms365_str_copy(conf.trusted, sizeof conf.trusted, run->trusted ? TRUSTED : "");
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
    static const char *const graces[WORLD_GRACES] = {NULL, "key", "key", "key"};
    struct sms365_number numbers[SMS365_NUMBERS_MAX];
    struct sms365_challenge_setup setup = {.user = info->user, .service = info->service};
    struct sms365_challenge *ch;
    const int left = WORLD_NUMBERS - info->first_number;

    memset(numbers, 0, sizeof numbers);
    setup.host = world_hosts[info->host];
    setup.machine = "host";
    setup.grace = graces[info->grace];
    setup.exempt = info->exempt;
    setup.remembered = current_run->remembered;
    setup.holder = info->holder;
    setup.place = info->place == 1 ? "elsewhere" : "desk";
    setup.known = info->known;
    setup.first_factor = info->first_factor;
    setup.count_host = info->count_host;
    setup.number_count = info->enrolled ? (size_t)(left < current_run->numbers ? left : current_run->numbers) : 0;
    for (size_t i = 0; i < setup.number_count; i++) {
        memcpy(numbers[i].msisdn, world_numbers[info->first_number + i], sizeof numbers[i].msisdn);
        (void)sms365_str_copy(numbers[i].mcc, sizeof numbers[i].mcc, "202");
        (void)sms365_str_copy(numbers[i].mnc, sizeof numbers[i].mnc, info->confirmed ? "05" : "01");
        (void)sms365_str_copy(numbers[i].ported, sizeof numbers[i].ported, "no");
    }
    setup.numbers = numbers;
    setup.conf = subject_conf(current_run);
    setup.callback_key = callback_key;
    setup.holder_key = holder_key;
    setup.seed[0] = (uint8_t)(proc->diary.login + 1); /* so that the first two are counted in the same shard */
    setup.now = world_now();
    if (sms365_challenge_new(&ch, &setup) != SMS365_OK)
        abort();
    memcpy(&proc->ch, ch, sizeof proc->ch);
    struct sms365_action *action = &proc->ch.action;
    action->name = moved(action->name, ch, &proc->ch);
    action->text = moved(action->text, ch, &proc->ch);
    sms365_challenge_free(ch);
}
