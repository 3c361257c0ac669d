/*
 * What every unit test needs: cmocka with what it wants included before it,
 * and short ways to write strings and bytes.
 */

#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "totp_str.h"


/* A string literal with all its bytes, NULs in the middle, too. */

#define STR(lit)  totp_str(lit, sizeof(lit) - 1)

#define assert_str(s, lit)                                                    \
    do {                                                                      \
        totp_str_t  unit_s_ = (s);                                            \
                                                                              \
        assert_int_equal(unit_s_.len, sizeof(lit) - 1);                       \
        assert_memory_equal(unit_s_.data, lit, sizeof(lit) - 1);              \
    } while (0)


static inline totp_str_t
cstr(const char *s)
{
    return totp_str(s, strlen(s));
}


/* Bytes written in hexadecimal; returns how many. */

static inline size_t
unhex(uint8_t *out, const char *hex)
{
    size_t    n;
    unsigned  byte;

    for (n = 0; sscanf(hex + 2 * n, "%2x", &byte) == 1; n++) {
        out[n] = (uint8_t) byte;
    }

    return n;
}


/* n bytes on the heap, exactly: a read beyond them is seen by ASan. */

static inline totp_str_t
heap(const void *data, size_t n)
{
    uint8_t  *p;

    p = malloc(n ? n : 1);
    assert_non_null(p);

    if (n) {
        memcpy(p, data, n);
    }

    return totp_str(p, n);
}


static inline void
heap_free(totp_str_t s)
{
    free((void *) (uintptr_t) s.data);
}


#endif /* UNIT_H */
