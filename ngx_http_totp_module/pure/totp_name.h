/*
 * User names, byte for byte, and their spelling in Redis keys.
 */

#ifndef TOTP_NAME_H
#define TOTP_NAME_H

#include "totp_str.h"


#define totp_name_escaped_max(n)  ((n) * 3)


/*
 * 1 to 255 bytes of valid UTF-8 (RFC 3629: shortest form, no surrogates)
 * without control characters (U+0000 to U+001F, U+007F to U+009F).
 */
int totp_name_valid(totp_str_t name);

/*
 * Percent-encodes every byte that is not unreserved (RFC 3986, section 2.3:
 * letters, digits, '-', '.', '_', '~'), so that a name can hold neither a
 * brace nor a colon, and an operator can type the key.  No NUL; returns the
 * length.
 */
size_t totp_name_escape(char *out, totp_str_t name);

/* The reverse, strictly: -1 for what the twin would not have written. */
int totp_name_unescape(uint8_t *out, size_t out_size, totp_str_t escaped);


#endif /* TOTP_NAME_H */
