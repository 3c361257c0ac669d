/*
 * The lines of an htpasswd file, and the schemes that libxcrypt and plain
 * digests verify.  {apr1} is left to nginx's own ngx_crypt().
 */

#ifndef TOTP_PASSWD_H
#define TOTP_PASSWD_H

#include "totp_str.h"


typedef enum {
    TOTP_PASSWD_PLAIN = 0,          /* {PLAIN} */
    TOTP_PASSWD_SHA,                /* {SHA} */
    TOTP_PASSWD_SSHA,               /* {SSHA} */
    TOTP_PASSWD_APR1,               /* $apr1$ */
    TOTP_PASSWD_CRYPT               /* everything else: crypt(3) */
} totp_passwd_scheme_t;


/*
 * Steps through a file: sets user and hash of the next entry (both point into
 * file), returns 1, or 0 at the end.  Empty lines, comments ('#') and lines
 * without ':' or with an empty user are skipped; what follows a second ':' is
 * not part of the hash; CR before LF is not either.
 */
int totp_passwd_next(totp_str_t file, size_t *pos, totp_str_t *user,
    totp_str_t *hash);

totp_passwd_scheme_t totp_passwd_scheme(totp_str_t hash);

/*
 * How dear a hash is, as a word to count by: the scheme with its cost, such as
 * "$2y$10$", "$6$rounds=5000$", "$y$j9T$", "{SSHA}", "$apr1$".  Points into
 * hash (traditional DES and unknown ones: empty).
 */
totp_str_t totp_passwd_cost(totp_str_t hash);

/*
 * Verifies every scheme but apr1.  May take a second: never on an event loop.
 * Both password and hash are compared in constant time of their length.
 * Returns 1 right, 0 wrong (also for a hash that crypt(3) refuses, or apr1),
 * -1 out of memory.  Copies are wiped.  A password with a NUL is wrong.
 *
 * crypt(3) decides what of a password counts: bcrypt ($2y$) looks at its first
 * 72 bytes, DES at its first 8, seven bits each; what follows is not compared.
 * Beyond 511 bytes libxcrypt refuses.
 */
int totp_passwd_verify(totp_str_t password, totp_str_t hash);


#endif /* TOTP_PASSWD_H */
