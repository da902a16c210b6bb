#include "reply.h"

#include <stdio.h>

void reply_init(struct reply *r, const struct endpoint *endpoint)
{
    *r = (struct reply){.endpoint = endpoint, .total = -1, .fields = cJSON_CreateObject()};
}

void reply_free(struct reply *r)
{
    cJSON_Delete(r->fields);
    *r = (struct reply){.error = 0};
}

unsigned reply_refuse(struct reply *r, const char *words)
{
    snprintf(r->words, sizeof(r->words), "%s", words);
    r->remarks = r->words;
    return ERROR_UNNAMED;
}

void reply_text(struct reply *r, const char *name, const char *value)
{
    cJSON_AddStringToObject(r->fields, name, value);
}

void reply_id(struct reply *r, const char *name, uint64_t id)
{
    field_id(r->fields, name, id);
}

void reply_amount(struct reply *r, const char *name, milli amount)
{
    field_amount(r->fields, name, amount);
}

cJSON *reply_object(struct reply *r, const char *name)
{
    return cJSON_AddObjectToObject(r->fields, name);
}

cJSON *field_list(cJSON *object, const char *name)
{
    return cJSON_AddArrayToObject(object, name);
}

cJSON *field_row(cJSON *list)
{
    cJSON *row = cJSON_CreateObject();
    cJSON_AddItemToArray(list, row);
    return row;
}

void field_id(cJSON *object, const char *name, uint64_t id)
{
    char text[24];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)id);
    cJSON_AddStringToObject(object, name, text);
}

void field_amount(cJSON *object, const char *name, milli amount)
{
    cJSON_AddNumberToObject(object, name, (double)amount / 1000);
}
