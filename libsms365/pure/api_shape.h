/* A decoded reply, brought into the one shape that the table of fields gives it. */
#ifndef SMS365_API_SHAPE_H
#define SMS365_API_SHAPE_H

#include "pure/api.h"

#include <cjson/cJSON.h>

/*
 * Every list becomes an array of objects (or of texts) under its name. It may have come as an array, as an object with
 * decimal names, as either of them within an object that has the item's name, as a single row, or, one list of the
 * reply itself, as rows under decimal names beside the other fields. Where nothing is found it is empty.
 * Then every field has the kind of value that the table gives it, or is not there. Scalars are strings already.
 * BAD_REPLY: *fault is the name of the first field that has not. NO_MEMORY.
 */
enum sms365_err sms365_api_shape(cJSON *root, const struct sms365_endpoint *endpoint, const char **fault);

#endif
