/*
 * The machine words of the errors, with their statuses: one list for the gate,
 * the portal, the pages and $totp_error.
 */

#ifndef NGX_HTTP_TOTP_WORD_H
#define NGX_HTTP_TOTP_WORD_H

#include <ngx_config.h>
#include <ngx_core.h>


typedef enum {
    NGX_HTTP_TOTP_OK = 0,
    NGX_HTTP_TOTP_BAD_CREDENTIALS,
    NGX_HTTP_TOTP_BAD_CODE,
    NGX_HTTP_TOTP_CODE_USED,
    NGX_HTTP_TOTP_CLOCK_OFF,
    NGX_HTTP_TOTP_LOGIN_REQUIRED,
    NGX_HTTP_TOTP_EXPIRED,
    NGX_HTTP_TOTP_CODE_REQUIRED,
    NGX_HTTP_TOTP_SETUP_REQUIRED,
    NGX_HTTP_TOTP_FRESH_REQUIRED,
    NGX_HTTP_TOTP_BAD_CSRF,
    NGX_HTTP_TOTP_NOT_FOUND,
    NGX_HTTP_TOTP_BAD_METHOD,
    NGX_HTTP_TOTP_BAD_REQUEST,
    NGX_HTTP_TOTP_TOO_LARGE,
    NGX_HTTP_TOTP_BAD_TYPE,
    NGX_HTTP_TOTP_LOCKED,
    NGX_HTTP_TOTP_UNAVAILABLE
} ngx_http_totp_word_t;


/* Its spelling and its HTTP status; static. */
ngx_str_t *ngx_http_totp_word_name(ngx_http_totp_word_t word);
ngx_uint_t ngx_http_totp_word_status(ngx_http_totp_word_t word);


#endif /* NGX_HTTP_TOTP_WORD_H */
