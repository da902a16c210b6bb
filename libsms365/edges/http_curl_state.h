/* What the two halves of http_curl share: the handle (http_curl_handle.c) and a request under way (http_curl.c). */
#ifndef SMS365_HTTP_CURL_STATE_H
#define SMS365_HTTP_CURL_STATE_H

#include "edges/http_curl.h"

#include <curl/curl.h>
#include <signal.h>

#define SMS365_HTTP_URL_SIZE 512
#define SMS365_HTTP_HOST_SIZE 256 /* RFC 1035: 253 characters at most */

struct sms365_http {
    CURL *easy;
    struct curl_slist *headers;
    struct curl_slist *addresses;             /* libcurl reads it during a transfer */
    char resolved[SMS365_HTTP_HOST_SIZE + 8]; /* "host:port" that addresses is for, "" for none */
    int64_t resolved_ms;
    int64_t connect_timeout_ms;
    char ca[SMS365_HTTP_URL_SIZE]; /* for messages */
    char bind[64];
    char trouble[CURL_ERROR_SIZE];
};

/* One request under way. */
struct sms365_transfer {
    const struct sms365_http_request *request;
    struct sms365_buf *reply;
    char url[SMS365_HTTP_URL_SIZE];
    char host[SMS365_HTTP_HOST_SIZE];
    char port[8];
    size_t header_bytes;
    bool written;       /* libcurl was allowed to write the request, or part of it */
    bool wrong_address; /* a connection had a local address outside the whitelist */
    bool repeated;      /* libcurl wanted to write a request for the second time that may be written once only */
    bool too_long;      /* the reply, or its header */
    int socket_fault;   /* errno when this machine had no socket to give */
    char local[INET6_ADDRSTRLEN];
    char remote[INET6_ADDRSTRLEN];
};

/* curl_easy_setopt, true when the option was taken. */
#define SMS365_CURL_SET(easy, option, value) (curl_easy_setopt(easy, option, value) == CURLE_OK)

/* Tie the handle's callbacks to the transfer; NULL unties them. */
bool sms365_http_attach(struct sms365_http *http, struct sms365_transfer *transfer);

/*
 * A request in parts, for those who run libcurl themselves (its multi interface): prepare may wait for a name to be
 * resolved, and may be called from any thread that has the handle to itself; then the easy handle is run to its end;
 * then conclude says what came of it, with the errors of sms365_http_post(). The environment must be hidden meanwhile.
 * The transfer, with request and reply set and all else zeroed, stays where it is until then.
 */
enum sms365_err sms365_http_prepare(
    struct sms365_http *http, struct sms365_transfer *transfer, struct sms365_error *err);
enum sms365_err sms365_http_conclude(
    struct sms365_http *http, struct sms365_transfer *transfer, CURLcode code, struct sms365_error *err);

/* OpenSSL may write to a closed connection: SIGPIPE is held back (true: one was pending already), and taken away in the
 * end if it came meanwhile. */
bool sms365_http_sigpipe_hold(sigset_t *before);
void sms365_http_sigpipe_release(const sigset_t *before, bool pending_before);

#endif
