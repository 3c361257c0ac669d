/*
 * Plurals by rule, at the numbers where CLDR's categories change.
 */

#include "unit.h"
#include "totp_plural.h"


typedef struct {
    unsigned long  n;
    const char    *category;
} example_t;


static void
check(const char *rule, const example_t *e)
{
    for ( /* void */ ; e->category != NULL; e++) {
        assert_string_equal(totp_plural(totp_str(rule, strlen(rule)), e->n),
                            e->category);
    }
}


static void
none_has_other_alone(void **state)
{
    static const example_t  e[] = {
        { 0, "other" }, { 1, "other" }, { 2, "other" }, { 0, NULL }
    };

    (void) state;

    check("none", e);
}


static void
one_is_one(void **state)
{
    static const example_t  e[] = {
        { 0, "other" }, { 1, "one" }, { 2, "other" }, { 21, "other" },
        { 0, NULL }
    };

    (void) state;

    check("one", e);
}


static void
french_counts_zero_as_one(void **state)
{
    static const example_t  e[] = {
        { 0, "one" }, { 1, "one" }, { 2, "other" }, { 0, NULL }
    };

    (void) state;

    check("french", e);
}


static void
polish_has_few_and_many(void **state)
{
    static const example_t  e[] = {
        { 0, "many" }, { 1, "one" }, { 2, "few" }, { 4, "few" }, { 5, "many" },
        { 11, "many" }, { 12, "many" }, { 14, "many" }, { 15, "many" },
        { 21, "many" }, { 22, "few" }, { 24, "few" }, { 25, "many" },
        { 112, "many" }, { 122, "few" }, { 0, NULL }
    };

    (void) state;

    check("polish", e);
}


static void
arabic_has_two_few_and_many(void **state)
{
    static const example_t  e[] = {
        { 0, "other" }, { 1, "one" }, { 2, "two" }, { 3, "few" }, { 10, "few" },
        { 11, "many" }, { 99, "many" }, { 100, "other" }, { 102, "other" },
        { 103, "few" }, { 111, "many" }, { 0, NULL }
    };

    (void) state;

    check("arabic", e);
}


static void
an_unknown_rule_is_none(void **state)
{
    static const example_t  e[] = { { 1, "other" }, { 0, NULL } };

    (void) state;

    check("klingon", e);
    check("", e);

    assert_false(totp_plural_known(totp_str("klingon", 7)));
    assert_false(totp_plural_known(totp_str("", 0)));
    assert_true(totp_plural_known(totp_str("polish", 6)));
}


int
main(void)
{
    static const struct CMUnitTest  tests[] = {
        cmocka_unit_test(none_has_other_alone),
        cmocka_unit_test(one_is_one),
        cmocka_unit_test(french_counts_zero_as_one),
        cmocka_unit_test(polish_has_few_and_many),
        cmocka_unit_test(arabic_has_two_few_and_many),
        cmocka_unit_test(an_unknown_rule_is_none)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
