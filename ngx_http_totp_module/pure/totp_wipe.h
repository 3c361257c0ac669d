/*
 * Forgetting secrets, and comparing them.
 */

#ifndef TOTP_WIPE_H
#define TOTP_WIPE_H

#include <openssl/crypto.h>


/* Not optimised away, unlike memset() of memory that is not read again. */

static inline void
totp_wipe(void *p, size_t n)
{
    OPENSSL_cleanse(p, n);
}


/* 1 where n bytes are equal; takes the same time wherever they differ. */

static inline int
totp_equal(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}


#endif /* TOTP_WIPE_H */
