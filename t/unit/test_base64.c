#include "unit.h"
#include "totp_base64.h"


/* RFC 4648, section 10, with the padding and without it. */

static const char *const  vectors[][3] = {
    { "", "", "" },
    { "f", "Zg==", "Zg" },
    { "fo", "Zm8=", "Zm8" },
    { "foo", "Zm9v", "Zm9v" },
    { "foob", "Zm9vYg==", "Zm9vYg" },
    { "fooba", "Zm9vYmE=", "Zm9vYmE" },
    { "foobar", "Zm9vYmFy", "Zm9vYmFy" },
};


static void
encodes(void **state)
{
    char        out[32];
    size_t      i, n;
    totp_str_t  plain;

    (void) state;

    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        plain = cstr(vectors[i][0]);
        n = totp_base64url_len(plain.len);

        assert_int_equal(n, strlen(vectors[i][2]));

        memset(out, '#', sizeof(out));
        totp_base64url_encode(out, plain);

        assert_memory_equal(out, vectors[i][2], n);
        assert_int_equal(out[n], '#');
    }

    totp_base64url_encode(out, STR("\xfb\xef\xbe\xff\xff\xff"));
    assert_memory_equal(out, "----____", 8);
}


static void
decodes(void **state)
{
    size_t      i;
    uint8_t     out[16];
    totp_str_t  plain;

    (void) state;

    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        plain = cstr(vectors[i][0]);

        assert_int_equal(totp_base64_decode(out, plain.len,
                                            cstr(vectors[i][1])),
                         plain.len);
        assert_memory_equal(out, plain.data, plain.len);

        memset(out, 0, sizeof(out));

        assert_int_equal(totp_base64url_decode(out, plain.len,
                                               cstr(vectors[i][2])),
                         plain.len);
        assert_memory_equal(out, plain.data, plain.len);
    }

    assert_int_equal(totp_base64_decode(out, 16, STR("++++////")), 6);
    assert_memory_equal(out, "\xfb\xef\xbe\xff\xff\xff", 6);

    assert_int_equal(totp_base64url_decode(out, 16, STR("----____")), 6);
    assert_memory_equal(out, "\xfb\xef\xbe\xff\xff\xff", 6);
}


static void
refuses_other_spellings(void **state)
{
    size_t   i;
    uint8_t  out[16];

    static const char *const  bad[] = {
        "Z", "Zm9vY",                                   /* length */
        "Zh", "Zv", "Zm9", "Zm-", "Zm9vYmF",            /* spare bits */
        "Zg=", "Zg==", "Zm8=", "=", "==", "====",       /* padding */
        "Zm+v", "Zm/v", "Zm9 v", " Zm9v", "Zm9v ", "Zm9v\n", "Zm\t9v",
        "Zm9v.", "Zm9v\xc3\xa4", "Zm%9v"
    };

    static const char *const  bad_padded[] = {
        "Z", "Zg", "Zg=", "Zg===", "Zg==Zg==", "Zm8", "Zm8==", "=", "==",
        "===", "====", "Z===", "Zm9v====", "Zm9v=", "Z=g=", "Zh==", "Zm9=",
        "Zm-v", "Zm_v", "Zm9v\r\n", " Zm9v", "Zm9v   ", "Zg= ="
    };

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(totp_base64url_decode(out, 16, cstr(bad[i])), -1);
    }

    for (i = 0; i < sizeof(bad_padded) / sizeof(bad_padded[0]); i++) {
        assert_int_equal(totp_base64_decode(out, 16, cstr(bad_padded[i])), -1);
    }

    assert_int_equal(totp_base64url_decode(out, 16, STR("Zm9\0")), -1);
}


static void
refuses_what_does_not_fit(void **state)
{
    uint8_t  out[6];

    (void) state;

    out[5] = '#';

    assert_int_equal(totp_base64url_decode(out, 5, STR("Zm9vYmFy")), -1);
    assert_int_equal(totp_base64_decode(out, 5, STR("Zm9vYmFy")), -1);
    assert_int_equal(totp_base64url_decode(out, 0, STR("Zg")), -1);
    assert_int_equal(out[5], '#');
}


/* All of the 2^12 two-character texts: exactly one spelling for each byte. */

static void
one_spelling(void **state)
{
    int      a, b, seen[256];
    char     text[2];
    uint8_t  out[1];

    static const char  set[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    (void) state;

    memset(seen, 0, sizeof(seen));

    for (a = 0; a < 64; a++) {
        for (b = 0; b < 64; b++) {
            text[0] = set[a];
            text[1] = set[b];

            if (totp_base64url_decode(out, 1, totp_str(text, 2)) == 1) {
                seen[out[0]]++;
            }
        }
    }

    for (a = 0; a < 256; a++) {
        assert_int_equal(seen[a], 1);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(encodes),
        cmocka_unit_test(decodes),
        cmocka_unit_test(refuses_other_spellings),
        cmocka_unit_test(refuses_what_does_not_fit),
        cmocka_unit_test(one_spelling),
    };

    return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
