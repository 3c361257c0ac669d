#include "unit.h"
#include "totp_otp.h"


#define SECRET  STR("12345678901234567890")


static const totp_params_t  usual = { TOTP_SHA1, 6, 30 };


/* RFC 4226, appendix D. */

static void
hotp(void **state)
{
    char      code[TOTP_MAX_DIGITS + 1];
    uint64_t  i;

    static const char *const  codes[] = {
        "755224", "287082", "359152", "969429", "338314",
        "254676", "287922", "162583", "399871", "520489"
    };

    (void) state;

    for (i = 0; i < 10; i++) {
        assert_int_equal(totp_otp_code(code, &usual, SECRET, i), 0);
        assert_string_equal(code, codes[i]);
    }
}


/* RFC 6238, appendix B; the longer secrets are those of its source. */

static void
totp(void **state)
{
    char           code[TOTP_MAX_DIGITS + 1];
    size_t         i, alg;
    uint64_t       step;
    totp_params_t  params;

    static const char  digits[] =
        "1234567890123456789012345678901234567890123456789012345678901234";

    static const size_t  lens[] = { 20, 32, 64 };

    static const struct {
        uint64_t    now;
        uint64_t    step;
        const char  *codes[3];
    } v[] = {
        { 59, 0x1, { "94287082", "46119246", "90693936" } },
        { 1111111109, 0x23523EC, { "07081804", "68084774", "25091201" } },
        { 1111111111, 0x23523ED, { "14050471", "67062674", "99943326" } },
        { 1234567890, 0x273EF07, { "89005924", "91819424", "93441116" } },
        { 2000000000, 0x3F940AA, { "69279037", "90698825", "38618901" } },
        { 20000000000, 0x27BC86AA, { "65353130", "77737706", "47863826" } },
    };

    (void) state;

    params.digits = 8;
    params.period = 30;

    for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
        step = totp_otp_step(&params, v[i].now);
        assert_int_equal(step, v[i].step);

        for (alg = 0; alg < 3; alg++) {
            params.alg = (totp_alg_t) alg;

            assert_int_equal(totp_otp_code(code, &params,
                                           totp_str(digits, lens[alg]), step),
                             0);
            assert_string_equal(code, v[i].codes[alg]);
        }
    }
}


static void
steps(void **state)
{
    totp_params_t  minute = { TOTP_SHA1, 6, 60 };

    (void) state;

    assert_int_equal(totp_otp_step(&usual, 0), 0);
    assert_int_equal(totp_otp_step(&usual, 29), 0);
    assert_int_equal(totp_otp_step(&usual, 30), 1);
    assert_int_equal(totp_otp_step(&minute, 119), 1);
    assert_int_equal(totp_otp_step(&minute, 120), 2);

    /* the years after 2038 and after 2106 */
    assert_int_equal(totp_otp_step(&usual, 0x80000000), 71582788);
    assert_int_equal(totp_otp_step(&usual, 0x1000000000), 2290649224);
}


static void
names(void **state)
{
    size_t      i, j;
    totp_alg_t  alg;

    static const char *const  good[] = { "SHA1", "SHA256", "SHA512" };
    static const char *const  lower[] = { "sha1", "Sha256", "sHA512" };

    static const char *const  bad[] = {
        "", "SHA", "SHA11", "SHA-1", "SHA224", "MD5", " SHA1", "SHA1 ", "S"
    };

    (void) state;

    for (i = 0; i < 3; i++) {
        assert_string_equal(totp_alg_name((totp_alg_t) i), good[i]);

        assert_int_equal(totp_alg_parse(&alg, cstr(good[i])), 0);
        assert_int_equal(alg, i);

        assert_int_equal(totp_alg_parse(&alg, cstr(lower[i])), 0);
        assert_int_equal(alg, i);
    }

    for (j = 0; j < sizeof(bad) / sizeof(bad[0]); j++) {
        assert_int_equal(totp_alg_parse(&alg, cstr(bad[j])), -1);
    }
}


static void
refuses_odd_params(void **state)
{
    char           code[TOTP_MAX_DIGITS + 1];
    uint64_t       step;
    totp_params_t  p;

    (void) state;

    p = usual;
    p.digits = 9;
    assert_int_equal(totp_otp_code(code, &p, SECRET, 1), -1);
    assert_int_equal(totp_otp_match(&step, &p, SECRET, STR("123456789"), 1, 1),
                     -1);

    p.digits = 5;
    assert_int_equal(totp_otp_code(code, &p, SECRET, 1), -1);

    p = usual;
    p.alg = (totp_alg_t) 3;
    assert_int_equal(totp_otp_code(code, &p, SECRET, 1), -1);
}


/*
 * Every distance with every skew: the code of now + d is right within the
 * skew, drift up to ten, nothing beyond.
 */

static void
window(void **state)
{
    int       d, rc, expect;
    char      code[TOTP_MAX_DIGITS + 1];
    uint64_t  now, step;
    unsigned  skew;

    (void) state;

    now = 56666666;

    for (skew = 0; skew <= 2; skew++) {
        for (d = -12; d <= 12; d++) {
            assert_int_equal(totp_otp_code(code, &usual, SECRET,
                                           now + (uint64_t) (int64_t) d),
                             0);

            step = 4711;
            rc = totp_otp_match(&step, &usual, SECRET, cstr(code), now, skew);

            expect = abs(d) <= (int) skew ? TOTP_MATCH_OK
                     : abs(d) <= TOTP_DRIFT_STEPS ? TOTP_MATCH_DRIFT
                     : TOTP_MATCH_NONE;

            assert_int_equal(rc, expect);
            assert_int_equal(step, expect == TOTP_MATCH_NONE
                                   ? 4711 : now + (uint64_t) (int64_t) d);
        }
    }
}


static void
other_algorithms_match(void **state)
{
    char           code[TOTP_MAX_DIGITS + 1];
    uint64_t       step;
    totp_params_t  p;

    (void) state;

    p.digits = 8;
    p.period = 60;

    for (p.alg = TOTP_SHA1; p.alg <= TOTP_SHA512; p.alg++) {
        assert_int_equal(totp_otp_code(code, &p, SECRET, 1001), 0);
        assert_int_equal(totp_otp_match(&step, &p, SECRET, cstr(code), 1000, 1),
                         TOTP_MATCH_OK);
        assert_int_equal(step, 1001);

        code[7] = code[7] == '9' ? '0' : (char) (code[7] + 1);
        assert_int_equal(totp_otp_match(&step, &p, SECRET, cstr(code), 1000, 1),
                         TOTP_MATCH_NONE);
    }
}


static void
lengths(void **state)
{
    char           code[TOTP_MAX_DIGITS + 2];
    size_t         n;
    uint64_t       step;
    totp_params_t  p;

    (void) state;

    memset(code, '0', sizeof(code));
    assert_int_equal(totp_otp_code(code, &usual, SECRET, 1000), 0);
    code[6] = '0';

    for (n = 0; n <= sizeof(code); n++) {
        assert_int_equal(totp_otp_match(&step, &usual, SECRET,
                                        totp_str(code, n), 1000, 1),
                         n == 6 ? TOTP_MATCH_OK : TOTP_MATCH_NONE);
    }

    assert_int_equal(totp_otp_match(&step, &usual, SECRET, totp_str(NULL, 0),
                                    1000, 1),
                     TOTP_MATCH_NONE);

    /* the last six of eight digits are the six-digit code, and not enough */

    p = usual;
    p.digits = 8;
    assert_int_equal(totp_otp_match(&step, &p, SECRET, totp_str(code, 6), 1000,
                                    1),
                     TOTP_MATCH_NONE);

    /* a code with NULs is not the padding of a shorter one */

    assert_int_equal(totp_otp_match(&step, &usual, SECRET,
                                    STR("\0\0\0\0\0\0"), 1000, 1),
                     TOTP_MATCH_NONE);
}


static void
leading_zeros(void **state)
{
    char      code[TOTP_MAX_DIGITS + 1];
    uint64_t  step, found;

    (void) state;

    for (step = 0; step < 1000; step++) {
        assert_int_equal(totp_otp_code(code, &usual, SECRET, step), 0);
        assert_int_equal(strlen(code), 6);

        if (code[0] == '0') {
            break;
        }
    }

    assert_int_equal(code[0], '0');
    assert_int_equal(totp_otp_match(&found, &usual, SECRET, cstr(code), step,
                                    0),
                     TOTP_MATCH_OK);
    assert_int_equal(totp_otp_match(&found, &usual, SECRET, cstr(code + 1),
                                    step, 0),
                     TOTP_MATCH_NONE);
}


static void
ends_of_time(void **state)
{
    char      code[TOTP_MAX_DIGITS + 1];
    uint64_t  step;

    (void) state;

    assert_int_equal(totp_otp_code(code, &usual, SECRET, 0), 0);
    assert_int_equal(totp_otp_match(&step, &usual, SECRET, cstr(code), 0, 1),
                     TOTP_MATCH_OK);
    assert_int_equal(step, 0);

    assert_int_equal(totp_otp_match(&step, &usual, SECRET, cstr(code), 3, 1),
                     TOTP_MATCH_DRIFT);
    assert_int_equal(step, 0);

    /* steps do not wrap around */

    assert_int_equal(totp_otp_match(&step, &usual, SECRET, cstr(code),
                                    UINT64_MAX, 1),
                     TOTP_MATCH_NONE);

    assert_int_equal(totp_otp_code(code, &usual, SECRET, UINT64_MAX), 0);
    assert_int_equal(totp_otp_match(&step, &usual, SECRET, cstr(code), 0, 1),
                     TOTP_MATCH_NONE);
    assert_int_equal(totp_otp_match(&step, &usual, SECRET, cstr(code),
                                    UINT64_MAX - 1, 1),
                     TOTP_MATCH_OK);
    assert_true(step == UINT64_MAX);
}


/* Steps of this secret that share a code with another one close by. */

static void
equal_codes(void **state)
{
    char      code[TOTP_MAX_DIGITS + 1], twin[TOTP_MAX_DIGITS + 1];
    size_t    i;
    uint64_t  step;

    static const struct {
        uint64_t  first;
        uint64_t  second;
        uint64_t  now;
        unsigned  skew;
        int       rc;
        uint64_t  step;
    } v[] = {
        /* both within the skew: the later, or the earlier would come again */
        { 153567, 153569, 153568, 1, TOTP_MATCH_OK, 153569 },
        { 153567, 153569, 153569, 2, TOTP_MATCH_OK, 153569 },

        /* within the skew goes before drift, however near */
        { 153567, 153569, 153567, 0, TOTP_MATCH_OK, 153567 },
        { 153567, 153569, 153567, 1, TOTP_MATCH_OK, 153567 },

        /* drift: the nearest, on either side */
        { 1217265, 1217270, 1217267, 1, TOTP_MATCH_DRIFT, 1217265 },
        { 1217265, 1217270, 1217268, 1, TOTP_MATCH_DRIFT, 1217270 },
        { 1217265, 1217270, 1217262, 1, TOTP_MATCH_DRIFT, 1217265 },
        { 1217265, 1217270, 1217273, 1, TOTP_MATCH_DRIFT, 1217270 },

        /* as near: the later */
        { 285885, 285891, 285888, 1, TOTP_MATCH_DRIFT, 285891 },
    };

    (void) state;

    for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
        assert_int_equal(totp_otp_code(code, &usual, SECRET, v[i].first), 0);
        assert_int_equal(totp_otp_code(twin, &usual, SECRET, v[i].second), 0);
        assert_string_equal(code, twin);

        assert_int_equal(totp_otp_match(&step, &usual, SECRET, cstr(code),
                                        v[i].now, v[i].skew),
                         v[i].rc);
        assert_int_equal(step, v[i].step);
    }
}


/* A skew beyond the drift is cut to it, and reads no other memory. */

static void
large_skew(void **state)
{
    char      code[TOTP_MAX_DIGITS + 1];
    uint64_t  step;

    (void) state;

    assert_int_equal(totp_otp_code(code, &usual, SECRET, 1010), 0);
    assert_int_equal(totp_otp_match(&step, &usual, SECRET, cstr(code), 1000,
                                    UINT32_MAX),
                     TOTP_MATCH_OK);
    assert_int_equal(step, 1010);

    assert_int_equal(totp_otp_code(code, &usual, SECRET, 1011), 0);
    assert_int_equal(totp_otp_match(&step, &usual, SECRET, cstr(code), 1000,
                                    UINT32_MAX),
                     TOTP_MATCH_NONE);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(hotp),
        cmocka_unit_test(totp),
        cmocka_unit_test(steps),
        cmocka_unit_test(names),
        cmocka_unit_test(refuses_odd_params),
        cmocka_unit_test(window),
        cmocka_unit_test(other_algorithms_match),
        cmocka_unit_test(lengths),
        cmocka_unit_test(leading_zeros),
        cmocka_unit_test(ends_of_time),
        cmocka_unit_test(equal_codes),
        cmocka_unit_test(large_skew),
    };

    return cmocka_run_group_tests_name("otp", tests, NULL, NULL);
}
