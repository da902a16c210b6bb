/* Ways to answer a request; each queues one response. */
#ifndef SANDBOX_RESPOND_H
#define SANDBOX_RESPOND_H

#include "faults.h"

#include <cjson/cJSON.h>
#include <microhttpd.h>

/* Takes the body over. */
enum MHD_Result respond_buf(struct MHD_Connection *c, unsigned status, const char *mime, struct buf *body);
enum MHD_Result respond_text(struct MHD_Connection *c, unsigned status, const char *text);
/* Takes the JSON over. */
enum MHD_Result respond_json(struct MHD_Connection *c, unsigned status, cJSON *json);
/* An API reply, spoilt as the fault wants it. Takes the body over. */
enum MHD_Result respond_spoilt(
    struct MHD_Connection *c, const struct mishap *m, const char *mime, struct buf *body, uint64_t noise);

#endif
