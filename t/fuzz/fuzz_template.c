/*
 * Languages and templates.  The parts of an input end with a line that is "--":
 * English, another language, a layout, a page, an Accept-Language, a text that
 * is printed.
 */

#include "fuzz.h"
#include "totp_template.h"


#define PARTS    6
#define PICTURE  "<svg>&'\"</svg>"


static const totp_template_name_t  item_names[] = {
    { "x", TOTP_MODEL_TEXT, NULL },
    { "f", TOTP_MODEL_FLAG, NULL },
    { NULL, TOTP_MODEL_TEXT, NULL }
};

static const totp_template_name_t  list_names[] = {
    { "a", TOTP_MODEL_TEXT, NULL },
    { "l", TOTP_MODEL_LIST, item_names },
    { NULL, TOTP_MODEL_TEXT, NULL }
};

static const totp_template_name_t  names[] = {
    { "a", TOTP_MODEL_TEXT, NULL },
    { "b", TOTP_MODEL_TEXT, NULL },
    { "p", TOTP_MODEL_PICTURE, NULL },
    { "y", TOTP_MODEL_FLAG, NULL },
    { "n", TOTP_MODEL_FLAG, NULL },
    { "l", TOTP_MODEL_LIST, list_names },
    { NULL, TOTP_MODEL_TEXT, NULL }
};


typedef struct {
    totp_str_t  part[PARTS];
    size_t      left;               /* pieces to go: eight nested lists, each
                                       with three items, would take long */
} input_t;


typedef struct {
    void    *p[4];
    size_t   n;
} memory_t;


static void *
take(void *data, size_t size)
{
    memory_t  *m;

    m = data;
    CHECK(m->n < 4);
    m->p[m->n] = malloc(size);
    CHECK(m->p[m->n] != NULL);

    return m->p[m->n++];
}


/* Whatever is not of the template or the picture is escaped. */

static int
piece(void *data, totp_str_t s)
{
    size_t    i;
    input_t  *in;

    static const char *const  entities[] = {
        "&amp;", "&lt;", "&gt;", "&quot;", "&#39;"
    };

    in = data;

    CHECK(s.len != 0);

    if (in->left-- == 0) {
        return 7;
    }

    for (i = 2; i < 4; i++) {
        if (s.data >= in->part[i].data
            && s.data + s.len <= in->part[i].data + in->part[i].len)
        {
            return 0;
        }
    }

    for (i = 0; i < 5; i++) {
        if (totp_str_eq(s, totp_str(entities[i], strlen(entities[i])))) {
            return 0;
        }
    }

    if (totp_str_eq(s, totp_str(PICTURE, sizeof(PICTURE) - 1))) {
        return 0;
    }

    for (i = 0; i < s.len; i++) {
        CHECK(s.data[i] == '\0' || strchr("&<>\"'", s.data[i]) == NULL);
    }

    return 0;
}


static totp_model_t
value(const char *name, totp_model_type_t type, totp_str_t text, int flag,
    size_t n, const totp_model_t *const *items)
{
    totp_model_t  m;

    m.name = totp_str(name, strlen(name));
    m.type = type;
    m.text = text;
    m.flag = flag;
    m.n = n;
    m.items = items;

    return m;
}


static void
render(input_t *in, const totp_i18n_t *en, const totp_i18n_t *other)
{
    int                     rc;
    size_t                  i;
    memory_t                memory;
    totp_str_t              none;
    totp_model_t            deep[3], item[3], empty[1], model[7];
    const totp_model_t     *deeps[2], *items[3];
    totp_template_t        *layout, *page;
    totp_template_mem_t     mem;
    totp_template_error_t   err;

    none = totp_str("", 0);

    deep[0] = value("x", TOTP_MODEL_TEXT, in->part[5], 0, 0, NULL);
    deep[1] = value("f", TOTP_MODEL_FLAG, none, 1, 0, NULL);
    deep[2] = value("", TOTP_MODEL_TEXT, none, 0, 0, NULL);
    deeps[0] = deep;
    deeps[1] = deep + 2;

    item[0] = value("a", TOTP_MODEL_TEXT, in->part[5], 0, 0, NULL);
    item[1] = value("l", TOTP_MODEL_LIST, none, 0, 2, deeps);
    item[2] = value("", TOTP_MODEL_TEXT, none, 0, 0, NULL);
    empty[0] = item[2];
    items[0] = item;
    items[1] = empty;
    items[2] = item + 1;

    model[0] = value("a", TOTP_MODEL_TEXT, in->part[5], 0, 0, NULL);
    model[1] = value("b", TOTP_MODEL_TEXT, none, 0, 0, NULL);
    model[2] = value("p", TOTP_MODEL_PICTURE,
                     totp_str(PICTURE, sizeof(PICTURE) - 1), 0, 0, NULL);
    model[3] = value("y", TOTP_MODEL_FLAG, none, 1, 0, NULL);
    model[4] = value("n", TOTP_MODEL_FLAG, none, 0, 0, NULL);
    model[5] = value("l", TOTP_MODEL_LIST, none, 0, 3, items);
    model[6] = value("", TOTP_MODEL_TEXT, none, 0, 0, NULL);

    memory.n = 0;
    mem.alloc = take;
    mem.data = &memory;

    memset(&err, 'x', sizeof(err));
    layout = totp_template_parse(in->part[2], names, en, &mem, &err);
    CHECK(layout != NULL
          || (err.line >= 1 && err.text[0] != '\0'
              && memchr(err.text, '\0', sizeof(err.text)) != NULL));

    page = totp_template_parse(in->part[3], names, en, &mem, &err);

    if (page != NULL) {
        in->left = 10000;
        rc = totp_template_render(layout, page, model, other, piece, in);
        CHECK(rc == (in->left == (size_t) -1 ? 7 : 0));
    }

    for (i = 0; i < memory.n; i++) {
        free(memory.p[i]);
    }
}


static int
language(totp_i18n_t *lang, const char *tag, totp_str_t file)
{
    size_t              i, n;
    unsigned            line;
    const char         *error;
    totp_i18n_entry_t  *entries;

    n = totp_i18n_count(file);
    entries = malloc(n ? n * sizeof(totp_i18n_entry_t) : 1);
    CHECK(entries != NULL);

    line = 0;
    error = totp_i18n_parse(lang, totp_str(tag, strlen(tag)), file, entries,
                            &line);

    if (error != NULL) {
        CHECK(line >= 1);
        free(entries);
        return -1;
    }

    CHECK(lang->n == n);

    for (i = 0; i < n; i++) {
        CHECK(fuzz_utf8(entries[i].text.data, entries[i].text.len));
        CHECK(entries[i].text.len == 0
              || totp_str_eq(totp_i18n_text(lang, entries[i].key),
                             entries[i].text));
    }

    return 0;
}


static void
cut(input_t *in, const uint8_t *data, size_t size)
{
    size_t      i;
    totp_str_t  line;

    for (i = 0; i < PARTS; i++) {

        in->part[i] = totp_str(data, 0);

        while (size != 0) {
            line = fuzz_line(&data, &size);

            if (line.len == 2 && memcmp(line.data, "--", 2) == 0) {
                break;
            }

            in->part[i].len = (size_t) (data - in->part[i].data);
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t              chosen;
    input_t             in;
    uint8_t            *copy;
    totp_i18n_t         en, other;
    const totp_i18n_t  *langs[2];

    copy = fuzz_copy(data, size);
    cut(&in, copy, size);

    en.fallback = NULL;
    other.fallback = &en;

    if (language(&en, "en", in.part[0]) == 0) {

        if (language(&other, "zh-Hans", in.part[1]) == 0) {

            langs[0] = &en;
            langs[1] = &other;

            chosen = totp_i18n_choose(langs, 2, in.part[4]);
            CHECK(chosen < 2);

            render(&in, &en, &en);
            render(&in, &en, &other);

            free(other.entries);
        }

        free(en.entries);
    }

    free(copy);

    return 0;
}
