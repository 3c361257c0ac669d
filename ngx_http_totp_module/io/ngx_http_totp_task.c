/*
 * A blocking call on the thread pool "totp".
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_thread_pool.h>

#include "ngx_http_totp_task.h"

#include <sys/resource.h>


#if !(NGX_THREADS)
#error "passwords are hashed on threads: nginx needs --with-threads"
#endif


#define NGX_HTTP_TOTP_TASK_LOOK  60000  /* ms */
#define NGX_HTTP_TOTP_TASK_NICE  10     /* behind the worker's own priority */


/* exported by nginx, but in none of its headers */
extern ngx_module_t  ngx_thread_pool_module;


typedef struct {
    ngx_uint_t             limit;       /* tasks under way in a worker */
} ngx_http_totp_task_conf_t;


/* One block: this, then ctx. */

typedef struct {
    ngx_http_totp_task_t   task;        /* must be first */
    ngx_thread_task_t      thread;
    ngx_atomic_t           forgotten;   /* set here, read by the thread, too */
    size_t                 size;        /* of the block */
} ngx_http_totp_task_block_t;


static ngx_int_t ngx_http_totp_task_pool(ngx_conf_t *cf, ngx_uint_t threads,
    ngx_uint_t max_queue);
static void ngx_http_totp_task_mark(void *data);
static ngx_http_totp_task_conf_t *ngx_http_totp_task_conf(void);
static void ngx_http_totp_task_yield(void);
static void ngx_http_totp_task_thread(void *data, ngx_log_t *log);
static void ngx_http_totp_task_handler(ngx_event_t *ev);


static ngx_str_t   ngx_http_totp_task_pool_name = ngx_string("totp");

/* of this worker; only the event loop counts */
static ngx_uint_t  ngx_http_totp_task_count;


ngx_int_t
ngx_http_totp_task_init(ngx_conf_t *cf, ngx_uint_t threads,
    ngx_uint_t max_queue)
{
    ngx_pool_cleanup_t         *cln;
    ngx_http_totp_task_conf_t  *conf;

    if (ngx_thread_pool_get(cf->cycle, &ngx_http_totp_task_pool_name) == NULL
        && ngx_http_totp_task_pool(cf, threads, max_queue) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /*
     * The bound belongs to the cycle, not to a static variable, which a
     * configuration that is refused on reload would leave changed: a cleanup
     * without a purpose of its own keeps it, and is found by its handler.
     */

    cln = ngx_pool_cleanup_add(cf->cycle->pool,
                               sizeof(ngx_http_totp_task_conf_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_totp_task_mark;

    conf = cln->data;
    conf->limit = threads + max_queue;

    return NGX_OK;
}


/*
 * ngx_thread_pool_add() alone makes a pool without threads, which nginx then
 * refuses as unknown; the directive's own handler is what sets them.
 *
 * The bound is kept by _post: nginx's queue gets room to spare, since a thread
 * counts as busy until it waits again, a moment after its task was counted as
 * done, and since nginx ends the threads by tasks of its own.
 */

static ngx_int_t
ngx_http_totp_task_pool(ngx_conf_t *cf, ngx_uint_t threads,
    ngx_uint_t max_queue)
{
    char           *rv;
    u_char          buf[2][sizeof("max_queue=") + NGX_INT_T_LEN];
    ngx_str_t       value[4];
    ngx_array_t     args, *saved;
    ngx_command_t  *cmd;

    ngx_str_set(&value[0], "thread_pool");
    value[1] = ngx_http_totp_task_pool_name;

    value[2].data = buf[0];
    value[2].len = ngx_sprintf(buf[0], "threads=%ui", threads) - buf[0];

    value[3].data = buf[1];
    value[3].len = ngx_sprintf(buf[1], "max_queue=%ui",
                               max_queue + threads + 1) - buf[1];

    for (cmd = ngx_thread_pool_module.commands; cmd->name.len; cmd++) {

        if (cmd->name.len == value[0].len
            && ngx_strncmp(cmd->name.data, value[0].data, value[0].len) == 0)
        {
            break;
        }
    }

    if (cmd->name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "nginx has no \"%V\" directive", &value[0]);
        return NGX_ERROR;
    }

    ngx_memzero(&args, sizeof(ngx_array_t));

    args.elts = value;
    args.nelts = 4;
    args.size = sizeof(ngx_str_t);
    args.nalloc = 4;
    args.pool = cf->pool;

    saved = cf->args;
    cf->args = &args;

    rv = cmd->set(cf, cmd, ngx_get_conf(cf->cycle->conf_ctx,
                                        ngx_thread_pool_module));

    cf->args = saved;

    return (rv == NGX_CONF_OK) ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_totp_task_mark(void *data)
{
    /* void */
}


static ngx_http_totp_task_conf_t *
ngx_http_totp_task_conf(void)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = ngx_cycle->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_totp_task_mark) {
            return cln->data;
        }
    }

    return NULL;
}


ngx_http_totp_task_t *
ngx_http_totp_task_create(size_t size)
{
    size_t                       head;
    ngx_http_totp_task_block_t  *block;

    head = ngx_align(sizeof(ngx_http_totp_task_block_t), NGX_ALIGNMENT);

    block = ngx_calloc(head + size, ngx_cycle->log);
    if (block == NULL) {
        return NULL;
    }

    block->size = head + size;
    block->task.ctx = (u_char *) block + head;
    block->task.size = size;

    return &block->task;
}


void
ngx_http_totp_task_discard(ngx_http_totp_task_t *task)
{
    ngx_http_totp_task_block_t  *block;

    block = (ngx_http_totp_task_block_t *) task;

    ngx_explicit_memzero(block, block->size);
    ngx_free(block);
}


ngx_uint_t
ngx_http_totp_task_full(void)
{
    ngx_http_totp_task_conf_t  *conf;

    conf = ngx_http_totp_task_conf();

    return conf && ngx_http_totp_task_count >= conf->limit;
}


ngx_int_t
ngx_http_totp_task_post(ngx_http_totp_task_t *task)
{
    ngx_event_t                 *ev;
    ngx_thread_pool_t           *tp;
    ngx_http_totp_task_conf_t   *conf;
    ngx_http_totp_task_block_t  *block;

    block = (ngx_http_totp_task_block_t *) task;

    /* looked up here: after a reload the pool is another one */

    conf = ngx_http_totp_task_conf();
    tp = ngx_thread_pool_get((ngx_cycle_t *) ngx_cycle,
                             &ngx_http_totp_task_pool_name);

    if (conf == NULL || tp == NULL) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "totp: no thread pool \"%V\"",
                      &ngx_http_totp_task_pool_name);
        return NGX_ERROR;
    }

    if (ngx_http_totp_task_count >= conf->limit) {
        return NGX_BUSY;
    }

    block->thread.ctx = block;
    block->thread.handler = ngx_http_totp_task_thread;

    ev = &block->thread.event;
    ev->data = block;
    ev->handler = ngx_http_totp_task_handler;
    ev->log = ngx_cycle->log;

    if (ngx_thread_task_post(tp, &block->thread) != NGX_OK) {
        return NGX_BUSY;
    }

    ngx_http_totp_task_count++;

    /*
     * A worker that quits looks at its timers only: this one keeps it until
     * the thread is through, or it would leave the visitor without an answer.
     */

    ngx_add_timer(ev, NGX_HTTP_TOTP_TASK_LOOK);

    return NGX_OK;
}


/*
 * A hash takes a processor for as long as hundreds of requests do: where there
 * are no more processors than work, the event loops go first.  On Linux this
 * priority is the thread's own; elsewhere it may be the whole process'.
 */

static void
ngx_http_totp_task_yield(void)
{
#if (NGX_LINUX)
    static __thread ngx_uint_t  done;

    if (!done) {
        done = 1;
        (void) setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0)
                                            + NGX_HTTP_TOTP_TASK_NICE);
    }
#endif
}


/* On a thread: no log, no pool, nothing but the block. */

static void
ngx_http_totp_task_thread(void *data, ngx_log_t *log)
{
    ngx_http_totp_task_block_t  *block = data;

    /*
     * Nobody waits for it any more: whoever posts and goes away, over and
     * over, must not keep the threads busy; and on termination nginx waits for
     * the queue's end.
     */

    if (block->forgotten || ngx_terminate) {
        return;
    }

    ngx_http_totp_task_yield();

    block->task.run(block->task.ctx);
}


/* On the event loop: the thread is through, or the timer wants renewal. */

static void
ngx_http_totp_task_handler(ngx_event_t *ev)
{
    ngx_http_totp_task_block_t  *block = ev->data;

    if (!ev->complete) {
        ev->timedout = 0;
        ngx_add_timer(ev, NGX_HTTP_TOTP_TASK_LOOK);
        return;
    }

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_http_totp_task_count--;

    if (!block->forgotten) {
        block->task.done(block->task.ctx, block->task.data);
    }

    ngx_http_totp_task_discard(&block->task);
}


void
ngx_http_totp_task_forget(ngx_http_totp_task_t *task)
{
    ngx_http_totp_task_block_t  *block;

    block = (ngx_http_totp_task_block_t *) task;

    block->forgotten = 1;
}
