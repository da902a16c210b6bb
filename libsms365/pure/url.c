#include "pure/url.h"

#include "base/err.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define LETTERS_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

struct url_parts {
    bool tls;
    bool numeric6;              /* the host stood in brackets */
    char host[SMS365_URL_SIZE]; /* without brackets */
    const char *rest;           /* path and query, in the URL */
};

static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~' || *text == '\\' || *text == '"' || *text == '<' || *text == '>')
            return false;
    return true;
}

static bool port_is_good(const char *text, size_t length)
{
    char port[6];
    int64_t number;

    if (length >= sizeof port)
        return false;
    memcpy(port, text, length);
    port[length] = '\0';
    return sms365_str_number(port, 1, 65535, &number);
}

/* Split [length] bytes of authority, host[:port] or [IPv6][:port]. NULL, or what is wrong with it. */
static const char *authority_split(struct url_parts *parts, const char *text, size_t length)
{
    parts->numeric6 = length > 0 && text[0] == '[';
    const char *host = parts->numeric6 ? text + 1 : text;
    const size_t host_length = parts->numeric6 ? strcspn(host, "]/") : strcspn(host, ":/?");
    const char *end = host + host_length + (parts->numeric6 && host[host_length] == ']');
    struct in6_addr address;

    if (host_length == 0 || host_length >= sizeof parts->host)
        return "it names no host";
    memcpy(parts->host, host, host_length);
    parts->host[host_length] = '\0';
    if (parts->numeric6 && (host[host_length] != ']' || inet_pton(AF_INET6, parts->host, &address) != 1))
        return "what stands in brackets is not an IPv6 address";
    if (!parts->numeric6 && (strspn(host, LETTERS_DIGITS "-._") < host_length || host[0] == '-' || host[0] == '.'))
        return "the host's name has a character that host names do not have";
    const size_t used = (size_t)(end - text);
    if (used < length && (text[used] != ':' || !port_is_good(text + used + 1, length - used - 1)))
        return "the port is not a number from 1 to 65535";
    return NULL;
}

/* NULL, or what is wrong. */
static const char *url_split(struct url_parts *parts, const char *url)
{
    parts->tls = sms365_str_starts(url, "https://");
    if (!parts->tls && !sms365_str_starts(url, "http://"))
        return "it does not begin with https://";
    if (!is_printable(url))
        return "it holds a blank, a control character, or one that must be written %XX";
    if (strchr(url, '#') != NULL)
        return "it holds a fragment (#)";
    const char *authority = url + strlen(parts->tls ? "https://" : "http://");
    const size_t length = strcspn(authority, "/?");
    if (memchr(authority, '@', length) != NULL)
        return "it holds a user name (@)";
    parts->rest = authority + length;
    return authority_split(parts, authority, length);
}

static bool is_loopback(const struct url_parts *parts)
{
    struct in_addr address4;
    struct in6_addr address6;

    if (parts->numeric6)
        return inet_pton(AF_INET6, parts->host, &address6) == 1 && IN6_IS_ADDR_LOOPBACK(&address6);
    return inet_pton(AF_INET, parts->host, &address4) == 1 && ntohl(address4.s_addr) >> 24 == IN_LOOPBACKNET;
}

enum sms365_err sms365_url_check(char *out, const char *url, bool sandbox, struct sms365_error *err)
{
    struct url_parts parts;
    size_t length = strlen(url);
    const char *why = length >= SMS365_URL_SIZE ? "it is longer than 255 bytes" : url_split(&parts, url);

    if (why == NULL && strchr(parts.rest, '?') != NULL)
        why = "it holds a query (?)";
    if (why == NULL && !parts.tls && !is_loopback(&parts))
        why = "http:// is for loopback addresses (127.0.0.1, [::1]) only; write https://";
    if (why == NULL && !parts.tls && !sandbox)
        why = "http:// needs sandbox = yes";
    if (why != NULL)
        return sms365_error_set(err, SMS365_BAD_ARGUMENT, "\"%.100s\" is no usable base URL: %s", url, why);
    while (url[length - 1] == '/')
        length--;
    memmove(out, url, length);
    out[length] = '\0';
    return SMS365_OK;
}

enum sms365_err sms365_url_check_callback(const char *url, struct sms365_error *err)
{
    struct url_parts parts;
    const char *why = url_split(&parts, url);

    if (why == NULL)
        return SMS365_OK;
    /* A callback's query may hold what only its owner should know: the text does not repeat it. */
    return sms365_error_set(err, SMS365_BAD_ARGUMENT, "no usable callback URL: %s", why);
}

bool sms365_url_callback_path(char *out, size_t size, const char *url)
{
    struct url_parts parts;

    if (url_split(&parts, url) != NULL)
        return false;
    const size_t length = strcspn(parts.rest, "?");
    if ((length > 0 ? length : 1) >= size)
        return false;
    memcpy(out, length > 0 ? parts.rest : "/", length > 0 ? length : 1);
    out[length > 0 ? length : 1] = '\0';
    return true;
}
