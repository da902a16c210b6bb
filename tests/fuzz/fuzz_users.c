/* The user map. */
#include "edges/users.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool good)
{
    if (!good)
        abort();
}

static bool check_user(void *context, const struct sms365_user *user)
{
    (void)context;
    demand(user->name[0] != '\0' && user->count <= SMS365_USER_NUMBERS_MAX);
    for (size_t i = 0; i < user->count; i++)
        demand(user->numbers[i].msisdn[strspn(user->numbers[i].msisdn, "0123456789")] == '\0');
    return true;
}

/* In a directory of its own: where others may write, nothing is read. */
static char directory[] = "/dev/shm/sms365-fuzz-XXXXXX";

static void clean_up(void)
{
    (void)rmdir(directory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char path[64];
    struct sms365_user user;
    struct sms365_error err = {0};

    if (path[0] == '\0') {
        demand(mkdtemp(directory) != NULL && atexit(clean_up) == 0);
        (void)snprintf(path, sizeof path, "%s/users", directory);
    }
    FILE *file = fopen(path, "we");
    demand(file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0);
    if (sms365_users_find(&user, path, "alice", NULL, &err) == SMS365_OK) {
        demand(strcmp(user.name, "alice") == 0);
        (void)check_user(NULL, &user);
    }
    (void)sms365_users_each(path, check_user, NULL, &err);
    (void)unlink(path);
    return 0;
}
