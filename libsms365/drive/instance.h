/* Inside of struct sms365: everything a front end needs, opened from one configuration. */
#ifndef SMS365_INSTANCE_H
#define SMS365_INSTANCE_H

#include "base/log.h"
#include "drive/provider.h"
#include "edges/store.h"
#include "pure/conf.h"

#define SMS365_CONF_DEFAULT SMS365_SYSCONFDIR "/sms365.conf"

struct sms365 {
    struct sms365_conf conf;
    struct sms365_keys keys;
    struct sms365_mac_key store_key, callback_key, holder_key;
    struct sms365_store *store;
    struct sms365_provider provider;
    struct sms365_log sink; /* where lines go in the end */
    struct sms365_log log;  /* filters by [log] level, then sink */
    int least_priority;     /* syslog's: higher numbers are dropped */
};

/* sms365_open() for one of our own front ends, which decides whose mistakes in the configuration count. */
enum sms365_err sms365_instance_open(struct sms365 **instance, const struct sms365_options *options,
    enum sms365_front_end front_end, struct sms365_error *err);

/* Read and check the configuration alone; mistakes go to the log and to problems (may be NULL). */
enum sms365_err sms365_instance_conf(struct sms365_conf *conf, const struct sms365_options *options,
    enum sms365_front_end front_end, struct sms365_problems *problems, struct sms365_error *err);

/*
 * The audit line of a login that is denied before there is a challenge, in the format of conf. holder_key hashes the
 * name of one whom nobody knows; NULL: no key was at hand.
 */
void sms365_login_denied(const struct sms365_log *log, const struct sms365_conf *conf,
    const struct sms365_mac_key *holder_key, const struct sms365_subject *subject, enum sms365_reason reason);

#endif
