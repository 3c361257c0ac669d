/*
 * Addresses: where a visitor may be sent to, and what an app scans.
 */

#ifndef TOTP_URI_H
#define TOTP_URI_H

#include "totp_otp.h"


#define TOTP_NEXT_MAX  2048         /* bytes */


/*
 * Is next a path of this server, with its query, that every browser reads as
 * one?  It begins with one '/', the second character is neither '/' nor '\',
 * every byte is printable ASCII other than space, '\', '"', '<', '>', '^', '`',
 * '{', '|', '}' and '#'; it is at most TOTP_NEXT_MAX bytes.  Of the path before
 * a '?' also: it does not begin with a dot segment and '/' ("/.//x", "/../x");
 * with its dot segments taken out ("%2e" is one, too) it neither begins with
 * "//" ("/a/..//x") nor with '/' and a percent-encoded '/' or '\'; every '%'
 * begins a valid sequence, and none stands for a control character.
 *
 * (Which pages of the portal may stand in it is the portal's question.)
 */
int totp_uri_next_ok(totp_str_t next);

/*
 * Percent-encodes for a query value or a path segment: all but RFC 3986's
 * unreserved characters.  out holds 3 * src.len bytes; no NUL; returns the
 * length.
 */
size_t totp_uri_escape(char *out, totp_str_t src);

/*
 * Decodes one query argument by its exact, case-sensitive name, strictly and
 * once ('+' stays '+').  Returns the length, -1 where it is missing, -2 where
 * it is malformed (a bad sequence, a NUL), sent twice or longer than out_size.
 */
int totp_uri_arg(uint8_t *out, size_t out_size, totp_str_t args,
    totp_str_t name);

/*
 * otpauth://totp/ISSUER:USER?secret=...&issuer=...&algorithm=...&digits=...
 * &period=... (Key Uri Format).  Returns the length, no NUL, or -1 where
 * out_size is too small.  secret is base32.  An empty issuer is left out.
 */
int totp_uri_otpauth(char *out, size_t out_size, totp_str_t issuer,
    totp_str_t user, totp_str_t secret, const totp_params_t *params);

/*
 * Does an Origin header name this very server?  origin is
 * scheme://host[:port]; host is the request's Host header as sent.  https is
 * whether the request came over TLS: then http:// is refused.  Default ports
 * are filled in (an origin's by its own scheme; Host's by the origin's
 * scheme).  Hosts are compared without regard to case.  "null" is no server.
 */
int totp_uri_same_origin(totp_str_t origin, totp_str_t host, int https);


#endif /* TOTP_URI_H */
