/*
 * The directives, and what they take: syntax alone.  What they come to together
 * is ngx_http_totp_conf.c's.
 */

#ifndef NGX_HTTP_TOTP_DIRECTIVES_H
#define NGX_HTTP_TOTP_DIRECTIVES_H

#include "ngx_http_totp_settings.h"


/*
 * Reads a file that holds a secret: a regular file that not everybody may read
 * or write (those behind symbolic links count), at most
 * NGX_HTTP_TOTP_SECRET_MAX bytes.  Allocated by ngx_alloc(): the caller wipes
 * and frees it.  hint, or "", is what to do where there is no such file; a "%V"
 * in it stands for the path.  NGX_ERROR: logged, with the directive's name.
 */
#define NGX_HTTP_TOTP_SECRET_MAX  65536

ngx_int_t ngx_http_totp_secret_file(ngx_conf_t *cf, ngx_str_t *path,
    const char *hint, ngx_str_t *text);


/* totp_redis, totp_keys: what is read at configuration time. */
char *ngx_http_totp_set_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_totp_set_keys(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


#endif /* NGX_HTTP_TOTP_DIRECTIVES_H */
