/*
 * HKDF-SHA256 (RFC 5869), extract and expand.
 */

#ifndef TOTP_HKDF_H
#define TOTP_HKDF_H

#include "totp_str.h"


#define TOTP_HKDF_MAX  (255 * 32)   /* bytes; RFC 5869, section 2.3 */


/*
 * Writes out_len bytes, 1 to TOTP_HKDF_MAX.  An empty salt is HashLen zeros,
 * as in section 2.2.  Returns 0, or -1 when the crypto library fails; out is
 * then wiped.
 */
int totp_hkdf_sha256(uint8_t *out, size_t out_len, totp_str_t key,
    totp_str_t salt, totp_str_t info);


#endif /* TOTP_HKDF_H */
