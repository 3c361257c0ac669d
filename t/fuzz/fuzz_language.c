/*
 * Which language an Accept-Language header asks for.
 */

#include "fuzz.h"
#include "totp_accept.h"
#include "totp_i18n.h"


#define LANGS  7


static const char *const  tags[LANGS] = {
    "en", "de", "pt-BR", "pt", "zh-Hans", "zh-Hant-TW", "fr-CA"
};


static size_t
choose(totp_str_t header)
{
    size_t              i, chosen;
    totp_i18n_t         lang[LANGS];
    const totp_i18n_t  *langs[LANGS];

    memset(lang, 0, sizeof(lang));

    for (i = 0; i < LANGS; i++) {
        lang[i].tag = totp_str(tags[i], strlen(tags[i]));
        langs[i] = &lang[i];
    }

    chosen = totp_i18n_choose(langs, LANGS, header);
    CHECK(chosen < LANGS);

    return chosen;
}


/* Another header, made of a part before and the same header. */

static size_t
choose_behind(const char *before, totp_str_t header)
{
    char    *text;
    size_t   n, chosen;

    n = strlen(before);
    text = malloc(n + header.len + 1);
    CHECK(text != NULL);

    memcpy(text, before, n);

    if (header.len) {
        memcpy(text + n, header.data, header.len);
    }

    chosen = choose(totp_str(text, n + header.len));

    free(text);

    return chosen;
}


static uint8_t
lower(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') ? (uint8_t) (c + 'a' - 'A') : c;
}


static int
same(const char *tag, totp_str_t range, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (lower((uint8_t) tag[i]) != lower(range.data[i])) {
            return 0;
        }
    }

    return 1;
}


/* Was the language asked for by a range, and by none refused? */

static void
justified(totp_str_t header, size_t chosen)
{
    int          asked;
    size_t       pos;
    unsigned     weight, best;
    totp_str_t   range;
    const char  *tag;

    tag = tags[chosen];
    asked = 0;
    best = 0;
    pos = 0;

    while (totp_accept_next(header, &pos, &range, &weight)) {

        if (weight == 0) {

            /* "pt;q=0" refuses pt and pt-BR */

            CHECK(!(chosen != 0 && range.len <= strlen(tag)
                    && same(tag, range, range.len)
                    && (tag[range.len] == '\0' || tag[range.len] == '-')));
            continue;
        }

        if (range.data[0] == '*' && range.len == 1) {
            asked = 1;
        }

        if (range.len >= 2 && same(tag, range, 2)
            && (range.len == 2 || range.data[2] == '-'))
        {
            asked = 1;
        }

        if (weight > best) {
            best = weight;
        }
    }

    CHECK(asked || chosen == 0);
    CHECK(best != 0 || chosen == 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t       i, chosen;
    uint8_t     *copy;
    totp_str_t   header;

    copy = fuzz_copy(data, size);
    header = totp_str(copy, size);

    chosen = choose(header);
    justified(header, chosen);

    /* what asks for nothing that there is changes nothing */

    CHECK(choose_behind(" ,x-none,xx;q=0.9 , ", header) == chosen);

    /* what comes first of the highest weight wins, unless it is refused */

    i = choose_behind("de,", header);
    CHECK(i == 1 || chosen != 1);
    justified(header, chosen);

    for (i = 0; i < size; i++) {
        copy[i] = lower(copy[i]);
    }

    CHECK(choose(header) == chosen);

    free(copy);

    return 0;
}
