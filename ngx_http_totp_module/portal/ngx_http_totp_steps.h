/*
 * The steps: what each page does, on GET and when its form is sent.  Each ends
 * in one of the portal's ways out.
 */

#ifndef NGX_HTTP_TOTP_STEPS_H
#define NGX_HTTP_TOTP_STEPS_H

#include "ngx_http_totp_portal.h"


/* login.c: the steps of signing in and out */
void ngx_http_totp_login_get(ngx_http_totp_portal_t *p);
void ngx_http_totp_login_submit(ngx_http_totp_portal_t *p);
void ngx_http_totp_code_get(ngx_http_totp_portal_t *p);
void ngx_http_totp_code_submit(ngx_http_totp_portal_t *p);
void ngx_http_totp_logout_get(ngx_http_totp_portal_t *p);
void ngx_http_totp_logout_submit(ngx_http_totp_portal_t *p);

/* enroll.c: the settings */
void ngx_http_totp_settings_get(ngx_http_totp_portal_t *p);
void ngx_http_totp_setup_get(ngx_http_totp_portal_t *p);
void ngx_http_totp_setup_submit(ngx_http_totp_portal_t *p);
void ngx_http_totp_backup_get(ngx_http_totp_portal_t *p);
void ngx_http_totp_backup_submit(ngx_http_totp_portal_t *p);
void ngx_http_totp_disable_get(ngx_http_totp_portal_t *p);
void ngx_http_totp_disable_submit(ngx_http_totp_portal_t *p);


#endif /* NGX_HTTP_TOTP_STEPS_H */
