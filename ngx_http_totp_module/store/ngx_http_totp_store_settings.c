
#include "ngx_http_totp_store_seal.h"

#include <openssl/rand.h>

#include "totp_wipe.h"


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
    ngx_int_t               rc;
    ngx_http_totp_args_t    a;
    ngx_http_totp_secret_t  secret;

    ngx_http_totp_args_init(&a, who);
    ngx_http_totp_args_key(&a, "user", NULL);
    ngx_http_totp_args_session_key(&a, "pending", who->session->sid);
    ngx_http_totp_args_session_key(&a, "spent", who->session->sid);
    ngx_http_totp_args_begin(&a);
    ngx_http_totp_args_num(&a, who->session->epoch);

    secret.params.alg = who->conf->alg;
    secret.params.digits = who->conf->digits;
    secret.params.period = who->conf->period;
    secret.len = TOTP_SECRET_LEN;

    /* no randomness, no secret: never a weaker source instead */
    if (RAND_bytes(secret.key, TOTP_SECRET_LEN) != 1) {
        return NULL;
    }

    rc = ngx_http_totp_store_seal_secret(who, &a, &secret);

    totp_wipe(&secret, sizeof(secret));

    if (rc != NGX_OK) {
        return NULL;
    }

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

    ngx_http_totp_zone_revoke_user(ngx_http_totp_op_mcf->zone, &name,
                                   out->epoch,
                                   out->now + ngx_http_totp_op_mcf->keep,
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
    ngx_http_totp_args_session_key(&a, "spent", who->session->sid);
    ngx_http_totp_args_begin(&a);
    ngx_http_totp_args_num(&a, who->session->epoch);
    ngx_http_totp_args_num(&a, ngx_http_totp_op_mcf->keep);
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
    ngx_http_totp_args_session_key(&a, "spent", who->session->sid);
    ngx_http_totp_args_begin(&a);
    ngx_http_totp_args_num(&a, who->session->epoch);
    ngx_http_totp_args_num(&a, ngx_http_totp_op_mcf->keep);
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
    sealed = ngx_http_totp_op_str(reply, 3, out);
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
    ngx_http_totp_args_session_key(&a, "spent", who->session->sid);
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
    ngx_http_totp_args_session_key(&a, "spent", who->session->sid);
    ngx_http_totp_args_begin(&a);
    ngx_http_totp_args_num(&a, who->session->epoch);
    ngx_http_totp_args_num(&a, ngx_http_totp_op_mcf->keep);
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
    ngx_http_totp_args_num(&a, ngx_http_totp_op_mcf->keep);
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
    ngx_http_totp_args_session_key(&a, "spent", who->session->sid);
    ngx_http_totp_args_begin(&a);
    ngx_http_totp_args_num(&a, who->session->epoch);

    return ngx_http_totp_op_send(
               ngx_http_totp_op_create(who, ngx_http_totp_store_settings_parse,
                                       done, data),
               &ngx_http_totp_script_settings, &a);
}
