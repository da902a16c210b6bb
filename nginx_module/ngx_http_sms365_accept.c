/* What a browser or a program would like to be answered with. */
#include "ngx_http_sms365_portal.h"


/* Preference for a language, in thousandths, as Accept-Language (RFC 9110, 12.5.4) has it at p. */
static ngx_int_t
ngx_http_sms365_quality(u_char *p, u_char *last)
{
    ngx_int_t   value, digits;

    while (p < last && *p != ';') {
        p++;
    }

    while (p < last && (*p == ';' || *p == ' ')) {
        p++;
    }

    if (last - p < 3 || (p[0] != 'q' && p[0] != 'Q') || p[1] != '=') {
        return 1000;
    }

    p += 2;
    value = (*p == '1') ? 1000 : 0;
    p++;

    if (value == 0 && p < last && *p == '.') {
        p++;

        for (digits = 100; digits > 0 && p < last && *p >= '0' && *p <= '9'; p++) {
            value += (*p - '0') * digits;
            digits /= 10;
        }
    }

    return value;
}


static ngx_table_elt_t *
ngx_http_sms365_header(ngx_http_request_t *r, const char *name)
{
    size_t            length;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    length = ngx_strlen(name);

    for (part = &r->headers_in.headers.part; part != NULL; part = part->next) {
        header = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (header[i].key.len == length
                && ngx_strncasecmp(header[i].key.data, (u_char *) name, length) == 0)
            {
                return &header[i];
            }
        }
    }

    return NULL;
}


enum sms365_language
ngx_http_sms365_language(ngx_http_request_t *r, enum sms365_language otherwise)
{
    u_char                *p, *last, *end;
    ngx_int_t              quality, best;
    ngx_table_elt_t       *header;
    enum sms365_language   language;

    header = ngx_http_sms365_header(r->main, "Accept-Language");
    if (header == NULL) {
        return otherwise;
    }

    best = 0;
    p = header->value.data;
    last = p + header->value.len;

    for ( /* void */ ; p < last; p = end + 1) {
        end = ngx_strlchr(p, last, ',');
        if (end == NULL) {
            end = last;
        }

        while (p < end && *p == ' ') {
            p++;
        }

        if (end - p < 2 || (end - p > 2 && p[2] != '-' && p[2] != ';' && p[2] != ' ')) {
            continue;
        }

        if (ngx_strncasecmp(p, (u_char *) "el", 2) == 0) {
            language = SMS365_LANGUAGE_EL;

        } else if (ngx_strncasecmp(p, (u_char *) "en", 2) == 0) {
            language = SMS365_LANGUAGE_EN;

        } else {
            continue;
        }

        quality = ngx_http_sms365_quality(p, end);

        if (quality > best) {
            best = quality;
            otherwise = language;
        }
    }

    return otherwise;
}


ngx_uint_t
ngx_http_sms365_wants_json(ngx_http_request_t *r)
{
    ngx_table_elt_t  *header;

    header = ngx_http_sms365_header(r->main, "Accept");

    return header != NULL
           && ngx_strlcasestrn(header->value.data, header->value.data + header->value.len,
                               (u_char *) "application/json", sizeof("application/json") - 2)
              != NULL
           && ngx_strlcasestrn(header->value.data, header->value.data + header->value.len,
                               (u_char *) "text/html", sizeof("text/html") - 2)
              == NULL;
}


/* RFC 6454, section 7: browsers tell from which page a form, a script's request or an upgrade comes. */
ngx_uint_t
ngx_http_sms365_from_browser(ngx_http_request_t *r)
{
    return ngx_http_sms365_header(r->main, "Origin") != NULL;
}
