/*
 * What arrived at the API: every request, and how many connections and bytes. Values of secret parameters, and of
 * parameters that the endpoint does not have, are not kept.
 */
#ifndef SANDBOX_JOURNAL_H
#define SANDBOX_JOURNAL_H

#include "endpoints.h"

#include <cjson/cJSON.h>

#define JOURNAL_MAX 10000

struct journal_entry {
    const struct endpoint *endpoint; /* NULL: a path that is none */
    char *path, *method, *remote;
    uint64_t connection; /* 1 is the first connection that this process accepted */
    unsigned number;     /* of the request on its connection, from 1 */
    int64_t time_ms;
    bool complete; /* its whole body was read */
    const char *fault;
    cJSON *params; /* NULL until complete */
};

struct journal {
    struct journal_entry entry[JOURNAL_MAX]; /* a ring */
    uint64_t first, next;
    uint64_t requests[EP_COUNT + 1]; /* by endpoint; the last for paths that are none */
    uint64_t connection_number;
    uint64_t connections, control_connections, open_connections;
    uint64_t request_bytes, socket_bytes;
    uint64_t callbacks_done, callbacks_failed;
};

/* The number under which the entry can be completed. Texts are copied. */
uint64_t journal_add(struct journal *j, const struct journal_entry *entry);
void journal_complete(struct journal *j, uint64_t number, const struct params *params);
void journal_clear(struct journal *j); /* requests and their counts; what is open stays counted */
cJSON *journal_json(const struct journal *j, const char *endpoint); /* NULL: all */
cJSON *journal_stats_json(const struct journal *j);

#endif
