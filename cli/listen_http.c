/* The HTTP side: one GET a connection, answered at once. */
#include "base/err.h"
#include "edges/monotonic.h"
#include "edges/spool.h"
#include "listen.h"

#include <microhttpd.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
#define URI_TOO_LONG 414 /* RFC 9110; its name in libmicrohttpd varies by version */
#define MINUTE_MS 60000

/* Log lines that strangers can cause at will. Failures have a quota of their own: nobody hides them behind refusals. */
struct quota {
    int64_t minute_ms;     /* when the minute began in which they are counted; 0: never */
    unsigned told, untold; /* in it */
};

struct listen_server {
    const struct listen_setup *setup;
    struct MHD_Daemon *daemon;
    struct listen_peers peers;
    uint64_t kept;
    bool spool_gone;
    bool left; /* a connection ended in this round */
    struct quota refusals, failures;
};

/* One request. */
struct request {
    char uri[LISTEN_REQUEST_MAX]; /* as it came: the library decodes its own copy in place */
};

static void tell_untold(const struct listen_server *server, const struct quota *quota)
{
    if (quota->untold > 0)
        sms365_log_line(server->setup->log, LOG_NOTICE, "event=report verdict=%s untold=%u",
            quota == &server->refusals ? "refused" : "failed", quota->untold);
}

/* Whether one more line may be written. */
static bool may_tell(const struct listen_server *server, struct quota *quota)
{
    const int64_t now_ms = sms365_monotonic_ms();

    if (quota->minute_ms == 0 || now_ms - quota->minute_ms >= MINUTE_MS) {
        tell_untold(server, quota);
        *quota = (struct quota){.minute_ms = now_ms};
    }
    if (quota->told < LISTEN_TOLD_PER_MINUTE) {
        quota->told++;
        return true;
    }
    quota->untold++;
    return false;
}

static void tell_refused(struct listen_server *server, const struct sockaddr *from, const char *reason)
{
    char address[LISTEN_ADDRESS_SIZE];

    if (!may_tell(server, &server->refusals))
        return;
    listen_address_format(address, from);
    sms365_log_line(
        server->setup->log, LOG_NOTICE, "event=report rhost=\"%s\" verdict=refused reason=%s", address, reason);
}

static enum MHD_Result on_policy(void *context, const struct sockaddr *address, socklen_t length)
{
    struct listen_server *server = context;
    char text[LISTEN_ADDRESS_SIZE];

    (void)length;
    listen_address_format(text, address);
    if (server->setup->from != NULL && !sms365_cidr_list_match(server->setup->from, text, NULL)) {
        tell_refused(server, address, "address");
        return MHD_NO;
    }
    if (!listen_peer_may_enter(&server->peers, address)) {
        tell_refused(server, address, "connections");
        return MHD_NO;
    }
    return MHD_YES;
}

static void on_connection(
    void *context, struct MHD_Connection *connection, void **peer, enum MHD_ConnectionNotificationCode what)
{
    struct listen_server *server = context;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *peer = listen_peer_add(&server->peers,
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd);
    } else {
        server->left = true;
        if (*peer != NULL)
            listen_peer_remove(&server->peers, *peer);
    }
}

static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
    struct request *request = calloc(1, sizeof *request);

    (void)context;
    (void)connection;
    if (request != NULL)
        (void)sms365_str_copy(request->uri, sizeof request->uri, uri);
    return request;
}

static void on_completed(
    void *context, struct MHD_Connection *connection, void **request, enum MHD_RequestTerminationCode why)
{
    (void)context;
    (void)connection;
    (void)why;
    free(*request);
    *request = NULL;
}

static enum MHD_Result respond(struct MHD_Connection *connection, unsigned status, const char *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);

    if (response == NULL)
        return MHD_NO;
    /* What a header lacks for want of memory, nobody misses; but a connection that stays open would be held. */
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, MHD_HTTP_METHOD_GET);
    enum MHD_Result result = MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (result == MHD_YES)
        result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static bool ends_with(const char *text, size_t length, const char *end)
{
    const size_t end_length = strlen(end);

    return length >= end_length && memcmp(text + length - end_length, end, end_length) == 0;
}

/* A report that verified: keep it if it is the first that says something final. Returns the HTTP status. */
static unsigned report_keep(
    struct listen_server *server, const struct sms365_report *report, const struct sockaddr *from)
{
    const struct listen_setup *setup = server->setup;
    struct sms365_error err = {0};
    char address[LISTEN_ADDRESS_SIZE];
    char challenge[17]; /* as much of the id as a login's line has */

    if (report->delivery == SMS365_DELIVERY_PENDING)
        return MHD_HTTP_OK;
    sms365_str_hex(challenge, report->id, sizeof challenge / 2);
    const enum sms365_err code = sms365_spool_keep(setup->spool, report, &setup->callback_key, &err);
    if (code == SMS365_EXISTS)
        return MHD_HTTP_OK;
    if (code != SMS365_OK) {
        if (may_tell(server, &server->failures))
            sms365_log_line(
                setup->log, LOG_ERR, "event=report challenge=%s verdict=failed error=\"%s\"", challenge, err.text);
        server->spool_gone = code == SMS365_NOT_FOUND;
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    }
    server->kept++;
    listen_address_format(address, from);
    sms365_log_line(setup->log, LOG_INFO, "event=report rhost=\"%s\" challenge=%s delivery=%s verdict=kept", address,
        challenge, report->delivery == SMS365_DELIVERY_DONE ? "delivered" : "failed");
    return MHD_HTTP_OK;
}

/* Returns the HTTP status; *reason is set where the request is refused. */
static unsigned request_judge(
    struct listen_server *server, const char *method, const char *uri, const struct sockaddr *from, const char **reason)
{
    const size_t path_length = strcspn(uri, "?");
    const char *query = uri + path_length + (uri[path_length] == '?');
    struct sms365_report report;

    *reason = "method";
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0)
        return MHD_HTTP_METHOD_NOT_ALLOWED;
    *reason = "path";
    if (!ends_with(uri, path_length, server->setup->path))
        return MHD_HTTP_NOT_FOUND;
    *reason = "too_long";
    if (strlen(query) > SMS365_REPORT_MAX)
        return URI_TOO_LONG;
    *reason = "token";
    if (!sms365_report_take(&report, query, strlen(query), &server->setup->callback_key))
        return MHD_HTTP_NOT_FOUND;
    *reason = NULL;
    return report_keep(server, &report, from);
}

/* Called when the header is there: a body is not waited for. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *path,
    const char *method, const char *version, const char *data, size_t *length, void **given)
{
    struct listen_server *server = context;
    const struct request *request = *given;
    const char *reason = NULL;

    (void)path;
    (void)version;
    (void)data;
    (void)length;
    if (request == NULL)
        return MHD_NO;
    const struct sockaddr *from = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    const unsigned status = request_judge(server, method, request->uri, from, &reason);
    if (reason != NULL)
        tell_refused(server, from, reason);
    switch (status) {
    case MHD_HTTP_OK:
        return respond(connection, status, "OK\n");
    case MHD_HTTP_SERVICE_UNAVAILABLE:
        return respond(connection, status, "Not now.\n");
    case MHD_HTTP_METHOD_NOT_ALLOWED:
        return respond(connection, status, "Reports come by GET.\n");
    case URI_TOO_LONG:
        return respond(connection, status, "Too long.\n");
    default:
        return respond(connection, status, "Not found.\n");
    }
}

struct listen_server *listen_server_start(const struct listen_setup *setup)
{
    struct listen_server *server = calloc(1, sizeof *server);
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)setup->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)setup->key},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };

    if (setup->certificate == NULL)
        tls[0] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    if (server != NULL) {
        server->setup = setup;
        server->daemon = MHD_start_daemon(MHD_USE_EPOLL | (setup->certificate != NULL ? MHD_USE_TLS : 0U), 0, on_policy,
            server, on_request, server, MHD_OPTION_LISTEN_SOCKET, setup->socket, MHD_OPTION_CONNECTION_LIMIT,
            (unsigned)LISTEN_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)LISTEN_REQUEST_MAX,
            MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, on_uri, server, MHD_OPTION_NOTIFY_COMPLETED,
            on_completed, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_ARRAY, tls,
            MHD_OPTION_END);
    }
    if (server != NULL && server->daemon != NULL)
        return server;
    (void)close(setup->socket);
    free(server);
    return NULL;
}

/* Milliseconds until something has to be done without being asked; -1: nothing. */
static int next_ms(struct listen_server *server)
{
    const int expiry_ms = listen_peers_expire(&server->peers);
    MHD_UNSIGNED_LONG_LONG library_ms = 0;

    if (MHD_get_timeout(server->daemon, &library_ms) != MHD_YES)
        return expiry_ms;
    const int bounded_ms = library_ms < LISTEN_CONNECTION_MS ? (int)library_ms : LISTEN_CONNECTION_MS;
    return expiry_ms < 0 || bounded_ms < expiry_ms ? bounded_ms : expiry_ms;
}

enum cli_exit listen_server_run(struct listen_server *server, int ends)
{
    struct pollfd events[] = {
        {.fd = ends, .events = POLLIN},
        {.fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, .events = POLLIN},
    };

    while (!server->spool_gone) {
        if (poll(events, sizeof events / sizeof *events, next_ms(server)) > 0 && events[0].revents != 0)
            return CLI_DONE;
        /* Where all places were taken, the library looks for newcomers again in the round after the one that frees one.
         */
        do {
            server->left = false;
            (void)MHD_run(server->daemon);
        } while (server->left);
    }
    return CLI_FAILED;
}

uint64_t listen_server_stop(struct listen_server *server)
{
    const uint64_t kept = server->kept;

    MHD_stop_daemon(server->daemon);
    tell_untold(server, &server->refusals);
    tell_untold(server, &server->failures);
    free(server);
    return kept;
}
