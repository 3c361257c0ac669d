/*
 * The portal's map: which page answers which request.
 */

#ifndef NGX_HTTP_TOTP_ROUTES_H
#define NGX_HTTP_TOTP_ROUTES_H

#include "ngx_http_totp_portal.h"


/* The content handler of a `totp_portal` location. */
ngx_int_t ngx_http_totp_portal_handler(ngx_http_request_t *r);


#endif /* NGX_HTTP_TOTP_ROUTES_H */
