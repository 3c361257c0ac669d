
#include "ngx_http_totp_deny.h"
#include "ngx_http_totp_page.h"
#include "totp_accept.h"
#include "totp_ascii.h"
#include "totp_uri.h"


#define NGX_HTTP_TOTP_DENY_RETRY  5     /* seconds, when Redis is away */


typedef enum {
    NGX_HTTP_TOTP_DENY_OTHER = 0,       /* a script, a client, an asset */
    NGX_HTTP_TOTP_DENY_PAGE,            /* a browser opens a page */
    NGX_HTTP_TOTP_DENY_FRAME            /* a browser fills a frame */
} ngx_http_totp_deny_kind_t;


/* Headers that tell who asks; data is NULL where one was not sent. */

typedef struct {
    totp_str_t   mode;
    totp_str_t   dest;
    totp_str_t   accept;
    totp_str_t   upgrade;
    totp_str_t   with;
} ngx_http_totp_deny_headers_t;


static ngx_int_t ngx_http_totp_deny_answer(ngx_http_request_t *r,
    ngx_http_totp_ctx_t *ctx, ngx_http_totp_loc_conf_t *conf,
    ngx_http_totp_word_t word);
static ngx_http_totp_deny_kind_t ngx_http_totp_deny_kind(
    ngx_http_request_t *r);
static void ngx_http_totp_deny_look(ngx_http_request_t *r,
    ngx_http_totp_deny_headers_t *headers);
static ngx_int_t ngx_http_totp_deny_address(ngx_http_request_t *r,
    ngx_http_totp_loc_conf_t *conf, ngx_http_totp_word_t word,
    ngx_uint_t next, ngx_str_t *address);
static void ngx_http_totp_deny_clean(ngx_http_request_t *r);


static const struct {
    const char  *name;
    size_t       offset;
} ngx_http_totp_deny_names[] = {
    { "sec-fetch-mode", offsetof(ngx_http_totp_deny_headers_t, mode) },
    { "sec-fetch-dest", offsetof(ngx_http_totp_deny_headers_t, dest) },
    { "accept", offsetof(ngx_http_totp_deny_headers_t, accept) },
    { "upgrade", offsetof(ngx_http_totp_deny_headers_t, upgrade) },
    { "x-requested-with", offsetof(ngx_http_totp_deny_headers_t, with) }
};


ngx_int_t
ngx_http_totp_deny(ngx_http_request_t *r, ngx_http_totp_ctx_t *ctx,
    ngx_http_totp_loc_conf_t *conf, ngx_http_totp_word_t word)
{
    ngx_uint_t  level;

    /* that many are asked to sign in is no news; that none can is */

    level = (word == NGX_HTTP_TOTP_UNAVAILABLE) ? NGX_LOG_ERR : NGX_LOG_INFO;

    ngx_log_error(level, r->connection->log, 0, "totp: access refused: %V",
                  ngx_http_totp_word_name(word));

    ctx->error = word;

    /* the status is ours, whatever error led to this location */

    r->err_status = 0;

    ngx_http_totp_deny_clean(r);

    /*
     * The code of an answer that was sent would mean to the access phase that
     * access is granted.
     */

    ngx_http_finalize_request(r, ngx_http_totp_deny_answer(r, ctx, conf,
                                                           word));

    return NGX_DONE;
}


static ngx_int_t
ngx_http_totp_deny_answer(ngx_http_request_t *r, ngx_http_totp_ctx_t *ctx,
    ngx_http_totp_loc_conf_t *conf, ngx_http_totp_word_t word)
{
    ngx_str_t                  address, cookie;
    ngx_uint_t                 redirect;
    ngx_http_totp_answer_t     a;
    ngx_http_totp_deny_kind_t  kind;

    ngx_http_totp_answer_init(&a, conf, &conf->portal_uri);
    ngx_str_null(&cookie);

    kind = ngx_http_totp_deny_kind(r);

    a.lang_cookie = ngx_http_totp_session_cookie_sent(ctx, &conf->lang_cookie);
    a.page = NGX_HTTP_TOTP_PAGE_ERROR;
    a.word = word;
    a.json = (kind == NGX_HTTP_TOTP_DENY_OTHER);

    if (word == NGX_HTTP_TOTP_UNAVAILABLE) {
        a.retry_after = NGX_HTTP_TOTP_DENY_RETRY;
        return ngx_http_totp_page_send(r, &a, &cookie);
    }

    /* only what can be asked for again is left for another page */

    redirect = (kind == NGX_HTTP_TOTP_DENY_PAGE
                && (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)));

    if (ngx_http_totp_deny_address(r, conf, word, redirect, &address)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (redirect) {
        return ngx_http_totp_page_redirect(r, &a, &address, &cookie);
    }

    a.login = address;
    a.resend = (kind != NGX_HTTP_TOTP_DENY_OTHER);

    return ngx_http_totp_page_send(r, &a, &cookie);
}


static ngx_http_totp_deny_kind_t
ngx_http_totp_deny_kind(ngx_http_request_t *r)
{
    ngx_http_totp_deny_headers_t  headers;

    if (ngx_http_totp_page_wants_json(r)) {
        return NGX_HTTP_TOTP_DENY_OTHER;
    }

    ngx_http_totp_deny_look(r, &headers);

    if (headers.mode.data) {

        if (!totp_ascii_is(headers.mode, "navigate")) {
            return NGX_HTTP_TOTP_DENY_OTHER;
        }

        if (headers.dest.data && !totp_ascii_is(headers.dest, "document")) {
            return NGX_HTTP_TOTP_DENY_FRAME;
        }

        return NGX_HTTP_TOTP_DENY_PAGE;
    }

    if (headers.upgrade.data
        || totp_ascii_is(headers.with, "xmlhttprequest")
        || !totp_accept_html(headers.accept))
    {
        return NGX_HTTP_TOTP_DENY_OTHER;
    }

    return NGX_HTTP_TOTP_DENY_PAGE;
}


/* Of a header that was sent more than once the first counts. */

static void
ngx_http_totp_deny_look(ngx_http_request_t *r,
    ngx_http_totp_deny_headers_t *headers)
{
    ngx_uint_t        i, k;
    totp_str_t       *value;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    ngx_memzero(headers, sizeof(ngx_http_totp_deny_headers_t));

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            for (k = 0;
                 k < sizeof(ngx_http_totp_deny_names)
                     / sizeof(ngx_http_totp_deny_names[0]);
                 k++)
            {
                value = (totp_str_t *) (void *) ((u_char *) headers
                                        + ngx_http_totp_deny_names[k].offset);

                if (value->data == NULL
                    && totp_ascii_is(ngx_http_totp_str(&h[i].key),
                                     ngx_http_totp_deny_names[k].name))
                {
                    *value = totp_ascii_trim(ngx_http_totp_str(&h[i].value));
                    break;
                }
            }
        }
    }
}


/* The page that is needed; next: with the way back. */

static ngx_int_t
ngx_http_totp_deny_address(ngx_http_request_t *r,
    ngx_http_totp_loc_conf_t *conf, ngx_http_totp_word_t word,
    ngx_uint_t next, ngx_str_t *address)
{
    u_char                   *p;
    size_t                    len;
    ngx_str_t                *name;
    totp_str_t                uri;
    ngx_http_totp_page_id_t   page;

    switch (word) {

    case NGX_HTTP_TOTP_CODE_REQUIRED:
        page = NGX_HTTP_TOTP_PAGE_CODE;
        break;

    case NGX_HTTP_TOTP_SETUP_REQUIRED:
        page = NGX_HTTP_TOTP_PAGE_SETUP;
        break;

    default: /* login_required, expired */
        page = NGX_HTTP_TOTP_PAGE_LOGIN;
        break;
    }

    name = ngx_http_totp_page_name(page);
    uri = ngx_http_totp_str(&r->main->unparsed_uri);
    next = (next && totp_uri_next_ok(uri));

    len = conf->portal_uri.len + name->len;

    if (next) {
        len += sizeof("?next=") - 1 + 3 * uri.len;
    }

    address->data = ngx_pnalloc(r->pool, len);
    if (address->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(address->data, conf->portal_uri.data,
                   conf->portal_uri.len);
    p = ngx_cpymem(p, name->data, name->len);

    if (next) {
        p = ngx_cpymem(p, "?next=", sizeof("?next=") - 1);
        p += totp_uri_escape((char *) p, uri);
    }

    address->len = p - address->data;

    return NGX_OK;
}


/*
 * Under "satisfy any" another module may have asked for its own kind of
 * password already: the browser's dialog would cover our page.
 */

static void
ngx_http_totp_deny_clean(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    if (r->headers_out.www_authenticate == NULL) {
        return;
    }

    for (part = &r->headers_out.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (totp_ascii_is(ngx_http_totp_str(&h[i].key),
                              "www-authenticate"))
            {
                h[i].hash = 0;
            }
        }
    }

    r->headers_out.www_authenticate = NULL;
}
