/*
 * Percent-encoding (RFC 3986, section 2.1).
 */

#ifndef TOTP_PERCENT_H
#define TOTP_PERCENT_H

#include "totp_str.h"


/* RFC 3986, section 2.3 */

static inline int
totp_percent_unreserved(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9')
           || c == '-' || c == '.' || c == '_' || c == '~';
}


static inline int
totp_percent_hex(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


/*
 * The byte that the '%' at s.data[pos] begins, or -1 where no two hexadecimal
 * digits follow.
 */

static inline int
totp_percent_byte(totp_str_t s, size_t pos)
{
    int  hi, lo;

    if (s.len - pos < 3) {
        return -1;
    }

    hi = totp_percent_hex(s.data[pos + 1]);
    lo = totp_percent_hex(s.data[pos + 2]);

    return (hi < 0 || lo < 0) ? -1 : hi * 16 + lo;
}


/*
 * Encodes all but unreserved characters, in upper case.  out holds
 * 3 * src.len bytes; no NUL; returns the length.
 */

static inline size_t
totp_percent_encode(char *out, totp_str_t src)
{
    char    *p;
    size_t   i;

    static const char  hex[] = "0123456789ABCDEF";

    p = out;

    for (i = 0; i < src.len; i++) {
        if (totp_percent_unreserved(src.data[i])) {
            *p++ = (char) src.data[i];
            continue;
        }

        *p++ = '%';
        *p++ = hex[src.data[i] >> 4];
        *p++ = hex[src.data[i] & 0x0f];
    }

    return (size_t) (p - out);
}


#endif /* TOTP_PERCENT_H */
