/* Words for a person about endpoints and their parameters, in the order of the table. */
#include "pure/api.h"

static const char *const endpoints[] = {
#define ENDPOINT(id, path, auth, money, help) help,
#include "pure/endpoints.def"
};

static const char *const params[] = {
#define PARAM(id, name, type, min, max, need, err_empty, err_bad, help) help,
#include "pure/endpoints.def"
};

const char *sms365_endpoint_help(const struct sms365_endpoint *endpoint)
{
    return endpoints[endpoint->id];
}

const char *sms365_api_param_help(const struct sms365_api_param *param)
{
    size_t count;

    return params[param - sms365_api_params(&count)];
}
