/*
 * A form, and the Content-Type it comes with.
 */

#include "fuzz.h"
#include "totp_form.h"
#include "totp_uri.h"


#define FIELDS  3


static void
ask(totp_form_field_t *fields)
{
    fields[0].name = totp_str("user", 4);
    fields[1].name = totp_str("a", 1);
    fields[2].name = totp_str("", 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char               *text;
    size_t              i, n;
    uint8_t            *body;
    totp_form_field_t   f[FIELDS], again[FIELDS];

    body = fuzz_copy(data, size);
    (void) totp_form_type_ok(totp_str(body, size));

    ask(f);

    if (totp_form_parse(body, size, f, FIELDS) != 0) {
        free(body);
        return 0;
    }

    /* what was read, written down again, is read as the same */

    text = malloc(3 * size + 16);
    CHECK(text != NULL);
    n = 0;

    for (i = 0; i < FIELDS; i++) {

        if (!f[i].found) {
            CHECK(f[i].value.len == 0);
            continue;
        }

        CHECK(f[i].value.len == 0
              || (f[i].value.data >= body
                  && f[i].value.data + f[i].value.len <= body + size));
        CHECK(f[i].value.len == 0
              || memchr(f[i].value.data, '\0', f[i].value.len) == NULL);

        if (n != 0) {
            text[n++] = '&';
        }

        memcpy(text + n, f[i].name.data, f[i].name.len);
        n += f[i].name.len;
        text[n++] = '=';
        n += totp_uri_escape(text + n, f[i].value);
    }

    ask(again);
    CHECK(totp_form_parse((uint8_t *) text, n, again, FIELDS) == 0);

    for (i = 0; i < FIELDS; i++) {
        CHECK(again[i].found == f[i].found);
        CHECK(totp_str_eq(again[i].value, f[i].value));
    }

    free(text);
    free(body);

    return 0;
}
