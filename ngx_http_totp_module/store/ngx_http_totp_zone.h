/*
 * What the workers of a node share: which sessions are revoked, what the feed
 * last said, and which store it came from.  Correct when empty: it is filled
 * from Redis, and nothing is let through before.
 */

#ifndef NGX_HTTP_TOTP_ZONE_H
#define NGX_HTTP_TOTP_ZONE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "totp_session.h"


#define NGX_HTTP_TOTP_STORE_ID_LEN  32      /* hex digits */


/* NULL: logged.  The tag is the module's. */
ngx_shm_zone_t *ngx_http_totp_zone_add(ngx_conf_t *cf, ngx_str_t *name,
    size_t size, void *tag);

/*
 * Revokes one session, remembered until it would have ended (unix seconds);
 * or all sessions of a user (the name of the stream: realm:escaped-name) that
 * carry an epoch below this one.  at is when it happened, unix seconds: should
 * the zone be full, everything issued up to then is revoked instead (logged).
 */
void ngx_http_totp_zone_revoke_session(ngx_shm_zone_t *zone,
    const uint8_t sid[TOTP_SID_LEN], uint64_t until, uint64_t at);
void ngx_http_totp_zone_revoke_user(ngx_shm_zone_t *zone, ngx_str_t *name,
    uint64_t epoch, uint64_t until, uint64_t at);

/* Is this session revoked?  name as above; a look-up, for every request. */
ngx_uint_t ngx_http_totp_zone_revoked(ngx_shm_zone_t *zone,
    const totp_session_t *s, ngx_str_t *name);

/*
 * Changes with every revocation that is new to this node.  What was found not
 * to be revoked still is not while this stays the same, provided that it was
 * read before that look-up.
 */
uint64_t ngx_http_totp_zone_generation(ngx_shm_zone_t *zone);

/*
 * The feed answered, and the revocations have been read whole: it is now
 * redis_ms (unix milliseconds) there.  _ready: has that been so once?
 */
void ngx_http_totp_zone_heard(ngx_shm_zone_t *zone, uint64_t redis_ms);
ngx_uint_t ngx_http_totp_zone_ready(ngx_shm_zone_t *zone);

/* How long ago the feed was last heard, in milliseconds. */
ngx_msec_t ngx_http_totp_zone_silence(ngx_shm_zone_t *zone);

/* Now by the clock of Redis, unix seconds; by our own before it was heard. */
uint64_t ngx_http_totp_zone_now(ngx_shm_zone_t *zone);

/*
 * The store's id: NULL before one is known.  _set keeps the first.
 */
u_char *ngx_http_totp_zone_store_id(ngx_shm_zone_t *zone);
void ngx_http_totp_zone_set_store_id(ngx_shm_zone_t *zone,
    const u_char id[NGX_HTTP_TOTP_STORE_ID_LEN]);


#endif /* NGX_HTTP_TOTP_ZONE_H */
