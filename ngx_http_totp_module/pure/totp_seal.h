/*
 * Sealing what Redis keeps but must not know: AES-256-GCM (NIST SP 800-38D),
 * bound to what it is for (the purpose) and to whom (realm and user) as
 * associated data, every part after its length in 8 bytes (big-endian).
 *
 * The wire form is printable: `keyid.base64url(nonce || ciphertext || tag)`.
 */

#ifndef TOTP_SEAL_H
#define TOTP_SEAL_H

#include "totp_keyring.h"


#define TOTP_SEAL_NONCE_LEN  12
#define TOTP_SEAL_TAG_LEN    16

#define totp_seal_max(n)                                                      \
    (TOTP_KEY_ID_MAX + 1                                                      \
     + ((n) + TOTP_SEAL_NONCE_LEN + TOTP_SEAL_TAG_LEN) * 4 / 3 + 4)


typedef struct {
    totp_str_t  purpose;            /* "secret", "pending", "codes" */
    totp_str_t  realm;
    totp_str_t  user;
} totp_seal_for_t;


typedef enum {
    TOTP_SEAL_OK = 0,
    TOTP_SEAL_NO_KEY,               /* its key is not in the ring */
    TOTP_SEAL_BAD,                  /* changed, or sealed for something else */
    TOTP_SEAL_FAILED                /* the crypto library failed */
} totp_seal_rc_t;


/*
 * The nonce must be fresh random bytes for every call.  out holds
 * totp_seal_max(plain.len) bytes; *len is set; no NUL.  More than a megabyte
 * is TOTP_SEAL_FAILED.
 */
totp_seal_rc_t totp_seal(char *out, size_t *len, const totp_keyring_t *ring,
    const totp_seal_for_t *what, totp_str_t plain,
    const uint8_t nonce[TOTP_SEAL_NONCE_LEN]);

/*
 * Writes at most out_size bytes of plain text (more: TOTP_SEAL_BAD).
 * *stale, where not NULL, says that it was not sealed by the ring's first key.
 */
totp_seal_rc_t totp_unseal(uint8_t *out, size_t out_size, size_t *len,
    int *stale, const totp_keyring_t *ring, const totp_seal_for_t *what,
    totp_str_t sealed);


#endif /* TOTP_SEAL_H */
