/*
 * A counted string: not NUL-terminated, never owned.
 *
 * The layout is that of nginx's ngx_str_t, so that the layers above pass
 * their strings down without copying; this layer knows nothing of nginx.
 */

#ifndef TOTP_STR_H
#define TOTP_STR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>


typedef struct {
    size_t          len;
    const uint8_t  *data;
} totp_str_t;


#define totp_string(lit)  { sizeof(lit) - 1, (const uint8_t *) (lit) }


static inline totp_str_t
totp_str(const void *data, size_t len)
{
    totp_str_t  s;

    s.len = len;
    s.data = data;

    return s;
}


/* Not for secrets: the time it takes tells where the strings differ. */

static inline int
totp_str_eq(totp_str_t a, totp_str_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}


#endif /* TOTP_STR_H */
