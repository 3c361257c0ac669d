
#include "ngx_http_totp_op.h"


#define NGX_HTTP_TOTP_ADDRESS_FACTOR  20    /* of totp_attempts' n */
#define NGX_HTTP_TOTP_USER_LIMIT      100   /* failed passwords of a user ... */
#define NGX_HTTP_TOTP_USER_WINDOW     3600  /* ... in that many seconds */


static void ngx_http_totp_store_reserve_refused(ngx_http_totp_op_t *op);


static void
ngx_http_totp_store_refund_keys(ngx_http_totp_who_t *who, ngx_uint_t user,
    ngx_uint_t address)
{
    ngx_http_totp_args_t  a;
    ngx_http_totp_op_t   *op;

    if (user) {
        ngx_http_totp_args_init(&a, who);
        ngx_http_totp_args_key(&a, "tries", &who->network);
        ngx_http_totp_args_key(&a, "tries", NULL);
        ngx_http_totp_args_key(&a, "known", NULL);
        ngx_http_totp_args_begin(&a);
        ngx_http_totp_args_str(&a, ngx_http_totp_str(&who->network));

        op = ngx_http_totp_op_send(
                       ngx_http_totp_op_create(who, NULL, NULL, NULL),
                       &ngx_http_totp_script_refund, &a);
        ngx_http_totp_store_forget(op);
    }

    if (address) {
        ngx_http_totp_args_init(&a, who);
        ngx_http_totp_args_global_key(&a, "tries-address:", &who->network);
        ngx_http_totp_args_begin(&a);

        op = ngx_http_totp_op_send(
                       ngx_http_totp_op_create(who, NULL, NULL, NULL),
                       &ngx_http_totp_script_refund, &a);
        ngx_http_totp_store_forget(op);
    }
}


ngx_http_totp_op_t *
ngx_http_totp_store_reserve(ngx_http_totp_who_t *who,
    ngx_http_totp_store_done_pt done, void *data)
{
    ngx_http_totp_op_t    *op;
    ngx_http_totp_args_t   a;

    op = ngx_http_totp_op_create(who, NULL, done, data);
    if (op) {
        op->refused = ngx_http_totp_store_reserve_refused;
    }

    ngx_http_totp_args_init(&a, who);
    ngx_http_totp_args_key(&a, "tries", &who->network);
    ngx_http_totp_args_key(&a, "tries", NULL);
    ngx_http_totp_args_key(&a, "known", NULL);
    ngx_http_totp_args_begin(&a);
    ngx_http_totp_args_str(&a, ngx_http_totp_str(&who->network));
    ngx_http_totp_args_num(&a, who->conf->attempts);
    ngx_http_totp_args_num(&a, who->conf->attempts_time);
    ngx_http_totp_args_num(&a, NGX_HTTP_TOTP_USER_LIMIT);
    ngx_http_totp_args_num(&a, NGX_HTTP_TOTP_USER_WINDOW);

    op = ngx_http_totp_op_send(op, &ngx_http_totp_script_reserve, &a);

    ngx_http_totp_args_init(&a, who);
    ngx_http_totp_args_global_key(&a, "tries-address:", &who->network);
    ngx_http_totp_args_begin(&a);
    ngx_http_totp_args_num(&a, who->conf->attempts
                               * NGX_HTTP_TOTP_ADDRESS_FACTOR);
    ngx_http_totp_args_num(&a, who->conf->attempts_time);

    return ngx_http_totp_op_send(op, &ngx_http_totp_script_reserve_address,
                                 &a);
}


/* One counter refused: what the other has counted did not happen. */

static void
ngx_http_totp_store_reserve_refused(ngx_http_totp_op_t *op)
{
    ngx_http_totp_who_t  who;

    ngx_memzero(&who, sizeof(ngx_http_totp_who_t));

    who.conf = op->conf;
    who.user.len = op->user_len;
    who.user.data = op->user;
    who.network.len = op->network_len;
    who.network.data = op->network;

    ngx_http_totp_store_refund_keys(&who, op->slots[0].counted,
                                    op->slots[1].counted);
}


void
ngx_http_totp_store_refund(ngx_http_totp_who_t *who)
{
    ngx_http_totp_store_refund_keys(who, 1, 1);
}


static void
ngx_http_totp_store_signin_parse(ngx_http_totp_op_t *op,
    const totp_resp_t *reply, ngx_http_totp_reply_t *out)
{
    out->now = ngx_http_totp_op_int(reply, 1, out);
    out->epoch = ngx_http_totp_op_int(reply, 2, out);
    out->enabled = ngx_http_totp_op_int(reply, 3, out);
}


ngx_http_totp_op_t *
ngx_http_totp_store_signin(ngx_http_totp_who_t *who,
    ngx_http_totp_store_done_pt done, void *data)
{
    ngx_http_totp_op_t    *op;
    ngx_http_totp_args_t   a;

    op = ngx_http_totp_op_create(who, ngx_http_totp_store_signin_parse, done,
                                 data);

    ngx_http_totp_args_init(&a, who);
    ngx_http_totp_args_key(&a, "user", NULL);
    ngx_http_totp_args_key(&a, "tries", &who->network);
    ngx_http_totp_args_key(&a, "tries", NULL);
    ngx_http_totp_args_key(&a, "known", NULL);
    ngx_http_totp_args_key(&a, "events", NULL);
    ngx_http_totp_args_global_key(&a, "revoked", NULL);

    if (who->session) {
        ngx_http_totp_args_session_key(&a, "spent", who->session->sid);
    }

    ngx_http_totp_args_begin(&a);
    ngx_http_totp_args_str(&a, ngx_http_totp_str(&who->network));
    ngx_http_totp_args_num(&a, ngx_http_totp_op_mcf->keep);

    if (who->session) {
        ngx_http_totp_args_sid(&a, who->session->sid);
        ngx_http_totp_args_num(&a, who->session->expires);

        if (op) {
            ngx_memcpy(op->sid, who->session->sid, TOTP_SID_LEN);
            op->until = who->session->expires;
        }

    } else {
        ngx_http_totp_args_str(&a, totp_str("", 0));
        ngx_http_totp_args_num(&a, 0);
    }

    ngx_http_totp_args_str(&a, ngx_http_totp_str(&who->address));

    op = ngx_http_totp_op_send(op, &ngx_http_totp_script_signin, &a);

    if (op) {
        ngx_http_totp_store_refund_keys(who, 0, 1);
    }

    return op;
}
