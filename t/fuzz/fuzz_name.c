/*
 * User names with their spelling in keys, and headers of names with weights.
 */

#include "fuzz.h"
#include "totp_accept.h"
#include "totp_name.h"


static void
name(totp_str_t s)
{
    int       n, valid;
    char     *escaped;
    size_t    i, len;
    uint8_t  *back;

    valid = s.len >= 1 && s.len <= 255 && fuzz_utf8(s.data, s.len);

    for (i = 0; i < s.len; i++) {
        if (s.data[i] < 0x20 || s.data[i] == 0x7f
            || (s.data[i] == 0xc2 && i + 1 < s.len && s.data[i + 1] >= 0x80
                && s.data[i + 1] <= 0x9f))
        {
            valid = 0;
        }
    }

    CHECK(totp_name_valid(s) == valid);

    /* there and back */

    escaped = malloc(totp_name_escaped_max(s.len) + 1);
    back = malloc(s.len ? s.len : 1);
    CHECK(escaped != NULL && back != NULL);

    len = totp_name_escape(escaped, s);
    CHECK(len <= totp_name_escaped_max(s.len));

    for (i = 0; i < len; i++) {
        CHECK(escaped[i] > 0x20 && escaped[i] < 0x7f);
        CHECK(strchr("{}:*?[]\\\"'", escaped[i]) == NULL);
    }

    n = totp_name_unescape(back, s.len, totp_str(escaped, len));
    CHECK(n == (int) s.len);
    CHECK(totp_str_eq(totp_str(back, s.len), s));

    /* back and there: one spelling only */

    n = totp_name_unescape(back, s.len, s);

    if (n >= 0) {
        len = totp_name_escape(escaped, totp_str(back, (size_t) n));
        CHECK(totp_str_eq(totp_str(escaped, len), s));
    }

    free(escaped);
    free(back);
}


static void
accept(totp_str_t s)
{
    int         json, html;
    size_t      pos, before;
    unsigned    weight;
    totp_str_t  item;

    json = totp_accept_json(s);
    html = totp_accept_html(s);

    CHECK(!json || !html);

    before = 0;
    pos = 0;

    while (totp_accept_next(s, &pos, &item, &weight)) {
        CHECK(pos > before && pos <= s.len);
        CHECK(item.len != 0 && weight <= 1000);
        CHECK(item.data >= s.data && item.data + item.len <= s.data + pos);
        before = pos;
    }

    CHECK(!(json || html) || before != 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t  *copy;

    copy = fuzz_copy(data, size);

    name(totp_str(copy, size));
    accept(totp_str(copy, size));

    free(copy);

    return 0;
}
