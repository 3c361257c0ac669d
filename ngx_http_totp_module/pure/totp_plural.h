/*
 * Plurals: which form of a text goes with a number (the categories of CLDR,
 * for whole numbers).
 */

#ifndef TOTP_PLURAL_H
#define TOTP_PLURAL_H

#include "totp_str.h"


/*
 * "one", "two", "few", "many" or "other" for n; static.  rule is a language
 * file's lang.plural:
 *
 *     none     other alone (Chinese, Japanese)
 *     one      1 is one (Dutch, English, German, Italian, Spanish)
 *     french   0 and 1 are one (French, Portuguese)
 *     polish   1 is one; 2 to 4, 22 to 24, ... are few; the rest is many
 *     arabic   1 is one, 2 is two; 3 to 10, 103 to 110, ... are few; 11 to 99,
 *              111 to 199, ... are many; 100 to 102, ... and 0 are other
 *
 * Any other rule is as good as "none".
 */
const char *totp_plural(totp_str_t rule, unsigned long n);

/* Is there such a rule? */
int totp_plural_known(totp_str_t rule);


#endif /* TOTP_PLURAL_H */
