/*
 * A QR code as an SVG picture.  The only file that knows libqrencode.
 */

#ifndef TOTP_QR_H
#define TOTP_QR_H

#include "totp_str.h"


#define TOTP_QR_QUIET  4            /* modules; ISO/IEC 18004, 6.3.8 */


/*
 * A self-contained <svg> element (viewBox in modules, one path, dark on
 * white, quiet zone included, role="img" and an aria-label of the caller's,
 * which must already be escaped), error correction M.  Returns malloc()ed,
 * NUL-terminated text of *len bytes for the caller to free(), or NULL: out of
 * memory, or text empty or longer than a QR code holds (2331 bytes).
 */
char *totp_qr_svg(totp_str_t text, totp_str_t label, size_t *len);


#endif /* TOTP_QR_H */
