
#include "ngx_http_totp_portal.h"
#include "ngx_http_totp_zone.h"

#include "totp_uri.h"
#include "totp_wipe.h"


static void ngx_http_totp_portal_prepare(ngx_http_totp_portal_t *p);


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


void
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

ngx_str_t
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

ngx_str_t
ngx_http_totp_portal_here(ngx_http_totp_portal_t *p)
{
    ngx_str_t  uri;

    uri = ngx_http_totp_portal_uri(p, p->route->page, &p->next);

    if (ngx_http_totp_next_ok(p->conf, ngx_http_totp_str(&uri))) {
        return uri;
    }

    return p->next;
}


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
