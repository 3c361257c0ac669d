
#include "ngx_http_totp_gate.h"
#include "ngx_http_totp_deny.h"
#include "ngx_http_totp_renew.h"
#include "ngx_http_totp_zone.h"
#include "ngx_http_totp_feed.h"


/* how often a request that waits looks again: milliseconds */
#define NGX_HTTP_TOTP_GATE_LOOK  20


static ngx_int_t ngx_http_totp_gate_ready(ngx_http_request_t *r,
    ngx_http_totp_ctx_t *ctx);
static ngx_int_t ngx_http_totp_gate_wait(ngx_http_request_t *r,
    ngx_http_totp_ctx_t *ctx);
static ngx_uint_t ngx_http_totp_gate_hope(ngx_http_totp_ctx_t *ctx,
    ngx_http_totp_main_conf_t *mcf);
static void ngx_http_totp_gate_wait_handler(ngx_event_t *ev);
static void ngx_http_totp_gate_forget(void *data);
static ngx_http_totp_word_t ngx_http_totp_gate_judge(ngx_http_request_t *r,
    ngx_http_totp_ctx_t *ctx, ngx_http_totp_loc_conf_t *conf);
static ngx_uint_t ngx_http_totp_gate_offline(ngx_http_totp_main_conf_t *mcf);


/* when the configuration was read, the workers' start but for an instant */
static ngx_msec_t  ngx_http_totp_gate_started;


ngx_int_t
ngx_http_totp_gate_filter_init(ngx_conf_t *cf)
{
    ngx_http_totp_gate_started = ngx_current_msec;

    ngx_http_totp_renew_init();

    return NGX_OK;
}


ngx_int_t
ngx_http_totp_gate_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_http_totp_ctx_t       *ctx;
    ngx_http_totp_word_t       word;
    ngx_http_totp_loc_conf_t  *conf;

    conf = ngx_http_totp_loc_conf(r);
    ctx = ngx_http_totp_ctx_find(r);

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "totp gate: %ui, portal: %ui", conf->gate, conf->portal);

    if (ctx) {
        /* what a variable has found out earlier may be old by now */
        ctx->conf = NULL;
        ctx->passed = NULL;
        ctx->renew = 0;
        ctx->blind = 0;
        ctx->error = NGX_HTTP_TOTP_OK;
    }

    if (conf->gate == NGX_HTTP_TOTP_GATE_OFF && !conf->portal) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_totp_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_totp_gate_ready(r, ctx);

    if (rc == NGX_AGAIN || rc == NGX_HTTP_INTERNAL_SERVER_ERROR) {
        return rc;
    }

    if (conf->portal) {
        return NGX_DECLINED;
    }

    word = (rc == NGX_OK) ? ngx_http_totp_gate_judge(r, ctx, conf)
                          : NGX_HTTP_TOTP_UNAVAILABLE;

    if (word != NGX_HTTP_TOTP_OK) {
        return ngx_http_totp_deny(r, ctx, conf, word);
    }

    ctx->passed = conf;

    return NGX_OK;
}


/*
 * Before the revocations have been read once nobody can be judged.  NGX_OK:
 * they have; NGX_AGAIN: they will be; NGX_DECLINED: they will not.
 */

static ngx_int_t
ngx_http_totp_gate_ready(ngx_http_request_t *r, ngx_http_totp_ctx_t *ctx)
{
    ngx_int_t                   rc;
    ngx_http_totp_main_conf_t  *mcf;

    mcf = ngx_http_totp_main_conf(r);

    if (ngx_http_totp_zone_ready(mcf->zone)) {
        rc = NGX_OK;

    } else if (ngx_http_totp_gate_hope(ctx, mcf)) {
        return ngx_http_totp_gate_wait(r, ctx);

    } else {
        rc = NGX_DECLINED;
    }

    if (r->read_event_handler == ngx_http_test_reading) {

        ngx_http_totp_gate_forget(ctx);

        if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        r->read_event_handler = ngx_http_block_reading;
    }

    return rc;
}


/*
 * The phase comes here again by the timer, but also by any write event: what
 * is under way is left as it is.
 */

static ngx_int_t
ngx_http_totp_gate_wait(ngx_http_request_t *r, ngx_http_totp_ctx_t *ctx)
{
    ngx_connection_t           *c;
    ngx_http_cleanup_t         *cln;
    ngx_http_totp_main_conf_t  *mcf;

    if (ctx->wait.timer_set) {
        return NGX_AGAIN;
    }

    c = r->connection;

    if (ctx->request == NULL) {

        cln = ngx_http_cleanup_add(r, 0);
        if (cln == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        cln->handler = ngx_http_totp_gate_forget;
        cln->data = ctx;

        mcf = ngx_http_totp_main_conf(r);

        ctx->request = r;
        ctx->wait_until = ngx_current_msec + mcf->redis.timeout;

        ctx->wait.handler = ngx_http_totp_gate_wait_handler;
        ctx->wait.data = ctx;
        ctx->wait.log = c->log;
    }

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "totp gate: waiting for the revocations");

    /* so that a client that goes away is noticed */

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);

    } else if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->read_event_handler = ngx_http_test_reading;

    ngx_add_timer(&ctx->wait, NGX_HTTP_TOTP_GATE_LOOK);

    return NGX_AGAIN;
}


/* Redis answers, or may just not have done so yet; and there is time left. */

static ngx_uint_t
ngx_http_totp_gate_hope(ngx_http_totp_ctx_t *ctx,
    ngx_http_totp_main_conf_t *mcf)
{
    if (ctx->request
        && (ngx_msec_int_t) (ngx_current_msec - ctx->wait_until) >= 0)
    {
        return 0;
    }

    return ngx_http_totp_store_up()
           || ngx_current_msec - ngx_http_totp_gate_started
              < mcf->redis.connect_timeout;
}


static void
ngx_http_totp_gate_wait_handler(ngx_event_t *ev)
{
    ngx_connection_t           *c;
    ngx_http_request_t         *r;
    ngx_http_totp_ctx_t        *ctx;
    ngx_http_totp_main_conf_t  *mcf;

    ctx = ev->data;
    r = ctx->request;
    c = r->connection;

    ev->timedout = 0;

    mcf = ngx_http_totp_main_conf(r);

    if (!ngx_http_totp_zone_ready(mcf->zone)
        && ngx_http_totp_gate_hope(ctx, mcf))
    {
        ngx_add_timer(ev, NGX_HTTP_TOTP_GATE_LOOK);
        return;
    }

    ngx_http_set_log_request(c->log, r);

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, c->log, 0, "totp gate: going on");

    ngx_http_core_run_phases(r);

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_totp_gate_forget(void *data)
{
    ngx_http_totp_ctx_t *ctx = data;

    if (ctx->wait.timer_set) {
        ngx_del_timer(&ctx->wait);
    }
}


static ngx_http_totp_word_t
ngx_http_totp_gate_judge(ngx_http_request_t *r, ngx_http_totp_ctx_t *ctx,
    ngx_http_totp_loc_conf_t *conf)
{
    uint64_t                    now;
    totp_session_t             *s;
    ngx_http_totp_word_t        word;
    ngx_http_totp_main_conf_t  *mcf;

    word = ngx_http_totp_session_find(r, ctx, conf);
    if (word != NGX_HTTP_TOTP_OK) {
        return word;
    }

    s = &ctx->session;

    if (s->stage != TOTP_STAGE_FULL) {
        return (s->stage == TOTP_STAGE_PASSWORD) ? NGX_HTTP_TOTP_CODE_REQUIRED
                                                 : NGX_HTTP_TOTP_LOGIN_REQUIRED;
    }

    mcf = ngx_http_totp_main_conf(r);

    if (ngx_http_totp_gate_offline(mcf)) {
        return NGX_HTTP_TOTP_UNAVAILABLE;
    }

    if (s->method == TOTP_METHOD_NONE
        && conf->gate != NGX_HTTP_TOTP_GATE_OPTIONAL)
    {
        return NGX_HTTP_TOTP_SETUP_REQUIRED;
    }

    now = ngx_http_totp_zone_now(mcf->zone);

    ctx->renew = (now >= s->renewed + (uint64_t) conf->session_timeout
                                      / NGX_HTTP_TOTP_RENEW_PART);

    return NGX_HTTP_TOTP_OK;
}


/*
 * Has nothing been heard of revocations for too long?  A feed at rest is
 * silent for NGX_HTTP_TOTP_FEED_BLOCK between two answers.
 */

static ngx_uint_t
ngx_http_totp_gate_offline(ngx_http_totp_main_conf_t *mcf)
{
    return ngx_http_totp_zone_silence(mcf->zone)
           > (ngx_msec_t) ngx_max(mcf->offline, 1) * 1000
             + NGX_HTTP_TOTP_FEED_BLOCK;
}


/*
 * nginx asks for a variable twice, for its length and for its bytes, while
 * another worker may hear of revocations: "no" stays "no", or the bytes would
 * be more than there is room for.
 */

ngx_uint_t
ngx_http_totp_gate_passed(ngx_http_request_t *r, ngx_http_totp_ctx_t *ctx)
{
    ngx_http_totp_loc_conf_t   *conf;
    ngx_http_totp_main_conf_t  *mcf;

    conf = ngx_http_totp_loc_conf(r);

    if (conf->gate == NGX_HTTP_TOTP_GATE_OFF || conf->portal) {

        /* off, but a name that cannot be verified any more is no name */

        mcf = ngx_http_totp_main_conf(r);

        if (mcf->zone == NULL
            || !ngx_http_totp_zone_ready(mcf->zone)
            || ngx_http_totp_gate_offline(mcf))
        {
            ctx->blind = 1;
        }

        return !ctx->blind;
    }

    if (ctx->passed == NULL) {
        return 0;
    }

    if (ctx->passed == conf) {
        return 1;
    }

    /*
     * nginx has no access phase for subrequests: theirs is the name that the
     * main request went through with, where names mean the same people
     */

    return r != r->main
           && totp_str_eq(ngx_http_totp_str(&ctx->passed->realm),
                          ngx_http_totp_str(&conf->realm));
}
