/*
 * The state that all nodes share: the only layer that knows Redis keys, fields
 * and scripts.  Each operation is one atomic script (an address has a counter
 * in a slot of its own, and a script of its own beside the user's).
 *
 * Every operation copies what it needs, answers by a callback exactly once
 * unless forgotten, and never before it has returned.  What the reply points
 * to lives until the callback returns.
 */

#ifndef NGX_HTTP_TOTP_STORE_H
#define NGX_HTTP_TOTP_STORE_H

#include "totp_otp.h"
#include "totp_backup.h"
#include "ngx_http_totp_settings.h"


#define NGX_HTTP_TOTP_PENDING_TIME  900     /* seconds, PRODUCT: 15 minutes */
#define NGX_HTTP_TOTP_EVENTS        10
#define NGX_HTTP_TOTP_MORE_TIMES    10      /* WCAG 2.2.1 */


typedef enum {
    NGX_HTTP_TOTP_STORE_OK = 0,
    NGX_HTTP_TOTP_STORE_UNAVAILABLE,    /* nothing is known */
    NGX_HTTP_TOTP_STORE_LOCKED,         /* retry_after: seconds, or -1 */
    NGX_HTTP_TOTP_STORE_STALE,          /* the session's user, secret or stage
                                           is not what the session says */
    NGX_HTTP_TOTP_STORE_NONE,           /* no second factor, nothing pending */
    NGX_HTTP_TOTP_STORE_USED,           /* this step was accepted before */
    NGX_HTTP_TOTP_STORE_BAD             /* no such backup code */
} ngx_http_totp_store_rc_t;


/* A second factor's secret, open. */

typedef struct {
    totp_params_t   params;
    size_t          len;
    uint8_t         key[64];
} ngx_http_totp_secret_t;


typedef struct {
    totp_str_t      what;           /* "signed_in", "code_failed", ... */
    time_t          when;
    totp_str_t      address;
} ngx_http_totp_event_t;


/* Backup codes, open, as shown (with hyphens). */

typedef struct {
    ngx_uint_t      n;
    char            shown[TOTP_BACKUP_MAX][TOTP_BACKUP_SHOWN];
} ngx_http_totp_codes_t;


typedef struct {
    ngx_http_totp_store_rc_t   rc;

    uint64_t                   now;             /* Redis' clock */
    time_t                     retry_after;
    uint64_t                   epoch;           /* the user's, now */
    ngx_uint_t                 enabled;         /* has a second factor */

    ngx_int_t                  attempts_left;   /* attempt */
    ngx_http_totp_secret_t    *secret;          /* attempt, pending */
    totp_str_t                 sealed;          /* the same as it is stored */
    ngx_uint_t                 stale_key;       /* sealed by an older key */
    uint64_t                   last_step;

    ngx_uint_t                 backup_left;     /* accept, codes, settings */

    ngx_http_totp_codes_t     *codes;           /* codes; NULL: not on show */
    ngx_msec_t                 expires_in;
    ngx_uint_t                 more_left;

    time_t                     enabled_at;      /* settings */
    time_t                     last_used_at;
    ngx_uint_t                 failed_before;
    ngx_uint_t                 nevents;
    ngx_http_totp_event_t      events[NGX_HTTP_TOTP_EVENTS];
} ngx_http_totp_reply_t;


typedef struct ngx_http_totp_op_s  ngx_http_totp_op_t;

typedef void (*ngx_http_totp_store_done_pt)(void *data,
    ngx_http_totp_reply_t *reply);


/* Who asks, in which session.  Nothing here is kept beyond the call. */

typedef struct {
    ngx_http_totp_loc_conf_t  *conf;        /* realm, limits */
    ngx_str_t                  user;
    ngx_str_t                  address;     /* as text, for people */
    ngx_str_t                  network;     /* as counted: IPv6 by its /64 */
    totp_session_t            *session;     /* NULL before there is one */
} ngx_http_totp_who_t;


/* In each worker; worker 0 follows the feed. */
ngx_int_t ngx_http_totp_store_start(ngx_cycle_t *cycle,
    ngx_http_totp_main_conf_t *mcf);
void ngx_http_totp_store_stop(void);

/* Is an answer to be hoped for at all, or is the connection down? */
ngx_uint_t ngx_http_totp_store_up(void);

/*
 * realm:escaped-name, the user in the keys and in the stream.  buf holds
 * NGX_HTTP_TOTP_NAME_MAX bytes.
 */
#define NGX_HTTP_TOTP_NAME_MAX  (TOTP_REALM_MAX + 1 + 3 * TOTP_USER_MAX)

ngx_str_t ngx_http_totp_store_name(u_char *buf, totp_str_t realm,
    totp_str_t user);

/*
 * All return NULL where the operation cannot be begun (Redis is away, out of
 * memory): done is not called then, and the answer is "unavailable".
 */

/* A password is about to be checked: OK or LOCKED. */
ngx_http_totp_op_t *ngx_http_totp_store_reserve(ngx_http_totp_who_t *who,
    ngx_http_totp_store_done_pt done, void *data);

/* It was not checked after all. */
void ngx_http_totp_store_refund(ngx_http_totp_who_t *who);

/*
 * It was right.  Gives epoch, enabled, now.  who->session, where not NULL, is
 * a full session that ends with this sign-in.
 */
ngx_http_totp_op_t *ngx_http_totp_store_signin(ngx_http_totp_who_t *who,
    ngx_http_totp_store_done_pt done, void *data);

/*
 * A code is about to be checked, against the secret in force or (setup) the
 * session's pending one: gives it, attempts_left and last_step; or LOCKED,
 * STALE, NONE.
 */
ngx_http_totp_op_t *ngx_http_totp_store_attempt(ngx_http_totp_who_t *who,
    ngx_uint_t setup, ngx_http_totp_store_done_pt done, void *data);

/*
 * The code was right: attempt is the reply to the attempt.  signin: the
 * session of stage password is spent and the event recorded; else it was a
 * check for freshness.  OK (backup_left), USED, STALE; for a backup code, whose
 * rightness is known only here, BAD.
 */
ngx_http_totp_op_t *ngx_http_totp_store_accept_step(ngx_http_totp_who_t *who,
    ngx_http_totp_reply_t *attempt, uint64_t step, ngx_uint_t signin,
    ngx_http_totp_store_done_pt done, void *data);
ngx_http_totp_op_t *ngx_http_totp_store_accept_backup(ngx_http_totp_who_t *who,
    ngx_http_totp_reply_t *attempt, totp_str_t code, ngx_uint_t signin,
    ngx_http_totp_store_done_pt done, void *data);

/* A step that a wrong clock showed is never accepted later. */
ngx_http_totp_op_t *ngx_http_totp_store_burn(ngx_http_totp_who_t *who,
    ngx_http_totp_reply_t *attempt, uint64_t step, ngx_uint_t setup,
    ngx_http_totp_store_done_pt done, void *data);

/*
 * The session's pending secret, made where there is none: secret, enabled.
 */
ngx_http_totp_op_t *ngx_http_totp_store_pending(ngx_http_totp_who_t *who,
    ngx_http_totp_store_done_pt done, void *data);

/*
 * The pending secret was confirmed: it is in force.  Where there was none
 * before (enabled = 0) a set of backup codes was made and is on show for the
 * session sid; enabled = 1: a new phone.
 */
ngx_http_totp_op_t *ngx_http_totp_store_enable(ngx_http_totp_who_t *who,
    ngx_http_totp_reply_t *attempt, uint64_t step,
    const uint8_t sid[TOTP_SID_LEN], ngx_http_totp_store_done_pt done,
    void *data);

/* A new set of backup codes, on show for the session sid. */
ngx_http_totp_op_t *ngx_http_totp_store_renew(ngx_http_totp_who_t *who,
    const uint8_t sid[TOTP_SID_LEN], ngx_http_totp_store_done_pt done,
    void *data);

/* The set on show, after adding time where more is set. */
ngx_http_totp_op_t *ngx_http_totp_store_codes(ngx_http_totp_who_t *who,
    ngx_uint_t more, ngx_http_totp_store_done_pt done, void *data);

ngx_http_totp_op_t *ngx_http_totp_store_disable(ngx_http_totp_who_t *who,
    ngx_http_totp_store_done_pt done, void *data);

ngx_http_totp_op_t *ngx_http_totp_store_logout(ngx_http_totp_who_t *who,
    ngx_uint_t everywhere, ngx_http_totp_store_done_pt done, void *data);

ngx_http_totp_op_t *ngx_http_totp_store_settings(ngx_http_totp_who_t *who,
    ngx_http_totp_store_done_pt done, void *data);

/* Whoever asked is gone. */
void ngx_http_totp_store_forget(ngx_http_totp_op_t *op);


#endif /* NGX_HTTP_TOTP_STORE_H */
