/*
 * application/x-www-form-urlencoded, strictly: a bad percent sequence, a NUL or
 * a field sent twice is an error, never a guess.  Values are bytes: which of
 * them make a user's name is totp_name's question.
 */

#ifndef TOTP_FORM_H
#define TOTP_FORM_H

#include "totp_str.h"


#define TOTP_FORM_FIELDS  16        /* known ones a form may ask for */
#define TOTP_FORM_PAIRS   64        /* pairs in a body, more is an error */


typedef struct {
    totp_str_t  name;               /* set by the caller */
    int         found;
    totp_str_t  value;              /* into the body, decoded in place */
} totp_form_field_t;


/*
 * Decodes body in place ('+' is a space) and fills in fields[0..n).  Unknown
 * names are ignored, but checked all the same (also for being sent twice).
 * A name without '=' has an empty value; empty pairs ("&&") are nothing.
 * Returns 0, or -1 for a body that is not a form: the fields then mean nothing.
 */
int totp_form_parse(uint8_t *body, size_t len, totp_form_field_t *fields,
    size_t n);

/*
 * The media type of a Content-Type: application/x-www-form-urlencoded, alone
 * or with charset=utf-8 (either may be in any case, the value quoted).
 */
int totp_form_type_ok(totp_str_t content_type);


#endif /* TOTP_FORM_H */
