#include "unit.h"
#include "totp_template.h"


#define N(array)  (sizeof(array) / sizeof(array[0]))

#define T(n, s)     { totp_string(n), TOTP_MODEL_TEXT, totp_string(s), 0, 0,  \
                      NULL }
#define P(n, s)     { totp_string(n), TOTP_MODEL_PICTURE, totp_string(s), 0,  \
                      0, NULL }
#define F(n, f)     { totp_string(n), TOTP_MODEL_FLAG, totp_string(""), f, 0, \
                      NULL }
#define L(n, list)  { totp_string(n), TOTP_MODEL_LIST, totp_string(""), 0,    \
                      N(list), list }
#define END         { totp_string(""), TOTP_MODEL_TEXT, totp_string(""), 0,   \
                      0, NULL }


static const totp_template_name_t  inner_names[] = {
    { "char", TOTP_MODEL_TEXT, NULL },
    { NULL, TOTP_MODEL_TEXT, NULL }
};

static const totp_template_name_t  item_names[] = {
    { "what", TOTP_MODEL_TEXT, NULL },
    { "user", TOTP_MODEL_TEXT, NULL },
    { "new", TOTP_MODEL_FLAG, NULL },
    { "chars", TOTP_MODEL_LIST, inner_names },
    { NULL, TOTP_MODEL_TEXT, NULL }
};

static const totp_template_name_t  names[] = {
    { "user", TOTP_MODEL_TEXT, NULL },
    { "issuer", TOTP_MODEL_TEXT, NULL },
    { "none", TOTP_MODEL_TEXT, NULL },
    { "qr", TOTP_MODEL_PICTURE, NULL },
    { "yes", TOTP_MODEL_FLAG, NULL },
    { "no", TOTP_MODEL_FLAG, NULL },
    { "events", TOTP_MODEL_LIST, item_names },
    { "empty", TOTP_MODEL_LIST, item_names },
    { NULL, TOTP_MODEL_TEXT, NULL }
};

static const totp_model_t  char_a[] = { T("char", "a"), END };
static const totp_model_t  char_b[] = { T("char", "b"), END };
static const totp_model_t *const  chars[] = { char_a, char_b };

static const totp_model_t  event_1[] = {
    T("what", "in"), F("new", 1), L("chars", chars), END
};

static const totp_model_t  event_2[] = {
    T("what", "<out>"), T("user", "bob"), F("new", 0), END
};

static const totp_model_t *const  events[] = { event_1, event_2 };

static const totp_model_t  model[] = {
    T("user", "a<b>&\"c'"),
    T("issuer", "Corp"),
    T("none", ""),
    P("qr", "<svg/>"),
    F("yes", 1),
    F("no", 0),
    L("events", events),
    { totp_string("empty"), TOTP_MODEL_LIST, totp_string(""), 0, 0, NULL },
    END
};

static totp_i18n_t  en;
static totp_i18n_t  de;

static totp_i18n_entry_t  en_entries[8];
static totp_i18n_entry_t  de_entries[8];


static int
languages(void **state)
{
    unsigned  line;

    (void) state;

    de.fallback = &en;

    return totp_i18n_parse(&en, STR("en"), STR(
               "hello = Hello {user} & \"all\"\n"
               "plain = It's <5> {\n"
               "event = {user}: {what}{what} {no such} {}\n"
               "nobody = {nobody}\n"
               "flag = {yes}\n"), en_entries, &line) != NULL
           || totp_i18n_parse(&de, STR("de"), STR(
               "hello = {issuer}{user}{nobody}{yes}{qr}\n"),
               de_entries, &line) != NULL;
}


/* Templates are never freed by their maker: the test keeps count. */

static void    *allocated[8];
static size_t   nallocated;


static void *
take(void *data, size_t size)
{
    void  *p;

    if (data != NULL) {
        return NULL;
    }

    assert_true(nallocated < N(allocated));

    p = malloc(size);
    allocated[nallocated++] = p;

    return p;
}


static int
give_back(void **state)
{
    (void) state;

    while (nallocated != 0) {
        free(allocated[--nallocated]);
    }

    return 0;
}


static const totp_template_mem_t  mem = { take, NULL };


static totp_template_t *
parse(const char *source)
{
    totp_template_t        *t;
    totp_template_error_t   err;

    t = totp_template_parse(cstr(source), names, &en, &mem, &err);

    if (t == NULL) {
        fail_msg("\"%s\": line %u: %s", source, err.line, err.text);
    }

    return t;
}


typedef struct {
    char    text[1024];
    size_t  len;
    size_t  calls;
    size_t  stop;                   /* at this call */
} page_t;


static int
collect(void *data, totp_str_t piece)
{
    page_t  *page;

    page = data;

    assert_true(piece.len != 0);
    assert_true(page->len + piece.len < sizeof(page->text));

    if (++page->calls == page->stop) {
        return 42;
    }

    memcpy(page->text + page->len, piece.data, piece.len);
    page->len += piece.len;
    page->text[page->len] = '\0';

    return 0;
}


static void
renders(void **state)
{
    size_t  i;
    page_t  page;

    static const char *const  cases[][2] = {

        { "", "" },
        { "plain } }} { text {", "plain } }} { text {" },

        /* texts */

        { "{{user}}", "a&lt;b&gt;&amp;&quot;c&#39;" },
        { "<i title=\"{{ user }}\">{{\tissuer}}",
          "<i title=\"a&lt;b&gt;&amp;&quot;c&#39;\">Corp" },
        { "[{{none}}]", "[]" },
        { "{{&qr}}|{{& qr }}", "<svg/>|<svg/>" },
        { "a{{! no {{ such }}b", "ab" },
        { "a{{!}}b", "ab" },

        /* sections */

        { "{{#yes}}y{{/yes}}{{^yes}}n{{/yes}}", "y" },
        { "{{#no}}y{{/no}}{{^no}}n{{/no}}", "n" },
        { "{{#issuer}}y{{/issuer}}{{^issuer}}n{{/issuer}}", "y" },
        { "{{#none}}y{{/none}}{{^none}}n{{/none}}", "n" },
        { "{{#qr}}{{&qr}}{{/qr}}{{^qr}}n{{/qr}}", "<svg/>" },
        { "{{#empty}}y{{what}}{{/empty}}{{^empty}}n{{/empty}}", "n" },
        { "{{^events}}n{{/events}}{{# events }}x{{/ events }}", "xx" },
        { "{{#yes}}{{#no}}a{{/no}}{{^no}}b{{#yes}}c{{/yes}}{{/no}}d{{/yes}}e",
          "bcde" },
        { "{{#yes}}{{/yes}}{{^no}}{{/no}}", "" },

        /* lists: the item's names first, then those around it */

        { "{{#events}}{{what}}={{user}};{{/events}}{{issuer}}",
          "in=a&lt;b&gt;&amp;&quot;c&#39;;&lt;out&gt;=bob;Corp" },
        { "{{#events}}{{#new}}!{{/new}}{{^new}}.{{/new}}{{issuer}}{{/events}}",
          "!Corp.Corp" },
        { "{{#events}}({{#chars}}{{char}}{{what}},{{/chars}}"
          "{{^chars}}-{{/chars}}){{/events}}", "(ain,bin,)(-)" },

        /* texts of the language */

        { "{{t.hello}}",
          "Hello a&lt;b&gt;&amp;&quot;c&#39; &amp; &quot;all&quot;" },
        { "{{ t.plain }}", "It&#39;s &lt;5&gt; {" },
        { "{{#events}}{{t.event}}|{{/events}}",
          "a&lt;b&gt;&amp;&quot;c&#39;: inin {no such} {}|"
          "bob: &lt;out&gt;&lt;out&gt; {no such} {}|" },

        /* what is alone on its line leaves none */

        { "a\n{{#yes}}\nb\n{{/yes}}\nc\n", "a\nb\nc\n" },
        { "a\r\n  {{#yes}}\t\r\n  b\r\n\t{{/yes}}\r\nc", "a\r\n  b\r\nc" },
        { "{{!x}}\na", "a" },
        { "a\n{{! x\ny }}\nb", "a\nb" },
        { "a\n  {{!x}}", "a\n" },
        { "{{#yes}}{{/yes}}\n", "\n" },
        { "a {{#yes}}\nb\n{{/yes}} c", "a \nb\n c" },
        { " {{#yes}} b {{/yes}} ", "  b  " },
        { "{{#events}}\n- {{what}}\n{{/events}}\n", "- in\n- &lt;out&gt;\n" },
        { "a\n{{user}}\nb", "a\na&lt;b&gt;&amp;&quot;c&#39;\nb" },

        /* no layout, no content */

        { "a{{>content}}b", "ab" },
    };

    (void) state;

    for (i = 0; i < N(cases); i++) {
        memset(&page, 0, sizeof(page));

        assert_int_equal(totp_template_render(NULL, parse(cases[i][0]), model,
                                              &en, collect, &page), 0);
        assert_string_equal(page.text, cases[i][1]);
        give_back(NULL);
    }
}


static void
another_language(void **state)
{
    page_t  page;

    (void) state;

    memset(&page, 0, sizeof(page));

    /* what its texts should not name stands there, and is not looked up */

    assert_int_equal(totp_template_render(NULL,
                                          parse("{{t.hello}} {{t.plain}}"),
                                          model, &de, collect, &page), 0);
    assert_string_equal(page.text, "Corpa&lt;b&gt;&amp;&quot;c&#39;"
                        "{nobody}{yes}{qr} It&#39;s &lt;5&gt; {");
}


static void
what_the_model_lacks(void **state)
{
    page_t            page;
    totp_template_t  *t;

    static const totp_model_t  nothing[] = { END };

    static const totp_model_t  other[] = {
        F("user", 1), T("qr", "<x>"), T("yes", "1"), F("events", 1),
        F("issuer", 1), END
    };

    (void) state;

    t = parse("[{{user}}{{&qr}}{{#yes}}1{{/yes}}{{#events}}2{{/events}}"
              "{{#issuer}}3{{/issuer}}{{^no}}4{{/no}}]");

    memset(&page, 0, sizeof(page));
    assert_int_equal(totp_template_render(NULL, t, nothing, &en, collect,
                                          &page), 0);
    assert_string_equal(page.text, "[4]");

    memset(&page, 0, sizeof(page));
    assert_int_equal(totp_template_render(NULL, t, other, &en, collect,
                                          &page), 0);
    assert_string_equal(page.text, "[4]");
}


static void
layouts(void **state)
{
    page_t            page;
    totp_template_t  *layout, *inner, *strange;

    (void) state;

    layout = parse("<{{issuer}}>{{>content}}</{{t.hello}}>");
    inner = parse("[{{user}}{{#yes}}{{>content}}!{{/yes}}]");
    strange = parse("{{#events}}{{what}}{{>content}}{{/events}}"
                    "{{^events}}never{{/events}}");

    memset(&page, 0, sizeof(page));
    assert_int_equal(totp_template_render(layout, inner, model, &en, collect,
                                          &page), 0);
    assert_string_equal(page.text, "<Corp>[a&lt;b&gt;&amp;&quot;c&#39;!]"
                        "</Hello a&lt;b&gt;&amp;&quot;c&#39; &amp; "
                        "&quot;all&quot;>");

    /* the same as layout and page does not go on for ever */

    memset(&page, 0, sizeof(page));
    assert_int_equal(totp_template_render(inner, inner, model, &en, collect,
                                          &page), 0);
    assert_string_equal(page.text, "[a&lt;b&gt;&amp;&quot;c&#39;"
                        "[a&lt;b&gt;&amp;&quot;c&#39;!]!]");

    /* a list of the layout lends the page no names */

    memset(&page, 0, sizeof(page));
    assert_int_equal(totp_template_render(strange, inner, model, &en, collect,
                                          &page), 0);
    assert_string_equal(page.text, "in[a&lt;b&gt;&amp;&quot;c&#39;!]"
                        "&lt;out&gt;[a&lt;b&gt;&amp;&quot;c&#39;!]");
}


static void
stops_when_told(void **state)
{
    page_t            page;
    size_t            calls, i;
    totp_template_t  *layout, *inner;

    (void) state;

    layout = parse("a{{>content}}b");
    inner = parse("{{user}}{{#events}}{{t.event}}{{&qr}}{{/events}}");

    memset(&page, 0, sizeof(page));
    assert_int_equal(totp_template_render(layout, inner, model, &en, collect,
                                          &page), 0);
    calls = page.calls;
    assert_true(calls > 20);

    for (i = 1; i <= calls; i++) {
        memset(&page, 0, sizeof(page));
        page.stop = i;

        assert_int_equal(totp_template_render(layout, inner, model, &en,
                                              collect, &page), 42);
        assert_int_equal(page.calls, i);
    }
}


static void
says_what_is_wrong(void **state)
{
    size_t                 i;
    totp_str_t             source;
    totp_template_error_t  err;

    static const struct {
        const char  *source;
        unsigned     line;
        const char  *part;
    } cases[] = {
        { "{{", 1, "without" },
        { "a\nb {{user}", 2, "without" },
        { "{{user\n", 1, "without" },
        { "{{}}", 1, "unknown name \"\"" },
        { "{{ }}", 1, "unknown name \"\"" },
        { "\n\n{{nobody}}", 3, "unknown name \"nobody\"" },
        { "{{User}}", 1, "unknown name \"User\"" },
        { "{{us er}}", 1, "unknown name" },
        { "{{{user}}}", 1, "unknown name \"{user\"" },
        { "{{.}}", 1, "unknown name" },
        { "{{what}}", 1, "unknown name \"what\"" },
        { "{{^events}}{{what}}{{/events}}", 1, "unknown name \"what\"" },
        { "{{#events}}{{/events}}{{what}}", 1, "unknown name \"what\"" },
        { "{{#events}}{{char}}{{/events}}", 1, "unknown name \"char\"" },
        { "{{yes}}", 1, "\"yes\" is not a text" },
        { "{{qr}}", 1, "\"qr\" is not a text" },
        { "{{events}}", 1, "\"events\" is not a text" },
        { "{{&user}}", 1, "\"user\" is not a picture" },
        { "{{&yes}}", 1, "\"yes\" is not a picture" },
        { "{{&nobody}}", 1, "unknown name" },
        { "{{#nobody}}{{/nobody}}", 1, "unknown name" },
        { "{{^nobody}}{{/nobody}}", 1, "unknown name" },
        { "a\n{{#yes}}\n\n", 2, "\"yes\" is not closed" },
        { "{{#yes}}{{#no}}{{/no}}", 1, "\"yes\" is not closed" },
        { "{{/yes}}", 1, "no section \"yes\" is open" },
        { "{{#yes}}\n{{#no}}\n{{/yes}}{{/no}}", 3,
          "\"yes\" is closed where \"no\" is open" },
        { "{{t.nothing}}", 1, "unknown text \"nothing\"" },
        { "{{t.}}", 1, "unknown name \"t.\"" },
        { "{{t}}", 1, "unknown name \"t\"" },
        { "{{t.nobody}}", 1, "\"{nobody}\" is not a text of this page" },
        { "{{t.flag}}", 1, "\"{yes}\"" },
        { "{{t.event}}", 1, "\"{what}\"" },
        { "{{>content}}\n{{> content}}", 2, "second time" },
        { "{{>header}}", 1, "nothing but" },
        { "{{>}}", 1, "nothing but" },
        { "{{#yes}}{{#yes}}{{#yes}}{{#yes}}{{#yes}}{{#yes}}{{#yes}}{{#yes}}\n"
          "{{#yes}}", 2, "more than 8 sections" },
    };

    (void) state;

    for (i = 0; i < N(cases); i++) {
        source = heap(cases[i].source, strlen(cases[i].source));

        if (totp_template_parse(source, names, &en, &mem, &err) != NULL) {
            fail_msg("%s", cases[i].source);
        }

        if (strstr(err.text, cases[i].part) == NULL
            || err.line != cases[i].line)
        {
            fail_msg("\"%s\": line %u: %s", cases[i].source, err.line,
                     err.text);
        }

        heap_free(source);
        give_back(NULL);
    }
}


static void
long_mistakes_are_cut(void **state)
{
    char                   source[1000];
    totp_template_error_t  err;

    (void) state;

    memset(source, 'x', sizeof(source));
    memcpy(source, "{{", 2);
    memcpy(source + sizeof(source) - 2, "}}", 2);

    assert_null(totp_template_parse(totp_str(source, sizeof(source)), names,
                                    &en, &mem, &err));
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
}


static void
eight_deep(void **state)
{
    page_t  page;

    (void) state;

    memset(&page, 0, sizeof(page));

    assert_int_equal(totp_template_render(NULL, parse(
        "{{#yes}}{{#yes}}{{#yes}}{{#yes}}{{#yes}}{{#yes}}{{#yes}}{{#yes}}8"
        "{{/yes}}{{/yes}}{{/yes}}{{/yes}}{{/yes}}{{/yes}}{{/yes}}{{/yes}}"),
        model, &en, collect, &page), 0);
    assert_string_equal(page.text, "8");
}


static void
out_of_memory(void **state)
{
    totp_template_mem_t    none;
    totp_template_error_t  err;

    (void) state;

    none.alloc = take;
    none.data = &none;

    assert_null(totp_template_parse(STR("a"), names, &en, &none, &err));
    assert_string_equal(err.text, "out of memory");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_teardown(renders, give_back),
        cmocka_unit_test_teardown(another_language, give_back),
        cmocka_unit_test_teardown(what_the_model_lacks, give_back),
        cmocka_unit_test_teardown(layouts, give_back),
        cmocka_unit_test_teardown(stops_when_told, give_back),
        cmocka_unit_test_teardown(says_what_is_wrong, give_back),
        cmocka_unit_test_teardown(long_mistakes_are_cut, give_back),
        cmocka_unit_test_teardown(eight_deep, give_back),
        cmocka_unit_test_teardown(out_of_memory, give_back),
    };

    return cmocka_run_group_tests(tests, languages, NULL);
}
