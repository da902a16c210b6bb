/* The blocking driver: runs a challenge to its end for PAM, the command line and programs. It decides nothing. */
#ifndef SMS365_DRIVE_H
#define SMS365_DRIVE_H

#include "base/log.h"
#include "drive/provider.h"
#include "edges/store.h"
#include "pure/challenge.h"

/* Borrows everything. */
struct sms365_drive {
    struct sms365_store *store;
    struct sms365_provider *provider;
    const char *spool;
    const struct sms365_dialogue *dialogue;
    const struct sms365_log *log;
    /* Load provider->keys anew: true when they are others now. NULL: nobody can. */
    bool (*renew_keys)(void *context);
    void *renew_context;
};

/* Run to DONE. *outcome denies unless the challenge says otherwise. Troubles on the way go to the log, with their
 * texts. SMS365_NO_MEMORY: it was not begun, nothing is in the log, *outcome denies. */
enum sms365_err sms365_drive_run(const struct sms365_drive *drive, struct sms365_challenge *challenge,
    struct sms365_outcome *outcome, struct sms365_error *err);

#endif
