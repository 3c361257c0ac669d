
#include "ngx_http_totp_session.h"
#include "ngx_http_totp_store.h"
#include "ngx_http_totp_first.h"
#include "ngx_http_totp_secret.h"
#include "ngx_http_totp_zone.h"
#include "totp_seen.h"

#include <openssl/rand.h>


/* how far ahead the clock may be that issued a session: seconds */
#define NGX_HTTP_TOTP_AHEAD  60


static void ngx_http_totp_ctx_cleanup(void *data);
static ngx_int_t ngx_http_totp_session_read(ngx_http_request_t *r,
    ngx_http_totp_ctx_t *ctx, ngx_http_totp_loc_conf_t *conf,
    totp_seen_t **seen);
static ngx_int_t ngx_http_totp_session_sent(ngx_http_totp_ctx_t *ctx,
    ngx_http_totp_loc_conf_t *conf, totp_str_t *value);
static ngx_http_totp_word_t ngx_http_totp_session_judge(ngx_http_request_t *r,
    const totp_session_t *s, ngx_http_totp_loc_conf_t *conf,
    uint64_t *clear);
static ngx_uint_t ngx_http_totp_session_revoked(ngx_shm_zone_t *zone,
    const totp_session_t *s, uint64_t *clear);
static ngx_uint_t ngx_http_totp_session_expired(const totp_session_t *s,
    ngx_http_totp_loc_conf_t *conf, uint64_t now);
static ngx_http_totp_word_t ngx_http_totp_session_known(
    const totp_session_t *s, ngx_http_totp_loc_conf_t *conf);
static ngx_str_t ngx_http_totp_session_line(ngx_http_request_t *r,
    ngx_http_totp_loc_conf_t *conf, ngx_str_t *value, ngx_str_t *more);


/* of this worker, on pages that no core dump shows */
static totp_seen_table_t  *ngx_http_totp_session_seen;


ngx_int_t
ngx_http_totp_session_start(ngx_cycle_t *cycle)
{
    if (ngx_http_totp_session_seen) {
        /* a process without a master goes on, but maybe with other keys */
        totp_seen_wipe(ngx_http_totp_session_seen);
        return NGX_OK;
    }

    ngx_http_totp_session_seen =
             ngx_http_totp_secret_map(sizeof(totp_seen_table_t), cycle->log);

    return ngx_http_totp_session_seen ? NGX_OK : NGX_ERROR;
}


void
ngx_http_totp_session_stop(void)
{
    if (ngx_http_totp_session_seen) {
        ngx_http_totp_secret_unmap(ngx_http_totp_session_seen,
                                   sizeof(totp_seen_table_t));
        ngx_http_totp_session_seen = NULL;
    }
}


ngx_http_totp_ctx_t *
ngx_http_totp_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t   *cln;
    ngx_http_totp_ctx_t  *ctx;

    ctx = ngx_http_totp_ctx_find(r);
    if (ctx) {
        return ctx;
    }

    r = r->main;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_totp_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(ngx_http_totp_ctx_t));

    ctx->cookies.elts = &ctx->cookie;
    ctx->cookies.nalloc = 1;
    ctx->cookies.size = sizeof(ngx_http_totp_cookie_t);
    ctx->cookies.pool = r->pool;

    cln->handler = ngx_http_totp_ctx_cleanup;

    ngx_http_set_ctx(r, ctx, ngx_http_totp_module);

    return ctx;
}


ngx_http_totp_ctx_t *
ngx_http_totp_ctx_find(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t   *cln;
    ngx_http_totp_ctx_t  *ctx;

    r = r->main;

    ctx = ngx_http_get_module_ctx(r, ngx_http_totp_module);

    if (ctx || (!r->internal && !r->filter_finalize)) {
        return ctx;
    }

    /*
     * an internal redirect, or a filter that answers instead, has cleared
     * the contexts of all modules: the pool still knows ours
     */

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_totp_ctx_cleanup) {
            ctx = cln->data;
            ngx_http_set_ctx(r, ctx, ngx_http_totp_module);
            break;
        }
    }

    return ctx;
}


static void
ngx_http_totp_ctx_cleanup(void *data)
{
    ngx_http_totp_ctx_t *ctx = data;

    if (ctx->wait.timer_set) {
        ngx_del_timer(&ctx->wait);
    }
}


ngx_str_t
ngx_http_totp_session_cookie_sent(ngx_http_totp_ctx_t *ctx,
    const ngx_str_t *name)
{
    ngx_uint_t               i;
    ngx_http_totp_cookie_t  *cookie;

    cookie = ctx->cookies.elts;

    for (i = 0; i < ctx->cookies.nelts; i++) {
        if (totp_str_eq(cookie[i].name, ngx_http_totp_str(name))) {
            return (ngx_str_t) { cookie[i].value.len,
                                 (u_char *) cookie[i].value.data };
        }
    }

    return (ngx_str_t) ngx_null_string;
}


ngx_http_totp_word_t
ngx_http_totp_session_find(ngx_http_request_t *r, ngx_http_totp_ctx_t *ctx,
    ngx_http_totp_loc_conf_t *conf)
{
    totp_seen_t  *seen;

    if (ctx->conf == conf) {
        return ctx->word;
    }

    ctx->conf = conf;
    ctx->genuine = 0;

    switch (ngx_http_totp_session_read(r, ctx, conf, &seen)) {

    case NGX_OK:
        ctx->genuine = 1;
        ctx->word = ngx_http_totp_session_judge(r, &ctx->session, conf,
                                                &seen->clear);
        break;

    case NGX_DECLINED:
        ngx_memzero(&ctx->session, sizeof(totp_session_t));
        ctx->word = NGX_HTTP_TOTP_LOGIN_REQUIRED;
        break;

    default: /* NGX_ERROR */
        ngx_memzero(&ctx->session, sizeof(totp_session_t));
        ctx->word = NGX_HTTP_TOTP_UNAVAILABLE;
        break;
    }

    return ctx->word;
}


/*
 * NGX_OK: ctx->session is one that we signed for this realm, and *seen what is
 * remembered of its cookie until another is looked at; NGX_DECLINED: there is
 * none.
 */

static ngx_int_t
ngx_http_totp_session_read(ngx_http_request_t *r, ngx_http_totp_ctx_t *ctx,
    ngx_http_totp_loc_conf_t *conf, totp_seen_t **seen)
{
    totp_str_t                  cookie;
    totp_session_t             *s;
    ngx_http_totp_main_conf_t  *mcf;

    mcf = ngx_http_totp_main_conf(r);

    if (mcf->keys == NULL || mcf->zone == NULL
        || ngx_http_totp_session_sent(ctx, conf, &cookie) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    *seen = totp_seen_find(ngx_http_totp_session_seen, mcf->keys, cookie);

    if (*seen == NULL
        || !totp_str_eq((*seen)->session.realm,
                        ngx_http_totp_str(&conf->realm)))
    {
        return NGX_DECLINED;
    }

    /* what was found for another location before may still be pointed to */

    ctx->payload = ngx_pnalloc(r->main->pool, (*seen)->session.user.len + 1);
    if (ctx->payload == NULL) {
        return NGX_ERROR;
    }

    s = &ctx->session;

    *s = (*seen)->session;
    ngx_memcpy(ctx->payload, s->user.data, s->user.len);

    s->user.data = ctx->payload;
    s->realm = ngx_http_totp_str(&conf->realm);

    return NGX_OK;
}


/* The cookie by its name; sent twice, it is nobody's: one may be planted. */

static ngx_int_t
ngx_http_totp_session_sent(ngx_http_totp_ctx_t *ctx,
    ngx_http_totp_loc_conf_t *conf, totp_str_t *value)
{
    ngx_uint_t               i, n;
    ngx_http_totp_cookie_t  *cookie;

    n = 0;
    cookie = ctx->cookies.elts;

    for (i = 0; i < ctx->cookies.nelts; i++) {
        if (totp_str_eq(cookie[i].name,
                        ngx_http_totp_str(&conf->cookie_name)))
        {
            *value = cookie[i].value;
            n++;
        }
    }

    return (n == 1) ? NGX_OK : NGX_DECLINED;
}


static ngx_http_totp_word_t
ngx_http_totp_session_judge(ngx_http_request_t *r, const totp_session_t *s,
    ngx_http_totp_loc_conf_t *conf, uint64_t *clear)
{
    uint64_t                    now;
    ngx_http_totp_main_conf_t  *mcf;

    mcf = ngx_http_totp_main_conf(r);
    now = ngx_http_totp_zone_now(mcf->zone);

    if (s->stage == TOTP_STAGE_NONE) {
        return (now < s->expires) ? NGX_HTTP_TOTP_OK
                                  : NGX_HTTP_TOTP_LOGIN_REQUIRED;
    }

    if (!ngx_http_totp_zone_ready(mcf->zone)) {
        return NGX_HTTP_TOTP_UNAVAILABLE;
    }

    if (s->issued > now + NGX_HTTP_TOTP_AHEAD || s->expires < s->issued) {
        return NGX_HTTP_TOTP_LOGIN_REQUIRED;
    }

    if (ngx_http_totp_session_revoked(mcf->zone, s, clear)) {
        return NGX_HTTP_TOTP_LOGIN_REQUIRED;
    }

    if (ngx_http_totp_session_expired(s, conf, now)) {
        return NGX_HTTP_TOTP_EXPIRED;
    }

    return ngx_http_totp_session_known(s, conf);
}


/*
 * Nothing to look up, and no lock to take, while nobody's session was revoked
 * since this one was found not to be.
 */

static ngx_uint_t
ngx_http_totp_session_revoked(ngx_shm_zone_t *zone, const totp_session_t *s,
    uint64_t *clear)
{
    u_char     buf[NGX_HTTP_TOTP_NAME_MAX];
    uint64_t   generation;
    ngx_str_t  name;

    generation = ngx_http_totp_zone_generation(zone);

    if (*clear == generation) {
        return 0;
    }

    name = ngx_http_totp_store_name(buf, s->realm, s->user);

    if (ngx_http_totp_zone_revoked(zone, s, &name)) {
        *clear = TOTP_SEEN_NEVER;
        return 1;
    }

    *clear = generation;

    return 0;
}


static ngx_uint_t
ngx_http_totp_session_expired(const totp_session_t *s,
    ngx_http_totp_loc_conf_t *conf, uint64_t now)
{
    if (now >= s->expires) {
        return 1;
    }

    if (s->stage == TOTP_STAGE_PASSWORD) {
        return now >= s->issued + (uint64_t) conf->login_timeout;
    }

    return now >= s->issued + (uint64_t) conf->session_lifetime
           || now >= s->renewed + (uint64_t) conf->session_timeout;
}


/* Does the first factor still hold what the session began with? */

static ngx_http_totp_word_t
ngx_http_totp_session_known(const totp_session_t *s,
    ngx_http_totp_loc_conf_t *conf)
{
    ngx_str_t  user;

    if (conf->first == NULL) {
        /* a location without a first factor cannot tell: it knows nobody */
        return NGX_HTTP_TOTP_LOGIN_REQUIRED;
    }

    user.len = s->user.len;
    user.data = (u_char *) s->user.data;

    switch (ngx_http_totp_first_known(conf->first, &user, s->key, s->fp)) {

    case NGX_OK:
        return NGX_HTTP_TOTP_OK;

    case NGX_DECLINED:
        return NGX_HTTP_TOTP_EXPIRED;

    default: /* NGX_ERROR */
        return NGX_HTTP_TOTP_UNAVAILABLE;
    }
}


ngx_int_t
ngx_http_totp_session_id(uint8_t sid[TOTP_SID_LEN])
{
    return (RAND_bytes(sid, TOTP_SID_LEN) == 1) ? NGX_OK : NGX_ERROR;
}


ngx_str_t
ngx_http_totp_session_cookie(ngx_http_request_t *r,
    ngx_http_totp_loc_conf_t *conf, totp_session_t *s)
{
    int                         len;
    char                        buf[TOTP_COOKIE_MAX];
    ngx_str_t                   value, more;
    ngx_http_totp_main_conf_t  *mcf;

    mcf = ngx_http_totp_main_conf(r);

    ngx_str_null(&more);

    /*
     * The first key signs: a session of another one takes a fingerprint under
     * it, too.  Where the password has changed meanwhile it does not, and the
     * cookie that is sent then has expired already.
     */

    if (s->user.len && s->key != &mcf->keys->keys[0]
        && (conf->first == NULL
            || ngx_http_totp_first_rekey(conf->first, s, &mcf->keys->keys[0])
               == NGX_ERROR))
    {
        return more;
    }

    len = totp_session_encode(buf, s, mcf->keys);
    if (len < 0) {
        return more;
    }

    value.len = len;
    value.data = (u_char *) buf;

    return ngx_http_totp_session_line(r, conf, &value, &more);
}


ngx_str_t
ngx_http_totp_session_clear(ngx_http_request_t *r,
    ngx_http_totp_loc_conf_t *conf)
{
    ngx_str_t  value, more;

    ngx_str_null(&value);
    ngx_str_set(&more, "; Max-Age=0");

    return ngx_http_totp_session_line(r, conf, &value, &more);
}


static ngx_str_t
ngx_http_totp_session_line(ngx_http_request_t *r,
    ngx_http_totp_loc_conf_t *conf, ngx_str_t *value, ngx_str_t *more)
{
    u_char     *p;
    ngx_str_t   line;

    line.len = conf->cookie_name.len + 1 + value->len
               + conf->cookie_attrs.len + more->len;

    line.data = ngx_pnalloc(r->pool, line.len);
    if (line.data == NULL) {
        line.len = 0;
        return line;
    }

    p = ngx_cpymem(line.data, conf->cookie_name.data, conf->cookie_name.len);
    *p++ = '=';
    p = ngx_cpymem(p, value->data, value->len);
    p = ngx_cpymem(p, conf->cookie_attrs.data, conf->cookie_attrs.len);
    ngx_memcpy(p, more->data, more->len);

    return line;
}
