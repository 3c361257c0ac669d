#include "totp_seal.h"
#include "totp_base64.h"
#include "totp_be.h"
#include "totp_wipe.h"

#include <openssl/evp.h>


#define TOTP_SEAL_OVERHEAD  (TOTP_SEAL_NONCE_LEN + TOTP_SEAL_TAG_LEN)

/* More than anything worth sealing; OpenSSL counts in int. */

#define TOTP_SEAL_PLAIN_MAX  (1024 * 1024)


static int
totp_seal_associate(EVP_CIPHER_CTX *ctx, const totp_seal_for_t *what)
{
    int                n;
    size_t             i;
    uint8_t            len[TOTP_BE64_LEN];
    const totp_str_t  *part, *parts[3];

    parts[0] = &what->purpose;
    parts[1] = &what->realm;
    parts[2] = &what->user;

    for (i = 0; i < 3; i++) {
        part = parts[i];

        totp_be64_put(len, part->len);

        if (part->len > TOTP_SEAL_PLAIN_MAX
            || !EVP_CipherUpdate(ctx, NULL, &n, len, sizeof(len))
            || (part->len
                && !EVP_CipherUpdate(ctx, NULL, &n, part->data,
                                     (int) part->len)))
        {
            return -1;
        }
    }

    return 0;
}


/* A context for either direction with the associated data in; or NULL. */

static EVP_CIPHER_CTX *
totp_seal_begin(int encrypt, const totp_key_t *key, const uint8_t *nonce,
    const totp_seal_for_t *what)
{
    EVP_CIPHER_CTX  *ctx;

    ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL) {
        return NULL;
    }

    /* 12 bytes of nonce are what GCM takes by itself */

    if (!EVP_CipherInit_ex2(ctx, EVP_aes_256_gcm(), key->seal, nonce, encrypt,
                            NULL)
        || totp_seal_associate(ctx, what) != 0)
    {
        EVP_CIPHER_CTX_free(ctx);
        return NULL;
    }

    return ctx;
}


/* raw holds nonce, room for the ciphertext, room for the tag. */

static int
totp_seal_raw(uint8_t *raw, const totp_key_t *key,
    const totp_seal_for_t *what, totp_str_t plain)
{
    int              n, ok;
    uint8_t         *cipher;
    EVP_CIPHER_CTX  *ctx;

    ctx = totp_seal_begin(1, key, raw, what);
    if (ctx == NULL) {
        return -1;
    }

    cipher = raw + TOTP_SEAL_NONCE_LEN;

    ok = (plain.len == 0
          || EVP_EncryptUpdate(ctx, cipher, &n, plain.data, (int) plain.len))
         && EVP_EncryptFinal_ex(ctx, cipher + plain.len, &n)
         && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TOTP_SEAL_TAG_LEN,
                                cipher + plain.len);

    EVP_CIPHER_CTX_free(ctx);

    return ok ? 0 : -1;
}


totp_seal_rc_t
totp_seal(char *out, size_t *len, const totp_keyring_t *ring,
    const totp_seal_for_t *what, totp_str_t plain,
    const uint8_t nonce[TOTP_SEAL_NONCE_LEN])
{
    size_t             raw_len;
    uint8_t           *raw;
    totp_seal_rc_t     rc;
    const totp_key_t  *key;

    *len = 0;

    if (plain.len > TOTP_SEAL_PLAIN_MAX) {
        return TOTP_SEAL_FAILED;
    }

    raw_len = plain.len + TOTP_SEAL_OVERHEAD;

    raw = OPENSSL_malloc(raw_len);
    if (raw == NULL) {
        return TOTP_SEAL_FAILED;
    }

    key = &ring->keys[0];
    rc = TOTP_SEAL_FAILED;

    memcpy(raw, nonce, TOTP_SEAL_NONCE_LEN);

    if (totp_seal_raw(raw, key, what, plain) == 0) {
        memcpy(out, key->id, key->id_len);
        out[key->id_len] = '.';
        totp_base64url_encode(out + key->id_len + 1, totp_str(raw, raw_len));

        *len = key->id_len + 1 + totp_base64url_len(raw_len);
        rc = TOTP_SEAL_OK;
    }

    OPENSSL_clear_free(raw, raw_len);

    return rc;
}


static totp_seal_rc_t
totp_unseal_raw(uint8_t *out, const totp_key_t *key,
    const totp_seal_for_t *what, uint8_t *raw, size_t plain_len)
{
    int              n;
    uint8_t         *cipher;
    totp_seal_rc_t   rc;
    EVP_CIPHER_CTX  *ctx;

    ctx = totp_seal_begin(0, key, raw, what);
    if (ctx == NULL) {
        return TOTP_SEAL_FAILED;
    }

    cipher = raw + TOTP_SEAL_NONCE_LEN;

    if ((plain_len
         && !EVP_DecryptUpdate(ctx, out, &n, cipher, (int) plain_len))
        || !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TOTP_SEAL_TAG_LEN,
                                cipher + plain_len))
    {
        rc = TOTP_SEAL_FAILED;

    } else {
        /* GCM writes no bytes here, it only compares the tag */

        rc = EVP_DecryptFinal_ex(ctx, cipher, &n) > 0 ? TOTP_SEAL_OK
                                                      : TOTP_SEAL_BAD;
    }

    EVP_CIPHER_CTX_free(ctx);

    return rc;
}


totp_seal_rc_t
totp_unseal(uint8_t *out, size_t out_size, size_t *len, int *stale,
    const totp_keyring_t *ring, const totp_seal_for_t *what,
    totp_str_t sealed)
{
    int                n;
    size_t             raw_size, plain_len;
    uint8_t           *raw;
    totp_str_t         id, text;
    totp_seal_rc_t     rc;
    const uint8_t     *dot;
    const totp_key_t  *key;

    *len = 0;

    if (stale) {
        *stale = 0;
    }

    dot = sealed.len ? memchr(sealed.data, '.', sealed.len) : NULL;
    if (dot == NULL || dot == sealed.data) {
        return TOTP_SEAL_BAD;
    }

    id = totp_str(sealed.data, (size_t) (dot - sealed.data));
    text = totp_str(dot + 1, sealed.len - id.len - 1);

    if (out_size > TOTP_SEAL_PLAIN_MAX) {
        out_size = TOTP_SEAL_PLAIN_MAX;
    }

    if (id.len > TOTP_KEY_ID_MAX || text.len > totp_seal_max(out_size)) {
        return TOTP_SEAL_BAD;
    }

    key = totp_keyring_find(ring, id);
    if (key == NULL) {
        return TOTP_SEAL_NO_KEY;
    }

    raw_size = text.len / 4 * 3 + 3;

    raw = OPENSSL_malloc(raw_size);
    if (raw == NULL) {
        return TOTP_SEAL_FAILED;
    }

    n = totp_base64url_decode(raw, raw_size, text);

    if (n < TOTP_SEAL_OVERHEAD
        || (size_t) n - TOTP_SEAL_OVERHEAD > out_size)
    {
        OPENSSL_free(raw);
        return TOTP_SEAL_BAD;
    }

    plain_len = (size_t) n - TOTP_SEAL_OVERHEAD;

    rc = totp_unseal_raw(out, key, what, raw, plain_len);

    OPENSSL_free(raw);

    if (rc != TOTP_SEAL_OK) {
        totp_wipe(out, plain_len);
        return rc;
    }

    *len = plain_len;

    if (stale) {
        *stale = (key != &ring->keys[0]);
    }

    return TOTP_SEAL_OK;
}
