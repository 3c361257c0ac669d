
#include "ngx_http_totp_tls.h"

#include "totp_wipe.h"


#if (NGX_HTTP_SSL)

static void ngx_http_totp_tls_cleanup(void *data);


void
ngx_http_totp_tls_wipe_input(ngx_http_core_srv_conf_t *cscf)
{
    ngx_http_ssl_srv_conf_t  *sscf;

    sscf = cscf->ctx->srv_conf[ngx_http_ssl_module.ctx_index];

    if (sscf->ssl.ctx) {
        (void) SSL_CTX_set_options(sscf->ssl.ctx, SSL_OP_CLEANSE_PLAINTEXT);
    }
}


ngx_int_t
ngx_http_totp_tls_wipe_output(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;

    if (r->connection->ssl == NULL) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_totp_tls_cleanup;
    cln->data = r->connection;

    return NGX_OK;
}


static void
ngx_http_totp_tls_cleanup(void *data)
{
    ngx_connection_t *c = data;

    ngx_buf_t  *b;

    if (c->ssl == NULL) {
        return;
    }

    b = c->ssl->buf;

    /* other requests of HTTP/2 may have something in it that is not sent yet */

    if (b && b->start && b->pos == b->last) {
        totp_wipe(b->start, b->end - b->start);
    }
}


#else

void
ngx_http_totp_tls_wipe_input(ngx_http_core_srv_conf_t *cscf)
{
    /* void */
}


ngx_int_t
ngx_http_totp_tls_wipe_output(ngx_http_request_t *r)
{
    return NGX_OK;
}

#endif
