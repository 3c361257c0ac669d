#include "unit.h"
#include "totp_accept.h"


static void
who_gets_what(void **state)
{
    size_t      i;
    totp_str_t  s;

    static const struct {
        const char  *accept;
        int          json;
        int          html;
    } cases[] = {

        { "", 0, 0 },
        { "*/*", 0, 0 },
        { "text/html", 0, 1 },
        { "application/json", 1, 0 },
        { "application/json, */*", 1, 0 },
        { "application/json, text/plain, */*", 1, 0 },
        { "application/json, text/html", 0, 1 },
        { "text/html;q=0.9, application/json", 1, 0 },
        { "text/html, application/json;q=0.9", 0, 1 },
        { "text/html;q=0.5,application/json;q=0.500", 0, 1 },
        { "application/json;q=0.501,text/html;q=0.5", 1, 0 },
        { "application/*", 0, 0 },
        { "text/*", 0, 0 },

        /* browsers */

        { "text/html,application/xhtml+xml,application/xml;q=0.9,"
          "image/avif,image/webp,*/*;q=0.8", 0, 1 },
        { "application/xhtml+xml,text/html;q=0.9,text/plain;q=0.8,*/*;q=0.5",
          0, 1 },
        { "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,"
          "*/*;q=0.5", 0, 0 },
        { "text/css,*/*;q=0.1", 0, 0 },
        { "text/event-stream", 0, 0 },
        { "text/html;q=0.8, text/plain", 0, 0 },
        { "image/*, text/html;q=0.1", 0, 1 },

        /* not named */

        { "application/json;q=0", 0, 0 },
        { "application/json;q=0.000, text/html;q=0", 0, 0 },
        { "text/html;q=0, application/json", 1, 0 },
        { "application/json;q=0, text/html;q=0.1", 0, 1 },

        /* spelling */

        { "APPLICATION/JSON", 1, 0 },
        { " application/json ; charset=utf-8 ; Q=0.2 ", 1, 0 },
        { "application/json;version=\"1,text/html;q=1\"", 1, 0 },
        { "application/json;v=\"\\\",text/html\"", 1, 0 },
        { "application/json;v=\"abc\",text/html", 0, 1 },
        { "application/json;q=0.x", 0, 0 },
        { ",, ,application/json,,", 1, 0 },
        { "application/jsonx, xapplication/json", 0, 0 },
        { "application/json+x", 0, 0 },
        { "application/json;q=0.5;q=0", 1, 0 },

        /* twice: the higher weight */

        { "application/json;q=0.1, text/html;q=0.5, application/json", 1, 0 },

        /* malformed weights weigh nothing */

        { "application/json;q=", 0, 0 },
        { "application/json;q=2", 0, 0 },
        { "application/json;q=0.:", 0, 0 },
        { "application/json;q=0.9/", 0, 0 },
        { "application/json;q=1.001", 0, 0 },
        { "application/json;q=0.5555", 0, 0 },
        { "application/json;q=.5", 0, 0 },
        { "application/json;q=-1", 0, 0 },
        { "application/json;q=0x1", 0, 0 },
        { "application/json;q=10", 0, 0 },
        { "application/json;q=1.", 1, 0 },
        { "application/json;q=1.000", 1, 0 },
        { "application/json;q=0.001", 1, 0 },
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s = heap(cases[i].accept, strlen(cases[i].accept));

        if (totp_accept_json(s) != cases[i].json
            || totp_accept_html(s) != cases[i].html)
        {
            fail_msg("\"%s\"", cases[i].accept);
        }

        heap_free(s);
    }

    assert_false(totp_accept_json(totp_str(NULL, 0)));
    assert_false(totp_accept_html(totp_str(NULL, 0)));
}


static void
steps(void **state)
{
    size_t      pos;
    unsigned    weight;
    totp_str_t  header, name;

    (void) state;

    header = STR("de-AT, de;q=0.75 ,*;q=0.1");
    pos = 0;

    assert_int_equal(totp_accept_next(header, &pos, &name, &weight), 1);
    assert_str(name, "de-AT");
    assert_int_equal(weight, 1000);

    assert_int_equal(totp_accept_next(header, &pos, &name, &weight), 1);
    assert_str(name, "de");
    assert_int_equal(weight, 750);

    assert_int_equal(totp_accept_next(header, &pos, &name, &weight), 1);
    assert_str(name, "*");
    assert_int_equal(weight, 100);

    assert_int_equal(totp_accept_next(header, &pos, &name, &weight), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(who_gets_what),
        cmocka_unit_test(steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
