/*
 * Languages: the files that are compiled in, and which one a visitor reads.
 */

#ifndef NGX_HTTP_TOTP_LANG_H
#define NGX_HTTP_TOTP_LANG_H

#include "ngx_http_totp_settings.h"
#include "totp_i18n.h"


#define NGX_HTTP_TOTP_LANG_MAX  35      /* of a tag: RFC 5646, 4.4.1 */


typedef struct {
    ngx_uint_t           n;
    const totp_i18n_t   *langs[TOTP_I18N_LANGS];    /* English comes first */
} ngx_http_totp_langs_t;


/*
 * Reads lang/TAG.lang of each language; NULL: logged.  At configuration time.
 */
ngx_http_totp_langs_t *ngx_http_totp_langs(ngx_conf_t *cf);

/* The language of this tag, or NULL. */
const totp_i18n_t *ngx_http_totp_lang_find(ngx_http_totp_langs_t *langs,
    const ngx_str_t *tag);

/*
 * What the visitor reads: the first of asked (in the address) and remembered
 * (in a cookie) that is the tag of a language, else what Accept-Language says,
 * else English.
 */
const totp_i18n_t *ngx_http_totp_lang_choose(ngx_http_request_t *r,
    ngx_http_totp_langs_t *langs, const ngx_str_t *asked,
    const ngx_str_t *remembered);

/* Its tag (BCP 47); static. */
ngx_str_t ngx_http_totp_lang_tag(const totp_i18n_t *lang);

/* The text of a key; static, of length 0 where the key is unknown. */
ngx_str_t ngx_http_totp_lang_text(const totp_i18n_t *lang, const char *key);

/* A length of time in the largest unit that fits, rounded up; into pool. */
ngx_str_t ngx_http_totp_lang_span(ngx_pool_t *pool, const totp_i18n_t *lang,
    time_t seconds);

/*
 * A text with values in the place of {names}; into pool, of length 0 where out
 * of memory.
 */
ngx_str_t ngx_http_totp_lang_fill(ngx_pool_t *pool, ngx_str_t text,
    const ngx_str_t *names, const ngx_str_t *values, ngx_uint_t n);


#endif /* NGX_HTTP_TOTP_LANG_H */
