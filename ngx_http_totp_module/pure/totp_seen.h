/*
 * Cookies that were found genuine lately: a page and its pictures bring the
 * same one, and only the first has to be verified and decoded.
 *
 * A table of a fixed size, for one thread.  It answers exactly as
 * totp_session_decode() would: what is found is equal to what was verified, in
 * every byte, and under the same ring.  It knows nothing of times, realms or
 * revocations either: those are the caller's to look at, each time.
 */

#ifndef TOTP_SEEN_H
#define TOTP_SEEN_H

#include "totp_session.h"


#define TOTP_SEEN_SETS   256
#define TOTP_SEEN_WAYS   2
#define TOTP_SEEN_NEVER  UINT64_MAX


typedef struct {
    totp_session_t  session;            /* its strings are in names */
    uint64_t        clear;              /* the caller's: _NEVER at first */
    size_t          len;                /* of cookie; 0: free */
    uint8_t         cookie[TOTP_COOKIE_MAX];
    uint8_t         names[TOTP_REALM_MAX + TOTP_USER_MAX];
} totp_seen_t;


typedef struct {
    const totp_keyring_t  *ring;        /* that all of it was verified with */
    uint8_t                next[TOTP_SEEN_SETS];    /* the way to be replaced */
    totp_seen_t            seen[TOTP_SEEN_SETS][TOTP_SEEN_WAYS];
} totp_seen_table_t;


/*
 * The session of a cookie, verified now or before; NULL where there is none.
 * Stays good until the next call.  Another ring than before empties the table;
 * a ring that has changed in its place takes a _wipe.
 */
totp_seen_t *totp_seen_find(totp_seen_table_t *table,
    const totp_keyring_t *ring, totp_str_t cookie);

/* Forgets all.  A table of zeros is an empty one. */
void totp_seen_wipe(totp_seen_table_t *table);


#endif /* TOTP_SEEN_H */
