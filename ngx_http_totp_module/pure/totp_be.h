/*
 * Numbers as big-endian bytes: what is signed, sealed and counted has one
 * spelling on every machine.
 */

#ifndef TOTP_BE_H
#define TOTP_BE_H

#include <stdint.h>


#define TOTP_BE64_LEN  8            /* bytes */


static inline void
totp_be64_put(uint8_t out[TOTP_BE64_LEN], uint64_t n)
{
    int  i;

    for (i = TOTP_BE64_LEN - 1; i >= 0; i--) {
        out[i] = (uint8_t) (n & 0xff);
        n >>= 8;
    }
}


static inline uint64_t
totp_be64_get(const uint8_t in[TOTP_BE64_LEN])
{
    int       i;
    uint64_t  n;

    n = 0;

    for (i = 0; i < TOTP_BE64_LEN; i++) {
        n = (n << 8) | in[i];
    }

    return n;
}


#endif /* TOTP_BE_H */
