/*
 * The sandbox's state, and the thread that moves it on: delivery reports, callbacks, requests that are held.
 *
 * One lock guards everything here. The server's thread takes it for each request, the background thread for each
 * moment that is due; network work is done without it. Functions below that touch the state expect it to be held.
 */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include "chance.h"
#include "journal.h"
#include "phone.h"
#include "postman.h"
#include "settings.h"
#include "timers.h"

#include <microhttpd.h>
#include <pthread.h>

#define ERROR_NO_BALANCE 105
#define ERROR_NOT_QUEUED 106

/* A connection that is suspended until something happens. Part of whatever waits, which also frees it. */
struct held {
    struct held *next, **back; /* back NULL: not held */
    struct MHD_Connection *connection;
    uint64_t message; /* released when this one's report is in; 0: nothing but time releases it */
    int64_t until_ms; /* the latest moment for that */
    int64_t delay_ms; /* and then so much longer */
};

/* Somebody who follows the events. */
struct listener {
    struct listener *next, **back;
    struct MHD_Connection *connection;
    struct sandbox *box;
    int fd;
    bool waiting; /* suspended: nothing to tell */
    bool gone;    /* closed by the other side, which nobody notices while it is suspended */
    bool beat;    /* to be shown that we live */
    uint64_t seen;
    struct buf frames;
    size_t sent;
};

struct sandbox {
    pthread_mutex_t lock;
    struct settings settings;
    struct accounts accounts;
    struct book book;
    uint64_t bulks; /* messages to several that were sent */
    struct phone phone;
    struct journal journal;
    struct chance chance;
    struct timers timers;
    struct held *held;
    int64_t awake_at_ms; /* until then the background thread may sleep */
    struct listener *listeners;
    bool stopping;
    uint64_t run; /* tells this run's event numbers from another's */

    struct postman *postman;
    char **outbox; /* callback URLs; the background thread's alone */
    size_t outbox_count;
    pthread_t background;
};

/* NULL if threads or libcurl fail. */
struct sandbox *sandbox_start(const struct settings *settings, const uint64_t *seed, const char *callback_ca);
/* Ends the background thread and lets every held connection go; call it before the server is stopped. */
void sandbox_stop(struct sandbox *box);
void sandbox_free(struct sandbox *box);

void sandbox_lock(struct sandbox *box);
void sandbox_unlock(struct sandbox *box);

/* Forgets messages and requests; all that was stored through the API, too, if all. */
void sandbox_reset(struct sandbox *box, bool all);

/* What that account has; NULL: there is no such account. */
struct purse *sandbox_purse(struct sandbox *box, uint64_t account);

/* A scheduled message will not be sent, and costs nothing. */
void sandbox_cancel(struct sandbox *box, struct message *m);

/*
 * Puts a message on its way: takes its cost from the account, shows it on the phone now or at at_ms (wall clock),
 * decides its fate by its number. Takes the draft's texts over, also on failure. 0, or the reference's error.
 */
unsigned sandbox_send(struct sandbox *box, struct message *draft, int64_t at_ms, struct message **out);

/* Suspends the connection; the access handler is called again when the time has come. */
void sandbox_hold(struct sandbox *box, struct held *h);
void sandbox_forget(struct held *h);

void sandbox_listen(struct sandbox *box, struct listener *l);
/* Lets those go who have gone; returns how many are left. */
size_t sandbox_sweep(struct sandbox *box);
void sandbox_unlisten(struct listener *l);
/* Wakes all who listen. */
void sandbox_notify(struct sandbox *box);

#endif
