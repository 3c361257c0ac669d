/*
 * Base64: the URL alphabet without padding for tokens (RFC 4648, section 5),
 * the usual one with padding for the keyring file (section 4).  Both are read
 * canonically only: one spelling for one value, or a revoked cookie would
 * live on under another.
 */

#ifndef TOTP_BASE64_H
#define TOTP_BASE64_H

#include "totp_str.h"


#define totp_base64url_len(n)  (((n) * 4 + 2) / 3)


/* Writes totp_base64url_len(src.len) characters, no NUL. */
void totp_base64url_encode(char *dst, totp_str_t src);

/* Both return the number of bytes written, or -1 (above; or dst too small). */
int totp_base64url_decode(uint8_t *dst, size_t dst_size, totp_str_t src);
int totp_base64_decode(uint8_t *dst, size_t dst_size, totp_str_t src);


#endif /* TOTP_BASE64_H */
