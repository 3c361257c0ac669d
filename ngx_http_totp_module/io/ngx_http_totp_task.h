/*
 * A blocking call on the thread pool "totp".
 *
 * A task owns copies of all it needs, in memory of its own: the request that
 * asked may end at any time (_forget), the thread touches neither it, nor a
 * pool, nor a log.  The number of tasks under way is bounded here, since
 * nginx's own queue logs an error on overflow.
 *
 * The threads have a lower priority than the worker, where the system can do
 * that: whoever hashes must not keep a processor from whoever serves.
 *
 * A worker that is asked to quit stays for the tasks under way; one that is
 * asked to terminate does not begin those that still wait.
 */

#ifndef NGX_HTTP_TOTP_TASK_H
#define NGX_HTTP_TOTP_TASK_H

#include <ngx_config.h>
#include <ngx_core.h>


typedef struct ngx_http_totp_task_s  ngx_http_totp_task_t;

struct ngx_http_totp_task_s {
    void   *ctx;                    /* the task's own memory, zeroed */
    size_t  size;                   /* of ctx, in bytes */
    void  (*run)(void *ctx);        /* on a thread; not called when forgotten
                                       in the queue, or on termination: ctx
                                       must begin as a failure */
    void  (*done)(void *ctx, void *data);   /* on the event loop, unless
                                               forgotten */
    void   *data;
};


/*
 * Adds the pool to the configuration, unless the operator wrote a
 * `thread_pool totp` before the http block: its threads are then the
 * operator's, while the bound on tasks stays threads + max_queue (nginx does
 * not tell the numbers of a pool).  Once a configuration, between the http
 * block's begin and end.  Returns NGX_OK or NGX_ERROR (logged).
 */
ngx_int_t ngx_http_totp_task_init(ngx_conf_t *cf, ngx_uint_t threads,
    ngx_uint_t max_queue);

/* Would _post return NGX_BUSY?  For whoever can refuse before any work. */
ngx_uint_t ngx_http_totp_task_full(void);

/* NULL when out of memory.  Freed by _discard, or by itself once posted. */
ngx_http_totp_task_t *ngx_http_totp_task_create(size_t size);
void ngx_http_totp_task_discard(ngx_http_totp_task_t *task);

/*
 * Returns NGX_OK: done will be called, never before return, after which ctx is
 * wiped and freed.  NGX_BUSY: threads + max_queue tasks of this worker are
 * under way, or nginx's own queue refused; NGX_ERROR: no pool; in both cases
 * the task is still the caller's.
 */
ngx_int_t ngx_http_totp_task_post(ngx_http_totp_task_t *task);

/*
 * done will not be called; the memory is wiped and freed when the thread is
 * through with it.  Harmless from within done itself, not after it.
 */
void ngx_http_totp_task_forget(ngx_http_totp_task_t *task);


#endif /* NGX_HTTP_TOTP_TASK_H */
