
#include "ngx_http_totp_store_seal.h"

#include <openssl/rand.h>

#include "totp_seal.h"
#include "totp_wipe.h"


#define NGX_HTTP_TOTP_SECRET_HEAD  6    /* alg, digits, period in front */


ngx_int_t
ngx_http_totp_store_seal_secret(ngx_http_totp_who_t *who,
    ngx_http_totp_args_t *a, const ngx_http_totp_secret_t *secret)
{
    size_t           len;
    uint8_t          nonce[TOTP_SEAL_NONCE_LEN];
    uint8_t          plain[NGX_HTTP_TOTP_SECRET_HEAD + sizeof(secret->key)];
    totp_seal_rc_t   rc;
    totp_seal_for_t  what;

    if (RAND_bytes(nonce, sizeof(nonce)) != 1) {
        return NGX_ERROR;
    }

    plain[0] = (uint8_t) secret->params.alg;
    plain[1] = (uint8_t) secret->params.digits;
    plain[2] = (uint8_t) (secret->params.period >> 24);
    plain[3] = (uint8_t) (secret->params.period >> 16);
    plain[4] = (uint8_t) (secret->params.period >> 8);
    plain[5] = (uint8_t) secret->params.period;
    ngx_memcpy(plain + NGX_HTTP_TOTP_SECRET_HEAD, secret->key, secret->len);

    what.purpose = totp_str("secret", 6);
    what.realm = ngx_http_totp_str(&who->conf->realm);
    what.user = ngx_http_totp_str(&who->user);

    rc = totp_seal((char *) a->last, &len, ngx_http_totp_op_mcf->keys, &what,
                   totp_str(plain, NGX_HTTP_TOTP_SECRET_HEAD + secret->len),
                   nonce);

    totp_wipe(plain, sizeof(plain));

    if (rc != TOTP_SEAL_OK) {
        return NGX_ERROR;
    }

    ngx_http_totp_args_str(a, totp_str(a->last, len));
    a->last += len;

    return NGX_OK;
}


ngx_int_t
ngx_http_totp_store_open_secret(ngx_http_totp_op_t *op, totp_str_t sealed,
    ngx_http_totp_reply_t *out)
{
    int             stale;
    size_t          len;
    uint8_t         plain[NGX_HTTP_TOTP_SECRET_HEAD + sizeof(op->secret.key)];
    totp_params_t  *p;

    if (ngx_http_totp_store_open(op, "secret", sealed, plain, sizeof(plain),
                                 &len, &stale)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = &op->secret.params;

    p->alg = plain[0];
    p->digits = plain[1];
    p->period = (unsigned) plain[2] << 24 | plain[3] << 16 | plain[4] << 8
                | plain[5];

    if (len <= NGX_HTTP_TOTP_SECRET_HEAD || plain[0] > TOTP_SHA512
        || (p->digits != 6 && p->digits != 8) || p->period == 0)
    {
        totp_wipe(plain, sizeof(plain));
        return NGX_ERROR;
    }

    op->secret.len = len - NGX_HTTP_TOTP_SECRET_HEAD;
    ngx_memcpy(op->secret.key, plain + NGX_HTTP_TOTP_SECRET_HEAD,
               op->secret.len);

    totp_wipe(plain, sizeof(plain));

    out->secret = &op->secret;
    out->sealed = sealed;
    out->stale_key = stale;

    return NGX_OK;
}


/*
 * A new set: sealed for the show, then the time on show, then the tags that
 * are kept.
 */

ngx_int_t
ngx_http_totp_store_codes_make(ngx_http_totp_who_t *who,
    ngx_http_totp_args_t *a)
{
    int                     n;
    char                    codes[TOTP_BACKUP_MAX][TOTP_BACKUP_LEN];
    size_t                  len;
    uint8_t                 nonce[TOTP_SEAL_NONCE_LEN];
    uint8_t                 random[TOTP_BACKUP_RANDOM];
    ngx_int_t               rc;
    ngx_uint_t              i;
    totp_keyring_t         *ring;
    totp_seal_for_t         what;

    rc = NGX_ERROR;
    ring = ngx_http_totp_op_mcf->keys;

    if (RAND_bytes(nonce, sizeof(nonce)) != 1) {
        return NGX_ERROR;
    }

    for (i = 0; i < who->conf->backup_codes; i++) {
        if (RAND_bytes(random, sizeof(random)) != 1) {
            goto done;
        }

        totp_backup_encode(codes[i], random);
    }

    what.purpose = totp_str("codes", 5);
    what.realm = ngx_http_totp_str(&who->conf->realm);
    what.user = ngx_http_totp_str(&who->user);

    if (totp_seal((char *) a->last, &len, ring, &what,
                  totp_str(codes, who->conf->backup_codes * TOTP_BACKUP_LEN),
                  nonce)
        != TOTP_SEAL_OK)
    {
        goto done;
    }

    ngx_http_totp_args_str(a, totp_str(a->last, len));
    a->last += len;

    ngx_http_totp_args_num(a, (uint64_t) who->conf->backup_display * 1000);

    for (i = 0; i < who->conf->backup_codes; i++) {
        n = totp_backup_tag((char *) a->last, &ring->keys[0], what.realm,
                            what.user, totp_str(codes[i], TOTP_BACKUP_LEN));
        if (n < 0) {
            goto done;
        }

        ngx_http_totp_args_str(a, totp_str(a->last, n));
        a->last += n;
    }

    rc = NGX_OK;

done:

    totp_wipe(codes, sizeof(codes));
    totp_wipe(random, sizeof(random));

    return rc;
}


/*
 * A record that cannot be opened is "unavailable", never "not enabled"; the
 * log says which key is missing, or whose record was tampered with.
 */

ngx_int_t
ngx_http_totp_store_open(ngx_http_totp_op_t *op, const char *purpose,
    totp_str_t sealed, uint8_t *out, size_t size, size_t *len, int *stale)
{
    u_char            buf[NGX_HTTP_TOTP_NAME_MAX], *dot;
    ngx_str_t         name, id;
    totp_seal_for_t   what;
    totp_seal_rc_t    rc;

    what.purpose = totp_str(purpose, ngx_strlen(purpose));
    what.realm = ngx_http_totp_str(&op->conf->realm);
    what.user = totp_str(op->user, op->user_len);

    rc = totp_unseal(out, size, len, stale, ngx_http_totp_op_mcf->keys,
                     &what, sealed);

    if (rc == TOTP_SEAL_OK) {
        return NGX_OK;
    }

    name = ngx_http_totp_store_name(buf, what.realm, what.user);

    if (rc == TOTP_SEAL_NO_KEY) {
        dot = ngx_strlchr((u_char *) sealed.data,
                          (u_char *) sealed.data + sealed.len, '.');
        id = ngx_http_totp_op_key_id(totp_str(sealed.data,
                              dot ? dot - (u_char *) sealed.data : 0));

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "totp: the %s of \"%V\" is sealed under the key \"%V\", "
                      "which is not in \"%V\"; add it again", purpose, &name,
                      &id, &ngx_http_totp_op_mcf->keys_path);

    } else {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "totp: the %s of \"%V\" in redis cannot be opened: it "
                      "was changed, or belongs to somebody else", purpose,
                      &name);
    }

    return NGX_ERROR;
}
