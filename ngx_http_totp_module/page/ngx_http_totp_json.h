/*
 * An answer as JSON.
 */

#ifndef NGX_HTTP_TOTP_JSON_H
#define NGX_HTTP_TOTP_JSON_H

#include "ngx_http_totp_page.h"


/*
 * Into r->pool: the error, where there is one, else what the page shows.
 * next, where not NULL, is where a browser would be sent to: it takes the
 * place of what the page shows.  NULL when out of memory.
 */
ngx_chain_t *ngx_http_totp_json(ngx_http_request_t *r,
    ngx_http_totp_answer_t *a, ngx_str_t *next, off_t *size);


#endif /* NGX_HTTP_TOTP_JSON_H */
