/*
 * Plurals: which form of a text goes with a number.
 */

#include "totp_plural.h"
#include "totp_ascii.h"


typedef const char *(*totp_plural_rule_t)(unsigned long n);


static const char *totp_plural_none(unsigned long n);
static const char *totp_plural_one(unsigned long n);
static const char *totp_plural_french(unsigned long n);
static const char *totp_plural_polish(unsigned long n);
static const char *totp_plural_arabic(unsigned long n);
static totp_plural_rule_t totp_plural_find(totp_str_t rule);


static const struct {
    const char          *name;
    totp_plural_rule_t   rule;
} totp_plural_rules[] = {
    { "none", totp_plural_none },
    { "one", totp_plural_one },
    { "french", totp_plural_french },
    { "polish", totp_plural_polish },
    { "arabic", totp_plural_arabic }
};


const char *
totp_plural(totp_str_t rule, unsigned long n)
{
    totp_plural_rule_t  category;

    category = totp_plural_find(rule);

    return category != NULL ? category(n) : "other";
}


int
totp_plural_known(totp_str_t rule)
{
    return totp_plural_find(rule) != NULL;
}


static totp_plural_rule_t
totp_plural_find(totp_str_t rule)
{
    size_t  i;

    for (i = 0;
         i < sizeof(totp_plural_rules) / sizeof(totp_plural_rules[0]);
         i++)
    {
        if (totp_ascii_is(rule, totp_plural_rules[i].name)) {
            return totp_plural_rules[i].rule;
        }
    }

    return NULL;
}


static const char *
totp_plural_none(unsigned long n)
{
    (void) n;

    return "other";
}


static const char *
totp_plural_one(unsigned long n)
{
    return n == 1 ? "one" : "other";
}


static const char *
totp_plural_french(unsigned long n)
{
    return n <= 1 ? "one" : "other";
}


static const char *
totp_plural_polish(unsigned long n)
{
    if (n == 1) {
        return "one";
    }

    if (n % 10 >= 2 && n % 10 <= 4 && (n % 100 < 12 || n % 100 > 14)) {
        return "few";
    }

    return "many";
}


static const char *
totp_plural_arabic(unsigned long n)
{
    if (n == 1) {
        return "one";
    }

    if (n == 2) {
        return "two";
    }

    if (n % 100 >= 3 && n % 100 <= 10) {
        return "few";
    }

    if (n % 100 >= 11) {
        return "many";
    }

    return "other";
}
