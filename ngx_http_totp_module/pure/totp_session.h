/*
 * The session: what the signed cookie says.  Its owner can read it, nobody
 * can change it, and it never reaches an application.
 *
 * The wire form is base64url(payload || HMAC-SHA256(payload)): a version byte
 * (1), the key's id, then every field at a fixed width or after its length (a
 * byte), in the order of totp_session_t, numbers big-endian.
 */

#ifndef TOTP_SESSION_H
#define TOTP_SESSION_H

#include "totp_keyring.h"


#define TOTP_SID_LEN       16       /* bytes */
#define TOTP_FP_LEN        8        /* bytes of a password entry's fingerprint */
#define TOTP_USER_MAX      255      /* bytes */
#define TOTP_REALM_MAX     32       /* characters */
#define TOTP_COOKIE_MAX    700      /* characters, more than any cookie of ours */
#define TOTP_CSRF_LEN      43       /* characters of a form token */


typedef enum {
    TOTP_STAGE_NONE = 0,            /* only a form token */
    TOTP_STAGE_PASSWORD,            /* a code is owed */
    TOTP_STAGE_FULL
} totp_stage_t;


typedef enum {
    TOTP_METHOD_NONE = 0,           /* no second factor enabled */
    TOTP_METHOD_TOTP,
    TOTP_METHOD_BACKUP
} totp_method_t;


typedef struct {
    totp_stage_t   stage;
    totp_method_t  method;
    uint8_t        sid[TOTP_SID_LEN];
    uint64_t       issued;          /* unix seconds, as all times here */
    uint64_t       checked;         /* last check of the second factor, or of
                                       the password where none is enabled */
    uint64_t       renewed;         /* the idle time counts from here */
    uint64_t       expires;         /* absolute */
    uint64_t       epoch;           /* the user's, when this was issued */
    uint8_t        fp[TOTP_FP_LEN]; /* of the password entry, under key */
    totp_str_t     realm;           /* 1 .. TOTP_REALM_MAX bytes */
    totp_str_t     user;            /* 1 .. TOTP_USER_MAX bytes; none, and only
                                       then, at TOTP_STAGE_NONE */
    const totp_key_t  *key;         /* that has signed it: _decode sets it */
} totp_session_t;


/*
 * Writes the cookie value, without NUL.  Signs with the first key.
 * Returns its length, or -1: a field out of its range (see above), or the
 * crypto library failed.
 */
int totp_session_encode(char out[TOTP_COOKIE_MAX], const totp_session_t *s,
    const totp_keyring_t *ring);

/*
 * Verifies and reads a cookie value.  buf receives the payload; s->realm and
 * s->user point into it.  Returns 0, or -1 (*s then means nothing) for whatever
 * this function's twin would not have written under a key of the ring.  Says
 * nothing of times, realm or revocation.
 */
int totp_session_decode(totp_session_t *s, uint8_t buf[TOTP_COOKIE_MAX],
    const totp_keyring_t *ring, totp_str_t cookie);

/*
 * The fingerprint of a password entry under a key of the ring: HMAC, cut, over
 * the length of the name (8 bytes), name and hash.  Whoever has stolen a cookie
 * cannot try passwords on it, not even those that stand in the file as such.
 * Returns 0, or -1 when the crypto library fails.
 */
int totp_session_fingerprint(uint8_t out[TOTP_FP_LEN], const totp_key_t *key,
    totp_str_t name, totp_str_t hash);

/*
 * The form token of a session: HMAC over sid and stage, base64url, no NUL.
 * _make returns 0, or -1 when the crypto library fails.
 * _verify tries every key of the ring, in constant time; 0 when it is right.
 */
int totp_csrf_make(char out[TOTP_CSRF_LEN], const totp_session_t *s,
    const totp_keyring_t *ring);
int totp_csrf_verify(totp_str_t token, const totp_session_t *s,
    const totp_keyring_t *ring);


#endif /* TOTP_SESSION_H */
