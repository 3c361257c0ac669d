#include "totp_hkdf.h"
#include "totp_wipe.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>


int
totp_hkdf_sha256(uint8_t *out, size_t out_len, totp_str_t key,
    totp_str_t salt, totp_str_t info)
{
    int           rc;
    EVP_KDF      *kdf;
    OSSL_PARAM    params[5], *p;
    EVP_KDF_CTX  *ctx;

    kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    EVP_KDF_free(kdf);

    if (ctx == NULL) {
        totp_wipe(out, out_len);
        return -1;
    }

    /* parameters are only read, though their types say otherwise */

    p = params;

    *p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
                                            (char *) "SHA256", 0);
    *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
                                             (void *) key.data, key.len);

    if (salt.len) {
        *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT,
                                                 (void *) salt.data, salt.len);
    }

    if (info.len) {
        *p++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO,
                                                 (void *) info.data, info.len);
    }

    *p = OSSL_PARAM_construct_end();

    rc = EVP_KDF_derive(ctx, out, out_len, params) > 0 ? 0 : -1;

    EVP_KDF_CTX_free(ctx);

    if (rc != 0) {
        totp_wipe(out, out_len);
    }

    return rc;
}
