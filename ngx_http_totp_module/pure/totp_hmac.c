#include "totp_hmac.h"
#include "totp_wipe.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>


/* Sub-keys in use: two of each key sign (sessions, form tokens). */

#define TOTP_HMAC_SLOTS  32


typedef struct {
    uint8_t       key[TOTP_HMAC_SHA256_LEN];
    totp_hmac_t  *hmac;
} totp_hmac_slot_t;


static EVP_MAC           *totp_hmac_algorithm;
static totp_hmac_slot_t   totp_hmac_slots[TOTP_HMAC_SLOTS];
static size_t             totp_hmac_next;


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


static totp_hmac_t *
totp_hmac_keyed(const uint8_t key[TOTP_HMAC_SHA256_LEN])
{
    size_t             i;
    totp_hmac_t       *hmac;
    totp_hmac_slot_t  *slot;

    for (i = 0; i < TOTP_HMAC_SLOTS && totp_hmac_slots[i].hmac; i++) {
        if (totp_equal(totp_hmac_slots[i].key, key, TOTP_HMAC_SHA256_LEN)) {
            return totp_hmac_slots[i].hmac;
        }
    }

    hmac = totp_hmac_create("SHA256", totp_str(key, TOTP_HMAC_SHA256_LEN));
    if (hmac == NULL) {
        return NULL;
    }

    slot = &totp_hmac_slots[totp_hmac_next];
    totp_hmac_next = (totp_hmac_next + 1) % TOTP_HMAC_SLOTS;

    totp_hmac_free(slot->hmac);

    slot->hmac = hmac;
    memcpy(slot->key, key, TOTP_HMAC_SHA256_LEN);

    return hmac;
}


int
totp_hmac_sha256(uint8_t out[TOTP_HMAC_SHA256_LEN],
    const uint8_t key[TOTP_HMAC_SHA256_LEN], const totp_str_t *parts,
    size_t n)
{
    uint8_t       sum[TOTP_HMAC_MAX];
    totp_hmac_t  *hmac;

    hmac = totp_hmac_keyed(key);

    if (hmac == NULL
        || totp_hmac_sum(sum, hmac, parts, n) != TOTP_HMAC_SHA256_LEN)
    {
        return -1;
    }

    memcpy(out, sum, TOTP_HMAC_SHA256_LEN);
    totp_wipe(sum, sizeof(sum));

    return 0;
}
