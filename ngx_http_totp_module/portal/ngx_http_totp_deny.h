/*
 * What the gate answers to those whom it does not let through: a way to the
 * page that is needed, in the form that the one who asked can follow.
 */

#ifndef NGX_HTTP_TOTP_DENY_H
#define NGX_HTTP_TOTP_DENY_H

#include "ngx_http_totp_session.h"


/* Answers and finalizes the request.  Always NGX_DONE; r is gone then. */
ngx_int_t ngx_http_totp_deny(ngx_http_request_t *r, ngx_http_totp_ctx_t *ctx,
    ngx_http_totp_loc_conf_t *conf, ngx_http_totp_word_t word);


#endif /* NGX_HTTP_TOTP_DENY_H */
