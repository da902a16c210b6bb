/* Server-sent events. A listener is suspended while there is nothing to tell. */
#include "control.h"
#include "respond.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LISTENERS_MAX 100
#define FRAMES_MAX (256 * 1024) /* the most that is prepared in one go; the rest follows */
#define BLOCK_BYTES 16384

static void add_frame(struct listener *l, const char *event, uint64_t revision, const char *data)
{
    buf_print(&l->frames, "event: %s\nid: %llu-%llu\ndata: ", event, (unsigned long long)l->box->run,
        (unsigned long long)revision);
    buf_text(&l->frames, data);
    buf_text(&l->frames, "\n\n");
}

/* False: the rest has to wait until this much is sent. */
static bool add_message(struct listener *l, const struct message *m)
{
    cJSON *json = message_json(m);
    char *text = cJSON_PrintUnformatted(json);
    bool fits = l->frames.len + strlen(text) < FRAMES_MAX / 2;
    if (fits) {
        add_frame(l, "message", m->revision, text);
        l->seen = m->revision;
    }
    free(text);
    cJSON_Delete(json);
    return fits;
}

static void fill(struct listener *l)
{
    const struct phone *phone = &l->box->phone;
    buf_free(&l->frames);
    l->sent = 0;
    if (l->seen < phone->cleared_at) {
        add_frame(l, "reset", phone->cleared_at, "{}");
        l->seen = phone->cleared_at;
    }
    for (const struct message *m = phone_changed_since(phone, l->seen); m != NULL; m = m->newer)
        if (!add_message(l, m))
            break;
    if (l->beat && l->frames.len == 0)
        buf_text(&l->frames, ":\n\n");
    l->beat = false;
}

static ssize_t events_read(void *context, uint64_t at, char *out, size_t max)
{
    struct listener *l = context;
    struct sandbox *box = l->box;
    (void)at;
    ssize_t result = 0;
    sandbox_lock(box);
    if (l->sent == l->frames.len)
        fill(l);
    if (box->stopping || l->gone) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (l->frames.len == 0) {
        l->waiting = true;
        MHD_suspend_connection(l->connection);
    } else {
        size_t len = l->frames.len - l->sent < max ? l->frames.len - l->sent : max;
        memcpy(out, l->frames.data + l->sent, len);
        l->sent += len;
        result = (ssize_t)len;
    }
    sandbox_unlock(box);
    return result;
}

static void events_free(void *context)
{
    struct listener *l = context;
    sandbox_lock(l->box);
    sandbox_unlisten(l);
    sandbox_unlock(l->box);
    buf_free(&l->frames);
    free(l);
}

/* Where a listener that comes back left off; another run's numbers mean nothing: all is told anew. */
static void resume_from(struct listener *l, const char *last_id)
{
    unsigned long long run = 0, revision = 0;
    bool known = last_id != NULL && sscanf(last_id, "%20llu-%20llu", &run, &revision) == 2 && run == l->box->run;
    if (known && revision <= l->box->phone.revision) {
        l->seen = revision;
        return;
    }
    if (last_id != NULL)
        add_frame(l, "reset", l->box->phone.cleared_at, "{}");
    l->seen = l->box->phone.cleared_at;
}

enum MHD_Result events_answer(struct sandbox *box, struct MHD_Connection *c)
{
    struct listener *l = mem_get(sizeof(*l));
    l->box = box;
    l->connection = c;
    l->fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    buf_init(&l->frames, FRAMES_MAX);
    buf_text(&l->frames, "retry: 1000\n\n");
    sandbox_lock(box);
    bool full = sandbox_sweep(box) >= LISTENERS_MAX;
    if (!full) {
        sandbox_listen(box, l);
        resume_from(l, MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Last-Event-ID"));
    }
    sandbox_unlock(box);
    if (full) {
        buf_free(&l->frames);
        free(l);
        return respond_text(c, MHD_HTTP_SERVICE_UNAVAILABLE, "Too many listeners.\n");
    }
    struct MHD_Response *r =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, events_read, l, events_free);
    if (r == NULL) {
        events_free(l);
        return MHD_NO;
    }
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream; charset=utf-8");
    MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    enum MHD_Result result = MHD_queue_response(c, MHD_HTTP_OK, r);
    MHD_destroy_response(r);
    return result;
}
