#include "server.h"
#include "api.h"
#include "control.h"
#include "respond.h"
#include "socket.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define BODY_MAX (96 * 1024)
#define BODY_TOO_LARGE 413 /* RFC 9110; its name in libmicrohttpd varies by version */
#define REPLY_MAX (64 * 1024 * 1024)
#define CONNECTIONS_MAX 1000
#define IDLE_TIMEOUT_S 60
#define POST_BUFFER_BYTES 4096
#define API_PREFIX "/api/"
#define CONTROL_PREFIX "/sandbox/"
/* What a client cannot know, with what a terminal should never be fed. */
#define ESCAPES_ERROR 199
#define ESCAPES_REMARKS "\033]0;title\007\033[2J\033[31mred\r\nforged: line\b\b\x7f" C1_CSI "31m" RIGHT_TO_LEFT
#define C1_CSI "\xc2\x9b"
#define RIGHT_TO_LEFT "\xe2\x80\xae"

struct peer;

struct server {
    struct sandbox *box;
    struct MHD_Daemon *daemon;
    struct peer *peers;
};

/* One connection. */
struct peer {
    struct peer *next, **back;
    struct MHD_Connection *connection;
    unsigned requests;
    bool control;    /* for /sandbox/: what arrives over it is not the API's */
    uint64_t number; /* of this connection */
    uint64_t bytes;  /* that arrived, as far as they are counted */
    char address[ADDRESS_TEXT];
    struct sockaddr_storage from;
};

/* One request, from its first line to its reply. */
struct request {
    struct server *server;
    struct peer *peer;
    char *path, *method;
    bool control;
    bool done; /* what it asks for is done; only the reply is missing */
    const struct endpoint *endpoint;
    struct mishap mishap;
    uint64_t journal;
    struct buf body;
    struct params params;
    struct call call;
    struct held held;
};

static void count_bytes(struct journal *j, struct peer *p)
{
    uint64_t bytes =
        socket_bytes(MHD_get_connection_info(p->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd);
    if (bytes > p->bytes) {
        j->socket_bytes += p->control ? 0 : bytes - p->bytes;
        p->bytes = bytes;
    }
}

static void on_connect(struct server *s, struct MHD_Connection *c, void **context)
{
    struct peer *p = mem_get(sizeof(*p));
    struct journal *j = &s->box->journal;
    const union MHD_ConnectionInfo *from = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (from != NULL && from->client_addr != NULL) {
        bool v6 = from->client_addr->sa_family == AF_INET6;
        memcpy(&p->from, from->client_addr, v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
    }
    address_print((const struct sockaddr *)&p->from, p->address);
    p->connection = c;
    sandbox_lock(s->box);
    p->number = ++j->connection_number;
    p->next = s->peers;
    p->back = &s->peers;
    if (p->next != NULL)
        p->next->back = &p->next;
    s->peers = p;
    j->connections++;
    j->open_connections++;
    sandbox_unlock(s->box);
    *context = p;
}

static void on_disconnect(struct server *s, struct peer *p)
{
    sandbox_lock(s->box);
    count_bytes(&s->box->journal, p);
    s->box->journal.open_connections--;
    *p->back = p->next;
    if (p->next != NULL)
        p->next->back = p->back;
    sandbox_unlock(s->box);
    free(p);
}

static void on_connection(
    void *context, struct MHD_Connection *c, void **peer, enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        on_connect(context, c, peer);
    else if (*peer != NULL)
        on_disconnect(context, *peer);
}

static void note_control(struct journal *j, struct peer *p)
{
    if (p->requests > 1 || p->control)
        return;
    p->control = true;
    j->control_connections++;
    j->socket_bytes -= p->bytes;
}

static void note_api(struct request *rq, size_t header_bytes)
{
    struct sandbox *box = rq->server->box;
    if (rq->endpoint != NULL)
        rq->mishap = faults_take(&box->settings.faults, rq->endpoint->path, rq->peer->requests > 1);
    const char *fault = rq->mishap.kind == FAULT_NONE && rq->mishap.delay_ms > 0 ? fault_name(FAULT_DELAY)
                                                                                 : fault_name(rq->mishap.kind);
    rq->journal = journal_add(&box->journal, &(struct journal_entry){.endpoint = rq->endpoint,
                                                 .path = rq->path,
                                                 .method = rq->method,
                                                 .remote = rq->peer->address,
                                                 .connection = rq->peer->number,
                                                 .number = rq->peer->requests,
                                                 .fault = fault});
    box->journal.request_bytes += header_bytes;
}

/* The header is here, nothing of the body was read yet. */
static enum MHD_Result request_begin(
    struct server *s, struct MHD_Connection *c, const char *path, const char *method, void **context)
{
    struct request *rq = mem_get(sizeof(*rq));
    struct peer *p = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    const union MHD_ConnectionInfo *header = MHD_get_connection_info(c, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    *context = rq;
    rq->server = s;
    rq->peer = p;
    rq->path = mem_text(path);
    rq->method = mem_text(method);
    rq->held.connection = c;
    rq->control = strncmp(path, CONTROL_PREFIX, strlen(CONTROL_PREFIX)) == 0;
    buf_init(&rq->body, BODY_MAX);
    if (strncmp(path, API_PREFIX, strlen(API_PREFIX)) == 0)
        rq->endpoint = endpoint_find(path + strlen(API_PREFIX));
    sandbox_lock(s->box);
    p->requests++;
    if (rq->control)
        note_control(&s->box->journal, p);
    else
        note_api(rq, header != NULL ? header->header_size : 0);
    sandbox_unlock(s->box);
    return rq->mishap.kind == FAULT_DROP_BEFORE ? MHD_NO : MHD_YES;
}

static void request_read(struct request *rq, const char *data, size_t len)
{
    buf_add(&rq->body, data, len);
    if (!rq->control) {
        sandbox_lock(rq->server->box);
        rq->server->box->journal.request_bytes += len;
        sandbox_unlock(rq->server->box);
    }
}

static enum MHD_Result add_form_field(void *context, enum MHD_ValueKind kind, const char *name, const char *file,
    const char *type, const char *encoding, const char *data, uint64_t offset, size_t len)
{
    (void)kind, (void)file, (void)type, (void)encoding;
    if (name != NULL && offset == 0)
        params_add(context, name, data, len);
    else if (name != NULL)
        params_append(context, name, data, len);
    return MHD_YES;
}

static enum MHD_Result add_query_field(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    params_add(context, name, value ? value : "", value ? strlen(value) : 0);
    return MHD_YES;
}

/* libmicrohttpd's reader of multipart forms; for urlencoded ones it refuses a bare = in a value. */
static bool read_multipart(struct request *rq)
{
    struct MHD_PostProcessor *form =
        MHD_create_post_processor(rq->held.connection, POST_BUFFER_BYTES, add_form_field, &rq->params);
    if (form == NULL)
        return false;
    bool ok = MHD_post_process(form, rq->body.data, rq->body.len) == MHD_YES;
    return MHD_destroy_post_processor(form) == MHD_YES && ok;
}

/* The body before the query: the first value of a name counts. */
static bool read_params(struct request *rq)
{
    static const char multipart[] = "multipart/form-data";
    struct MHD_Connection *c = rq->held.connection;
    const char *type = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE);
    bool ok = true;
    if (rq->body.len > 0 && type != NULL && strncasecmp(type, multipart, strlen(multipart)) == 0)
        ok = read_multipart(rq);
    else if (rq->body.len > 0 && rq->control && rq->body.data[strspn(rq->body.data, " \t\r\n")] == '{')
        ok = params_add_json(&rq->params, rq->body.data);
    else if (rq->body.len > 0)
        params_add_form(&rq->params, rq->body.data, rq->body.len);
    MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, add_query_field, &rq->params);
    params_join(&rq->params);
    params_clean(&rq->params);
    return ok;
}

static enum MHD_Result control_run(struct request *rq)
{
    struct sandbox *box = rq->server->box;
    rq->done = true;
    sandbox_lock(box);
    for (struct peer *p = rq->server->peers; p != NULL; p = p->next)
        count_bytes(&box->journal, p);
    sandbox_unlock(box);
    return control_answer(box, rq->held.connection,
        &(struct control_request){
            .path = rq->path + strlen(CONTROL_PREFIX), .method = rq->method, .params = &rq->params});
}

/* Errors that a fault makes up in place of the endpoint's own answer. */
static bool is_made_up(struct request *rq)
{
    struct reply *r = &rq->call.reply;
    if (rq->mishap.kind != FAULT_ERROR && rq->mishap.kind != FAULT_ESCAPES)
        return false;
    reply_init(r, rq->endpoint);
    r->error = rq->mishap.kind == FAULT_ERROR ? (unsigned)rq->mishap.value : ESCAPES_ERROR;
    r->remarks = rq->mishap.kind == FAULT_ERROR ? endpoint_error_text(r->error) : ESCAPES_REMARKS;
    if (r->remarks == NULL)
        r->remarks = "Error";
    return true;
}

static enum MHD_Result api_answer(struct request *rq)
{
    struct sandbox *box = rq->server->box;
    struct MHD_Connection *c = rq->held.connection;
    enum format format = format_parse(params_get(&rq->params, "type"));
    struct buf body;
    buf_init(&body, REPLY_MAX);
    sandbox_lock(box);
    bool stopping = box->stopping;
    api_end(&rq->call);
    reply_encode(&rq->call.reply, format, &box->settings, rq->mishap.kind == FAULT_TYPES, &body);
    uint64_t noise = rq->mishap.kind == FAULT_GARBAGE ? chance_below(&box->chance, UINT32_MAX) : 0;
    sandbox_unlock(box);
    if (rq->mishap.kind == FAULT_DROP_AFTER || stopping) {
        buf_free(&body);
        return MHD_NO;
    }
    return respond_spoilt(c, &rq->mishap, format_mime(format), &body, noise);
}

static enum MHD_Result api_run(struct request *rq)
{
    struct sandbox *box = rq->server->box;
    rq->done = true;
    rq->call = (struct call){
        .box = box, .endpoint = rq->endpoint, .params = &rq->params, .from = (const struct sockaddr *)&rq->peer->from};
    sandbox_lock(box);
    journal_complete(&box->journal, rq->journal, &rq->params);
    if (!is_made_up(rq))
        api_begin(&rq->call);
    bool hold = rq->call.wait_ms > 0 || rq->mishap.delay_ms > 0;
    if (hold) {
        rq->held.message = rq->call.wait_ms > 0 ? rq->call.message : 0;
        rq->held.until_ms = clock_ms() + rq->call.wait_ms;
        rq->held.delay_ms = rq->mishap.delay_ms;
        sandbox_hold(box, &rq->held);
    }
    sandbox_unlock(box);
    return hold ? MHD_YES : api_answer(rq);
}

/* All of it is here. */
static enum MHD_Result request_run(struct request *rq)
{
    struct MHD_Connection *c = rq->held.connection;
    bool is_get = strcmp(rq->method, MHD_HTTP_METHOD_GET) == 0;
    bool is_post = strcmp(rq->method, MHD_HTTP_METHOD_POST) == 0;
    if (rq->body.over)
        return respond_text(c, BODY_TOO_LARGE, "The body is too large.\n");
    if (!read_params(rq))
        return respond_text(c, MHD_HTTP_BAD_REQUEST, "The body is no form and no JSON object.\n");
    if (rq->control)
        return control_run(rq);
    if (rq->endpoint == NULL)
        return respond_text(c, MHD_HTTP_NOT_FOUND, "There is no such endpoint.\n");
    if (!is_get && !is_post)
        return respond_text(c, MHD_HTTP_METHOD_NOT_ALLOWED, "The API takes GET and POST.\n");
    return api_run(rq);
}

/* Called for the header, for each piece of the body, at its end, and again when the connection is resumed. */
static enum MHD_Result on_request(void *server, struct MHD_Connection *c, const char *path, const char *method,
    const char *version, const char *data, size_t *len, void **context)
{
    (void)version;
    struct request *rq = *context;
    if (rq == NULL)
        return request_begin(server, c, path, method, context);
    if (*len > 0) {
        request_read(rq, data, *len);
        *len = 0;
        return MHD_YES;
    }
    return rq->done ? api_answer(rq) : request_run(rq);
}

static void on_completed(void *server, struct MHD_Connection *c, void **context, enum MHD_RequestTerminationCode why)
{
    (void)server, (void)c, (void)why;
    struct request *rq = *context;
    if (rq == NULL)
        return;
    sandbox_lock(rq->server->box);
    sandbox_forget(&rq->held);
    sandbox_unlock(rq->server->box);
    if (rq->call.endpoint != NULL)
        reply_free(&rq->call.reply);
    params_free(&rq->params);
    buf_free(&rq->body);
    free(rq->path);
    free(rq->method);
    free(rq);
    *context = NULL;
}

struct server *server_start(struct sandbox *box, int socket, const char *tls_cert, const char *tls_key)
{
    struct server *s = mem_get(sizeof(*s));
    s->box = box;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)tls_cert},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)tls_key},
        {MHD_OPTION_END, 0, NULL},
    };
    if (tls_cert == NULL)
        tls[0] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | (tls_cert ? MHD_USE_TLS : 0U);
    s->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET, socket,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S,
        MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    if (s->daemon == NULL) {
        close(socket);
        free(s);
        return NULL;
    }
    return s;
}

void server_stop(struct server *s)
{
    MHD_stop_daemon(s->daemon);
    free(s);
}
