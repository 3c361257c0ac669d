/*
 * User names: what one may be, and how it is spelled in a key.
 */

#include "totp_name.h"
#include "totp_percent.h"
#include "totp_utf8.h"


#define TOTP_NAME_MAX  255          /* bytes */


int
totp_name_valid(totp_str_t name)
{
    size_t   pos;
    int32_t  c;

    if (name.len == 0 || name.len > TOTP_NAME_MAX) {
        return 0;
    }

    for (pos = 0; pos < name.len; /* void */ ) {
        c = totp_utf8_next(name, &pos);

        /* also takes in -1, which is no character at all */

        if (c < 0x20 || (c >= 0x7f && c <= 0x9f)) {
            return 0;
        }
    }

    return 1;
}


size_t
totp_name_escape(char *out, totp_str_t name)
{
    return totp_percent_encode(out, name);
}


int
totp_name_unescape(uint8_t *out, size_t out_size, totp_str_t escaped)
{
    int      c;
    size_t   i, n;

    n = 0;

    for (i = 0; i < escaped.len; i++) {
        c = escaped.data[i];

        if (c == '%') {
            c = totp_percent_byte(escaped, i);

            /* one name has one key: no lower case, nothing encoded in vain */

            if (c < 0
                || totp_percent_unreserved((uint8_t) c)
                || escaped.data[i + 1] >= 'a'
                || escaped.data[i + 2] >= 'a')
            {
                return -1;
            }

            i += 2;

        } else if (!totp_percent_unreserved((uint8_t) c)) {
            return -1;
        }

        if (n == out_size) {
            return -1;
        }

        out[n++] = (uint8_t) c;
    }

    return (int) n;
}
