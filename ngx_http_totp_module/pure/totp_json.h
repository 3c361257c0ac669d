/*
 * Writing JSON (RFC 8259): strings escaped so that they are also harmless in
 * HTML and JavaScript.
 */

#ifndef TOTP_JSON_H
#define TOTP_JSON_H

#include "totp_str.h"


/*
 * Escapes for the inside of a JSON string: '"', '\', controls (C0, DEL, C1),
 * '<', '>', '&', U+2028 and U+2029; each byte that is not valid UTF-8 becomes
 * U+FFFD.  out holds 6 * src.len bytes; no NUL; returns the length.
 */
size_t totp_json_escape(char *out, totp_str_t src);


#endif /* TOTP_JSON_H */
