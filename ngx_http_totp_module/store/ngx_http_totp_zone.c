
#include "ngx_http_totp_zone.h"


/* how many dead entries a writer removes in passing */
#define NGX_HTTP_TOTP_ZONE_SWEEP  8


typedef struct {
    ngx_rbtree_node_t   node;       /* key: the hash of name */
    ngx_queue_t         queue;      /* in the order of writing */
    uint64_t            until;      /* unix seconds */
    uint64_t            epoch;      /* of a user; unused for a session */
    uint16_t            len;
    u_char              name[1];    /* 's' + sid, or 'u' + the user's name */
} ngx_http_totp_zone_entry_t;


typedef struct {
    ngx_rbtree_t        rbtree;
    ngx_rbtree_node_t   sentinel;
    ngx_queue_t         queue;

    ngx_atomic_t        count;
    ngx_atomic_t        full_at;    /* all issued up to then is revoked */
    ngx_atomic_t        generation;

    ngx_atomic_t        ready;
    ngx_atomic_t        heard;      /* ngx_current_msec of the last answer */
    ngx_atomic_int_t    offset;     /* Redis' clock minus ngx_current_msec:
                                       ours may be wrong, or jump */
    ngx_atomic_t        swept;      /* when a look at all entries found none
                                       that had ended; unix seconds */

    ngx_atomic_t        known;      /* store_id is set */
    u_char              store_id[NGX_HTTP_TOTP_STORE_ID_LEN];
} ngx_http_totp_zone_shctx_t;


typedef struct {
    ngx_http_totp_zone_shctx_t  *sh;
    ngx_slab_pool_t             *shpool;
} ngx_http_totp_zone_ctx_t;


static ngx_int_t ngx_http_totp_zone_init(ngx_shm_zone_t *zone, void *data);
static void ngx_http_totp_zone_insert(ngx_rbtree_node_t *temp,
    ngx_rbtree_node_t *node, ngx_rbtree_node_t *sentinel);
static void ngx_http_totp_zone_put(ngx_shm_zone_t *zone, u_char *name,
    size_t len, uint64_t epoch, uint64_t until, uint64_t at);
static ngx_http_totp_zone_entry_t *ngx_http_totp_zone_get(
    ngx_http_totp_zone_ctx_t *ctx, u_char *name, size_t len);
static ngx_uint_t ngx_http_totp_zone_sweep(ngx_http_totp_zone_ctx_t *ctx,
    uint64_t now, ngx_uint_t n);


static ngx_inline ngx_http_totp_zone_ctx_t *
ngx_http_totp_zone_ctx(ngx_shm_zone_t *zone)
{
    return zone->data;
}


ngx_shm_zone_t *
ngx_http_totp_zone_add(ngx_conf_t *cf, ngx_str_t *name, size_t size, void *tag)
{
    ngx_shm_zone_t            *zone;
    ngx_http_totp_zone_ctx_t  *ctx;

    ctx = ngx_pcalloc(cf->pool, sizeof(ngx_http_totp_zone_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    zone = ngx_shared_memory_add(cf, name, size, tag);
    if (zone == NULL) {
        return NULL;
    }

    if (zone->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"totp_zone\" \"%V\" is already in use", name);
        return NULL;
    }

    zone->init = ngx_http_totp_zone_init;
    zone->data = ctx;

    return zone;
}


static ngx_int_t
ngx_http_totp_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_http_totp_zone_ctx_t  *octx = data;

    size_t                     len;
    ngx_http_totp_zone_ctx_t  *ctx;

    ctx = zone->data;

    if (octx) {
        /* a reload: what is revoked stays revoked */
        ctx->sh = octx->sh;
        ctx->shpool = octx->shpool;
        return NGX_OK;
    }

    ctx->shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (zone->shm.exists) {
        ctx->sh = ctx->shpool->data;
        return NGX_OK;
    }

    ctx->sh = ngx_slab_calloc(ctx->shpool, sizeof(ngx_http_totp_zone_shctx_t));
    if (ctx->sh == NULL) {
        return NGX_ERROR;
    }

    ctx->shpool->data = ctx->sh;

    ngx_rbtree_init(&ctx->sh->rbtree, &ctx->sh->sentinel,
                    ngx_http_totp_zone_insert);
    ngx_queue_init(&ctx->sh->queue);

    len = sizeof(" in totp_zone \"\"") + zone->shm.name.len;

    ctx->shpool->log_ctx = ngx_slab_alloc(ctx->shpool, len);
    if (ctx->shpool->log_ctx == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(ctx->shpool->log_ctx, " in totp_zone \"%V\"%Z",
                &zone->shm.name);

    /* a full zone is answered here, and logged in our own words */
    ctx->shpool->log_nomem = 0;

    return NGX_OK;
}


void
ngx_http_totp_zone_revoke_session(ngx_shm_zone_t *zone,
    const uint8_t sid[TOTP_SID_LEN], uint64_t until, uint64_t at)
{
    u_char  name[1 + TOTP_SID_LEN];

    name[0] = 's';
    ngx_memcpy(name + 1, sid, TOTP_SID_LEN);

    ngx_http_totp_zone_put(zone, name, sizeof(name), 0, until, at);
}


void
ngx_http_totp_zone_revoke_user(ngx_shm_zone_t *zone, ngx_str_t *user,
    uint64_t epoch, uint64_t until, uint64_t at)
{
    u_char  name[1 + TOTP_REALM_MAX + 1 + 3 * TOTP_USER_MAX];

    if (user->len >= sizeof(name)) {
        return;
    }

    name[0] = 'u';
    ngx_memcpy(name + 1, user->data, user->len);

    ngx_http_totp_zone_put(zone, name, 1 + user->len, epoch, until, at);
}


ngx_uint_t
ngx_http_totp_zone_revoked(ngx_shm_zone_t *zone, const totp_session_t *s,
    ngx_str_t *user)
{
    u_char                      name[1 + TOTP_REALM_MAX + 1
                                     + 3 * TOTP_USER_MAX];
    ngx_uint_t                  revoked;
    ngx_http_totp_zone_ctx_t   *ctx;
    ngx_http_totp_zone_entry_t *e;

    ctx = ngx_http_totp_zone_ctx(zone);

    if (s->issued <= ctx->sh->full_at) {
        return 1;
    }

    if (ctx->sh->count == 0) {
        return 0;
    }

    ngx_shmtx_lock(&ctx->shpool->mutex);

    name[0] = 's';
    ngx_memcpy(name + 1, s->sid, TOTP_SID_LEN);

    revoked = (ngx_http_totp_zone_get(ctx, name, 1 + TOTP_SID_LEN) != NULL);

    if (!revoked && user->len < sizeof(name)) {
        name[0] = 'u';
        ngx_memcpy(name + 1, user->data, user->len);

        e = ngx_http_totp_zone_get(ctx, name, 1 + user->len);
        revoked = (e != NULL && s->epoch < e->epoch);
    }

    ngx_shmtx_unlock(&ctx->shpool->mutex);

    return revoked;
}


uint64_t
ngx_http_totp_zone_generation(ngx_shm_zone_t *zone)
{
    uint64_t  generation;

    generation = ngx_http_totp_zone_ctx(zone)->sh->generation;

    /* not after what is looked up next */
    ngx_memory_barrier();

    return generation;
}


static void
ngx_http_totp_zone_put(ngx_shm_zone_t *zone, u_char *name, size_t len,
    uint64_t epoch, uint64_t until, uint64_t at)
{
    size_t                       size;
    uint64_t                     now;
    ngx_uint_t                   again;
    ngx_http_totp_zone_ctx_t    *ctx;
    ngx_http_totp_zone_entry_t  *e;

    ctx = ngx_http_totp_zone_ctx(zone);

    /*
     * What has ended is known by the clock of Redis alone; before that was
     * heard, it was at least as late as this entry's own time.
     */
    now = ctx->sh->heard ? ngx_http_totp_zone_now(zone) : at;

    if (until <= now) {
        return;
    }

    size = offsetof(ngx_http_totp_zone_entry_t, name) + len;

    ngx_shmtx_lock(&ctx->shpool->mutex);

    e = ngx_http_totp_zone_get(ctx, name, len);

    if (e) {
        /* entries come again on every connection, and in any order */

        if (e->epoch < epoch) {
            e->epoch = epoch;
            ngx_memory_barrier();
            ctx->sh->generation++;
        }

        e->until = ngx_max(e->until, until);

        ngx_shmtx_unlock(&ctx->shpool->mutex);
        return;
    }

    (void) ngx_http_totp_zone_sweep(ctx, now, NGX_HTTP_TOTP_ZONE_SWEEP);

    e = ngx_slab_alloc_locked(ctx->shpool, size);

    /* all of them are looked at once a second: it takes its time */

    again = (ctx->sh->swept == now);

    if (e == NULL && !again) {

        if (ngx_http_totp_zone_sweep(ctx, now, NGX_MAX_INT_T_VALUE)) {
            e = ngx_slab_alloc_locked(ctx->shpool, size);
        }

        if (e == NULL) {
            ctx->sh->swept = now;
        }
    }

    if (e == NULL) {
        if (ctx->sh->full_at < at) {
            ctx->sh->full_at = at;
            ngx_memory_barrier();
            ctx->sh->generation++;
        }

        ngx_shmtx_unlock(&ctx->shpool->mutex);

        if (again) {
            return;
        }

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "totp_zone \"%V\" is full: every session issued so far "
                      "has ended; give it more memory", &zone->shm.name);
        return;
    }

    e->node.key = ngx_crc32_long(name, len);
    e->epoch = epoch;
    e->until = until;
    e->len = (uint16_t) len;
    ngx_memcpy(e->name, name, len);

    ngx_rbtree_insert(&ctx->sh->rbtree, &e->node);
    ngx_queue_insert_tail(&ctx->sh->queue, &e->queue);
    ctx->sh->count++;
    ngx_memory_barrier();
    ctx->sh->generation++;

    ngx_shmtx_unlock(&ctx->shpool->mutex);
}


static ngx_http_totp_zone_entry_t *
ngx_http_totp_zone_get(ngx_http_totp_zone_ctx_t *ctx, u_char *name, size_t len)
{
    ngx_int_t                    rc;
    ngx_rbtree_key_t             hash;
    ngx_rbtree_node_t           *node, *sentinel;
    ngx_http_totp_zone_entry_t  *e;

    hash = ngx_crc32_long(name, len);
    node = ctx->sh->rbtree.root;
    sentinel = &ctx->sh->sentinel;

    while (node != sentinel) {

        if (hash != node->key) {
            node = (hash < node->key) ? node->left : node->right;
            continue;
        }

        e = (ngx_http_totp_zone_entry_t *) node;
        rc = ngx_memn2cmp(name, e->name, len, e->len);

        if (rc == 0) {
            return e;
        }

        node = (rc < 0) ? node->left : node->right;
    }

    return NULL;
}


static void
ngx_http_totp_zone_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t           **p;
    ngx_http_totp_zone_entry_t   *e, *et;

    e = (ngx_http_totp_zone_entry_t *) node;

    for ( ;; ) {

        if (node->key != temp->key) {
            p = (node->key < temp->key) ? &temp->left : &temp->right;

        } else {
            et = (ngx_http_totp_zone_entry_t *) temp;
            p = (ngx_memn2cmp(e->name, et->name, e->len, et->len) < 0)
                ? &temp->left : &temp->right;
        }

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}


/*
 * Looks at the n oldest entries and removes those that have ended; the others
 * go to the end of the queue, so that each has its turn.
 */

static ngx_uint_t
ngx_http_totp_zone_sweep(ngx_http_totp_zone_ctx_t *ctx, uint64_t now,
    ngx_uint_t n)
{
    ngx_uint_t                   removed;
    ngx_queue_t                 *q;
    ngx_http_totp_zone_entry_t  *e;

    removed = 0;

    for (n = ngx_min(n, ctx->sh->count); n; n--) {

        q = ngx_queue_head(&ctx->sh->queue);
        e = ngx_queue_data(q, ngx_http_totp_zone_entry_t, queue);

        ngx_queue_remove(q);

        if (e->until > now) {
            ngx_queue_insert_tail(&ctx->sh->queue, q);
            continue;
        }

        ngx_rbtree_delete(&ctx->sh->rbtree, &e->node);
        ngx_slab_free_locked(ctx->shpool, e);

        ctx->sh->count--;
        removed++;
    }

    return removed;
}


void
ngx_http_totp_zone_heard(ngx_shm_zone_t *zone, uint64_t redis_ms)
{
    ngx_http_totp_zone_shctx_t  *sh;

    sh = ngx_http_totp_zone_ctx(zone)->sh;

    sh->offset = (ngx_atomic_int_t) ((int64_t) redis_ms
                                     - (int64_t) ngx_current_msec);
    ngx_memory_barrier();
    sh->heard = ngx_current_msec;
    ngx_memory_barrier();
    sh->ready = 1;
}


ngx_uint_t
ngx_http_totp_zone_ready(ngx_shm_zone_t *zone)
{
    return ngx_http_totp_zone_ctx(zone)->sh->ready;
}


ngx_msec_t
ngx_http_totp_zone_silence(ngx_shm_zone_t *zone)
{
    ngx_msec_int_t  ms;

    ms = (ngx_msec_int_t) (ngx_current_msec
                           - ngx_http_totp_zone_ctx(zone)->sh->heard);

    /* another worker's notion of now may be a little ahead of ours */
    return ms > 0 ? (ngx_msec_t) ms : 0;
}


uint64_t
ngx_http_totp_zone_now(ngx_shm_zone_t *zone)
{
    ngx_http_totp_zone_shctx_t  *sh;

    sh = ngx_http_totp_zone_ctx(zone)->sh;

    if (sh->heard == 0) {
        return (uint64_t) ngx_time();
    }

    return (uint64_t) (((int64_t) ngx_current_msec + sh->offset) / 1000);
}


u_char *
ngx_http_totp_zone_store_id(ngx_shm_zone_t *zone)
{
    ngx_http_totp_zone_shctx_t  *sh;

    sh = ngx_http_totp_zone_ctx(zone)->sh;

    return sh->known ? sh->store_id : NULL;
}


void
ngx_http_totp_zone_set_store_id(ngx_shm_zone_t *zone,
    const u_char id[NGX_HTTP_TOTP_STORE_ID_LEN])
{
    ngx_http_totp_zone_ctx_t  *ctx;

    ctx = ngx_http_totp_zone_ctx(zone);

    ngx_shmtx_lock(&ctx->shpool->mutex);

    if (!ctx->sh->known) {
        ngx_memcpy(ctx->sh->store_id, id, NGX_HTTP_TOTP_STORE_ID_LEN);
        ngx_memory_barrier();
        ctx->sh->known = 1;
    }

    ngx_shmtx_unlock(&ctx->shpool->mutex);
}
