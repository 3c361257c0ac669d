#include "unit.h"
#include "totp_base32.h"


/* RFC 4648, section 10, without the padding and with it. */

static const char *const  vectors[][3] = {
    { "", "", "" },
    { "f", "MY", "MY======" },
    { "fo", "MZXQ", "MZXQ====" },
    { "foo", "MZXW6", "MZXW6===" },
    { "foob", "MZXW6YQ", "MZXW6YQ=" },
    { "fooba", "MZXW6YTB", "MZXW6YTB" },
    { "foobar", "MZXW6YTBOI", "MZXW6YTBOI======" },
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
        n = totp_base32_len(plain.len);

        assert_int_equal(n, strlen(vectors[i][1]));

        memset(out, '#', sizeof(out));
        totp_base32_encode(out, plain);

        assert_memory_equal(out, vectors[i][1], n);
        assert_int_equal(out[n], '#');
    }
}


static void
decodes(void **state)
{
    size_t      i, form;
    uint8_t     out[16];
    totp_str_t  plain;

    (void) state;

    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        plain = cstr(vectors[i][0]);

        for (form = 1; form < 3; form++) {
            assert_int_equal(totp_base32_decode(out, plain.len,
                                                cstr(vectors[i][form])),
                             plain.len);
            assert_memory_equal(out, plain.data, plain.len);
        }
    }
}


static void
decodes_as_typed(void **state)
{
    uint8_t  out[16];

    (void) state;

    assert_int_equal(totp_base32_decode(out, 16, STR(" mzxw-6ytb OI = ==")), 6);
    assert_memory_equal(out, "foobar", 6);
}


static void
refuses(void **state)
{
    size_t   i;
    uint8_t  out[16];

    static const char *const  bad[] = {
        "M", "MZX", "MZXW6Y",               /* no number of bytes */
        "A", "AAA", "AAAAAA",               /* nor without spare bits */
        "MZ", "MZXR", "MZXW7", "MZXW6YR",   /* spare bits */
        "M0", "M1", "M8", "M9", "M_", "MY\t", "MY\n", "MY\xc3\xa4", "M+",
        "MY=MY", "=MY", "MY======MZXQ", "M=Y"
    };

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(totp_base32_decode(out, 16, cstr(bad[i])), -1);
    }

    assert_int_equal(totp_base32_decode(out, 16, STR("MY\0")), -1);
    assert_int_equal(totp_base32_decode(out, 5, STR("MZXW6YTBOI")), -1);
    assert_int_equal(totp_base32_decode(out, 0, STR("MY")), -1);
}


static void
round_trip(void **state)
{
    char        text[128];
    size_t      n, i;
    uint8_t     in[64], out[64];

    (void) state;

    for (i = 0; i < sizeof(in); i++) {
        in[i] = (uint8_t) (i * 151 + 13);
    }

    for (n = 0; n <= sizeof(in); n++) {
        totp_base32_encode(text, totp_str(in, n));

        assert_int_equal(totp_base32_decode(out, sizeof(out),
                                            totp_str(text, totp_base32_len(n))),
                         n);
        assert_memory_equal(in, out, n);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(encodes),
        cmocka_unit_test(decodes),
        cmocka_unit_test(decodes_as_typed),
        cmocka_unit_test(refuses),
        cmocka_unit_test(round_trip),
    };

    return cmocka_run_group_tests_name("base32", tests, NULL, NULL);
}
