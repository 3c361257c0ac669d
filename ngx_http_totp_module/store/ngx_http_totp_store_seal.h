/*
 * What the store keeps sealed: the secret of a second factor, and the set of
 * backup codes on show.  For the files of the store alone.
 */

#ifndef NGX_HTTP_TOTP_STORE_SEAL_H
#define NGX_HTTP_TOTP_STORE_SEAL_H

#include "ngx_http_totp_op.h"


/* Appends a sealed secret to the arguments.  NGX_ERROR: nothing appended. */
ngx_int_t ngx_http_totp_store_seal_secret(ngx_http_totp_who_t *who,
    ngx_http_totp_args_t *a, const ngx_http_totp_secret_t *secret);

/*
 * Opens a sealed secret into op->secret and out.  NGX_ERROR: the log says why.
 */
ngx_int_t ngx_http_totp_store_open_secret(ngx_http_totp_op_t *op,
    totp_str_t sealed, ngx_http_totp_reply_t *out);

/*
 * Makes a set of backup codes and appends it: sealed for the show, the time on
 * show, the tags that are kept.
 */
ngx_int_t ngx_http_totp_store_codes_make(ngx_http_totp_who_t *who,
    ngx_http_totp_args_t *a);

/* Opens whatever was sealed for this purpose. */
ngx_int_t ngx_http_totp_store_open(ngx_http_totp_op_t *op,
    const char *purpose, totp_str_t sealed, uint8_t *out, size_t size,
    size_t *len, int *stale);


#endif /* NGX_HTTP_TOTP_STORE_SEAL_H */
