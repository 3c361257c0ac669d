/*
 * Base32 both ways.
 */

#include "fuzz.h"
#include "totp_base32.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int       n;
    char     *text;
    size_t    i, len, chars;
    uint8_t  *copy, *out, c;

    copy = fuzz_copy(data, size);

    /* what is written comes back, and not into less room */

    len = totp_base32_len(size);
    text = malloc(len ? len : 1);
    out = malloc(size ? size : 1);
    CHECK(text != NULL && out != NULL);

    totp_base32_encode(text, totp_str(copy, size));

    n = totp_base32_decode(out, size, totp_str(text, len));
    CHECK(n == (int) size);
    CHECK(size == 0 || memcmp(out, copy, size) == 0);
    CHECK(size == 0
          || totp_base32_decode(out, size - 1, totp_str(text, len)) == -1);

    free(text);

    /* what is read is written as it was, but for case and separators */

    n = totp_base32_decode(out, size, totp_str(copy, size));
    CHECK(n >= -1 && n <= (int) size);

    if (n >= 0) {
        len = totp_base32_len((size_t) n);
        text = malloc(len ? len : 1);
        CHECK(text != NULL);

        totp_base32_encode(text, totp_str(out, (size_t) n));

        chars = 0;

        for (i = 0; i < size; i++) {
            c = copy[i];

            if (c == ' ' || c == '-' || c == '=') {
                continue;
            }

            CHECK(chars < len);
            CHECK((c >= 'a' && c <= 'z' ? c - 32 : c) == text[chars]);
            chars++;
        }

        CHECK(chars == len);
        free(text);
    }

    free(out);
    free(copy);

    return 0;
}
