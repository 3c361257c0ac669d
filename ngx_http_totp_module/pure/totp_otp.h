/*
 * One-time codes: HOTP (RFC 4226) over time steps (RFC 6238).
 */

#ifndef TOTP_OTP_H
#define TOTP_OTP_H

#include "totp_str.h"


#define TOTP_SECRET_LEN     20      /* bytes; RFC 4226, section 4, R6 */
#define TOTP_MAX_DIGITS     8
#define TOTP_DRIFT_STEPS    10      /* how far a wrong clock is recognised */


typedef enum {
    TOTP_SHA1 = 0,
    TOTP_SHA256,
    TOTP_SHA512
} totp_alg_t;


typedef struct {
    totp_alg_t  alg;
    unsigned    digits;             /* 6 or 8 */
    unsigned    period;             /* seconds in a step, > 0 */
} totp_params_t;


typedef enum {
    TOTP_MATCH_NONE = 0,            /* no step near now has this code */
    TOTP_MATCH_OK,                  /* within the skew */
    TOTP_MATCH_DRIFT                /* outside it, but within TOTP_DRIFT_STEPS */
} totp_match_t;


/* "SHA1", "SHA256", "SHA512": the word of an otpauth: URI; static. */
const char *totp_alg_name(totp_alg_t alg);

/* Returns 0 and sets *alg, or -1; takes either case. */
int totp_alg_parse(totp_alg_t *alg, totp_str_t name);

/* The step of a unix time in seconds (RFC 6238, section 4.2, T0 = 0). */
uint64_t totp_otp_step(const totp_params_t *params, uint64_t now);

/*
 * The code of a step: exactly params->digits ASCII digits and a NUL.
 * Returns 0, or -1: the crypto library fails, or params are not 6 to 8 digits
 * of a known algorithm.
 */
int totp_otp_code(char out[TOTP_MAX_DIGITS + 1], const totp_params_t *params,
    totp_str_t secret, uint64_t step);

/*
 * Looks for code in the steps now - skew .. now + skew, then in
 * now +/- TOTP_DRIFT_STEPS.  Every step is computed and compared in constant
 * time whatever the outcome.  Of several equal codes within the skew the
 * latest step counts; outside it the one nearest to now, and of two as near
 * the later.  A code of another length matches nothing.  A skew beyond
 * TOTP_DRIFT_STEPS counts as that.  Returns a totp_match_t, *step is set for
 * TOTP_MATCH_OK and TOTP_MATCH_DRIFT; or -1 as totp_otp_code() does.
 */
int totp_otp_match(uint64_t *step, const totp_params_t *params,
    totp_str_t secret, totp_str_t code, uint64_t now_step, unsigned skew);


#endif /* TOTP_OTP_H */
