#include "unit.h"
#include "totp_code.h"


static totp_code_shape_t
shape(totp_str_t typed)
{
    totp_str_t   copy;
    totp_code_t  code;

    copy = heap(typed.data, typed.len);
    totp_code_read(&code, copy);
    heap_free(copy);

    return code.shape;
}


static void
canonical_is(totp_str_t typed, totp_code_shape_t want, const char *canonical)
{
    totp_str_t   copy;
    totp_code_t  code;

    copy = heap(typed.data, typed.len);
    totp_code_read(&code, copy);
    heap_free(copy);

    assert_int_equal(code.shape, want);
    assert_int_equal(code.len, strlen(canonical));
    assert_memory_equal(code.data, canonical, code.len);
}


static void
one_time_codes(void **state)
{
    (void) state;

    canonical_is(STR("012345"), TOTP_CODE_OTP, "012345");
    canonical_is(STR("01234567"), TOTP_CODE_OTP, "01234567");
    canonical_is(STR("123 456"), TOTP_CODE_OTP, "123456");
    canonical_is(STR("  123-456. "), TOTP_CODE_OTP, "123456");
    canonical_is(STR("1 2 3 4 5 6 7 8"), TOTP_CODE_OTP, "12345678");
}


static void
not_one_time_codes(void **state)
{
    size_t  i;

    static const char *const  bad[] = {
        "", " ", "-", "1", "12345", "1234567", "123456789", "123456789012345",
        "12345678901234567", "12345o", "o12345", "l23456", "12345a", "+12345",
        "12,345", "0x1234", "1e5000", "123456\t", "\t123456", "123456\n",
        "123\r456", "123456\x7f", "123456;", "123456%20", "123+456", "123_456",
        /* digits that are not ASCII's: Arabic-Indic, fullwidth, superscript */
        "\xd9\xa1\xd9\xa2\xd9\xa3\xd9\xa4\xd9\xa5\xd9\xa6",
        "1234\xef\xbc\x95\xef\xbc\x96",
        "12345\xc2\xb9"
    };

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(shape(cstr(bad[i])), TOTP_CODE_NONE);
    }

    assert_int_equal(shape(STR("123456\0")), TOTP_CODE_NONE);
    assert_int_equal(shape(STR("\0" "123456")), TOTP_CODE_NONE);
    assert_int_equal(shape(STR("123\0" "456")), TOTP_CODE_NONE);
}


static void
backup_codes(void **state)
{
    (void) state;

    canonical_is(STR("k7m4-2qxp-9fhd-3wtz"), TOTP_CODE_BACKUP,
                 "k7m42qxp9fhd3wtz");
    canonical_is(STR("K7M42QXP9FHD3WTZ"), TOTP_CODE_BACKUP,
                 "k7m42qxp9fhd3wtz");
    canonical_is(STR(" k7m4 2qxp.9fhd--3WTZ "), TOTP_CODE_BACKUP,
                 "k7m42qxp9fhd3wtz");

    /* the letters that look like digits */
    canonical_is(STR("oOiIlL00-11223344"), TOTP_CODE_BACKUP,
                 "0011110011223344");

    /* sixteen digits can only be one */
    canonical_is(STR("0123456789012345"), TOTP_CODE_BACKUP,
                 "0123456789012345");
}


/* Every byte in the place of a character: Crockford's alphabet, and no more. */

static void
alphabet(void **state)
{
    int          i;
    char         typed[16];
    const char  *at;
    totp_str_t   copy;
    totp_code_t  code;

    static const char  from[] =
        "0123456789abcdefghjkmnpqrstvwxyzABCDEFGHJKMNPQRSTVWXYZoOiIlL";
    static const char  to[] =
        "0123456789abcdefghjkmnpqrstvwxyzabcdefghjkmnpqrstvwxyz001111";

    (void) state;

    for (i = 0; i < 256; i++) {
        memset(typed, 'k', sizeof(typed));
        typed[15] = (char) i;

        copy = heap(typed, sizeof(typed));
        totp_code_read(&code, copy);
        heap_free(copy);

        at = i ? strchr(from, i) : NULL;

        if (at) {
            assert_int_equal(code.shape, TOTP_CODE_BACKUP);
            assert_int_equal(code.data[15], to[at - from]);

        } else {
            assert_int_equal(code.shape, TOTP_CODE_NONE);
            assert_int_equal(code.len, 0);
        }
    }
}


static void
not_backup_codes(void **state)
{
    (void) state;

    assert_int_equal(shape(STR("k7m42qxp9fhd3wt")), TOTP_CODE_NONE);
    assert_int_equal(shape(STR("k7m42qxp9fhd3wtzz")), TOTP_CODE_NONE);
    assert_int_equal(shape(STR("u7m42qxp9fhd3wtz")), TOTP_CODE_NONE);
    assert_int_equal(shape(STR("k7m42qxp9fhd3wtz\0")), TOTP_CODE_NONE);
    assert_int_equal(shape(STR("k7m42qxp\n9fhd3wtz")), TOTP_CODE_NONE);
    assert_int_equal(shape(STR("k7m42qxp_9fhd3wtz")), TOTP_CODE_NONE);

    /* U+0131 and U+212A become i and k where case is folded by locale */
    assert_int_equal(shape(STR("k7m42qxp9fhd3wt\xc4\xb1")), TOTP_CODE_NONE);
    assert_int_equal(shape(STR("\xe2\x84\xaa" "7m42qxp9fhd3wtz")),
                     TOTP_CODE_NONE);
}


static int
is_separator(unsigned u)
{
    return u == 0x20 || u == '-' || u == '.' || u == 0xa0 || u == 0x2009
           || u == 0x202f || (u >= 0x2010 && u <= 0x2015) || u == 0x2212;
}


static size_t
utf8(char *out, unsigned u)
{
    if (u < 0x80) {
        out[0] = (char) u;
        return 1;
    }

    if (u < 0x800) {
        out[0] = (char) (0xc0 | (u >> 6));
        out[1] = (char) (0x80 | (u & 0x3f));
        return 2;
    }

    out[0] = (char) (0xe0 | (u >> 12));
    out[1] = (char) (0x80 | ((u >> 6) & 0x3f));
    out[2] = (char) (0x80 | (u & 0x3f));

    return 3;
}


/* Every character of the basic plane before, in and after a code. */

static void
separators(void **state)
{
    char      sep[4], text[32];
    size_t    n, len, place;
    unsigned  u;

    static const size_t  places[] = { 0, 3, 6 };

    (void) state;

    for (u = 0; u < 0x10000; u++) {
        n = utf8(sep, u);

        if (u >= '0' && u <= '9') {
            continue;               /* a seventh digit, tested elsewhere */
        }

        for (place = 0; place < 3; place++) {
            len = places[place];

            memcpy(text, "123456", len);
            memcpy(text + len, sep, n);
            memcpy(text + len + n, &"123456"[len], 6 - len);

            assert_int_equal(shape(totp_str(text, 6 + n)),
                             is_separator(u) ? TOTP_CODE_OTP : TOTP_CODE_NONE);
        }
    }
}


static void
cut_separators(void **state)
{
    size_t  n;

    (void) state;

    /* a separator that ends in the middle is none, and nothing is read on */

    for (n = 1; n < 3; n++) {
        char  text[9] = "123456\xe2\x80\x93";

        assert_int_equal(shape(totp_str(text, 6 + n)), TOTP_CODE_NONE);
    }

    assert_int_equal(shape(STR("123456\xe2\x80\x93")), TOTP_CODE_OTP);
    assert_int_equal(shape(STR("123456\xc2")), TOTP_CODE_NONE);
    assert_int_equal(shape(STR("\xc2\xa0\xe2\x88\x92")), TOTP_CODE_NONE);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(one_time_codes),
        cmocka_unit_test(not_one_time_codes),
        cmocka_unit_test(backup_codes),
        cmocka_unit_test(alphabet),
        cmocka_unit_test(not_backup_codes),
        cmocka_unit_test(separators),
        cmocka_unit_test(cut_separators),
    };

    return cmocka_run_group_tests_name("code", tests, NULL, NULL);
}
