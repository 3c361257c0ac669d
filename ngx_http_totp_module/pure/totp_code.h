/*
 * What a visitor typed into the code field: a code of the app or a backup
 * code, told apart by shape.
 */

#ifndef TOTP_CODE_H
#define TOTP_CODE_H

#include "totp_str.h"


#define TOTP_CODE_MAX  16


typedef enum {
    TOTP_CODE_NONE = 0,             /* neither shape */
    TOTP_CODE_OTP,                  /* 6 or 8 ASCII digits */
    TOTP_CODE_BACKUP                /* 16 characters of Crockford's alphabet */
} totp_code_shape_t;


typedef struct {
    totp_code_shape_t  shape;
    size_t             len;
    uint8_t            data[TOTP_CODE_MAX];     /* canonical */
} totp_code_t;


/*
 * Leaves out separators (space, U+00A0, U+2009, U+202F, '-', '.', U+2010 to
 * U+2015, U+2212), also before and after.  A control character (tab, line
 * feed, NUL ...) or any other character makes it TOTP_CODE_NONE.  A backup
 * code becomes lower case with o, i, l read as 0, 1, 1; u is none of its
 * characters.
 */
void totp_code_read(totp_code_t *code, totp_str_t typed);


#endif /* TOTP_CODE_H */
