/*
 * The feed: worker 0 of every node follows one Redis stream on a connection
 * of its own (XREAD BLOCK), and tells the layer above what stands in it.
 *
 * On every connection the stream is read whole again (in pages of 1000: it is
 * short, entries are idempotent, and a last id can lie after a failover),
 * then followed.  TIME goes with every read, so that "heard" also tells the
 * clock of Redis.
 */

#ifndef NGX_HTTP_TOTP_FEED_H
#define NGX_HTTP_TOTP_FEED_H

#include "ngx_http_totp_rconn.h"


#define NGX_HTTP_TOTP_FEED_BLOCK  1000      /* ms, the longest silence */


typedef struct {
    ngx_str_t     stream;           /* the key, with prefix */

    /* What to ask first on each connection; the store's greeting. */
    int           hello_argc;
    totp_str_t   *hello_argv;

    /*
     * Its answer (never NULL; may be an error reply).  NGX_OK: go on; else the
     * connection is dropped and tried again after a back-off.
     */
    ngx_int_t   (*hello)(void *data, const totp_resp_t *reply);

    /* One entry: the milliseconds of its id; fields are name, value, ... */
    void        (*entry)(void *data, uint64_t ms, const totp_resp_t *fields);

    /*
     * After every answered read, from the stream's end on (not before: what
     * was heard until then is not all there is): Redis' TIME, unix milliseconds.
     */
    void        (*heard)(void *data, uint64_t redis_ms);

    void         *data;
} ngx_http_totp_feed_conf_t;


typedef struct ngx_http_totp_feed_s  ngx_http_totp_feed_t;


/*
 * Both configurations must outlive the feed.  NULL when out of memory.  A
 * callback may not destroy it.  A worker that quits gracefully is not held up
 * by it: the feed ends then.
 */
ngx_http_totp_feed_t *ngx_http_totp_feed_create(ngx_cycle_t *cycle,
    ngx_http_totp_redis_conf_t *redis, ngx_http_totp_feed_conf_t *conf);
void ngx_http_totp_feed_destroy(ngx_http_totp_feed_t *feed);


#endif /* NGX_HTTP_TOTP_FEED_H */
