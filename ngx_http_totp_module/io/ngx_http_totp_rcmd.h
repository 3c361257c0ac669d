/*
 * A command of a connection, and the queues it stands in.  For the files of
 * the connection alone.
 *
 * pending -> (sent) -> waiting -> (reply) -> done; greeting stands in front of
 * them while a connection begins, failed holds those whose done is still to be
 * called by the posted event.
 */

#ifndef NGX_HTTP_TOTP_RCMD_H
#define NGX_HTTP_TOTP_RCMD_H

#include "ngx_http_totp_rconn_types.h"


#define NGX_HTTP_TOTP_RCONN_BUFFER        16384     /* bytes of one recv() */


typedef enum {
    ngx_http_totp_rconn_down = 0,
    ngx_http_totp_rconn_backoff,
    ngx_http_totp_rconn_connecting,
    ngx_http_totp_rconn_greeting,
    ngx_http_totp_rconn_is_up
} ngx_http_totp_rconn_state_e;


typedef enum {
    ngx_http_totp_rcmd_user = 0,
    ngx_http_totp_rcmd_auth,
    ngx_http_totp_rcmd_select,
    ngx_http_totp_rcmd_hello,       /* the PING that ends the greeting */
    ngx_http_totp_rcmd_heartbeat
} ngx_http_totp_rcmd_kind_e;


struct ngx_http_totp_rcmd_s {
    ngx_queue_t                    queue;
    ngx_http_totp_rconn_t         *rc;
    ngx_http_totp_rcmd_kind_e      kind;
    char                          *bytes;   /* NULL where no longer needed */
    size_t                         len;
    size_t                         sent;
    ngx_msec_t                     created;
    ngx_msec_t                     deadline;
    ngx_http_totp_rconn_done_pt    done;
    void                          *data;
    unsigned                       read:1;
    unsigned                       bound:1;
    unsigned                       live:1;  /* somebody waits */
    unsigned                       resent:1;
};


struct ngx_http_totp_rconn_s {
    ngx_connection_t              *connection;
    ngx_http_totp_redis_conf_t    *conf;
    totp_resp_reader_t            *reader;

    /* where debug logs of timers look for ngx_connection_t's fd */
    ngx_socket_t                   ident;

    ngx_http_totp_rconn_state_e    state;

    ngx_queue_t                    greeting;
    ngx_queue_t                    pending;
    ngx_queue_t                    waiting;
    ngx_queue_t                    failed;
    ngx_uint_t                     count;   /* in all of these */
    ngx_uint_t                     live;
    size_t                         bytes;

    ngx_event_t                    timer;   /* of the state */
    ngx_event_t                    deadline;
    ngx_event_t                    posted;

    ngx_uint_t                     epoch;   /* connections closed so far */
    ngx_uint_t                     addr;
    ngx_uint_t                     tried;   /* addresses in this attempt */
    ngx_uint_t                     failures;    /* attempts in a row */
    ngx_msec_t                     since;   /* up */
    ngx_msec_t                     heard;

    ngx_http_totp_rconn_state_pt   change;
    void                          *data;

    ngx_log_t                     *log;
    ngx_log_t                      quiet;   /* for nginx's own lines about
                                               connect(): one each attempt */
    ngx_uint_t                     logged;  /* key of the last complaint */
    time_t                         full_logged;

    unsigned                       connect_due:1;
    unsigned                       lost_due:1;
    unsigned                       served:1;    /* a command succeeded */
    unsigned                       dropped:1;   /* by _drop, the last time */

    u_char                         buffer[NGX_HTTP_TOTP_RCONN_BUFFER];
};


/* In no queue yet.  NULL when out of memory. */
ngx_http_totp_rcmd_t *ngx_http_totp_rcmd_create(ngx_http_totp_rconn_t *rc,
    ngx_http_totp_rcmd_kind_e kind, int argc, const totp_str_t *argv,
    ngx_msec_t timeout);

/*
 * Sends as much of a queue as the socket takes; what was sent whole stands in
 * waiting then, and is wiped unless it may be sent again.  NGX_ERROR: the
 * connection is lost; *err says why, or is 0.
 */
ngx_int_t ngx_http_totp_rcmd_send(ngx_http_totp_rconn_t *rc,
    ngx_queue_t *queue, ngx_err_t *err);

/* Leaves in pending, in order, what may go on to the next connection; the
   others fail. */
void ngx_http_totp_rcmd_settle(ngx_http_totp_rconn_t *rc, ngx_uint_t carry);

/* To the failed: done is called later, by the posted event. */
void ngx_http_totp_rcmd_fail(ngx_http_totp_rcmd_t *cmd);
void ngx_http_totp_rcmd_fail_all(ngx_queue_t *queue);

/* Frees it and calls done; it must be in no queue any more. */
void ngx_http_totp_rcmd_finish(ngx_http_totp_rcmd_t *cmd,
    const totp_resp_t *reply);
void ngx_http_totp_rcmd_free(ngx_http_totp_rcmd_t *cmd);

/* Nobody waits for it any more, or not so that a quitting worker would. */
void ngx_http_totp_rcmd_unlive(ngx_http_totp_rcmd_t *cmd);

/* The posted event runs once at the end of this turn. */
void ngx_http_totp_rcmd_post(ngx_http_totp_rconn_t *rc);

/* The deadline's timer ends no later than the command's time. */
void ngx_http_totp_rcmd_watch(ngx_http_totp_rcmd_t *cmd);

/* Whose deadline is the next, or NULL. */
ngx_http_totp_rcmd_t *ngx_http_totp_rcmd_oldest(ngx_http_totp_rconn_t *rc);

/* Reads the clock again: the commands of this turn begin now. */
void ngx_http_totp_rcmd_catch_up(ngx_http_totp_rconn_t *rc);


#endif /* NGX_HTTP_TOTP_RCMD_H */
