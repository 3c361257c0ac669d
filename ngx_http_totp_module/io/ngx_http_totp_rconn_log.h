/*
 * What the log says of a connection: each reason once, and nothing of what a
 * command or a reply holds.
 */

#ifndef NGX_HTTP_TOTP_RCONN_LOG_H
#define NGX_HTTP_TOTP_RCONN_LOG_H

#include "ngx_http_totp_rcmd.h"


/*
 * What a log may tell of an error reply: its first word ("ERR" where that is
 * not a word in capitals), a view into the reply, and a hint for the operator
 * ("" where there is none).  Never more: Redis quotes arguments in its errors.
 */
const char *ngx_http_totp_rconn_log_hint(const totp_resp_t *error,
    ngx_str_t *word);

/* It is lost, or cannot be had; error may be NULL, why is static. */
void ngx_http_totp_rconn_log_lost(ngx_http_totp_rconn_t *rc, ngx_err_t err,
    const char *why, const totp_resp_t *error);

/* It is back, if anybody was told that it was lost. */
void ngx_http_totp_rconn_log_restored(ngx_http_totp_rconn_t *rc);


#endif /* NGX_HTTP_TOTP_RCONN_LOG_H */
