/*
 * Content negotiation by the Accept header (RFC 9110, section 12.5.1), as far
 * as the pages need it.
 */

#ifndef TOTP_ACCEPT_H
#define TOTP_ACCEPT_H

#include "totp_str.h"


/*
 * Steps through a header of names with weights, such as Accept and
 * Accept-Language: returns 1 with the next name, without its parameters, and
 * its weight in thousandths (RFC 9110, section 12.4.2), 0 at the end.  Start
 * with *pos 0.  A name whose weight is malformed weighs nothing.
 */
int totp_accept_next(totp_str_t header, size_t *pos, totp_str_t *name,
    unsigned *weight);

/*
 * JSON is wanted where application/json is named and text/html is not named
 * with an equal or higher weight.  Only names count, wildcards name nothing;
 * q=0 is not named.
 */
int totp_accept_json(totp_str_t accept);

/*
 * Prefers text/html: it is named, with a weight not below that of any other
 * named type that is not wildcard (application/xhtml+xml aside).
 */
int totp_accept_html(totp_str_t accept);


#endif /* TOTP_ACCEPT_H */
