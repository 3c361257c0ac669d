
#include "ngx_http_totp_store_seal.h"

#include "totp_backup.h"


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
    uint64_t  ttl;

    ngx_http_totp_args_init(a, who);
    ngx_http_totp_args_key(a, "user", NULL);
    ngx_http_totp_args_session_key(a, "spent", who->session->sid);
    ngx_http_totp_args_key(a, "events", NULL);
    ngx_http_totp_args_key(a, "known", NULL);
    ngx_http_totp_args_begin(a);
    ngx_http_totp_args_num(a, who->session->epoch);
    ngx_http_totp_args_str(a, attempt->sealed);

    if (!attempt->stale_key
        || ngx_http_totp_store_seal_secret(who, a, attempt->secret) != NGX_OK)
    {
        ngx_http_totp_args_str(a, totp_str("", 0));
    }

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

    ring = ngx_http_totp_op_mcf->keys;

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
    ngx_http_totp_reply_t *attempt, uint64_t step, ngx_uint_t setup,
    ngx_http_totp_store_done_pt done, void *data)
{
    uint64_t              oldest;
    ngx_http_totp_args_t  a;

    /*
     * Another location may accept more steps, but no more than these.  The
     * steps of a set-up's secret may be of another length than those of the
     * secret in force: it lets none be forgotten.
     */

    oldest = setup ? 0 : totp_otp_step(&attempt->secret->params, attempt->now)
                         - TOTP_DRIFT_STEPS;

    ngx_http_totp_args_init(&a, who);
    ngx_http_totp_args_key(&a, "user", NULL);
    ngx_http_totp_args_begin(&a);
    ngx_http_totp_args_num(&a, step);
    ngx_http_totp_args_num(&a, oldest);

    return ngx_http_totp_op_send(
               ngx_http_totp_op_create(who, NULL, done, data),
               &ngx_http_totp_script_burn, &a);
}
