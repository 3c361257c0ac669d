#include "totp_base32.h"


static const char  totp_base32_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";


void
totp_base32_encode(char *dst, totp_str_t src)
{
    size_t    i;
    unsigned  bits;
    uint32_t  acc;

    acc = 0;
    bits = 0;

    for (i = 0; i < src.len; i++) {
        acc = (acc << 8) | src.data[i];
        bits += 8;

        while (bits >= 5) {
            bits -= 5;
            *dst++ = totp_base32_alphabet[(acc >> bits) & 31];
        }
    }

    if (bits) {
        *dst = totp_base32_alphabet[(acc << (5 - bits)) & 31];
    }
}


static int
totp_base32_value(uint8_t ch)
{
    if (ch >= 'A' && ch <= 'Z') {
        return ch - 'A';
    }

    if (ch >= 'a' && ch <= 'z') {
        return ch - 'a';
    }

    if (ch >= '2' && ch <= '7') {
        return ch - '2' + 26;
    }

    return -1;
}


int
totp_base32_decode(uint8_t *dst, size_t dst_size, totp_str_t src)
{
    int       value, ended;
    size_t    i, len;
    uint8_t   ch;
    unsigned  bits;
    uint32_t  acc;

    len = 0;
    acc = 0;
    bits = 0;
    ended = 0;

    for (i = 0; i < src.len; i++) {
        ch = src.data[i];

        if (ch == ' ' || ch == '-') {
            continue;
        }

        if (ch == '=') {
            ended = 1;
            continue;
        }

        value = totp_base32_value(ch);

        if (value < 0 || ended) {
            return -1;
        }

        acc = (acc << 5) | (uint32_t) value;
        bits += 5;

        if (bits >= 8) {
            bits -= 8;

            if (len == dst_size) {
                return -1;
            }

            dst[len++] = (uint8_t) (acc >> bits);
        }
    }

    /* 1, 3 and 6 characters over are no number of bytes */

    if (bits >= 5 || (acc & ((1u << bits) - 1)) != 0) {
        return -1;
    }

    return (int) len;
}
