#include "unit.h"
#include "totp_json.h"


static void
escapes_to(totp_str_t plain, totp_str_t want)
{
    char       *out;
    size_t      n, room;
    totp_str_t  in;

    in = heap(plain.data, plain.len);

    /* exactly the room that is promised to suffice */

    room = 6 * plain.len;
    out = malloc(room ? room : 1);
    assert_non_null(out);

    n = totp_json_escape(out, in);

    assert_int_equal(n, want.len);
    assert_memory_equal(out, want.data, n);

    free(out);
    heap_free(in);
}


static void
harmless(void **state)
{
    (void) state;

    escapes_to(STR(""), STR(""));
    escapes_to(totp_str(NULL, 0), STR(""));
    escapes_to(STR("plain text, 'quoted' /path {x}[y]~"),
               STR("plain text, 'quoted' /path {x}[y]~"));
    escapes_to(STR("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\x91"),
               STR("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\x91"));
    escapes_to(STR("\xc2\xa0\xe2\x80\xa7\xe2\x80\xaa\xef\xbf\xbf"),
               STR("\xc2\xa0\xe2\x80\xa7\xe2\x80\xaa\xef\xbf\xbf"));
}


static void
escaped(void **state)
{
    (void) state;

    escapes_to(STR("\"\\"), STR("\\\"\\\\"));
    escapes_to(STR("\b\f\n\r\t"), STR("\\b\\f\\n\\r\\t"));
    escapes_to(STR("</script>&"),
               STR("\\u003c/script\\u003e\\u0026"));
    escapes_to(STR("\xe2\x80\xa8\xe2\x80\xa9"), STR("\\u2028\\u2029"));
    escapes_to(STR("\0\x01\x1f\x7f"), STR("\\u0000\\u0001\\u001f\\u007f"));
    escapes_to(STR("\xc2\x80\xc2\x9f"), STR("\\u0080\\u009f"));
}


/* Every byte by itself. */

static void
single_bytes(void **state)
{
    int      i;
    char     in, out[6];
    size_t   n;

    (void) state;

    for (i = 0; i < 256; i++) {
        in = (char) i;
        n = totp_json_escape(out, totp_str(&in, 1));

        if (i >= 0x80) {
            assert_str(totp_str(out, n), "\xef\xbf\xbd");

        } else if (i < 0x20 || i == 0x7f || strchr("\"\\<>&", i)) {
            assert_true(n >= 2);
            assert_int_equal(out[0], '\\');

        } else {
            assert_int_equal(n, 1);
            assert_int_equal(out[0], i);
        }
    }
}


#define FFFD  "\xef\xbf\xbd"

static void
not_utf8(void **state)
{
    (void) state;

    escapes_to(STR("a\x80z"), STR("a" FFFD "z"));
    escapes_to(STR("\xff\xfe"), STR(FFFD FFFD));

    /* cut short, at the end and before a character that must survive */
    escapes_to(STR("\xe2\x82"), STR(FFFD FFFD));
    escapes_to(STR("\xe2\x82\""), STR(FFFD FFFD "\\\""));
    escapes_to(STR("\xf0\x9f\x94<"), STR(FFFD FFFD FFFD "\\u003c"));

    /* longer forms of '"' and '<' and NUL, surrogates, beyond U+10FFFF */
    escapes_to(STR("\xc0\xa2"), STR(FFFD FFFD));
    escapes_to(STR("\xe0\x80\xbc"), STR(FFFD FFFD FFFD));
    escapes_to(STR("\xc0\x80"), STR(FFFD FFFD));
    escapes_to(STR("\xed\xa0\x80"), STR(FFFD FFFD FFFD));
    escapes_to(STR("\xf4\x90\x80\x80"), STR(FFFD FFFD FFFD FFFD));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(harmless),
        cmocka_unit_test(escaped),
        cmocka_unit_test(single_bytes),
        cmocka_unit_test(not_utf8),
    };

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
