/*
 * The header filter that renews the cookie of a session in use, on responses
 * that a shared cache may not store.
 */

#ifndef NGX_HTTP_TOTP_RENEW_H
#define NGX_HTTP_TOTP_RENEW_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


void ngx_http_totp_renew_init(void);


#endif /* NGX_HTTP_TOTP_RENEW_H */
