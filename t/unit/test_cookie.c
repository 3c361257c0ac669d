#include "unit.h"
#include "totp_cookie.h"


static const totp_str_t  names[] = {
    totp_string("__Host-totp"),
    totp_string("T"),
};


static void
steps(void **state)
{
    size_t      i, pos, which;
    totp_str_t  header, value;

    static const struct {
        size_t       which;
        const char  *value;
    } want[] = {
        { 1, "1" }, { 0, "\"x y\"" }, { 1, "" }, { 1, "a=b" }, { 1, " c" },
    };

    (void) state;

    header = STR(" T=1;b=T=2;__Host-totp=\"x y\"  ;; T ;\tT=; =T; t=3;"
                 "TT=4; T=a=b ; T =5;T= c ;");
    pos = 0;

    for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        assert_int_equal(totp_cookie_next(header, &pos, names, 2, &which,
                                          &value), 1);
        assert_int_equal(which, want[i].which);
        assert_true(totp_str_eq(value, cstr(want[i].value)));
        assert_true(value.data > header.data
                    && value.data <= header.data + header.len);
    }

    assert_int_equal(totp_cookie_next(header, &pos, names, 2, &which, &value),
                     0);
    assert_int_equal(totp_cookie_next(header, &pos, names, 2, &which, &value),
                     0);

    pos = 0;
    assert_int_equal(totp_cookie_next(totp_str(NULL, 0), &pos, names, 2,
                                      &which, &value), 0);
}


static int
has(totp_str_t header, size_t n)
{
    size_t      pos, which;
    totp_str_t  value;

    pos = 0;

    return totp_cookie_next(header, &pos, names, n, &which, &value);
}


static void
cuts(void **state)
{
    size_t      i, n;
    uint8_t    *out;
    totp_str_t  header;

    static const char *const  cases[][2] = {

        /* only ours */

        { "T=1", "" },
        { "__Host-totp=x.y", "" },
        { "T=", "" },
        { " T=1 ", "" },
        { "T=1; T=2", "" },
        { "T=1;", "" },
        { "; T=1 ; ;", "" },
        { "T=1;__Host-totp=a", "" },

        /* ours and others */

        { "T=1; a=1", "a=1" },
        { "T=1;a=1", "a=1" },
        { "a=1; T=1", "a=1" },
        { "a=1;T=1", "a=1" },
        { "a=1; T=1; b=2", "a=1; b=2" },
        { "a=1;  T=1 ;\tb=2", "a=1;\tb=2" },
        { "a=1; T=1; b=\"2\"; __Host-totp=; c", "a=1; b=\"2\"; c" },
        { "T=0; T=1; a=1;b=2;  c=3 ", "a=1;b=2;  c=3 " },
        { "a=\"x; T=1; y\"", "a=\"x; y\"" },

        /* none of ours, byte for byte */

        { "", "" },
        { " ; ;", " ; ;" },
        { ";a=1", ";a=1" },
        { " a = 1 ;b;;c=\x01\xff", " a = 1 ;b;;c=\x01\xff" },
        { "__HOST-totp=1; __host-totp=1", "__HOST-totp=1; __host-totp=1" },
        { "t=1; TT=1; xT=1; T =1; T", "t=1; TT=1; xT=1; T =1; T" },
        { "a=T=1; =T=1", "a=T=1; =T=1" },
        { "__Host-totp-x=1; __Host-tot=1", "__Host-totp-x=1; __Host-tot=1" },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        header = heap(cases[i][0], strlen(cases[i][0]));
        out = malloc(header.len ? header.len : 1);
        assert_non_null(out);

        n = totp_cookie_cut(out, header, names, 2);

        assert_true(totp_str_eq(totp_str(out, n), cstr(cases[i][1])));
        assert_int_equal(has(header, 2),
                         strcmp(cases[i][0], cases[i][1]) != 0);

        free(out);
        heap_free(header);
    }
}


static void
no_names(void **state)
{
    uint8_t  out[8];

    (void) state;

    assert_int_equal(has(STR("T=1"), 0), 0);
    assert_int_equal(totp_cookie_cut(out, STR("T=1"), names, 0), 3);
    assert_memory_equal(out, "T=1", 3);
    assert_int_equal(totp_cookie_cut(out, totp_str(NULL, 0), names, 2), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(steps),
        cmocka_unit_test(cuts),
        cmocka_unit_test(no_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
