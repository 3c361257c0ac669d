
#include "ngx_http_totp_rcmd.h"


#define NGX_HTTP_TOTP_RCONN_IOVS  64    /* commands of one send */


static void ngx_http_totp_rcmd_sent(ngx_http_totp_rcmd_t *cmd);
static ngx_uint_t ngx_http_totp_rcmd_carried(ngx_http_totp_rcmd_t *cmd);
static void ngx_http_totp_rcmd_wipe(ngx_http_totp_rcmd_t *cmd);


ngx_http_totp_rcmd_t *
ngx_http_totp_rcmd_create(ngx_http_totp_rconn_t *rc,
    ngx_http_totp_rcmd_kind_e kind, int argc, const totp_str_t *argv,
    ngx_msec_t timeout)
{
    ngx_http_totp_rcmd_t  *cmd;

    cmd = ngx_calloc(sizeof(ngx_http_totp_rcmd_t), rc->log);
    if (cmd == NULL) {
        return NULL;
    }

    cmd->bytes = totp_resp_format(&cmd->len, argc, argv);
    if (cmd->bytes == NULL) {
        ngx_free(cmd);
        return NULL;
    }

    cmd->rc = rc;
    cmd->kind = kind;
    cmd->created = ngx_current_msec;
    cmd->deadline = cmd->created + timeout;

    rc->count++;
    rc->bytes += cmd->len;

    return cmd;
}


ngx_int_t
ngx_http_totp_rcmd_send(ngx_http_totp_rconn_t *rc, ngx_queue_t *queue,
    ngx_err_t *err)
{
    ngx_uint_t             i, n;
    ngx_buf_t              bufs[NGX_HTTP_TOTP_RCONN_IOVS];
    ngx_queue_t           *q;
    ngx_chain_t            links[NGX_HTTP_TOTP_RCONN_IOVS], *rest;
    ngx_connection_t      *c;
    ngx_http_totp_rcmd_t  *cmd;

    c = rc->connection;

    while (c->write->ready && !ngx_queue_empty(queue)) {

        ngx_memzero(bufs, sizeof(bufs));

        n = 0;

        for (q = ngx_queue_head(queue);
             q != ngx_queue_sentinel(queue) && n < NGX_HTTP_TOTP_RCONN_IOVS;
             q = ngx_queue_next(q))
        {
            cmd = ngx_queue_data(q, ngx_http_totp_rcmd_t, queue);

            bufs[n].start = (u_char *) cmd->bytes;
            bufs[n].pos = bufs[n].start + cmd->sent;
            bufs[n].last = bufs[n].start + cmd->len;
            bufs[n].end = bufs[n].last;
            bufs[n].memory = 1;

            links[n].buf = &bufs[n];
            links[n].next = NULL;

            if (n) {
                links[n - 1].next = &links[n];
            }

            n++;
        }

        rest = c->send_chain(c, links, 0);

        *err = ngx_socket_errno;

        /* also before an error something may have been sent */

        for (i = 0; i < n; i++) {
            q = ngx_queue_head(queue);
            cmd = ngx_queue_data(q, ngx_http_totp_rcmd_t, queue);

            cmd->sent = bufs[i].pos - bufs[i].start;

            if (cmd->sent < cmd->len) {
                break;
            }

            ngx_queue_remove(q);
            ngx_queue_insert_tail(&rc->waiting, q);
            ngx_http_totp_rcmd_sent(cmd);
        }

        if (rest == NGX_CHAIN_ERROR) {
            return NGX_ERROR;
        }
    }

    *err = 0;

    /*
     * While there is room nobody needs to be told of it: over a Unix socket
     * epoll would wake the worker whenever Redis reads a command.
     */

    if (c->write->active && c->write->ready) {
        return ngx_del_event(c->write, NGX_WRITE_EVENT, NGX_CLEAR_EVENT);
    }

    return ngx_handle_write_event(c->write, 0);
}


static void
ngx_http_totp_rcmd_sent(ngx_http_totp_rcmd_t *cmd)
{
    if (!cmd->read || cmd->bound || cmd->resent) {
        ngx_http_totp_rcmd_wipe(cmd);
    }
}


/* May the command go on to the next connection? */

static ngx_uint_t
ngx_http_totp_rcmd_carried(ngx_http_totp_rcmd_t *cmd)
{
    if (cmd->kind != ngx_http_totp_rcmd_user || cmd->bound) {
        return 0;
    }

    if (cmd->sent == 0) {
        return 1;
    }

    if (!cmd->read || cmd->resent) {
        return 0;
    }

    cmd->resent = 1;
    cmd->sent = 0;

    return 1;
}


/* Leaves in pending, in order, what is to be sent on the next connection. */

void
ngx_http_totp_rcmd_settle(ngx_http_totp_rconn_t *rc, ngx_uint_t carry)
{
    ngx_queue_t            all, *q;
    ngx_http_totp_rcmd_t  *cmd;

    ngx_queue_init(&all);
    ngx_queue_add(&all, &rc->waiting);
    ngx_queue_add(&all, &rc->pending);
    ngx_queue_init(&rc->waiting);
    ngx_queue_init(&rc->pending);

    while (!ngx_queue_empty(&all)) {
        q = ngx_queue_head(&all);
        cmd = ngx_queue_data(q, ngx_http_totp_rcmd_t, queue);

        if (carry && ngx_http_totp_rcmd_carried(cmd)) {
            ngx_queue_remove(q);
            ngx_queue_insert_tail(&rc->pending, q);
            continue;
        }

        ngx_http_totp_rcmd_fail(cmd);
    }
}


void
ngx_http_totp_rcmd_fail_all(ngx_queue_t *queue)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(queue)) {
        q = ngx_queue_head(queue);
        ngx_http_totp_rcmd_fail(ngx_queue_data(q, ngx_http_totp_rcmd_t, queue));
    }
}


/* done is called by the posted event. */

void
ngx_http_totp_rcmd_fail(ngx_http_totp_rcmd_t *cmd)
{
    ngx_queue_remove(&cmd->queue);
    ngx_queue_insert_tail(&cmd->rc->failed, &cmd->queue);

    ngx_http_totp_rcmd_post(cmd->rc);
}


void
ngx_http_totp_rcmd_finish(ngx_http_totp_rcmd_t *cmd, const totp_resp_t *reply)
{
    void                         *data;
    ngx_http_totp_rconn_done_pt   done;

    done = cmd->done;
    data = cmd->data;

    ngx_http_totp_rcmd_free(cmd);

    if (done) {
        done(data, reply);
    }
}


void
ngx_http_totp_rcmd_free(ngx_http_totp_rcmd_t *cmd)
{
    ngx_http_totp_rcmd_unlive(cmd);
    ngx_http_totp_rcmd_wipe(cmd);

    cmd->rc->count--;

    ngx_free(cmd);
}


static void
ngx_http_totp_rcmd_wipe(ngx_http_totp_rcmd_t *cmd)
{
    if (cmd->bytes) {
        cmd->rc->bytes -= cmd->len;
        totp_resp_free(cmd->bytes, cmd->len);
        cmd->bytes = NULL;
    }
}


void
ngx_http_totp_rcmd_unlive(ngx_http_totp_rcmd_t *cmd)
{
    ngx_http_totp_rconn_t  *rc;

    if (!cmd->live) {
        return;
    }

    cmd->live = 0;

    rc = cmd->rc;
    rc->live--;

    if (rc->live == 0) {
        rc->deadline.cancelable = 1;

        if (rc->connection) {
            rc->connection->idle = 1;
        }
    }
}


void
ngx_http_totp_rcmd_post(ngx_http_totp_rconn_t *rc)
{
    ngx_post_event(&rc->posted, &ngx_posted_events);
}


/* The deadline's timer ends no later than the command's time. */

void
ngx_http_totp_rcmd_watch(ngx_http_totp_rcmd_t *cmd)
{
    ngx_event_t     *ev;
    ngx_msec_int_t   left;

    ev = &cmd->rc->deadline;

    if (ev->timer_set) {

        if ((ngx_msec_int_t) (cmd->deadline - ev->timer.key) >= 0) {
            return;
        }

        ngx_del_timer(ev);
    }

    left = (ngx_msec_int_t) (cmd->deadline - ngx_current_msec);

    ngx_add_timer(ev, left > 0 ? (ngx_msec_t) left : 0);
}


ngx_http_totp_rcmd_t *
ngx_http_totp_rcmd_oldest(ngx_http_totp_rconn_t *rc)
{
    ngx_queue_t  *queue;

    queue = rc->state == ngx_http_totp_rconn_is_up
            && !ngx_queue_empty(&rc->waiting)
            ? &rc->waiting : &rc->pending;

    if (ngx_queue_empty(queue)) {
        return NULL;
    }

    return ngx_queue_data(ngx_queue_head(queue), ngx_http_totp_rcmd_t, queue);
}


/*
 * nginx reads the clock once a turn.  Where something blocked the turn for long
 * (a slow disk, a machine short of processors), the commands of this turn would
 * be timed out before Redis had seen them.
 */

void
ngx_http_totp_rcmd_catch_up(ngx_http_totp_rconn_t *rc)
{
    ngx_msec_t             before, lag;
    ngx_queue_t           *q;
    ngx_http_totp_rcmd_t  *cmd;

    before = ngx_current_msec;

    ngx_time_update();

    lag = ngx_current_msec - before;
    if (lag == 0) {
        return;
    }

    for (q = ngx_queue_last(&rc->pending);
         q != ngx_queue_sentinel(&rc->pending);
         q = ngx_queue_prev(q))
    {
        cmd = ngx_queue_data(q, ngx_http_totp_rcmd_t, queue);

        if (cmd->created != before) {
            break;
        }

        cmd->created = ngx_current_msec;
        cmd->deadline += lag;
    }
}
