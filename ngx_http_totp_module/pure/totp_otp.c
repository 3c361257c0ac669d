#include "totp_otp.h"
#include "totp_be.h"
#include "totp_hmac.h"
#include "totp_wipe.h"

#include <strings.h>


#define TOTP_MIN_DIGITS  6
#define TOTP_WINDOW      (2 * TOTP_DRIFT_STEPS + 1)


static const char *const  totp_alg_names[] = { "SHA1", "SHA256", "SHA512" };


const char *
totp_alg_name(totp_alg_t alg)
{
    return totp_alg_names[alg];
}


int
totp_alg_parse(totp_alg_t *alg, totp_str_t name)
{
    size_t  i;

    for (i = 0; i < sizeof(totp_alg_names) / sizeof(char *); i++) {
        if (name.len == strlen(totp_alg_names[i])
            && strncasecmp((const char *) name.data, totp_alg_names[i],
                           name.len)
               == 0)
        {
            *alg = (totp_alg_t) i;
            return 0;
        }
    }

    return -1;
}


uint64_t
totp_otp_step(const totp_params_t *params, uint64_t now)
{
    return now / params->period;
}


static totp_hmac_t *
totp_otp_hmac(const totp_params_t *params, totp_str_t secret)
{
    if (params->digits < TOTP_MIN_DIGITS || params->digits > TOTP_MAX_DIGITS
        || (unsigned) params->alg > TOTP_SHA512)
    {
        return NULL;
    }

    return totp_hmac_create(totp_alg_names[params->alg], secret);
}


/* RFC 4226, section 5.3: dynamic truncation. */

static int
totp_otp_write(char out[TOTP_MAX_DIGITS + 1], totp_hmac_t *hmac,
    unsigned digits, uint64_t step)
{
    int         len;
    uint8_t     counter[TOTP_BE64_LEN], sum[TOTP_HMAC_MAX];
    unsigned    i, offset;
    uint32_t    n;
    totp_str_t  part;

    totp_be64_put(counter, step);
    part = totp_str(counter, sizeof(counter));

    len = totp_hmac_sum(sum, hmac, &part, 1);
    if (len < 1) {
        return -1;
    }

    offset = sum[len - 1] & 0xf;

    n = (uint32_t) (sum[offset] & 0x7f) << 24
        | (uint32_t) sum[offset + 1] << 16
        | (uint32_t) sum[offset + 2] << 8
        | (uint32_t) sum[offset + 3];

    totp_wipe(sum, sizeof(sum));

    out[digits] = '\0';

    for (i = digits; i > 0; i--) {
        out[i - 1] = (char) ('0' + n % 10);
        n /= 10;
    }

    return 0;
}


int
totp_otp_code(char out[TOTP_MAX_DIGITS + 1], const totp_params_t *params,
    totp_str_t secret, uint64_t step)
{
    int           rc;
    totp_hmac_t  *hmac;

    hmac = totp_otp_hmac(params, secret);
    if (hmac == NULL) {
        return -1;
    }

    rc = totp_otp_write(out, hmac, params->digits, step);

    totp_hmac_free(hmac);

    return rc;
}


/*
 * Which of the steps around now have this code: equal[TOTP_DRIFT_STEPS] is
 * that of now.  Steps before the epoch or after the end of time have none.
 */

static int
totp_otp_compare(int equal[TOTP_WINDOW], totp_hmac_t *hmac, unsigned digits,
    totp_str_t code, uint64_t now_step)
{
    int       i, back, whole;
    char      typed[TOTP_MAX_DIGITS + 1], right[TOTP_MAX_DIGITS + 1];
    uint64_t  distance;

    memset(typed, 0, sizeof(typed));

    whole = (code.len == digits);

    if (whole) {
        memcpy(typed, code.data, digits);
    }

    for (i = 0; i < TOTP_WINDOW; i++) {
        equal[i] = 0;

        back = i < TOTP_DRIFT_STEPS;
        distance = (uint64_t) (back ? TOTP_DRIFT_STEPS - i
                                    : i - TOTP_DRIFT_STEPS);

        if (distance > (back ? now_step : UINT64_MAX - now_step)) {
            continue;
        }

        if (totp_otp_write(right, hmac, digits,
                           back ? now_step - distance : now_step + distance)
            != 0)
        {
            return -1;
        }

        equal[i] = totp_equal(right, typed, digits) & whole;
    }

    totp_wipe(right, sizeof(right));
    totp_wipe(typed, sizeof(typed));

    return 0;
}


int
totp_otp_match(uint64_t *step, const totp_params_t *params,
    totp_str_t secret, totp_str_t code, uint64_t now_step, unsigned skew)
{
    int           i, rc, n, equal[TOTP_WINDOW];
    totp_hmac_t  *hmac;

    hmac = totp_otp_hmac(params, secret);
    if (hmac == NULL) {
        return -1;
    }

    rc = totp_otp_compare(equal, hmac, params->digits, code, now_step);

    totp_hmac_free(hmac);

    if (rc != 0) {
        return -1;
    }

    n = skew < TOTP_DRIFT_STEPS ? (int) skew : TOTP_DRIFT_STEPS;

    for (i = n; i >= -n; i--) {
        if (equal[TOTP_DRIFT_STEPS + i]) {
            *step = now_step + (uint64_t) (int64_t) i;
            return TOTP_MATCH_OK;
        }
    }

    for (i = n + 1; i <= TOTP_DRIFT_STEPS; i++) {
        if (equal[TOTP_DRIFT_STEPS + i]) {
            *step = now_step + (uint64_t) i;
            return TOTP_MATCH_DRIFT;
        }

        if (equal[TOTP_DRIFT_STEPS - i]) {
            *step = now_step - (uint64_t) i;
            return TOTP_MATCH_DRIFT;
        }
    }

    return TOTP_MATCH_NONE;
}
