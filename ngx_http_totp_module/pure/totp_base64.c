#include "totp_base64.h"


static const char  totp_base64url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


/* The value of every byte in both alphabets, less the two that differ. */

#define X  0xff

static const uint8_t  totp_base64_values[256] = {
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, X, X, X, X, X, X,
    X, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, X, X, X, X, X,
    X, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X
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


/* Digits only, the padding is off already. */

static int
totp_base64_digits(uint8_t *dst, size_t dst_size, totp_str_t src, uint8_t c62,
    uint8_t c63)
{
    size_t    i, len;
    uint8_t   ch, value;
    unsigned  bits;
    uint32_t  acc;

    len = src.len / 4 * 3 + (src.len % 4) * 6 / 8;

    if (src.len % 4 == 1 || len > dst_size || len > INT32_MAX) {
        return -1;
    }

    acc = 0;
    bits = 0;

    for (i = 0; i < src.len; i++) {
        ch = src.data[i];
        value = totp_base64_values[ch];

        if (value > 63) {
            if (ch == c62) {
                value = 62;

            } else if (ch == c63) {
                value = 63;

            } else {
                return -1;
            }
        }

        acc = (acc << 6) | value;
        bits += 6;

        if (bits >= 8) {
            bits -= 8;
            *dst++ = (uint8_t) (acc >> bits);
        }
    }

    /* the last character's spare bits would spell the same value otherwise */

    if (acc & ((1u << bits) - 1)) {
        return -1;
    }

    return (int) len;
}


int
totp_base64url_decode(uint8_t *dst, size_t dst_size, totp_str_t src)
{
    return totp_base64_digits(dst, dst_size, src, '-', '_');
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

    return totp_base64_digits(dst, dst_size, src, '+', '/');
}
