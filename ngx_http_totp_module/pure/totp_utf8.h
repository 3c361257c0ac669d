/*
 * UTF-8 (RFC 3629), strictly: shortest form, no surrogates, nothing beyond
 * U+10FFFF.
 */

#ifndef TOTP_UTF8_H
#define TOTP_UTF8_H

#include "totp_str.h"


/*
 * Reads the character at *pos (*pos < s.len) and moves on; -1, without moving,
 * where no valid one begins there.
 */

static inline int32_t
totp_utf8_next(totp_str_t s, size_t *pos)
{
    size_t          i, n, left;
    int32_t         c, min;
    const uint8_t  *p;

    p = s.data + *pos;
    left = s.len - *pos;

    if (p[0] < 0x80) {
        *pos += 1;
        return p[0];
    }

    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        n = 2;
        c = p[0] & 0x1f;
        min = 0x80;

    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        n = 3;
        c = p[0] & 0x0f;
        min = 0x800;

    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        n = 4;
        c = p[0] & 0x07;
        min = 0x10000;

    } else {
        return -1;
    }

    if (left < n) {
        return -1;
    }

    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return -1;
        }

        c = (c << 6) | (p[i] & 0x3f);
    }

    if (c < min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return -1;
    }

    *pos += n;

    return c;
}


static inline int
totp_utf8_valid(totp_str_t s)
{
    size_t  pos;

    for (pos = 0; pos < s.len; /* void */ ) {
        if (totp_utf8_next(s, &pos) < 0) {
            return 0;
        }
    }

    return 1;
}


#endif /* TOTP_UTF8_H */
