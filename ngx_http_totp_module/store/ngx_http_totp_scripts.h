/*
 * The Lua scripts, from lua/ by way of the embedded files.
 */

#ifndef NGX_HTTP_TOTP_SCRIPTS_H
#define NGX_HTTP_TOTP_SCRIPTS_H

#include "ngx_http_totp_redis.h"


extern ngx_http_totp_script_t  ngx_http_totp_script_hello;
extern ngx_http_totp_script_t  ngx_http_totp_script_reserve;
extern ngx_http_totp_script_t  ngx_http_totp_script_reserve_address;
extern ngx_http_totp_script_t  ngx_http_totp_script_refund;
extern ngx_http_totp_script_t  ngx_http_totp_script_signin;
extern ngx_http_totp_script_t  ngx_http_totp_script_attempt;
extern ngx_http_totp_script_t  ngx_http_totp_script_accept;
extern ngx_http_totp_script_t  ngx_http_totp_script_burn;
extern ngx_http_totp_script_t  ngx_http_totp_script_pending;
extern ngx_http_totp_script_t  ngx_http_totp_script_enable;
extern ngx_http_totp_script_t  ngx_http_totp_script_renew;
extern ngx_http_totp_script_t  ngx_http_totp_script_codes;
extern ngx_http_totp_script_t  ngx_http_totp_script_disable;
extern ngx_http_totp_script_t  ngx_http_totp_script_logout;
extern ngx_http_totp_script_t  ngx_http_totp_script_settings;


/* In each worker: puts common.lua in front of them (but of the greeting). */
ngx_int_t ngx_http_totp_scripts_init(ngx_cycle_t *cycle);


#endif /* NGX_HTTP_TOTP_SCRIPTS_H */
