/*
 * HMAC (RFC 2104).  A user's secret keys a context of OpenSSL's EVP_MAC, which
 * lives for one check of a code; a sub-key of the keyring is used where it
 * lies, and no copy of it is kept.
 *
 * A context, and totp_hmac_sha256() as a whole, belong to one thread: the
 * event loop.
 */

#ifndef TOTP_HMAC_H
#define TOTP_HMAC_H

#include "totp_str.h"


#define TOTP_HMAC_MAX         64    /* bytes: the longest result (SHA-512) */
#define TOTP_HMAC_SHA256_LEN  32    /* bytes, of the key and of the result */


typedef struct evp_mac_ctx_st  totp_hmac_t;


/*
 * Keys a context; digest is OpenSSL's name of it: "SHA1", "SHA256", "SHA512".
 * NULL when the crypto library fails.  _free() wipes it; NULL is fine.
 */
totp_hmac_t *totp_hmac_create(const char *digest, totp_str_t key);
void totp_hmac_free(totp_hmac_t *hmac);

/*
 * The HMAC of n parts one after the other (their lengths are not a part of
 * it).  Returns its length, or -1 when the crypto library fails.  The context
 * may be used again.
 */
int totp_hmac_sum(uint8_t out[TOTP_HMAC_MAX], totp_hmac_t *hmac,
    const totp_str_t *parts, size_t n);

/*
 * The same with SHA-256 and a sub-key of the keyring.  Returns 0, or -1 when
 * the crypto library fails.
 */
int totp_hmac_sha256(uint8_t out[TOTP_HMAC_SHA256_LEN],
    const uint8_t key[TOTP_HMAC_SHA256_LEN], const totp_str_t *parts,
    size_t n);


#endif /* TOTP_HMAC_H */
