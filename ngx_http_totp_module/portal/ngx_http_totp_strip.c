
#include "ngx_http_totp_session.h"
#include "ngx_http_totp_compat.h"
#include "totp_cookie.h"


static ngx_int_t ngx_http_totp_strip_keep(ngx_http_request_t *r,
    totp_str_t header, ngx_array_t *names);
static ngx_int_t ngx_http_totp_strip_line(ngx_http_request_t *r,
    ngx_table_elt_t *line, ngx_array_t *names);
static ngx_int_t ngx_http_totp_strip_unlist(ngx_list_t *list,
    ngx_table_elt_t *line);
static ngx_int_t ngx_http_totp_strip_slot(ngx_list_t *list,
    ngx_list_part_t *prev, ngx_list_part_t *part, ngx_uint_t i);


ngx_int_t
ngx_http_totp_strip_handler(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_uint_t                  i;
    ngx_table_elt_t            *line;
    ngx_http_totp_main_conf_t  *mcf;

    mcf = ngx_http_totp_main_conf(r);

    if (mcf->names.nelts == 0) {
        return NGX_DECLINED;
    }

    i = 0;

    for ( ;; ) {

        line = ngx_http_totp_cookie_line(r, i);

        if (line == NULL) {
            return NGX_DECLINED;
        }

        rc = ngx_http_totp_strip_keep(r, ngx_http_totp_str(&line->value),
                                      &mcf->names);

        if (rc == NGX_OK) {
            rc = ngx_http_totp_strip_line(r, line, &mcf->names);
        }

        if (rc == NGX_ERROR) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (rc != NGX_DONE) {
            i++;
        }

        /* NGX_DONE: the line is gone, and the next one is now the i-th */
    }
}


ngx_int_t
ngx_http_totp_strip_late_handler(ngx_http_request_t *r)
{
    if (!r->internal || r != r->main || ngx_http_totp_ctx_find(r)) {
        return NGX_DECLINED;
    }

    return ngx_http_totp_strip_handler(r);
}


/*
 * Remembers our pairs of a header, in the order in which they were sent; the
 * values stay where they are, for as long as the request lives.  NGX_DECLINED:
 * there are none.
 */

static ngx_int_t
ngx_http_totp_strip_keep(ngx_http_request_t *r, totp_str_t header,
    ngx_array_t *names)
{
    size_t                   pos, which;
    totp_str_t               value, *ours;
    ngx_http_totp_ctx_t     *ctx;
    ngx_http_totp_cookie_t  *cookie;

    pos = 0;
    ours = names->elts;

    if (!totp_cookie_next(header, &pos, ours, names->nelts, &which, &value)) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_totp_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    do {
        cookie = ngx_array_push(&ctx->cookies);
        if (cookie == NULL) {
            return NGX_ERROR;
        }

        cookie->name = ours[which];
        cookie->value = value;

    } while (totp_cookie_next(header, &pos, ours, names->nelts, &which,
                              &value));

    return NGX_OK;
}


/*
 * What is left of a header moves to new memory: variables that were read
 * before point into the old, and our own values do.
 */

static ngx_int_t
ngx_http_totp_strip_line(ngx_http_request_t *r, ngx_table_elt_t *line,
    ngx_array_t *names)
{
    u_char      *p;
    size_t       len;
    totp_str_t   header;

    header = ngx_http_totp_str(&line->value);
    len = 0;

    /* a single pair is ours */

    if (memchr(header.data, ';', header.len)) {

        /* as nginx does, with a NUL behind it */

        p = ngx_pnalloc(r->pool, header.len + 1);
        if (p == NULL) {
            return NGX_ERROR;
        }

        len = totp_cookie_cut(p, header, names->elts, names->nelts);
        p[len] = '\0';

        line->value.data = p;
        line->value.len = len;
    }

    if (len) {
        return NGX_OK;
    }

    if (ngx_http_totp_strip_unlist(&r->headers_in.headers, line) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_totp_cookie_unlink(r, line);

    return NGX_DONE;
}


/*
 * Takes an element out of a list.  No other moves: headers_in, and who knows
 * who else, holds pointers to them.
 */

static ngx_int_t
ngx_http_totp_strip_unlist(ngx_list_t *list, ngx_table_elt_t *line)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part, *prev;
    ngx_table_elt_t  *h;

    prev = NULL;

    for (part = &list->part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (&h[i] == line) {
                return ngx_http_totp_strip_slot(list, prev, part, i);
            }
        }

        prev = part;
    }

    return NGX_OK;
}


/*
 * Two things must stay true.  list->nalloc is never more than what the last
 * part has room for from its elts on, nor 0: ngx_list_push() fills that part
 * up, and allocates the next one for as many.  And no part but the first is
 * empty: loops over a list look at the first element of each further part.
 */

static ngx_int_t
ngx_http_totp_strip_slot(ngx_list_t *list, ngx_list_part_t *prev,
    ngx_list_part_t *part, ngx_uint_t i)
{
    ngx_list_part_t  *rest;

    if (part->nelts == 1 && prev) {

        prev->next = part->next;

        if (list->last == part) {
            list->last = prev;

            /*
             * how much room prev has is not known any more: it counts as
             * full, or, as an emptied first part, as having its one slot
             */

            list->nalloc = ngx_max(prev->nelts, 1);
        }

        return NGX_OK;
    }

    if (i == part->nelts - 1) {
        part->nelts--;
        return NGX_OK;
    }

    if (i == 0) {
        part->elts = (u_char *) part->elts + list->size;
        part->nelts--;

        if (list->last == part) {
            list->nalloc--;
        }

        return NGX_OK;
    }

    /* two parts that share the memory, without the slot between them */

    rest = ngx_palloc(list->pool, sizeof(ngx_list_part_t));
    if (rest == NULL) {
        return NGX_ERROR;
    }

    rest->elts = (u_char *) part->elts + (i + 1) * list->size;
    rest->nelts = part->nelts - (i + 1);
    rest->next = part->next;

    part->nelts = i;
    part->next = rest;

    if (list->last == part) {
        list->last = rest;
        list->nalloc -= i + 1;
    }

    return NGX_OK;
}
