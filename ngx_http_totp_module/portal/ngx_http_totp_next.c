
#include "ngx_http_totp_portal.h"

#include "totp_uri.h"


static ngx_int_t ngx_http_totp_next_normalize(u_char *dst, totp_str_t path);


ngx_uint_t
ngx_http_totp_next_ok(ngx_http_totp_loc_conf_t *conf, totp_str_t next)
{
    u_char       path[TOTP_NEXT_MAX + 1], *p;
    ngx_int_t    len;
    ngx_uint_t   i;
    totp_str_t   s;

    static const ngx_str_t  pages[] = {
        ngx_string("settings"),
        ngx_string("setup"),
        ngx_string("backup-codes"),
        ngx_string("disable")
    };

    if (!totp_uri_next_ok(next)) {
        return 0;
    }

    s = next;
    p = memchr(next.data, '?', next.len);

    if (p) {
        s.len = p - next.data;
    }

    len = ngx_http_totp_next_normalize(path, s);

    if (len == NGX_ERROR) {
        return 0;
    }

    if ((size_t) len + 1 < conf->path.len
        || ngx_memcmp(path, conf->path.data,
                      ngx_min((size_t) len, conf->path.len)) != 0)
    {
        return 1;
    }

    /* a page of ours: sign-in must lead neither in circles nor out again */

    for (i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        if ((size_t) len == conf->path.len + pages[i].len
            && ngx_memcmp(path + conf->path.len, pages[i].data, pages[i].len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


/*
 * As nginx will read the path: percent sequences decoded once, slashes merged,
 * dot segments resolved.  dst holds TOTP_NEXT_MAX + 1 bytes.
 */

static ngx_int_t
ngx_http_totp_next_normalize(u_char *dst, totp_str_t path)
{
    u_char     *p, *last, ch;
    size_t      i, len;
    ngx_int_t   n;

    p = dst;

    for (i = 0; i < path.len; i++) {
        ch = path.data[i];

        if (ch == '%') {
            if (path.len - i < 3) {
                return NGX_ERROR;
            }

            n = ngx_hextoi((u_char *) path.data + i + 1, 2);

            if (n <= 0) {
                return NGX_ERROR;
            }

            ch = (u_char) n;
            i += 2;
        }

        *p++ = ch;
    }

    *p = '/';
    last = p;
    p = dst;

    /* segment by segment, in place: what is written never overtakes */

    for (i = 0; dst + i < last; i += len + 1) {
        len = (u_char *) memchr(dst + i, '/', last + 1 - (dst + i))
              - (dst + i);

        if (len == 0 || (len == 1 && dst[i] == '.')) {
            continue;
        }

        if (len == 2 && dst[i] == '.' && dst[i + 1] == '.') {
            while (p > dst && *--p != '/') { /* void */ }
            continue;
        }

        ch = dst[i + len];
        ngx_memmove(p + 1, dst + i, len);
        *p = '/';
        p += len + 1;
        dst[i + len] = ch;
    }

    if (p == dst || last[-1] == '/') {
        *p++ = '/';
    }

    return p - dst;
}
