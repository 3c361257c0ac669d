/*
 * The gate: who goes through to the application, and what the others are told.
 */

#ifndef NGX_HTTP_TOTP_GATE_H
#define NGX_HTTP_TOTP_GATE_H

#include "ngx_http_totp_session.h"
#include "ngx_http_totp_page.h"


/*
 * The access handler, the last of the phase.  NGX_DECLINED where the gate is
 * off, NGX_OK where the session satisfies the location, NGX_AGAIN while the
 * first revocations are awaited; else it answers itself: NGX_DONE.
 */
ngx_int_t ngx_http_totp_gate_handler(ngx_http_request_t *r);

/* The header filter that renews the cookie of a session in use. */
ngx_int_t ngx_http_totp_gate_filter_init(ngx_conf_t *cf);

/*
 * Did the gate let this very request through; or, where it is off, could it
 * tell who has a session?
 */
ngx_uint_t ngx_http_totp_gate_passed(ngx_http_request_t *r,
    ngx_http_totp_ctx_t *ctx);


#endif /* NGX_HTTP_TOTP_GATE_H */
