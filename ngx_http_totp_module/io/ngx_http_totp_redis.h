/*
 * Redis as the layers above see it: commands and scripts.  Which connection
 * they take, NOSCRIPT, retries and the classes of error are settled here.
 */

#ifndef NGX_HTTP_TOTP_REDIS_H
#define NGX_HTTP_TOTP_REDIS_H

#include "ngx_http_totp_rconn.h"


/* Must outlive the calls. */

typedef struct {
    const char  *name;              /* for logs */
    totp_str_t   source;            /* Lua */
    char         sha1[40];          /* lower-case hex, no NUL; _prepare */
} ngx_http_totp_script_t;


typedef struct ngx_http_totp_redis_s  ngx_http_totp_redis_t;
typedef struct ngx_http_totp_call_s   ngx_http_totp_call_t;


/*
 * As ngx_http_totp_rconn_done_pt: called exactly once unless forgotten, never
 * before the call that sent it has returned; reply is NULL, too, for every
 * error reply: those are logged (class, script and the error's first word;
 * at most one line a second each) and never reach the caller.
 */
typedef void (*ngx_http_totp_call_done_pt)(void *data,
    const totp_resp_t *reply);


/* Fills in sha1 from source. */
void ngx_http_totp_script_prepare(ngx_http_totp_script_t *script);

/* For the life of a worker; connects at once. NULL when out of memory. */
ngx_http_totp_redis_t *ngx_http_totp_redis_create(ngx_cycle_t *cycle,
    ngx_http_totp_redis_conf_t *conf);
void ngx_http_totp_redis_destroy(ngx_http_totp_redis_t *redis);

/* Is there a connection that is usable now? */
ngx_uint_t ngx_http_totp_redis_up(ngx_http_totp_redis_t *redis);

/*
 * EVALSHA, and EVAL once on NOSCRIPT.  argv is keys, then arguments; all is
 * copied.  Returns NULL when it cannot be sent: done is never called then.
 *
 * The script gets one argument more, the last: a mark that no other call has.
 * It answers {mark, {...}}, and done is given the inner array, which is not
 * empty.  Any other answer costs the connection, whose order nobody knows then.
 */
ngx_http_totp_call_t *ngx_http_totp_redis_script(ngx_http_totp_redis_t *redis,
    const ngx_http_totp_script_t *script, ngx_uint_t flags, ngx_uint_t nkeys,
    ngx_uint_t argc, const totp_str_t *argv, ngx_http_totp_call_done_pt done,
    void *data);

/*
 * Whoever asked is gone: the reply will be dropped.  What the script does is
 * done all the same, with EVAL where that is needed.
 */
void ngx_http_totp_call_forget(ngx_http_totp_call_t *call);


#endif /* NGX_HTTP_TOTP_REDIS_H */
