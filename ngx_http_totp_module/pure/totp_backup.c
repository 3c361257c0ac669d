#include "totp_backup.h"
#include "totp_base64.h"
#include "totp_be.h"
#include "totp_hmac.h"
#include "totp_wipe.h"


#define TOTP_BACKUP_GROUP  4


_Static_assert(TOTP_BACKUP_TAG_MAX
               == TOTP_KEY_ID_MAX + 1
                  + totp_base64url_len(TOTP_HMAC_SHA256_LEN),
               "the length of a backup code's tag");


static const char  totp_backup_alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";


void
totp_backup_encode(char out[TOTP_BACKUP_LEN],
    const uint8_t random[TOTP_BACKUP_RANDOM])
{
    size_t    i;
    unsigned  bits;
    uint32_t  acc;

    acc = 0;
    bits = 0;

    for (i = 0; i < TOTP_BACKUP_RANDOM; i++) {
        acc = (acc << 8) | random[i];
        bits += 8;

        while (bits >= 5) {
            bits -= 5;
            *out++ = totp_backup_alphabet[(acc >> bits) & 31];
        }
    }
}


void
totp_backup_show(char out[TOTP_BACKUP_SHOWN], const char code[TOTP_BACKUP_LEN])
{
    size_t  i;

    for (i = 0; i < TOTP_BACKUP_LEN; i++) {
        if (i && i % TOTP_BACKUP_GROUP == 0) {
            *out++ = '-';
        }

        *out++ = code[i];
    }
}


int
totp_backup_tag(char out[TOTP_BACKUP_TAG_MAX], const totp_key_t *key,
    totp_str_t realm, totp_str_t user, totp_str_t code)
{
    size_t      i;
    uint8_t     mac[TOTP_HMAC_SHA256_LEN], lengths[3][TOTP_BE64_LEN];
    totp_str_t  parts[6];

    parts[1] = realm;
    parts[3] = user;
    parts[5] = code;

    for (i = 0; i < 3; i++) {
        totp_be64_put(lengths[i], parts[2 * i + 1].len);
        parts[2 * i] = totp_str(lengths[i], TOTP_BE64_LEN);
    }

    if (totp_hmac_sha256(mac, key->backup, parts, 6) != 0) {
        return -1;
    }

    memcpy(out, key->id, key->id_len);
    out[key->id_len] = '.';
    totp_base64url_encode(out + key->id_len + 1, totp_str(mac, sizeof(mac)));

    return key->id_len + 1 + (int) totp_base64url_len(sizeof(mac));
}
