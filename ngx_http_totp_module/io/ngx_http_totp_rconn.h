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
    ngx_addr_t    *addrs;           /* resolved at configuration time */
    ngx_uint_t     naddrs;
    ngx_str_t      user;            /* empty: none */
    ngx_str_t      password;        /* empty: none; never logged */
    ngx_int_t      db;              /* 0: no SELECT */
    ngx_str_t      prefix;          /* of every key */
    ngx_msec_t     connect_timeout;
    ngx_msec_t     timeout;         /* from sending to the reply */
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

/* up: authenticated and usable (1), or lost (0). */
typedef void (*ngx_http_totp_rconn_state_pt)(void *data, ngx_uint_t up);


/* flags of a command */
#define NGX_HTTP_TOTP_RCMD_READ  0x01   /* changes nothing: may be sent once
                                           more on a fresh connection */


/*
 * A connection object for the life of the worker; NULL when out of memory.
 * It logs to cycle->log and never holds a request.  state may be NULL.
 */
ngx_http_totp_rconn_t *ngx_http_totp_rconn_create(ngx_cycle_t *cycle,
    ngx_http_totp_redis_conf_t *conf, ngx_http_totp_rconn_state_pt state,
    void *data);

/*
 * Connects unless connected or waiting out a back-off (50 ms doubling to 5 s,
 * with jitter); goes on trying by itself from then on, so that a lost
 * connection comes back without a request having to fail.
 */
void ngx_http_totp_rconn_start(ngx_http_totp_rconn_t *rc);

/*
 * Queues a command; timeout 0 means the configured one.  Returns a handle for
 * _forget that is valid until done is called, or NULL (down and in back-off,
 * queue full, out of memory): then done is never called.
 *
 * While connecting, commands wait in the queue under their own deadline.  A
 * write none of whose bytes was sent is sent on the next connection; one that
 * was sent in part fails.
 */
ngx_http_totp_rcmd_t *ngx_http_totp_rconn_send(ngx_http_totp_rconn_t *rc,
    int argc, const totp_str_t *argv, ngx_uint_t flags, ngx_msec_t timeout,
    ngx_http_totp_rconn_done_pt done, void *data);

void ngx_http_totp_rconn_forget(ngx_http_totp_rcmd_t *cmd);

/*
 * Drops the connection because its order or its data cannot be trusted; every
 * waiting command fails, back-off begins.  why goes to the log.
 */
void ngx_http_totp_rconn_drop(ngx_http_totp_rconn_t *rc, const char *why);

/* At the worker's end; fails what waits without calling anybody. */
void ngx_http_totp_rconn_destroy(ngx_http_totp_rconn_t *rc);

ngx_uint_t ngx_http_totp_rconn_up(ngx_http_totp_rconn_t *rc);


#endif /* NGX_HTTP_TOTP_RCONN_H */
