/*
 * The Cookie header, read as RFC 6265, section 5.4 writes it.
 */

#include "totp_cookie.h"
#include "totp_ascii.h"


static int  totp_cookie_named(totp_str_t pair, const totp_str_t *names,
    size_t n, size_t *which);


int
totp_cookie_next(totp_str_t header, size_t *pos, const totp_str_t *names,
    size_t n, size_t *which, totp_str_t *value)
{
    totp_str_t  rest, pair;

    while (*pos < header.len) {

        rest = totp_str(header.data + *pos, header.len - *pos);
        pair = totp_ascii_cut(&rest, ';');

        /* an empty rest is the end, too: a ';' that ends the header */

        *pos = header.len - rest.len;

        if (totp_cookie_named(pair, names, n, which)) {
            pair = totp_ascii_trim(pair);
            *value = totp_str(pair.data + names[*which].len + 1,
                              pair.len - names[*which].len - 1);
            return 1;
        }
    }

    return 0;
}


size_t
totp_cookie_cut(uint8_t *out, totp_str_t header, const totp_str_t *names,
    size_t n)
{
    int         cut, first, kept;
    size_t      which;
    uint8_t    *p;
    totp_str_t  rest, pair;

    p = out;
    cut = 0;
    first = 1;
    kept = 0;
    rest = header;

    while (rest.data != NULL) {

        pair = totp_ascii_cut(&rest, ';');

        if (totp_cookie_named(pair, names, n, &which)) {
            cut = 1;
            continue;
        }

        if (!first) {
            *p++ = ';';

        } else if (cut) {

            /* the white space stood between it and the one that is gone */

            while (pair.len != 0 && totp_ascii_blank(pair.data[0])) {
                pair.data++;
                pair.len--;
            }
        }

        first = 0;

        if (pair.len != 0) {
            memcpy(p, pair.data, pair.len);
            p += pair.len;
        }

        if (totp_ascii_trim(pair).len != 0) {
            kept = 1;
        }
    }

    return (cut && !kept) ? 0 : (size_t) (p - out);
}


/* Compares the name of a pair, which may have white space around it. */

static int
totp_cookie_named(totp_str_t pair, const totp_str_t *names, size_t n,
    size_t *which)
{
    size_t  i;

    while (pair.len != 0 && totp_ascii_blank(pair.data[0])) {
        pair.data++;
        pair.len--;
    }

    for (i = 0; i < n; i++) {
        if (pair.len > names[i].len
            && pair.data[names[i].len] == '='
            && memcmp(pair.data, names[i].data, names[i].len) == 0)
        {
            *which = i;
            return 1;
        }
    }

    return 0;
}
