#include "totp_base64.h"


static const char  totp_base64url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


/* The value of every byte: '+', '-' and '/' and '_' have one in one alphabet. */

#define X  0xff

#define totp_base64_table(plus, minus, slash, low)                            \
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,                           \
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,                           \
    X, X, X, X, X, X, X, X, X, X, X, plus, X, minus, X, slash,                \
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, X, X, X, X, X, X,                 \
    X, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,                      \
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, X, X, X, X, low,              \
    X, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,            \
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, X, X, X, X, X,                \
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,                           \
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,                           \
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,                           \
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,                           \
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,                           \
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,                           \
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,                           \
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X

static const uint8_t  totp_base64_values[256] = {
    totp_base64_table(62, X, 63, X)
};

static const uint8_t  totp_base64url_values[256] = {
    totp_base64_table(X, 62, X, 63)
};

#undef X


void
totp_base64url_encode(char *dst, totp_str_t src)
{
    size_t    i;
    unsigned  bits;
    uint32_t  acc;

    acc = 0;
    bits = 0;

    for (i = 0; i < src.len; i++) {
        acc = (acc << 8) | src.data[i];
        bits += 8;

        while (bits >= 6) {
            bits -= 6;
            *dst++ = totp_base64url_alphabet[(acc >> bits) & 63];
        }
    }

    if (bits) {
        *dst = totp_base64url_alphabet[(acc << (6 - bits)) & 63];
    }
}


/* Digits only, the padding is off already.  No value has its two high bits. */

static int
totp_base64_digits(uint8_t *dst, size_t dst_size, totp_str_t src,
    const uint8_t values[256])
{
    size_t          len, rest;
    uint8_t         bad, v[4];
    uint32_t        acc;
    const uint8_t  *p;

    rest = src.len % 4;
    len = src.len / 4 * 3 + rest * 6 / 8;

    if (rest == 1 || len > dst_size || len > INT32_MAX) {
        return -1;
    }

    bad = 0;
    p = src.data;

    for (src.len -= rest; src.len; src.len -= 4) {
        v[0] = values[p[0]];
        v[1] = values[p[1]];
        v[2] = values[p[2]];
        v[3] = values[p[3]];
        p += 4;

        bad |= v[0] | v[1] | v[2] | v[3];
        acc = (uint32_t) v[0] << 18 | (uint32_t) v[1] << 12
              | (uint32_t) v[2] << 6 | v[3];

        *dst++ = (uint8_t) (acc >> 16);
        *dst++ = (uint8_t) (acc >> 8);
        *dst++ = (uint8_t) acc;
    }

    if (rest) {
        v[0] = values[p[0]];
        v[1] = values[p[1]];
        v[2] = (rest == 3) ? values[p[2]] : 0;

        bad |= v[0] | v[1] | v[2];
        acc = (uint32_t) v[0] << 18 | (uint32_t) v[1] << 12
              | (uint32_t) v[2] << 6;

        *dst++ = (uint8_t) (acc >> 16);

        if (rest == 3) {
            *dst = (uint8_t) (acc >> 8);
            acc <<= 8;
        }

        /* the spare bits would spell the same value otherwise */

        if (acc & 0xffff) {
            return -1;
        }
    }

    return (bad & 0xc0) ? -1 : (int) len;
}


int
totp_base64url_decode(uint8_t *dst, size_t dst_size, totp_str_t src)
{
    return totp_base64_digits(dst, dst_size, src, totp_base64url_values);
}


int
totp_base64_decode(uint8_t *dst, size_t dst_size, totp_str_t src)
{
    if (src.len % 4 != 0) {
        return -1;
    }

    if (src.len && src.data[src.len - 1] == '=') {
        src.len--;

        if (src.data[src.len - 1] == '=') {
            src.len--;
        }
    }

    return totp_base64_digits(dst, dst_size, src, totp_base64_values);
}
