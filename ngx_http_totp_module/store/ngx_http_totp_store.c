
#include "ngx_http_totp_store.h"
#include "ngx_http_totp_scripts.h"
#include "ngx_http_totp_zone.h"
#include "ngx_http_totp_feed.h"

#include <openssl/rand.h>

#include "totp_name.h"
#include "totp_seal.h"
#include "totp_wipe.h"


#define NGX_HTTP_TOTP_ADDRESS_FACTOR  20    /* of totp_attempts' n */
#define NGX_HTTP_TOTP_USER_LIMIT      100   /* failed passwords of a user ... */
#define NGX_HTTP_TOTP_USER_WINDOW     3600  /* ... in that many seconds */
#define NGX_HTTP_TOTP_SECRET_HEAD     6     /* alg, digits, period */

/* keys and arguments of one call; what they point to stands in scratch */
#define NGX_HTTP_TOTP_ARGS            (16 + TOTP_KEYRING_MAX + TOTP_BACKUP_MAX)
#define NGX_HTTP_TOTP_SCRATCH         (12 * 1024)


typedef void (*ngx_http_totp_op_parse_pt)(ngx_http_totp_op_t *op,
    const totp_resp_t *reply, ngx_http_totp_reply_t *out);


/* Answers may come in another order: a script that Redis forgot is sent again. */

typedef struct {
    ngx_http_totp_op_t          *op;
    ngx_http_totp_call_t        *call;      /* NULL: answered */
    ngx_uint_t                   counted;   /* reserve: a failure was counted */
} ngx_http_totp_op_slot_t;


struct ngx_http_totp_op_s {
    ngx_http_totp_op_slot_t      slots[2];  /* reserve: the user's, then the
                                               address's; else only the first */
    ngx_uint_t                   sent;
    ngx_uint_t                   waiting;
    ngx_http_totp_store_rc_t     failed;    /* the first that was not OK */
    time_t                       retry_after;

    ngx_http_totp_op_parse_pt    parse;
    ngx_http_totp_store_done_pt  done;
    void                        *data;

    ngx_http_totp_loc_conf_t    *conf;
    size_t                       user_len;
    u_char                       user[TOTP_USER_MAX];
    u_char                       network[NGX_SOCKADDR_STRLEN];
    size_t                       network_len;

    /* a session that ends when the operation succeeds */
    u_char                       sid[TOTP_SID_LEN];
    uint64_t                     until;

    /* what is open only until done has returned */
    ngx_http_totp_secret_t       secret;
    ngx_http_totp_codes_t        codes;
};


typedef struct {
    ngx_uint_t                   nkeys;
    ngx_uint_t                   n;
    totp_str_t                   argv[NGX_HTTP_TOTP_ARGS];
    u_char                      *last;
    u_char                       scratch[NGX_HTTP_TOTP_SCRATCH];
    ngx_str_t                    name;      /* realm:escaped-user */
} ngx_http_totp_args_t;


static ngx_int_t ngx_http_totp_store_hello(void *data,
    const totp_resp_t *reply);
static void ngx_http_totp_store_entry(void *data, uint64_t ms,
    const totp_resp_t *fields);
static void ngx_http_totp_store_complete(void *data);
static void ngx_http_totp_store_heard(void *data, uint64_t redis_ms);
static void ngx_http_totp_store_foreign(void);

static ngx_http_totp_op_t *ngx_http_totp_op_create(ngx_http_totp_who_t *who,
    ngx_http_totp_op_parse_pt parse, ngx_http_totp_store_done_pt done,
    void *data);
static ngx_http_totp_op_t *ngx_http_totp_op_send(ngx_http_totp_op_t *op,
    const ngx_http_totp_script_t *script, ngx_http_totp_args_t *a);
static void ngx_http_totp_op_done(void *data, const totp_resp_t *reply);
static void ngx_http_totp_op_destroy(ngx_http_totp_op_t *op);
static ngx_http_totp_store_rc_t ngx_http_totp_op_word(const totp_resp_t *reply,
    ngx_http_totp_reply_t *out);
static uint64_t ngx_http_totp_op_int(const totp_resp_t *reply, ngx_uint_t i,
    ngx_http_totp_reply_t *out);

static void ngx_http_totp_args_init(ngx_http_totp_args_t *a,
    ngx_http_totp_who_t *who);
static void ngx_http_totp_args_key(ngx_http_totp_args_t *a, const char *kind,
    ngx_str_t *suffix);
static void ngx_http_totp_args_session_key(ngx_http_totp_args_t *a,
    const char *kind, const u_char *sid);
static void ngx_http_totp_args_global_key(ngx_http_totp_args_t *a,
    const char *kind, ngx_str_t *suffix);
static void ngx_http_totp_args_begin(ngx_http_totp_args_t *a);
static void ngx_http_totp_args_str(ngx_http_totp_args_t *a, totp_str_t s);
static void ngx_http_totp_args_num(ngx_http_totp_args_t *a, uint64_t n);
static void ngx_http_totp_args_sid(ngx_http_totp_args_t *a, const u_char *sid);

static ngx_int_t ngx_http_totp_store_codes_make(ngx_http_totp_who_t *who,
    ngx_http_totp_args_t *a);
static ngx_int_t ngx_http_totp_store_open_secret(ngx_http_totp_op_t *op,
    totp_str_t sealed, ngx_http_totp_reply_t *out);
static ngx_int_t ngx_http_totp_store_open(ngx_http_totp_op_t *op,
    const char *purpose, totp_str_t sealed, uint8_t *out, size_t size,
    size_t *len, int *stale);


/* one of each a worker */
static ngx_http_totp_main_conf_t  *ngx_http_totp_store_mcf;
static ngx_http_totp_redis_t      *ngx_http_totp_store_redis;
static ngx_http_totp_feed_t       *ngx_http_totp_store_feed;
static ngx_http_totp_feed_conf_t   ngx_http_totp_store_feed_conf;
static u_char                      ngx_http_totp_store_fresh_id[
                                       NGX_HTTP_TOTP_STORE_ID_LEN];


ngx_int_t
ngx_http_totp_store_start(ngx_cycle_t *cycle, ngx_http_totp_main_conf_t *mcf)
{
    u_char                      random[NGX_HTTP_TOTP_STORE_ID_LEN / 2];
    u_char                     *p;
    ngx_str_t                  *prefix;
    ngx_http_totp_feed_conf_t  *fc;
    static ngx_str_t            store_key, stream_key;

    if (ngx_http_totp_scripts_init(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_totp_store_mcf = mcf;

    ngx_http_totp_store_redis = ngx_http_totp_redis_create(cycle, &mcf->redis);
    if (ngx_http_totp_store_redis == NULL) {
        return NGX_ERROR;
    }

    if (ngx_worker != 0) {
        return NGX_OK;
    }

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return NGX_ERROR;
    }

    ngx_hex_dump(ngx_http_totp_store_fresh_id, random, sizeof(random));

    prefix = &mcf->redis.prefix;

    p = ngx_pnalloc(cycle->pool, 2 * prefix->len + sizeof("storerevoked") - 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    store_key.data = p;
    p = ngx_sprintf(p, "%Vstore", prefix);
    store_key.len = p - store_key.data;

    stream_key.data = p;
    p = ngx_sprintf(p, "%Vrevoked", prefix);
    stream_key.len = p - stream_key.data;

    fc = &ngx_http_totp_store_feed_conf;

    fc->stream = stream_key;
    fc->hello_argc = 6;
    fc->hello_argv = ngx_palloc(cycle->pool, 6 * sizeof(totp_str_t));
    if (fc->hello_argv == NULL) {
        return NGX_ERROR;
    }

    fc->hello_argv[0] = totp_str("EVAL", 4);
    fc->hello_argv[1] = ngx_http_totp_script_hello.source;
    fc->hello_argv[2] = totp_str("1", 1);
    fc->hello_argv[3] = ngx_http_totp_str(&store_key);
    fc->hello_argv[4] = totp_str("", 0);
    fc->hello_argv[5] = totp_str(ngx_http_totp_store_fresh_id,
                                 NGX_HTTP_TOTP_STORE_ID_LEN);

    p = ngx_http_totp_zone_store_id(mcf->zone);

    if (p) {
        /* a reload: we remember */
        fc->hello_argv[4] = totp_str(p, NGX_HTTP_TOTP_STORE_ID_LEN);
    }

    fc->hello = ngx_http_totp_store_hello;
    fc->entry = ngx_http_totp_store_entry;
    fc->complete = ngx_http_totp_store_complete;
    fc->heard = ngx_http_totp_store_heard;

    ngx_http_totp_store_feed = ngx_http_totp_feed_create(cycle, &mcf->redis,
                                                         fc);

    return ngx_http_totp_store_feed ? NGX_OK : NGX_ERROR;
}


void
ngx_http_totp_store_stop(void)
{
    if (ngx_http_totp_store_feed) {
        ngx_http_totp_feed_destroy(ngx_http_totp_store_feed);
        ngx_http_totp_store_feed = NULL;
    }

    if (ngx_http_totp_store_redis) {
        ngx_http_totp_redis_destroy(ngx_http_totp_store_redis);
        ngx_http_totp_store_redis = NULL;
    }
}


ngx_uint_t
ngx_http_totp_store_up(void)
{
    return ngx_http_totp_store_redis
           && ngx_http_totp_redis_up(ngx_http_totp_store_redis);
}


ngx_str_t
ngx_http_totp_store_name(u_char *buf, totp_str_t realm, totp_str_t user)
{
    ngx_str_t  name;

    name.data = buf;

    buf = ngx_cpymem(buf, realm.data, realm.len);
    *buf++ = ':';
    buf += totp_name_escape((char *) buf, user);

    name.len = buf - name.data;

    return name;
}


/* The feed. */


static ngx_int_t
ngx_http_totp_store_hello(void *data, const totp_resp_t *reply)
{
    u_char      *id;
    totp_str_t   word, given;

    word = totp_resp_str(totp_resp_element(reply, 0));
    given = totp_resp_str(totp_resp_element(reply, 1));

    if (word.len != 2 || given.len != NGX_HTTP_TOTP_STORE_ID_LEN) {

        if (totp_resp_type(reply) == TOTP_RESP_ERROR) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "totp: redis refuses the greeting script; does its "
                          "ACL allow EVAL and \"%V*\"?",
                          &ngx_http_totp_store_mcf->redis.prefix);

        } else {
            ngx_http_totp_store_foreign();
        }

        return NGX_ERROR;
    }

    ngx_http_totp_zone_set_store_id(ngx_http_totp_store_mcf->zone, given.data);

    id = ngx_http_totp_zone_store_id(ngx_http_totp_store_mcf->zone);

    ngx_http_totp_store_feed_conf.hello_argv[4] =
                                     totp_str(id, NGX_HTTP_TOTP_STORE_ID_LEN);

    return NGX_OK;
}


static void
ngx_http_totp_store_entry(void *data, uint64_t ms, const totp_resp_t *fields)
{
    int              ok;
    int64_t          n;
    ngx_int_t        high, low;
    ngx_str_t        name;
    totp_str_t       what, whom;
    ngx_uint_t       i;
    uint8_t          sid[TOTP_SID_LEN];
    ngx_shm_zone_t  *zone;

    zone = ngx_http_totp_store_mcf->zone;

    what = totp_resp_str(totp_resp_element(fields, 0));
    whom = totp_resp_str(totp_resp_element(fields, 1));
    n = totp_resp_int(totp_resp_element(fields, 3), &ok);

    if (!ok || n < 0) {
        goto invalid;
    }

    if (what.len == 4 && ngx_memcmp(what.data, "user", 4) == 0) {

        name.len = whom.len;
        name.data = (u_char *) whom.data;

        ngx_http_totp_zone_revoke_user(zone, &name, n,
                                ms / 1000 + ngx_http_totp_store_mcf->keep,
                                ms / 1000);
        return;
    }

    if (what.len == 3 && ngx_memcmp(what.data, "sid", 3) == 0
        && whom.len == 2 * TOTP_SID_LEN)
    {
        for (i = 0; i < TOTP_SID_LEN; i++) {
            high = ngx_hextoi((u_char *) &whom.data[2 * i], 1);
            low = ngx_hextoi((u_char *) &whom.data[2 * i + 1], 1);

            if (high == NGX_ERROR || low == NGX_ERROR) {
                goto invalid;
            }

            sid[i] = (uint8_t) (high << 4 | low);
        }

        ngx_http_totp_zone_revoke_session(zone, sid, n, ms / 1000);
        return;
    }

invalid:

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "totp: an entry of the stream \"%V\" is not one of ours",
                  &ngx_http_totp_store_feed_conf.stream);
}


static void
ngx_http_totp_store_complete(void *data)
{
    ngx_http_totp_zone_complete(ngx_http_totp_store_mcf->zone);
}


static void
ngx_http_totp_store_heard(void *data, uint64_t redis_ms)
{
    ngx_http_totp_zone_heard(ngx_http_totp_store_mcf->zone, redis_ms);
}


/*
 * Redis is empty, or another one than we remember.  Only an operator can say
 * whether that is meant: nobody must be taken for "not enabled" meanwhile.
 */

static void
ngx_http_totp_store_foreign(void)
{
    ngx_str_t      id;
    static time_t  logged;

    if (logged == ngx_time()) {
        return;
    }

    logged = ngx_time();

    id.len = NGX_HTTP_TOTP_STORE_ID_LEN;
    id.data = ngx_http_totp_zone_store_id(ngx_http_totp_store_mcf->zone);

    if (id.data == NULL) {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "totp: redis at \"%V\" is empty or not the store that this "
                  "node remembers; if that is meant, confirm it with: "
                  "redis-cli SADD %Vstore %V",
                  &ngx_http_totp_store_mcf->redis.text,
                  &ngx_http_totp_store_mcf->redis.prefix, &id);
}


/* The password. */


static void
ngx_http_totp_store_refund_keys(ngx_http_totp_who_t *who, ngx_uint_t user,
    ngx_uint_t address)
{
    ngx_http_totp_args_t  a;
    ngx_http_totp_op_t   *op;

    if (user) {
        ngx_http_totp_args_init(&a, who);
        ngx_http_totp_args_key(&a, "tries", &who->network);
        ngx_http_totp_args_key(&a, "tries", NULL);
        ngx_http_totp_args_begin(&a);

        op = ngx_http_totp_op_send(
                       ngx_http_totp_op_create(who, NULL, NULL, NULL),
                       &ngx_http_totp_script_refund, &a);
        ngx_http_totp_store_forget(op);
    }

    if (address) {
        ngx_http_totp_args_init(&a, who);
        ngx_http_totp_args_global_key(&a, "tries-address:", &who->network);
        ngx_http_totp_args_begin(&a);

        op = ngx_http_totp_op_send(
                       ngx_http_totp_op_create(who, NULL, NULL, NULL),
                       &ngx_http_totp_script_refund, &a);
        ngx_http_totp_store_forget(op);
    }
}


ngx_http_totp_op_t *
ngx_http_totp_store_reserve(ngx_http_totp_who_t *who,
    ngx_http_totp_store_done_pt done, void *data)
{
    ngx_http_totp_op_t    *op;
    ngx_http_totp_args_t   a;

    op = ngx_http_totp_op_create(who, NULL, done, data);

    ngx_http_totp_args_init(&a, who);
    ngx_http_totp_args_key(&a, "tries", &who->network);
    ngx_http_totp_args_key(&a, "tries", NULL);
    ngx_http_totp_args_key(&a, "known", NULL);
    ngx_http_totp_args_begin(&a);
    ngx_http_totp_args_str(&a, ngx_http_totp_str(&who->network));
    ngx_http_totp_args_num(&a, who->conf->attempts);
    ngx_http_totp_args_num(&a, who->conf->attempts_time);
    ngx_http_totp_args_num(&a, NGX_HTTP_TOTP_USER_LIMIT);
    ngx_http_totp_args_num(&a, NGX_HTTP_TOTP_USER_WINDOW);

    op = ngx_http_totp_op_send(op, &ngx_http_totp_script_reserve, &a);

    ngx_http_totp_args_init(&a, who);
    ngx_http_totp_args_global_key(&a, "tries-address:", &who->network);
    ngx_http_totp_args_begin(&a);
    ngx_http_totp_args_num(&a, who->conf->attempts
                               * NGX_HTTP_TOTP_ADDRESS_FACTOR);
    ngx_http_totp_args_num(&a, who->conf->attempts_time);

    return ngx_http_totp_op_send(op, &ngx_http_totp_script_reserve_address,
                                 &a);
}


void
ngx_http_totp_store_refund(ngx_http_totp_who_t *who)
{
    ngx_http_totp_store_refund_keys(who, 1, 1);
}


static void
ngx_http_totp_store_signin_parse(ngx_http_totp_op_t *op,
    const totp_resp_t *reply, ngx_http_totp_reply_t *out)
{
    out->now = ngx_http_totp_op_int(reply, 1, out);
    out->epoch = ngx_http_totp_op_int(reply, 2, out);
    out->enabled = ngx_http_totp_op_int(reply, 3, out);
}


ngx_http_totp_op_t *
ngx_http_totp_store_signin(ngx_http_totp_who_t *who,
    ngx_http_totp_store_done_pt done, void *data)
{
    ngx_http_totp_op_t    *op;
    ngx_http_totp_args_t   a;

    op = ngx_http_totp_op_create(who, ngx_http_totp_store_signin_parse, done,
                                 data);

    ngx_http_totp_args_init(&a, who);
    ngx_http_totp_args_key(&a, "user", NULL);
    ngx_http_totp_args_key(&a, "tries", &who->network);
    ngx_http_totp_args_key(&a, "tries", NULL);
    ngx_http_totp_args_key(&a, "known", NULL);
    ngx_http_totp_args_key(&a, "events", NULL);
    ngx_http_totp_args_global_key(&a, "revoked", NULL);
    ngx_http_totp_args_begin(&a);
    ngx_http_totp_args_str(&a, ngx_http_totp_str(&who->network));
    ngx_http_totp_args_num(&a, ngx_http_totp_store_mcf->keep);

    if (who->session) {
        ngx_http_totp_args_sid(&a, who->session->sid);
        ngx_http_totp_args_num(&a, who->session->expires);

        if (op) {
            ngx_memcpy(op->sid, who->session->sid, TOTP_SID_LEN);
            op->until = who->session->expires;
        }

    } else {
        ngx_http_totp_args_str(&a, totp_str("", 0));
        ngx_http_totp_args_num(&a, 0);
    }

    ngx_http_totp_args_str(&a, ngx_http_totp_str(&who->address));

    op = ngx_http_totp_op_send(op, &ngx_http_totp_script_signin, &a);

    if (op) {
        ngx_http_totp_store_refund_keys(who, 0, 1);
    }

    return op;
}


/* The second factor. */


static void
ngx_http_totp_store_attempt_parse(ngx_http_totp_op_t *op,
    const totp_resp_t *reply, ngx_http_totp_reply_t *out)
{
    out->now = ngx_http_totp_op_int(reply, 1, out);
    out->attempts_left = ngx_http_totp_op_int(reply, 3, out);
    out->last_step = ngx_http_totp_op_int(reply, 4, out);

    if (ngx_http_totp_store_open_secret(op,
                                   totp_resp_str(totp_resp_element(reply, 2)),
                                   out)
        != NGX_OK)
    {
        out->rc = NGX_HTTP_TOTP_STORE_UNAVAILABLE;
    }
}


ngx_http_totp_op_t *
ngx_http_totp_store_attempt(ngx_http_totp_who_t *who, ngx_uint_t setup,
    ngx_http_totp_store_done_pt done, void *data)
{
    ngx_http_totp_args_t  a;

    ngx_http_totp_args_init(&a, who);
    ngx_http_totp_args_key(&a, "user", NULL);
    ngx_http_totp_args_session_key(&a, "spent", who->session->sid);
    ngx_http_totp_args_session_key(&a, "pending", who->session->sid);
    ngx_http_totp_args_key(&a, "events", NULL);
    ngx_http_totp_args_begin(&a);
    ngx_http_totp_args_num(&a, who->session->epoch);
    ngx_http_totp_args_num(&a, who->conf->attempts);
    ngx_http_totp_args_num(&a, who->conf->attempts_time);
    ngx_http_totp_args_str(&a, ngx_http_totp_str(&who->address));
    ngx_http_totp_args_num(&a, setup);

    return ngx_http_totp_op_send(
               ngx_http_totp_op_create(who, ngx_http_totp_store_attempt_parse,
                                       done, data),
               &ngx_http_totp_script_attempt, &a);
}


static void
ngx_http_totp_store_accept_parse(ngx_http_totp_op_t *op,
    const totp_resp_t *reply, ngx_http_totp_reply_t *out)
{
    out->now = ngx_http_totp_op_int(reply, 1, out);
    out->backup_left = ngx_http_totp_op_int(reply, 2, out);
}


/*
 * Everything of an accepting call up to the kind of the code.  A secret that
 * was sealed under an older key is sealed anew under the first.
 */

static void
ngx_http_totp_store_accept_args(ngx_http_totp_args_t *a,
    ngx_http_totp_who_t *who, ngx_http_totp_reply_t *attempt,
    const char *event, ngx_uint_t signin)
{
    size_t           len;
    uint64_t         ttl;
    totp_str_t       plain;
    uint8_t          nonce[TOTP_SEAL_NONCE_LEN];
    uint8_t          buf[NGX_HTTP_TOTP_SECRET_HEAD
                         + sizeof(attempt->secret->key)];
    totp_seal_for_t  what;

    ngx_http_totp_args_init(a, who);
    ngx_http_totp_args_key(a, "user", NULL);
    ngx_http_totp_args_session_key(a, "spent", who->session->sid);
    ngx_http_totp_args_key(a, "events", NULL);
    ngx_http_totp_args_key(a, "known", NULL);
    ngx_http_totp_args_begin(a);
    ngx_http_totp_args_num(a, who->session->epoch);
    ngx_http_totp_args_str(a, attempt->sealed);

    len = 0;

    if (attempt->stale_key && RAND_bytes(nonce, sizeof(nonce)) == 1) {

        buf[0] = attempt->secret->params.alg;
        buf[1] = attempt->secret->params.digits;
        buf[2] = (uint8_t) (attempt->secret->params.period >> 24);
        buf[3] = (uint8_t) (attempt->secret->params.period >> 16);
        buf[4] = (uint8_t) (attempt->secret->params.period >> 8);
        buf[5] = (uint8_t) attempt->secret->params.period;
        ngx_memcpy(buf + NGX_HTTP_TOTP_SECRET_HEAD, attempt->secret->key,
                   attempt->secret->len);

        what.purpose = totp_str("secret", 6);
        what.realm = ngx_http_totp_str(&who->conf->realm);
        what.user = ngx_http_totp_str(&who->user);

        plain = totp_str(buf, NGX_HTTP_TOTP_SECRET_HEAD
                              + attempt->secret->len);

        if (totp_seal((char *) a->last, &len, ngx_http_totp_store_mcf->keys,
                      &what, plain, nonce)
            != TOTP_SEAL_OK)
        {
            len = 0;
        }

        totp_wipe(buf, sizeof(buf));
    }

    ngx_http_totp_args_str(a, totp_str(a->last, len));
    a->last += len;

    /* a spent session is remembered as long as it could be shown again */
    ttl = 0;

    if (signin && who->session->expires > attempt->now) {
        ttl = who->session->expires - attempt->now + 1;
    }

    ngx_http_totp_args_num(a, attempt->now);
    ngx_http_totp_args_str(a, ngx_http_totp_str(&who->address));
    ngx_http_totp_args_num(a, ttl);
    ngx_http_totp_args_str(a, totp_str(event, ngx_strlen(event)));
    ngx_http_totp_args_str(a, ngx_http_totp_str(&who->network));
}


ngx_http_totp_op_t *
ngx_http_totp_store_accept_step(ngx_http_totp_who_t *who,
    ngx_http_totp_reply_t *attempt, uint64_t step, ngx_uint_t signin,
    ngx_http_totp_store_done_pt done, void *data)
{
    ngx_http_totp_args_t  a;

    ngx_http_totp_store_accept_args(&a, who, attempt,
                                    signin ? "signed_in" : "", signin);
    ngx_http_totp_args_str(&a, totp_str("totp", 4));
    ngx_http_totp_args_num(&a, step);

    return ngx_http_totp_op_send(
               ngx_http_totp_op_create(who, ngx_http_totp_store_accept_parse,
                                       done, data),
               &ngx_http_totp_script_accept, &a);
}


ngx_http_totp_op_t *
ngx_http_totp_store_accept_backup(ngx_http_totp_who_t *who,
    ngx_http_totp_reply_t *attempt, totp_str_t code, ngx_uint_t signin,
    ngx_http_totp_store_done_pt done, void *data)
{
    int                    n;
    size_t                 i;
    totp_keyring_t        *ring;
    ngx_http_totp_args_t   a;

    ring = ngx_http_totp_store_mcf->keys;

    ngx_http_totp_store_accept_args(&a, who, attempt,
                                    signin ? "signed_in_backup"
                                           : "backup_code_used", signin);
    ngx_http_totp_args_str(&a, totp_str("backup", 6));

    for (i = 0; i < ring->n; i++) {
        n = totp_backup_tag((char *) a.last, &ring->keys[i],
                            ngx_http_totp_str(&who->conf->realm),
                            ngx_http_totp_str(&who->user), code);
        if (n < 0) {
            return NULL;
        }

        ngx_http_totp_args_str(&a, totp_str(a.last, n));
        a.last += n;
    }

    return ngx_http_totp_op_send(
               ngx_http_totp_op_create(who, ngx_http_totp_store_accept_parse,
                                       done, data),
               &ngx_http_totp_script_accept, &a);
}


ngx_http_totp_op_t *
ngx_http_totp_store_burn(ngx_http_totp_who_t *who,
    ngx_http_totp_reply_t *attempt, uint64_t step,
    ngx_http_totp_store_done_pt done, void *data)
{
    uint64_t              oldest;
    ngx_http_totp_args_t  a;

    oldest = totp_otp_step(&attempt->secret->params, attempt->now)
             - who->conf->skew;

    ngx_http_totp_args_init(&a, who);
    ngx_http_totp_args_key(&a, "user", NULL);
    ngx_http_totp_args_begin(&a);
    ngx_http_totp_args_num(&a, step);
    ngx_http_totp_args_num(&a, oldest);

    return ngx_http_totp_op_send(
               ngx_http_totp_op_create(who, NULL, done, data),
               &ngx_http_totp_script_burn, &a);
}


/* The settings. */


static void
ngx_http_totp_store_pending_parse(ngx_http_totp_op_t *op,
    const totp_resp_t *reply, ngx_http_totp_reply_t *out)
{
    out->now = ngx_http_totp_op_int(reply, 1, out);
    out->enabled = ngx_http_totp_op_int(reply, 3, out);

    if (ngx_http_totp_store_open_secret(op,
                                   totp_resp_str(totp_resp_element(reply, 2)),
                                   out)
        != NGX_OK)
    {
        out->rc = NGX_HTTP_TOTP_STORE_UNAVAILABLE;
    }
}


ngx_http_totp_op_t *
ngx_http_totp_store_pending(ngx_http_totp_who_t *who,
    ngx_http_totp_store_done_pt done, void *data)
{
    size_t                 len;
    uint8_t                nonce[TOTP_SEAL_NONCE_LEN];
    uint8_t                plain[NGX_HTTP_TOTP_SECRET_HEAD + TOTP_SECRET_LEN];
    totp_seal_for_t        what;
    totp_seal_rc_t         rc;
    ngx_http_totp_args_t   a;

    ngx_http_totp_args_init(&a, who);
    ngx_http_totp_args_key(&a, "user", NULL);
    ngx_http_totp_args_session_key(&a, "pending", who->session->sid);
    ngx_http_totp_args_begin(&a);
    ngx_http_totp_args_num(&a, who->session->epoch);

    plain[0] = (uint8_t) who->conf->alg;
    plain[1] = (uint8_t) who->conf->digits;
    plain[2] = (uint8_t) (who->conf->period >> 24);
    plain[3] = (uint8_t) (who->conf->period >> 16);
    plain[4] = (uint8_t) (who->conf->period >> 8);
    plain[5] = (uint8_t) who->conf->period;

    /* no randomness, no secret: never a weaker source instead */
    if (RAND_bytes(plain + NGX_HTTP_TOTP_SECRET_HEAD, TOTP_SECRET_LEN) != 1
        || RAND_bytes(nonce, sizeof(nonce)) != 1)
    {
        return NULL;
    }

    what.purpose = totp_str("secret", 6);
    what.realm = ngx_http_totp_str(&who->conf->realm);
    what.user = ngx_http_totp_str(&who->user);

    rc = totp_seal((char *) a.last, &len, ngx_http_totp_store_mcf->keys, &what,
                   totp_str(plain, sizeof(plain)), nonce);

    totp_wipe(plain, sizeof(plain));

    if (rc != TOTP_SEAL_OK) {
        return NULL;
    }

    ngx_http_totp_args_str(&a, totp_str(a.last, len));
    a.last += len;

    ngx_http_totp_args_num(&a, NGX_HTTP_TOTP_PENDING_TIME);

    return ngx_http_totp_op_send(
               ngx_http_totp_op_create(who, ngx_http_totp_store_pending_parse,
                                       done, data),
               &ngx_http_totp_script_pending, &a);
}


/* An answer with the user's new epoch: our own workers need not wait for it. */

static void
ngx_http_totp_store_epoch_parse(ngx_http_totp_op_t *op,
    const totp_resp_t *reply, ngx_http_totp_reply_t *out)
{
    u_char     buf[NGX_HTTP_TOTP_NAME_MAX];
    ngx_str_t  name;

    out->now = ngx_http_totp_op_int(reply, 1, out);
    out->epoch = ngx_http_totp_op_int(reply, 2, out);

    if (totp_resp_elements(reply) > 3) {
        out->enabled = ngx_http_totp_op_int(reply, 3, out);
    }

    if (out->rc != NGX_HTTP_TOTP_STORE_OK) {
        return;
    }

    name = ngx_http_totp_store_name(buf, ngx_http_totp_str(&op->conf->realm),
                                    totp_str(op->user, op->user_len));

    ngx_http_totp_zone_revoke_user(ngx_http_totp_store_mcf->zone, &name,
                                   out->epoch,
                                   out->now + ngx_http_totp_store_mcf->keep,
                                   out->now);
}


ngx_http_totp_op_t *
ngx_http_totp_store_enable(ngx_http_totp_who_t *who,
    ngx_http_totp_reply_t *attempt, uint64_t step,
    const uint8_t sid[TOTP_SID_LEN], ngx_http_totp_store_done_pt done,
    void *data)
{
    ngx_http_totp_args_t  a;

    ngx_http_totp_args_init(&a, who);
    ngx_http_totp_args_key(&a, "user", NULL);
    ngx_http_totp_args_global_key(&a, "revoked", NULL);
    ngx_http_totp_args_session_key(&a, "pending", who->session->sid);
    ngx_http_totp_args_key(&a, "events", NULL);
    ngx_http_totp_args_session_key(&a, "codes", sid);
    ngx_http_totp_args_key(&a, "known", NULL);
    ngx_http_totp_args_begin(&a);
    ngx_http_totp_args_num(&a, who->session->epoch);
    ngx_http_totp_args_num(&a, ngx_http_totp_store_mcf->keep);
    ngx_http_totp_args_str(&a, ngx_http_totp_str(&a.name));
    ngx_http_totp_args_str(&a, attempt->sealed);
    ngx_http_totp_args_num(&a, step);
    ngx_http_totp_args_num(&a, attempt->now);
    ngx_http_totp_args_str(&a, ngx_http_totp_str(&who->address));
    ngx_http_totp_args_str(&a, ngx_http_totp_str(&who->network));

    if (ngx_http_totp_store_codes_make(who, &a) != NGX_OK) {
        return NULL;
    }

    return ngx_http_totp_op_send(
               ngx_http_totp_op_create(who, ngx_http_totp_store_epoch_parse,
                                       done, data),
               &ngx_http_totp_script_enable, &a);
}


ngx_http_totp_op_t *
ngx_http_totp_store_renew(ngx_http_totp_who_t *who,
    const uint8_t sid[TOTP_SID_LEN], ngx_http_totp_store_done_pt done,
    void *data)
{
    ngx_http_totp_args_t  a;

    ngx_http_totp_args_init(&a, who);
    ngx_http_totp_args_key(&a, "user", NULL);
    ngx_http_totp_args_global_key(&a, "revoked", NULL);
    ngx_http_totp_args_key(&a, "events", NULL);
    ngx_http_totp_args_session_key(&a, "codes", sid);
    ngx_http_totp_args_begin(&a);
    ngx_http_totp_args_num(&a, who->session->epoch);
    ngx_http_totp_args_num(&a, ngx_http_totp_store_mcf->keep);
    ngx_http_totp_args_str(&a, ngx_http_totp_str(&a.name));
    ngx_http_totp_args_str(&a, ngx_http_totp_str(&who->address));

    if (ngx_http_totp_store_codes_make(who, &a) != NGX_OK) {
        return NULL;
    }

    return ngx_http_totp_op_send(
               ngx_http_totp_op_create(who, ngx_http_totp_store_epoch_parse,
                                       done, data),
               &ngx_http_totp_script_renew, &a);
}


/*
 * A new set: sealed for the show, then the time on show, then the tags that
 * are kept.
 */

static ngx_int_t
ngx_http_totp_store_codes_make(ngx_http_totp_who_t *who,
    ngx_http_totp_args_t *a)
{
    int                     n;
    char                    codes[TOTP_BACKUP_MAX][TOTP_BACKUP_LEN];
    size_t                  len;
    uint8_t                 nonce[TOTP_SEAL_NONCE_LEN];
    uint8_t                 random[TOTP_BACKUP_RANDOM];
    ngx_int_t               rc;
    ngx_uint_t              i;
    totp_keyring_t         *ring;
    totp_seal_for_t         what;

    rc = NGX_ERROR;
    ring = ngx_http_totp_store_mcf->keys;

    if (RAND_bytes(nonce, sizeof(nonce)) != 1) {
        return NGX_ERROR;
    }

    for (i = 0; i < who->conf->backup_codes; i++) {
        if (RAND_bytes(random, sizeof(random)) != 1) {
            goto done;
        }

        totp_backup_encode(codes[i], random);
    }

    what.purpose = totp_str("codes", 5);
    what.realm = ngx_http_totp_str(&who->conf->realm);
    what.user = ngx_http_totp_str(&who->user);

    if (totp_seal((char *) a->last, &len, ring, &what,
                  totp_str(codes, who->conf->backup_codes * TOTP_BACKUP_LEN),
                  nonce)
        != TOTP_SEAL_OK)
    {
        goto done;
    }

    ngx_http_totp_args_str(a, totp_str(a->last, len));
    a->last += len;

    ngx_http_totp_args_num(a, (uint64_t) who->conf->backup_display * 1000);

    for (i = 0; i < who->conf->backup_codes; i++) {
        n = totp_backup_tag((char *) a->last, &ring->keys[0], what.realm,
                            what.user, totp_str(codes[i], TOTP_BACKUP_LEN));
        if (n < 0) {
            goto done;
        }

        ngx_http_totp_args_str(a, totp_str(a->last, n));
        a->last += n;
    }

    rc = NGX_OK;

done:

    totp_wipe(codes, sizeof(codes));
    totp_wipe(random, sizeof(random));

    return rc;
}


static void
ngx_http_totp_store_codes_parse(ngx_http_totp_op_t *op,
    const totp_resp_t *reply, ngx_http_totp_reply_t *out)
{
    size_t      len, i;
    uint8_t     plain[TOTP_BACKUP_MAX * TOTP_BACKUP_LEN];
    totp_str_t  sealed;

    out->enabled = 1;
    out->now = ngx_http_totp_op_int(reply, 1, out);
    out->backup_left = ngx_http_totp_op_int(reply, 2, out);
    sealed = totp_resp_str(totp_resp_element(reply, 3));
    out->expires_in = ngx_http_totp_op_int(reply, 4, out);
    out->more_left = ngx_http_totp_op_int(reply, 5, out);

    if (sealed.len == 0) {
        return;
    }

    if (ngx_http_totp_store_open(op, "codes", sealed, plain, sizeof(plain),
                                 &len, NULL)
        != NGX_OK)
    {
        out->rc = NGX_HTTP_TOTP_STORE_UNAVAILABLE;
        return;
    }

    op->codes.n = len / TOTP_BACKUP_LEN;

    for (i = 0; i < op->codes.n; i++) {
        totp_backup_show(op->codes.shown[i],
                         (char *) plain + i * TOTP_BACKUP_LEN);
    }

    out->codes = &op->codes;

    totp_wipe(plain, sizeof(plain));
}


ngx_http_totp_op_t *
ngx_http_totp_store_codes(ngx_http_totp_who_t *who, ngx_uint_t more,
    ngx_http_totp_store_done_pt done, void *data)
{
    ngx_http_totp_args_t  a;

    ngx_http_totp_args_init(&a, who);
    ngx_http_totp_args_key(&a, "user", NULL);
    ngx_http_totp_args_session_key(&a, "codes", who->session->sid);
    ngx_http_totp_args_begin(&a);
    ngx_http_totp_args_num(&a, who->session->epoch);
    ngx_http_totp_args_num(&a, more ? (uint64_t) who->conf->backup_display
                                      * 1000 : 0);

    return ngx_http_totp_op_send(
               ngx_http_totp_op_create(who, ngx_http_totp_store_codes_parse,
                                       done, data),
               &ngx_http_totp_script_codes, &a);
}


ngx_http_totp_op_t *
ngx_http_totp_store_disable(ngx_http_totp_who_t *who,
    ngx_http_totp_store_done_pt done, void *data)
{
    ngx_http_totp_args_t  a;

    ngx_http_totp_args_init(&a, who);
    ngx_http_totp_args_key(&a, "user", NULL);
    ngx_http_totp_args_global_key(&a, "revoked", NULL);
    ngx_http_totp_args_key(&a, "events", NULL);
    ngx_http_totp_args_session_key(&a, "pending", who->session->sid);
    ngx_http_totp_args_session_key(&a, "codes", who->session->sid);
    ngx_http_totp_args_begin(&a);
    ngx_http_totp_args_num(&a, who->session->epoch);
    ngx_http_totp_args_num(&a, ngx_http_totp_store_mcf->keep);
    ngx_http_totp_args_str(&a, ngx_http_totp_str(&a.name));
    ngx_http_totp_args_str(&a, ngx_http_totp_str(&who->address));

    return ngx_http_totp_op_send(
               ngx_http_totp_op_create(who, ngx_http_totp_store_epoch_parse,
                                       done, data),
               &ngx_http_totp_script_disable, &a);
}


static void
ngx_http_totp_store_logout_parse(ngx_http_totp_op_t *op,
    const totp_resp_t *reply, ngx_http_totp_reply_t *out)
{
    if (totp_resp_elements(reply) > 1) {
        ngx_http_totp_store_epoch_parse(op, reply, out);
    }
}


ngx_http_totp_op_t *
ngx_http_totp_store_logout(ngx_http_totp_who_t *who, ngx_uint_t everywhere,
    ngx_http_totp_store_done_pt done, void *data)
{
    const char            *what;
    ngx_http_totp_op_t    *op;
    ngx_http_totp_args_t   a;

    op = ngx_http_totp_op_create(who, ngx_http_totp_store_logout_parse, done,
                                 data);

    if (who->session->stage == TOTP_STAGE_PASSWORD) {
        what = "password";

    } else {
        what = everywhere ? "everywhere" : "full";

        if (op) {
            ngx_memcpy(op->sid, who->session->sid, TOTP_SID_LEN);
            op->until = who->session->expires;
        }
    }

    ngx_http_totp_args_init(&a, who);
    ngx_http_totp_args_key(&a, "user", NULL);
    ngx_http_totp_args_global_key(&a, "revoked", NULL);
    ngx_http_totp_args_key(&a, "events", NULL);
    ngx_http_totp_args_session_key(&a, "spent", who->session->sid);
    ngx_http_totp_args_begin(&a);
    ngx_http_totp_args_num(&a, who->session->epoch);
    ngx_http_totp_args_num(&a, ngx_http_totp_store_mcf->keep);
    ngx_http_totp_args_str(&a, ngx_http_totp_str(&a.name));
    ngx_http_totp_args_str(&a, ngx_http_totp_str(&who->address));
    ngx_http_totp_args_sid(&a, who->session->sid);
    ngx_http_totp_args_num(&a, who->session->expires);
    ngx_http_totp_args_str(&a, totp_str(what, ngx_strlen(what)));

    return ngx_http_totp_op_send(op, &ngx_http_totp_script_logout, &a);
}


static void
ngx_http_totp_store_settings_parse(ngx_http_totp_op_t *op,
    const totp_resp_t *reply, ngx_http_totp_reply_t *out)
{
    size_t                  i, n;
    u_char                 *p, *t, *end;
    totp_str_t              s;
    const totp_resp_t      *list;
    ngx_http_totp_event_t  *e;

    out->now = ngx_http_totp_op_int(reply, 1, out);
    out->enabled = ngx_http_totp_op_int(reply, 2, out);
    out->enabled_at = ngx_http_totp_op_int(reply, 3, out);
    out->last_used_at = ngx_http_totp_op_int(reply, 4, out);
    out->failed_before = ngx_http_totp_op_int(reply, 5, out);
    out->backup_left = ngx_http_totp_op_int(reply, 6, out);

    list = totp_resp_element(reply, 7);
    n = ngx_min(totp_resp_elements(list), NGX_HTTP_TOTP_EVENTS);

    for (i = 0; i < n; i++) {
        s = totp_resp_str(totp_resp_element(list, i));
        end = (u_char *) s.data + s.len;

        /* what TAB when TAB address */
        p = ngx_strlchr((u_char *) s.data, end, '\t');
        t = p ? ngx_strlchr(p + 1, end, '\t') : NULL;

        if (t == NULL) {
            continue;
        }

        e = &out->events[out->nevents++];
        e->what = totp_str(s.data, p - s.data);
        e->when = ngx_atotm(p + 1, t - p - 1);
        e->address = totp_str(t + 1, end - t - 1);
    }
}


ngx_http_totp_op_t *
ngx_http_totp_store_settings(ngx_http_totp_who_t *who,
    ngx_http_totp_store_done_pt done, void *data)
{
    ngx_http_totp_args_t  a;

    ngx_http_totp_args_init(&a, who);
    ngx_http_totp_args_key(&a, "user", NULL);
    ngx_http_totp_args_key(&a, "events", NULL);
    ngx_http_totp_args_begin(&a);
    ngx_http_totp_args_num(&a, who->session->epoch);

    return ngx_http_totp_op_send(
               ngx_http_totp_op_create(who, ngx_http_totp_store_settings_parse,
                                       done, data),
               &ngx_http_totp_script_settings, &a);
}


/* An operation: one call, or two that leave together. */


static ngx_http_totp_op_t *
ngx_http_totp_op_create(ngx_http_totp_who_t *who,
    ngx_http_totp_op_parse_pt parse, ngx_http_totp_store_done_pt done,
    void *data)
{
    ngx_http_totp_op_t  *op;

    op = ngx_calloc(sizeof(ngx_http_totp_op_t), ngx_cycle->log);
    if (op == NULL) {
        return NULL;
    }

    op->parse = parse;
    op->done = done;
    op->data = data;
    op->conf = who->conf;

    op->user_len = ngx_min(who->user.len, TOTP_USER_MAX);
    ngx_memcpy(op->user, who->user.data, op->user_len);

    op->network_len = ngx_min(who->network.len, sizeof(op->network));
    ngx_memcpy(op->network, who->network.data, op->network_len);

    return op;
}


static ngx_http_totp_op_t *
ngx_http_totp_op_send(ngx_http_totp_op_t *op,
    const ngx_http_totp_script_t *script, ngx_http_totp_args_t *a)
{
    ngx_http_totp_call_t     *call;
    ngx_http_totp_op_slot_t  *slot;

    if (op == NULL) {
        return NULL;
    }

    call = NULL;
    slot = &op->slots[op->sent];

    /* the id is known as soon as the feed has been greeted once */
    if (a->n && ngx_http_totp_store_redis) {
        call = ngx_http_totp_redis_script(ngx_http_totp_store_redis, script, 0,
                                          a->nkeys, a->n, a->argv,
                                          ngx_http_totp_op_done, slot);
    }

    totp_wipe(a->scratch, a->last - a->scratch);

    if (call == NULL) {
        ngx_http_totp_store_forget(op);
        return NULL;
    }

    slot->op = op;
    slot->call = call;
    op->sent++;
    op->waiting++;

    return op;
}


static void
ngx_http_totp_op_done(void *data, const totp_resp_t *reply)
{
    ngx_http_totp_op_slot_t *slot = data;

    ngx_http_totp_op_t     *op;
    ngx_http_totp_who_t     who;
    ngx_http_totp_reply_t   out;

    op = slot->op;
    op->waiting--;
    slot->call = NULL;

    ngx_memzero(&out, sizeof(ngx_http_totp_reply_t));

    out.attempts_left = -1;
    out.rc = ngx_http_totp_op_word(reply, &out);

    slot->counted = (out.rc == NGX_HTTP_TOTP_STORE_OK && op->sent == 2);

    if (out.rc == NGX_HTTP_TOTP_STORE_OK && op->until) {
        ngx_http_totp_zone_revoke_session(ngx_http_totp_store_mcf->zone,
                        op->sid, op->until,
                        ngx_http_totp_zone_now(ngx_http_totp_store_mcf->zone));
    }

    if (out.rc == NGX_HTTP_TOTP_STORE_OK && op->parse) {
        op->parse(op, reply, &out);
    }

    if (out.rc != NGX_HTTP_TOTP_STORE_OK
        && op->failed == NGX_HTTP_TOTP_STORE_OK)
    {
        op->failed = out.rc;
        op->retry_after = out.retry_after;
    }

    if (op->waiting) {
        return;
    }

    out.rc = op->failed;
    out.retry_after = op->retry_after;

    if (op->failed && (op->slots[0].counted || op->slots[1].counted)) {
        /* one counter refused: the other one has counted nothing */
        ngx_memzero(&who, sizeof(ngx_http_totp_who_t));
        who.conf = op->conf;
        who.user.len = op->user_len;
        who.user.data = op->user;
        who.network.len = op->network_len;
        who.network.data = op->network;

        ngx_http_totp_store_refund_keys(&who, op->slots[0].counted,
                                        op->slots[1].counted);
    }

    op->done(op->data, &out);

    ngx_http_totp_op_destroy(op);
}


void
ngx_http_totp_store_forget(ngx_http_totp_op_t *op)
{
    ngx_uint_t  i;

    if (op == NULL) {
        return;
    }

    for (i = 0; i < op->sent; i++) {
        if (op->slots[i].call) {
            ngx_http_totp_call_forget(op->slots[i].call);
        }
    }

    ngx_http_totp_op_destroy(op);
}


static void
ngx_http_totp_op_destroy(ngx_http_totp_op_t *op)
{
    totp_wipe(op, sizeof(ngx_http_totp_op_t));
    ngx_free(op);
}


static ngx_http_totp_store_rc_t
ngx_http_totp_op_word(const totp_resp_t *reply, ngx_http_totp_reply_t *out)
{
    totp_str_t         word;
    ngx_uint_t         i;

    static const struct {
        const char                *word;
        ngx_http_totp_store_rc_t   rc;
    } words[] = {
        { "ok",     NGX_HTTP_TOTP_STORE_OK },
        { "locked", NGX_HTTP_TOTP_STORE_LOCKED },
        { "stale",  NGX_HTTP_TOTP_STORE_STALE },
        { "none",   NGX_HTTP_TOTP_STORE_NONE },
        { "used",   NGX_HTTP_TOTP_STORE_USED },
        { "bad",    NGX_HTTP_TOTP_STORE_BAD }
    };

    word = totp_resp_str(totp_resp_element(reply, 0));

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (word.len == ngx_strlen(words[i].word)
            && ngx_memcmp(word.data, words[i].word, word.len) == 0)
        {
            if (words[i].rc == NGX_HTTP_TOTP_STORE_LOCKED) {
                out->rc = NGX_HTTP_TOTP_STORE_LOCKED;
                out->retry_after = (time_t) totp_resp_int(
                                           totp_resp_element(reply, 1), NULL);
            }

            return words[i].rc;
        }
    }

    if (word.len == 5 && ngx_memcmp(word.data, "store", 5) == 0) {
        ngx_http_totp_store_foreign();
    }

    return NGX_HTTP_TOTP_STORE_UNAVAILABLE;
}


/* What should be a number and is not cannot be trusted. */

static uint64_t
ngx_http_totp_op_int(const totp_resp_t *reply, ngx_uint_t i,
    ngx_http_totp_reply_t *out)
{
    int      ok;
    int64_t  n;

    n = totp_resp_int(totp_resp_element(reply, i), &ok);

    if (!ok || n < 0) {
        out->rc = NGX_HTTP_TOTP_STORE_UNAVAILABLE;
        return 0;
    }

    return n;
}


static ngx_int_t
ngx_http_totp_store_open_secret(ngx_http_totp_op_t *op, totp_str_t sealed,
    ngx_http_totp_reply_t *out)
{
    int             stale;
    size_t          len;
    uint8_t         plain[NGX_HTTP_TOTP_SECRET_HEAD + sizeof(op->secret.key)];
    totp_params_t  *p;

    if (ngx_http_totp_store_open(op, "secret", sealed, plain, sizeof(plain),
                                 &len, &stale)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = &op->secret.params;

    p->alg = plain[0];
    p->digits = plain[1];
    p->period = (unsigned) plain[2] << 24 | plain[3] << 16 | plain[4] << 8
                | plain[5];

    if (len <= NGX_HTTP_TOTP_SECRET_HEAD || plain[0] > TOTP_SHA512
        || (p->digits != 6 && p->digits != 8) || p->period == 0)
    {
        totp_wipe(plain, sizeof(plain));
        return NGX_ERROR;
    }

    op->secret.len = len - NGX_HTTP_TOTP_SECRET_HEAD;
    ngx_memcpy(op->secret.key, plain + NGX_HTTP_TOTP_SECRET_HEAD,
               op->secret.len);

    totp_wipe(plain, sizeof(plain));

    out->secret = &op->secret;
    out->sealed = sealed;
    out->stale_key = stale;

    return NGX_OK;
}


/*
 * A record that cannot be opened is "unavailable", never "not enabled"; the
 * log says which key is missing, or whose record was tampered with.
 */

static ngx_int_t
ngx_http_totp_store_open(ngx_http_totp_op_t *op, const char *purpose,
    totp_str_t sealed, uint8_t *out, size_t size, size_t *len, int *stale)
{
    u_char            buf[NGX_HTTP_TOTP_NAME_MAX], *dot;
    ngx_str_t         name, id;
    totp_seal_for_t   what;
    totp_seal_rc_t    rc;

    what.purpose = totp_str(purpose, ngx_strlen(purpose));
    what.realm = ngx_http_totp_str(&op->conf->realm);
    what.user = totp_str(op->user, op->user_len);

    rc = totp_unseal(out, size, len, stale, ngx_http_totp_store_mcf->keys,
                     &what, sealed);

    if (rc == TOTP_SEAL_OK) {
        return NGX_OK;
    }

    name = ngx_http_totp_store_name(buf, what.realm, what.user);

    if (rc == TOTP_SEAL_NO_KEY) {
        dot = ngx_strlchr((u_char *) sealed.data,
                          (u_char *) sealed.data + sealed.len, '.');
        id.data = (u_char *) sealed.data;
        id.len = dot ? dot - id.data : 0;

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "totp: the %s of \"%V\" is sealed under the key \"%V\", "
                      "which is not in \"%V\"; add it again", purpose, &name,
                      &id, &ngx_http_totp_store_mcf->keys_path);

    } else {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "totp: the %s of \"%V\" in redis cannot be opened: it "
                      "was changed, or belongs to somebody else", purpose,
                      &name);
    }

    return NGX_ERROR;
}


/* Building the keys and arguments of a call. */


static void
ngx_http_totp_args_init(ngx_http_totp_args_t *a, ngx_http_totp_who_t *who)
{
    a->n = 0;
    a->nkeys = 0;
    a->last = a->scratch;

    a->name = ngx_http_totp_store_name(a->last,
                                       ngx_http_totp_str(&who->conf->realm),
                                       ngx_http_totp_str(&who->user));
    a->last += a->name.len;

    ngx_http_totp_args_global_key(a, "store", NULL);
}


static void
ngx_http_totp_args_global_key(ngx_http_totp_args_t *a, const char *kind,
    ngx_str_t *suffix)
{
    u_char  *p;

    p = ngx_sprintf(a->last, "%V%s", &ngx_http_totp_store_mcf->redis.prefix,
                    kind);

    if (suffix) {
        p = ngx_cpymem(p, suffix->data, suffix->len);
    }

    a->argv[a->n++] = totp_str(a->last, p - a->last);
    a->last = p;
}


/* prefix + kind:{realm:user}, or kind:{realm:user}:suffix */

static void
ngx_http_totp_args_key(ngx_http_totp_args_t *a, const char *kind,
    ngx_str_t *suffix)
{
    u_char  *p;

    p = ngx_sprintf(a->last, "%V%s:{%V}",
                    &ngx_http_totp_store_mcf->redis.prefix, kind, &a->name);

    if (suffix) {
        p = ngx_sprintf(p, ":%V", suffix);
    }

    a->argv[a->n++] = totp_str(a->last, p - a->last);
    a->last = p;
}


static void
ngx_http_totp_args_session_key(ngx_http_totp_args_t *a, const char *kind,
    const u_char *sid)
{
    u_char     hex[2 * TOTP_SID_LEN];
    ngx_str_t  suffix;

    suffix.data = hex;
    suffix.len = ngx_hex_dump(hex, (u_char *) sid, TOTP_SID_LEN) - hex;

    ngx_http_totp_args_key(a, kind, &suffix);
}


/* The keys are complete; the first argument is the store's id. */

static void
ngx_http_totp_args_begin(ngx_http_totp_args_t *a)
{
    u_char  *id;

    a->nkeys = a->n;

    id = ngx_http_totp_zone_store_id(ngx_http_totp_store_mcf->zone);

    ngx_http_totp_args_str(a, totp_str(id, id ? NGX_HTTP_TOTP_STORE_ID_LEN
                                              : 0));
}


static void
ngx_http_totp_args_str(ngx_http_totp_args_t *a, totp_str_t s)
{
    a->argv[a->n++] = s;
}


static void
ngx_http_totp_args_num(ngx_http_totp_args_t *a, uint64_t n)
{
    u_char  *p;

    p = ngx_sprintf(a->last, "%uL", n);

    a->argv[a->n++] = totp_str(a->last, p - a->last);
    a->last = p;
}


static void
ngx_http_totp_args_sid(ngx_http_totp_args_t *a, const u_char *sid)
{
    u_char  *p;

    p = ngx_hex_dump(a->last, (u_char *) sid, TOTP_SID_LEN);

    a->argv[a->n++] = totp_str(a->last, p - a->last);
    a->last = p;
}
