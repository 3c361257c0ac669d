
#include "ngx_http_totp_body.h"

#include "totp_uri.h"
#include "totp_wipe.h"


static void ngx_http_totp_body_begin(ngx_http_request_t *r);
static void ngx_http_totp_body_more(ngx_http_request_t *r);
static ngx_int_t ngx_http_totp_body_collect(ngx_http_totp_portal_t *p);


void
ngx_http_totp_body_read(ngx_http_totp_portal_t *p,
    void (*done)(ngx_http_totp_portal_t *p))
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = p->request;
    p->body_done = done;

    if (r->headers_in.content_length_n > NGX_HTTP_TOTP_BODY_MAX) {
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_TOO_LARGE);
        return;
    }

    if (r->headers_in.content_type == NULL
        || !totp_form_type_ok(
                   ngx_http_totp_str(&r->headers_in.content_type->value)))
    {
        ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_BAD_TYPE);
        return;
    }

    p->body = ngx_palloc(r->pool, NGX_HTTP_TOTP_BODY_MAX);
    if (p->body == NULL) {
        ngx_http_totp_portal_finish(p, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    /*
     * Unbuffered: the bound is ours, and nothing of a password ever reaches a
     * temporary file, whatever client_body_in_file_only says.
     */

    r->request_body_no_buffering = 1;

    p->ctx->portal = p;

    rc = ngx_http_read_client_request_body(r, ngx_http_totp_body_begin);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        ngx_http_totp_portal_finish(p, rc);
    }
}


/*
 * ngx_http_read_client_request_body() took a reference of its own for this
 * handler; ours is the one that the steps end, so this one is given back.
 */

static void
ngx_http_totp_body_begin(ngx_http_request_t *r)
{
    r->main->count--;

    ngx_http_totp_body_more(r);
}


static void
ngx_http_totp_body_more(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_http_totp_portal_t  *p;

    p = ngx_http_totp_ctx_find(r)->portal;

    for ( ;; ) {

        if (ngx_http_totp_body_collect(p) != NGX_OK) {

            if (r->reading_body) {
                /* nginx closes then: the answer must not promise otherwise */
                r->keepalive = 0;
            }

            ngx_http_totp_portal_fail(p, NGX_HTTP_TOTP_TOO_LARGE);
            return;
        }

        if (!r->reading_body) {
            break;
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            ngx_http_totp_portal_finish(p, rc);
            return;
        }

        if (rc == NGX_AGAIN && r->request_body->bufs == NULL) {
            r->read_event_handler = ngx_http_totp_body_more;
            return;
        }
    }

    r->read_event_handler = ngx_http_block_reading;

    p->body_done(p);
}


/* Takes over what has arrived; NGX_ERROR: it is too much. */

static ngx_int_t
ngx_http_totp_body_collect(ngx_http_totp_portal_t *p)
{
    size_t        n;
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    rc = NGX_OK;

    if (p->request->request_body == NULL) {
        return NGX_OK;
    }

    for (cl = p->request->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (b->in_file) {
            /* somebody else read it before us, and it was large */
            rc = NGX_ERROR;
            continue;
        }

        n = b->last - b->pos;

        if (n > NGX_HTTP_TOTP_BODY_MAX - p->body_len) {
            rc = NGX_ERROR;

        } else {
            ngx_memcpy(p->body + p->body_len, b->pos, n);
            p->body_len += n;
        }

        totp_wipe(b->pos, n);
        b->pos = b->last;
    }

    p->request->request_body->bufs = NULL;

    return rc;
}


ngx_uint_t
ngx_http_totp_body_same_site(ngx_http_request_t *r)
{
    int               https;
    ngx_str_t         host;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h, *site, *origin;

    site = NULL;
    origin = NULL;
    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == sizeof("Sec-Fetch-Site") - 1
            && ngx_strncmp(h[i].lowcase_key, "sec-fetch-site",
                           sizeof("sec-fetch-site") - 1)
               == 0)
        {
            if (site) {
                return 0;
            }

            site = &h[i];

        } else if (h[i].key.len == sizeof("Origin") - 1
                   && ngx_strncmp(h[i].lowcase_key, "origin",
                                  sizeof("origin") - 1)
                      == 0)
        {
            if (origin) {
                return 0;
            }

            origin = &h[i];
        }
    }

    if (site) {
        return (site->value.len == sizeof("same-origin") - 1
                && ngx_strncmp(site->value.data, "same-origin",
                               sizeof("same-origin") - 1)
                   == 0)
               || (site->value.len == 4
                   && ngx_strncmp(site->value.data, "none", 4) == 0);
    }

    if (origin == NULL) {
        return 1;
    }

#if (NGX_HTTP_SSL)
    https = (r->connection->ssl != NULL);
#else
    https = 0;
#endif

    if (r->headers_in.host) {
        host = r->headers_in.host->value;

    } else {
        host = r->headers_in.server;
    }

    return totp_uri_same_origin(ngx_http_totp_str(&origin->value),
                                ngx_http_totp_str(&host), https);
}
