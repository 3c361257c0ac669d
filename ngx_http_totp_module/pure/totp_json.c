#include "totp_json.h"
#include "totp_utf8.h"


static const char  totp_json_hex[] = "0123456789abcdef";


static char *
totp_json_unicode(char *p, uint32_t ch)
{
    *p++ = '\\';
    *p++ = 'u';
    *p++ = totp_json_hex[(ch >> 12) & 0xf];
    *p++ = totp_json_hex[(ch >> 8) & 0xf];
    *p++ = totp_json_hex[(ch >> 4) & 0xf];
    *p++ = totp_json_hex[ch & 0xf];

    return p;
}


/* The letter of a two-character escape (RFC 8259, section 7), else 0. */

static char
totp_json_short(int32_t ch)
{
    switch (ch) {

    case '"':
    case '\\':
        return (char) ch;

    case '\b':
        return 'b';

    case '\f':
        return 'f';

    case '\n':
        return 'n';

    case '\r':
        return 'r';

    case '\t':
        return 't';
    }

    return 0;
}


static int
totp_json_unsafe(int32_t ch)
{
    return ch < 0x20 || (ch >= 0x7f && ch <= 0x9f)
           || ch == '<' || ch == '>' || ch == '&'
           || ch == 0x2028 || ch == 0x2029;
}


size_t
totp_json_escape(char *out, totp_str_t src)
{
    char     *p, letter;
    size_t    pos, start;
    int32_t   ch;

    p = out;
    pos = 0;

    while (pos < src.len) {
        start = pos;
        ch = totp_utf8_next(src, &pos);

        if (ch < 0) {
            pos++;
            memcpy(p, "\xef\xbf\xbd", 3);           /* U+FFFD */
            p += 3;
            continue;
        }

        letter = totp_json_short(ch);

        if (letter) {
            *p++ = '\\';
            *p++ = letter;

        } else if (totp_json_unsafe(ch)) {
            p = totp_json_unicode(p, (uint32_t) ch);

        } else {
            memcpy(p, src.data + start, pos - start);
            p += pos - start;
        }
    }

    return (size_t) (p - out);
}
