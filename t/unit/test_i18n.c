#include "unit.h"
#include "totp_i18n.h"


#define N(array)  (sizeof(array) / sizeof(array[0]))


static void
reads_a_file(void **state)
{
    unsigned            line;
    totp_str_t          file;
    totp_i18n_t         en, de;
    totp_i18n_entry_t   en_entries[8], de_entries[8];

    static const char  english[] =
        "# texts\n"
        "\n"
        "login.title = Sign in\r\n"
        "  # a comment, too\n"
        "code.left=You have {n} left = few\n"
        "\tb-2_X\t=\t\xe2\x80\x9cquoted\xe2\x80\x9d\t\n"
        "a = 1\n"
        "empty =\n"
        "last = end";

    (void) state;

    file = heap(english, sizeof(english) - 1);
    memset(&en, 0, sizeof(en));
    memset(&de, 0, sizeof(de));

    assert_int_equal(totp_i18n_count(file), 6);
    assert_null(totp_i18n_parse(&en, STR("en"), file, en_entries, &line));
    assert_int_equal(en.n, 6);
    assert_str(en.tag, "en");

    assert_str(totp_i18n_text(&en, STR("login.title")), "Sign in");
    assert_str(totp_i18n_text(&en, STR("code.left")),
               "You have {n} left = few");
    assert_str(totp_i18n_text(&en, STR("b-2_X")),
               "\xe2\x80\x9cquoted\xe2\x80\x9d");
    assert_str(totp_i18n_text(&en, STR("a")), "1");
    assert_str(totp_i18n_text(&en, STR("last")), "end");

    assert_str(totp_i18n_text(&en, STR("empty")), "");
    assert_str(totp_i18n_text(&en, STR("unknown")), "");
    assert_str(totp_i18n_text(&en, STR("login")), "");
    assert_str(totp_i18n_text(&en, STR("login.titles")), "");
    assert_str(totp_i18n_text(&en, STR("LOGIN.TITLE")), "");
    assert_str(totp_i18n_text(&en, totp_str(NULL, 0)), "");

    /* the fallback may be set before */

    de.fallback = &en;

    assert_null(totp_i18n_parse(&de, STR("de"),
                                STR("a = eins\nlast =\nempty = leer\n"),
                                de_entries, &line));
    assert_ptr_equal(de.fallback, &en);
    assert_str(totp_i18n_text(&de, STR("a")), "eins");
    assert_str(totp_i18n_text(&de, STR("last")), "end");
    assert_str(totp_i18n_text(&de, STR("login.title")), "Sign in");
    assert_str(totp_i18n_text(&de, STR("empty")), "leer");
    assert_str(totp_i18n_text(&de, STR("unknown")), "");

    heap_free(file);
}


static void
an_empty_file(void **state)
{
    unsigned     line;
    totp_i18n_t  lang;

    (void) state;

    memset(&lang, 0, sizeof(lang));

    assert_int_equal(totp_i18n_count(totp_str(NULL, 0)), 0);
    assert_int_equal(totp_i18n_count(STR("# x\n\n")), 0);
    assert_null(totp_i18n_parse(&lang, STR("en"), STR("# x\n"), NULL, &line));
    assert_int_equal(lang.n, 0);
    assert_str(totp_i18n_text(&lang, STR("a")), "");
}


static void
says_what_is_wrong(void **state)
{
    size_t              i;
    unsigned            line;
    const char         *error;
    totp_str_t          file;
    totp_i18n_t         lang;
    totp_i18n_entry_t  *entries;

    static const struct {
        const char  *file;
        unsigned     line;
        const char  *part;
    } cases[] = {
        { "a = 1\n\nb\n", 3, "\"=\"" },
        { "# x\n= 1", 2, "bad key" },
        { "a b = 1", 1, "bad key" },
        { "a{b} = 1", 1, "bad key" },
        { "\xc3\xa4 = 1", 1, "bad key" },
        { "\xef\xbb\xbf" "a = 1", 1, "bad key" },
        { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa = 65", 1, "bad key" },
        { "a = \xff\n", 1, "UTF-8" },
        { "a = 1\nb = 2\r\n# c\na = 1\n", 4, "second time" },
        { "b = 1\nb = 2\na = 3\n", 2, "second time" },
    };

    (void) state;

    for (i = 0; i < N(cases); i++) {
        file = heap(cases[i].file, strlen(cases[i].file));
        entries = calloc(totp_i18n_count(file), sizeof(totp_i18n_entry_t));
        assert_non_null(entries);

        line = 0;
        memset(&lang, 0, sizeof(lang));
        error = totp_i18n_parse(&lang, STR("en"), file, entries, &line);

        assert_non_null(error);
        assert_non_null(strstr(error, cases[i].part));
        assert_int_equal(line, cases[i].line);

        free(entries);
        heap_free(file);
    }
}


static void
chooses(void **state)
{
    size_t      i;
    totp_str_t  s;

    static const totp_i18n_t  en = { .tag = totp_string("en") };
    static const totp_i18n_t  de = { .tag = totp_string("de") };
    static const totp_i18n_t  pt = { .tag = totp_string("pt") };
    static const totp_i18n_t  br = { .tag = totp_string("pt-BR") };
    static const totp_i18n_t  zh = { .tag = totp_string("zh-Hans") };

    static const totp_i18n_t *const  langs[] = { &en, &de, &pt, &br, &zh };

    enum { EN, DE, PT, BR, ZH };

    static const struct {
        const char  *header;
        size_t       want;
    } cases[] = {
        { "", EN },
        { "de", DE },
        { "DE", DE },
        { "de-AT", DE },
        { "de-Latn-AT-1996", DE },
        { "deu", EN },
        { "d", EN },
        { "fr", EN },
        { "fr, de;q=0.1", DE },
        { "de-AT,de;q=0.9,en;q=0.8", DE },
        { "en-US,en;q=0.9,de;q=0.8", EN },
        { "en;q=0.7,de;q=0.8", DE },
        { "de;q=0.8,pt;q=0.8", DE },
        { "de;q=0.8,pt;q=0.801", PT },
        { "pt", PT },
        { "pt-PT", PT },
        { "pt-BR", BR },
        { "pt-br-x-y", BR },
        { "zh-Hans-CN", ZH },
        { "zh", ZH },
        { "zh-CN,zh;q=0.9,en;q=0.8", ZH },
        { "zh-Hant", EN },
        { "zh-H", EN },
        { "*", EN },
        { "*;q=0.5, de;q=0.4", EN },
        { "fr, *;q=0.5", EN },
        { "*, en;q=0", DE },
        { "en;q=0, de;q=0, *", PT },
        { "de;q=0", EN },
        { "de;q=0, de", EN },
        { "de-AT;q=0, de", DE },
        { "pt;q=0, pt-BR, de;q=0.1", DE },
        { "pt-BR;q=0, pt-BR", PT },
        { "*;q=0", EN },
        { ",;,-,--,de-", DE },
        { "de;q=x, pt;q=0.1", PT },
    };

    (void) state;

    for (i = 0; i < N(cases); i++) {
        s = heap(cases[i].header, strlen(cases[i].header));

        if (totp_i18n_choose(langs, N(langs), s) != cases[i].want) {
            fail_msg("\"%s\"", cases[i].header);
        }

        heap_free(s);
    }

    assert_int_equal(totp_i18n_choose(langs, N(langs), totp_str(NULL, 0)), 0);
    assert_int_equal(totp_i18n_choose(langs, 0, STR("de")), 0);
    assert_int_equal(totp_i18n_choose(langs, 1, STR("de, *")), 0);
}


static void
no_more_than_so_many(void **state)
{
    size_t              i;
    const totp_i18n_t  *langs[TOTP_I18N_LANGS + 1];

    static const totp_i18n_t  en = { .tag = totp_string("en") };
    static const totp_i18n_t  de = { .tag = totp_string("de") };

    (void) state;

    for (i = 0; i < N(langs); i++) {
        langs[i] = &en;
    }

    langs[TOTP_I18N_LANGS] = &de;
    assert_int_equal(totp_i18n_choose(langs, N(langs), STR("de")), 0);

    langs[TOTP_I18N_LANGS - 1] = &de;
    assert_int_equal(totp_i18n_choose(langs, N(langs), STR("de")),
                     TOTP_I18N_LANGS - 1);
    assert_int_equal(totp_i18n_choose(langs, N(langs), STR("de;q=0,de")), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(reads_a_file),
        cmocka_unit_test(an_empty_file),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(chooses),
        cmocka_unit_test(no_more_than_so_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
