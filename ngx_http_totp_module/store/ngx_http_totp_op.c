
#include "ngx_http_totp_op.h"

#include "totp_name.h"
#include "totp_wipe.h"


static void ngx_http_totp_op_done(void *data, const totp_resp_t *reply);
static void ngx_http_totp_op_destroy(ngx_http_totp_op_t *op);
static ngx_http_totp_store_rc_t ngx_http_totp_op_word(const totp_resp_t *reply,
    ngx_http_totp_reply_t *out);
static void ngx_http_totp_op_unknown(ngx_http_totp_op_t *op,
    const totp_resp_t *reply);


ngx_http_totp_main_conf_t     *ngx_http_totp_op_mcf;
static ngx_http_totp_redis_t  *ngx_http_totp_op_redis;


ngx_int_t
ngx_http_totp_op_start(ngx_cycle_t *cycle, ngx_http_totp_main_conf_t *mcf)
{
    if (ngx_http_totp_scripts_init(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_totp_op_mcf = mcf;

    ngx_http_totp_op_redis = ngx_http_totp_redis_create(cycle, &mcf->redis);

    return ngx_http_totp_op_redis ? NGX_OK : NGX_ERROR;
}


void
ngx_http_totp_op_stop(void)
{
    if (ngx_http_totp_op_redis) {
        ngx_http_totp_redis_destroy(ngx_http_totp_op_redis);
        ngx_http_totp_op_redis = NULL;
    }
}


ngx_uint_t
ngx_http_totp_op_up(void)
{
    return ngx_http_totp_op_redis
           && ngx_http_totp_redis_up(ngx_http_totp_op_redis);
}


ngx_http_totp_op_t *
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


ngx_http_totp_op_t *
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
    if (a->n && ngx_http_totp_op_redis) {
        call = ngx_http_totp_redis_script(ngx_http_totp_op_redis, script, 0,
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
    ngx_http_totp_reply_t   out;

    op = slot->op;
    op->waiting--;
    slot->call = NULL;

    ngx_memzero(&out, sizeof(ngx_http_totp_reply_t));

    out.attempts_left = -1;
    out.rc = ngx_http_totp_op_word(reply, &out);

    if (out.rc == NGX_HTTP_TOTP_STORE_UNAVAILABLE) {
        ngx_http_totp_op_unknown(op, reply);
    }

    slot->counted = (out.rc == NGX_HTTP_TOTP_STORE_OK);

    if (out.rc == NGX_HTTP_TOTP_STORE_OK && op->until) {
        ngx_http_totp_zone_revoke_session(ngx_http_totp_op_mcf->zone,
                        op->sid, op->until,
                        ngx_http_totp_zone_now(ngx_http_totp_op_mcf->zone));
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

    if (op->failed && op->refused) {
        op->refused(op);
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
    int                ok;
    int64_t            wait;
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
                wait = totp_resp_int(totp_resp_element(reply, 1), &ok);

                if (!ok || wait < -1) {
                    return NGX_HTTP_TOTP_STORE_UNAVAILABLE;
                }

                out->retry_after = (time_t) wait;
            }

            return words[i].rc;
        }
    }

    if (word.len == 5 && ngx_memcmp(word.data, "store", 5) == 0) {
        ngx_http_totp_op_foreign();
    }

    return NGX_HTTP_TOTP_STORE_UNAVAILABLE;
}


/*
 * Nothing is known of this user.  That Redis is away is said once by the
 * connection; whose record is broken, or lacks its key, only we can say.  One
 * line a second: where all of Redis refuses, every user is such a one.
 */

static void
ngx_http_totp_op_unknown(ngx_http_totp_op_t *op, const totp_resp_t *reply)
{
    u_char         buf[NGX_HTTP_TOTP_NAME_MAX];
    ngx_str_t      name, id;
    totp_str_t     word;
    static time_t  logged;

    if (!ngx_http_totp_op_up() || logged == ngx_time()) {
        return;
    }

    logged = ngx_time();

    name = ngx_http_totp_store_name(buf, ngx_http_totp_str(&op->conf->realm),
                                    totp_str(op->user, op->user_len));

    word = totp_resp_str(totp_resp_element(reply, 0));

    if (totp_str_eq(word, totp_str("key", 3))) {
        id = ngx_http_totp_op_key_id(
                               totp_resp_str(totp_resp_element(reply, 1)));

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "totp: the backup codes of \"%V\" are kept under the key "
                      "\"%V\", which is not in \"%V\"; add it again", &name,
                      &id, &ngx_http_totp_op_mcf->keys_path);
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "totp: redis says nothing that can be used of \"%V\"; look "
                  "at \"%Vuser:{%V}\" and its neighbours", &name,
                  &ngx_http_totp_op_mcf->redis.prefix, &name);
}


/*
 * The id of a key as Redis gives it, for a log that must not hold what anybody
 * may have written there.
 */

ngx_str_t
ngx_http_totp_op_key_id(totp_str_t s)
{
    size_t     i;
    u_char     c;
    ngx_str_t  id;

    for (i = 0; i < s.len; i++) {
        c = s.data[i];

        if (i == TOTP_KEY_ID_MAX
            || !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                 || (c >= '0' && c <= '9') || c == '_' || c == '-'))
        {
            ngx_str_set(&id, "?");
            return id;
        }
    }

    id.len = s.len;
    id.data = (u_char *) s.data;

    return id;
}


/* What should be a number and is not cannot be trusted. */

uint64_t
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


totp_str_t
ngx_http_totp_op_str(const totp_resp_t *reply, ngx_uint_t i,
    ngx_http_totp_reply_t *out)
{
    const totp_resp_t  *element;

    element = totp_resp_element(reply, i);

    if (totp_resp_type(element) != TOTP_RESP_STRING) {
        out->rc = NGX_HTTP_TOTP_STORE_UNAVAILABLE;
        return totp_str("", 0);
    }

    return totp_resp_str(element);
}


/*
 * Redis is empty, or another one than we remember.  Only an operator can say
 * whether that is meant: nobody must be taken for "not enabled" meanwhile.
 */

void
ngx_http_totp_op_foreign(void)
{
    ngx_str_t      id;
    static time_t  logged;

    if (logged == ngx_time()) {
        return;
    }

    logged = ngx_time();

    id.len = NGX_HTTP_TOTP_STORE_ID_LEN;
    id.data = ngx_http_totp_zone_store_id(ngx_http_totp_op_mcf->zone);

    if (id.data == NULL) {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "totp: redis at \"%V\" is empty or not the store that this "
                  "node remembers; if that is meant, confirm it with: "
                  "redis-cli SADD %Vstore %V",
                  &ngx_http_totp_op_mcf->redis.text,
                  &ngx_http_totp_op_mcf->redis.prefix, &id);
}


/* Building the keys and arguments of a call. */


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


void
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


void
ngx_http_totp_args_global_key(ngx_http_totp_args_t *a, const char *kind,
    ngx_str_t *suffix)
{
    u_char  *p;

    p = ngx_sprintf(a->last, "%V%s", &ngx_http_totp_op_mcf->redis.prefix,
                    kind);

    if (suffix) {
        p = ngx_cpymem(p, suffix->data, suffix->len);
    }

    a->argv[a->n++] = totp_str(a->last, p - a->last);
    a->last = p;
}


/* prefix + kind:{realm:user}, or kind:{realm:user}:suffix */

void
ngx_http_totp_args_key(ngx_http_totp_args_t *a, const char *kind,
    ngx_str_t *suffix)
{
    u_char  *p;

    p = ngx_sprintf(a->last, "%V%s:{%V}",
                    &ngx_http_totp_op_mcf->redis.prefix, kind, &a->name);

    if (suffix) {
        p = ngx_sprintf(p, ":%V", suffix);
    }

    a->argv[a->n++] = totp_str(a->last, p - a->last);
    a->last = p;
}


void
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

void
ngx_http_totp_args_begin(ngx_http_totp_args_t *a)
{
    u_char  *id;

    a->nkeys = a->n;

    id = ngx_http_totp_zone_store_id(ngx_http_totp_op_mcf->zone);

    ngx_http_totp_args_str(a, totp_str(id, id ? NGX_HTTP_TOTP_STORE_ID_LEN
                                              : 0));
}


void
ngx_http_totp_args_str(ngx_http_totp_args_t *a, totp_str_t s)
{
    a->argv[a->n++] = s;
}


void
ngx_http_totp_args_num(ngx_http_totp_args_t *a, uint64_t n)
{
    u_char  *p;

    p = ngx_sprintf(a->last, "%uL", n);

    a->argv[a->n++] = totp_str(a->last, p - a->last);
    a->last = p;
}


void
ngx_http_totp_args_sid(ngx_http_totp_args_t *a, const u_char *sid)
{
    u_char  *p;

    p = ngx_hex_dump(a->last, (u_char *) sid, TOTP_SID_LEN);

    a->argv[a->n++] = totp_str(a->last, p - a->last);
    a->last = p;
}
