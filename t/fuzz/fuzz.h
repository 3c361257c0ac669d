/*
 * What every fuzz target needs.  A target is fed with bytes of any kind by
 * libFuzzer and says with CHECK() what must hold whatever they are.
 */

#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "totp_str.h"


#define CHECK(what)                                                           \
    do {                                                                      \
        if (!(what)) {                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);        \
            abort();                                                          \
        }                                                                     \
    } while (0)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* n bytes on the heap, exactly; the caller's to free(). */

static inline uint8_t *
fuzz_copy(const void *data, size_t n)
{
    uint8_t  *p;

    p = malloc(n ? n : 1);
    CHECK(p != NULL);

    if (n) {
        memcpy(p, data, n);
    }

    return p;
}


/* Takes what stands before the next line feed, or all. */

static inline totp_str_t
fuzz_line(const uint8_t **data, size_t *size)
{
    size_t          n;
    totp_str_t      line;
    const uint8_t  *p;

    p = *size ? memchr(*data, '\n', *size) : NULL;
    n = p != NULL ? (size_t) (p - *data) : *size;

    line = totp_str(*data, n);

    n += (p != NULL);
    *data += n;
    *size -= n;

    return line;
}


/* A second opinion on UTF-8, by the table of RFC 3629, section 4. */

static inline int
fuzz_utf8(const uint8_t *p, size_t n)
{
    size_t   i, tail;
    uint8_t  low, high;

    for (i = 0; i < n; /* void */ ) {

        low = 0x80;
        high = 0xbf;

        if (p[i] <= 0x7f) {
            tail = 0;
        } else if (p[i] >= 0xc2 && p[i] <= 0xdf) {
            tail = 1;
        } else if (p[i] >= 0xe0 && p[i] <= 0xef) {
            tail = 2;
            low = p[i] == 0xe0 ? 0xa0 : low;
            high = p[i] == 0xed ? 0x9f : high;
        } else if (p[i] >= 0xf0 && p[i] <= 0xf4) {
            tail = 3;
            low = p[i] == 0xf0 ? 0x90 : low;
            high = p[i] == 0xf4 ? 0x8f : high;
        } else {
            return 0;
        }

        for (i++; tail != 0; tail--, i++) {
            if (i == n || p[i] < low || p[i] > high) {
                return 0;
            }

            low = 0x80;
            high = 0xbf;
        }
    }

    return 1;
}


#endif /* FUZZ_H */
