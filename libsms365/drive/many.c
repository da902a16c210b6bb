#include "drive/many.h"

#include "base/err.h"
#include "edges/curl_init.h"
#include "edges/http_curl_state.h"
#include "edges/process.h"

#include <stdlib.h>
#include <string.h>

#define POLL_MS 1000 /* libcurl ends the wait before, when something happens or is due */

/* A handle, and the request that is under way on it. */
struct lane {
    struct sms365_http *http;
    bool busy;
    void *tag;
    enum sms365_endpoint_id endpoint;
    struct sms365_attempt attempt;
    struct sms365_buf body, reply;
    struct sms365_http_request request;
    struct sms365_transfer transfer;
};

struct run {
    struct sms365_provider *provider;
    const struct sms365_many *many;
    CURLM *multi;
    struct lane lanes[SMS365_MANY_MAX];
    size_t count, busy;
    bool stopped;
};

static void answer(struct run *run, void *tag, const struct sms365_reply *reply, const struct sms365_error *err)
{
    if (!run->stopped)
        run->stopped = !run->many->done(run->many->context, tag, reply, err);
}

static void lane_end(struct run *run, struct lane *lane, struct sms365_error *err)
{
    struct sms365_reply *reply = NULL;

    sms365_provider_settle(run->provider, &lane->attempt, err->code);
    if (err->code == SMS365_OK)
        err->code = sms365_provider_decode(&reply, lane->endpoint, &lane->reply, err);
    sms365_buf_free(&lane->reply);
    sms365_buf_free(&lane->body);
    lane->busy = false;
    run->busy--;
    answer(run, lane->tag, reply, err);
    sms365_reply_free(reply);
}

/* Errors: those of encoding, of sms365_http_new() and of sms365_http_prepare(). */
static enum sms365_err lane_send(
    struct run *run, struct lane *lane, const struct sms365_provider_request *request, struct sms365_error *err)
{
    const struct sms365_key *key = lane->attempt.key;
    enum sms365_err code = sms365_provider_encode(&lane->body, request, key, err);

    if (code == SMS365_OK && lane->http == NULL)
        code = sms365_provider_connect(run->provider, &lane->http, err);
    if (code != SMS365_OK)
        return code;
    lane->request = (struct sms365_http_request){
        .base_url = sms365_attempt_url(run->provider, &lane->attempt),
        .path = sms365_endpoint_get(request->endpoint)->path,
        .body = sms365_buf_text(&lane->body),
        .body_length = lane->body.length,
        .once = request->once,
        .timeout_ms = request->timeout_ms,
        .whitelist = key == NULL ? NULL : &key->whitelist,
    };
    lane->transfer = (struct sms365_transfer){.request = &lane->request, .reply = &lane->reply};
    code = sms365_http_prepare(lane->http, &lane->transfer, err);
    if (code == SMS365_OK && (!SMS365_CURL_SET(lane->http->easy, CURLOPT_PRIVATE, lane) ||
                                 curl_multi_add_handle(run->multi, lane->http->easy) != CURLM_OK))
        code = sms365_http_conclude(lane->http, &lane->transfer, CURLE_OUT_OF_MEMORY, err);
    return code;
}

static void lane_begin(struct run *run, struct lane *lane, const struct sms365_provider_request *request, void *tag)
{
    struct sms365_attempt attempts[SMS365_ATTEMPTS_MAX];
    struct sms365_error err = {0};
    size_t count;

    lane->busy = true;
    run->busy++;
    lane->tag = tag;
    lane->endpoint = request->endpoint;
    lane->attempt = (struct sms365_attempt){NULL, 0};
    sms365_provider_reply_init(&lane->reply, request->endpoint);
    err.code = sms365_provider_plan(run->provider, request, attempts, &count, &err);
    if (err.code == SMS365_OK) {
        lane->attempt = attempts[0];
        err.code = lane_send(run, lane, request, &err);
    }
    if (err.code != SMS365_OK)
        lane_end(run, lane, &err);
}

/* Which key may leave from here, and which base URL answers: one request finds that out for all. */
static void ask_alone(struct run *run, const struct sms365_provider_request *request, void *tag)
{
    struct sms365_reply *reply = NULL;
    struct sms365_error err = {0};

    err.code = sms365_provider_call(run->provider, request, &reply, &err);
    answer(run, tag, reply, &err);
    sms365_reply_free(reply);
}

static struct lane *lane_free(struct run *run)
{
    for (size_t i = 0; i < run->count; i++)
        if (!run->lanes[i].busy)
            return &run->lanes[i];
    return NULL;
}

static void fill(struct run *run)
{
    struct sms365_provider_request request;
    struct lane *lane;
    void *tag;

    while (!run->stopped && (lane = lane_free(run)) != NULL && run->many->next(run->many->context, &request, &tag)) {
        if (run->provider->chosen == NULL && !sms365_provider_keyless(&request))
            ask_alone(run, &request, tag);
        else
            lane_begin(run, lane, &request, tag);
    }
}

/* Take in what has ended. False: nothing has. */
static bool collect(struct run *run)
{
    CURLMsg *message;
    int left;
    bool any = false;

    while ((message = curl_multi_info_read(run->multi, &left)) != NULL) {
        CURL *easy = message->easy_handle;
        const CURLcode result = message->data.result; /* message is gone with the handle */
        struct sms365_error err = {0};
        struct lane *lane = NULL;
        if (message->msg != CURLMSG_DONE || curl_easy_getinfo(easy, CURLINFO_PRIVATE, &lane) != CURLE_OK)
            continue;
        (void)curl_multi_remove_handle(run->multi, easy);
        err.code = sms365_http_conclude(lane->http, &lane->transfer, result, &err);
        lane_end(run, lane, &err);
        any = true;
    }
    return any;
}

static enum sms365_err loop(struct run *run, struct sms365_error *err)
{
    CURLMcode code = CURLM_OK;
    int running;

    for (fill(run); run->busy > 0 && !run->stopped && code == CURLM_OK; fill(run)) {
        code = curl_multi_perform(run->multi, &running);
        if (code == CURLM_OK && !collect(run))
            code = curl_multi_poll(run->multi, NULL, 0, POLL_MS, NULL);
    }
    if (code != CURLM_OK)
        return sms365_error_set(err, SMS365_IO, "libcurl cannot go on: %s", curl_multi_strerror(code));
    return SMS365_OK;
}

static void run_free(struct run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        struct lane *lane = &run->lanes[i];
        if (lane->busy && lane->http != NULL)
            (void)curl_multi_remove_handle(run->multi, lane->http->easy);
        sms365_http_free(lane->http);
        sms365_buf_free(&lane->body);
        sms365_buf_free(&lane->reply);
    }
    if (run->multi != NULL)
        (void)curl_multi_cleanup(run->multi);
    free(run);
}

enum sms365_err sms365_provider_many(
    struct sms365_provider *provider, const struct sms365_many *many, size_t connections, struct sms365_error *err)
{
    struct run *run = calloc(1, sizeof *run);
    sigset_t mask;
    enum sms365_err code = SMS365_OK;

    if (run == NULL)
        return sms365_error_set(err, SMS365_NO_MEMORY, "out of memory");
    *run = (struct run){.provider = provider, .many = many};
    run->count = connections < SMS365_MANY_MAX ? connections : SMS365_MANY_MAX;
    sms365_environment_hide();
    const bool held = sms365_http_sigpipe_hold(&mask);
    run->multi = sms365_curl_init() ? curl_multi_init() : NULL;
    if (run->multi == NULL ||
        curl_multi_setopt(run->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)run->count) != CURLM_OK ||
        curl_multi_setopt(run->multi, CURLMOPT_MAXCONNECTS, (long)run->count) != CURLM_OK)
        code = sms365_error_set(err, SMS365_IO, "libcurl cannot be initialised");
    else
        code = loop(run, err);
    run_free(run);
    sms365_http_sigpipe_release(&mask, held);
    sms365_environment_restore();
    return code;
}
