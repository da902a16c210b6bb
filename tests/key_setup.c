/* key_setup DIR URL WHITELIST [SECOND-URL]: a master key and the sandbox's API key in DIR, as `sms365 key` would make
 * them. */
#include "base/err.h"
#include "base/str.h"
#include "edges/keys.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int main(int argc, char **argv)
{
    static const char api_key[] = "DEMO-KEY";
    char path[256], keys[256];
    struct sms365_secret master = {0};
    struct sms365_key key = {.name = "demo", .url_count = 1};
    struct sms365_error err = {0};

    if (argc == 5) {
        if (!sms365_str_copy(key.urls[1], sizeof key.urls[1], argv[4]))
            return 2;
        key.url_count = 2;
    }
    if (argc < 4 || argc > 5 || strlen(argv[1]) > 200 || !sms365_str_copy(key.urls[0], sizeof key.urls[0], argv[2]) ||
        !sms365_cidr_list_parse(&key.whitelist, argv[3], NULL) ||
        !sms365_secret_set(&key.secret, api_key, sizeof api_key - 1)) {
        fprintf(stderr, "usage: key_setup DIR URL WHITELIST [SECOND-URL]\n");
        return 2;
    }
    (void)snprintf(path, sizeof path, "%s/master.key", argv[1]);
    (void)snprintf(keys, sizeof keys, "%s/keys.d", argv[1]);
    (void)mkdir(keys, 0700);
    enum sms365_err code = sms365_master_create(path, &err);
    if (code == SMS365_OK)
        code = sms365_master_load(&master, path, &err);
    if (code == SMS365_OK)
        code = sms365_key_save(&key, keys, &master, true, false, &err);
    if (code != SMS365_OK)
        fprintf(stderr, "%s\n", err.text);
    sms365_secret_free(&master);
    sms365_key_free(&key);
    return code == SMS365_OK ? 0 : 1;
}
