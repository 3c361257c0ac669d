/*
 * Forms (WHATWG URL, section 5.1), without its leniency.
 */

#include "totp_form.h"
#include "totp_ascii.h"
#include "totp_percent.h"


static int  totp_form_decode(totp_str_t *s, uint8_t *body, totp_str_t raw);


int
totp_form_parse(uint8_t *body, size_t len, totp_form_field_t *fields, size_t n)
{
    size_t      i, seen;
    totp_str_t  rest, pair, name, value, names[TOTP_FORM_PAIRS];

    for (i = 0; i < n; i++) {
        fields[i].found = 0;
        fields[i].value = totp_str("", 0);
    }

    seen = 0;
    rest = totp_str(body, len);

    while (rest.len != 0) {

        pair = totp_ascii_cut(&rest, '&');

        if (pair.len == 0) {
            continue;
        }

        if (seen == TOTP_FORM_PAIRS) {
            return -1;
        }

        value = pair;
        name = totp_ascii_cut(&value, '=');

        if (totp_form_decode(&name, body, name) != 0
            || totp_form_decode(&value, body, value) != 0)
        {
            return -1;
        }

        for (i = 0; i < seen; i++) {
            if (totp_str_eq(names[i], name)) {
                return -1;
            }
        }

        names[seen++] = name;

        for (i = 0; i < n; i++) {
            if (totp_str_eq(fields[i].name, name)) {
                fields[i].found = 1;
                fields[i].value = value;
            }
        }
    }

    return 0;
}


/* raw lies in body, and so does what becomes of it */

static int
totp_form_decode(totp_str_t *s, uint8_t *body, totp_str_t raw)
{
    int       c;
    size_t    i, n;
    uint8_t  *p;

    if (raw.len == 0) {
        *s = totp_str("", 0);
        return 0;
    }

    p = body + (raw.data - body);
    n = 0;

    for (i = 0; i < raw.len; i++) {
        c = p[i];

        if (c == '%') {
            c = totp_percent_byte(raw, i);
            if (c < 0) {
                return -1;
            }

            i += 2;

        } else if (c == '+') {
            c = ' ';
        }

        if (c == '\0') {
            return -1;
        }

        p[n++] = (uint8_t) c;
    }

    *s = totp_str(p, n);

    return 0;
}


int
totp_form_type_ok(totp_str_t content_type)
{
    totp_str_t  param, value;

    param = content_type;

    if (!totp_ascii_is(totp_ascii_trim(totp_ascii_cut(&param, ';')),
                       "application/x-www-form-urlencoded"))
    {
        return 0;
    }

    if (param.data == NULL) {
        return 1;
    }

    value = totp_ascii_trim(param);

    if (!totp_ascii_is(totp_ascii_cut(&value, '='), "charset")) {
        return 0;
    }

    return totp_ascii_is(value, "utf-8") || totp_ascii_is(value, "\"utf-8\"");
}
