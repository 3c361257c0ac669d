/*
 * A language file.
 */

#include "fuzz.h"
#include "totp_i18n.h"


static totp_str_t
trim(totp_str_t s)
{
    while (s.len != 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.len--;
    }

    while (s.len != 0 && (s.data[s.len - 1] == ' '
                          || s.data[s.len - 1] == '\t'))
    {
        s.len--;
    }

    return s;
}


static int
key_ok(totp_str_t key)
{
    size_t  i;

    for (i = 0; i < key.len; i++) {
        if (key.data[i] == '\0'
            || strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                      "0123456789_.-", key.data[i])
               == NULL)
        {
            return 0;
        }
    }

    return key.len >= 1 && key.len <= 64;
}


/*
 * A second reader, a line at a time and without any order.  Returns the line
 * that is wrong, or 0; *count is how many entries there were.
 */

static unsigned
read_again(totp_str_t file, const totp_i18n_t *lang, size_t *count)
{
    size_t          size, n;
    unsigned        number;
    totp_str_t      line, key, text;
    const uint8_t  *p, *equals;

    p = file.data;
    size = file.len;
    number = 0;
    *count = 0;

    while (size != 0) {

        line = fuzz_line(&p, &size);
        number++;

        if (line.len != 0 && line.data[line.len - 1] == '\r') {
            line.len--;
        }

        line = trim(line);

        if (line.len == 0 || line.data[0] == '#') {
            continue;
        }

        (*count)++;

        equals = memchr(line.data, '=', line.len);

        if (equals == NULL || !fuzz_utf8(line.data, line.len)) {
            return number;
        }

        n = (size_t) (equals - line.data);
        key = trim(totp_str(line.data, n));
        text = trim(totp_str(equals + 1, line.len - n - 1));

        if (!key_ok(key)) {
            return number;
        }

        if (lang) {
            CHECK(totp_str_eq(totp_i18n_text(lang, key), text));
        }
    }

    return 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t              n, count;
    uint8_t            *copy;
    unsigned            line, wrong;
    totp_str_t          file;
    totp_i18n_t         lang;
    const char         *error;
    totp_i18n_entry_t  *entries;

    copy = fuzz_copy(data, size);
    file = totp_str(copy, size);

    n = totp_i18n_count(file);
    entries = malloc(n ? n * sizeof(totp_i18n_entry_t) : 1);
    CHECK(entries != NULL);

    line = 0;
    lang.fallback = NULL;

    error = totp_i18n_parse(&lang, totp_str("en", 2), file, entries, &line);

    if (error == NULL) {
        wrong = read_again(file, &lang, &count);
        CHECK(wrong == 0 && count == n && lang.n == n);

    } else {
        wrong = read_again(file, NULL, &count);
        CHECK(line >= 1);
        CHECK(wrong == (strstr(error, "second time") ? 0 : line));
    }

    free(entries);
    free(copy);

    return 0;
}
