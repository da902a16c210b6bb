#include "options.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAM "sms365-sandbox"
#define DEFAULT_LISTEN "127.0.0.1:8365"
#define READY_FD_MAX 1048576

enum { OPT_SETTING = 256, OPT_LISTEN, OPT_TLS, OPT_SEED, OPT_READY_FD, OPT_CALLBACK_CA, OPT_HELP, OPT_VERSION };

static const struct option longopts[] = {
    {"listen", required_argument, NULL, OPT_LISTEN},
    {"tls", required_argument, NULL, OPT_TLS},
    {"account", required_argument, NULL, OPT_SETTING},
    {"whitelist", required_argument, NULL, OPT_SETTING},
    {"balance", required_argument, NULL, OPT_SETTING},
    {"delivery", required_argument, NULL, OPT_SETTING},
    {"delivery-after", required_argument, NULL, OPT_SETTING},
    {"shape", required_argument, NULL, OPT_SETTING},
    {"fault", required_argument, NULL, OPT_SETTING},
    {"seed", required_argument, NULL, OPT_SEED},
    {"ready-fd", required_argument, NULL, OPT_READY_FD},
    {"callback-ca", required_argument, NULL, OPT_CALLBACK_CA},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

void options_usage(void)
{
    fputs("usage: " PROGRAM " [--listen ADDR:PORT] [--tls CERT KEY] [--account USER:PASSWORD:KEY]\n"
          "           [--whitelist CIDR,...] [--balance N] [--delivery d|f|s] [--delivery-after MS]\n"
          "           [--shape rows|arrays|wrapped] [--fault SPEC] [--seed N] [--callback-ca FILE] [--ready-fd N]\n"
          "A stand-in for the SMS provider; open /sandbox/ in a browser to see its phone. See sms365-sandbox(1).\n",
        stdout);
}

static bool refuse(const char *option, const char *value, const char *why)
{
    fprintf(stderr, "%s: --%s %s: %s\n", PROGRAM, option, value, why);
    return false;
}

static bool set_setting(struct options *o, const char *option, const char *value)
{
    char name[32], why[192] = "";
    text_copy(name, sizeof(name), option);
    for (char *c = name; *c != '\0'; c++)
        *c = *c == '-' ? '_' : *c;
    return settings_set(&o->settings, name, value, why, sizeof(why)) || refuse(option, value, why);
}

/* 127.0.0.1:80 or [::1]:80 */
static bool set_listen(struct options *o, const char *value)
{
    char host[INET6_ADDRSTRLEN + 1];
    int64_t port = 0;
    bool bracketed = value[0] == '[';
    const char *colon = strrchr(value, ':');
    size_t len = colon != NULL ? (size_t)(colon - value) : 0;
    bool ok = colon != NULL && len > (bracketed ? 2U : 0U) && number_between(colon + 1, 0, 65535, &port);
    if (ok && bracketed) {
        ok = value[len - 1] == ']';
        value++;
        len -= 2;
    }
    if (!ok || len >= sizeof(host))
        return refuse("listen", value, "takes ADDR:PORT, an IPv6 address in brackets");
    memcpy(host, value, len);
    host[len] = '\0';
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    if (!bracketed && inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        o->listen_len = sizeof(v4);
        memcpy(&o->listen, &v4, sizeof(v4));
    } else if (bracketed && inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
        o->listen_len = sizeof(v6);
        memcpy(&o->listen, &v6, sizeof(v6));
    } else {
        return refuse("listen", value, "takes the address as digits, an IPv6 address in brackets");
    }
    return true;
}

static bool set_tls(struct options *o, int argc, char **argv)
{
    if (optind >= argc || strncmp(argv[optind], "--", 2) == 0)
        return refuse("tls", optarg, "takes two files, CERT KEY");
    o->tls_cert = optarg;
    o->tls_key = argv[optind++];
    return true;
}

static bool set_number(const char *option, const char *value, int64_t max, int64_t *out)
{
    return number_between(value, 0, max, out) || refuse(option, value, "takes a whole number within bounds");
}

static bool set_option(struct options *o, int which, const char *name, int argc, char **argv)
{
    int64_t number = 0;
    switch (which) {
    case OPT_SETTING:
        return set_setting(o, name, optarg);
    case OPT_LISTEN:
        return set_listen(o, optarg);
    case OPT_TLS:
        return set_tls(o, argc, argv);
    case OPT_CALLBACK_CA:
        o->callback_ca = optarg;
        return true;
    case OPT_SEED:
        o->seeded = set_number(name, optarg, INT64_MAX, &number);
        o->seed = (uint64_t)number;
        return o->seeded;
    case OPT_READY_FD:
        if (!set_number(name, optarg, READY_FD_MAX, &number))
            return false;
        o->ready_fd = (int)number;
        return true;
    case OPT_HELP:
        o->help = true;
        return true;
    case OPT_VERSION:
        o->version = true;
        return true;
    default: /* getopt has told what is wrong */
        return false;
    }
}

bool options_parse(struct options *o, int argc, char **argv)
{
    *o = (struct options){.ready_fd = -1};
    settings_init(&o->settings);
    if (!set_listen(o, DEFAULT_LISTEN))
        return false;
    int index = 0;
    for (int which; (which = getopt_long(argc, argv, "", longopts, &index)) != -1;) {
        const char *name = which == '?' ? "" : longopts[index].name;
        if (!set_option(o, which, name, argc, argv))
            return false;
    }
    if (optind < argc) {
        fprintf(stderr, "%s: \"%s\" is no option\n", PROGRAM, argv[optind]);
        return false;
    }
    return true;
}
