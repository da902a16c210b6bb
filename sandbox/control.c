#include "control.h"
#include "respond.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One string literal for each line of page.html. */
static const char page[] =
#include "page.inc"
    ;
#define LANGUAGE_MARK "@LANGUAGE@"

typedef enum MHD_Result control_handler(
    struct sandbox *box, struct MHD_Connection *c, const struct control_request *rq);

/* Greek if it is named before English. */
static const char *language_of(struct MHD_Connection *c)
{
    const char *accept = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT_LANGUAGE);
    const char *greek = accept ? strstr(accept, "el") : NULL;
    const char *english = accept ? strstr(accept, "en") : NULL;
    return greek != NULL && (english == NULL || greek < english) ? "el" : "en";
}

static enum MHD_Result get_page(struct sandbox *box, struct MHD_Connection *c, const struct control_request *rq)
{
    (void)box;
    (void)rq;
    struct buf body;
    const char *mark = strstr(page, LANGUAGE_MARK);
    buf_init(&body, sizeof(page) + 16);
    buf_add(&body, page, (size_t)(mark - page));
    buf_text(&body, language_of(c));
    buf_text(&body, mark + strlen(LANGUAGE_MARK));
    return respond_buf(c, MHD_HTTP_OK, "text/html; charset=utf-8", &body);
}

static enum MHD_Result get_messages(struct sandbox *box, struct MHD_Connection *c, const struct control_request *rq)
{
    const char *to = params_get(rq->params, "to");
    struct msisdn number;
    if (to != NULL && msisdn_parse(to, &number))
        to = number.international;
    sandbox_lock(box);
    cJSON *json = phone_json(&box->phone, to);
    sandbox_unlock(box);
    return respond_json(c, MHD_HTTP_OK, json);
}

static enum MHD_Result get_requests(struct sandbox *box, struct MHD_Connection *c, const struct control_request *rq)
{
    sandbox_lock(box);
    cJSON *json = journal_json(&box->journal, params_get(rq->params, "endpoint"));
    sandbox_unlock(box);
    return respond_json(c, MHD_HTTP_OK, json);
}

static enum MHD_Result get_stats(struct sandbox *box, struct MHD_Connection *c, const struct control_request *rq)
{
    (void)rq;
    sandbox_lock(box);
    sandbox_sweep(box);
    cJSON *json = journal_stats_json(&box->journal);
    sandbox_unlock(box);
    return respond_json(c, MHD_HTTP_OK, json);
}

static enum MHD_Result get_settings(struct sandbox *box, struct MHD_Connection *c, const struct control_request *rq)
{
    (void)rq;
    sandbox_lock(box);
    cJSON *json = settings_json(&box->settings);
    sandbox_unlock(box);
    return respond_json(c, MHD_HTTP_OK, json);
}

static enum MHD_Result get_events(struct sandbox *box, struct MHD_Connection *c, const struct control_request *rq)
{
    (void)rq;
    return events_answer(box, c);
}

/* All or nothing: one bad setting, and none is changed. */
static enum MHD_Result post_settings(struct sandbox *box, struct MHD_Connection *c, const struct control_request *rq)
{
    char why[192] = "";
    char message[512];
    sandbox_lock(box);
    struct settings fresh = box->settings;
    for (size_t i = 0; i < rq->params->count; i++) {
        const struct param *p = &rq->params->item[i];
        if (settings_set(&fresh, p->name, p->value, why, sizeof(why)))
            continue;
        sandbox_unlock(box);
        snprintf(message, sizeof(message), "%.64s: %s\n", p->name, why);
        return respond_text(c, MHD_HTTP_BAD_REQUEST, message);
    }
    box->settings = fresh;
    sandbox_unlock(box);
    return get_settings(box, c, rq);
}

static enum MHD_Result post_reset(struct sandbox *box, struct MHD_Connection *c, const struct control_request *rq)
{
    const char *what = params_get(rq->params, "what");
    const bool messages = what != NULL && strcmp(what, "messages") == 0;
    if (what != NULL && !messages && strcmp(what, "all") != 0)
        return respond_text(c, MHD_HTTP_BAD_REQUEST, "what: takes all or messages\n");
    sandbox_lock(box);
    sandbox_reset(box, !messages);
    sandbox_unlock(box);
    return get_stats(box, c, rq);
}

static const struct {
    const char *path, *method;
    control_handler *answer;
} table[] = {
    {"", "GET", get_page},
    {"messages", "GET", get_messages},
    {"requests", "GET", get_requests},
    {"stats", "GET", get_stats},
    {"events", "GET", get_events},
    {"settings", "GET", get_settings},
    {"settings", "POST", post_settings},
    {"reset", "POST", post_reset},
    {"reset", "DELETE", post_reset},
};

enum MHD_Result control_answer(struct sandbox *box, struct MHD_Connection *c, const struct control_request *rq)
{
    bool known = false;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(table[i].path, rq->path) != 0)
            continue;
        known = true;
        if (strcmp(table[i].method, rq->method) == 0)
            return table[i].answer(box, c, rq);
    }
    return known ? respond_text(c, MHD_HTTP_METHOD_NOT_ALLOWED, "This method does not work here.\n")
                 : respond_text(c, MHD_HTTP_NOT_FOUND, "There is no such page.\n");
}
