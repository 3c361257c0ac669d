#include "unit.h"
#include "totp_qr.h"


#define URI                                                                   \
    "otpauth://totp/Example:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"    \
    "&issuer=Example&algorithm=SHA1&digits=6&period=30"

#define SIZE_MAX_QR  (177 + 2 * TOTP_QR_QUIET)


/* Draws the path of an svg into a bitmap, as a browser would. */

static int
draw(uint8_t map[SIZE_MAX_QR][SIZE_MAX_QR], const char *svg)
{
    int          x, y, n, back, used, i, size, again;
    const char  *p;

    memset(map, 0, SIZE_MAX_QR * SIZE_MAX_QR);

    p = strstr(svg, "viewBox=\"");
    assert_non_null(p);
    assert_int_equal(sscanf(p, "viewBox=\"0 0 %d %d\"", &size, &again), 2);
    assert_int_equal(size, again);
    assert_true(size <= SIZE_MAX_QR);

    p = strstr(svg, " d=\"");
    assert_non_null(p);
    p += 4;

    while (*p != '"') {
        used = 0;
        assert_int_equal(sscanf(p, "M%d %dh%dv1h-%dz%n", &x, &y, &n, &back,
                                &used),
                         4);
        assert_true(used > 0);
        assert_int_equal(n, back);
        assert_true(x >= 0 && y >= 0 && n > 0 && x + n <= size && y < size);

        for (i = 0; i < n; i++) {
            map[y][x + i]++;
        }

        p += used;
    }

    return size;
}


static const char *const  finder[] = {
    "#######", "#.....#", "#.###.#", "#.###.#", "#.###.#", "#.....#",
    "#######"
};


static int
has_finder(uint8_t map[SIZE_MAX_QR][SIZE_MAX_QR], int x, int y)
{
    int  i, j;

    for (i = 0; i < 7; i++) {
        for (j = 0; j < 7; j++) {
            if (map[y + i][x + j] != (finder[i][j] == '#')) {
                return 0;
            }
        }
    }

    return 1;
}


/*
 * The picture has a QR code's fixed parts (ISO/IEC 18004, 6.3) where they
 * belong, each module once, and nothing in the quiet zone.
 */

static void
picture(void **state)
{
    int      size, modules, i, j, far, level;
    char    *svg;
    size_t   len;

    static uint8_t  map[SIZE_MAX_QR][SIZE_MAX_QR];

    (void) state;

    svg = totp_qr_svg(STR(URI), STR("the &quot;key&quot;"), &len);
    assert_non_null(svg);
    assert_int_equal(strlen(svg), len);

    size = draw(map, svg);
    modules = size - 2 * TOTP_QR_QUIET;

    assert_true(modules >= 21 && (modules - 17) % 4 == 0);

    far = size - TOTP_QR_QUIET - 7;

    assert_true(has_finder(map, TOTP_QR_QUIET, TOTP_QR_QUIET));
    assert_true(has_finder(map, far, TOTP_QR_QUIET));
    assert_true(has_finder(map, TOTP_QR_QUIET, far));
    assert_false(has_finder(map, far, far));

    for (i = TOTP_QR_QUIET + 8; i < far - 1; i++) {     /* timing pattern */
        assert_int_equal(map[TOTP_QR_QUIET + 6][i], i % 2 == 0);
        assert_int_equal(map[i][TOTP_QR_QUIET + 6], i % 2 == 0);
    }

    for (i = 0; i < size; i++) {
        for (j = 0; j < size; j++) {
            assert_true(map[i][j] <= 1);

            if (i < TOTP_QR_QUIET || i >= size - TOTP_QR_QUIET
                || j < TOTP_QR_QUIET || j >= size - TOTP_QR_QUIET)
            {
                assert_int_equal(map[i][j], 0);
            }
        }
    }

    /* format information, unmasked: level M is 00 */

    level = map[TOTP_QR_QUIET + 8][TOTP_QR_QUIET] << 1
            | map[TOTP_QR_QUIET + 8][TOTP_QR_QUIET + 1];
    assert_int_equal(level ^ 2, 0);

    free(svg);
}


static void
markup(void **state)
{
    char        *svg;
    size_t       len, i;

    static const char  head[] =
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ";

    static const char *const  parts[] = {
        " role=\"img\"", " aria-label=\"Your &lt;key&gt;\"",
        "<rect ", "fill=\"#fff\"/>", "<path fill=\"#000\" d=\"M"
    };

    (void) state;

    svg = totp_qr_svg(STR(URI), STR("Your &lt;key&gt;"), &len);
    assert_non_null(svg);

    assert_memory_equal(svg, head, sizeof(head) - 1);
    assert_string_equal(svg + len - 9, "\"/></svg>");

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        assert_non_null(strstr(svg, parts[i]));
    }

    /* one path; what a strict content security policy would stop is not there */

    assert_null(strstr(strstr(svg, "<path") + 1, "<path"));
    assert_null(strstr(svg, "style"));
    assert_null(strstr(svg, "script"));

    /* nor the secret in clear */

    assert_null(strstr(svg, "otpauth"));
    assert_null(strstr(svg, "GEZDGNBV"));

    free(svg);
}


static void
label_without_nul(void **state)
{
    char        *svg;
    size_t       len;
    totp_str_t   text, label;

    (void) state;

    text = heap(URI, sizeof(URI) - 1);
    label = heap("label", 5);

    svg = totp_qr_svg(text, label, &len);
    assert_non_null(svg);
    assert_non_null(strstr(svg, "aria-label=\"label\">"));
    free(svg);

    svg = totp_qr_svg(text, totp_str(NULL, 0), &len);
    assert_non_null(svg);
    assert_non_null(strstr(svg, "aria-label=\"\">"));
    free(svg);

    heap_free(text);
    heap_free(label);
}


static void
different_texts(void **state)
{
    char    *a, *b, *c;
    size_t   a_len, b_len, c_len;

    (void) state;

    a = totp_qr_svg(STR("ab\0cd"), STR("x"), &a_len);
    b = totp_qr_svg(STR("ab\0ce"), STR("x"), &b_len);
    c = totp_qr_svg(STR("ab\0cd"), STR("x"), &c_len);

    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);

    assert_string_equal(a, c);
    assert_string_not_equal(a, b);

    free(a);
    free(b);
    free(c);
}


static void
sizes(void **state)
{
    char    *svg, text[2332];
    size_t   len;

    static uint8_t  map[SIZE_MAX_QR][SIZE_MAX_QR];

    (void) state;

    memset(text, 0xe4, sizeof(text));

    svg = totp_qr_svg(totp_str(text, 2331), STR("x"), &len);
    assert_non_null(svg);
    assert_int_equal(strlen(svg), len);
    assert_int_equal(draw(map, svg), SIZE_MAX_QR);
    free(svg);

    len = 4711;
    assert_null(totp_qr_svg(totp_str(text, 2332), STR("x"), &len));
    assert_int_equal(len, 0);

    assert_null(totp_qr_svg(totp_str(NULL, 0), STR("x"), &len));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(picture),
        cmocka_unit_test(markup),
        cmocka_unit_test(label_without_nul),
        cmocka_unit_test(different_texts),
        cmocka_unit_test(sizes),
    };

    return cmocka_run_group_tests_name("qr", tests, NULL, NULL);
}
