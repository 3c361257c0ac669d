/*
 * From a request to its session: the cookie, verified, and what it is worth
 * here and now.  No network, no allocation to speak of.
 */

#ifndef NGX_HTTP_TOTP_SESSION_H
#define NGX_HTTP_TOTP_SESSION_H

#include "ngx_http_totp_word.h"
#include "ngx_http_totp_settings.h"


/* the session cookie's age after which a response renews it: a quarter of
   totp_session_timeout */
#define NGX_HTTP_TOTP_RENEW_PART  4


typedef struct {
    totp_str_t                 name;
    totp_str_t                 value;       /* where it was sent */
} ngx_http_totp_cookie_t;


/*
 * A request's context.  It lives as long as the request and survives internal
 * redirects (kept by a pool cleanup, as the realip module does).
 */

typedef struct {
    ngx_array_t                cookies;     /* of ngx_http_totp_cookie_t: ours,
                                               as taken out */
    ngx_http_totp_cookie_t     cookie;      /* room for the first */
    ngx_http_totp_loc_conf_t  *conf;        /* what session was found for */
    ngx_http_totp_word_t       word;        /* why it is worth nothing, or OK */
    ngx_uint_t                 genuine;     /* signed by us, for this realm:
                                               session may be read even if
                                               word says that it has ended */
    totp_session_t             session;
    uint8_t                   *payload;     /* what session points into */

    ngx_http_totp_loc_conf_t  *passed;      /* the gate that let it through */
    ngx_http_totp_word_t       error;       /* $totp_error */
    ngx_uint_t                 renew;       /* set a new cookie */
    ngx_uint_t                 blind;       /* revocations were not known when
                                               a name was asked for */

    ngx_event_t                wait;        /* for the first revocations */
    ngx_msec_t                 wait_until;
    ngx_http_request_t        *request;

    void                      *portal;      /* the portal's own, or NULL */
} ngx_http_totp_ctx_t;


/* The context of r->main, made where there is none; NULL: out of memory. */
ngx_http_totp_ctx_t *ngx_http_totp_ctx(ngx_http_request_t *r);

/* The context, or NULL where none was made. */
ngx_http_totp_ctx_t *ngx_http_totp_ctx_find(ngx_http_request_t *r);

/*
 * Finds and judges the session for conf; cached in ctx for that conf, until
 * the gate begins anew: what a request is told does not change under way.
 * Returns ctx->word: OK, LOGIN_REQUIRED (none, forged, sent twice, another
 * realm's, revoked, from the future), EXPIRED (genuine, but past its time, or
 * its password entry has changed or gone) or UNAVAILABLE (revocations or users
 * cannot be looked up).  OK at every stage: also none.
 */
ngx_http_totp_word_t ngx_http_totp_session_find(ngx_http_request_t *r,
    ngx_http_totp_ctx_t *ctx, ngx_http_totp_loc_conf_t *conf);

/*
 * The first of our cookies of this name that the request came with; of length
 * 0 where there is none.
 */
ngx_str_t ngx_http_totp_session_cookie_sent(ngx_http_totp_ctx_t *ctx,
    const ngx_str_t *name);

/*
 * The cookies that this worker has verified: none yet, when a cycle begins;
 * forgotten when the process ends.
 */
ngx_int_t ngx_http_totp_session_start(ngx_cycle_t *cycle);
void ngx_http_totp_session_stop(void);

/* A fresh random id; NGX_ERROR: no randomness, then answer "unavailable". */
ngx_int_t ngx_http_totp_session_id(uint8_t sid[TOTP_SID_LEN]);

/*
 * The whole Set-Cookie value for a session, into r->pool; empty on error.
 */
ngx_str_t ngx_http_totp_session_cookie(ngx_http_request_t *r,
    ngx_http_totp_loc_conf_t *conf, totp_session_t *s);

/* The Set-Cookie value that clears it. */
ngx_str_t ngx_http_totp_session_clear(ngx_http_request_t *r,
    ngx_http_totp_loc_conf_t *conf);

/*
 * Takes our cookies out of the request's headers and into the context: the
 * handler of the post-read phase.  Always NGX_DECLINED but for errors.
 */
ngx_int_t ngx_http_totp_strip_handler(ngx_http_request_t *r);

/*
 * The same for the error page of a request that was refused while it was read,
 * which has not been through that phase: the handler of both rewrite phases,
 * as a named location sees but the second.
 */
ngx_int_t ngx_http_totp_strip_late_handler(ngx_http_request_t *r);


#endif /* NGX_HTTP_TOTP_SESSION_H */
