#include "pure/cidr.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* RFC 4291, section 2.5.5.2: IPv4 inside IPv6. */
static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
#define MAPPED_BITS 96
#define PEER_BITS 64 /* RFC 4291, section 2.5.1: the rest names an interface, which its owner chooses */

static bool is_ipv4(const uint8_t address[16])
{
    return memcmp(address, mapped, sizeof mapped) == 0;
}

/* A numeric address of either family. */
static bool address_parse(uint8_t address[16], const char *text, bool *ipv4)
{
    if (inet_pton(AF_INET, text, address + sizeof mapped) == 1) {
        memcpy(address, mapped, sizeof mapped);
        *ipv4 = true;
        return true;
    }
    *ipv4 = false;
    return inet_pton(AF_INET6, text, address) == 1;
}

static bool host_bits_set(const uint8_t address[16], unsigned bits)
{
    for (unsigned i = bits; i < 128; i++)
        if ((address[i / 8] >> (7 - i % 8) & 1) != 0)
            return true;
    return false;
}

bool sms365_cidr_parse(struct sms365_cidr *cidr, const char *text)
{
    char address[INET6_ADDRSTRLEN];
    struct sms365_cidr parsed = {0};
    int64_t bits = 0;
    bool ipv4 = false;

    if (strcmp(text, "any") == 0) {
        *cidr = parsed;
        return true;
    }
    const size_t length = strcspn(text, "/");
    if (length >= sizeof address)
        return false;
    memcpy(address, text, length);
    address[length] = '\0';
    if (!address_parse(parsed.address, address, &ipv4))
        return false;
    const int64_t most = ipv4 ? 128 - MAPPED_BITS : 128;
    /* A length of 0 would be `any` in disguise: that has to be written out. */
    if (text[length] == '\0')
        bits = most;
    else if (!sms365_str_number(text + length + 1, 1, most, &bits))
        return false;
    parsed.bits = (uint8_t)(ipv4 ? MAPPED_BITS + bits : bits);
    if (host_bits_set(parsed.address, parsed.bits) || (is_ipv4(parsed.address) && parsed.bits <= MAPPED_BITS))
        return false;
    *cidr = parsed;
    return true;
}

bool sms365_cidr_list_parse(struct sms365_cidr_list *list, const char *text, const char **bad)
{
    struct sms365_cidr_list parsed = {.count = 0};
    const char *word;
    size_t length;

    while ((word = sms365_str_word(&text, &length)) != NULL) {
        char entry[64];
        bool good = length < sizeof entry && parsed.count < SMS365_CIDR_MAX;
        if (good) {
            memcpy(entry, word, length);
            entry[length] = '\0';
            good = sms365_cidr_parse(&parsed.entries[parsed.count], entry);
        }
        if (!good)
            goto refused;
        parsed.count++;
    }
    if (parsed.count == 0)
        goto refused;
    *list = parsed;
    return true;
refused:
    if (bad != NULL)
        *bad = word != NULL ? word : text;
    return false;
}

static bool entry_matches(const struct sms365_cidr *cidr, const uint8_t address[16])
{
    /* A short IPv6 prefix such as ::/64 covers the mapped range in numbers; it does not mean IPv4. */
    if (cidr->bits > 0 && cidr->bits < MAPPED_BITS && is_ipv4(address))
        return false;
    const size_t whole = cidr->bits / 8;
    const unsigned rest = cidr->bits % 8;
    if (memcmp(cidr->address, address, whole) != 0)
        return false;
    return rest == 0 || ((cidr->address[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

bool sms365_cidr_is_address(const char *text)
{
    uint8_t address[16];
    bool ipv4 = false;

    return address_parse(address, text, &ipv4);
}

/* A remote address, which may carry a scope ("%eth0"). */
static bool remote_parse(uint8_t bytes[16], const char *address)
{
    char numeric[INET6_ADDRSTRLEN];
    bool ipv4 = false;

    const size_t length = strcspn(address, "%");
    if (length >= sizeof numeric)
        return false;
    memcpy(numeric, address, length);
    numeric[length] = '\0';
    return address_parse(bytes, numeric, &ipv4);
}

bool sms365_cidr_list_match(const struct sms365_cidr_list *list, const char *address, size_t *index)
{
    uint8_t bytes[16];

    if (!remote_parse(bytes, address))
        return false;
    for (size_t i = 0; i < list->count; i++) {
        if (entry_matches(&list->entries[i], bytes)) {
            if (index != NULL)
                *index = i;
            return true;
        }
    }
    return false;
}

bool sms365_cidr_trusts(const char *networks, const char *host)
{
    static const char own[] = "127.0.0.0/8 ::1";
    struct sms365_cidr_list trusted, loopback;

    return networks[0] != '\0' && sms365_cidr_list_parse(&loopback, own, NULL) &&
           !sms365_cidr_list_match(&loopback, host, NULL) && sms365_cidr_list_parse(&trusted, networks, NULL) &&
           sms365_cidr_list_match(&trusted, host, NULL);
}

void sms365_cidr_peer(char *out, size_t size, const char *host)
{
    struct sms365_cidr network = {.bits = PEER_BITS};
    char text[64];

    if (!remote_parse(network.address, host)) {
        (void)snprintf(out, size, "%s", host);
        return;
    }
    if (is_ipv4(network.address))
        network.bits = 128;
    else
        memset(network.address + PEER_BITS / 8, 0, sizeof network.address - PEER_BITS / 8);
    sms365_cidr_format(text, &network);
    (void)snprintf(out, size, "%s", text);
}

void sms365_cidr_format(char out[64], const struct sms365_cidr *cidr)
{
    char address[INET6_ADDRSTRLEN] = "";
    const bool ipv4 = is_ipv4(cidr->address) && cidr->bits >= MAPPED_BITS;

    if (cidr->bits == 0) {
        (void)snprintf(out, 64, "any");
        return;
    }
    (void)inet_ntop(ipv4 ? AF_INET : AF_INET6, cidr->address + (ipv4 ? sizeof mapped : 0), address, sizeof address);
    if (cidr->bits == 128)
        (void)snprintf(out, 64, "%s", address);
    else
        (void)snprintf(out, 64, "%s/%d", address, ipv4 ? cidr->bits - MAPPED_BITS : cidr->bits);
}
