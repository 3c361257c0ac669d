#include "unit.h"
#include "totp_form.h"


typedef struct {
    uint8_t            *body;
    totp_form_field_t   f[3];       /* user, password, code */
} form_t;


static int
parse(form_t *form, const char *text, size_t len)
{
    /* what was in it before does not matter */
    memset(form, 0xff, sizeof(form_t));

    form->f[0].name = STR("user");
    form->f[1].name = STR("password");
    form->f[2].name = STR("code");

    form->body = malloc(len ? len : 1);
    assert_non_null(form->body);
    memcpy(form->body, text, len);

    return totp_form_parse(form->body, len, form->f, 3);
}


#define PARSE(form, lit)  parse(form, lit, sizeof(lit) - 1)


static void
reads_fields(void **state)
{
    form_t  form;

    (void) state;

    assert_int_equal(PARSE(&form, "code=123+456&user=J%C3%BCrgen&x=y"
                                  "&password=%26%3d+%2B%25&"), 0);
    assert_true(form.f[0].found && form.f[1].found && form.f[2].found);
    assert_str(form.f[0].value, "J\xc3\xbcrgen");
    assert_str(form.f[1].value, "&= +%");
    assert_str(form.f[2].value, "123 456");
    free(form.body);

    /* names are decoded, too, and are exact */

    assert_int_equal(PARSE(&form, "us%65r=a&User=b&users=c&use=d"), 0);
    assert_true(form.f[0].found);
    assert_false(form.f[1].found);
    assert_str(form.f[0].value, "a");
    free(form.body);

    assert_int_equal(PARSE(&form, "code==a=b&user&password="), 0);
    assert_true(form.f[0].found && form.f[1].found && form.f[2].found);
    assert_int_equal(form.f[0].value.len, 0);
    assert_int_equal(form.f[1].value.len, 0);
    assert_str(form.f[2].value, "=a=b");
    free(form.body);
}


static void
odd_but_forms(void **state)
{
    size_t  i;
    form_t  form;

    static const char *const  bodies[] = {
        "", "&", "&&&", "=x", "=", "user[]=a&x", "U=a&u=b",
    };

    (void) state;

    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        assert_int_equal(parse(&form, bodies[i], strlen(bodies[i])), 0);
        assert_false(form.f[0].found || form.f[1].found || form.f[2].found);
        free(form.body);
    }
}


static void
refuses(void **state)
{
    size_t  i;
    form_t  form;

    static const totp_str_t  bodies[] = {
        totp_string("user=%"),
        totp_string("user=a%2"),
        totp_string("user=%zz"),
        totp_string("user=%u0041"),
        totp_string("user=%2%35"),
        totp_string("user=%00"),
        totp_string("user=a\0b"),
        totp_string("x=%zz"),
        totp_string("%zz=x"),
        totp_string("%00=x"),
        totp_string("%"),
        totp_string("user=a&user=b"),
        totp_string("user=a&user=a"),
        totp_string("user&user=a"),
        totp_string("user=a&us%65r=b"),
        totp_string("x=a&x=b"),
        totp_string("=a&=b"),
    };

    (void) state;

    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        assert_int_equal(parse(&form, (const char *) bodies[i].data,
                               bodies[i].len), -1);
        free(form.body);
    }
}


static void
bounds_the_pairs(void **state)
{
    char    text[2048];
    size_t  i, n, len;
    form_t  form;

    (void) state;

    for (n = TOTP_FORM_PAIRS - 1; n < TOTP_FORM_PAIRS + 2; n++) {
        len = 0;

        for (i = 0; i < n; i++) {
            len += (size_t) sprintf(text + len, "f%zu=%zu&", i, i);
        }

        assert_int_equal(parse(&form, text, len),
                         n > TOTP_FORM_PAIRS ? -1 : 0);
        free(form.body);
    }
}


static void
media_type(void **state)
{
    size_t      i;
    totp_str_t  s;

    static const char *const  good[] = {
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-UrlEncoded",
        " application/x-www-form-urlencoded\t",
        "application/x-www-form-urlencoded;charset=utf-8",
        "application/x-www-form-urlencoded ; CharSet=UTF-8",
        "application/x-www-form-urlencoded; charset=\"Utf-8\" ",
    };

    static const char *const  bad[] = {
        "", "application/json", "multipart/form-data; boundary=x",
        "text/plain", "application/x-www-form-urlencode",
        "application/x-www-form-urlencodedx",
        "application/x-www-form-urlencoded;",
        "application/x-www-form-urlencoded; charset",
        "application/x-www-form-urlencoded; charset=",
        "application/x-www-form-urlencoded; charset=utf-16",
        "application/x-www-form-urlencoded; charset=utf-8\"",
        "application/x-www-form-urlencoded; charset=\"utf-8",
        "application/x-www-form-urlencoded; charset='utf-8'",
        "application/x-www-form-urlencoded; boundary=",
        "application/x-www-form-urlencoded; boundary=utf-8",
        "application/x-www-form-urlencoded; charset=utf-8; charset=utf-8",
        "application/x-www-form-urlencoded, text/html",
        "application/x-www-form-urlencoded charset=utf-8",
    };

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        s = heap(good[i], strlen(good[i]));
        assert_true(totp_form_type_ok(s));
        heap_free(s);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        s = heap(bad[i], strlen(bad[i]));
        assert_false(totp_form_type_ok(s));
        heap_free(s);
    }

    assert_false(totp_form_type_ok(totp_str(NULL, 0)));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(reads_fields),
        cmocka_unit_test(odd_but_forms),
        cmocka_unit_test(refuses),
        cmocka_unit_test(bounds_the_pairs),
        cmocka_unit_test(media_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
