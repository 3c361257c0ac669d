#include "unit.h"
#include "totp_uri.h"


#define N(array)  (sizeof(array) / sizeof(array[0]))


/*
 * What has been used to lead a redirect elsewhere.  None of these is a path of
 * this server, neither as it stands nor decoded once from a query.
 */

static const totp_str_t  elsewhere[] = {

    /* slashes, backslashes and dots */

    totp_string("//evil.com"),
    totp_string("///evil.com"),
    totp_string("////evil.com/%2f.."),
    totp_string("/\\evil.com"),
    totp_string("\\/evil.com"),
    totp_string("\\\\evil.com"),
    totp_string("/\\/evil.com"),
    totp_string("/.//evil.com"),
    totp_string("/..//evil.com"),
    totp_string("/%5cevil.com"),
    totp_string("/%5Cevil.com"),
    totp_string("/%2f/evil.com"),
    totp_string("/%2Fevil.com"),
    totp_string("//evil.com/%2e%2e%2f"),
    totp_string("/a\\b"),
    totp_string("/a?x=\\b"),
    totp_string("/./x"),
    totp_string("/../x"),
    totp_string("/.%2e/x"),
    totp_string("/%2E/x"),
    totp_string("/%2e//evil.com"),
    totp_string("/%2e%2e//evil.com"),
    totp_string("/a/..//evil.com"),
    totp_string("/a/%2e.//evil.com"),
    totp_string("/a/b/../..//evil.com"),
    totp_string("/a/.././/evil.com"),
    totp_string("/a/../%2fevil.com"),
    totp_string("/a/../../%5cevil.com"),

    /* white space, controls, characters that look like a slash */

    totp_string("/%09/evil.com"),
    totp_string("/%0a/evil.com"),
    totp_string("/%0b/evil.com"),
    totp_string("/%0d/evil.com"),
    totp_string("/ /evil.com"),
    totp_string("/\t/evil.com"),
    totp_string("%09//evil.com"),
    totp_string("%20//evil.com"),
    totp_string(" /x"),
    totp_string("/%00/evil.com"),
    totp_string("/\0/evil.com"),
    totp_string("%E3%80%B1evil.com"),
    totp_string("\xe3\x80\xb1" "evil.com"),
    totp_string("\xef\xbc\x8f\xef\xbc\x8f" "evil.com"),
    totp_string("/\xef\xbc\x8f" "evil.com"),
    totp_string("/\xe2\x80\xa8/evil.com"),
    totp_string("/x\x7f"),

    /* other schemes and hosts */

    totp_string("https://evil.com"),
    totp_string("https:evil.com"),
    totp_string("http:/evil.com"),
    totp_string("https:///evil.com"),
    totp_string("HTTPS://evil.com"),
    totp_string("https:\\\\evil.com"),
    totp_string("javascript:alert(1)"),
    totp_string("java%0dscript:alert(1)"),
    totp_string("data:text/html,x"),
    totp_string("vbscript:x"),
    totp_string("file:///etc/passwd"),
    totp_string("evil.com"),
    totp_string("@evil.com"),
    totp_string(":80#@evil.com/"),
    totp_string("https://host@evil.com"),
    totp_string("https://host.evil.com"),
    totp_string("https://evilhost"),
    totp_string("//0xd83ad6ce"),
    totp_string("//[::216.58.214.206]"),

    /* encoded twice, header lines */

    totp_string("%252f%252fevil.com"),
    totp_string("/a%0d%0aSet-Cookie:x=y"),
    totp_string("/a\r\nSet-Cookie:x=y"),
    totp_string("%E5%98%8A%E5%98%8DSet-Cookie:x=y"),
    totp_string("/a\0b"),
    totp_string("/a%7f"),

    /* not an address at all */

    totp_string(""),
    totp_string("?"),
    totp_string("/a#b"),
    totp_string("/a\"b"),
    totp_string("/a<b"),
    totp_string("/a>b"),
    totp_string("/a^b"),
    totp_string("/a`b"),
    totp_string("/a{b"),
    totp_string("/a|b"),
    totp_string("/a}b"),
    totp_string("/a%"),
    totp_string("/a%2"),
    totp_string("/a%zz"),
    totp_string("/a%u002f"),
};


static const char *const  paths[] = {
    "/", "/a", "/a/", "/a/b.html", "/a?x=//b", "/a;b", "/%E3%80%B1",
    "/%E3%80%B1evil.com", "/%252f%252fevil.com", "/a?", "/?//evil.com",
    "/?next=https://evil.com", "/a?x=%2f%5c%0d%0a", "/a?100%", "/a//b",
    "/a/%2f/b", "/a/../b", "/a/b/..//c", "/.", "/..", "/.?x", "/.well-known/x",
    "/...//x", "/..a/x", "/@evil.com", "/:80", "/https://evil.com",
    "/%E2%80%A8/evil.com", "/%20/x", "/a!$&'()*+,;=:@~_-.b", "/[x]",
    "/2fa/settings",
};


/* The percent sequences of s, once, as the query of a link would hold it. */

static int
next_of_arg(totp_str_t s)
{
    int      n;
    char     args[TOTP_NEXT_MAX];
    uint8_t  next[TOTP_NEXT_MAX];

    memcpy(args, "next=", 5);
    memcpy(args + 5, s.data, s.len);

    n = totp_uri_arg(next, sizeof(next), totp_str(args, s.len + 5),
                     STR("next"));

    return n >= 0 && totp_uri_next_ok(totp_str(next, (size_t) n));
}


static void
leads_nowhere_else(void **state)
{
    size_t      i;
    totp_str_t  s;

    (void) state;

    for (i = 0; i < N(elsewhere); i++) {
        s = heap(elsewhere[i].data, elsewhere[i].len);

        if (totp_uri_next_ok(s) || next_of_arg(s)) {
            fail_msg("\"%.*s\"", (int) s.len, (const char *) s.data);
        }

        heap_free(s);
    }
}


static void
lets_paths_pass(void **state)
{
    int         n;
    char        escaped[256];
    size_t      i, len;
    uint8_t     back[256];
    totp_str_t  s;

    (void) state;

    for (i = 0; i < N(paths); i++) {
        s = heap(paths[i], strlen(paths[i]));

        if (!totp_uri_next_ok(s)) {
            fail_msg("\"%s\"", paths[i]);
        }

        /* byte for byte through a query, as the gate sends it */

        memcpy(escaped, "a=b&next=", 9);
        len = 9 + totp_uri_escape(escaped + 9, s);
        memcpy(escaped + len, "&c", 2);

        n = totp_uri_arg(back, sizeof(back), totp_str(escaped, len + 2),
                         STR("next"));

        assert_int_equal(n, s.len);
        assert_memory_equal(back, s.data, s.len);

        heap_free(s);
    }
}


static void
next_has_a_length(void **state)
{
    char  text[TOTP_NEXT_MAX + 1];

    (void) state;

    memset(text, 'a', sizeof(text));
    text[0] = '/';

    assert_true(totp_uri_next_ok(totp_str(text, TOTP_NEXT_MAX)));
    assert_false(totp_uri_next_ok(totp_str(text, TOTP_NEXT_MAX + 1)));
    assert_false(totp_uri_next_ok(totp_str(NULL, 0)));
}


static void
escapes(void **state)
{
    char  out[64];

    (void) state;

    assert_str(totp_str(out, totp_uri_escape(out, STR("/a b?c=d&e'\xc3\xbc"))),
               "%2Fa%20b%3Fc%3Dd%26e%27%C3%BC");
    assert_str(totp_str(out, totp_uri_escape(out, STR("Az09-._~"))),
               "Az09-._~");
}


static void
finds_an_argument(void **state)
{
    size_t      i;
    uint8_t     out[8];
    totp_str_t  s;

    static const struct {
        const char  *args;
        int          n;
        const char  *value;
    } cases[] = {
        { "", -1, "" },
        { "&&", -1, "" },
        { "x=1", -1, "" },
        { "NEXT=a", -1, "" },
        { "nex=a&nextt=b&xnext=c", -1, "" },
        { "n%65xt=a", -1, "" },
        { "x=next=a", -1, "" },
        { "next", 0, "" },
        { "next=", 0, "" },
        { "next=a", 1, "a" },
        { "x&next=a=b&y", 3, "a=b" },
        { "next=%2fa%3F", 3, "/a?" },
        { "next=a+b", 3, "a+b" },
        { "next=%252f", 3, "%2f" },
        { "next=12345678", 8, "12345678" },
        { "next=1234567%38", 8, "12345678" },
        { "next=123456789", -2, "" },
        { "next=a&next=b", -2, "" },
        { "next=//evil&x&next=/ok", -2, "" },
        { "next&next", -2, "" },
        { "next=%", -2, "" },
        { "next=%2", -2, "" },
        { "next=%2&x", -2, "" },
        { "next=%zz", -2, "" },
        { "next=%00", -2, "" },
        { "x=%zz&next=a", 1, "a" },
    };

    (void) state;

    for (i = 0; i < N(cases); i++) {
        s = heap(cases[i].args, strlen(cases[i].args));

        assert_int_equal(totp_uri_arg(out, sizeof(out), s, STR("next")),
                         cases[i].n);

        if (cases[i].n > 0) {
            assert_memory_equal(out, cases[i].value, cases[i].n);
        }

        heap_free(s);
    }

    assert_int_equal(totp_uri_arg(out, 8, STR("next=a\0"), STR("next")), -2);
    assert_int_equal(totp_uri_arg(out, 0, STR("next="), STR("next")), 0);
    assert_int_equal(totp_uri_arg(out, 8, totp_str(NULL, 0), STR("next")), -1);
}


static void
writes_otpauth(void **state)
{
    int            n;
    char          *out;
    size_t         size, want;
    totp_params_t  params;

    static const char  hard[] =
        "otpauth://totp/A%26B%3A%2F%3F%25%22:j%C3%BCrgen%3Fsecret%3Dx%20"
        "?secret=GEZDGNBV&issuer=A%26B%3A%2F%3F%25%22"
        "&algorithm=SHA256&digits=8&period=4294967295";

    (void) state;

    params.alg = TOTP_SHA1;
    params.digits = 6;
    params.period = 30;

    out = malloc(512);
    assert_non_null(out);

    n = totp_uri_otpauth(out, 512, STR("Example Corp"),
                         STR("alice@example.com"), STR("GEZDGNBVGY3TQOJQ"),
                         &params);

    assert_true(n > 0);
    assert_str(totp_str(out, (size_t) n),
               "otpauth://totp/Example%20Corp:alice%40example.com"
               "?secret=GEZDGNBVGY3TQOJQ&issuer=Example%20Corp"
               "&algorithm=SHA1&digits=6&period=30");

    n = totp_uri_otpauth(out, 512, STR(""), STR("bob"), STR("GE"), &params);

    assert_true(n > 0);
    assert_str(totp_str(out, (size_t) n), "otpauth://totp/bob?secret=GE"
               "&algorithm=SHA1&digits=6&period=30");
    free(out);

    /* every size but the right one is too small, and is not written beyond */

    params.alg = TOTP_SHA256;
    params.digits = 8;
    params.period = 4294967295u;

    want = sizeof(hard) - 1;

    for (size = 0; size <= want; size++) {
        out = malloc(size ? size : 1);
        assert_non_null(out);

        n = totp_uri_otpauth(out, size, STR("A&B:/?%\""),
                             STR("j\xc3\xbcrgen?secret=x "), STR("GEZDGNBV"),
                             &params);

        if (size < want) {
            assert_int_equal(n, -1);

        } else {
            assert_int_equal(n, want);
            assert_memory_equal(out, hard, want);
        }

        free(out);
    }
}


static void
origins(void **state)
{
    size_t      i;
    totp_str_t  origin, host;

    static const struct {
        const char  *origin;
        const char  *host;
        int          https;
        int          same;
    } cases[] = {
        { "https://h", "h", 1, 1 },
        { "https://h", "h:443", 1, 1 },
        { "https://h:443", "h", 1, 1 },
        { "https://h:8443", "h:8443", 1, 1 },
        { "https://WWW.Example.com", "www.eXample.com", 1, 1 },
        { "HTTPS://h", "h", 1, 1 },
        { "http://h", "h", 0, 1 },
        { "http://h", "h:80", 0, 1 },
        { "http://h:80", "h", 0, 1 },
        { "http://127.0.0.1:8080", "127.0.0.1:8080", 0, 1 },
        { "https://[::1]", "[::1]:443", 1, 1 },
        { "https://[2001:DB8::1]:8443", "[2001:db8::1]:8443", 1, 1 },
        { "https://h_1-x.y~", "h_1-x.y~", 1, 1 },

        /* TLS may have ended in front of us */

        { "https://h", "h", 0, 1 },
        { "https://h", "h:443", 0, 1 },

        { "http://h", "h", 1, 0 },
        { "http://h:443", "h:443", 1, 0 },
        { "http://h", "h:443", 0, 0 },
        { "https://h", "h:80", 0, 0 },
        { "https://h:444", "h", 1, 0 },
        { "https://h", "h:444", 1, 0 },
        { "https://evil", "h", 1, 0 },
        { "https://h.evil", "h", 1, 0 },
        { "https://hevil", "h", 1, 0 },
        { "https://h", "hh", 1, 0 },
        { "null", "h", 1, 0 },
        { "null", "null", 1, 0 },
        { "", "", 1, 0 },
        { "https://", "", 1, 0 },
        { "https://h", "", 1, 0 },
        { "https://:443", ":443", 1, 0 },
        { "h", "h", 1, 0 },
        { "//h", "h", 1, 0 },
        { "ftp://h", "h", 0, 0 },
        { "https:/h", "h", 1, 0 },
        { "https://h/", "h", 1, 0 },
        { "https://h/", "h/", 1, 0 },
        { "https://h?x", "h?x", 1, 0 },
        { "https://u@h", "u@h", 1, 0 },
        { "https://h ", "h ", 1, 0 },
        { "https://h,https://h", "h", 1, 0 },
        { "https://h https://evil", "h", 1, 0 },
        { "https://[::1]x443", "[::1]", 1, 0 },
        { "https://h:", "h", 1, 0 },
        { "https://h", "h:", 1, 0 },
        { "https://h:0x1bb", "h", 1, 0 },
        { "https://h:65979", "h", 1, 0 },
        { "https://h:70000", "h:70000", 1, 0 },
        { "https://h:4a", "h:4a", 1, 0 },
        { "https://h:4294967739", "h", 1, 0 },
        { "https://h:443:443", "h", 1, 0 },
        { "https://[::1", "[::1", 1, 0 },
        { "https://[::1]x", "[::1]x", 1, 0 },
        { "https://[::1]443", "[::1]", 1, 0 },
        { "https://[::1]", "[::1]443", 1, 0 },
        { "https://h:", "h", 1, 0 },
        { "https://h:000443", "h", 1, 0 },
        { "https://[::1", "[::1]", 1, 0 },
        { "https://[::1]", "[::1", 1, 0 },
        { "https://[]", "[", 1, 0 },
        { "https://[::g]", "[::g]", 1, 0 },
        { "https://::1", "::1", 1, 0 },
    };

    (void) state;

    for (i = 0; i < N(cases); i++) {
        origin = heap(cases[i].origin, strlen(cases[i].origin));
        host = heap(cases[i].host, strlen(cases[i].host));

        if (totp_uri_same_origin(origin, host, cases[i].https)
            != cases[i].same)
        {
            fail_msg("\"%s\" at \"%s\"", cases[i].origin, cases[i].host);
        }

        heap_free(origin);
        heap_free(host);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(leads_nowhere_else),
        cmocka_unit_test(lets_paths_pass),
        cmocka_unit_test(next_has_a_length),
        cmocka_unit_test(escapes),
        cmocka_unit_test(finds_an_argument),
        cmocka_unit_test(writes_otpauth),
        cmocka_unit_test(origins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
