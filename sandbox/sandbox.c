#include "sandbox.h"
#include "socket.h"

#include <stdlib.h>
#include <string.h>

#define BEAT_MS 15000
#define SLEEP_MAX_MS 60000
#define OUTBOX_MAX 1024
#define PRICE_DIVISOR 25 /* a message is bought for 0.04 */

/* What becomes of messages whose recipient ends with these digits. */
static const struct {
    const char *digits;
    char status;
    int64_t after_ms; /* -1: as set */
} fates[] = {
    {"0001", 'f', -1},
    {"0002", 's', -1},
    {"0003", 'd', 3000},
};
#define FATE_DIGITS 4

void sandbox_lock(struct sandbox *box)
{
    pthread_mutex_lock(&box->lock);
}

void sandbox_unlock(struct sandbox *box)
{
    pthread_mutex_unlock(&box->lock);
}

/* Something is due then: the background thread must not sleep beyond it. */
static void wake_at(struct sandbox *box, int64_t due_ms)
{
    if (due_ms < box->awake_at_ms)
        postman_wake(box->postman);
}

static void set_timer(struct sandbox *box, int64_t due_ms, enum timer_kind kind, uint64_t subject)
{
    if (timers_add(&box->timers, due_ms, kind, subject))
        wake_at(box, due_ms);
}

static char fate_of(const struct settings *s, const char *to, int64_t *after_ms)
{
    size_t len = strlen(to);
    const char *end = to + (len > FATE_DIGITS ? len - FATE_DIGITS : 0);
    *after_ms = s->delivery_after_ms;
    for (size_t i = 0; i < sizeof(fates) / sizeof(fates[0]); i++) {
        if (strcmp(fates[i].digits, end) != 0)
            continue;
        if (fates[i].after_ms >= 0)
            *after_ms = fates[i].after_ms;
        return fates[i].status;
    }
    return s->delivery;
}

/* The fate is sealed when the message is on the phone; later changes of the settings are for later messages. */
static void set_report(struct sandbox *box, struct message *m)
{
    int64_t after_ms;
    const char fate = fate_of(&box->settings, m->to, &after_ms);
    if (m->fate != 0)
        after_ms = box->settings.delivery_after_ms;
    else
        m->fate = fate;
    if (m->validity_ms > 0 && (m->fate == 's' || after_ms > m->validity_ms)) {
        m->fate = 'f';
        after_ms = m->validity_ms;
    }
    if (m->fate != 's')
        set_timer(box, clock_ms() + after_ms, TIMER_REPORT, m->seq);
}

struct purse *sandbox_purse(struct sandbox *box, uint64_t account)
{
    if (account == MAIN_ACCOUNT)
        return &box->settings.purse;
    struct user *u = shelf_find(&box->accounts.users, account);
    return u != NULL ? &u->purse : NULL;
}

void sandbox_cancel(struct sandbox *box, struct message *m)
{
    m->cancelled = true;
    sandbox_purse(box, m->account)->balance += m->cost;
}

unsigned sandbox_send(struct sandbox *box, struct message *draft, int64_t at_ms, struct message **out)
{
    unsigned error = 0;
    int64_t now_ms = clock_wall_ms();
    draft->scheduled = at_ms > now_ms;
    draft->time_ms = draft->scheduled ? at_ms : now_ms;
    draft->status = 's';
    struct purse *purse = sandbox_purse(box, draft->account);
    if (purse == NULL || draft->cost > purse->balance)
        error = ERROR_NO_BALANCE;
    else if (box->timers.count >= TIMERS_MAX - 1) /* one is the beat's */
        error = ERROR_NOT_QUEUED;
    if (error != 0) {
        message_free_parts(draft);
        return error;
    }
    purse->balance -= draft->cost;
    struct message *m = phone_add(&box->phone, draft);
    if (m->scheduled) {
        set_timer(box, clock_ms() + (at_ms - now_ms), TIMER_ARRIVE, m->seq);
    } else {
        set_report(box, m);
        sandbox_notify(box);
    }
    *out = m;
    return 0;
}

void sandbox_hold(struct sandbox *box, struct held *h)
{
    h->next = box->held;
    h->back = &box->held;
    if (h->next != NULL)
        h->next->back = &h->next;
    box->held = h;
    MHD_suspend_connection(h->connection);
    wake_at(box, h->until_ms);
    if (box->stopping)
        sandbox_forget(h);
}

static void unlink_held(struct held *h)
{
    *h->back = h->next;
    if (h->next != NULL)
        h->next->back = h->back;
    h->back = NULL;
}

void sandbox_forget(struct held *h)
{
    if (h->back == NULL)
        return;
    unlink_held(h);
    MHD_resume_connection(h->connection);
}

/* What it waited for has come, or the time is over: on with it, after the delay that a fault may add. */
static void release(struct sandbox *box, struct held *h)
{
    if (h->delay_ms == 0) {
        sandbox_forget(h);
        return;
    }
    h->message = 0;
    h->until_ms = clock_ms() + h->delay_ms;
    h->delay_ms = 0;
    wake_at(box, h->until_ms);
}

static void release_due(struct sandbox *box, int64_t now_ms)
{
    struct held *next;
    for (struct held *h = box->held; h != NULL; h = next) {
        next = h->next;
        if (h->until_ms <= now_ms)
            release(box, h);
    }
}

static void release_waiters(struct sandbox *box, uint64_t message)
{
    struct held *next;
    for (struct held *h = box->held; h != NULL; h = next) {
        next = h->next;
        if (h->message == message)
            release(box, h);
    }
}

void sandbox_listen(struct sandbox *box, struct listener *l)
{
    l->next = box->listeners;
    l->back = &box->listeners;
    if (l->next != NULL)
        l->next->back = &l->next;
    box->listeners = l;
}

void sandbox_unlisten(struct listener *l)
{
    *l->back = l->next;
    if (l->next != NULL)
        l->next->back = l->back;
}

static void wake(struct listener *l)
{
    if (l->waiting) {
        l->waiting = false;
        MHD_resume_connection(l->connection);
    }
}

void sandbox_notify(struct sandbox *box)
{
    for (struct listener *l = box->listeners; l != NULL; l = l->next)
        wake(l);
}

size_t sandbox_sweep(struct sandbox *box)
{
    size_t left = 0;
    for (struct listener *l = box->listeners; l != NULL; l = l->next) {
        if (l->waiting && socket_is_gone(l->fd)) {
            l->gone = true;
            wake(l);
        }
        left += l->gone ? 0 : 1;
    }
    return left;
}

static void beat(struct sandbox *box)
{
    for (struct listener *l = box->listeners; l != NULL; l = l->next)
        l->beat = true;
    sandbox_notify(box);
    set_timer(box, clock_ms() + BEAT_MS, TIMER_BEAT, 0);
}

/* The text message in place of one that failed: it arrives, whatever the recipient's fate, if the balance covers it. */
static void send_fallback(struct sandbox *box, const struct message *failed)
{
    const struct fallback *f = failed->fallback;
    struct message *sent = NULL;
    struct message draft = {.from = mem_text(f->from),
        .text = mem_text(f->text),
        .flash = f->flash,
        .parts = f->parts,
        .cost = f->cost,
        .unicode = f->unicode,
        .account = failed->account,
        .mcc = failed->mcc,
        .mnc = failed->mnc,
        .fate = 'd'};
    memcpy(draft.to, failed->to, sizeof(draft.to));
    sandbox_send(box, &draft, 0, &sent);
}

static void report(struct sandbox *box, struct message *m)
{
    m->status = m->fate;
    m->reported_ms = clock_wall_ms();
    phone_touch(&box->phone, m);
    release_waiters(box, m->seq);
    sandbox_notify(box);
    if (m->callback != NULL && box->outbox_count == OUTBOX_MAX)
        box->journal.callbacks_failed++;
    else if (m->callback != NULL)
        box->outbox[box->outbox_count++] = postman_url(m);
    if (m->status == 'f' && m->fallback != NULL)
        send_fallback(box, m); /* last: a full phone may forget m for it */
}

static void arrive(struct sandbox *box, struct message *m)
{
    m->scheduled = false;
    phone_touch(&box->phone, m);
    set_report(box, m);
    sandbox_notify(box);
}

static void fire(struct sandbox *box, const struct timer *t)
{
    struct message *m = phone_find(&box->phone, t->subject);
    if (t->kind == TIMER_BEAT)
        beat(box);
    else if (m != NULL && t->kind == TIMER_ARRIVE && !m->cancelled)
        arrive(box, m);
    else if (m != NULL && t->kind == TIMER_REPORT)
        report(box, m);
}

/* Does what is due, and says until when there is nothing to do. */
static void catch_up(struct sandbox *box)
{
    struct timer t;
    int64_t now_ms = clock_ms();
    while (timers_take(&box->timers, now_ms, &t))
        fire(box, &t);
    release_due(box, now_ms);
    box->awake_at_ms = timers_next(&box->timers, now_ms + SLEEP_MAX_MS);
    for (const struct held *h = box->held; h != NULL; h = h->next)
        if (h->until_ms < box->awake_at_ms)
            box->awake_at_ms = h->until_ms;
}

static void mail(struct sandbox *box, uint64_t *failed)
{
    for (size_t i = 0; i < box->outbox_count; i++) {
        if (!postman_send(box->postman, box->outbox[i]))
            (*failed)++;
        free(box->outbox[i]);
    }
    box->outbox_count = 0;
}

static void *background(void *context)
{
    struct sandbox *box = context;
    uint64_t done = 0, failed = 0;
    for (;;) {
        sandbox_lock(box);
        box->journal.callbacks_done += done;
        box->journal.callbacks_failed += failed;
        bool stopping = box->stopping;
        if (!stopping)
            catch_up(box);
        int64_t awake_at_ms = box->awake_at_ms;
        sandbox_unlock(box);
        done = failed = 0;
        mail(box, &failed);
        if (stopping)
            return NULL;
        postman_work(box->postman, &done, &failed);
        int64_t sleep_ms = awake_at_ms - clock_ms();
        if (done + failed == 0 && sleep_ms > 0)
            postman_wait(box->postman, (int)sleep_ms);
    }
}

/* The balance came from somewhere. */
static void add_first_purchase(struct sandbox *box)
{
    const milli balance = box->settings.purse.balance;
    accounts_add_purchase(&box->accounts, MAIN_ACCOUNT, balance, balance / PRICE_DIVISOR);
}

void sandbox_reset(struct sandbox *box, bool all)
{
    phone_clear(&box->phone);
    journal_clear(&box->journal);
    if (all) {
        book_clear(&box->book);
        accounts_clear(&box->accounts);
        add_first_purchase(box);
    }
    sandbox_notify(box);
}

struct sandbox *sandbox_start(const struct settings *settings, const uint64_t *seed, const char *callback_ca)
{
    struct sandbox *box = mem_get(sizeof(*box));
    box->settings = *settings;
    chance_shuffle(&box->chance);
    box->run = chance_below(&box->chance, UINT32_MAX);
    if (seed != NULL)
        chance_seed(&box->chance, *seed);
    phone_init(&box->phone, &box->chance);
    book_init(&box->book);
    accounts_init(&box->accounts);
    add_first_purchase(box);
    box->outbox = mem_get(OUTBOX_MAX * sizeof(*box->outbox));
    box->postman = postman_new(callback_ca);
    if (box->postman != NULL && pthread_mutex_init(&box->lock, NULL) == 0) {
        timers_add(&box->timers, clock_ms() + BEAT_MS, TIMER_BEAT, 0);
        if (pthread_create(&box->background, NULL, background, box) == 0)
            return box;
        pthread_mutex_destroy(&box->lock);
    }
    if (box->postman != NULL)
        postman_free(box->postman);
    timers_free(&box->timers);
    free(box->outbox);
    free(box);
    return NULL;
}

void sandbox_stop(struct sandbox *box)
{
    sandbox_lock(box);
    box->stopping = true;
    while (box->held != NULL)
        sandbox_forget(box->held);
    sandbox_notify(box);
    sandbox_unlock(box);
    postman_wake(box->postman);
    pthread_join(box->background, NULL);
}

void sandbox_free(struct sandbox *box)
{
    phone_free(&box->phone);
    book_clear(&box->book);
    accounts_clear(&box->accounts);
    journal_clear(&box->journal);
    timers_free(&box->timers);
    postman_free(box->postman);
    pthread_mutex_destroy(&box->lock);
    free(box->outbox);
    free(box);
}
