#include "journal.h"

#include <stdlib.h>
#include <string.h>

#define VALUE_SHOWN_MAX 200 /* characters */
#define PARAMS_SHOWN_MAX 40

static struct journal_entry *entry_of(struct journal *j, uint64_t number)
{
    return number >= j->first && number < j->next ? &j->entry[number % JOURNAL_MAX] : NULL;
}

static void entry_free(struct journal_entry *e)
{
    free(e->path);
    free(e->method);
    free(e->remote);
    cJSON_Delete(e->params);
    *e = (struct journal_entry){.endpoint = NULL};
}

static void forget_oldest(struct journal *j)
{
    entry_free(entry_of(j, j->first));
    j->first++;
}

uint64_t journal_add(struct journal *j, const struct journal_entry *entry)
{
    if (j->next - j->first == JOURNAL_MAX)
        forget_oldest(j);
    uint64_t number = j->next++;
    struct journal_entry *e = entry_of(j, number);
    *e = *entry;
    e->path = mem_text(entry->path);
    text_make_utf8(e->path);
    text_cut(e->path, VALUE_SHOWN_MAX);
    e->method = mem_text(entry->method);
    e->remote = mem_text(entry->remote);
    e->time_ms = clock_wall_ms();
    j->requests[entry->endpoint ? entry->endpoint->id : EP_COUNT]++;
    return number;
}

static void show_param(cJSON *shown, const struct endpoint *endpoint, const struct param *param)
{
    const struct endpoint_param *known = endpoint ? endpoint_param(endpoint->id, param->name) : NULL;
    bool open = (known != NULL && known->type != TYPE_SECRET) || strcmp(param->name, "type") == 0;
    char *value = mem_text(open ? param->value : "***");
    text_cut(value, VALUE_SHOWN_MAX);
    cJSON_AddStringToObject(shown, param->name, value);
    free(value);
}

void journal_complete(struct journal *j, uint64_t number, const struct params *params)
{
    struct journal_entry *e = entry_of(j, number);
    if (e == NULL)
        return;
    e->complete = true;
    e->params = cJSON_CreateObject();
    for (size_t i = 0; i < params->count && i < PARAMS_SHOWN_MAX; i++)
        show_param(e->params, e->endpoint, &params->item[i]);
}

void journal_clear(struct journal *j)
{
    while (j->first < j->next)
        forget_oldest(j);
    memset(j->requests, 0, sizeof(j->requests));
    j->connections = j->control_connections = 0;
    j->request_bytes = j->socket_bytes = 0;
    j->callbacks_done = j->callbacks_failed = 0;
}

static cJSON *entry_json(const struct journal_entry *e)
{
    char time[TIME_TEXT];
    cJSON *json = cJSON_CreateObject();
    cJSON_AddItemToObject(json, "endpoint", e->endpoint ? cJSON_CreateString(e->endpoint->path) : cJSON_CreateNull());
    cJSON_AddStringToObject(json, "path", e->path);
    cJSON_AddStringToObject(json, "method", e->method);
    cJSON_AddStringToObject(json, "remote", e->remote);
    cJSON_AddNumberToObject(json, "connection", (double)e->connection);
    cJSON_AddNumberToObject(json, "number", e->number);
    time_print(e->time_ms, time);
    cJSON_AddStringToObject(json, "time", time);
    cJSON_AddBoolToObject(json, "complete", e->complete);
    cJSON_AddItemToObject(json, "fault", e->fault ? cJSON_CreateString(e->fault) : cJSON_CreateNull());
    cJSON_AddItemToObject(json, "params", e->params ? cJSON_Duplicate(e->params, true) : cJSON_CreateObject());
    return json;
}

cJSON *journal_json(const struct journal *j, const char *endpoint)
{
    cJSON *list = cJSON_CreateArray();
    for (uint64_t n = j->first; n < j->next; n++) {
        const struct journal_entry *e = &j->entry[n % JOURNAL_MAX];
        if (endpoint == NULL || (e->endpoint != NULL && strcmp(e->endpoint->path, endpoint) == 0))
            cJSON_AddItemToArray(list, entry_json(e));
    }
    return list;
}

cJSON *journal_stats_json(const struct journal *j)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "connections", (double)(j->connections - j->control_connections));
    cJSON_AddNumberToObject(json, "control_connections", (double)j->control_connections);
    cJSON_AddNumberToObject(json, "open_connections", (double)j->open_connections);
    cJSON_AddNumberToObject(json, "request_bytes", (double)j->request_bytes);
    cJSON_AddNumberToObject(json, "socket_bytes", (double)j->socket_bytes);
    cJSON *requests = cJSON_AddObjectToObject(json, "requests");
    for (int i = 0; i < EP_COUNT; i++)
        cJSON_AddNumberToObject(requests, endpoint_get((enum endpoint_id)i)->path, (double)j->requests[i]);
    cJSON_AddNumberToObject(json, "unknown_requests", (double)j->requests[EP_COUNT]);
    cJSON *callbacks = cJSON_AddObjectToObject(json, "callbacks");
    cJSON_AddNumberToObject(callbacks, "done", (double)j->callbacks_done);
    cJSON_AddNumberToObject(callbacks, "failed", (double)j->callbacks_failed);
    return json;
}
