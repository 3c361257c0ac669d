/*
 * One question at a time: the greeting, then XRANGE page by page, then XREAD
 * BLOCK for ever.
 *
 * A TIME goes out behind every page and every XREAD, in the same send.  Redis
 * does not look at it before the XREAD ahead has been answered: so its reply
 * proves that Redis was alive after the wait, and its clock is as fresh as can
 * be when it arrives; ahead of the XREAD it would be a second old.
 *
 * All commands are bound to their connection: after a loss everything begins
 * anew.  They are background commands: a worker that quits waits for none.
 */

#include "ngx_http_totp_feed.h"

#include "totp_stream.h"


#define NGX_HTTP_TOTP_FEED_PAGE  1000

#define NGX_HTTP_TOTP_FEED_ID_LEN  (2 * NGX_INT64_LEN + 1)


struct ngx_http_totp_feed_s {
    ngx_http_totp_rconn_t       *rc;
    ngx_http_totp_redis_conf_t  *redis;
    ngx_http_totp_feed_conf_t   *conf;
    ngx_log_t                   *log;

    uint64_t                     ms;        /* the last id seen */
    uint64_t                     seq;
    ngx_msec_t                   asked;     /* the last XREAD */
    unsigned                     seen:1;    /* there is one */
    unsigned                     complete:1;  /* read to its end */
};


static void ngx_http_totp_feed_state(void *data, ngx_uint_t up);
static void ngx_http_totp_feed_hello_done(void *data,
    const totp_resp_t *reply);
static void ngx_http_totp_feed_page(ngx_http_totp_feed_t *feed);
static void ngx_http_totp_feed_page_done(void *data,
    const totp_resp_t *reply);
static void ngx_http_totp_feed_follow(ngx_http_totp_feed_t *feed);
static void ngx_http_totp_feed_follow_done(void *data,
    const totp_resp_t *reply);
static void ngx_http_totp_feed_time(ngx_http_totp_feed_t *feed,
    ngx_msec_t timeout);
static void ngx_http_totp_feed_time_done(void *data,
    const totp_resp_t *reply);
static ngx_int_t ngx_http_totp_feed_entries(ngx_http_totp_feed_t *feed,
    const totp_resp_t *entries);
static ngx_int_t ngx_http_totp_feed_entry(ngx_http_totp_feed_t *feed,
    const totp_resp_t *entry);
static ngx_int_t ngx_http_totp_feed_send(ngx_http_totp_feed_t *feed, int argc,
    const totp_str_t *argv, ngx_msec_t timeout,
    ngx_http_totp_rconn_done_pt done);
static ngx_uint_t ngx_http_totp_feed_failed(ngx_http_totp_feed_t *feed,
    const totp_resp_t *reply);


ngx_http_totp_feed_t *
ngx_http_totp_feed_create(ngx_cycle_t *cycle,
    ngx_http_totp_redis_conf_t *redis, ngx_http_totp_feed_conf_t *conf)
{
    ngx_http_totp_feed_t  *feed;

    feed = ngx_calloc(sizeof(ngx_http_totp_feed_t), cycle->log);
    if (feed == NULL) {
        return NULL;
    }

    feed->redis = redis;
    feed->conf = conf;
    feed->log = cycle->log;

    feed->rc = ngx_http_totp_rconn_create(cycle, redis,
                                          ngx_http_totp_feed_state, feed);
    if (feed->rc == NULL) {
        ngx_free(feed);
        return NULL;
    }

    ngx_http_totp_rconn_start(feed->rc);

    return feed;
}


void
ngx_http_totp_feed_destroy(ngx_http_totp_feed_t *feed)
{
    ngx_http_totp_rconn_destroy(feed->rc);
    ngx_free(feed);
}


static void
ngx_http_totp_feed_state(void *data, ngx_uint_t up)
{
    ngx_http_totp_feed_t  *feed;

    feed = data;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, feed->log, 0,
                   "totp feed state:%ui", up);

    feed->ms = 0;
    feed->seq = 0;
    feed->seen = 0;
    feed->complete = 0;

    if (up) {
        (void) ngx_http_totp_feed_send(feed, feed->conf->hello_argc,
                                       feed->conf->hello_argv, 0,
                                       ngx_http_totp_feed_hello_done);
    }
}


static void
ngx_http_totp_feed_hello_done(void *data, const totp_resp_t *reply)
{
    ngx_http_totp_feed_t  *feed;

    feed = data;

    if (reply == NULL) {
        return;
    }

    if (feed->conf->hello(feed->conf->data, reply) != NGX_OK) {
        ngx_http_totp_rconn_drop_error(feed->rc, "the feed cannot begin",
                                       totp_resp_type(reply) == TOTP_RESP_ERROR
                                       ? reply : NULL);
        return;
    }

    ngx_http_totp_feed_page(feed);
}


static void
ngx_http_totp_feed_page(ngx_http_totp_feed_t *feed)
{
    u_char      start[NGX_HTTP_TOTP_FEED_ID_LEN], count[NGX_INT_T_LEN];
    uint64_t    ms, seq;
    totp_str_t  argv[6];

    argv[0] = totp_str("XRANGE", 6);
    argv[1] = totp_str(feed->conf->stream.data, feed->conf->stream.len);
    argv[2] = totp_str("-", 1);
    argv[3] = totp_str("+", 1);
    argv[4] = totp_str("COUNT", 5);
    argv[5] = totp_str(count, ngx_sprintf(count, "%d",
                                          NGX_HTTP_TOTP_FEED_PAGE) - count);

    if (feed->seen) {

        /* the next id there can be: Redis before 6.2 knows no "(" */

        ms = feed->ms;
        seq = feed->seq + 1;

        if (seq == 0) {
            ms++;
        }

        argv[2] = totp_str(start, ngx_sprintf(start, "%uL-%uL", ms, seq)
                                  - start);
    }

    if (ngx_http_totp_feed_send(feed, 6, argv, 0, ngx_http_totp_feed_page_done)
        == NGX_OK)
    {
        ngx_http_totp_feed_time(feed, 0);
    }
}


static void
ngx_http_totp_feed_page_done(void *data, const totp_resp_t *reply)
{
    ngx_http_totp_feed_t  *feed;

    feed = data;

    if (ngx_http_totp_feed_failed(feed, reply)) {
        return;
    }

    if (totp_resp_type(reply) != TOTP_RESP_ARRAY
        || ngx_http_totp_feed_entries(feed, reply) != NGX_OK)
    {
        ngx_http_totp_rconn_drop(feed->rc, "the feed's stream is damaged");
        return;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, feed->log, 0,
                   "totp feed page of %uz", totp_resp_elements(reply));

    if (totp_resp_elements(reply) < NGX_HTTP_TOTP_FEED_PAGE) {
        feed->complete = 1;
    }
}


static void
ngx_http_totp_feed_follow(ngx_http_totp_feed_t *feed)
{
    u_char      last[NGX_HTTP_TOTP_FEED_ID_LEN], block[NGX_INT_T_LEN],
                count[NGX_INT_T_LEN];
    totp_str_t  argv[8];
    ngx_msec_t  timeout;

    argv[0] = totp_str("XREAD", 5);
    argv[1] = totp_str("COUNT", 5);
    argv[2] = totp_str(count, ngx_sprintf(count, "%d",
                                          NGX_HTTP_TOTP_FEED_PAGE) - count);
    argv[3] = totp_str("BLOCK", 5);
    argv[4] = totp_str(block, ngx_sprintf(block, "%d",
                                          NGX_HTTP_TOTP_FEED_BLOCK) - block);
    argv[5] = totp_str("STREAMS", 7);
    argv[6] = totp_str(feed->conf->stream.data, feed->conf->stream.len);
    argv[7] = totp_str(last, ngx_sprintf(last, "%uL-%uL", feed->ms, feed->seq)
                             - last);

    timeout = NGX_HTTP_TOTP_FEED_BLOCK + feed->redis->timeout;
    feed->asked = ngx_current_msec;

    if (ngx_http_totp_feed_send(feed, 8, argv, timeout,
                                ngx_http_totp_feed_follow_done)
        == NGX_OK)
    {
        ngx_http_totp_feed_time(feed, timeout);
    }
}


/* nil where nothing came, or [[key, entries]]. */

static void
ngx_http_totp_feed_follow_done(void *data, const totp_resp_t *reply)
{
    totp_str_t             stream;
    const totp_resp_t     *pair;
    ngx_http_totp_feed_t  *feed;

    feed = data;

    if (ngx_http_totp_feed_failed(feed, reply)) {
        return;
    }

    if (totp_resp_type(reply) == TOTP_RESP_NIL) {

        /* else we would ask without a pause */

        if (ngx_current_msec - feed->asked < NGX_HTTP_TOTP_FEED_BLOCK / 2) {
            ngx_http_totp_rconn_drop(feed->rc, "XREAD does not wait");
        }

        return;
    }

    pair = totp_resp_element(reply, 0);
    stream = totp_str(feed->conf->stream.data, feed->conf->stream.len);

    if (totp_resp_elements(reply) != 1
        || totp_resp_elements(pair) != 2
        || !totp_str_eq(totp_resp_str(totp_resp_element(pair, 0)), stream)
        || totp_resp_elements(totp_resp_element(pair, 1)) == 0
        || ngx_http_totp_feed_entries(feed, totp_resp_element(pair, 1))
           != NGX_OK)
    {
        ngx_http_totp_rconn_drop(feed->rc, "the feed's stream is damaged");
    }
}


static void
ngx_http_totp_feed_time(ngx_http_totp_feed_t *feed, ngx_msec_t timeout)
{
    totp_str_t  argv[1];

    argv[0] = totp_str("TIME", 4);

    (void) ngx_http_totp_feed_send(feed, 1, argv, timeout,
                                   ngx_http_totp_feed_time_done);
}


static void
ngx_http_totp_feed_time_done(void *data, const totp_resp_t *reply)
{
    int                    ok, ok_usec;
    int64_t                sec, usec;
    ngx_http_totp_feed_t  *feed;

    feed = data;

    if (ngx_http_totp_feed_failed(feed, reply)) {
        return;
    }

    sec = totp_resp_int(totp_resp_element(reply, 0), &ok);
    usec = totp_resp_int(totp_resp_element(reply, 1), &ok_usec);

    if (totp_resp_elements(reply) != 2 || !ok || !ok_usec
        || totp_resp_type(totp_resp_element(reply, 0)) != TOTP_RESP_STRING
        || totp_resp_type(totp_resp_element(reply, 1)) != TOTP_RESP_STRING
        || sec < 0 || sec > INT64_MAX / 1000 - 1
        || usec < 0 || usec > 999999)
    {
        ngx_http_totp_rconn_drop(feed->rc, "TIME is not one");
        return;
    }

    /* before, what is heard is not yet all there is */

    if (!feed->complete) {
        ngx_http_totp_feed_page(feed);
        return;
    }

    feed->conf->heard(feed->conf->data,
                      (uint64_t) sec * 1000 + (uint64_t) usec / 1000);

    ngx_http_totp_feed_follow(feed);
}


static ngx_int_t
ngx_http_totp_feed_entries(ngx_http_totp_feed_t *feed,
    const totp_resp_t *entries)
{
    size_t  i;

    for (i = 0; i < totp_resp_elements(entries); i++) {
        if (ngx_http_totp_feed_entry(feed, totp_resp_element(entries, i))
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_totp_feed_entry(ngx_http_totp_feed_t *feed, const totp_resp_t *entry)
{
    totp_stream_entry_t  e;

    if (totp_stream_entry(&e, entry) != 0) {
        return NGX_ERROR;
    }

    /* else pages could go on for ever */

    if (e.ms < feed->ms || (e.ms == feed->ms && e.seq <= feed->seq)) {
        return NGX_ERROR;
    }

    feed->ms = e.ms;
    feed->seq = e.seq;
    feed->seen = 1;

    feed->conf->entry(feed->conf->data, e.ms, e.fields);

    return NGX_OK;
}


/* A feed that cannot ask would stand still: it begins anew instead. */

static ngx_int_t
ngx_http_totp_feed_send(ngx_http_totp_feed_t *feed, int argc,
    const totp_str_t *argv, ngx_msec_t timeout,
    ngx_http_totp_rconn_done_pt done)
{
    if (ngx_http_totp_rconn_send(feed->rc, argc, argv,
                                 NGX_HTTP_TOTP_RCMD_BOUND
                                 |NGX_HTTP_TOTP_RCMD_BACKGROUND,
                                 timeout, done, feed)
        == NULL)
    {
        ngx_http_totp_rconn_drop(feed->rc, "the feed cannot send");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_totp_feed_failed(ngx_http_totp_feed_t *feed, const totp_resp_t *reply)
{
    /* the connection's loss; its state function will hear of the next one */

    if (reply == NULL) {
        return 1;
    }

    if (totp_resp_type(reply) == TOTP_RESP_ERROR) {
        ngx_http_totp_rconn_drop_error(feed->rc, "the feed was refused", reply);
        return 1;
    }

    return 0;
}
