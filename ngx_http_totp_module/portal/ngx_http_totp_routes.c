
#include "ngx_http_totp_routes.h"
#include "ngx_http_totp_body.h"
#include "ngx_http_totp_steps.h"
#include "ngx_http_totp_zone.h"

#include "totp_uri.h"
#include "totp_wipe.h"


static ngx_int_t ngx_http_totp_routes_language(ngx_http_totp_portal_t *p);
static void ngx_http_totp_routes_cleanup(void *data);
static void ngx_http_totp_routes_submit(ngx_http_totp_portal_t *p);
static ngx_uint_t ngx_http_totp_routes_stage(ngx_http_totp_portal_t *p);
static void ngx_http_totp_routes_index(ngx_http_totp_portal_t *p);
static void ngx_http_totp_routes_network(ngx_http_totp_portal_t *p);


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
    ngx_http_totp_routes_index, NULL
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

    cln->handler = ngx_http_totp_routes_cleanup;
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

    if (ngx_http_totp_routes_language(p) != NGX_OK) {
        ngx_http_totp_portal_finish(p, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_DONE;
    }

    if (!ngx_http_totp_zone_ready(mcf->zone)) {
        /* which sessions are revoked is not known yet */
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_UNAVAILABLE);
        return NGX_DONE;
    }

    (void) ngx_http_totp_session_find(r, p->ctx, conf);

    if (p->ctx->genuine) {
        p->sent = p->ctx->session;
        p->session = p->sent;
    }

    ngx_http_totp_routes_network(p);

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

        if (ngx_http_totp_routes_stage(p)) {
            p->route->get(p);
        }

        return NGX_DONE;
    }

    /* a subrequest's body (mirror) is the main request's, and not ours to take */

    if (r->method != NGX_HTTP_POST || !p->route->post || r != r->main) {
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_BAD_METHOD);
        return NGX_DONE;
    }

    ngx_http_totp_body_read(p, ngx_http_totp_routes_submit);

    return NGX_DONE;
}


/*
 * The language asked for by ?lang=TAG is remembered, but not for another site
 * that had the address called.
 */

static ngx_int_t
ngx_http_totp_routes_language(ngx_http_totp_portal_t *p)
{
    int        n;
    u_char    *tag;
    ngx_str_t  args;

    args = p->request->args;

    p->answer.lang_cookie = ngx_http_totp_session_cookie_sent(p->ctx,
                                                      &p->conf->lang_cookie);

    if (args.len == 0
        || !(p->request->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)))
    {
        return NGX_OK;
    }

    tag = ngx_pnalloc(p->request->pool, NGX_HTTP_TOTP_LANG_MAX);
    if (tag == NULL) {
        return NGX_ERROR;
    }

    n = totp_uri_arg(tag, NGX_HTTP_TOTP_LANG_MAX, ngx_http_totp_str(&args),
                     totp_str("lang", 4));

    if (n > 0) {
        p->answer.lang_asked.len = n;
        p->answer.lang_asked.data = tag;
        p->answer.lang_keep = ngx_http_totp_body_same_site(p->request);
    }

    return NGX_OK;
}


static void
ngx_http_totp_routes_cleanup(void *data)
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

    totp_wipe(&p->code, sizeof(totp_code_t));
}


static void
ngx_http_totp_routes_submit(ngx_http_totp_portal_t *p)
{
    ngx_uint_t          i, same_site;
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
        p->sent = p->ctx->session;
        p->session = p->sent;
    }

    token = p->fields[NGX_HTTP_TOTP_FIELD_CSRF].value;
    same_site = ngx_http_totp_body_same_site(p->request);

    if (!same_site
        || !p->ctx->genuine
        || !p->fields[NGX_HTTP_TOTP_FIELD_CSRF].found
        || totp_csrf_verify(token, &p->ctx->session,
                            ngx_http_totp_main_conf(p->request)->keys)
           != 0)
    {
        if (p->route->page == NGX_HTTP_TOTP_PAGE_LOGIN) {
            p->answer.word = NGX_HTTP_TOTP_BAD_CSRF;

            if (same_site) {
                /* the form again, with a token that will be good */
                p->route->get(p);
                return;
            }

            /*
             * A browser keeps a SameSite cookie back from such a form, and
             * would let a new one take the place of it.
             */

            ngx_http_totp_portal_show(p);
            return;
        }

        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_BAD_CSRF);
        return;
    }

    if (ngx_http_totp_routes_stage(p)) {
        p->route->submit(p);
    }
}


/*
 * Has the visitor got as far as this page needs?  If not, answers: a browser's
 * GET goes to the page that is needed.
 */

static ngx_uint_t
ngx_http_totp_routes_stage(ngx_http_totp_portal_t *p)
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
ngx_http_totp_routes_index(ngx_http_totp_portal_t *p)
{
    ngx_http_totp_portal_go(p,
                  p->answer.stage == TOTP_STAGE_FULL
                      ? NGX_HTTP_TOTP_PAGE_SETTINGS
                  : p->answer.stage == TOTP_STAGE_PASSWORD
                      ? NGX_HTTP_TOTP_PAGE_CODE : NGX_HTTP_TOTP_PAGE_LOGIN,
                  &p->next);
}


/* The client's address: for people as it is, for counting IPv6 by its /64. */

static void
ngx_http_totp_routes_network(ngx_http_totp_portal_t *p)
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
