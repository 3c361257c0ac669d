/*
 * Languages: their files, their texts, and which one a visitor reads.
 */

#include <stdlib.h>

#include "totp_i18n.h"
#include "totp_accept.h"
#include "totp_ascii.h"
#include "totp_utf8.h"


#define TOTP_I18N_KEY_MAX  64       /* characters */


static int  totp_i18n_line(totp_str_t *rest, totp_str_t *line, unsigned *n);
static int  totp_i18n_key_ok(totp_str_t key);
static int  totp_i18n_compare(totp_str_t a, totp_str_t b);
static int  totp_i18n_compare_entries(const void *a, const void *b);
static const totp_i18n_entry_t *totp_i18n_find(const totp_i18n_t *lang,
    totp_str_t key);
static int  totp_i18n_under(totp_str_t tag, totp_str_t range);
static size_t  totp_i18n_lookup(const totp_i18n_t *const *langs, size_t n,
    uint64_t excluded, totp_str_t range);


size_t
totp_i18n_count(totp_str_t file)
{
    size_t      n;
    unsigned    number;
    totp_str_t  line;

    n = 0;
    number = 0;

    while (totp_i18n_line(&file, &line, &number)) {
        n++;
    }

    return n;
}


const char *
totp_i18n_parse(totp_i18n_t *lang, totp_str_t tag, totp_str_t file,
    totp_i18n_entry_t *entries, unsigned *line)
{
    size_t          i, n;
    unsigned        number;
    totp_str_t      rest, text, key;
    const uint8_t  *p, *twice;

    n = 0;
    number = 0;
    rest = file;

    while (totp_i18n_line(&rest, &text, &number)) {

        *line = number;

        if (!totp_utf8_valid(text)) {
            return "is not UTF-8";
        }

        key = totp_ascii_trim(totp_ascii_cut(&text, '='));

        if (text.data == NULL) {
            return "has no \"=\"";
        }

        if (!totp_i18n_key_ok(key)) {
            return "has a bad key";
        }

        entries[n].key = key;
        entries[n].text = totp_ascii_trim(text);
        n++;
    }

    if (n != 0) {
        qsort(entries, n, sizeof(totp_i18n_entry_t),
              totp_i18n_compare_entries);
    }

    for (i = 1; i < n; i++) {

        if (totp_str_eq(entries[i - 1].key, entries[i].key)) {

            twice = entries[i].key.data;

            if (twice < entries[i - 1].key.data) {
                twice = entries[i - 1].key.data;
            }

            *line = 1;

            for (p = file.data; p < twice; p++) {
                *line += (*p == '\n');
            }

            return "has a key for the second time";
        }
    }

    lang->tag = tag;
    lang->n = n;
    lang->entries = entries;

    return NULL;
}


/* Takes the next line that says something; *n counts all of them. */

static int
totp_i18n_line(totp_str_t *rest, totp_str_t *line, unsigned *n)
{
    while (rest->len != 0) {

        *line = totp_ascii_cut(rest, '\n');
        *n += 1;

        if (line->len != 0 && line->data[line->len - 1] == '\r') {
            line->len--;
        }

        *line = totp_ascii_trim(*line);

        if (line->len != 0 && line->data[0] != '#') {
            return 1;
        }
    }

    return 0;
}


static int
totp_i18n_key_ok(totp_str_t key)
{
    size_t   i;
    uint8_t  c;

    if (key.len == 0 || key.len > TOTP_I18N_KEY_MAX) {
        return 0;
    }

    for (i = 0; i < key.len; i++) {
        c = totp_ascii_lower(key.data[i]);

        if ((c < 'a' || c > 'z') && (c < '0' || c > '9')
            && c != '_' && c != '.' && c != '-')
        {
            return 0;
        }
    }

    return 1;
}


static int
totp_i18n_compare(totp_str_t a, totp_str_t b)
{
    int     rc;
    size_t  n;

    n = a.len < b.len ? a.len : b.len;
    rc = n != 0 ? memcmp(a.data, b.data, n) : 0;

    return rc != 0 ? rc : (a.len > b.len) - (a.len < b.len);
}


static int
totp_i18n_compare_entries(const void *a, const void *b)
{
    const totp_i18n_entry_t  *left, *right;

    left = a;
    right = b;

    return totp_i18n_compare(left->key, right->key);
}


totp_str_t
totp_i18n_text(const totp_i18n_t *lang, totp_str_t key)
{
    const totp_i18n_entry_t  *entry;

    for ( /* void */ ; lang != NULL; lang = lang->fallback) {

        entry = totp_i18n_find(lang, key);

        if (entry != NULL && entry->text.len != 0) {
            return entry->text;
        }
    }

    return totp_str("", 0);
}


static const totp_i18n_entry_t *
totp_i18n_find(const totp_i18n_t *lang, totp_str_t key)
{
    int     rc;
    size_t  low, high, middle;

    low = 0;
    high = lang->n;

    while (low < high) {

        middle = low + (high - low) / 2;
        rc = totp_i18n_compare(key, lang->entries[middle].key);

        if (rc == 0) {
            return &lang->entries[middle];
        }

        if (rc < 0) {
            high = middle;

        } else {
            low = middle + 1;
        }
    }

    return NULL;
}


size_t
totp_i18n_choose(const totp_i18n_t *const *langs, size_t n,
    totp_str_t accept_language)
{
    size_t      i, pos, found, best;
    unsigned    weight, best_weight;
    uint64_t    excluded;
    totp_str_t  range;

    if (n > TOTP_I18N_LANGS) {
        n = TOTP_I18N_LANGS;
    }

    excluded = 0;
    pos = 0;

    while (totp_accept_next(accept_language, &pos, &range, &weight)) {
        for (i = 0; i < n && weight == 0; i++) {
            if (totp_i18n_under(langs[i]->tag, range)) {
                excluded |= (uint64_t) 1 << i;
            }
        }
    }

    best = 0;
    best_weight = 0;
    pos = 0;

    while (totp_accept_next(accept_language, &pos, &range, &weight)) {

        if (weight <= best_weight) {
            continue;
        }

        found = totp_i18n_lookup(langs, n, excluded, range);

        if (found != n) {
            best = found;
            best_weight = weight;
        }
    }

    return best;
}


/* Returns n where there is none. */

static size_t
totp_i18n_lookup(const totp_i18n_t *const *langs, size_t n, uint64_t excluded,
    totp_str_t range)
{
    size_t      i;
    totp_str_t  shorter;

    shorter = range;

    for ( ;; ) {

        for (i = 0; i < n; i++) {
            if ((excluded >> i & 1) == 0
                && (totp_ascii_eq(langs[i]->tag, shorter)
                    || totp_ascii_is(shorter, "*")))
            {
                return i;
            }
        }

        while (shorter.len != 0 && shorter.data[shorter.len - 1] != '-') {
            shorter.len--;
        }

        if (shorter.len == 0) {
            break;
        }

        shorter.len--;
    }

    for (i = 0; i < n; i++) {
        if ((excluded >> i & 1) == 0 && totp_i18n_under(langs[i]->tag, range)) {
            return i;
        }
    }

    return n;
}


/* Is tag the range or one below it (RFC 4647, section 3.3.1)? */

static int
totp_i18n_under(totp_str_t tag, totp_str_t range)
{
    if (totp_ascii_is(range, "*")) {
        return 0;
    }

    return tag.len >= range.len
           && totp_ascii_eq(totp_str(tag.data, range.len), range)
           && (tag.len == range.len || tag.data[range.len] == '-');
}
