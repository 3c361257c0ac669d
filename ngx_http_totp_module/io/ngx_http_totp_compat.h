/*
 * What differs between the versions of nginx, here and nowhere else.
 *
 * 1.23.0 made lists of headers that may come more than once: the elements got
 * a next, and headers_in.cookies became headers_in.cookie,
 * headers_out.cache_control a list.
 */

#ifndef NGX_HTTP_TOTP_COMPAT_H
#define NGX_HTTP_TOTP_COMPAT_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


#if (nginx_version >= 1023000)

#define ngx_http_totp_last_line(h)  ((h)->next = NULL)


static ngx_inline ngx_table_elt_t *
ngx_http_totp_nth_line(ngx_table_elt_t *h, ngx_uint_t n)
{
    while (h && n--) {
        h = h->next;
    }

    return h;
}

/* The n-th Cookie header of a request, or NULL. */
#define ngx_http_totp_cookie_line(r, n)                                       \
    ngx_http_totp_nth_line((r)->headers_in.cookie, n)

/* The n-th Cache-Control header of a response, or NULL. */
#define ngx_http_totp_cache_control_line(r, n)                                \
    ngx_http_totp_nth_line((r)->headers_out.cache_control, n)


static ngx_inline void
ngx_http_totp_cookie_unlink(ngx_http_request_t *r, ngx_table_elt_t *line)
{
    ngx_table_elt_t  **p;

    for (p = &r->headers_in.cookie; *p; p = &(*p)->next) {
        if (*p == line) {
            *p = line->next;
            return;
        }
    }
}

#else

#define ngx_http_totp_last_line(h)


static ngx_inline ngx_table_elt_t *
ngx_http_totp_nth_line(ngx_array_t *lines, ngx_uint_t n)
{
    ngx_table_elt_t  **h;

    if (n >= lines->nelts) {
        return NULL;
    }

    h = lines->elts;

    return h[n];
}

#define ngx_http_totp_cookie_line(r, n)                                       \
    ngx_http_totp_nth_line(&(r)->headers_in.cookies, n)

#define ngx_http_totp_cache_control_line(r, n)                                \
    ngx_http_totp_nth_line(&(r)->headers_out.cache_control, n)


static ngx_inline void
ngx_http_totp_cookie_unlink(ngx_http_request_t *r, ngx_table_elt_t *line)
{
    ngx_uint_t         i;
    ngx_table_elt_t  **h;

    h = r->headers_in.cookies.elts;

    for (i = 0; i < r->headers_in.cookies.nelts; i++) {
        if (h[i] == line) {
            r->headers_in.cookies.nelts--;
            ngx_memmove(&h[i], &h[i + 1],
                        (r->headers_in.cookies.nelts - i) * sizeof(*h));
            return;
        }
    }
}

#endif


#endif /* NGX_HTTP_TOTP_COMPAT_H */
