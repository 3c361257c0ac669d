/*
 * Base32 (RFC 4648, section 6) without padding, as the key of an otpauth: URI.
 */

#ifndef TOTP_BASE32_H
#define TOTP_BASE32_H

#include "totp_str.h"


#define totp_base32_len(n)  (((n) * 8 + 4) / 5)


/* Writes totp_base32_len(src.len) upper-case characters, no NUL. */
void totp_base32_encode(char *dst, totp_str_t src);

/*
 * Reads either case, ignores spaces and hyphens, takes trailing '=' (any).
 * Returns the number of bytes written, or -1: a foreign character, an
 * impossible length, non-zero spare bits, or more than dst_size bytes.
 */
int totp_base32_decode(uint8_t *dst, size_t dst_size, totp_str_t src);


#endif /* TOTP_BASE32_H */
