/*
 * What the pages look like: templates, texts, style, script and logo, built in
 * or from the operator's files.  Read and checked at configuration time, once
 * for each set of overrides.
 */

#ifndef NGX_HTTP_TOTP_THEME_H
#define NGX_HTTP_TOTP_THEME_H

#include "totp_template.h"
#include "ngx_http_totp_settings.h"
#include "ngx_http_totp_lang.h"


typedef enum {
    NGX_HTTP_TOTP_PAGE_LOGIN = 0,
    NGX_HTTP_TOTP_PAGE_CODE,
    NGX_HTTP_TOTP_PAGE_SETTINGS,
    NGX_HTTP_TOTP_PAGE_SETUP,
    NGX_HTTP_TOTP_PAGE_BACKUP_CODES,
    NGX_HTTP_TOTP_PAGE_DISABLE,
    NGX_HTTP_TOTP_PAGE_LOGOUT,
    NGX_HTTP_TOTP_PAGE_ERROR,
    NGX_HTTP_TOTP_PAGE_LAYOUT,
    NGX_HTTP_TOTP_PAGES
} ngx_http_totp_page_id_t;


#define NGX_HTTP_TOTP_ASSETS  4     /* style, script, own style, logo */


typedef struct {
    ngx_str_t            uri;       /* name with the hash of the content,
                                       below the portal; empty: there is none */
    ngx_str_t            type;
    ngx_str_t            data;
} ngx_http_totp_asset_t;


typedef struct ngx_http_totp_theme_s  ngx_http_totp_theme_t;

struct ngx_http_totp_theme_s {
    ngx_str_t              pages;   /* what it was made of */
    ngx_str_t              logo;
    ngx_str_t              stylesheet;

    ngx_http_totp_langs_t *langs;   /* all themes have the same */
    totp_template_t       *templates[NGX_HTTP_TOTP_PAGES];
    ngx_http_totp_asset_t  assets[NGX_HTTP_TOTP_ASSETS];
};


#define NGX_HTTP_TOTP_ASSET_STYLE      0
#define NGX_HTTP_TOTP_ASSET_SCRIPT     1
#define NGX_HTTP_TOTP_ASSET_OWN_STYLE  2
#define NGX_HTTP_TOTP_ASSET_LOGO       3


/* "login", "code", "settings", ...: also the page's path; static. */
ngx_str_t *ngx_http_totp_page_name(ngx_http_totp_page_id_t page);

/*
 * The theme of these overrides (each may be empty), from the list of those
 * that were made before, or a new one.  NULL: logged with file and line.
 */
ngx_http_totp_theme_t *ngx_http_totp_theme(ngx_conf_t *cf,
    ngx_array_t *themes, ngx_str_t *pages, ngx_str_t *logo,
    ngx_str_t *stylesheet);


#endif /* NGX_HTTP_TOTP_THEME_H */
