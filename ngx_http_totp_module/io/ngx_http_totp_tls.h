/*
 * What TLS keeps of requests and answers in the clear.
 */

#ifndef NGX_HTTP_TOTP_TLS_H
#define NGX_HTTP_TOTP_TLS_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * Of this server's connections: OpenSSL wipes what it decrypted as soon as
 * nginx has read it.
 */
void ngx_http_totp_tls_wipe_input(ngx_http_core_srv_conf_t *cscf);

/*
 * When the request ends, the buffer is wiped in which nginx gathers what it
 * hands to TLS.  NGX_ERROR: out of memory.
 */
ngx_int_t ngx_http_totp_tls_wipe_output(ngx_http_request_t *r);


#endif /* NGX_HTTP_TOTP_TLS_H */
