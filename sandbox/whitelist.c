#include "whitelist.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define V4_PREFIX_BITS 96
#define RANGE_TEXT (INET6_ADDRSTRLEN + 5)

static const unsigned char v4_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_v4(const unsigned char address[16])
{
    return memcmp(address, v4_mapped, sizeof(v4_mapped)) == 0;
}

static void map_v4(const void *v4, unsigned char out[16])
{
    memcpy(out, v4_mapped, sizeof(v4_mapped));
    memcpy(out + sizeof(v4_mapped), v4, 4);
}

static bool range_parse(char *text, struct range *r)
{
    char *slash = strchr(text, '/');
    if (slash != NULL)
        *slash++ = '\0';
    struct in_addr v4;
    unsigned base = 0;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        map_v4(&v4, r->address);
        base = V4_PREFIX_BITS;
    } else if (inet_pton(AF_INET6, text, r->address) != 1) {
        return false;
    }
    int64_t bits = 128 - (int64_t)base;
    if (slash != NULL && !number_between(slash, 0, bits, &bits))
        return false;
    r->bits = base + (unsigned)bits;
    return true;
}

bool whitelist_parse(struct whitelist *w, const char *text, char *why, size_t size)
{
    struct whitelist fresh = {.count = 0};
    while (*text != '\0') {
        char one[RANGE_TEXT];
        size_t len = strcspn(text, ",");
        if (fresh.count == WHITELIST_MAX) {
            snprintf(why, size, "more than %d ranges", WHITELIST_MAX);
            return false;
        }
        if (len >= sizeof(one)) {
            snprintf(why, size, "\"%.20s...\" is no address and no range", text);
            return false;
        }
        memcpy(one, text, len);
        one[len] = '\0';
        if (!range_parse(one, &fresh.range[fresh.count])) {
            snprintf(why, size, "\"%.*s\" is no address and no range", (int)len, text);
            return false;
        }
        fresh.count++;
        text += len;
        text += *text == ',';
    }
    *w = fresh;
    return true;
}

static bool mapped(const struct sockaddr *address, unsigned char out[16])
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof(v4));
        map_v4(&v4.sin_addr, out);
        return true;
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof(v6));
        memcpy(out, &v6.sin6_addr, 16);
        return true;
    }
    return false;
}

static bool range_has(const struct range *r, const unsigned char address[16])
{
    unsigned whole = r->bits / 8, rest = r->bits % 8;
    if (memcmp(r->address, address, whole) != 0)
        return false;
    unsigned char mask = (unsigned char)(0xff00U >> rest);
    return rest == 0 || ((r->address[whole] ^ address[whole]) & mask) == 0;
}

bool whitelist_has(const struct whitelist *w, const struct sockaddr *address)
{
    unsigned char a[16];
    if (!mapped(address, a))
        return false;
    for (size_t i = 0; i < w->count; i++)
        if (range_has(&w->range[i], a))
            return true;
    return false;
}

static void print_mapped(const unsigned char address[16], char *out, socklen_t size)
{
    if (is_v4(address))
        inet_ntop(AF_INET, address + sizeof(v4_mapped), out, size);
    else
        inet_ntop(AF_INET6, address, out, size);
}

void whitelist_print(const struct whitelist *w, struct buf *out)
{
    for (size_t i = 0; i < w->count; i++) {
        char text[INET6_ADDRSTRLEN];
        bool v4 = is_v4(w->range[i].address) && w->range[i].bits >= V4_PREFIX_BITS;
        print_mapped(w->range[i].address, text, sizeof(text));
        buf_print(out, "%s%s/%u", i ? "," : "", text, w->range[i].bits - (v4 ? V4_PREFIX_BITS : 0));
    }
}

void address_print(const struct sockaddr *address, char out[ADDRESS_TEXT])
{
    unsigned char a[16];
    if (mapped(address, a))
        print_mapped(a, out, ADDRESS_TEXT);
    else
        text_copy(out, ADDRESS_TEXT, "unknown");
}
