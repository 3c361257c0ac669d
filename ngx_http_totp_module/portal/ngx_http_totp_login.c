
#include "ngx_http_totp_steps.h"
#include "ngx_http_totp_task.h"
#include "ngx_http_totp_zone.h"

#include "totp_name.h"


#define NGX_HTTP_TOTP_PASSWORD_MAX  512   /* bytes; crypt(3) takes no more */
#define NGX_HTTP_TOTP_RETRY_BUSY  2       /* seconds: a full queue */


static void ngx_http_totp_login_reserved(void *data,
    ngx_http_totp_reply_t *reply);
static void ngx_http_totp_login_busy(ngx_http_totp_portal_t *p);
static void ngx_http_totp_login_verified(void *data, ngx_int_t rc,
    const uint8_t fp[TOTP_FP_LEN]);
static void ngx_http_totp_login_done(void *data, ngx_http_totp_reply_t *reply);
static void ngx_http_totp_code_attempt_done(void *data,
    ngx_http_totp_reply_t *reply);
static void ngx_http_totp_code_accept_done(void *data,
    ngx_http_totp_reply_t *reply);
static void ngx_http_totp_code_burn_done(void *data,
    ngx_http_totp_reply_t *reply);
static void ngx_http_totp_logout_done(void *data,
    ngx_http_totp_reply_t *reply);


/*
 * A visitor without a session gets one at stage none: it carries the form's
 * token.  One that is good is kept, whatever its stage.
 */

void
ngx_http_totp_login_get(ngx_http_totp_portal_t *p)
{
    uint64_t  now;

    p->answer.expired = (p->ctx->word == NGX_HTTP_TOTP_EXPIRED);

    if (p->ctx->word != NGX_HTTP_TOTP_OK || !p->ctx->genuine) {

        ngx_memzero(&p->session, sizeof(totp_session_t));

        now = ngx_http_totp_zone_now(
                               ngx_http_totp_main_conf(p->request)->zone);

        if (ngx_http_totp_portal_issue(p, TOTP_STAGE_NONE, TOTP_METHOD_NONE,
                                       now)
            != NGX_OK)
        {
            p->answer.page = NGX_HTTP_TOTP_PAGE_ERROR;
            p->answer.word = NGX_HTTP_TOTP_UNAVAILABLE;
        }
    }

    ngx_http_totp_portal_show(p);
}


/*
 * Three steps, with two round trips: the failure is counted, the password is
 * hashed on a thread, the sign-in is recorded and the failure taken back.  The
 * first trip must have come back before the hash, or parallel guesses would not
 * be bounded; the second cannot begin before it.  Their scripts leave together:
 * the counters of an address are in another slot than those of a user.
 */

void
ngx_http_totp_login_submit(ngx_http_totp_portal_t *p)
{
    totp_form_field_t  *user, *password;

    user = &p->fields[NGX_HTTP_TOTP_FIELD_USERNAME];
    password = &p->fields[NGX_HTTP_TOTP_FIELD_PASSWORD];

    if (!user->found || !password->found) {
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_BAD_REQUEST);
        return;
    }

    /* the same bytes everywhere: password file, counters, record, cookie */
    p->who.conf = p->conf;
    p->who.user.len = user->value.len;
    p->who.user.data = (u_char *) user->value.data;
    p->who.session = NULL;

    /* what could not be a password is not hashed: its cost would be its length */

    if (!totp_name_valid(user->value)
        || password->value.len > NGX_HTTP_TOTP_PASSWORD_MAX)
    {
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_BAD_CREDENTIALS);
        return;
    }

    /* what is shown again is UTF-8, as the page says */
    p->answer.username = p->who.user;

    /* known without asking Redis: a storm of sign-ins stops here */

    if (ngx_http_totp_task_full()) {
        ngx_http_totp_login_busy(p);
        return;
    }

    ngx_http_totp_portal_wait(p,
                 ngx_http_totp_store_reserve(&p->who,
                                             ngx_http_totp_login_reserved, p));
}


static void
ngx_http_totp_login_reserved(void *data, ngx_http_totp_reply_t *reply)
{
    ngx_http_totp_portal_t *p = data;

    ngx_int_t                    rc;
    ngx_str_t                    password;
    ngx_http_totp_main_conf_t   *mcf;
    ngx_http_totp_first_call_t  *call;

    ngx_http_totp_portal_resume(p);

    if (ngx_http_totp_portal_refused(p, reply)) {
        return;
    }

    password.len = p->fields[NGX_HTTP_TOTP_FIELD_PASSWORD].value.len;
    password.data = (u_char *)
                           p->fields[NGX_HTTP_TOTP_FIELD_PASSWORD].value.data;

    mcf = ngx_http_totp_main_conf(p->request);

    call = ngx_http_totp_first_verify(p->conf->first, &p->who.user, &password,
                                      &mcf->keys->keys[0],
                                      ngx_http_totp_login_verified, p, &rc);

    if (call == NULL) {
        ngx_http_totp_store_refund(&p->who);
        ngx_http_totp_login_busy(p);
        return;
    }

    ngx_http_totp_portal_wait_call(p, call);
}


static void
ngx_http_totp_login_busy(ngx_http_totp_portal_t *p)
{
    p->answer.retry_after = NGX_HTTP_TOTP_RETRY_BUSY;
    ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_UNAVAILABLE);
}


static void
ngx_http_totp_login_verified(void *data, ngx_int_t rc,
    const uint8_t fp[TOTP_FP_LEN])
{
    ngx_http_totp_portal_t *p = data;

    totp_session_t             *old;
    ngx_http_totp_main_conf_t  *mcf;

    ngx_http_totp_portal_resume(p);

    if (rc == NGX_ERROR) {
        ngx_http_totp_store_refund(&p->who);
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_UNAVAILABLE);
        return;
    }

    if (rc != NGX_OK) {
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_BAD_CREDENTIALS);
        return;
    }

    mcf = ngx_http_totp_main_conf(p->request);

    ngx_memcpy(p->session.fp, fp, TOTP_FP_LEN);
    p->session.key = &mcf->keys->keys[0];

    /*
     * A full session in this browser ends here, whoever's it is; but for the
     * same user's without second factor, who only shows to be fresh.
     */

    old = &p->sent;

    if (p->answer.stage == TOTP_STAGE_FULL
        && (old->method != TOTP_METHOD_NONE
            || !totp_str_eq(old->user, ngx_http_totp_str(&p->who.user))))
    {
        p->who.session = old;
    }

    ngx_http_totp_portal_wait(p,
                      ngx_http_totp_store_signin(&p->who,
                                                 ngx_http_totp_login_done, p));
}


static void
ngx_http_totp_login_done(void *data, ngx_http_totp_reply_t *reply)
{
    ngx_http_totp_portal_t *p = data;

    ngx_int_t     rc;
    ngx_uint_t    again;
    totp_stage_t  stage;

    ngx_http_totp_portal_resume(p);

    if (ngx_http_totp_portal_refused(p, reply)) {
        return;
    }

    again = (p->answer.stage == TOTP_STAGE_FULL && p->who.session == NULL
             && p->sent.epoch == reply->epoch);
    stage = reply->enabled ? TOTP_STAGE_PASSWORD : TOTP_STAGE_FULL;

    p->session.user = ngx_http_totp_str(&p->who.user);
    p->session.epoch = reply->epoch;

    rc = ngx_http_totp_portal_issue(p, stage, TOTP_METHOD_NONE, reply->now);

    if (rc == NGX_OK && again && !reply->enabled) {
        /* the same stage, the same session: a set-up under way goes on */
        ngx_memcpy(p->session.sid, p->sent.sid, TOTP_SID_LEN);
        rc = ngx_http_totp_portal_reissue(p);
    }

    if (rc != NGX_OK) {
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_UNAVAILABLE);
        return;
    }

    if (stage == TOTP_STAGE_PASSWORD) {
        ngx_http_totp_portal_go(p, NGX_HTTP_TOTP_PAGE_CODE, &p->next);
        return;
    }

    ngx_http_totp_portal_leave(p, &p->next);
}


void
ngx_http_totp_code_get(ngx_http_totp_portal_t *p)
{
    p->answer.fresh = (p->answer.stage == TOTP_STAGE_FULL);

    ngx_http_totp_portal_show(p);
}


/*
 * Two round trips: the attempt is counted and the secret fetched; then, if the
 * code matches, its step is accepted by a script that lets it in once.  One
 * would not do: Redis cannot open the secret, and an attempt counts before it
 * is looked at.
 */

void
ngx_http_totp_code_submit(ngx_http_totp_portal_t *p)
{
    p->answer.fresh = (p->answer.stage == TOTP_STAGE_FULL);

    totp_code_read(&p->code, p->fields[NGX_HTTP_TOTP_FIELD_CODE].value);

    if (p->code.shape == TOTP_CODE_NONE) {
        p->answer.bad_shape = 1;
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_BAD_CODE);
        return;
    }

    ngx_http_totp_portal_wait(p,
              ngx_http_totp_store_attempt(&p->who, 0,
                                          ngx_http_totp_code_attempt_done, p));
}


static void
ngx_http_totp_code_attempt_done(void *data, ngx_http_totp_reply_t *reply)
{
    ngx_http_totp_portal_t *p = data;

    int                      match;
    int64_t                  ahead;
    uint64_t                 step, now_step;
    ngx_uint_t               signin;
    ngx_http_totp_secret_t  *secret;

    ngx_http_totp_portal_resume(p);

    if (reply->rc == NGX_HTTP_TOTP_STORE_NONE) {
        /* disabled or reset meanwhile: this session is about to be told so */
        reply->rc = NGX_HTTP_TOTP_STORE_STALE;
    }

    if (ngx_http_totp_portal_refused(p, reply)) {
        return;
    }

    p->answer.attempts_left = reply->attempts_left;
    signin = (p->session.stage == TOTP_STAGE_PASSWORD);
    secret = reply->secret;

    if (p->code.shape == TOTP_CODE_BACKUP) {
        ngx_http_totp_portal_wait(p,
                 ngx_http_totp_store_accept_backup(&p->who, reply,
                                     totp_str(p->code.data, p->code.len),
                                     signin, ngx_http_totp_code_accept_done,
                                     p));
        return;
    }

    now_step = totp_otp_step(&secret->params, reply->now);

    match = totp_otp_match(&step, &secret->params,
                           totp_str(secret->key, secret->len),
                           totp_str(p->code.data, p->code.len), now_step,
                           p->conf->skew);

    if (match < 0) {
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_UNAVAILABLE);
        return;
    }

    if (match == TOTP_MATCH_NONE) {
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_BAD_CODE);
        return;
    }

    if (step == reply->last_step
        || (match == TOTP_MATCH_OK && step < reply->last_step))
    {
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_CODE_USED);
        return;
    }

    if (match == TOTP_MATCH_DRIFT) {
        ahead = (int64_t) (step - now_step);
        p->answer.drift = (time_t) (ahead * secret->params.period);

        ngx_http_totp_portal_wait(p,
                    ngx_http_totp_store_burn(&p->who, reply, step, 0,
                                             ngx_http_totp_code_burn_done, p));
        return;
    }

    ngx_http_totp_portal_wait(p,
           ngx_http_totp_store_accept_step(&p->who, reply, step, signin,
                                           ngx_http_totp_code_accept_done, p));
}


static void
ngx_http_totp_code_burn_done(void *data, ngx_http_totp_reply_t *reply)
{
    ngx_http_totp_portal_t *p = data;

    ngx_http_totp_portal_resume(p);

    if (ngx_http_totp_portal_refused(p, reply)) {
        return;
    }

    ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_CLOCK_OFF);
}


static void
ngx_http_totp_code_accept_done(void *data, ngx_http_totp_reply_t *reply)
{
    ngx_http_totp_portal_t *p = data;

    ngx_int_t       rc;
    ngx_uint_t      signin;
    totp_method_t   method;

    ngx_http_totp_portal_resume(p);

    switch (reply->rc) {

    case NGX_HTTP_TOTP_STORE_USED:
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_CODE_USED);
        return;

    case NGX_HTTP_TOTP_STORE_BAD:
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_BAD_CODE);
        return;

    default:
        if (ngx_http_totp_portal_refused(p, reply)) {
            return;
        }
    }

    p->answer.attempts_left = -1;
    p->answer.reply = reply;

    signin = (p->session.stage == TOTP_STAGE_PASSWORD);
    method = (p->code.shape == TOTP_CODE_BACKUP) ? TOTP_METHOD_BACKUP
                                                 : TOTP_METHOD_TOTP;
    if (signin) {
        rc = ngx_http_totp_portal_issue(p, TOTP_STAGE_FULL, method,
                                        reply->now);

    } else {
        p->session.method = method;
        p->session.checked = reply->now;
        p->session.renewed = reply->now;
        rc = ngx_http_totp_portal_reissue(p);
    }

    if (rc != NGX_OK) {
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_UNAVAILABLE);
        return;
    }

    if (method == TOTP_METHOD_BACKUP) {
        p->answer.show_left = 1;

        if (signin && !p->answer.json) {
            /* the page that says how many are left leads on to next */
            ngx_http_totp_portal_go(p, NGX_HTTP_TOTP_PAGE_BACKUP_CODES,
                                    &p->next);
            return;
        }
    }

    ngx_http_totp_portal_leave(p, &p->next);
}


void
ngx_http_totp_logout_get(ngx_http_totp_portal_t *p)
{
    ngx_http_totp_portal_show(p);
}


/*
 * A session that is dead already may be signed out, too: what its cookie says
 * is genuine.  It ends no others then.
 */

void
ngx_http_totp_logout_submit(ngx_http_totp_portal_t *p)
{
    ngx_uint_t              everywhere;
    ngx_http_totp_reply_t   reply;

    if (p->session.stage == TOTP_STAGE_NONE) {
        ngx_memzero(&reply, sizeof(ngx_http_totp_reply_t));
        p->async = 0;
        ngx_http_totp_logout_done(p, &reply);
        return;
    }

    everywhere = p->ctx->word == NGX_HTTP_TOTP_OK
                 && p->fields[NGX_HTTP_TOTP_FIELD_EVERYWHERE].found
                 && p->fields[NGX_HTTP_TOTP_FIELD_EVERYWHERE].value.len;

    ngx_http_totp_portal_wait(p,
                     ngx_http_totp_store_logout(&p->who, everywhere,
                                                ngx_http_totp_logout_done, p));
}


static void
ngx_http_totp_logout_done(void *data, ngx_http_totp_reply_t *reply)
{
    ngx_http_totp_portal_t *p = data;

    if (p->op) {
        ngx_http_totp_portal_resume(p);
    }

    if (reply->rc == NGX_HTTP_TOTP_STORE_UNAVAILABLE) {
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_UNAVAILABLE);
        return;
    }

    p->cookie = ngx_http_totp_session_clear(p->request, p->conf);

    ngx_memzero(&p->session, sizeof(totp_session_t));
    p->answer.stage = TOTP_STAGE_NONE;
    ngx_str_null(&p->answer.user);

    ngx_http_totp_portal_go(p, NGX_HTTP_TOTP_PAGE_LOGIN, &p->next);
}
