#include "unit.h"
#include "totp_hmac.h"


static void
sum_is(const char *digest, totp_str_t key, totp_str_t data, const char *hex)
{
    size_t        cut, len;
    uint8_t       out[TOTP_HMAC_MAX], want[TOTP_HMAC_MAX];
    totp_str_t    parts[2];
    totp_hmac_t  *hmac;

    len = unhex(want, hex);

    hmac = totp_hmac_create(digest, key);
    assert_non_null(hmac);

    /* in one part, in two, and again with the same context */

    assert_int_equal(totp_hmac_sum(out, hmac, &data, 1), len);
    assert_memory_equal(out, want, len);

    for (cut = 0; cut <= data.len; cut++) {
        parts[0] = totp_str(data.data, cut);
        parts[1] = totp_str(data.data + cut, data.len - cut);

        memset(out, 0, sizeof(out));
        assert_int_equal(totp_hmac_sum(out, hmac, parts, 2), len);
        assert_memory_equal(out, want, len);
    }

    totp_hmac_free(hmac);
}


/* RFC 2202, section 3, and RFC 4231, section 4.3: test case 2 of each. */

static void
vectors(void **state)
{
    (void) state;

    sum_is("SHA1", STR("Jefe"), STR("what do ya want for nothing?"),
           "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    sum_is("SHA256", STR("Jefe"), STR("what do ya want for nothing?"),
           "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    sum_is("SHA512", STR("Jefe"), STR("what do ya want for nothing?"),
           "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
           "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");

    /* nothing under an empty key */
    sum_is("SHA256", totp_str(NULL, 0), STR(""),
           "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}


static void
unknown_digest(void **state)
{
    (void) state;

    assert_null(totp_hmac_create("SHA257", STR("key")));
    totp_hmac_free(NULL);
}


/* Against a context that is keyed for each. */

static void
sub_keys(void **state)
{
    size_t        i, n;
    uint8_t       key[TOTP_HMAC_SHA256_LEN], out[TOTP_HMAC_SHA256_LEN];
    uint8_t       want[TOTP_HMAC_MAX];
    totp_str_t    parts[2];
    totp_hmac_t  *hmac;

    static const char  data[200] = "data";

    (void) state;

    for (n = 0; n < 500; n++) {
        memset(key, n % 5 ? 7 : 0, sizeof(key));        /* all zeros, too */
        key[n % 2 ? 0 : 31] = (uint8_t) (n * n % 83);

        parts[0] = totp_str(data, n % 151);
        parts[1] = totp_str(data, n % 199);

        for (i = 0; i < 2; i++) {
            assert_int_equal(totp_hmac_sha256(out, key, parts, 2), 0);

            hmac = totp_hmac_create("SHA256", totp_str(key, sizeof(key)));
            assert_int_equal(totp_hmac_sum(want, hmac, parts, 2),
                             sizeof(out));
            totp_hmac_free(hmac);

            assert_memory_equal(out, want, sizeof(out));
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(unknown_digest),
        cmocka_unit_test(sub_keys),
    };

    return cmocka_run_group_tests_name("hmac", tests, NULL, NULL);
}
