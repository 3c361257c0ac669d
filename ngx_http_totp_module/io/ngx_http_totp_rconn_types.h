/*
 * Where Redis is, and the words of a connection to it.
 */

#ifndef NGX_HTTP_TOTP_RCONN_TYPES_H
#define NGX_HTTP_TOTP_RCONN_TYPES_H

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
 * Called once for each command, never before the call that sent it has
 * returned.  reply is NULL when there is none: the connection
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


#endif /* NGX_HTTP_TOTP_RCONN_TYPES_H */
