#include "keys.h"


/* Derived by another implementation of RFC 5869. */

static void
derives(void **state)
{
    uint8_t         want[TOTP_KEY_LEN];
    totp_keyring_t  ring;

    (void) state;

    ring_of(&ring, KEY_2A);

    assert_int_equal(ring.n, 1);
    assert_int_equal(ring.keys[0].id_len, 2);
    assert_memory_equal(ring.keys[0].id, "2a", 2);

    unhex(want,
          "e6fc8e9f4e32060dddbbae781e255a43153fe8fd00e81525c2e8af3eb15867e3");
    assert_memory_equal(ring.keys[0].session, want, TOTP_KEY_LEN);

    unhex(want,
          "10769ae661fe553b481189d3c58e841187a87dafb4860cdbf2225748f83a45e8");
    assert_memory_equal(ring.keys[0].csrf, want, TOTP_KEY_LEN);

    unhex(want,
          "b8269ff1d900c107f9a8d95f51c207ea0af1bce6371afae36728a79ae4d650c7");
    assert_memory_equal(ring.keys[0].seal, want, TOTP_KEY_LEN);

    unhex(want, "320ba4103494fba8e4be20209754b29a"
                "3b2cc80e7fb04b331c26b362955a5ecc");
    assert_memory_equal(ring.keys[0].entry, want, TOTP_KEY_LEN);

    unhex(want,
          "8d75adeda3589e3ff44c6c504f857e43c5a07a48ca8f4d2dd8b26b179f0de531");
    assert_memory_equal(ring.keys[0].backup, want, TOTP_KEY_LEN);
}


static void
several(void **state)
{
    totp_keyring_t  ring;

    (void) state;

    ring_of(&ring, KEY_OLD KEY_2A);

    assert_int_equal(ring.n, 2);
    assert_ptr_equal(totp_keyring_find(&ring, STR("old")), &ring.keys[0]);
    assert_ptr_equal(totp_keyring_find(&ring, STR("2a")), &ring.keys[1]);
    assert_memory_not_equal(ring.keys[0].session, ring.keys[1].session,
                            TOTP_KEY_LEN);

    assert_null(totp_keyring_find(&ring, STR("2")));
    assert_null(totp_keyring_find(&ring, STR("2A")));
    assert_null(totp_keyring_find(&ring, STR("2a ")));
    assert_null(totp_keyring_find(&ring, STR("2a\0")));
    assert_null(totp_keyring_find(&ring, STR("ol")));
    assert_null(totp_keyring_find(&ring, totp_str(NULL, 0)));
}


#define BYTES  ":AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


static void
good_files(void **state)
{
    size_t          i;
    totp_keyring_t  ring;

    static const char *const  files[] = {
        "a" BYTES,
        "a" BYTES "\n",
        "a" BYTES "\r\n",
        "a" BYTES "\r",
        "\n\n# comment\n#a:b\n\r\na" BYTES "\n\n#\n",
        "#\na" BYTES "\n# no line feed",
        "ABCxyz_-0123456_" BYTES "\n",
    };

    (void) state;

    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        ring_of(&ring, files[i]);
        assert_int_equal(ring.n, 1);
    }
}


static void
bad_files(void **state)
{
    size_t          i, j;
    unsigned        line;
    const char     *err;
    totp_str_t      file;
    totp_keyring_t  ring;

    static const struct {
        const char  *file;
        unsigned     line;
        const char  *err;
    } v[] = {
        { "", 0, "there is no key" },
        { "\n\n", 0, "there is no key" },
        { "# only\n", 0, "there is no key" },
        { "a\n", 1, "the line is not id:key" },
        { "a" BYTES "\nnothing\n", 2, "the line is not id:key" },
        { "a" BYTES "\n \n", 2, "the line is not id:key" },
        { "a" BYTES "\n\n# x\na" BYTES, 4, "the id is used twice" },
        { BYTES, 1, "the key has no id" },
        { "abcdefghijklmnopq" BYTES, 1, "the id is longer than 16 characters" },
        { "a.b" BYTES, 1,
          "the id may hold only letters, digits, \"_\" and \"-\"" },
        { " a" BYTES, 1,
          "the id may hold only letters, digits, \"_\" and \"-\"" },
        { "\xef\xbb\xbf" "a" BYTES, 1,
          "the id may hold only letters, digits, \"_\" and \"-\"" },
        { "a:", 1, "the key is not 32 bytes in base64" },
        { "a" BYTES " ", 1, "the key is not 32 bytes in base64" },
        { "a: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 1,
          "the key is not 32 bytes in base64" },
        /* no padding, spare bits, 31 bytes, 33 bytes, the other alphabet */
        { "a:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", 1,
          "the key is not 32 bytes in base64" },
        { "a:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=", 1,
          "the key is not 32 bytes in base64" },
        { "a:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", 1,
          "the key is not 32 bytes in base64" },
        { "a:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g", 1,
          "the key is not 32 bytes in base64" },
        { "a:__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA=", 1,
          "the key is not 32 bytes in base64" },
        { "a" BYTES ":", 1, "the key is not 32 bytes in base64" },
    };

    (void) state;

    for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
        file = heap(v[i].file, strlen(v[i].file));
        memset(&ring, '#', sizeof(ring));

        err = totp_keyring_parse(&ring, file, &line);

        assert_non_null(err);
        assert_string_equal(err, v[i].err);
        assert_int_equal(line, v[i].line);

        /* not even a good key of the same file stays behind */

        for (j = 0; j < sizeof(ring); j++) {
            assert_int_equal(((uint8_t *) &ring)[j], 0);
        }

        heap_free(file);
    }

    assert_non_null(totp_keyring_parse(&ring, STR("a\0" BYTES), &line));
    assert_non_null(totp_keyring_parse(&ring, totp_str(NULL, 0), &line));
    assert_int_equal(line, 0);
}


static void
most_keys(void **state)
{
    char            file[2048];
    size_t          n, i;
    unsigned        line;
    const char     *err;
    totp_keyring_t  ring;

    (void) state;

    n = 0;

    for (i = 0; i < TOTP_KEYRING_MAX; i++) {
        n += (size_t) snprintf(file + n, sizeof(file) - n, "k%zu" BYTES "\n",
                               i);
    }

    assert_null(totp_keyring_parse(&ring, totp_str(file, n), &line));
    assert_int_equal(ring.n, TOTP_KEYRING_MAX);
    assert_ptr_equal(totp_keyring_find(&ring, STR("k15")), &ring.keys[15]);

    n += (size_t) snprintf(file + n, sizeof(file) - n, "k16" BYTES "\n");

    err = totp_keyring_parse(&ring, totp_str(file, n), &line);
    assert_non_null(err);
    assert_string_equal(err, "there are more than 16 keys");
    assert_int_equal(line, 17);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(derives),
        cmocka_unit_test(several),
        cmocka_unit_test(good_files),
        cmocka_unit_test(bad_files),
        cmocka_unit_test(most_keys),
    };

    return cmocka_run_group_tests_name("keyring", tests, NULL, NULL);
}
