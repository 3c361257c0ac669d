/*
 * The life of the connection is one variable:
 *
 *     DOWN        never started, or closed because the worker quits
 *     BACKOFF     the timer says when to try again; the queue is empty
 *     CONNECTING  commands wait in pending
 *     GREETING    AUTH, SELECT and PING are under way; commands wait
 *     UP          pending -> (sent) -> waiting -> (reply) -> done
 *
 * A callback may call everything but _destroy.  So nothing here calls one
 * while it walks a queue: commands that failed go to a queue of their own,
 * from which the posted event takes one at a time, and epoch tells the reading
 * loop whether the connection it reads is still there.
 */

#include "ngx_http_totp_rconn.h"
#include "ngx_http_totp_rconn_greet.h"
#include "ngx_http_totp_rconn_log.h"


#define NGX_HTTP_TOTP_RCONN_BACKOFF_MIN   50        /* ms */
#define NGX_HTTP_TOTP_RCONN_BACKOFF_MAX   5000      /* ms */
#define NGX_HTTP_TOTP_RCONN_HEARTBEAT     10000     /* ms without a reply */
#define NGX_HTTP_TOTP_RCONN_PROVEN        1000      /* ms that earn a new
                                                       connection at once */

#define NGX_HTTP_TOTP_RCONN_MAX_COMMANDS  4096
#define NGX_HTTP_TOTP_RCONN_MAX_BYTES     (8 * 1024 * 1024)



static void ngx_http_totp_rconn_posted_handler(ngx_event_t *ev);
static void ngx_http_totp_rconn_connect(ngx_http_totp_rconn_t *rc);
static void ngx_http_totp_rconn_connected(ngx_http_totp_rconn_t *rc);
static void ngx_http_totp_rconn_greeted(ngx_http_totp_rconn_t *rc,
    ngx_http_totp_rcmd_kind_e kind, const totp_resp_t *reply);
static void ngx_http_totp_rconn_ready(ngx_http_totp_rconn_t *rc);
static void ngx_http_totp_rconn_write_handler(ngx_event_t *wev);
static void ngx_http_totp_rconn_flush(ngx_http_totp_rconn_t *rc);
static void ngx_http_totp_rconn_read_handler(ngx_event_t *rev);
static ngx_int_t ngx_http_totp_rconn_replies(ngx_http_totp_rconn_t *rc);
static void ngx_http_totp_rconn_take(ngx_http_totp_rconn_t *rc,
    const totp_resp_t *reply);
static void ngx_http_totp_rconn_timer_handler(ngx_event_t *ev);
static void ngx_http_totp_rconn_heartbeat(ngx_http_totp_rconn_t *rc);
static void ngx_http_totp_rconn_deadline_handler(ngx_event_t *ev);
static void ngx_http_totp_rconn_lost(ngx_http_totp_rconn_t *rc,
    ngx_uint_t carry, ngx_err_t err, const char *why,
    const totp_resp_t *error);
static void ngx_http_totp_rconn_retire(ngx_http_totp_rconn_t *rc);
static void ngx_http_totp_rconn_close(ngx_http_totp_rconn_t *rc);


ngx_http_totp_rconn_t *
ngx_http_totp_rconn_create(ngx_cycle_t *cycle,
    ngx_http_totp_redis_conf_t *conf, ngx_http_totp_rconn_state_pt state,
    void *data)
{
    ngx_http_totp_rconn_t  *rc;

    rc = ngx_calloc(sizeof(ngx_http_totp_rconn_t), cycle->log);
    if (rc == NULL) {
        return NULL;
    }

    rc->conf = conf;
    rc->ident = (ngx_socket_t) -1;
    rc->change = state;
    rc->data = data;
    rc->log = cycle->log;

    rc->quiet = *cycle->log;
    rc->quiet.log_level = NGX_LOG_ALERT;

    ngx_queue_init(&rc->greeting);
    ngx_queue_init(&rc->pending);
    ngx_queue_init(&rc->waiting);
    ngx_queue_init(&rc->failed);

    rc->timer.data = rc;
    rc->timer.handler = ngx_http_totp_rconn_timer_handler;
    rc->timer.log = rc->log;
    rc->timer.cancelable = 1;

    /* cancelable as long as nobody waits */

    rc->deadline.data = rc;
    rc->deadline.handler = ngx_http_totp_rconn_deadline_handler;
    rc->deadline.log = rc->log;
    rc->deadline.cancelable = 1;

    rc->posted.data = rc;
    rc->posted.handler = ngx_http_totp_rconn_posted_handler;
    rc->posted.log = rc->log;

    return rc;
}


/* How long to wait after so many failures. */

static ngx_msec_t
ngx_http_totp_rconn_delay(ngx_http_totp_rconn_t *rc)
{
    ngx_msec_t  delay;

    delay = NGX_HTTP_TOTP_RCONN_BACKOFF_MIN << ngx_min(rc->failures, 7);

    return ngx_min(delay, NGX_HTTP_TOTP_RCONN_BACKOFF_MAX);
}


static void
ngx_http_totp_rconn_set_timer(ngx_http_totp_rconn_t *rc, ngx_msec_t msec)
{
    /* a set timer would keep a value that is near the new one */

    if (rc->timer.timer_set) {
        ngx_del_timer(&rc->timer);
    }

    ngx_add_timer(&rc->timer, msec);
}


void
ngx_http_totp_rconn_start(ngx_http_totp_rconn_t *rc)
{
    if (rc->state != ngx_http_totp_rconn_down) {
        return;
    }

    rc->state = ngx_http_totp_rconn_connecting;
    rc->connect_due = 1;
    rc->tried = 0;

    ngx_http_totp_rcmd_post(rc);

    /*
     * A worker that has just started waits for events before it looks for
     * posted ones: the timer wakes it.
     */

    ngx_http_totp_rconn_set_timer(rc, 1);
}


ngx_http_totp_rcmd_t *
ngx_http_totp_rconn_send(ngx_http_totp_rconn_t *rc, int argc,
    const totp_str_t *argv, ngx_uint_t flags, ngx_msec_t timeout,
    ngx_http_totp_rconn_done_pt done, void *data)
{
    ngx_http_totp_rcmd_t  *cmd;

    ngx_http_totp_rconn_start(rc);

    if (rc->state == ngx_http_totp_rconn_backoff) {
        return NULL;
    }

    if ((flags & NGX_HTTP_TOTP_RCMD_BOUND)
        && rc->state != ngx_http_totp_rconn_is_up)
    {
        return NULL;
    }

    if (rc->count >= NGX_HTTP_TOTP_RCONN_MAX_COMMANDS
        || rc->bytes >= NGX_HTTP_TOTP_RCONN_MAX_BYTES)
    {
        if (rc->full_logged != ngx_time()) {
            rc->full_logged = ngx_time();
            ngx_log_error(NGX_LOG_ERR, rc->log, 0,
                          "totp: redis \"%V\": too many commands wait for it",
                          &rc->conf->text);
        }

        return NULL;
    }

    cmd = ngx_http_totp_rcmd_create(rc, ngx_http_totp_rcmd_user, argc, argv,
                                    timeout ? timeout : rc->conf->timeout);
    if (cmd == NULL) {
        return NULL;
    }

    cmd->done = done;
    cmd->data = data;
    cmd->read = (flags & NGX_HTTP_TOTP_RCMD_READ) ? 1 : 0;
    cmd->bound = (flags & NGX_HTTP_TOTP_RCMD_BOUND) ? 1 : 0;

    if (done && !(flags & NGX_HTTP_TOTP_RCMD_BACKGROUND)) {
        cmd->live = 1;
        rc->live++;
        rc->deadline.cancelable = 0;

        if (rc->connection) {
            rc->connection->idle = 0;
        }
    }

    ngx_queue_insert_tail(&rc->pending, &cmd->queue);

    ngx_http_totp_rcmd_post(rc);

    ngx_http_totp_rcmd_watch(cmd);

    return cmd;
}


void
ngx_http_totp_rconn_background(ngx_http_totp_rcmd_t *cmd)
{
    ngx_http_totp_rcmd_unlive(cmd);
}


void
ngx_http_totp_rconn_drop(ngx_http_totp_rconn_t *rc, const char *why)
{
    ngx_http_totp_rconn_drop_error(rc, why, NULL);
}


void
ngx_http_totp_rconn_drop_error(ngx_http_totp_rconn_t *rc, const char *why,
    const totp_resp_t *error)
{
    if (rc->state != ngx_http_totp_rconn_is_up) {
        return;
    }

    rc->dropped = 1;

    ngx_http_totp_rconn_lost(rc, 0, 0, why, error);
}


void
ngx_http_totp_rconn_destroy(ngx_http_totp_rconn_t *rc)
{
    ngx_uint_t    i;
    ngx_queue_t  *q, *queues[3];

    ngx_http_totp_rconn_close(rc);

    queues[0] = &rc->pending;
    queues[1] = &rc->waiting;
    queues[2] = &rc->failed;

    for (i = 0; i < 3; i++) {
        while (!ngx_queue_empty(queues[i])) {
            q = ngx_queue_head(queues[i]);
            ngx_queue_remove(q);
            ngx_http_totp_rcmd_free(ngx_queue_data(q, ngx_http_totp_rcmd_t,
                                                   queue));
        }
    }

    if (rc->deadline.timer_set) {
        ngx_del_timer(&rc->deadline);
    }

    if (rc->posted.posted) {
        ngx_delete_posted_event(&rc->posted);
    }

    ngx_free(rc);
}


ngx_uint_t
ngx_http_totp_rconn_up(ngx_http_totp_rconn_t *rc)
{
    return rc->state == ngx_http_totp_rconn_is_up;
}


/* Once a turn of the event loop, where there is anything to do. */

static void
ngx_http_totp_rconn_posted_handler(ngx_event_t *ev)
{
    ngx_queue_t            *q;
    ngx_http_totp_rconn_t  *rc;

    rc = ev->data;

    ngx_log_debug3(NGX_LOG_DEBUG_EVENT, rc->log, 0,
                   "totp redis posted, state:%d commands:%ui live:%ui",
                   (int) rc->state, rc->count, rc->live);

    ngx_http_totp_rcmd_catch_up(rc);

    if (rc->lost_due) {
        rc->lost_due = 0;

        if (rc->change) {
            rc->change(rc->data, 0);
        }
    }

    while (!ngx_queue_empty(&rc->failed)) {
        q = ngx_queue_head(&rc->failed);
        ngx_queue_remove(q);

        ngx_http_totp_rcmd_finish(ngx_queue_data(q, ngx_http_totp_rcmd_t,
                                                 queue),
                                  NULL);
    }

    if (rc->connect_due) {
        rc->connect_due = 0;
        ngx_http_totp_rconn_connect(rc);
    }

    ngx_http_totp_rconn_flush(rc);
}


static void
ngx_http_totp_rconn_connect(ngx_http_totp_rconn_t *rc)
{
    ngx_int_t               rv;
    ngx_err_t               err;
    ngx_addr_t             *addr;
    ngx_connection_t       *c;
    ngx_peer_connection_t   peer;

    addr = &rc->conf->addrs[rc->addr];

    ngx_memzero(&peer, sizeof(ngx_peer_connection_t));

    peer.sockaddr = addr->sockaddr;
    peer.socklen = addr->socklen;
    peer.name = &addr->name;
    peer.get = ngx_event_get_peer;
    peer.log = &rc->quiet;
    peer.log_error = NGX_ERROR_INFO;
    peer.so_keepalive = (addr->sockaddr->sa_family != AF_UNIX);

    ngx_set_errno(0);

    rv = ngx_event_connect_peer(&peer);

    err = ngx_errno;
    c = peer.connection;

    if (rv != NGX_OK && rv != NGX_AGAIN) {
        ngx_http_totp_rconn_lost(rc, 1, rv == NGX_DECLINED ? err : 0,
                                 "cannot connect", NULL);
        return;
    }

    c->data = rc;
    c->log = rc->log;
    c->read->log = rc->log;
    c->write->log = rc->log;
    c->read->handler = ngx_http_totp_rconn_read_handler;
    c->write->handler = ngx_http_totp_rconn_write_handler;
    c->idle = (rc->live == 0);

    rc->connection = c;

    ngx_http_totp_rconn_set_timer(rc, rc->conf->connect_timeout);

    if (rv == NGX_OK) {
        ngx_http_totp_rconn_connected(rc);
    }
}


static void
ngx_http_totp_rconn_connected(ngx_http_totp_rconn_t *rc)
{
    ngx_connection_t  *c;

    c = rc->connection;

    (void) ngx_tcp_nodelay(c);

    rc->reader = totp_resp_reader_create();

    if (rc->reader == NULL || ngx_http_totp_rconn_greet_make(rc) != NGX_OK) {
        ngx_http_totp_rconn_lost(rc, 1, 0, "out of memory", NULL);
        return;
    }

    rc->state = ngx_http_totp_rconn_greeting;

    ngx_http_totp_rconn_set_timer(rc, rc->conf->timeout);
    ngx_http_totp_rcmd_post(rc);

    /* what was there to be read before is not announced again */

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);
    }
}


static void
ngx_http_totp_rconn_greeted(ngx_http_totp_rconn_t *rc,
    ngx_http_totp_rcmd_kind_e kind, const totp_resp_t *reply)
{
    const char  *why;

    why = ngx_http_totp_rconn_greet_judge(kind, reply);

    if (why) {
        ngx_http_totp_rconn_lost(rc, 1, 0, why,
                                 totp_resp_type(reply) == TOTP_RESP_ERROR
                                 ? reply : NULL);
        return;
    }

    if (kind == ngx_http_totp_rcmd_hello) {
        ngx_http_totp_rconn_ready(rc);
    }
}


static void
ngx_http_totp_rconn_ready(ngx_http_totp_rconn_t *rc)
{
    ngx_log_debug0(NGX_LOG_DEBUG_EVENT, rc->log, 0, "totp redis up");

    rc->state = ngx_http_totp_rconn_is_up;
    rc->tried = 0;
    rc->served = 0;
    rc->since = ngx_current_msec;
    rc->heard = ngx_current_msec;

    /* one that we dropped has to prove itself first */

    if (!rc->dropped) {
        ngx_http_totp_rconn_log_restored(rc);
    }

    ngx_http_totp_rconn_set_timer(rc, NGX_HTTP_TOTP_RCONN_HEARTBEAT);
    ngx_http_totp_rcmd_post(rc);

    if (rc->change) {
        rc->change(rc->data, 1);
    }
}


static void
ngx_http_totp_rconn_write_handler(ngx_event_t *wev)
{
    int                     err;
    socklen_t               len;
    ngx_connection_t       *c;
    ngx_http_totp_rconn_t  *rc;

    c = wev->data;
    rc = c->data;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, c->log, 0,
                   "totp redis write handler, state:%d", (int) rc->state);

    if (rc->state == ngx_http_totp_rconn_connecting) {

        err = 0;
        len = sizeof(int);

        if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len)
            == -1)
        {
            err = ngx_socket_errno;
        }

        if (err) {
            ngx_http_totp_rconn_lost(rc, 1, err, "cannot connect", NULL);
            return;
        }

        ngx_http_totp_rconn_connected(rc);
        return;
    }

    ngx_http_totp_rconn_flush(rc);
}


static void
ngx_http_totp_rconn_flush(ngx_http_totp_rconn_t *rc)
{
    ngx_err_t     err;
    ngx_queue_t  *queue;

    if (rc->state == ngx_http_totp_rconn_is_up) {
        queue = &rc->pending;

    } else if (rc->state == ngx_http_totp_rconn_greeting) {
        queue = &rc->greeting;

    } else {
        return;
    }

    if (ngx_http_totp_rcmd_send(rc, queue, &err) != NGX_OK) {
        ngx_http_totp_rconn_lost(rc, 1, err, "connection lost", NULL);
    }
}


static void
ngx_http_totp_rconn_read_handler(ngx_event_t *rev)
{
    ssize_t                 n;
    ngx_connection_t       *c;
    ngx_http_totp_rconn_t  *rc;

    c = rev->data;
    rc = c->data;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, c->log, 0,
                   "totp redis read handler, state:%d", (int) rc->state);

    if (c->close) {
        ngx_http_totp_rconn_retire(rc);
        return;
    }

    if (rc->state == ngx_http_totp_rconn_connecting) {

        /* the write handler asks for the error, or comes back here */

        return;
    }

    do {
        n = c->recv(c, rc->buffer, NGX_HTTP_TOTP_RCONN_BUFFER);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == NGX_ERROR) {
            ngx_http_totp_rconn_lost(rc, 1, ngx_socket_errno,
                                     "connection lost", NULL);
            return;
        }

        if (n == 0) {
            ngx_http_totp_rconn_lost(rc, 1, 0, "Redis closed the connection",
                                     NULL);
            return;
        }

        if (totp_resp_feed(rc->reader, rc->buffer, n) != 0) {
            ngx_http_totp_rconn_lost(rc, 0, 0, "a reply is too long", NULL);
            return;
        }

        if (ngx_http_totp_rconn_replies(rc) != NGX_OK) {
            return;
        }

    } while (rev->ready);

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_totp_rconn_lost(rc, 1, 0, "connection lost", NULL);
    }
}


/* NGX_ERROR: the connection has gone. */

static ngx_int_t
ngx_http_totp_rconn_replies(ngx_http_totp_rconn_t *rc)
{
    int           rv;
    ngx_uint_t    epoch;
    totp_resp_t  *reply;

    epoch = rc->epoch;

    for ( ;; ) {
        rv = totp_resp_next(rc->reader, &reply);

        if (rv == 0) {
            return NGX_OK;
        }

        if (rv < 0) {
            ngx_http_totp_rconn_lost(rc, 0, 0, "its answers are not Redis'",
                                     NULL);
            return NGX_ERROR;
        }

        ngx_http_totp_rconn_take(rc, reply);

        totp_resp_reply_free(reply);

        if (rc->epoch != epoch) {
            return NGX_ERROR;
        }
    }
}


static void
ngx_http_totp_rconn_take(ngx_http_totp_rconn_t *rc, const totp_resp_t *reply)
{
    ngx_uint_t                  error;
    const char                 *why;
    ngx_queue_t                *q;
    ngx_http_totp_rcmd_t       *cmd;
    ngx_http_totp_rcmd_kind_e   kind;

    error = (totp_resp_type(reply) == TOTP_RESP_ERROR);

    if (ngx_queue_empty(&rc->waiting)) {

        /* also how Redis turns away a client: too many, protected mode */

        ngx_http_totp_rconn_lost(rc, 0, 0, "it spoke without being asked",
                                 error ? reply : NULL);
        return;
    }

    q = ngx_queue_head(&rc->waiting);
    ngx_queue_remove(q);

    cmd = ngx_queue_data(q, ngx_http_totp_rcmd_t, queue);
    kind = cmd->kind;

    rc->heard = ngx_current_msec;

    if (kind == ngx_http_totp_rcmd_auth
        || kind == ngx_http_totp_rcmd_select
        || kind == ngx_http_totp_rcmd_hello)
    {
        ngx_http_totp_rcmd_free(cmd);
        ngx_http_totp_rconn_greeted(rc, kind, reply);
        return;
    }

    if (kind == ngx_http_totp_rcmd_heartbeat) {

        why = ngx_http_totp_rconn_greet_judge(kind, reply);

        if (why) {
            ngx_http_totp_rcmd_free(cmd);
            ngx_http_totp_rconn_lost(rc, 0, 0, why, error ? reply : NULL);
            return;
        }
    }

    if (!error) {
        rc->served = 1;

        if (rc->dropped
            && rc->heard - rc->since >= ngx_http_totp_rconn_delay(rc))
        {
            rc->dropped = 0;
            ngx_http_totp_rconn_log_restored(rc);
        }
    }

    ngx_http_totp_rcmd_finish(cmd, reply);
}


static void
ngx_http_totp_rconn_timer_handler(ngx_event_t *ev)
{
    ngx_http_totp_rconn_t  *rc;

    rc = ev->data;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, rc->log, 0,
                   "totp redis timer, state:%d", (int) rc->state);

    switch (rc->state) {

    case ngx_http_totp_rconn_down:
        break;

    case ngx_http_totp_rconn_backoff:
        rc->state = ngx_http_totp_rconn_down;

        if (!ngx_exiting) {
            ngx_http_totp_rconn_start(rc);
        }

        break;

    case ngx_http_totp_rconn_connecting:

        if (rc->connection == NULL) {
            ngx_http_totp_rcmd_post(rc);
            break;
        }

        ngx_http_totp_rconn_lost(rc, 1, NGX_ETIMEDOUT, "cannot connect", NULL);
        break;

    case ngx_http_totp_rconn_greeting:

        if (rc->connection->read->ready) {
            ngx_http_totp_rconn_set_timer(rc, 0);
            ngx_http_totp_rconn_read_handler(rc->connection->read);
            break;
        }

        ngx_http_totp_rconn_lost(rc, 1, 0, "no greeting in time", NULL);
        break;

    case ngx_http_totp_rconn_is_up:
        ngx_http_totp_rconn_heartbeat(rc);
        break;
    }
}


static void
ngx_http_totp_rconn_heartbeat(ngx_http_totp_rconn_t *rc)
{
    ngx_msec_t             idle;
    totp_str_t             ping;
    ngx_http_totp_rcmd_t  *cmd;

    if (ngx_exiting) {
        return;
    }

    idle = ngx_current_msec - rc->heard;

    if (idle < NGX_HTTP_TOTP_RCONN_HEARTBEAT) {
        ngx_http_totp_rconn_set_timer(rc, NGX_HTTP_TOTP_RCONN_HEARTBEAT - idle);
        return;
    }

    ngx_http_totp_rconn_set_timer(rc, NGX_HTTP_TOTP_RCONN_HEARTBEAT);

    if (!ngx_queue_empty(&rc->pending) || !ngx_queue_empty(&rc->waiting)) {
        return;
    }

    ping = totp_str("PING", 4);

    cmd = ngx_http_totp_rcmd_create(rc, ngx_http_totp_rcmd_heartbeat, 1, &ping,
                                    rc->conf->timeout);
    if (cmd == NULL) {
        return;
    }

    ngx_queue_insert_tail(&rc->pending, &cmd->queue);

    ngx_http_totp_rcmd_post(rc);

    ngx_http_totp_rcmd_watch(cmd);
}


/*
 * Set for a command that may have been answered since: nobody moves the timer
 * with every reply.
 */

static void
ngx_http_totp_rconn_deadline_handler(ngx_event_t *ev)
{
    ngx_http_totp_rcmd_t   *cmd;
    ngx_http_totp_rconn_t  *rc;

    rc = ev->data;

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, rc->log, 0,
                   "totp redis deadline, state:%d", (int) rc->state);

    /* after a long turn of the loop the replies may lie there unread */

    if (rc->state == ngx_http_totp_rconn_is_up && rc->connection->read->ready) {
        ngx_http_totp_rconn_read_handler(rc->connection->read);
    }

    for ( ;; ) {
        cmd = ngx_http_totp_rcmd_oldest(rc);
        if (cmd == NULL) {
            return;
        }

        if ((ngx_msec_int_t) (cmd->deadline - ngx_current_msec) > 0) {
            break;
        }

        if (rc->state == ngx_http_totp_rconn_is_up) {
            ngx_http_totp_rconn_lost(rc, 0, 0, "no reply in time", NULL);
            return;
        }

        /* connecting has a timer of its own, and goes on */

        ngx_http_totp_rcmd_fail(cmd);
    }

    ngx_http_totp_rcmd_watch(cmd);
}


/*
 * The end of a connection, or of an attempt to get one.  carry: its order was
 * sound to the end, so that what was not sent, and reads, may go on to the
 * next one.
 */

static void
ngx_http_totp_rconn_lost(ngx_http_totp_rconn_t *rc, ngx_uint_t carry,
    ngx_err_t err, const char *why, const totp_resp_t *error)
{
    ngx_uint_t  up, again;
    ngx_msec_t  delay, lived;

    up = (rc->state == ngx_http_totp_rconn_is_up);

    if (up && rc->served) {
        lived = ngx_current_msec - rc->since;

        /*
         * One that we drop each time soon after its greeting is of no use: it
         * has to last for as long as we would have waited.
         */

        if (!rc->dropped || lived >= ngx_http_totp_rconn_delay(rc)) {
            rc->failures = 0;
        }

        again = (carry && lived >= NGX_HTTP_TOTP_RCONN_PROVEN);

    } else {
        again = (!up && rc->tried + 1 < rc->conf->naddrs);
    }

    if (up || !again) {
        ngx_http_totp_rconn_log_lost(rc, err, why, error);
    }

    if (up) {
        rc->lost_due = 1;
        rc->tried = 0;

    } else {
        rc->addr = (rc->addr + 1) % rc->conf->naddrs;
        rc->tried++;
    }

    ngx_http_totp_rconn_close(rc);
    ngx_http_totp_rcmd_settle(rc, carry);

    ngx_http_totp_rcmd_post(rc);

    if (again && !(ngx_exiting && ngx_queue_empty(&rc->pending))) {
        rc->state = ngx_http_totp_rconn_connecting;
        rc->connect_due = 1;
        return;
    }

    ngx_http_totp_rcmd_fail_all(&rc->pending);

    rc->state = ngx_http_totp_rconn_backoff;
    rc->tried = 0;

    delay = ngx_http_totp_rconn_delay(rc);
    rc->failures++;

    delay = delay / 2 + (ngx_msec_t) ngx_random() % (delay / 2 + 1);

    ngx_log_debug1(NGX_LOG_DEBUG_EVENT, rc->log, 0,
                   "totp redis back-off: %M", delay);

    ngx_http_totp_rconn_set_timer(rc, delay);
}


/* nginx wants the connection closed: the worker quits. */

static void
ngx_http_totp_rconn_retire(ngx_http_totp_rconn_t *rc)
{
    if (rc->state == ngx_http_totp_rconn_is_up) {
        rc->lost_due = 1;
    }

    ngx_http_totp_rconn_close(rc);
    ngx_http_totp_rcmd_settle(rc, 0);
    ngx_http_totp_rcmd_fail_all(&rc->pending);

    rc->state = ngx_http_totp_rconn_down;

    ngx_http_totp_rcmd_post(rc);
}


static void
ngx_http_totp_rconn_close(ngx_http_totp_rconn_t *rc)
{
    ngx_queue_t  *q;

    rc->epoch++;

    if (rc->connection) {
        ngx_close_connection(rc->connection);
        rc->connection = NULL;
    }

    totp_resp_reader_destroy(rc->reader);
    rc->reader = NULL;

    if (rc->timer.timer_set) {
        ngx_del_timer(&rc->timer);
    }

    while (!ngx_queue_empty(&rc->greeting)) {
        q = ngx_queue_head(&rc->greeting);
        ngx_queue_remove(q);
        ngx_http_totp_rcmd_free(ngx_queue_data(q, ngx_http_totp_rcmd_t, queue));
    }
}
