/*
 * Faults on demand: what can go wrong between a client and the provider.
 *
 *   SPEC   = [ FAULT *( "," FAULT ) ]
 *   FAULT  = ENDPOINT ":" KIND *( ":" OPTION )
 *   ENDPOINT = a path such as 2fa/send, or * for all
 *   OPTION = COUNT (so often, then no more) | "skip=" N (leaves the first N requests alone)
 *          | "kept" (only requests that are not the first on their connection)
 */
#ifndef SANDBOX_FAULTS_H
#define SANDBOX_FAULTS_H

#include "base.h"

#define FAULTS_MAX 32
#define FAULT_ENDPOINT_TEXT 48
#define CUT_HALF (-1)

enum fault_kind {
    FAULT_NONE,
    FAULT_DROP_BEFORE,
    FAULT_DROP_AFTER,
    FAULT_DELAY,
    FAULT_HTTP500,
    FAULT_TRUNCATED,
    FAULT_CUT,
    FAULT_HTML,
    FAULT_TYPES,
    FAULT_HUGE,
    FAULT_GARBAGE,
    FAULT_EMPTY,
    FAULT_ERROR,
    FAULT_ESCAPES,
};

struct faults {
    struct fault {
        char endpoint[FAULT_ENDPOINT_TEXT];
        enum fault_kind kind;
        int64_t value; /* of delay, huge and error; of truncated and cut: the bytes that are left, or CUT_HALF */
        bool counted;
        int64_t left, skip;
        bool kept;
    } item[FAULTS_MAX];
    size_t count;
};

/* What happens to one request. */
struct mishap {
    enum fault_kind kind;
    int64_t value;
    int64_t delay_ms;
};

bool faults_parse(struct faults *f, const char *spec, char *why, size_t size);
void faults_print(const struct faults *f, struct buf *out);
/* Decides about a request and counts it. All delays add up; of the other faults the first that fits happens. */
struct mishap faults_take(struct faults *f, const char *endpoint, bool kept);
const char *fault_name(enum fault_kind kind);

#endif
