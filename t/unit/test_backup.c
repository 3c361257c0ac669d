#include "keys.h"
#include "totp_backup.h"
#include "totp_code.h"


static void
encodes(void **state)
{
    char     code[TOTP_BACKUP_LEN];
    uint8_t  random[TOTP_BACKUP_RANDOM];

    (void) state;

    assert_int_equal(unhex(random, "00443214c74254b635cf"), sizeof(random));
    totp_backup_encode(code, random);
    assert_memory_equal(code, "0123456789abcdef", TOTP_BACKUP_LEN);

    assert_int_equal(unhex(random, "84653a56d7be75ce7cff"), sizeof(random));
    totp_backup_encode(code, random);
    assert_memory_equal(code, "ghjkmnpqqstwwz7z", TOTP_BACKUP_LEN);

    memset(random, 0xff, sizeof(random));
    totp_backup_encode(code, random);
    assert_memory_equal(code, "zzzzzzzzzzzzzzzz", TOTP_BACKUP_LEN);
}


static void
shows(void **state)
{
    char  shown[TOTP_BACKUP_SHOWN + 1];

    (void) state;

    shown[TOTP_BACKUP_SHOWN] = '#';
    totp_backup_show(shown, "k7m42qxp9fhd3wtz");
    assert_memory_equal(shown, "k7m4-2qxp-9fhd-3wtz#", TOTP_BACKUP_SHOWN + 1);
}


/* Every bit of the randomness counts, and what is shown is read back. */

static void
read_back(void **state)
{
    char         code[TOTP_BACKUP_LEN], other[TOTP_BACKUP_LEN];
    char         shown[TOTP_BACKUP_SHOWN];
    size_t       bit;
    uint8_t      random[TOTP_BACKUP_RANDOM];
    totp_code_t  typed;

    (void) state;

    unhex(random, "9e3779b97f4a7c15f39c");
    totp_backup_encode(code, random);

    for (bit = 0; bit < 8 * sizeof(random); bit++) {
        random[bit / 8] ^= (uint8_t) (1 << bit % 8);
        totp_backup_encode(other, random);
        random[bit / 8] ^= (uint8_t) (1 << bit % 8);

        assert_memory_not_equal(code, other, TOTP_BACKUP_LEN);

        totp_backup_show(shown, other);
        totp_code_read(&typed, totp_str(shown, sizeof(shown)));

        assert_int_equal(typed.shape, TOTP_CODE_BACKUP);
        assert_memory_equal(typed.data, other, TOTP_BACKUP_LEN);
    }
}


/* Computed by another implementation. */

static void
tag_is(void **state)
{
    int             n;
    char            tag[TOTP_BACKUP_TAG_MAX];
    totp_keyring_t  ring;

    (void) state;

    ring_of(&ring, KEY_2A);

    n = totp_backup_tag(tag, &ring.keys[0], STR("default"), STR("alice"),
                        STR("k7m42qxp9fhd3wtz"));

    assert_true(n > 0);
    assert_str(totp_str(tag, (size_t) n),
               "2a.yNLaIS8MltWgBWxyBYvF-OOdZ1RY0RkzYijsSEJACSA");
}


static void
longest_id(void **state)
{
    int             n;
    char            tag[TOTP_BACKUP_TAG_MAX];
    totp_keyring_t  ring;

    (void) state;

    ring_of(&ring, "0123456789abcdef:"
                   "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");

    n = totp_backup_tag(tag, &ring.keys[0], STR("default"), STR("alice"),
                        STR("k7m42qxp9fhd3wtz"));

    assert_int_equal(n, TOTP_BACKUP_TAG_MAX);
    assert_memory_equal(tag, "0123456789abcdef.", 17);
}


/* Nothing moves from one part into the next, and every part counts. */

static void
parts_are_kept_apart(void **state)
{
    int             n;
    char            tags[8][TOTP_BACKUP_TAG_MAX];
    size_t          i, j;
    totp_keyring_t  ring;

    static const char *const  parts[8][3] = {
        { "ab", "cd", "ef" },
        { "abc", "d", "ef" },
        { "a", "bcd", "ef" },
        { "ab", "cde", "f" },
        { "ab", "c", "def" },
        { "", "abcd", "ef" },
        { "ab", "cd", "eg" },
        { "ab", "Cd", "ef" },
    };

    (void) state;

    ring_of(&ring, KEY_2A KEY_OLD);
    memset(tags, 0, sizeof(tags));

    for (i = 0; i < 8; i++) {
        n = totp_backup_tag(tags[i], &ring.keys[0], cstr(parts[i][0]),
                            cstr(parts[i][1]), cstr(parts[i][2]));
        assert_int_equal(n, 2 + 1 + 43);

        for (j = 0; j < i; j++) {
            assert_memory_not_equal(tags[i], tags[j], (size_t) n);
        }
    }

    /* another key: not the id alone */

    n = totp_backup_tag(tags[1], &ring.keys[1], STR("ab"), STR("cd"),
                        STR("ef"));
    assert_int_equal(n, 3 + 1 + 43);
    assert_memory_equal(tags[1], "old.", 4);
    assert_memory_not_equal(tags[1] + 4, tags[0] + 3, 43);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(encodes),
        cmocka_unit_test(shows),
        cmocka_unit_test(read_back),
        cmocka_unit_test(tag_is),
        cmocka_unit_test(longest_id),
        cmocka_unit_test(parts_are_kept_apart),
    };

    return cmocka_run_group_tests_name("backup", tests, NULL, NULL);
}
