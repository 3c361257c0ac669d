/*
 * One connection to Redis: nginx's connection, events, timers and log; RESP
 * by totp_resp.  Commands of one turn of the event loop leave in one send,
 * replies are matched in order.
 *
 * A command belongs to the connection, not to a request: who asked may go
 * away (_forget), the reply keeps its place and is dropped.
 */

#ifndef NGX_HTTP_TOTP_RCONN_H
#define NGX_HTTP_TOTP_RCONN_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>

#include "totp_resp.h"


typedef struct {
    ngx_str_t      text;            /* the address as configured, for logs */
    ngx_addr_t    *addrs;           /* resolved at configuration time; tried
                                       in turn, at least one */
    ngx_uint_t     naddrs;
    ngx_str_t      user;            /* empty: none */
    ngx_str_t      password;        /* empty: none; never logged */
    ngx_int_t      db;              /* 0: no SELECT */
    ngx_str_t      prefix;          /* of every key */
    ngx_msec_t     connect_timeout;
    ngx_msec_t     timeout;         /* from _send to the reply */
} ngx_http_totp_redis_conf_t;


typedef struct ngx_http_totp_rconn_s  ngx_http_totp_rconn_t;
typedef struct ngx_http_totp_rcmd_s   ngx_http_totp_rcmd_t;


/*
 * Called once for each command that was not forgotten, never before the call
 * that sent it has returned.  reply is NULL when there is none: the connection
 * is down, died, timed out, or spoke nonsense.  It is freed after the call.
 */
typedef void (*ngx_http_totp_rconn_done_pt)(void *data,
    const totp_resp_t *reply);

/*
 * up: authenticated and usable (1), or lost (0).  Both from the event loop,
 * never from within a call of this interface; the commands of a lost
 * connection fail between "lost" and the next "up".
 */
typedef void (*ngx_http_totp_rconn_state_pt)(void *data, ngx_uint_t up);


/* Flags of a command: it */
#define NGX_HTTP_TOTP_RCMD_READ        0x01  /* changes nothing: may be sent
                                                once more, on a fresh
                                                connection */
#define NGX_HTTP_TOTP_RCMD_BOUND       0x02  /* has a meaning on the connection
                                                that is up now, and on none
                                                after it */
#define NGX_HTTP_TOTP_RCMD_BACKGROUND  0x04  /* does not hold up a worker that
                                                is quitting */


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
 * _forget that is valid until done is called, or NULL (down and in back-off,
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

/* done will not be called; the command itself goes its way. */
void ngx_http_totp_rconn_forget(ngx_http_totp_rcmd_t *cmd);

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

/*
 * What a log may tell of an error reply: its first word ("ERR" where that is
 * not a word in capitals), a view into the reply, and a hint for the operator
 * ("" where there is none).  Never more: Redis quotes arguments in its errors.
 */
const char *ngx_http_totp_rconn_hint(const totp_resp_t *error,
    ngx_str_t *word);


#endif /* NGX_HTTP_TOTP_RCONN_H */
