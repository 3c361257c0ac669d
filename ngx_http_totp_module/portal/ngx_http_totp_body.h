/*
 * The body of a form: bounded, never in a file, and from where.
 */

#ifndef NGX_HTTP_TOTP_BODY_H
#define NGX_HTTP_TOTP_BODY_H

#include "ngx_http_totp_portal.h"


/*
 * Reads the body into p->body and calls done, maybe before it returns; or
 * answers too_large, bad_type, or as nginx does a body that never comes.
 */
void ngx_http_totp_body_read(ngx_http_totp_portal_t *p,
    void (*done)(ngx_http_totp_portal_t *p));

/*
 * Does the request come from a page of this server?  Sec-Fetch-Site where it
 * is sent, else Origin; with neither the token decides alone.
 */
ngx_uint_t ngx_http_totp_body_same_site(ngx_http_request_t *r);


#endif /* NGX_HTTP_TOTP_BODY_H */
