/*
 * The Cookie header (RFC 6265): finding ours by its exact, case-sensitive
 * name and taking it out for the application behind.
 */

#ifndef TOTP_COOKIE_H
#define TOTP_COOKIE_H

#include "totp_str.h"


/*
 * Steps through the pairs of a header that have one of these names: pairs are
 * separated by ';', white space around a pair is skipped.  Returns 1 with the
 * name's index and the value (as sent, quotes included) of the next one from
 * *pos on, and moves on; 0 at the end.  Cheap where there is none.
 */
int totp_cookie_next(totp_str_t header, size_t *pos, const totp_str_t *names,
    size_t n, size_t *which, totp_str_t *value);

/*
 * Copies header to out (header.len bytes suffice) without the pairs of these
 * names; the others stay byte for byte, separated as they were.  Returns the
 * new length: 0 where the header held only ours.  out is not header.data.
 */
size_t totp_cookie_cut(uint8_t *out, totp_str_t header,
    const totp_str_t *names, size_t n);


#endif /* TOTP_COOKIE_H */
