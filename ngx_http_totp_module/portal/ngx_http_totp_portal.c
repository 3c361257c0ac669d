
#include "ngx_http_totp_portal.h"
#include "ngx_http_totp_zone.h"

#include <openssl/rand.h>

#include "totp_uri.h"
#include "totp_wipe.h"


static void ngx_http_totp_portal_cleanup(void *data);
static void ngx_http_totp_portal_body(ngx_http_request_t *r);
static void ngx_http_totp_portal_more_body(ngx_http_request_t *r);
static ngx_int_t ngx_http_totp_portal_collect(ngx_http_totp_portal_t *p);
static void ngx_http_totp_portal_submit(ngx_http_totp_portal_t *p);
static ngx_uint_t ngx_http_totp_portal_same_site(ngx_http_request_t *r);
static ngx_uint_t ngx_http_totp_portal_stage(ngx_http_totp_portal_t *p);
static void ngx_http_totp_portal_index(ngx_http_totp_portal_t *p);
static ngx_str_t ngx_http_totp_portal_uri(ngx_http_totp_portal_t *p,
    ngx_http_totp_page_id_t page, ngx_str_t *next);
static ngx_str_t ngx_http_totp_portal_here(ngx_http_totp_portal_t *p);
static void ngx_http_totp_portal_network(ngx_http_totp_portal_t *p);
static void ngx_http_totp_portal_prepare(ngx_http_totp_portal_t *p);
static void ngx_http_totp_portal_finish(ngx_http_totp_portal_t *p,
    ngx_int_t rc);


static const ngx_http_totp_route_t  ngx_http_totp_routes[] = {

    { NGX_HTTP_TOTP_PAGE_LOGIN, 1, TOTP_STAGE_NONE,
      ngx_http_totp_login_get, ngx_http_totp_login_submit },

    { NGX_HTTP_TOTP_PAGE_CODE, 1, TOTP_STAGE_PASSWORD,
      ngx_http_totp_code_get, ngx_http_totp_code_submit },

    { NGX_HTTP_TOTP_PAGE_SETTINGS, 0, TOTP_STAGE_FULL,
      ngx_http_totp_settings_get, NULL },

    { NGX_HTTP_TOTP_PAGE_SETUP, 1, TOTP_STAGE_FULL,
      ngx_http_totp_setup_get, ngx_http_totp_setup_submit },

    { NGX_HTTP_TOTP_PAGE_BACKUP_CODES, 1, TOTP_STAGE_FULL,
      ngx_http_totp_backup_get, ngx_http_totp_backup_submit },

    { NGX_HTTP_TOTP_PAGE_DISABLE, 1, TOTP_STAGE_FULL,
      ngx_http_totp_disable_get, ngx_http_totp_disable_submit },

    { NGX_HTTP_TOTP_PAGE_LOGOUT, 1, TOTP_STAGE_NONE,
      ngx_http_totp_logout_get, ngx_http_totp_logout_submit }
};


/* the portal itself: leads on to the page that fits */

static const ngx_http_totp_route_t  ngx_http_totp_route_index = {
    NGX_HTTP_TOTP_PAGE_ERROR, 0, TOTP_STAGE_NONE,
    ngx_http_totp_portal_index, NULL
};


/* in the order of the NGX_HTTP_TOTP_FIELD_s */

static const totp_str_t  ngx_http_totp_fields[NGX_HTTP_TOTP_FIELDS] = {
    totp_string("csrf"),
    totp_string("next"),
    totp_string("username"),
    totp_string("password"),
    totp_string("code"),
    totp_string("more"),
    totp_string("everywhere")
};


ngx_int_t
ngx_http_totp_portal_handler(ngx_http_request_t *r)
{
    int                          n;
    u_char                      *next;
    ngx_int_t                    rc;
    ngx_str_t                    name;
    ngx_uint_t                   i;
    ngx_http_cleanup_t          *cln;
    ngx_http_totp_portal_t      *p;
    ngx_http_totp_loc_conf_t    *conf;
    ngx_http_totp_main_conf_t   *mcf;

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "totp portal handler");

    conf = ngx_http_totp_loc_conf(r);
    mcf = ngx_http_totp_main_conf(r);

    ngx_str_null(&name);

    if (r->uri.len > conf->path.len) {
        name.data = r->uri.data + conf->path.len;
        name.len = r->uri.len - conf->path.len;
    }

    if (ngx_strncmp(r->uri.data, conf->path.data,
                    ngx_min(r->uri.len, conf->path.len))
        != 0)
    {
        /* "location /2fa" without a slash catches more than is ours */
        ngx_str_set(&name, "/");
    }

    rc = ngx_http_totp_page_asset(r, conf, &name);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    p = ngx_pcalloc(r->pool, sizeof(ngx_http_totp_portal_t));
    cln = ngx_http_cleanup_add(r, 0);
    if (p == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_totp_portal_cleanup;
    cln->data = p;

    p->request = r;
    p->conf = conf;
    p->ctx = ngx_http_totp_ctx(r);
    if (p->ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* one reference for the steps: they end in one finalize */
    r->main->count++;

    ngx_http_totp_answer_init(&p->answer, conf, &conf->path);
    p->answer.json = ngx_http_totp_page_wants_json(r);
    p->answer.page = NGX_HTTP_TOTP_PAGE_ERROR;

    if (!ngx_http_totp_zone_ready(mcf->zone)) {
        /* which sessions are revoked is not known yet */
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_UNAVAILABLE);
        return NGX_DONE;
    }

    (void) ngx_http_totp_session_find(r, p->ctx, conf);

    if (p->ctx->genuine) {
        p->session = p->ctx->session;
    }

    ngx_http_totp_portal_network(p);

    if (name.len == 0) {
        p->route = &ngx_http_totp_route_index;
    }

    for (i = 0;
         i < sizeof(ngx_http_totp_routes) / sizeof(ngx_http_totp_routes[0]);
         i++)
    {
        if (totp_str_eq(ngx_http_totp_str(&name),
                        ngx_http_totp_str(ngx_http_totp_page_name(
                                             ngx_http_totp_routes[i].page))))
        {
            p->route = &ngx_http_totp_routes[i];
        }
    }

    if (p->route == NULL) {
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_NOT_FOUND);
        return NGX_DONE;
    }

    p->answer.allow_post = p->route->post;

    next = ngx_pnalloc(r->pool, TOTP_NEXT_MAX);
    if (next == NULL) {
        ngx_http_totp_portal_finish(p, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_DONE;
    }

    n = totp_uri_arg(next, TOTP_NEXT_MAX, ngx_http_totp_str(&r->args),
                     totp_str("next", 4));

    if (n > 0 && ngx_http_totp_next_ok(conf, totp_str(next, n))) {
        p->next.len = n;
        p->next.data = next;
    }

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {

        p->answer.page = p->route->page;

        if (ngx_http_totp_portal_stage(p)) {
            p->route->get(p);
        }

        return NGX_DONE;
    }

    /* a subrequest's body (mirror) is the main request's, and not ours to take */

    if (r->method != NGX_HTTP_POST || !p->route->post || r != r->main) {
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_BAD_METHOD);
        return NGX_DONE;
    }

    if (r->headers_in.content_length_n > NGX_HTTP_TOTP_BODY_MAX) {
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_TOO_LARGE);
        return NGX_DONE;
    }

    if (r->headers_in.content_type == NULL
        || !totp_form_type_ok(
                   ngx_http_totp_str(&r->headers_in.content_type->value)))
    {
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_BAD_TYPE);
        return NGX_DONE;
    }

    p->body = ngx_palloc(r->pool, NGX_HTTP_TOTP_BODY_MAX);
    if (p->body == NULL) {
        ngx_http_totp_portal_finish(p, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_DONE;
    }

    /*
     * Unbuffered: the bound is ours, and nothing of a password ever reaches a
     * temporary file, whatever client_body_in_file_only says.
     */

    r->request_body_no_buffering = 1;

    p->ctx->portal = p;

    rc = ngx_http_read_client_request_body(r, ngx_http_totp_portal_body);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        ngx_http_totp_portal_finish(p, rc);
    }

    return NGX_DONE;
}


static void
ngx_http_totp_portal_cleanup(void *data)
{
    ngx_http_totp_portal_t *p = data;

    ngx_http_totp_store_forget(p->op);
    p->op = NULL;

    if (p->call) {
        ngx_http_totp_first_forget(p->call);
        p->call = NULL;
    }

    if (p->body) {
        totp_wipe(p->body, NGX_HTTP_TOTP_BODY_MAX);
    }
}


/*
 * ngx_http_read_client_request_body() took a reference of its own for this
 * handler; ours is the one that the steps end, so this one is given back.
 */

static void
ngx_http_totp_portal_body(ngx_http_request_t *r)
{
    r->main->count--;

    ngx_http_totp_portal_more_body(r);
}


static void
ngx_http_totp_portal_more_body(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_http_totp_portal_t  *p;

    p = ngx_http_totp_ctx_find(r)->portal;

    for ( ;; ) {

        if (ngx_http_totp_portal_collect(p) != NGX_OK) {

            if (r->reading_body) {
                /* nginx closes then: the answer must not promise otherwise */
                r->keepalive = 0;
            }

            ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_TOO_LARGE);
            return;
        }

        if (!r->reading_body) {
            break;
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            ngx_http_totp_portal_finish(p, rc);
            return;
        }

        if (rc == NGX_AGAIN && r->request_body->bufs == NULL) {
            r->read_event_handler = ngx_http_totp_portal_more_body;
            return;
        }
    }

    r->read_event_handler = ngx_http_block_reading;

    ngx_http_totp_portal_submit(p);
}


/* Takes over what has arrived; NGX_ERROR: it is too much. */

static ngx_int_t
ngx_http_totp_portal_collect(ngx_http_totp_portal_t *p)
{
    size_t        n;
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    rc = NGX_OK;

    if (p->request->request_body == NULL) {
        return NGX_OK;
    }

    for (cl = p->request->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (b->in_file) {
            /* somebody else read it before us, and it was large */
            rc = NGX_ERROR;
            continue;
        }

        n = b->last - b->pos;

        if (n > NGX_HTTP_TOTP_BODY_MAX - p->body_len) {
            rc = NGX_ERROR;

        } else {
            ngx_memcpy(p->body + p->body_len, b->pos, n);
            p->body_len += n;
        }

        totp_wipe(b->pos, n);
        b->pos = b->last;
    }

    p->request->request_body->bufs = NULL;

    return rc;
}


static void
ngx_http_totp_portal_submit(ngx_http_totp_portal_t *p)
{
    ngx_uint_t          i;
    totp_str_t          token;
    totp_form_field_t  *next;

    for (i = 0; i < NGX_HTTP_TOTP_FIELDS; i++) {
        p->fields[i].name = ngx_http_totp_fields[i];
    }

    if (totp_form_parse(p->body, p->body_len, p->fields, NGX_HTTP_TOTP_FIELDS)
        != 0)
    {
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_BAD_REQUEST);
        return;
    }

    next = &p->fields[NGX_HTTP_TOTP_FIELD_NEXT];

    if (next->found) {
        /* what the form says counts; a bad one is dropped */
        ngx_str_null(&p->next);

        if (next->value.len
            && ngx_http_totp_next_ok(p->conf, next->value))
        {
            p->next.len = next->value.len;
            p->next.data = (u_char *) next->value.data;
        }
    }

    p->answer.page = p->route->page;

    /* the body may have taken its time */
    p->ctx->conf = NULL;
    (void) ngx_http_totp_session_find(p->request, p->ctx, p->conf);

    if (p->ctx->genuine) {
        p->session = p->ctx->session;
    }

    token = p->fields[NGX_HTTP_TOTP_FIELD_CSRF].value;

    if (!ngx_http_totp_portal_same_site(p->request)
        || !p->ctx->genuine
        || !p->fields[NGX_HTTP_TOTP_FIELD_CSRF].found
        || totp_csrf_verify(token, &p->ctx->session,
                            ngx_http_totp_main_conf(p->request)->keys)
           != 0)
    {
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_BAD_CSRF);
        return;
    }

    if (ngx_http_totp_portal_stage(p)) {
        p->route->submit(p);
    }
}


/*
 * Does the request come from a page of this server?  Sec-Fetch-Site where it
 * is sent, else Origin; with neither the token decides alone.
 */

static ngx_uint_t
ngx_http_totp_portal_same_site(ngx_http_request_t *r)
{
    int               https;
    ngx_str_t         host;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h, *site, *origin;

    site = NULL;
    origin = NULL;
    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == sizeof("Sec-Fetch-Site") - 1
            && ngx_strncmp(h[i].lowcase_key, "sec-fetch-site",
                           sizeof("sec-fetch-site") - 1)
               == 0)
        {
            if (site) {
                return 0;
            }

            site = &h[i];

        } else if (h[i].key.len == sizeof("Origin") - 1
                   && ngx_strncmp(h[i].lowcase_key, "origin",
                                  sizeof("origin") - 1)
                      == 0)
        {
            if (origin) {
                return 0;
            }

            origin = &h[i];
        }
    }

    if (site) {
        return (site->value.len == sizeof("same-origin") - 1
                && ngx_strncmp(site->value.data, "same-origin",
                               sizeof("same-origin") - 1)
                   == 0)
               || (site->value.len == 4
                   && ngx_strncmp(site->value.data, "none", 4) == 0);
    }

    if (origin == NULL) {
        return 1;
    }

#if (NGX_HTTP_SSL)
    https = (r->connection->ssl != NULL);
#else
    https = 0;
#endif

    if (r->headers_in.host) {
        host = r->headers_in.host->value;

    } else {
        host = r->headers_in.server;
    }

    return totp_uri_same_origin(ngx_http_totp_str(&origin->value),
                                ngx_http_totp_str(&host), https);
}


/*
 * Has the visitor got as far as this page needs?  If not, answers: a browser's
 * GET goes to the page that is needed.
 */

static ngx_uint_t
ngx_http_totp_portal_stage(ngx_http_totp_portal_t *p)
{
    ngx_str_t                 next;
    totp_stage_t              stage;
    ngx_http_totp_word_t      word;
    ngx_http_totp_page_id_t   page;

    word = p->ctx->word;
    stage = (word == NGX_HTTP_TOTP_OK && p->ctx->genuine)
            ? p->ctx->session.stage : TOTP_STAGE_NONE;

    p->answer.stage = stage;

    if (p->ctx->genuine) {
        p->who.session = &p->session;
        p->who.conf = p->conf;
        p->who.user.len = p->session.user.len;
        p->who.user.data = (u_char *) p->session.user.data;
    }

    if (stage != TOTP_STAGE_NONE) {
        p->answer.user = p->who.user;
    }

    if (word == NGX_HTTP_TOTP_UNAVAILABLE) {
        ngx_http_totp_portal_fail(p, word);
        return 0;
    }

    if (stage >= p->route->stage) {

        if (p->route->page != NGX_HTTP_TOTP_PAGE_CODE
            || stage != TOTP_STAGE_FULL
            || p->session.method != TOTP_METHOD_NONE)
        {
            return 1;
        }

        /* no code to ask for */
        word = NGX_HTTP_TOTP_SETUP_REQUIRED;
        page = NGX_HTTP_TOTP_PAGE_SETUP;

    } else if (stage == TOTP_STAGE_PASSWORD) {
        word = NGX_HTTP_TOTP_CODE_REQUIRED;
        page = NGX_HTTP_TOTP_PAGE_CODE;

    } else {
        if (word == NGX_HTTP_TOTP_OK) {
            word = NGX_HTTP_TOTP_LOGIN_REQUIRED;
        }

        page = NGX_HTTP_TOTP_PAGE_LOGIN;
    }

    if (p->answer.json || p->request->method == NGX_HTTP_POST) {
        p->answer.login = ngx_http_totp_portal_uri(p, page, NULL);
        p->answer.resend = 1;
        p->answer.page = NGX_HTTP_TOTP_PAGE_ERROR;

        ngx_http_totp_portal_fail(p, word);
        return 0;
    }

    next = ngx_http_totp_portal_here(p);
    ngx_http_totp_portal_go(p, page, &next);

    return 0;
}


static void
ngx_http_totp_portal_index(ngx_http_totp_portal_t *p)
{
    ngx_http_totp_portal_go(p,
                  p->answer.stage == TOTP_STAGE_FULL
                      ? NGX_HTTP_TOTP_PAGE_SETTINGS
                  : p->answer.stage == TOTP_STAGE_PASSWORD
                      ? NGX_HTTP_TOTP_PAGE_CODE : NGX_HTTP_TOTP_PAGE_LOGIN,
                  &p->next);
}


/* The ways out. */


void
ngx_http_totp_portal_show(ngx_http_totp_portal_t *p)
{
    ngx_http_totp_portal_prepare(p);

    ngx_http_totp_portal_finish(p, ngx_http_totp_page_send(p->request,
                                                           &p->answer,
                                                           &p->cookie));
}


void
ngx_http_totp_portal_fail(ngx_http_totp_portal_t *p, ngx_http_totp_word_t word)
{
    p->answer.word = word;

    switch (word) {

    case NGX_HTTP_TOTP_BAD_CREDENTIALS:
    case NGX_HTTP_TOTP_BAD_CODE:
    case NGX_HTTP_TOTP_CODE_USED:
    case NGX_HTTP_TOTP_CLOCK_OFF:
    case NGX_HTTP_TOTP_LOCKED:
        break;

    case NGX_HTTP_TOTP_BAD_CSRF:

        if (p->answer.page == NGX_HTTP_TOTP_PAGE_LOGIN) {
            /* the form again, with a token that will be good */
            ngx_http_totp_login_get(p);
            return;
        }

        /* fall through */

    default:
        p->answer.page = NGX_HTTP_TOTP_PAGE_ERROR;
        break;
    }

    ngx_http_totp_portal_show(p);
}


ngx_uint_t
ngx_http_totp_portal_refused(ngx_http_totp_portal_t *p,
    ngx_http_totp_reply_t *reply)
{
    switch (reply->rc) {

    case NGX_HTTP_TOTP_STORE_LOCKED:
        p->answer.retry_after = reply->retry_after;
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_LOCKED);
        return 1;

    case NGX_HTTP_TOTP_STORE_NONE:
        /*
         * A session with a second factor whose record has none any more: the
         * two do not belong together, whatever has happened to the record.
         */

        /* fall through */

    case NGX_HTTP_TOTP_STORE_STALE:
        p->answer.login = ngx_http_totp_portal_uri(p,
                                            NGX_HTTP_TOTP_PAGE_LOGIN, NULL);
        p->answer.stage = TOTP_STAGE_NONE;
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_LOGIN_REQUIRED);
        return 1;

    case NGX_HTTP_TOTP_STORE_UNAVAILABLE:
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_UNAVAILABLE);
        return 1;

    default:
        return 0;
    }
}


void
ngx_http_totp_portal_go(ngx_http_totp_portal_t *p,
    ngx_http_totp_page_id_t page, ngx_str_t *next)
{
    ngx_str_t  uri;

    uri = ngx_http_totp_portal_uri(p, page, next);

    ngx_http_totp_portal_prepare(p);

    ngx_http_totp_portal_finish(p,
                        ngx_http_totp_page_redirect(p->request, &p->answer,
                                                    &uri, &p->cookie));
}


void
ngx_http_totp_portal_leave(ngx_http_totp_portal_t *p, ngx_str_t *next)
{
    ngx_str_t  uri;

    ngx_str_set(&uri, "/");

    if (next->len) {
        uri = *next;
    }

    ngx_http_totp_portal_prepare(p);

    ngx_http_totp_portal_finish(p,
                        ngx_http_totp_page_redirect(p->request, &p->answer,
                                                    &uri, &p->cookie));
}


/* What every answer says of the session, as it is now. */

static void
ngx_http_totp_portal_prepare(ngx_http_totp_portal_t *p)
{
    ngx_http_totp_answer_t  *a;

    a = &p->answer;
    a->next = p->next;

    p->ctx->error = a->word;

    if (!p->ctx->genuine && p->cookie.len == 0) {
        return;
    }

    a->csrf.data = ngx_pnalloc(p->request->pool, TOTP_CSRF_LEN);

    if (a->csrf.data
        && totp_csrf_make((char *) a->csrf.data, &p->session,
                          ngx_http_totp_main_conf(p->request)->keys)
           == 0)
    {
        a->csrf.len = TOTP_CSRF_LEN;
    }
}


static void
ngx_http_totp_portal_finish(ngx_http_totp_portal_t *p, ngx_int_t rc)
{
    ngx_uint_t           async;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = p->request;
    c = r->connection;
    async = p->async;

    if (p->body) {
        totp_wipe(p->body, NGX_HTTP_TOTP_BODY_MAX);
    }

    ngx_http_finalize_request(r, rc);

    if (async) {
        ngx_http_run_posted_requests(c);
    }
}


/* portal/page?next=... */

static ngx_str_t
ngx_http_totp_portal_uri(ngx_http_totp_portal_t *p,
    ngx_http_totp_page_id_t page, ngx_str_t *next)
{
    u_char     *last;
    ngx_str_t   uri, *name;

    name = ngx_http_totp_page_name(page);

    uri.len = 0;
    uri.data = ngx_pnalloc(p->request->pool, p->conf->path.len + name->len
                                             + sizeof("?next=")
                                             + (next ? 3 * next->len : 0));
    if (uri.data == NULL) {
        return uri;
    }

    last = ngx_sprintf(uri.data, "%V%V", &p->conf->path, name);

    if (next && next->len) {
        last = ngx_cpymem(last, "?next=", sizeof("?next=") - 1);
        last += totp_uri_escape((char *) last, ngx_http_totp_str(next));
    }

    uri.len = last - uri.data;

    return uri;
}


/* Where to come back to: this page, if it may stand in next. */

static ngx_str_t
ngx_http_totp_portal_here(ngx_http_totp_portal_t *p)
{
    ngx_str_t  uri;

    uri = ngx_http_totp_portal_uri(p, p->route->page, &p->next);

    if (ngx_http_totp_next_ok(p->conf, ngx_http_totp_str(&uri))) {
        return uri;
    }

    return p->next;
}


/* Waiting. */


void
ngx_http_totp_portal_wait(ngx_http_totp_portal_t *p, ngx_http_totp_op_t *op)
{
    if (op == NULL) {
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_UNAVAILABLE);
        return;
    }

    p->op = op;
    p->request->read_event_handler = ngx_http_test_reading;
    p->request->write_event_handler = ngx_http_request_empty_handler;
}


void
ngx_http_totp_portal_wait_call(ngx_http_totp_portal_t *p,
    ngx_http_totp_first_call_t *call)
{
    p->call = call;
    p->request->read_event_handler = ngx_http_test_reading;
    p->request->write_event_handler = ngx_http_request_empty_handler;
}


void
ngx_http_totp_portal_resume(ngx_http_totp_portal_t *p)
{
    ngx_connection_t  *c;

    p->op = NULL;
    p->call = NULL;
    p->async = 1;

    c = p->request->connection;

    ngx_http_set_log_request(c->log, p->request);
    p->request->read_event_handler = ngx_http_block_reading;
}


/* Sessions. */


ngx_int_t
ngx_http_totp_portal_issue(ngx_http_totp_portal_t *p, totp_stage_t stage,
    totp_method_t method, uint64_t now)
{
    totp_session_t  *s;

    s = &p->session;

    if (ngx_http_totp_session_id(s->sid) != NGX_OK) {
        return NGX_ERROR;
    }

    s->stage = stage;
    s->method = method;
    s->issued = now;
    s->checked = now;
    s->renewed = now;
    s->expires = now + (stage == TOTP_STAGE_PASSWORD
                        ? p->conf->login_timeout : p->conf->session_lifetime);
    s->realm = ngx_http_totp_str(&p->conf->realm);

    return ngx_http_totp_portal_reissue(p);
}


ngx_int_t
ngx_http_totp_portal_reissue(ngx_http_totp_portal_t *p)
{
    p->cookie = ngx_http_totp_session_cookie(p->request, p->conf, &p->session);

    if (p->cookie.len == 0) {
        return NGX_ERROR;
    }

    p->answer.stage = p->session.stage;
    p->answer.user.len = p->session.user.len;
    p->answer.user.data = (u_char *) p->session.user.data;

    return NGX_OK;
}


ngx_uint_t
ngx_http_totp_portal_fresh(ngx_http_totp_portal_t *p)
{
    uint64_t                  now;
    ngx_str_t                 next;
    ngx_http_totp_page_id_t   page;

    now = ngx_http_totp_zone_now(ngx_http_totp_main_conf(p->request)->zone);

    if (now < p->session.checked + p->conf->fresh) {
        return 1;
    }

    page = (p->session.method == TOTP_METHOD_NONE) ? NGX_HTTP_TOTP_PAGE_LOGIN
                                                   : NGX_HTTP_TOTP_PAGE_CODE;
    next = ngx_http_totp_portal_here(p);

    if (p->answer.json) {
        p->answer.login = ngx_http_totp_portal_uri(p, page, NULL);
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_FRESH_REQUIRED);
        return 0;
    }

    /* nothing was typed that could be lost: back to the form, then on */
    ngx_http_totp_portal_go(p, page, &next);

    return 0;
}


/* The client's address: for people as it is, for counting IPv6 by its /64. */

static void
ngx_http_totp_portal_network(ngx_http_totp_portal_t *p)
{
    ngx_connection_t     *c;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6, net;
#endif

    c = p->request->connection;

    p->who.address = c->addr_text;
    p->who.network = c->addr_text;

#if (NGX_HAVE_INET6)

    if (c->sockaddr->sa_family != AF_INET6) {
        return;
    }

    sin6 = (struct sockaddr_in6 *) c->sockaddr;
    net = *sin6;

    p->who.network.data = ngx_pnalloc(p->request->pool, NGX_SOCKADDR_STRLEN);
    if (p->who.network.data == NULL) {
        p->who.network = c->addr_text;
        return;
    }

    if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
        p->who.network.len = ngx_inet_ntop(AF_INET,
                                           &sin6->sin6_addr.s6_addr[12],
                                           p->who.network.data,
                                           NGX_SOCKADDR_STRLEN);
        return;
    }

    ngx_memzero(&net.sin6_addr.s6_addr[8], 8);

    p->who.network.len = ngx_sock_ntop((struct sockaddr *) &net, sizeof(net),
                                       p->who.network.data,
                                       NGX_SOCKADDR_STRLEN, 0);
#endif
}
