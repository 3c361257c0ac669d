
#include "ngx_http_totp_steps.h"
#include "ngx_http_totp_secret.h"
#include "ngx_http_totp_zone.h"


/* how long the page of backup codes speaks of the one just used, seconds */
#define NGX_HTTP_TOTP_JUST_USED  60


static ngx_uint_t ngx_http_totp_enroll_factor(ngx_http_totp_portal_t *p);
static ngx_uint_t ngx_http_totp_enroll_required(ngx_http_totp_portal_t *p);
static void ngx_http_totp_enroll_keep(ngx_http_totp_portal_t *p,
    ngx_http_totp_reply_t *reply);
static ngx_int_t ngx_http_totp_enroll_reissue(ngx_http_totp_portal_t *p,
    ngx_http_totp_reply_t *reply);

static void ngx_http_totp_settings_done(void *data,
    ngx_http_totp_reply_t *reply);
static void ngx_http_totp_setup_pending(ngx_http_totp_portal_t *p);
static void ngx_http_totp_setup_pending_done(void *data,
    ngx_http_totp_reply_t *reply);
static void ngx_http_totp_setup_attempt_done(void *data,
    ngx_http_totp_reply_t *reply);
static void ngx_http_totp_setup_burn_done(void *data,
    ngx_http_totp_reply_t *reply);
static void ngx_http_totp_setup_done(void *data, ngx_http_totp_reply_t *reply);
static void ngx_http_totp_setup_fail(ngx_http_totp_portal_t *p,
    ngx_http_totp_word_t word);
static void ngx_http_totp_backup_get_done(void *data,
    ngx_http_totp_reply_t *reply);
static void ngx_http_totp_backup_more_done(void *data,
    ngx_http_totp_reply_t *reply);
static void ngx_http_totp_backup_renew_done(void *data,
    ngx_http_totp_reply_t *reply);
static void ngx_http_totp_disable_done(void *data,
    ngx_http_totp_reply_t *reply);


/* The settings page. */


void
ngx_http_totp_settings_get(ngx_http_totp_portal_t *p)
{
    ngx_http_totp_portal_wait(p,
                ngx_http_totp_store_settings(&p->who,
                                             ngx_http_totp_settings_done, p));
}


static void
ngx_http_totp_settings_done(void *data, ngx_http_totp_reply_t *reply)
{
    ngx_http_totp_portal_t *p = data;

    ngx_http_totp_portal_resume(p);

    if (ngx_http_totp_portal_refused(p, reply)) {
        return;
    }

    p->answer.reply = reply;
    p->answer.required = ngx_http_totp_enroll_required(p);

    ngx_http_totp_portal_show(p);
}


/* Setting up. */


void
ngx_http_totp_setup_get(ngx_http_totp_portal_t *p)
{
    if (ngx_http_totp_portal_fresh(p)) {
        ngx_http_totp_setup_pending(p);
    }
}


static void
ngx_http_totp_setup_pending(ngx_http_totp_portal_t *p)
{
    ngx_http_totp_portal_wait(p,
            ngx_http_totp_store_pending(&p->who,
                                        ngx_http_totp_setup_pending_done, p));
}


static void
ngx_http_totp_setup_pending_done(void *data, ngx_http_totp_reply_t *reply)
{
    ngx_http_totp_portal_t *p = data;

    ngx_http_totp_portal_resume(p);

    if (ngx_http_totp_portal_refused(p, reply)) {
        return;
    }

    p->answer.reply = reply;
    p->answer.setup_required = !reply->enabled
                               && ngx_http_totp_enroll_required(p);

    if (p->answer.word != NGX_HTTP_TOTP_OK) {
        ngx_http_totp_portal_fail(p, p->answer.word);
        return;
    }

    ngx_http_totp_portal_show(p);
}


void
ngx_http_totp_setup_submit(ngx_http_totp_portal_t *p)
{
    totp_code_read(&p->code, p->fields[NGX_HTTP_TOTP_FIELD_CODE].value);

    if (p->code.shape != TOTP_CODE_OTP) {

        if (ngx_http_totp_portal_fresh(p)) {
            p->answer.bad_shape = 1;
            p->answer.word = NGX_HTTP_TOTP_BAD_CODE;
            ngx_http_totp_setup_pending(p);
        }

        return;
    }

    ngx_http_totp_portal_wait(p,
             ngx_http_totp_store_attempt(&p->who, 1,
                                         ngx_http_totp_setup_attempt_done, p));
}


static void
ngx_http_totp_setup_attempt_done(void *data, ngx_http_totp_reply_t *reply)
{
    ngx_http_totp_portal_t *p = data;

    int                      match;
    int64_t                  ahead;
    uint64_t                 step, now_step;
    ngx_http_totp_secret_t  *secret;

    ngx_http_totp_portal_resume(p);

    if (reply->rc == NGX_HTTP_TOTP_STORE_NONE) {

        /* nothing is pending any more: the page shows a new picture */
        if (ngx_http_totp_portal_fresh(p)) {
            p->answer.word = NGX_HTTP_TOTP_BAD_CODE;
            ngx_http_totp_setup_pending(p);
        }

        return;
    }

    if (ngx_http_totp_portal_refused(p, reply)) {
        return;
    }

    p->answer.attempts_left = reply->attempts_left;
    ngx_http_totp_enroll_keep(p, reply);

    secret = reply->secret;
    now_step = totp_otp_step(&secret->params, reply->now);

    match = totp_otp_match(&step, &secret->params,
                           totp_str(secret->key, secret->len),
                           totp_str(p->code.data, p->code.len), now_step,
                           p->conf->skew);

    switch (match) {

    case TOTP_MATCH_OK:

        if (ngx_http_totp_session_id(p->sid) != NGX_OK) {
            ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_UNAVAILABLE);
            return;
        }

        ngx_http_totp_portal_wait(p,
                      ngx_http_totp_store_enable(&p->who, reply, step, p->sid,
                                                 ngx_http_totp_setup_done, p));
        return;

    case TOTP_MATCH_DRIFT:

        ahead = (int64_t) (step - now_step);
        p->answer.drift = (time_t) (ahead * secret->params.period);

        ngx_http_totp_portal_wait(p,
                   ngx_http_totp_store_burn(&p->who, reply, step, 1,
                                            ngx_http_totp_setup_burn_done, p));
        return;

    case TOTP_MATCH_NONE:
        ngx_http_totp_setup_fail(p, NGX_HTTP_TOTP_BAD_CODE);
        return;

    default:
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_UNAVAILABLE);
        return;
    }
}


static void
ngx_http_totp_setup_burn_done(void *data, ngx_http_totp_reply_t *reply)
{
    ngx_http_totp_portal_t *p = data;

    ngx_http_totp_portal_resume(p);

    if (ngx_http_totp_portal_refused(p, reply)) {
        return;
    }

    ngx_http_totp_setup_fail(p, NGX_HTTP_TOTP_CLOCK_OFF);
}


static void
ngx_http_totp_setup_done(void *data, ngx_http_totp_reply_t *reply)
{
    ngx_http_totp_portal_t *p = data;

    ngx_http_totp_portal_resume(p);

    if (reply->rc == NGX_HTTP_TOTP_STORE_USED) {
        ngx_http_totp_setup_fail(p, NGX_HTTP_TOTP_CODE_USED);
        return;
    }

    if (ngx_http_totp_portal_refused(p, reply)) {
        return;
    }

    p->answer.attempts_left = -1;
    p->answer.reply = NULL;

    p->session.method = TOTP_METHOD_TOTP;
    p->session.checked = reply->now;

    if (ngx_http_totp_enroll_reissue(p, reply) != NGX_OK) {
        return;
    }

    if (reply->enabled) {
        ngx_http_totp_portal_go(p, NGX_HTTP_TOTP_PAGE_SETTINGS, NULL);
        return;
    }

    ngx_http_totp_portal_go(p, NGX_HTTP_TOTP_PAGE_BACKUP_CODES, &p->next);
}


/*
 * The page shows the picture again, and that is for those alone who are fresh;
 * others prove who they are first, and come back to it.
 */

static void
ngx_http_totp_setup_fail(ngx_http_totp_portal_t *p, ngx_http_totp_word_t word)
{
    if (p->answer.json || ngx_http_totp_portal_fresh(p)) {
        ngx_http_totp_portal_fail(p, word);
    }
}


/* Backup codes. */


void
ngx_http_totp_backup_get(ngx_http_totp_portal_t *p)
{
    if (ngx_http_totp_enroll_factor(p)) {
        ngx_http_totp_portal_wait(p,
                 ngx_http_totp_store_codes(&p->who, 0,
                                           ngx_http_totp_backup_get_done, p));
    }
}


static void
ngx_http_totp_backup_get_done(void *data, ngx_http_totp_reply_t *reply)
{
    ngx_http_totp_portal_t *p = data;

    ngx_http_totp_portal_resume(p);

    if (ngx_http_totp_portal_refused(p, reply)) {
        return;
    }

    p->answer.reply = reply;
    p->answer.just_used = (p->session.method == TOTP_METHOD_BACKUP
                           && reply->now < p->session.checked
                                           + NGX_HTTP_TOTP_JUST_USED);
    ngx_http_totp_portal_show(p);
}


void
ngx_http_totp_backup_submit(ngx_http_totp_portal_t *p)
{
    totp_form_field_t  *more;

    if (!ngx_http_totp_enroll_factor(p)) {
        return;
    }

    more = &p->fields[NGX_HTTP_TOTP_FIELD_MORE];

    if (more->found && more->value.len) {
        ngx_http_totp_portal_wait(p,
                ngx_http_totp_store_codes(&p->who, 1,
                                          ngx_http_totp_backup_more_done, p));
        return;
    }

    if (!ngx_http_totp_portal_fresh(p)) {
        return;
    }

    if (ngx_http_totp_session_id(p->sid) != NGX_OK) {
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_UNAVAILABLE);
        return;
    }

    ngx_http_totp_portal_wait(p,
               ngx_http_totp_store_renew(&p->who, p->sid,
                                         ngx_http_totp_backup_renew_done, p));
}


static void
ngx_http_totp_backup_more_done(void *data, ngx_http_totp_reply_t *reply)
{
    ngx_http_totp_portal_t *p = data;

    ngx_http_totp_portal_resume(p);

    if (ngx_http_totp_portal_refused(p, reply)) {
        return;
    }

    ngx_http_totp_portal_go(p, NGX_HTTP_TOTP_PAGE_BACKUP_CODES, &p->next);
}


static void
ngx_http_totp_backup_renew_done(void *data, ngx_http_totp_reply_t *reply)
{
    ngx_http_totp_portal_t *p = data;

    ngx_http_totp_portal_resume(p);

    if (ngx_http_totp_portal_refused(p, reply)) {
        return;
    }

    if (ngx_http_totp_enroll_reissue(p, reply) != NGX_OK) {
        return;
    }

    ngx_http_totp_portal_go(p, NGX_HTTP_TOTP_PAGE_BACKUP_CODES, &p->next);
}


/* Disabling. */


void
ngx_http_totp_disable_get(ngx_http_totp_portal_t *p)
{
    if (!ngx_http_totp_enroll_factor(p) || !ngx_http_totp_portal_fresh(p)) {
        return;
    }

    p->answer.required = ngx_http_totp_enroll_required(p);

    ngx_http_totp_portal_show(p);
}


void
ngx_http_totp_disable_submit(ngx_http_totp_portal_t *p)
{
    if (!ngx_http_totp_enroll_factor(p) || !ngx_http_totp_portal_fresh(p)) {
        return;
    }

    if (ngx_http_totp_session_id(p->sid) != NGX_OK) {
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_UNAVAILABLE);
        return;
    }

    ngx_http_totp_portal_wait(p,
                  ngx_http_totp_store_disable(&p->who,
                                              ngx_http_totp_disable_done, p));
}


static void
ngx_http_totp_disable_done(void *data, ngx_http_totp_reply_t *reply)
{
    ngx_http_totp_portal_t *p = data;

    ngx_http_totp_portal_resume(p);

    if (ngx_http_totp_portal_refused(p, reply)) {
        return;
    }

    p->session.method = TOTP_METHOD_NONE;

    if (ngx_http_totp_enroll_reissue(p, reply) != NGX_OK) {
        return;
    }

    ngx_http_totp_portal_go(p, NGX_HTTP_TOTP_PAGE_SETTINGS, NULL);
}


/* What they share. */


/* Has the user a second factor?  If not, answers: it is to be set up first. */

static ngx_uint_t
ngx_http_totp_enroll_factor(ngx_http_totp_portal_t *p)
{
    if (p->session.method != TOTP_METHOD_NONE) {
        return 1;
    }

    if (p->answer.json || p->request->method == NGX_HTTP_POST) {
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_SETUP_REQUIRED);
        return 0;
    }

    ngx_http_totp_portal_go(p, NGX_HTTP_TOTP_PAGE_SETUP, &p->next);

    return 0;
}


/* Does some gate of this server demand a second factor of these users? */

static ngx_uint_t
ngx_http_totp_enroll_required(ngx_http_totp_portal_t *p)
{
    ngx_str_t   *realm;
    ngx_uint_t   i;

    realm = p->conf->server->strict.elts;

    for (i = 0; i < p->conf->server->strict.nelts; i++) {
        if (totp_str_eq(ngx_http_totp_str(&realm[i]),
                        ngx_http_totp_str(&p->conf->realm)))
        {
            return 1;
        }
    }

    return 0;
}


/* A page after another step still shows the picture: a copy outlives it. */

static void
ngx_http_totp_enroll_keep(ngx_http_totp_portal_t *p,
    ngx_http_totp_reply_t *reply)
{
    ngx_http_totp_reply_t   *kept;
    ngx_http_totp_secret_t  *secret;

    kept = ngx_palloc(p->request->pool, sizeof(ngx_http_totp_reply_t));
    secret = ngx_http_totp_secret_alloc(p->request->pool,
                                        sizeof(ngx_http_totp_secret_t));

    if (kept == NULL || secret == NULL) {
        return;
    }

    *kept = *reply;
    *secret = *reply->secret;

    kept->secret = secret;
    kept->enabled = (p->session.method != TOTP_METHOD_NONE);

    p->answer.reply = kept;
    p->answer.setup_required = !kept->enabled
                               && ngx_http_totp_enroll_required(p);
}


/* The acting session goes on under a new id and the user's new epoch. */

static ngx_int_t
ngx_http_totp_enroll_reissue(ngx_http_totp_portal_t *p,
    ngx_http_totp_reply_t *reply)
{
    ngx_memcpy(p->session.sid, p->sid, TOTP_SID_LEN);
    p->session.epoch = reply->epoch;
    p->session.renewed = reply->now;

    if (ngx_http_totp_portal_reissue(p) != NGX_OK) {
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_UNAVAILABLE);
        return NGX_ERROR;
    }

    return NGX_OK;
}
