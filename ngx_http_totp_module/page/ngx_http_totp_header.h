/*
 * Headers of a request that nginx itself need not know: what it knows depends on
 * which of its modules are compiled in.
 */

#ifndef NGX_HTTP_TOTP_HEADER_H
#define NGX_HTTP_TOTP_HEADER_H

#include "ngx_http_totp_settings.h"
#include "totp_ascii.h"


/*
 * The value of the first header of this name (lower case), in the request's own
 * memory; data is NULL where there is none.
 */

static ngx_inline totp_str_t
ngx_http_totp_header_find(ngx_http_request_t *r, const char *name)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (totp_ascii_is(ngx_http_totp_str(&h[i].key), name)) {
                return ngx_http_totp_str(&h[i].value);
            }
        }
    }

    return totp_str(NULL, 0);
}


#endif /* NGX_HTTP_TOTP_HEADER_H */
