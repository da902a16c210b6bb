/* What a page would say, for programs, and for the page that follows a message's delivery. */
#include "ngx_http_sms365_portal.h"

#include <cjson/cJSON.h>


static void
ngx_http_sms365_json_add(cJSON *object, ngx_http_sms365_visit_t *visit,
    const char *const *names, ngx_uint_t count)
{
    ngx_uint_t  i;

    for (i = 0; i < count; i++) {
        (void) cJSON_AddStringToObject(object, names[i], ngx_http_sms365_value(visit, names[i]));
    }
}


char *
ngx_http_sms365_json(ngx_http_sms365_visit_t *visit, ngx_http_sms365_page_e page,
    ngx_uint_t whole)
{
    char                      *text;
    cJSON                     *object;
    const struct sms365_view  *view = visit->view;

    static const char *const  message[] = { "number", "delivery", "state" };
    static const char *const  rest[] = { "notice", "next", "token" };

    object = cJSON_CreateObject();

    (void) cJSON_AddStringToObject(object, "page", ngx_http_sms365_page_names[page]);

    ngx_http_sms365_json_add(object, visit, message, sizeof(message) / sizeof(message[0]));

    if (whole) {
        ngx_http_sms365_json_add(object, visit, rest, sizeof(rest) / sizeof(rest[0]));
    }

    if (view != NULL) {
        (void) cJSON_AddBoolToObject(object, "usable", !view->unusable);
        (void) cJSON_AddBoolToObject(object, "pending", view->awaited);
        (void) cJSON_AddNumberToObject(object, "tries_left", view->tries_left);
        (void) cJSON_AddNumberToObject(object, "resend_after_s",
                                       (double) ((view->resend_ms + 999) / 1000));
        (void) cJSON_AddNumberToObject(object, "numbers", (double) view->numbers);
    }

    if (whole && view != NULL) {
        (void) cJSON_AddNumberToObject(object, "backup_codes_left", view->backups_left);
        (void) cJSON_AddNumberToObject(object, "remember_days",
                                       (double) visit->ctx->service->conf.remember_days);
    }

    text = cJSON_PrintUnformatted(object);
    cJSON_Delete(object);

    return text;
}
