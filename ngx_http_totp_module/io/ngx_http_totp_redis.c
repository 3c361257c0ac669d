/*
 * A call outlives the request that made it: it holds copies of all that an
 * EVAL after NOSCRIPT needs, and its owner's callback only as long as there is
 * an owner.
 */

#include "ngx_http_totp_redis.h"
#include "ngx_http_totp_rconn_log.h"

#include <ngx_sha1.h>

#include "totp_wipe.h"


#define NGX_HTTP_TOTP_REDIS_LOGGED  16      /* classes of error remembered */


struct ngx_http_totp_call_s {
    ngx_queue_t                     queue;
    ngx_http_totp_redis_t          *redis;
    ngx_http_totp_rcmd_t           *cmd;
    const ngx_http_totp_script_t   *script;
    ngx_uint_t                      flags;
    ngx_http_totp_call_done_pt      done;
    void                           *data;
    size_t                          size;   /* of all this memory */
    int                             argc;
    totp_str_t                      argv[]; /* EVALSHA sha numkeys ... mark,
                                               then the bytes */
};


typedef struct {
    ngx_uint_t                      key;
    time_t                          time;
} ngx_http_totp_redis_logged_t;


struct ngx_http_totp_redis_s {
    ngx_http_totp_rconn_t          *rc;
    ngx_http_totp_redis_conf_t     *conf;
    ngx_log_t                      *log;
    ngx_queue_t                     calls;
    uint64_t                        mark;   /* of the last call */

    ngx_http_totp_redis_logged_t    logged[NGX_HTTP_TOTP_REDIS_LOGGED];

    unsigned                        aof_off:1;
    unsigned                        warned_evict:1;
    unsigned                        warned_save:1;
};


static void ngx_http_totp_redis_call_done(void *data,
    const totp_resp_t *reply);
static const totp_resp_t *ngx_http_totp_redis_answer(
    ngx_http_totp_call_t *call, const totp_resp_t *reply);
static ngx_int_t ngx_http_totp_redis_eval(ngx_http_totp_call_t *call);
static void ngx_http_totp_redis_error(ngx_http_totp_redis_t *redis,
    const char *name, const totp_resp_t *error);
static void ngx_http_totp_redis_call_finish(ngx_http_totp_call_t *call,
    const totp_resp_t *reply);
static void ngx_http_totp_redis_call_free(ngx_http_totp_call_t *call);
static void ngx_http_totp_redis_state(void *data, ngx_uint_t up);
static void ngx_http_totp_redis_memory_done(void *data,
    const totp_resp_t *reply);
static void ngx_http_totp_redis_persistence_done(void *data,
    const totp_resp_t *reply);
static void ngx_http_totp_redis_save_done(void *data,
    const totp_resp_t *reply);
static totp_str_t ngx_http_totp_redis_info(const totp_resp_t *reply,
    const char *name);


void
ngx_http_totp_script_prepare(ngx_http_totp_script_t *script)
{
    u_char      digest[20];
    ngx_sha1_t  sha1;

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, script->source.data, script->source.len);
    ngx_sha1_final(digest, &sha1);

    ngx_hex_dump((u_char *) script->sha1, digest, sizeof(digest));
}


ngx_http_totp_redis_t *
ngx_http_totp_redis_create(ngx_cycle_t *cycle,
    ngx_http_totp_redis_conf_t *conf)
{
    ngx_http_totp_redis_t  *redis;

    redis = ngx_calloc(sizeof(ngx_http_totp_redis_t), cycle->log);
    if (redis == NULL) {
        return NULL;
    }

    redis->conf = conf;
    redis->log = cycle->log;

    /* another worker's are others, should a proxy confuse our connections */

    redis->mark = (uint64_t) ngx_random() << 32 ^ (uint64_t) ngx_random();

    ngx_queue_init(&redis->calls);

    redis->rc = ngx_http_totp_rconn_create(cycle, conf,
                                           ngx_http_totp_redis_state, redis);
    if (redis->rc == NULL) {
        ngx_free(redis);
        return NULL;
    }

    ngx_http_totp_rconn_start(redis->rc);

    return redis;
}


void
ngx_http_totp_redis_destroy(ngx_http_totp_redis_t *redis)
{
    ngx_queue_t  *q;

    ngx_http_totp_rconn_destroy(redis->rc);

    while (!ngx_queue_empty(&redis->calls)) {
        q = ngx_queue_head(&redis->calls);
        ngx_http_totp_redis_call_free(ngx_queue_data(q, ngx_http_totp_call_t,
                                                     queue));
    }

    ngx_free(redis);
}


ngx_uint_t
ngx_http_totp_redis_up(ngx_http_totp_redis_t *redis)
{
    return ngx_http_totp_rconn_up(redis->rc);
}


ngx_http_totp_call_t *
ngx_http_totp_redis_script(ngx_http_totp_redis_t *redis,
    const ngx_http_totp_script_t *script, ngx_uint_t flags, ngx_uint_t nkeys,
    ngx_uint_t argc, const totp_str_t *argv, ngx_http_totp_call_done_pt done,
    void *data)
{
    u_char                *p;
    size_t                 size;
    ngx_uint_t             i;
    ngx_http_totp_call_t  *call;

    size = sizeof(ngx_http_totp_call_t) + (argc + 4) * sizeof(totp_str_t)
           + NGX_INT_T_LEN + NGX_INT64_LEN;

    for (i = 0; i < argc; i++) {
        size += argv[i].len;
    }

    call = ngx_alloc(size, redis->log);
    if (call == NULL) {
        return NULL;
    }

    ngx_memzero(call, sizeof(ngx_http_totp_call_t));

    call->redis = redis;
    call->script = script;
    call->flags = flags;
    call->done = done;
    call->data = data;
    call->size = size;
    call->argc = (int) argc + 4;

    p = (u_char *) &call->argv[call->argc];

    call->argv[0] = totp_str("EVALSHA", 7);
    call->argv[1] = totp_str(script->sha1, sizeof(script->sha1));
    call->argv[2].data = p;
    p = ngx_sprintf(p, "%ui", nkeys);
    call->argv[2].len = p - call->argv[2].data;

    for (i = 0; i < argc; i++) {
        call->argv[i + 3] = totp_str(p, argv[i].len);
        p = ngx_cpymem(p, argv[i].data, argv[i].len);
    }

    call->argv[argc + 3] = totp_str(p, ngx_sprintf(p, "%xL", ++redis->mark)
                                       - p);

    ngx_queue_insert_tail(&redis->calls, &call->queue);

    call->cmd = ngx_http_totp_rconn_send(redis->rc, call->argc, call->argv,
                                         flags, 0,
                                         ngx_http_totp_redis_call_done, call);
    if (call->cmd == NULL) {
        ngx_http_totp_redis_call_free(call);
        return NULL;
    }

    return call;
}


/*
 * The command is not forgotten: it may need its EVAL all the same, when
 * somebody who signed out did not wait for the answer.
 */

void
ngx_http_totp_call_forget(ngx_http_totp_call_t *call)
{
    call->done = NULL;
    call->flags |= NGX_HTTP_TOTP_RCMD_BACKGROUND;

    ngx_http_totp_rconn_background(call->cmd);
}


static void
ngx_http_totp_redis_call_done(void *data, const totp_resp_t *reply)
{
    const totp_resp_t      *answer;
    ngx_http_totp_call_t   *call;
    ngx_http_totp_redis_t  *redis;

    call = data;
    redis = call->redis;

    call->cmd = NULL;

    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, redis->log, 0,
                   "totp redis script \"%s\" done, type:%d",
                   call->script->name, (int) totp_resp_type(reply));

    if (reply == NULL) {
        ngx_http_totp_redis_call_finish(call, NULL);
        return;
    }

    if (totp_resp_type(reply) != TOTP_RESP_ERROR) {

        answer = ngx_http_totp_redis_answer(call, reply);

        if (answer == NULL) {
            ngx_http_totp_rconn_drop(redis->rc,
                                     "an answer is not to what was asked");
        }

        ngx_http_totp_redis_call_finish(call, answer);
        return;
    }

    if (totp_resp_is_error(reply, "NOSCRIPT")
        && ngx_http_totp_redis_eval(call) == NGX_OK)
    {
        return;
    }

    ngx_http_totp_redis_error(redis, call->script->name, reply);

    /* not the Redis that it was, or not one that can serve us */

    if (totp_resp_is_error(reply, "READONLY")
        || totp_resp_is_error(reply, "MASTERDOWN")
        || totp_resp_is_error(reply, "MOVED")
        || totp_resp_is_error(reply, "ASK")
        || totp_resp_is_error(reply, "NOAUTH"))
    {
        ngx_http_totp_rconn_drop_error(redis->rc, "dropped", reply);
    }

    ngx_http_totp_redis_call_finish(call, NULL);
}


/*
 * What the script gave, behind the call's mark.  NULL: that is no answer of
 * ours, or that of another call, and whose the next one is nobody knows.
 */

static const totp_resp_t *
ngx_http_totp_redis_answer(ngx_http_totp_call_t *call,
    const totp_resp_t *reply)
{
    const totp_resp_t  *answer;

    answer = totp_resp_element(reply, 1);

    if (totp_resp_elements(reply) != 2
        || totp_resp_elements(answer) == 0
        || !totp_str_eq(totp_resp_str(totp_resp_element(reply, 0)),
                        call->argv[call->argc - 1]))
    {
        return NULL;
    }

    return answer;
}


/* NGX_DECLINED: that was it already. */

static ngx_int_t
ngx_http_totp_redis_eval(ngx_http_totp_call_t *call)
{
    if (call->argv[1].data == call->script->source.data) {
        return NGX_DECLINED;
    }

    call->argv[0] = totp_str("EVAL", 4);
    call->argv[1] = call->script->source;

    call->cmd = ngx_http_totp_rconn_send(call->redis->rc, call->argc,
                                         call->argv, call->flags, 0,
                                         ngx_http_totp_redis_call_done, call);

    return call->cmd ? NGX_OK : NGX_ERROR;
}


/* One line a second for each script and class of error. */

static void
ngx_http_totp_redis_error(ngx_http_totp_redis_t *redis, const char *name,
    const totp_resp_t *error)
{
    ngx_str_t                      word;
    ngx_uint_t                     i, key;
    const char                    *hint;
    ngx_http_totp_redis_logged_t  *slot;

    hint = ngx_http_totp_rconn_log_hint(error, &word);

    key = ngx_hash(ngx_hash_key((u_char *) name, ngx_strlen(name)),
                   ngx_hash_key(word.data, word.len));

    slot = &redis->logged[0];

    for (i = 0; i < NGX_HTTP_TOTP_REDIS_LOGGED; i++) {

        if (redis->logged[i].key == key) {
            slot = &redis->logged[i];
            break;
        }

        if (redis->logged[i].time < slot->time) {
            slot = &redis->logged[i];
        }
    }

    if (slot->key == key && slot->time == ngx_time()) {
        return;
    }

    slot->key = key;
    slot->time = ngx_time();

    ngx_log_error(NGX_LOG_ERR, redis->log, 0,
                  "totp: redis \"%V\": script \"%s\" failed: %V%s%s",
                  &redis->conf->text, name, &word, *hint ? ", " : "", hint);
}


static void
ngx_http_totp_redis_call_finish(ngx_http_totp_call_t *call,
    const totp_resp_t *reply)
{
    void                        *data;
    ngx_http_totp_call_done_pt   done;

    done = call->done;
    data = call->data;

    ngx_http_totp_redis_call_free(call);

    if (done) {
        done(data, reply);
    }
}


static void
ngx_http_totp_redis_call_free(ngx_http_totp_call_t *call)
{
    ngx_queue_remove(&call->queue);

    totp_wipe(call, call->size);
    ngx_free(call);
}


/*
 * What about this Redis may lose state is told to the operator by one worker,
 * once, and again only after it had been set right.  An ACL may keep it from
 * us: then nothing is told.
 */

static void
ngx_http_totp_redis_state(void *data, ngx_uint_t up)
{
    ngx_uint_t              flags;
    totp_str_t              memory[2], persistence[2], save[3];
    ngx_http_totp_redis_t  *redis;

    redis = data;

    if (!up || ngx_worker != 0) {
        return;
    }

    memory[0] = totp_str("INFO", 4);
    memory[1] = totp_str("memory", 6);

    persistence[0] = totp_str("INFO", 4);
    persistence[1] = totp_str("persistence", 11);

    save[0] = totp_str("CONFIG", 6);
    save[1] = totp_str("GET", 3);
    save[2] = totp_str("save", 4);

    flags = NGX_HTTP_TOTP_RCMD_BOUND|NGX_HTTP_TOTP_RCMD_BACKGROUND;

    redis->aof_off = 0;

    (void) ngx_http_totp_rconn_send(redis->rc, 2, memory, flags, 0,
                                    ngx_http_totp_redis_memory_done, redis);
    (void) ngx_http_totp_rconn_send(redis->rc, 2, persistence, flags, 0,
                                    ngx_http_totp_redis_persistence_done,
                                    redis);
    (void) ngx_http_totp_rconn_send(redis->rc, 3, save, flags, 0,
                                    ngx_http_totp_redis_save_done, redis);
}


static void
ngx_http_totp_redis_memory_done(void *data, const totp_resp_t *reply)
{
    totp_str_t              max, policy;
    ngx_http_totp_redis_t  *redis;

    redis = data;

    max = ngx_http_totp_redis_info(reply, "maxmemory");
    policy = ngx_http_totp_redis_info(reply, "maxmemory_policy");

    if (max.len == 0 || policy.len == 0) {
        return;
    }

    if (totp_str_eq(max, totp_str("0", 1))
        || totp_str_eq(policy, totp_str("noeviction", 10)))
    {
        redis->warned_evict = 0;
        return;
    }

    if (!redis->warned_evict) {
        redis->warned_evict = 1;
        ngx_log_error(NGX_LOG_WARN, redis->log, 0,
                      "totp: redis \"%V\" may evict users' second factors: it"
                      " has a maxmemory, and a maxmemory-policy other than"
                      " noeviction",
                      &redis->conf->text);
    }
}


static void
ngx_http_totp_redis_persistence_done(void *data, const totp_resp_t *reply)
{
    totp_str_t              aof;
    ngx_http_totp_redis_t  *redis;

    redis = data;

    aof = ngx_http_totp_redis_info(reply, "aof_enabled");

    redis->aof_off = totp_str_eq(aof, totp_str("0", 1));
}


static void
ngx_http_totp_redis_save_done(void *data, const totp_resp_t *reply)
{
    ngx_http_totp_redis_t  *redis;

    redis = data;

    if (totp_resp_elements(reply) != 2
        || totp_resp_type(totp_resp_element(reply, 1)) != TOTP_RESP_STRING)
    {
        return;
    }

    if (!redis->aof_off || totp_resp_str(totp_resp_element(reply, 1)).len) {
        redis->warned_save = 0;
        return;
    }

    if (!redis->warned_save) {
        redis->warned_save = 1;
        ngx_log_error(NGX_LOG_WARN, redis->log, 0,
                      "totp: redis \"%V\" keeps nothing over a restart:"
                      " appendonly is no, and save is empty",
                      &redis->conf->text);
    }
}


/* The value of "name:value" in a reply to INFO; empty where there is none. */

static totp_str_t
ngx_http_totp_redis_info(const totp_resp_t *reply, const char *name)
{
    size_t       i, n, len;
    totp_str_t   text;

    if (totp_resp_type(reply) != TOTP_RESP_STRING) {
        return totp_str("", 0);
    }

    text = totp_resp_str(reply);
    len = ngx_strlen(name);

    for (i = 0; i < text.len; i += n + 1) {

        for (n = 0; i + n < text.len && text.data[i + n] != '\n'; n++) {
            /* void */
        }

        if (n > len
            && ngx_memcmp(text.data + i, name, len) == 0
            && text.data[i + len] == ':')
        {
            n -= len + 1;
            i += len + 1;

            while (n && text.data[i + n - 1] == '\r') {
                n--;
            }

            return totp_str(text.data + i, n);
        }
    }

    return totp_str("", 0);
}
