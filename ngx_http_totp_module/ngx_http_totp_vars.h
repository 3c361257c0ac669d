/*
 * $totp_user, $totp_stage, $totp_method, $totp_time, $totp_session,
 * $totp_error: from the request's own cookie, without asking Redis.
 */

#ifndef NGX_HTTP_TOTP_VARS_H
#define NGX_HTTP_TOTP_VARS_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


ngx_int_t ngx_http_totp_vars_add(ngx_conf_t *cf);


#endif /* NGX_HTTP_TOTP_VARS_H */
