#include "unit.h"
#include "totp_name.h"


static void
good_names(void **state)
{
    char        longest[256];
    size_t      i;
    totp_str_t  s;

    static const char *const  names[] = {
        "a", "alice", "ALICE", "alice ", " alice", "a:b", "{a}b", "%s%n",
        "../x", "*", "J\xc3\xbcrgen", "al\xc3\xad" "ce", "ali\xcc\x81" "ce",
        "alice\xe2\x80\x8b", "\xef\xbd\x81lice", "\xf0\x9f\x94\x91",
        "\xf4\x8f\xbf\xbf", "\xc2\xa0", "\xed\x9f\xbf", "\xee\x80\x80", "~",
    };

    (void) state;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        s = heap(names[i], strlen(names[i]));
        assert_true(totp_name_valid(s));
        heap_free(s);
    }

    memset(longest, 'a', sizeof(longest));
    assert_true(totp_name_valid(totp_str(longest, 255)));
    assert_false(totp_name_valid(totp_str(longest, 256)));
}


static void
bad_names(void **state)
{
    size_t      i;
    totp_str_t  s;

    static const totp_str_t  names[] = {
        totp_string(""),
        totp_string("alice\t"),
        totp_string("alice\0"),
        totp_string("\0"),
        totp_string("a\r\nFLUSHALL\r\n"),
        totp_string("a\x1b[31m"),
        totp_string("a\x7f"),
        totp_string("a\xc2\x80"),               /* U+0080 */
        totp_string("a\xc2\x9f"),               /* U+009F */
        totp_string("\xc1\xa1lice"),            /* not the shortest form */
        totp_string("\xc0\x80"),
        totp_string("\xe0\x9f\xbf"),
        totp_string("\xf0\x8f\xbf\xbf"),
        totp_string("\xed\xa0\x80"),            /* a surrogate */
        totp_string("\xed\xbf\xbf"),
        totp_string("\xf4\x90\x80\x80"),        /* U+110000 */
        totp_string("\xf5\x80\x80\x80"),
        totp_string("\xff"),
        totp_string("\x80"),
        totp_string("a\xc3"),                   /* cut off */
        totp_string("a\xe2\x80"),
        totp_string("a\xf0\x9f\x94"),
        totp_string("a\xc3(b"),
        totp_string("a\xe2(\x80"),
        totp_string("a\xe2\x80("),
    };

    (void) state;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        s = heap(names[i].data, names[i].len);
        assert_false(totp_name_valid(s));
        heap_free(s);
    }
}


static void
escapes(void **state)
{
    char  out[64];

    (void) state;

#define ESCAPED(name)  totp_str(out, totp_name_escape(out, STR(name)))

    assert_str(ESCAPED(""), "");
    assert_str(ESCAPED("aZ09-._~"), "aZ09-._~");
    assert_str(ESCAPED("a:b"), "a%3Ab");
    assert_str(ESCAPED("{a}b"), "%7Ba%7Db");
    assert_str(ESCAPED("J\xc3\xbcrgen"), "J%C3%BCrgen");
    assert_str(ESCAPED("a b%\0"), "a%20b%25%00");
}


static void
every_byte_comes_back(void **state)
{
    int      n, c;
    char     out[totp_name_escaped_max(1)];
    size_t   len;
    uint8_t  byte, back;

    (void) state;

    for (c = 0; c < 256; c++) {
        byte = (uint8_t) c;
        len = totp_name_escape(out, totp_str(&byte, 1));
        n = totp_name_unescape(&back, 1, totp_str(out, len));

        assert_int_equal(n, 1);
        assert_int_equal(back, byte);
        assert_int_equal(totp_name_unescape(&back, 0, totp_str(out, len)), -1);
    }
}


static void
unescapes_one_spelling(void **state)
{
    size_t      i;
    uint8_t     out[16];
    totp_str_t  s;

    static const char *const  bad[] = {
        "%3a", "%c3%BC", "%61", "%2D", "%7E", "%", "%3", "%3G", "%G3", "a%",
        "a b", "a:b", "a+b", "a/b", "\xc3\xbc", "%%3A", "%-1", "% 3",
    };

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        s = heap(bad[i], strlen(bad[i]));
        assert_int_equal(totp_name_unescape(out, sizeof(out), s), -1);
        heap_free(s);
    }

    assert_int_equal(totp_name_unescape(out, 0, STR("")), 0);
    assert_int_equal(totp_name_unescape(out, 3, STR("a%3Ab")), 3);
    assert_memory_equal(out, "a:b", 3);
    assert_int_equal(totp_name_unescape(out, 2, STR("a%3Ab")), -1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(good_names),
        cmocka_unit_test(bad_names),
        cmocka_unit_test(escapes),
        cmocka_unit_test(every_byte_comes_back),
        cmocka_unit_test(unescapes_one_spelling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
