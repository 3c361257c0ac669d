#include "unit.h"
#include "totp_hkdf.h"


/* RFC 5869, appendix A, the test cases with SHA-256. */

static void
vector(const char *key, const char *salt, const char *info, const char *okm)
{
    size_t   key_len, salt_len, info_len, okm_len;
    uint8_t  k[128], s[128], i[128], want[128], out[128];

    key_len = unhex(k, key);
    salt_len = unhex(s, salt);
    info_len = unhex(i, info);
    okm_len = unhex(want, okm);

    assert_int_equal(totp_hkdf_sha256(out, okm_len, totp_str(k, key_len),
                                      totp_str(s, salt_len),
                                      totp_str(i, info_len)),
                     0);
    assert_memory_equal(out, want, okm_len);
}


static void
basic(void **state)
{
    (void) state;

    vector("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
           "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
           "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
           "34007208d5b887185865");
}


static void
longer(void **state)
{
    (void) state;

    vector("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
           "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
           "404142434445464748494a4b4c4d4e4f",
           "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
           "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
           "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
           "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
           "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef"
           "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
           "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
           "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
           "cc30c58179ec3e87c14c01d5c1f3434f1d87");
}


static void
no_salt_no_info(void **state)
{
    (void) state;

    vector("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
           "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
           "9d201395faa4b61a96c8");
}


static void
too_long(void **state)
{
    size_t   i;
    uint8_t  out[TOTP_HKDF_MAX + 1];

    (void) state;

    assert_int_equal(totp_hkdf_sha256(out, TOTP_HKDF_MAX, STR("key"),
                                      totp_str(NULL, 0), STR("x")),
                     0);

    memset(out, '#', sizeof(out));

    assert_int_equal(totp_hkdf_sha256(out, TOTP_HKDF_MAX + 1, STR("key"),
                                      totp_str(NULL, 0), STR("x")),
                     -1);

    for (i = 0; i < sizeof(out); i++) {
        assert_int_equal(out[i], 0);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(basic),
        cmocka_unit_test(longer),
        cmocka_unit_test(no_salt_no_info),
        cmocka_unit_test(too_long),
    };

    return cmocka_run_group_tests_name("hkdf", tests, NULL, NULL);
}
