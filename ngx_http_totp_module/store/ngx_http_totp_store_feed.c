
#include "ngx_http_totp_op.h"
#include "ngx_http_totp_feed.h"
#include "totp_stream.h"

#include <openssl/rand.h>


static ngx_int_t ngx_http_totp_store_hello(void *data,
    const totp_resp_t *reply);
static ngx_uint_t ngx_http_totp_store_is_id(totp_str_t s);
static void ngx_http_totp_store_entry(void *data, uint64_t ms,
    const totp_resp_t *fields);
static void ngx_http_totp_store_heard(void *data, uint64_t redis_ms);


/* the feed is worker 0's */
static ngx_http_totp_feed_t       *ngx_http_totp_store_feed;
static ngx_http_totp_feed_conf_t   ngx_http_totp_store_feed_conf;
static u_char                      ngx_http_totp_store_fresh_id[
                                       NGX_HTTP_TOTP_STORE_ID_LEN];


ngx_int_t
ngx_http_totp_store_start(ngx_cycle_t *cycle, ngx_http_totp_main_conf_t *mcf)
{
    u_char                      random[NGX_HTTP_TOTP_STORE_ID_LEN / 2];
    u_char                     *p;
    ngx_str_t                  *prefix;
    ngx_http_totp_feed_conf_t  *fc;
    static ngx_str_t            store_key, stream_key;

    if (ngx_http_totp_op_start(cycle, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_worker != 0) {
        return NGX_OK;
    }

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return NGX_ERROR;
    }

    ngx_hex_dump(ngx_http_totp_store_fresh_id, random, sizeof(random));

    prefix = &mcf->redis.prefix;

    p = ngx_pnalloc(cycle->pool, 2 * prefix->len + sizeof("storerevoked") - 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    store_key.data = p;
    p = ngx_sprintf(p, "%Vstore", prefix);
    store_key.len = p - store_key.data;

    stream_key.data = p;
    p = ngx_sprintf(p, "%Vrevoked", prefix);
    stream_key.len = p - stream_key.data;

    fc = &ngx_http_totp_store_feed_conf;

    fc->stream = stream_key;
    fc->hello_argc = 6;
    fc->hello_argv = ngx_palloc(cycle->pool, 6 * sizeof(totp_str_t));
    if (fc->hello_argv == NULL) {
        return NGX_ERROR;
    }

    fc->hello_argv[0] = totp_str("EVAL", 4);
    fc->hello_argv[1] = ngx_http_totp_script_hello.source;
    fc->hello_argv[2] = totp_str("1", 1);
    fc->hello_argv[3] = ngx_http_totp_str(&store_key);
    fc->hello_argv[4] = totp_str("", 0);
    fc->hello_argv[5] = totp_str(ngx_http_totp_store_fresh_id,
                                 NGX_HTTP_TOTP_STORE_ID_LEN);

    p = ngx_http_totp_zone_store_id(mcf->zone);

    if (p) {
        /* a reload: we remember */
        fc->hello_argv[4] = totp_str(p, NGX_HTTP_TOTP_STORE_ID_LEN);
    }

    fc->hello = ngx_http_totp_store_hello;
    fc->entry = ngx_http_totp_store_entry;
    fc->heard = ngx_http_totp_store_heard;

    ngx_http_totp_store_feed = ngx_http_totp_feed_create(cycle, &mcf->redis,
                                                         fc);

    return ngx_http_totp_store_feed ? NGX_OK : NGX_ERROR;
}


void
ngx_http_totp_store_stop(void)
{
    if (ngx_http_totp_store_feed) {
        ngx_http_totp_feed_destroy(ngx_http_totp_store_feed);
        ngx_http_totp_store_feed = NULL;
    }

    ngx_http_totp_op_stop();
}


ngx_uint_t
ngx_http_totp_store_up(void)
{
    return ngx_http_totp_op_up();
}


/* The feed. */


static ngx_int_t
ngx_http_totp_store_hello(void *data, const totp_resp_t *reply)
{
    u_char             *id;
    totp_str_t          word, given;
    static ngx_uint_t   told;

    word = totp_resp_str(totp_resp_element(reply, 0));
    given = totp_resp_str(totp_resp_element(reply, 1));

    id = ngx_http_totp_zone_store_id(ngx_http_totp_op_mcf->zone);

    if (!totp_str_eq(word, totp_str("ok", 2))
        || !ngx_http_totp_store_is_id(given)
        || (id && ngx_memcmp(id, given.data, given.len) != 0))
    {
        if (totp_str_eq(word, totp_str("store", 5))) {
            ngx_http_totp_op_foreign();
        }

        if (totp_resp_type(reply) == TOTP_RESP_ERROR && !told) {
            told = 1;
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "totp: redis refuses the greeting script; does its "
                          "ACL allow EVAL and \"%V*\"?",
                          &ngx_http_totp_op_mcf->redis.prefix);
        }

        return NGX_ERROR;
    }

    told = 0;

    ngx_http_totp_zone_set_store_id(ngx_http_totp_op_mcf->zone, given.data);

    id = ngx_http_totp_zone_store_id(ngx_http_totp_op_mcf->zone);

    ngx_http_totp_store_feed_conf.hello_argv[4] =
                                     totp_str(id, NGX_HTTP_TOTP_STORE_ID_LEN);

    return NGX_OK;
}


/* As we make them: an operator pastes it into a shell. */

static ngx_uint_t
ngx_http_totp_store_is_id(totp_str_t s)
{
    size_t  i;

    for (i = 0; i < s.len; i++) {
        if (!((s.data[i] >= '0' && s.data[i] <= '9')
              || (s.data[i] >= 'a' && s.data[i] <= 'f')))
        {
            return 0;
        }
    }

    return s.len == NGX_HTTP_TOTP_STORE_ID_LEN;
}


static void
ngx_http_totp_store_entry(void *data, uint64_t ms, const totp_resp_t *fields)
{
    ngx_str_t        name;
    totp_revoked_t   revoked;
    ngx_shm_zone_t  *zone;

    zone = ngx_http_totp_op_mcf->zone;

    if (totp_stream_revoked(&revoked, fields) != 0) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "totp: an entry of the stream \"%V\" is not one of ours",
                      &ngx_http_totp_store_feed_conf.stream);
        return;
    }

    if (revoked.kind == TOTP_REVOKED_SESSION) {
        ngx_http_totp_zone_revoke_session(zone, revoked.sid, revoked.number,
                                          ms / 1000);
        return;
    }

    name.len = revoked.user.len;
    name.data = (u_char *) revoked.user.data;

    ngx_http_totp_zone_revoke_user(zone, &name, revoked.number,
                                   ms / 1000 + ngx_http_totp_op_mcf->keep,
                                   ms / 1000);
}


static void
ngx_http_totp_store_heard(void *data, uint64_t redis_ms)
{
    ngx_http_totp_zone_heard(ngx_http_totp_op_mcf->zone, redis_ms);
}
