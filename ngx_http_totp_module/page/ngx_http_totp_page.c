
#include "ngx_http_totp_compat.h"
#include "ngx_http_totp_header.h"
#include "ngx_http_totp_html.h"
#include "ngx_http_totp_json.h"
#include "ngx_http_totp_tls.h"

#include "totp_accept.h"


/* seconds to wait when the store is away and nothing better is known */
#define NGX_HTTP_TOTP_PAGE_RETRY  5


#define NGX_HTTP_TOTP_PAGE_CSP                                                \
    "default-src 'none'; style-src 'self'; script-src 'self'; "               \
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; "      \
    "base-uri 'none'"


typedef struct {
    const char  *name;
    ngx_str_t    value;
} ngx_http_totp_page_header_t;


static void ngx_http_totp_page_lang(ngx_http_request_t *r,
    ngx_http_totp_answer_t *a);
static ngx_int_t ngx_http_totp_page_lang_headers(ngx_http_request_t *r,
    ngx_http_totp_answer_t *a);
static ngx_int_t ngx_http_totp_page_headers(ngx_http_request_t *r,
    ngx_http_totp_answer_t *a, ngx_str_t *cookie);
static ngx_int_t ngx_http_totp_page_status_headers(ngx_http_request_t *r,
    ngx_http_totp_answer_t *a, ngx_uint_t status);
static ngx_int_t ngx_http_totp_page_answer(ngx_http_request_t *r,
    ngx_http_totp_answer_t *a, ngx_str_t *next, ngx_str_t *cookie);
static void ngx_http_totp_page_begin(ngx_http_request_t *r,
    ngx_uint_t status, ngx_str_t *type);
static ngx_int_t ngx_http_totp_page_output(ngx_http_request_t *r,
    ngx_chain_t *out, off_t size);


static ngx_http_totp_page_header_t  ngx_http_totp_page_fixed[] = {
    { "Cache-Control", ngx_string("no-store") },
    { "X-Content-Type-Options", ngx_string("nosniff") },
    { "X-Frame-Options", ngx_string("DENY") },
    { "Referrer-Policy", ngx_string("same-origin") },
    { "Cross-Origin-Opener-Policy", ngx_string("same-origin") }
};


/*
 * Chromium applies form-action to the redirects that follow a form, too, and
 * these two lead to where the application says.
 */

/* an encoding that no header tells of: hash is 0 */
static ngx_table_elt_t  ngx_http_totp_page_identity = {
    .value = ngx_string("identity")
};

static ngx_str_t  ngx_http_totp_page_csp =
    ngx_string(NGX_HTTP_TOTP_PAGE_CSP "; form-action 'self'");
static ngx_str_t  ngx_http_totp_page_csp_leaving =
    ngx_string(NGX_HTTP_TOTP_PAGE_CSP);

static ngx_str_t  ngx_http_totp_page_type_html = ngx_string("text/html");
static ngx_str_t  ngx_http_totp_page_type_json =
    ngx_string("application/json");


void
ngx_http_totp_answer_init(ngx_http_totp_answer_t *a,
    ngx_http_totp_loc_conf_t *conf, ngx_str_t *portal)
{
    ngx_memzero(a, sizeof(ngx_http_totp_answer_t));

    a->conf = conf;
    a->portal = *portal;
    a->page = NGX_HTTP_TOTP_PAGE_ERROR;
    a->word = NGX_HTTP_TOTP_OK;
    a->stage = TOTP_STAGE_NONE;
    a->attempts_left = -1;
}


ngx_uint_t
ngx_http_totp_page_wants_json(ngx_http_request_t *r)
{
    return totp_accept_json(ngx_http_totp_header_find(r, "accept"));
}


ngx_int_t
ngx_http_totp_page_send(ngx_http_request_t *r, ngx_http_totp_answer_t *a,
    ngx_str_t *cookie)
{
    if (a->word == NGX_HTTP_TOTP_UNAVAILABLE && a->retry_after == 0) {
        a->retry_after = NGX_HTTP_TOTP_PAGE_RETRY;
    }

    ngx_http_totp_page_lang(r, a);

    return ngx_http_totp_page_answer(r, a, NULL, cookie);
}


ngx_int_t
ngx_http_totp_page_redirect(ngx_http_request_t *r, ngx_http_totp_answer_t *a,
    ngx_str_t *location, ngx_str_t *cookie)
{
    if (location->len == 0) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_totp_page_lang(r, a);

    if (a->json) {
        return ngx_http_totp_page_answer(r, a, location, cookie);
    }

    ngx_http_totp_page_begin(r, NGX_HTTP_SEE_OTHER, NULL);

    /*
     * Without headers_out.location: nginx would make it absolute, with the
     * scheme and port that it sees, not those that the browser does.
     */

    if (ngx_http_totp_page_headers(r, a, cookie) != NGX_OK
        || ngx_http_totp_page_header(r, "Location", location) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_totp_page_output(r, NULL, 0);
}


ngx_int_t
ngx_http_totp_page_asset(ngx_http_request_t *r, ngx_http_totp_loc_conf_t *conf,
    ngx_str_t *name)
{
    ngx_buf_t              *b;
    ngx_uint_t              i;
    ngx_chain_t            *cl;
    ngx_http_totp_asset_t  *asset;

    static ngx_str_t  cache =
        ngx_string("public, max-age=31536000, immutable");
    static ngx_str_t  nosniff = ngx_string("nosniff");

    if (name->len == 0 || !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_DECLINED;
    }

    asset = conf->theme->assets;

    for (i = 0; i < NGX_HTTP_TOTP_ASSETS; i++) {
        if (totp_str_eq(ngx_http_totp_str(&asset[i].uri),
                        ngx_http_totp_str(name)))
        {
            break;
        }
    }

    if (i == NGX_HTTP_TOTP_ASSETS) {
        return NGX_DECLINED;
    }

    ngx_http_totp_page_begin(r, NGX_HTTP_OK, &asset[i].type);

    if (ngx_http_totp_page_header(r, "Cache-Control", &cache) != NGX_OK
        || ngx_http_totp_page_header(r, "X-Content-Type-Options", &nosniff)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (asset[i].data.len == 0) {
        return ngx_http_totp_page_output(r, NULL, 0);
    }

    b = ngx_calloc_buf(r->pool);
    cl = ngx_alloc_chain_link(r->pool);
    if (b == NULL || cl == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = asset[i].data.data;
    b->last = b->pos + asset[i].data.len;
    b->memory = 1;

    cl->buf = b;
    cl->next = NULL;

    return ngx_http_totp_page_output(r, cl, asset[i].data.len);
}


ngx_int_t
ngx_http_totp_page_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.len = ngx_strlen(name);
    h->key.data = (u_char *) name;
    h->value = *value;
    h->lowcase_key = NULL;
    ngx_http_totp_last_line(h);

    return NGX_OK;
}


/* A page, or an object; next, with JSON alone: where to go. */

static ngx_int_t
ngx_http_totp_page_answer(ngx_http_request_t *r, ngx_http_totp_answer_t *a,
    ngx_str_t *next, ngx_str_t *cookie)
{
    off_t         size;
    ngx_uint_t    status;
    ngx_chain_t  *out;

    size = 0;

    out = a->json ? ngx_http_totp_json(r, a, next, &size)
                  : ngx_http_totp_html(r, a, &size);

    if (out == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    status = next ? NGX_HTTP_OK : ngx_http_totp_word_status(a->word);

    ngx_http_totp_page_begin(r, status,
                             a->json ? &ngx_http_totp_page_type_json
                                     : &ngx_http_totp_page_type_html);

    ngx_str_set(&r->headers_out.charset, "utf-8");

    if (ngx_http_totp_page_headers(r, a, cookie) != NGX_OK
        || ngx_http_totp_page_status_headers(r, a, status) != NGX_OK
        || ngx_http_totp_tls_wipe_output(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /*
     * A token beside what a visitor sent: compressed, its length would tell.
     * All filters that compress leave alone what has an encoding already.
     */

    r->headers_out.content_encoding = &ngx_http_totp_page_identity;

#if (NGX_HTTP_GZIP)
    r->gzip_tested = 1;
    r->gzip_ok = 0;
#endif

    return ngx_http_totp_page_output(r, out, size);
}


static ngx_int_t
ngx_http_totp_page_headers(ngx_http_request_t *r, ngx_http_totp_answer_t *a,
    ngx_str_t *cookie)
{
    ngx_str_t   *csp;
    ngx_uint_t   i;

    for (i = 0;
         i < sizeof(ngx_http_totp_page_fixed)
             / sizeof(ngx_http_totp_page_fixed[0]);
         i++)
    {
        if (ngx_http_totp_page_header(r, ngx_http_totp_page_fixed[i].name,
                                      &ngx_http_totp_page_fixed[i].value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    csp = (a->page == NGX_HTTP_TOTP_PAGE_LOGIN
           || a->page == NGX_HTTP_TOTP_PAGE_CODE)
          ? &ngx_http_totp_page_csp_leaving : &ngx_http_totp_page_csp;

    if (ngx_http_totp_page_header(r, "Content-Security-Policy", csp)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (cookie->len
        && ngx_http_totp_page_header(r, "Set-Cookie", cookie) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_totp_page_lang_headers(r, a);
}


static void
ngx_http_totp_page_lang(ngx_http_request_t *r, ngx_http_totp_answer_t *a)
{
    ngx_http_totp_langs_t  *langs;

    langs = a->conf->theme->langs;

    a->lang = ngx_http_totp_lang_choose(r, langs, &a->lang_asked,
                                        &a->lang_cookie);

    if (ngx_http_totp_lang_find(langs, &a->lang_asked) == NULL) {
        a->lang_keep = 0;
    }
}


static ngx_int_t
ngx_http_totp_page_lang_headers(ngx_http_request_t *r,
    ngx_http_totp_answer_t *a)
{
    u_char     *p;
    ngx_str_t   tag, value;

    tag = ngx_http_totp_lang_tag(a->lang);

    if (ngx_http_totp_page_header(r, "Content-Language", &tag) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!a->lang_keep) {
        return NGX_OK;
    }

    value.len = a->conf->lang_cookie.len + 1 + tag.len
                + sizeof("; Max-Age=31536000") - 1 + a->conf->cookie_attrs.len;

    p = ngx_pnalloc(r->pool, value.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;

    /* a year: of a browser, not of a user, and worth nothing to anybody else */

    (void) ngx_sprintf(p, "%V=%V; Max-Age=31536000%V", &a->conf->lang_cookie,
                       &tag, &a->conf->cookie_attrs);

    return ngx_http_totp_page_header(r, "Set-Cookie", &value);
}


static ngx_int_t
ngx_http_totp_page_status_headers(ngx_http_request_t *r,
    ngx_http_totp_answer_t *a, ngx_uint_t status)
{
    u_char     *p;
    ngx_str_t   value;

    if (status == NGX_HTTP_UNAUTHORIZED) {

        p = ngx_pnalloc(r->pool, sizeof("TOTP realm=\"\"")
                                 + a->conf->realm.len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        value.data = p;
        value.len = ngx_sprintf(p, "TOTP realm=\"%V\"", &a->conf->realm) - p;

        return ngx_http_totp_page_header(r, "WWW-Authenticate", &value);
    }

    if (status == NGX_HTTP_NOT_ALLOWED) {

        if (a->allow_post) {
            ngx_str_set(&value, "GET, HEAD, POST");

        } else {
            ngx_str_set(&value, "GET, HEAD");
        }

        return ngx_http_totp_page_header(r, "Allow", &value);
    }

    if (status != NGX_HTTP_OK && a->retry_after > 0) {

        p = ngx_pnalloc(r->pool, NGX_TIME_T_LEN);
        if (p == NULL) {
            return NGX_ERROR;
        }

        value.data = p;
        value.len = ngx_sprintf(p, "%T", a->retry_after) - p;

        return ngx_http_totp_page_header(r, "Retry-After", &value);
    }

    return NGX_OK;
}


/* From here on the answer is ours, whatever led to this location. */

static void
ngx_http_totp_page_begin(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *type)
{
    /*
     * No "100 Continue" for a body that nobody wants: a client that waits for
     * it may send the body after all, or another request, and who can tell.
     */

    if (r->headers_in.expect && !r->expect_tested) {
        r->keepalive = 0;
    }

    r->expect_tested = 1;

    if (ngx_http_discard_request_body(r) != NGX_OK) {
        r->keepalive = 0;
    }

    r->err_status = 0;

    /* If-Match and its kin would put a 412 in the place of what was done */
    r->disable_not_modified = 1;

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);

    r->headers_out.status = status;
    r->headers_out.status_line.len = 0;

    ngx_str_null(&r->headers_out.content_type);
    ngx_str_null(&r->headers_out.charset);

    if (type) {
        r->headers_out.content_type = *type;
    }

    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
}


static ngx_int_t
ngx_http_totp_page_output(ngx_http_request_t *r, ngx_chain_t *out, off_t size)
{
    ngx_int_t     rc;
    ngx_chain_t  *cl;

    r->headers_out.content_length_n = size;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    if (out == NULL) {
        return ngx_http_send_special(r, NGX_HTTP_LAST);
    }

    for (cl = out; cl->next; cl = cl->next) { /* void */ }

    cl->buf->last_buf = (r == r->main) ? 1 : 0;
    cl->buf->last_in_chain = 1;

    return ngx_http_output_filter(r, out);
}
