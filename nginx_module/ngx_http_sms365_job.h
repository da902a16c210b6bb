/*
 * Jobs: a challenge driven by nginx. A job lives on its own, beside the request that began it; when the client goes away
 * what it began is still brought to its end. Store operations run in nginx's thread pool, requests to the provider on its
 * events.
 */
#ifndef _NGX_HTTP_SMS365_JOB_H_INCLUDED_
#define _NGX_HTTP_SMS365_JOB_H_INCLUDED_


#include "ngx_http_sms365_module.h"

#include "edges/http_curl_state.h"
#include "pure/challenge_view.h"
#include "pure/report.h"


#define NGX_HTTP_SMS365_ANSWER_SIZE  512
#define NGX_HTTP_SMS365_ADDRESSES_SIZE  512     /* of so many addresses as are used */
#define NGX_HTTP_SMS365_HOLDER_SIZE  (2 * SMS365_TICKET_ID_BYTES + sizeof("web:"))


/* --- ngx_http_sms365_curl.c --- */

typedef struct ngx_http_sms365_transfer_s  ngx_http_sms365_transfer_t;

struct ngx_http_sms365_transfer_s {
    ngx_queue_t                   queue;
    struct sms365_http           *http;
    struct sms365_transfer        state;
    struct sms365_http_request    request;
    struct sms365_buf             body;
    struct sms365_buf             reply;
    struct sms365_buf             addresses;    /* of the host, where it has a name */
    void                        (*done)(ngx_http_sms365_transfer_t *transfer, CURLcode code);
};

ngx_int_t ngx_http_sms365_curl_init(ngx_cycle_t *cycle);
void ngx_http_sms365_curl_exit(void);

/* Run a transfer that was prepared; done is called from the event loop. */
ngx_int_t ngx_http_sms365_curl_start(ngx_http_sms365_transfer_t *transfer);


/* --- ngx_http_sms365_job.c --- */

/* What a person wants. LOOK causes no message, and ANSWER none but by r and o. */
typedef enum {
    NGX_HTTP_SMS365_LOOK,       /* how things are */
    NGX_HTTP_SMS365_SEND,       /* a code, if none is there to be entered */
    NGX_HTTP_SMS365_ANSWER,     /* hand in job->answer: a code, or r, or o */
    NGX_HTTP_SMS365_BACKUP      /* hand in job->answer: a backup code, for which libsms365 asks only where a message was
                                 * sent, or why it was not would be told */
} ngx_http_sms365_wish_e;


typedef enum {
    NGX_HTTP_SMS365_NOTHING,    /* there is no challenge to answer, and none was begun */
    NGX_HTTP_SMS365_OPEN,       /* a code can be entered, or a new one asked for: job->view */
    NGX_HTTP_SMS365_SENDING,    /* a message is under way, and the person need not wait for it */
    NGX_HTTP_SMS365_DECIDED,    /* job->outcome */
    NGX_HTTP_SMS365_BROKEN      /* out of memory, or no thread to be had */
} ngx_http_sms365_end_e;


typedef struct ngx_http_sms365_job_s  ngx_http_sms365_job_t;

struct ngx_http_sms365_job_s {
    ngx_http_request_t           *r;            /* NULL: nobody waits any more */
    ngx_http_sms365_job_t       **mark;         /* in the request: by it a client that goes away is noticed; NULL: one
                                                 * is made */
    void                        (*end)(ngx_http_request_t *r, ngx_http_sms365_job_t *job,
                                       ngx_http_sms365_end_e end);
    ngx_http_sms365_service_t    *service;
    enum sms365_language          language;

    /* Who it is. */
    char                          user[SMS365_USER_NAME_SIZE];
    char                          host[NGX_SOCKADDR_STRLEN + 1];
    char                          holder[NGX_HTTP_SMS365_HOLDER_SIZE];
    struct sms365_number          numbers[SMS365_USER_NUMBERS_MAX];
    size_t                        number_count;
    unsigned                      remembered:1; /* in this browser */
    unsigned                      strict:1;     /* a code is needed, whatever would make it needless */

    /* What is wanted. */
    ngx_http_sms365_wish_e        wish;
    char                          answer[NGX_HTTP_SMS365_ANSWER_SIZE];

    /* How it stands. */
    struct sms365_challenge      *challenge;
    struct sms365_action          action;
    struct sms365_event           event;
    unsigned                      asked:1;      /* the challenge has asked before */
    unsigned                      chosen:1;     /* b was answered */
    unsigned                      answered:1;
    unsigned                      parted:1;     /* the request was answered while the job goes on */
    ngx_event_t                   timer;
    ngx_connection_t              dummy;
    struct sms365_view            view;
    struct sms365_view            before;       /* of the first question */
    struct sms365_outcome         outcome;

    /* What actions need. */
    ngx_thread_task_t             task;
    void                        (*work)(ngx_http_sms365_job_t *job);
    void                        (*worked)(ngx_http_sms365_job_t *job);
    struct sms365_store          *store;        /* while a thread is about it */
    void                         *read;         /* what is read of the store or the spool, or written, until it is taken in */
    struct sms365_reply          *reply;
    struct sms365_error           err;
    struct sms365_error           told;         /* of the attempts at a request, the one that is worth telling */
    struct sms365_provider_request  call;
    struct sms365_attempt        *attempts;     /* many jobs wait at the same time: no more room than is needed */
    size_t                        attempt, attempt_count;
    ngx_resolver_t               *resolver;
    ngx_queue_t                   waiting;      /* for a name */
    void                        (*named)(ngx_http_sms365_job_t *job);
    int64_t                       call_until;
    ngx_http_sms365_transfer_t    transfer;
};


/* A job for the user of ctx, who is enrolled; NULL: out of memory, or too many. Set wish, answer, end; then start it. */
ngx_http_sms365_job_t *ngx_http_sms365_job_create(ngx_http_request_t *r,
    ngx_http_sms365_ctx_t *ctx, const uint8_t holder[SMS365_TICKET_ID_BYTES]);

/* end is called once, from the event loop, unless the client is gone by then; then r must be finalized. */
void ngx_http_sms365_job_start(ngx_http_sms365_job_t *job);

/* What a worker keeps for its services. */
void ngx_http_sms365_jobs_exit(ngx_http_sms365_service_t *service);


/* The event for the job's action is complete but for its time, and with it. */
void ngx_http_sms365_job_answered(ngx_http_sms365_job_t *job);
void ngx_http_sms365_job_feed(ngx_http_sms365_job_t *job);

/* Nothing can be done any more. */
void ngx_http_sms365_job_break(ngx_http_sms365_job_t *job);


/* --- ngx_http_sms365_work.c --- */

/* Have work done in a thread, then done in the event loop. */
void ngx_http_sms365_job_thread(ngx_http_sms365_job_t *job,
    void (*work)(ngx_http_sms365_job_t *job), void (*done)(ngx_http_sms365_job_t *job));

/* Do the job's action on the store, the spool or the log so; ngx_http_sms365_job_feed() follows. */
void ngx_http_sms365_job_operate(ngx_http_sms365_job_t *job);

/* In a thread: the audit line of a login that ends without a challenge, as PAM writes it. */
void ngx_http_sms365_job_denied(ngx_http_sms365_job_t *job);

/* Let others have the job's store. */
void ngx_http_sms365_job_close_store(ngx_http_sms365_job_t *job);


/* --- ngx_http_sms365_call.c --- */

/* Make the request that the job's action asks for; ngx_http_sms365_job_answered() follows. */
void ngx_http_sms365_call(ngx_http_sms365_job_t *job);

/* Let go of what a request needed. */
void ngx_http_sms365_call_release(ngx_http_sms365_job_t *job);


#endif /* _NGX_HTTP_SMS365_JOB_H_INCLUDED_ */
