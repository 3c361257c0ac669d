
#include "ngx_http_totp_renew.h"
#include "ngx_http_totp_session.h"
#include "ngx_http_totp_page.h"
#include "ngx_http_totp_zone.h"
#include "totp_ascii.h"


/* what a response says of caches (RFC 9111, section 5.2.2) */

#define NGX_HTTP_TOTP_CACHE_SAID     0x01   /* there is a Cache-Control */
#define NGX_HTTP_TOTP_CACHE_PRIVATE  0x02   /* no shared cache stores it */
#define NGX_HTTP_TOTP_CACHE_SHARED   0x04   /* it is meant for one */
#define NGX_HTTP_TOTP_CACHE_AGE      0x08   /* it stays fresh for a while */
#define NGX_HTTP_TOTP_CACHE_ASK      0x10   /* not without asking again */
#define NGX_HTTP_TOTP_CACHE_EXPIRES  0x20   /* there is an Expires */
#define NGX_HTTP_TOTP_CACHE_OURS     0x40   /* our cookie is set by another */


static ngx_int_t ngx_http_totp_renew_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_totp_renew(ngx_http_request_t *r,
    ngx_http_totp_ctx_t *ctx);
static ngx_uint_t ngx_http_totp_renew_look(ngx_http_request_t *r,
    ngx_str_t *cookie_name);
static ngx_uint_t ngx_http_totp_renew_header(ngx_table_elt_t *h,
    ngx_str_t *cookie_name);
static ngx_uint_t ngx_http_totp_renew_directives(totp_str_t value);
static ngx_uint_t ngx_http_totp_renew_lasts(totp_str_t seconds);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;


void
ngx_http_totp_renew_init(void)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_totp_renew_filter;
}


static ngx_int_t
ngx_http_totp_renew_filter(ngx_http_request_t *r)
{
    ngx_http_totp_ctx_t  *ctx;

    if (r != r->main) {
        return ngx_http_next_header_filter(r);
    }

    ctx = ngx_http_totp_ctx_find(r);

    if (ctx && ctx->renew && ctx->passed == ngx_http_totp_loc_conf(r)
        && r->headers_out.status != NGX_HTTP_SWITCHING_PROTOCOLS)
    {
        ctx->renew = 0;

        if (ngx_http_totp_renew(r, ctx) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_http_next_header_filter(r);
}


static ngx_int_t
ngx_http_totp_renew(ngx_http_request_t *r, ngx_http_totp_ctx_t *ctx)
{
    u_char                      buf[NGX_HTTP_TOTP_NAME_MAX];
    ngx_str_t                   name, cookie, value;
    ngx_uint_t                  cache;
    totp_session_t              s;
    ngx_http_totp_main_conf_t  *mcf;

    cache = ngx_http_totp_renew_look(r, &ctx->passed->cookie_name);

    if (cache & NGX_HTTP_TOTP_CACHE_OURS) {
        return NGX_OK;
    }

    if (!(cache & NGX_HTTP_TOTP_CACHE_PRIVATE)) {

        if ((cache & NGX_HTTP_TOTP_CACHE_SHARED)
            || ((cache & NGX_HTTP_TOTP_CACHE_AGE)
                && !(cache & NGX_HTTP_TOTP_CACHE_ASK))
            || ((cache & NGX_HTTP_TOTP_CACHE_EXPIRES)
                && !(cache & NGX_HTTP_TOTP_CACHE_SAID)))
        {
            return NGX_OK;
        }
    }

    /* a subrequest may have asked for another location's session since */

    if (ngx_http_totp_session_find(r, ctx, ctx->passed) != NGX_HTTP_TOTP_OK) {
        return NGX_OK;
    }

    mcf = ngx_http_totp_main_conf(r);
    s = ctx->session;

    /*
     * a slow response must not bring back a session that has been replaced
     * by another in the meantime
     */

    name = ngx_http_totp_store_name(buf, s.realm, s.user);

    if (ngx_http_totp_zone_revoked(mcf->zone, &s, &name)) {
        return NGX_OK;
    }

    s.renewed = ngx_http_totp_zone_now(mcf->zone);

    cookie = ngx_http_totp_session_cookie(r, ctx->passed, &s);

    if (cookie.len == 0) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "totp: the session's cookie could not be renewed");
        return NGX_OK;
    }

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "totp: cookie renewed");

    if (!(cache & NGX_HTTP_TOTP_CACHE_PRIVATE)) {
        ngx_str_set(&value, "private");

        if (ngx_http_totp_page_header(r, "Cache-Control", &value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_http_totp_page_header(r, "Set-Cookie", &cookie);
}


static ngx_uint_t
ngx_http_totp_renew_look(ngx_http_request_t *r, ngx_str_t *cookie_name)
{
    ngx_uint_t        i, cache;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    cache = 0;

    for (part = &r->headers_out.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].hash) {
                cache |= ngx_http_totp_renew_header(&h[i], cookie_name);
            }
        }
    }

    return cache;
}


static ngx_uint_t
ngx_http_totp_renew_header(ngx_table_elt_t *h, ngx_str_t *cookie_name)
{
    totp_str_t  key;

    key = ngx_http_totp_str(&h->key);

    if (totp_ascii_is(key, "cache-control")) {
        return NGX_HTTP_TOTP_CACHE_SAID
               | ngx_http_totp_renew_directives(ngx_http_totp_str(&h->value));
    }

    if (totp_ascii_is(key, "expires")) {
        return NGX_HTTP_TOTP_CACHE_EXPIRES;
    }

    /* these speak to shared caches alone, and go before Cache-Control */

    if (totp_ascii_is(key, "cdn-cache-control")
        || totp_ascii_is(key, "surrogate-control"))
    {
        return NGX_HTTP_TOTP_CACHE_SHARED;
    }

    if (totp_ascii_is(key, "set-cookie")
        && h->value.len > cookie_name->len
        && h->value.data[cookie_name->len] == '='
        && ngx_memcmp(h->value.data, cookie_name->data, cookie_name->len) == 0)
    {
        return NGX_HTTP_TOTP_CACHE_OURS;
    }

    return 0;
}


/*
 * private="..." and no-cache="..." speak of single headers: they do not
 * count.
 */

static ngx_uint_t
ngx_http_totp_renew_directives(totp_str_t value)
{
    ngx_uint_t  cache;
    totp_str_t  rest, one, name;

    cache = 0;
    rest = value;

    while (rest.data != NULL) {

        one = totp_ascii_cut(&rest, ',');
        name = totp_ascii_trim(one);

        if (totp_ascii_is(name, "private")
            || totp_ascii_is(name, "no-store"))
        {
            cache |= NGX_HTTP_TOTP_CACHE_PRIVATE;
            continue;
        }

        if (totp_ascii_is(name, "no-cache")) {
            cache |= NGX_HTTP_TOTP_CACHE_ASK;
            continue;
        }

        name = totp_ascii_trim(totp_ascii_cut(&one, '='));

        if (totp_ascii_is(name, "public")
            || totp_ascii_is(name, "s-maxage"))
        {
            cache |= NGX_HTTP_TOTP_CACHE_SHARED;

        } else if (totp_ascii_is(name, "max-age")
                   && ngx_http_totp_renew_lasts(totp_ascii_trim(one)))
        {
            cache |= NGX_HTTP_TOTP_CACHE_AGE;
        }
    }

    return cache;
}


/* Anything but zeros lasts, also what is not a number. */

static ngx_uint_t
ngx_http_totp_renew_lasts(totp_str_t seconds)
{
    size_t  i;

    for (i = 0; i < seconds.len; i++) {
        if (seconds.data[i] != '0' && seconds.data[i] != '"') {
            return 1;
        }
    }

    return 0;
}
