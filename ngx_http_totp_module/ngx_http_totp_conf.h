/*
 * The configuration: created, set, merged and checked.
 */

#ifndef NGX_HTTP_TOTP_CONF_H
#define NGX_HTTP_TOTP_CONF_H

#include "ngx_http_totp_settings.h"


extern ngx_command_t  ngx_http_totp_commands[];


void *ngx_http_totp_create_main_conf(ngx_conf_t *cf);
char *ngx_http_totp_init_main_conf(ngx_conf_t *cf, void *conf);
void *ngx_http_totp_create_srv_conf(ngx_conf_t *cf);
void *ngx_http_totp_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_totp_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child);

/* After everything was merged: what only the whole can tell. */
ngx_int_t ngx_http_totp_check_conf(ngx_conf_t *cf);


#endif /* NGX_HTTP_TOTP_CONF_H */
