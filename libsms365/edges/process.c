#include "edges/process.h"

#include "base/err.h"
#include "base/str.h"
#include "pure/cidr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* Read a small file of /proc. */
static bool read_proc(const char *path, char *out, size_t size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t got;

    if (fd < 0)
        return false;
    got = read(fd, out, size - 1);
    (void)close(fd);
    if (got <= 0)
        return false;
    out[got] = '\0';
    return true;
}

static bool read_boot_id(uint8_t id[SMS365_BOOT_ID_BYTES])
{
    char text[64];
    char hex[64];
    size_t used = 0;

    if (!read_proc("/proc/sys/kernel/random/boot_id", text, sizeof text))
        return false;
    for (const char *c = text; *c != '\0' && *c != '\n'; c++)
        if (*c != '-')
            hex[used++] = *c;
    hex[used] = '\0';
    return sms365_str_unhex(id, SMS365_BOOT_ID_BYTES, hex);
}

enum sms365_err sms365_now_read(struct sms365_now *now, struct sms365_error *err)
{
    struct timespec boot, wall;

    memset(now, 0, sizeof *now);
    if (clock_gettime(CLOCK_BOOTTIME, &boot) != 0 || clock_gettime(CLOCK_REALTIME, &wall) != 0)
        return sms365_error_set(err, SMS365_IO, "the clock cannot be read: %s", strerror(errno));
    if (!read_boot_id(now->boot_id))
        return sms365_error_set(err, SMS365_IO, "/proc/sys/kernel/random/boot_id cannot be read: is /proc mounted?");
    now->boot_ms = (int64_t)boot.tv_sec * 1000 + boot.tv_nsec / 1000000;
    now->wall_s = wall.tv_sec;
    return SMS365_OK;
}

void sms365_pause(int64_t ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

enum sms365_err sms365_random(void *out, size_t length, struct sms365_error *err)
{
    uint8_t *bytes = out;

    while (length > 0) {
        const ssize_t got = getrandom(bytes, length, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return sms365_error_set(err, SMS365_CRYPTO, "no randomness: %s", strerror(errno));
        bytes += got;
        length -= (size_t)got;
    }
    return SMS365_OK;
}

/* The address of an interface as text; "" where it has none of the two families. */
static void interface_address(char out[INET6_ADDRSTRLEN], const struct ifaddrs *interface)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    out[0] = '\0';
    if (interface->ifa_addr == NULL)
        return;
    if (interface->ifa_addr->sa_family == AF_INET) {
        memcpy(&v4, interface->ifa_addr, sizeof v4);
        (void)inet_ntop(AF_INET, &v4.sin_addr, out, INET6_ADDRSTRLEN);
    } else if (interface->ifa_addr->sa_family == AF_INET6) {
        memcpy(&v6, interface->ifa_addr, sizeof v6);
        (void)inet_ntop(AF_INET6, &v6.sin6_addr, out, INET6_ADDRSTRLEN);
    }
}

bool sms365_host_is_own(const char *host)
{
    struct sms365_cidr_list own;
    struct ifaddrs *interfaces = NULL;
    char address[INET6_ADDRSTRLEN];
    bool found = false;

    if (getifaddrs(&interfaces) != 0)
        return true;
    for (const struct ifaddrs *each = interfaces; each != NULL && !found; each = each->ifa_next) {
        interface_address(address, each);
        found = sms365_cidr_list_parse(&own, address, NULL) && sms365_cidr_list_match(&own, host, NULL);
    }
    freeifaddrs(interfaces);
    return found;
}

/* Field 22 of /proc/PID/stat, counted after the command's name in brackets (proc(5)). */
static bool leader_start(pid_t leader, char *out, size_t size)
{
    char path[64];
    char stat[1024];
    char *field;
    char *rest = NULL;

    (void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)leader);
    if (leader <= 0 || !read_proc(path, stat, sizeof stat))
        return false;
    field = strrchr(stat, ')');
    if (field == NULL)
        return false;
    field = strtok_r(field + 1, " ", &rest); /* field 3 */
    for (int number = 3; field != NULL && number < 22; number++)
        field = strtok_r(NULL, " ", &rest);
    return field != NULL && sms365_str_copy(out, size, field);
}

enum sms365_err sms365_holder_once(char out[SMS365_HOLDER_TEXT_SIZE], struct sms365_error *err)
{
    uint8_t once[16];
    char hex[2 * sizeof once + 1];
    const enum sms365_err code = sms365_random(once, sizeof once, err);

    if (code != SMS365_OK)
        return code;
    sms365_str_hex(hex, once, sizeof once);
    (void)snprintf(out, SMS365_HOLDER_TEXT_SIZE, "once:%s", hex);
    return SMS365_OK;
}

enum sms365_err sms365_holder_self(char out[SMS365_HOLDER_TEXT_SIZE], struct sms365_error *err)
{
    uint8_t boot[SMS365_BOOT_ID_BYTES];
    char boot_hex[2 * sizeof boot + 1];
    char start[32];
    const pid_t leader = getsid(0);

    if (!read_boot_id(boot) || !leader_start(leader, start, sizeof start))
        return sms365_holder_once(out, err);
    sms365_str_hex(boot_hex, boot, sizeof boot);
    (void)snprintf(
        out, SMS365_HOLDER_TEXT_SIZE, "session:%ju:%ld:%s:%s", (uintmax_t)getuid(), (long)leader, start, boot_hex);
    return SMS365_OK;
}

static pthread_mutex_t environment_lock = PTHREAD_MUTEX_INITIALIZER;
static char **environment_kept;
static unsigned environment_holders;

void sms365_environment_hide(void)
{
    static char *empty[] = {NULL};

    (void)pthread_mutex_lock(&environment_lock);
    if (environment_holders++ == 0) {
        environment_kept = environ;
        environ = empty;
    }
    (void)pthread_mutex_unlock(&environment_lock);
}

void sms365_environment_restore(void)
{
    (void)pthread_mutex_lock(&environment_lock);
    if (--environment_holders == 0)
        environ = environment_kept;
    (void)pthread_mutex_unlock(&environment_lock);
}
