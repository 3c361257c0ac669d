/*
 * An answer as HTML: the model of a template, and its rendering.
 */

#ifndef NGX_HTTP_TOTP_HTML_H
#define NGX_HTTP_TOTP_HTML_H

#include "ngx_http_totp_page.h"


/* Into r->pool.  NULL when out of memory. */
ngx_chain_t *ngx_http_totp_html(ngx_http_request_t *r,
    ngx_http_totp_answer_t *a, off_t *size);

/* The address an app scans, into r->pool; empty when out of memory. */
ngx_str_t ngx_http_totp_otpauth(ngx_http_request_t *r,
    ngx_http_totp_answer_t *a);

/* The secret in base32, into r->pool. */
ngx_str_t ngx_http_totp_base32(ngx_http_request_t *r,
    ngx_http_totp_secret_t *secret);

/* What is wrong, in words (with {names} filled in), or empty. */
ngx_str_t ngx_http_totp_message(ngx_http_request_t *r,
    ngx_http_totp_answer_t *a);

/* The operator's issuer, or the server's name. */
ngx_str_t ngx_http_totp_issuer(ngx_http_request_t *r,
    ngx_http_totp_loc_conf_t *conf);


#endif /* NGX_HTTP_TOTP_HTML_H */
