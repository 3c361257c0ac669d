#include "totp_hmac.h"
#include "totp_wipe.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>


#define TOTP_HMAC_BLOCK  64         /* bytes: what SHA-256 takes at once */


static EVP_MAC     *totp_hmac_algorithm;

/* of SHA-256 alone */
static EVP_MD      *totp_hmac_digest;
static EVP_MD_CTX  *totp_hmac_hash;


totp_hmac_t *
totp_hmac_create(const char *digest, totp_str_t key)
{
    OSSL_PARAM    params[2];
    EVP_MAC_CTX  *ctx;

    if (totp_hmac_algorithm == NULL) {
        totp_hmac_algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);

        if (totp_hmac_algorithm == NULL) {
            return NULL;
        }
    }

    ctx = EVP_MAC_CTX_new(totp_hmac_algorithm);
    if (ctx == NULL) {
        return NULL;
    }

    /* the parameter is only read, though its type says otherwise */

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
                                                 (char *) digest, 0);
    params[1] = OSSL_PARAM_construct_end();

    /* no key at all would mean "the key of before" */

    if (key.data == NULL) {
        key = totp_str("", 0);
    }

    if (!EVP_MAC_init(ctx, key.data, key.len, params)) {
        EVP_MAC_CTX_free(ctx);
        return NULL;
    }

    return ctx;
}


void
totp_hmac_free(totp_hmac_t *hmac)
{
    EVP_MAC_CTX_free(hmac);
}


int
totp_hmac_sum(uint8_t out[TOTP_HMAC_MAX], totp_hmac_t *hmac,
    const totp_str_t *parts, size_t n)
{
    size_t  i, len;

    if (!EVP_MAC_init(hmac, NULL, 0, NULL)) {
        return -1;
    }

    for (i = 0; i < n; i++) {
        if (parts[i].len
            && !EVP_MAC_update(hmac, parts[i].data, parts[i].len))
        {
            return -1;
        }
    }

    if (!EVP_MAC_final(hmac, out, &len, TOTP_HMAC_MAX)) {
        return -1;
    }

    return (int) len;
}


static int
totp_hmac_ready(void)
{
    if (totp_hmac_digest == NULL) {
        totp_hmac_digest = EVP_MD_fetch(NULL, "SHA256", NULL);
    }

    if (totp_hmac_hash == NULL) {
        totp_hmac_hash = EVP_MD_CTX_new();
    }

    return totp_hmac_digest != NULL && totp_hmac_hash != NULL;
}


/* SHA-256 of a block that is the key, and of the parts. */

static int
totp_hmac_round(uint8_t out[TOTP_HMAC_SHA256_LEN],
    const uint8_t block[TOTP_HMAC_BLOCK], const totp_str_t *parts, size_t n)
{
    size_t  i;

    if (!EVP_DigestInit_ex2(totp_hmac_hash, totp_hmac_digest, NULL)
        || !EVP_DigestUpdate(totp_hmac_hash, block, TOTP_HMAC_BLOCK))
    {
        return -1;
    }

    for (i = 0; i < n; i++) {
        if (parts[i].len
            && !EVP_DigestUpdate(totp_hmac_hash, parts[i].data, parts[i].len))
        {
            return -1;
        }
    }

    return EVP_DigestFinal_ex(totp_hmac_hash, out, NULL) ? 0 : -1;
}


/*
 * From two rounds of a hash, as RFC 2104 has it: a context of EVP_MAC that is
 * kept would keep the key on the heap, for every core dump to show, and one
 * that is keyed anew for each call costs several times as much.
 */

int
totp_hmac_sha256(uint8_t out[TOTP_HMAC_SHA256_LEN],
    const uint8_t key[TOTP_HMAC_SHA256_LEN], const totp_str_t *parts,
    size_t n)
{
    int         rc;
    size_t      i;
    uint8_t     block[TOTP_HMAC_BLOCK], inner[TOTP_HMAC_SHA256_LEN];
    totp_str_t  part;

    if (!totp_hmac_ready()) {
        return -1;
    }

    memset(block, 0x36, sizeof(block));

    for (i = 0; i < TOTP_HMAC_SHA256_LEN; i++) {
        block[i] ^= key[i];
    }

    rc = totp_hmac_round(inner, block, parts, n);

    for (i = 0; i < TOTP_HMAC_BLOCK; i++) {
        block[i] ^= 0x36 ^ 0x5c;
    }

    part = totp_str(inner, sizeof(inner));

    if (rc == 0) {
        rc = totp_hmac_round(out, block, &part, 1);
    }

    totp_wipe(block, sizeof(block));
    totp_wipe(inner, sizeof(inner));

    return rc;
}
