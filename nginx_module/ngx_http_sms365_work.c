/* What a job has done in nginx's threads: whatever waits for a disk, a lock or a name. */
#include "ngx_http_sms365_job.h"

#include "base/err.h"
#include "drive/instance.h"
#include "edges/process.h"
#include "edges/spool.h"

#include <syslog.h>


#define NGX_HTTP_SMS365_GUARD    60000  /* ms that a worker that is to end waits for a thread */


/* A worker that is to end waits for timers that are not cancelable, and so for what a thread is about. */
static void
ngx_http_sms365_job_guard(ngx_event_t *ev)
{
    (void) ev;
}


static void
ngx_http_sms365_job_work(void *data, ngx_log_t *log)
{
    ngx_http_sms365_job_t  *job = data;

    (void) log;

    job->work(job);
}


static void
ngx_http_sms365_job_worked(ngx_event_t *ev)
{
    ngx_http_sms365_job_t  *job = ev->data;

    job->worked(job);
}


void
ngx_http_sms365_job_thread(ngx_http_sms365_job_t *job,
    void (*work)(ngx_http_sms365_job_t *job), void (*done)(ngx_http_sms365_job_t *job))
{
    job->work = work;
    job->worked = done;

    if (!job->timer.timer_set) {
        job->timer.handler = ngx_http_sms365_job_guard;
        ngx_add_timer(&job->timer, NGX_HTTP_SMS365_GUARD);
    }

    if (ngx_http_sms365_thread(job->service, &job->task, job, ngx_http_sms365_job_work,
                               ngx_http_sms365_job_worked)
        != NGX_OK)
    {
        ngx_http_sms365_job_break(job);
    }
}


/* In a thread. */
static enum sms365_err
ngx_http_sms365_job_open_store(ngx_http_sms365_job_t *job)
{
    ngx_http_sms365_service_t        *service = job->service;
    struct sms365_store_file_options  options;

    if (job->store != NULL) {
        return SMS365_OK;
    }

    ngx_memzero(&options, sizeof(struct sms365_store_file_options));
    options.dir = service->conf.web_dir;
    options.key = &service->store_key;
    options.lock_timeout_ms = service->conf.lock_timeout_s * 1000;

    return sms365_store_file_open(&job->store, &options, &job->err);
}


static void
ngx_http_sms365_job_syslog(void *context, int priority, const char *text)
{
    static const int        least[] = { LOG_ERR, LOG_WARNING, LOG_INFO };
    ngx_http_sms365_job_t  *job = context;

    if (priority <= least[job->service->conf.log_level]) {
        syslog(LOG_AUTHPRIV | priority, "%s", text);
    }
}


void
ngx_http_sms365_job_denied(ngx_http_sms365_job_t *job)
{
    struct sms365_log      log = { ngx_http_sms365_job_syslog, job };
    struct sms365_subject  subject;

    ngx_memzero(&subject, sizeof(struct sms365_subject));

    subject.user = job->user;
    subject.service = (char *) job->service->name.data;
    subject.host = job->host;
    subject.known = true;

    sms365_login_denied(&log, &job->service->conf, &job->service->holder_key, &subject,
                        SMS365_REASON_CONFIG_UNUSABLE);
}


/* In a thread. Many jobs wait for the provider at the same time: there is no room in them for what they read or write. */
static void *
ngx_http_sms365_job_room(ngx_http_sms365_job_t *job, size_t size)
{
    job->read = malloc(size);

    if (job->read == NULL) {
        job->event.err = sms365_error_set(&job->err, SMS365_NO_MEMORY, "out of memory");
    }

    return job->read;
}


static void
ngx_http_sms365_job_get(ngx_http_sms365_job_t *job)
{
    struct sms365_event   *event = &job->event;
    struct sms365_record  *record;

    event->kind = SMS365_EVENT_RECORD;
    event->err = ngx_http_sms365_job_open_store(job);

    if (event->err != SMS365_OK) {
        return;
    }

    record = ngx_http_sms365_job_room(job, sizeof(struct sms365_record));

    if (record != NULL) {
        event->record = record;
        event->err = sms365_store_get(job->store, job->action.class, job->action.name, record,
                                      &job->err);
    }
}


static void
ngx_http_sms365_job_cas(ngx_http_sms365_job_t *job)
{
    size_t                 length;
    uint8_t               *value;
    struct sms365_event   *event = &job->event;
    struct sms365_action  *action = &job->action;

    event->kind = SMS365_EVENT_WRITTEN;
    event->err = ngx_http_sms365_job_open_store(job);

    if (event->err != SMS365_OK) {
        return;
    }

    value = ngx_http_sms365_job_room(job, SMS365_RECORD_MAX);

    if (value == NULL) {
        return;
    }

    if (!sms365_challenge_value(job->challenge, value, &length)) {
        event->err = sms365_error_set(&job->err, SMS365_BAD_ARGUMENT,
                                      "%s: the record does not fit", action->name);
        return;
    }

    event->err = sms365_store_cas(job->store, action->class, action->name, action->version,
                                  value, length, 0, &event->version, &job->err);
}


static void
ngx_http_sms365_job_look(ngx_http_sms365_job_t *job)
{
    char                 *report;
    struct sms365_event  *event = &job->event;

    event->kind = SMS365_EVENT_REPORT;

    if (job->action.id == NULL) {   /* a pause: a page does not wait */
        return;
    }

    report = ngx_http_sms365_job_room(job, SMS365_REPORT_MAX + 1);

    if (report == NULL) {
        return;
    }

    event->err = sms365_spool_wait(job->service->conf.spool, job->action.id, job->action.discard,
                                   0, report, &event->length, &job->err);

    if (event->err == SMS365_OK && event->length > 0) {
        event->query = report;
    }
}


/* In a thread: whatever the disk, or /dev/log, has to do with. */
static void
ngx_http_sms365_job_operation(ngx_http_sms365_job_t *job)
{
    struct sms365_event   *event = &job->event;
    struct sms365_error    err = { 0 };
    struct sms365_action  *action = &job->action;

    job->err.code = SMS365_OK;

    switch (action->kind) {

    case SMS365_ACTION_GET:
        ngx_http_sms365_job_get(job);
        break;

    case SMS365_ACTION_CAS:
        ngx_http_sms365_job_cas(job);
        break;

    case SMS365_ACTION_SUM:
        event->kind = SMS365_EVENT_SUM;
        event->err = ngx_http_sms365_job_open_store(job);
        if (event->err == SMS365_OK) {
            event->err = sms365_store_sum(job->store, action->class, action->window_ms,
                                          &event->total, &job->err);
        }
        break;

    case SMS365_ACTION_WAIT:
        ngx_http_sms365_job_look(job);
        break;

    default:
        event->kind = SMS365_EVENT_LOGGED;
        ngx_http_sms365_job_syslog(job, action->priority, action->text);
        break;
    }

    if (sms365_now_read(&event->now, &err) != SMS365_OK) {
        job->err = err;
    }
}


void
ngx_http_sms365_job_close_store(ngx_http_sms365_job_t *job)
{
    ngx_http_sms365_service_t  *service = job->service;

    if (job->store == NULL) {
        return;
    }

    if (service->idle_stores < NGX_HTTP_SMS365_IDLE_MAX) {
        service->stores[service->idle_stores++] = job->store;

    } else {
        sms365_store_close(job->store);
    }

    job->store = NULL;
}


static void
ngx_http_sms365_job_operated(ngx_http_sms365_job_t *job)
{
    ngx_http_sms365_job_close_store(job);

    if (job->err.code != SMS365_OK && job->err.code != SMS365_CONFLICT) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "sms365: %s", job->err.text);
    }

    ngx_http_sms365_job_feed(job);
}


/* A store serves one thread at a time: as many are open as operations were ever under way at once, and no more. */
void
ngx_http_sms365_job_operate(ngx_http_sms365_job_t *job)
{
    ngx_http_sms365_service_t  *service = job->service;

    if (service->idle_stores > 0) {
        job->store = service->stores[--service->idle_stores];
    }

    ngx_http_sms365_job_thread(job, ngx_http_sms365_job_operation, ngx_http_sms365_job_operated);
}
