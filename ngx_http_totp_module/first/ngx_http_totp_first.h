/*
 * The first factor: an htpasswd file.
 *
 * Each worker keeps the file's entries in a hash and looks at the file's time
 * once a second; a file that has changed is read once it has been the same for
 * one look, so that an editor's half-written file is not taken for the truth:
 * an edit counts within two seconds.  A file that cannot be read (or that
 * everybody may write) leaves what was last read in force, and an error in the
 * log, once.  Of several lines of one user the first counts, as for auth_basic.
 */

#ifndef NGX_HTTP_TOTP_FIRST_H
#define NGX_HTTP_TOTP_FIRST_H

#include <ngx_config.h>
#include <ngx_core.h>

#include "totp_session.h"


typedef struct ngx_http_totp_first_s       ngx_http_totp_first_t;
typedef struct ngx_http_totp_first_call_s  ngx_http_totp_first_call_t;


/*
 * rc: NGX_OK, right, with the fingerprint of the entry that was checked, under
 * the key that was given;
 * NGX_DECLINED, user or password wrong; NGX_ERROR, could not be checked.  fp is
 * gone after the call.  Called once unless forgotten, never before _verify has
 * returned; the call is gone after it.
 */
typedef void (*ngx_http_totp_first_done_pt)(void *data, ngx_int_t rc,
    const uint8_t fp[TOTP_FP_LEN]);


/*
 * The first factor of a password file, one object a path (registry: an array
 * of pointers, kept by the caller for the configuration).  Full path expected,
 * with a NUL after it; it is not copied.  A file that does not exist or cannot
 * be read is an error with its remedy; a world-writable one is, too.  NULL:
 * logged by ngx_conf_log_error().
 */
ngx_http_totp_first_t *ngx_http_totp_first_file(ngx_conf_t *cf,
    ngx_array_t *registry, ngx_str_t *path);

/*
 * In each worker: reads the files and watches them from then on, until the
 * cycle's pool is destroyed.  A file that cannot be read is not an error here:
 * it is logged, and tried again each second.
 */
ngx_int_t ngx_http_totp_first_start(ngx_cycle_t *cycle, ngx_array_t *registry);

/*
 * Does the file still hold the very entry that this fingerprint was made of?
 * key: of the ring, that it was made with.  NGX_OK, NGX_DECLINED (removed or
 * changed), NGX_ERROR (never read yet).  A hash look-up: for every request.
 */
ngx_int_t ngx_http_totp_first_known(ngx_http_totp_first_t *first,
    ngx_str_t *user, const totp_key_t *key, const uint8_t fp[TOTP_FP_LEN]);

/*
 * Gives a session that another key has signed its fingerprint under this one,
 * provided that the old one still holds; else it stays as it is.  Returns as
 * _known.
 */
ngx_int_t ngx_http_totp_first_rekey(ngx_http_totp_first_t *first,
    totp_session_t *s, const totp_key_t *key);

/*
 * Checks a password on the thread pool, whatever the scheme.  A user who does
 * not exist, or whose hash crypt(3) can never take, costs a verification of the
 * file's most frequent scheme and cost.  Everything is copied, and wiped after
 * use; the caller bounds the password's length (crypt(3) refuses more than 511
 * bytes at once).  Returns NULL where done will not be called: *rc is NGX_BUSY
 * (the pool's queue is full) or NGX_ERROR (never read yet; out of memory).
 */
ngx_http_totp_first_call_t *ngx_http_totp_first_verify(
    ngx_http_totp_first_t *first, ngx_str_t *user, ngx_str_t *password,
    const totp_key_t *key, ngx_http_totp_first_done_pt done, void *data,
    ngx_int_t *rc);

/* Who asked is gone: done will not be called. */
void ngx_http_totp_first_forget(ngx_http_totp_first_call_t *call);


#endif /* NGX_HTTP_TOTP_FIRST_H */
