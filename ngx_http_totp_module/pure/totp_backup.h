/*
 * Backup codes: 80 random bits in Crockford's base32 alphabet (lower case),
 * shown as xxxx-xxxx-xxxx-xxxx, kept as an HMAC-SHA256 under a sub-key that
 * the store does not have (NIST SP 800-63B-4, 3.1.2).
 */

#ifndef TOTP_BACKUP_H
#define TOTP_BACKUP_H

#include "totp_keyring.h"


#define TOTP_BACKUP_RANDOM   10     /* bytes of randomness in a code */
#define TOTP_BACKUP_LEN      16     /* characters, canonical */
#define TOTP_BACKUP_SHOWN    19     /* characters, with hyphens */
#define TOTP_BACKUP_MAX      20     /* codes in a set */
#define TOTP_BACKUP_TAG_MAX  (TOTP_KEY_ID_MAX + 1 + 43)


void totp_backup_encode(char out[TOTP_BACKUP_LEN],
    const uint8_t random[TOTP_BACKUP_RANDOM]);

/* xxxx-xxxx-xxxx-xxxx, no NUL */
void totp_backup_show(char out[TOTP_BACKUP_SHOWN],
    const char code[TOTP_BACKUP_LEN]);

/*
 * What the store keeps of a code: `keyid.base64url(HMAC(realm, user, code))`,
 * each part after its length in 8 bytes (big-endian); code is canonical, as
 * totp_backup_encode() and totp_code_read() write it.  Returns its length, or
 * -1 when the crypto library fails.  A code is looked for under the tag of
 * every key of the ring.
 */
int totp_backup_tag(char out[TOTP_BACKUP_TAG_MAX], const totp_key_t *key,
    totp_str_t realm, totp_str_t user, totp_str_t code);


#endif /* TOTP_BACKUP_H */
