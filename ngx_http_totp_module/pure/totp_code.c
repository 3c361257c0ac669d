#include "totp_code.h"
#include "totp_wipe.h"


/* How many bytes the separator at p takes; 0 where it is none. */

static size_t
totp_code_separator(const uint8_t *p, size_t n)
{
    if (p[0] == ' ' || p[0] == '-' || p[0] == '.') {
        return 1;
    }

    if (n >= 2 && p[0] == 0xc2 && p[1] == 0xa0) {
        return 2;                                   /* U+00A0 */
    }

    if (n < 3 || p[0] != 0xe2) {
        return 0;
    }

    if (p[1] == 0x80
        && (p[2] == 0x89                            /* U+2009 */
            || p[2] == 0xaf                         /* U+202F */
            || (p[2] >= 0x90 && p[2] <= 0x95)))     /* U+2010 to U+2015 */
    {
        return 3;
    }

    if (p[1] == 0x88 && p[2] == 0x92) {
        return 3;                                   /* U+2212 */
    }

    return 0;
}


/* A digit or a lower-case letter of Crockford's alphabet, else 0. */

static uint8_t
totp_code_canonical(uint8_t ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch;
    }

    if (ch >= 'A' && ch <= 'Z') {
        ch |= 0x20;
    }

    switch (ch) {

    case 'o':
        return '0';

    case 'i':
    case 'l':
        return '1';

    case 'u':
        return 0;
    }

    return ch >= 'a' && ch <= 'z' ? ch : 0;
}


void
totp_code_read(totp_code_t *code, totp_str_t typed)
{
    size_t   i, n, digits;
    uint8_t  ch;

    memset(code, 0, sizeof(totp_code_t));

    digits = 0;

    for (i = 0; i < typed.len; i += n) {
        n = totp_code_separator(typed.data + i, typed.len - i);
        if (n) {
            continue;
        }

        n = 1;
        ch = totp_code_canonical(typed.data[i]);

        if (ch == 0 || code->len == TOTP_CODE_MAX) {
            goto none;
        }

        /* an o is no digit of a one-time code */

        digits += (ch == typed.data[i] && ch <= '9');

        code->data[code->len++] = ch;
    }

    if (code->len == TOTP_CODE_MAX) {
        code->shape = TOTP_CODE_BACKUP;
        return;
    }

    if ((code->len == 6 || code->len == 8) && digits == code->len) {
        code->shape = TOTP_CODE_OTP;
        return;
    }

none:

    totp_wipe(code, sizeof(totp_code_t));
}
