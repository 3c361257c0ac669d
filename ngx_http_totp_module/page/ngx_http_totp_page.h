/*
 * An answer of ours: one description of what there is to say, sent as HTML or
 * as JSON.  Answers are final: error_page does not replace them.
 */

#ifndef NGX_HTTP_TOTP_PAGE_H
#define NGX_HTTP_TOTP_PAGE_H

#include "ngx_http_totp_word.h"
#include "ngx_http_totp_theme.h"
#include "ngx_http_totp_store.h"


typedef struct {
    ngx_http_totp_loc_conf_t  *conf;        /* realm, theme, issuer, help */
    ngx_uint_t                 json;
    ngx_http_totp_page_id_t    page;
    ngx_http_totp_word_t       word;        /* NGX_HTTP_TOTP_OK: no error */

    ngx_str_t                  portal;      /* base path, ends with '/' */
    totp_stage_t               stage;
    ngx_str_t                  user;
    ngx_str_t                  csrf;
    ngx_str_t                  next;        /* valid, or empty */
    ngx_str_t                  login;       /* the page to go to, or empty */

    time_t                     retry_after; /* seconds; 0: none, -1: only an
                                               operator can help */
    ngx_int_t                  attempts_left;   /* -1: unknown */
    time_t                     drift;       /* seconds, > 0: ahead; 0: none */
    ngx_str_t                  username;    /* as typed, on login */

    ngx_str_t                  lang_asked;  /* tags, or empty: in the address */
    ngx_str_t                  lang_cookie; /* in the cookie */
    const totp_i18n_t         *lang;        /* what it is answered in: set by
                                               those who send it */
    ngx_uint_t                 allow_post;  /* for bad_method's Allow */

    unsigned                   expired:1;   /* login: a session has ended */
    unsigned                   fresh:1;     /* code: asked again */
    unsigned                   bad_shape:1; /* neither shape of code */
    unsigned                   just_used:1; /* signed in by a backup code */
    unsigned                   show_left:1; /* JSON: backup_codes_left */
    unsigned                   setup_required:1;
    unsigned                   required:1;
    unsigned                   resend:1;    /* error: a form or frame */
    unsigned                   lang_keep:1; /* remember lang_asked */

    /* what the store said: setup, backup-codes, settings; or NULL */
    ngx_http_totp_reply_t     *reply;
} ngx_http_totp_answer_t;


/* Fills in what is the same for every answer: no error, nothing known. */
void ngx_http_totp_answer_init(ngx_http_totp_answer_t *a,
    ngx_http_totp_loc_conf_t *conf, ngx_str_t *portal);

/*
 * Does the client want JSON (PRODUCT: application/json named in Accept, and
 * text/html not with an equal or higher weight)?
 */
ngx_uint_t ngx_http_totp_page_wants_json(ngx_http_request_t *r);

/*
 * Sends the page (HTML) or the object (JSON) with the word's status.  cookie,
 * where not empty, is a whole Set-Cookie value.  Returns what
 * ngx_http_finalize_request() takes; the body of the request is discarded.
 */
ngx_int_t ngx_http_totp_page_send(ngx_http_request_t *r,
    ngx_http_totp_answer_t *a, ngx_str_t *cookie);

/*
 * Sends a browser on with 303, or tells a JSON client where to go: 200 with
 * next, and the new stage.
 */
ngx_int_t ngx_http_totp_page_redirect(ngx_http_request_t *r,
    ngx_http_totp_answer_t *a, ngx_str_t *location, ngx_str_t *cookie);

/* Sends an asset by its name below the portal; NGX_DECLINED: there is none. */
ngx_int_t ngx_http_totp_page_asset(ngx_http_request_t *r,
    ngx_http_totp_loc_conf_t *conf, ngx_str_t *name);

/* Appends a Set-Cookie, or another header, to the response. */
ngx_int_t ngx_http_totp_page_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value);


#endif /* NGX_HTTP_TOTP_PAGE_H */
