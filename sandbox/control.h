/* /sandbox/: the phone, its messages, settings, what arrived. For people and tests; no credentials are asked. */
#ifndef SANDBOX_CONTROL_H
#define SANDBOX_CONTROL_H

#include "params.h"
#include "sandbox.h"

struct control_request {
    const char *path; /* behind /sandbox/ */
    const char *method;
    const struct params *params;
};

/* Takes the sandbox's lock by itself. */
enum MHD_Result control_answer(struct sandbox *box, struct MHD_Connection *c, const struct control_request *rq);

/* The stream of events: `message` for each that came or changed, `reset` when all were cleared. */
enum MHD_Result events_answer(struct sandbox *box, struct MHD_Connection *c);

#endif
