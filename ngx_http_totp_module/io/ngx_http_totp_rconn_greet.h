/*
 * How a connection begins: AUTH, SELECT and PING, in one send.
 */

#ifndef NGX_HTTP_TOTP_RCONN_GREET_H
#define NGX_HTTP_TOTP_RCONN_GREET_H

#include "ngx_http_totp_rcmd.h"


/* Fills rc->greeting.  NGX_ERROR: out of memory. */
ngx_int_t ngx_http_totp_rconn_greet_make(ngx_http_totp_rconn_t *rc);

/*
 * The answer to one of these, or to a heartbeat.  NULL: as it should be.  Else
 * why not, for the log; static.
 */
const char *ngx_http_totp_rconn_greet_judge(ngx_http_totp_rcmd_kind_e kind,
    const totp_resp_t *reply);


#endif /* NGX_HTTP_TOTP_RCONN_GREET_H */
