/*
 * One connection to Redis: nginx's connection, events, timers and log; RESP
 * by totp_resp.  Commands of one turn of the event loop leave in one send,
 * replies are matched in order.
 *
 * A command belongs to the connection, not to a request: who asked may go
 * away (ngx_http_totp_call_forget), the reply keeps its place.
 */

#ifndef NGX_HTTP_TOTP_RCONN_H
#define NGX_HTTP_TOTP_RCONN_H

#include "ngx_http_totp_rconn_types.h"


/*
 * A connection object for the life of the worker; NULL when out of memory.
 * It logs to cycle->log and never holds a request.  state may be NULL.  conf
 * must outlive it.
 *
 * A quitting worker is held up as long as somebody waits for a reply, and no
 * longer than that command's deadline.
 */
ngx_http_totp_rconn_t *ngx_http_totp_rconn_create(ngx_cycle_t *cycle,
    ngx_http_totp_redis_conf_t *conf, ngx_http_totp_rconn_state_pt state,
    void *data);

/*
 * Connects unless connected or waiting out a back-off (50 ms doubling to 5 s,
 * with jitter); goes on trying by itself from then on, so that a lost
 * connection comes back without a request having to fail.  A quitting worker
 * connects only for those who send.
 */
void ngx_http_totp_rconn_start(ngx_http_totp_rconn_t *rc);

/*
 * Queues a command; timeout 0 means the configured one.  Returns a handle for
 * _background, valid until done is called, or NULL (down and in back-off,
 * queue full, out of memory, bound and not up): then done is never called.
 * Without a done nobody waits for the reply.
 *
 * While connecting, commands wait in the queue under their own deadline, and
 * none is sent before the greeting (AUTH, SELECT) has been answered.  Where a
 * connection that was of use dies, the next one is made at once and takes over
 * reads, and writes none of whose bytes was sent; a write that was sent, wholly
 * or in part, fails.  A deadline is kept for the oldest command: one with a
 * shorter time behind one with a longer waits for that.
 */
ngx_http_totp_rcmd_t *ngx_http_totp_rconn_send(ngx_http_totp_rconn_t *rc,
    int argc, const totp_str_t *argv, ngx_uint_t flags, ngx_msec_t timeout,
    ngx_http_totp_rconn_done_pt done, void *data);

/* From here on as if sent in the BACKGROUND: done will still be called. */
void ngx_http_totp_rconn_background(ngx_http_totp_rcmd_t *cmd);

/*
 * Drops the connection because its order or its data cannot be trusted; every
 * waiting command fails, back-off begins.  Nothing happens unless it is up.
 * why goes to the log, and what may be told of the error reply, if that is not
 * NULL; a static text, since the same reason is not logged over and over.
 */
void ngx_http_totp_rconn_drop(ngx_http_totp_rconn_t *rc, const char *why);
void ngx_http_totp_rconn_drop_error(ngx_http_totp_rconn_t *rc,
    const char *why, const totp_resp_t *error);

/*
 * At the worker's end, not from a callback; fails what waits without calling
 * anybody.
 */
void ngx_http_totp_rconn_destroy(ngx_http_totp_rconn_t *rc);

ngx_uint_t ngx_http_totp_rconn_up(ngx_http_totp_rconn_t *rc);


#endif /* NGX_HTTP_TOTP_RCONN_H */
