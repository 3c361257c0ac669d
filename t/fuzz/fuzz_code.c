/*
 * What was typed into the code field.
 */

#include "fuzz.h"
#include "totp_code.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t       i, n;
    uint8_t     *copy, *spread;
    totp_code_t  code, again;

    static const char *const  separators[] = {
        " ", "\xc2\xa0", "\xe2\x80\x89", "\xe2\x80\xaf", "-", ".",
        "\xe2\x80\x90", "\xe2\x80\x95", "\xe2\x88\x92",
    };

    copy = fuzz_copy(data, size);

    totp_code_read(&code, totp_str(copy, size));

    switch (code.shape) {

    case TOTP_CODE_NONE:
        free(copy);
        return 0;

    case TOTP_CODE_OTP:
        CHECK(code.len == 6 || code.len == 8);

        for (i = 0; i < code.len; i++) {
            CHECK(code.data[i] >= '0' && code.data[i] <= '9');
        }

        break;

    case TOTP_CODE_BACKUP:
        CHECK(code.len == TOTP_CODE_MAX);

        for (i = 0; i < code.len; i++) {
            CHECK(code.data[i] != '\0'
                  && strchr("0123456789abcdefghjkmnpqrstvwxyz", code.data[i])
                     != NULL);
        }

        break;

    default:
        CHECK(!"a shape");
    }

    /* a canonical code is itself, and so it is with separators around */

    totp_code_read(&again, totp_str(code.data, code.len));
    CHECK(again.shape == code.shape && again.len == code.len);
    CHECK(memcmp(again.data, code.data, code.len) == 0);

    spread = malloc(4 * (code.len + 1));
    CHECK(spread != NULL);
    n = 0;

    for (i = 0; i < code.len; i++) {
        n += (size_t) sprintf((char *) spread + n, "%s",
                              separators[(size + i) % 9]);
        spread[n++] = code.data[i];
    }

    totp_code_read(&again, totp_str(spread, n));
    CHECK(again.shape == code.shape && again.len == code.len);
    CHECK(memcmp(again.data, code.data, code.len) == 0);

    /* a control character makes it none */

    spread[n++] = '\t';
    totp_code_read(&again, totp_str(spread, n));
    CHECK(again.shape == TOTP_CODE_NONE);

    free(spread);
    free(copy);

    return 0;
}
