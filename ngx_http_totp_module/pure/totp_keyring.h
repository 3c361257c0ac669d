/*
 * The keyring: one `id:base64-of-32-bytes` a line.  The first key signs and
 * seals, all verify and open.  From each key a sub-key per purpose is derived
 * (HKDF-SHA256, RFC 5869; no salt; info "totp session", "totp csrf",
 * "totp entry", "totp seal", "totp backup"), so that no two uses share a key.
 */

#ifndef TOTP_KEYRING_H
#define TOTP_KEYRING_H

#include "totp_str.h"


#define TOTP_KEY_LEN      32        /* bytes */
#define TOTP_KEY_ID_MAX   16        /* characters [A-Za-z0-9_-] */
#define TOTP_KEYRING_MAX  16        /* keys */


typedef struct {
    uint8_t  id_len;
    char     id[TOTP_KEY_ID_MAX];
    uint8_t  session[TOTP_KEY_LEN];     /* HMAC of session cookies */
    uint8_t  csrf[TOTP_KEY_LEN];        /* HMAC of form tokens */
    uint8_t  entry[TOTP_KEY_LEN];       /* HMAC of password entries */
    uint8_t  seal[TOTP_KEY_LEN];        /* AES-256-GCM */
    uint8_t  backup[TOTP_KEY_LEN];      /* HMAC of backup codes */
} totp_key_t;


typedef struct {
    size_t      n;                      /* 0 < n <= TOTP_KEYRING_MAX */
    totp_key_t  keys[TOTP_KEYRING_MAX];
} totp_keyring_t;


/*
 * Parses a whole file.  Empty lines, lines that begin with '#', CRLF and a
 * missing last line feed are fine.  Returns NULL, or a static English text
 * that says what is wrong, with *line set (0: no key at all); the text never
 * holds a part of the file.  A duplicate id, a bad id, a key that is not 32
 * bytes and more than TOTP_KEYRING_MAX keys are errors.
 */
const char *totp_keyring_parse(totp_keyring_t *ring, totp_str_t file,
    unsigned *line);

/* NULL where the ring has no such key. */
const totp_key_t *totp_keyring_find(const totp_keyring_t *ring, totp_str_t id);


#endif /* TOTP_KEYRING_H */
