#include "unit.h"
#include "totp_passwd.h"


#define N(array)  (sizeof(array) / sizeof(array[0]))

#define PASSWORD  "correct horse"


static const struct {
    const char            *hash;
    totp_passwd_scheme_t   scheme;
    const char            *cost;
} hashes[] = {

    { "{PLAIN}" PASSWORD, TOTP_PASSWD_PLAIN, "{PLAIN}" },

    { "{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=", TOTP_PASSWD_SHA, "{SHA}" },

    { "{SSHA}LhKrkM9Fy+zlstjdD7Kv2s6QvhBzYWx0", TOTP_PASSWD_SSHA, "{SSHA}" },

    { "{SSHA}L55TUjtiq8FBorTWAZ0jy6g129A=", TOTP_PASSWD_SSHA, "{SSHA}" },

    { "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
      TOTP_PASSWD_CRYPT, "$2y$04$" },

    { "$6$saltsalt$hRM5XZ86KXEw9UOmjigeVqFgULtFB2sgpC9lXQDfMib3Zgw7mEiUvBJI2Ep"
      "lzfAqxL5Vvwp2scFtv/uamSo5z0", TOTP_PASSWD_CRYPT, "$6$" },

    { "$6$rounds=1000$saltsalt$4GMtaIz3E1AdDi2SmCokEW0ehi.HdxNDcL3fGE1XXuzvo6k"
      "bx7UOloZKONqEk5H3JrQA4NOfU8BmqFPrpGqwA1", TOTP_PASSWD_CRYPT,
      "$6$rounds=1000$" },

    { "$5$saltsalt$myjXcpMpE2Ofk7fj9hqyNYSn6lmWG4Mqnjx.KIRRr4/",
      TOTP_PASSWD_CRYPT, "$5$" },

    { "$1$saltsalt$NuzA7WTAelpl95xgBGWN60", TOTP_PASSWD_CRYPT, "$1$" },

    { "abhfCpXqd4GrI", TOTP_PASSWD_CRYPT, "" },

    { "_J9..saltGomPeRUt8OA", TOTP_PASSWD_CRYPT, "_J9.." },

    { "$y$j75$saltsaltsalt$zQziiNee/3jd.PJJvsNgy7GH5uO3HbsUNcQ3Jsopj2B",
      TOTP_PASSWD_CRYPT, "$y$j75$" },

    { "$gy$j75$saltsaltsalt$FFlUW4u5Fz1YAdX9ElppYGjZh5FS2ScZyN0lLH9gyh0",
      TOTP_PASSWD_CRYPT, "$gy$j75$" },

    { "$7$20..../....saltsalt$upVmYynmtV3fDjVgQmi.u3kljIX6Rr2/MWiHfi00vH4",
      TOTP_PASSWD_CRYPT, "$7$20..../...." },

    { "$sha1$100$saltsalt$ED1yqZvDbueAIfBRk5Ii//s5sLCT", TOTP_PASSWD_CRYPT,
      "$sha1$100$" },

    { "$md5,rounds=10$saltsalt$$N/o2k9AqdoveeDFc4/Shr0", TOTP_PASSWD_CRYPT,
      "$md5,rounds=10$" },
};


static void
verifies_every_scheme(void **state)
{
    size_t      i;
    totp_str_t  hash, right, wrong;

    (void) state;

    right = heap(PASSWORD, sizeof(PASSWORD) - 1);
    wrong = STR("Correct horse");

    for (i = 0; i < N(hashes); i++) {
        hash = heap(hashes[i].hash, strlen(hashes[i].hash));

        if (totp_passwd_verify(right, hash) != 1
            || totp_passwd_verify(wrong, hash) != 0
            || totp_passwd_verify(STR(""), hash) != 0)
        {
            fail_msg("%s", hashes[i].hash);
        }

        assert_int_equal(totp_passwd_scheme(hash), hashes[i].scheme);
        assert_true(totp_str_eq(totp_passwd_cost(hash),
                                cstr(hashes[i].cost)));
        heap_free(hash);
    }

    heap_free(right);
}


static void
a_changed_hash_is_wrong(void **state)
{
    char        changed[160];
    size_t      i, len;
    totp_str_t  password;

    (void) state;

    password = STR(PASSWORD);

    for (i = 0; i < N(hashes); i++) {
        len = strlen(hashes[i].hash);
        memcpy(changed, hashes[i].hash, len + 1);

        /* the middle of it: for some the last character has spare bits */

        changed[len - 6] = changed[len - 6] == 'x' ? 'z' : 'x';
        assert_int_equal(totp_passwd_verify(password, cstr(changed)), 0);

        assert_int_equal(totp_passwd_verify(password,
                                            totp_str(hashes[i].hash, len - 1)),
                         0);

        memcpy(changed, hashes[i].hash, len);
        memcpy(changed + len, "x", 2);
        assert_int_equal(totp_passwd_verify(password, cstr(changed)), 0);
    }
}


static void
what_is_no_hash(void **state)
{
    size_t      i;
    totp_str_t  hash;

    static const char *const  bad[] = {
        "", "*", "*0", "*1", "!", "x", "$", "$$", "$2", "$2y$", "$2y$04$",
        "$2y$99$abcdefghijklmnopqrstuu", "$6", "$6$", "$6$saltsalt",
        "$6$saltsalt$", "$y$", "$y$j75$saltsaltsalt$", "$7$", "$unknown$x$y",
        "_", "_J9", "_J9..salt", "ab", "a", "{SHA}", "{SSHA}", "{SHA}!",
        "{SHA}L55TUjtiq8FBorTWAZ0jy6g129B=", "{SHA}L55TUjtiq8FBorTWAZ0jy6g129A",
        "{SHA}LhKrkM9Fy+zlstjdD7Kv2s6QvhBzYWx0", "{SSHA}L55TUjtiq8FBorTW",
        "{CRYPT}abhfCpXqd4GrI", "{sha}L55TUjtiq8FBorTWAZ0jy6g129A=",
        PASSWORD,

        /* right, but nginx's to verify */

        "$apr1$saltsalt$EGVZDNN6gOqijy.tv9axG/",
    };

    (void) state;

    for (i = 0; i < N(bad); i++) {
        hash = heap(bad[i], strlen(bad[i]));

        if (totp_passwd_verify(STR(PASSWORD), hash) != 0) {
            fail_msg("%s", bad[i]);
        }

        (void) totp_passwd_cost(hash);
        heap_free(hash);
    }

    assert_int_equal(totp_passwd_verify(totp_str(NULL, 0), totp_str(NULL, 0)),
                     0);
    assert_int_equal(totp_passwd_verify(STR("*0"), STR("*0")), 0);

    assert_int_equal(totp_passwd_scheme(cstr(bad[N(bad) - 1])),
                     TOTP_PASSWD_APR1);
    assert_str(totp_passwd_cost(cstr(bad[N(bad) - 1])), "$apr1$");
    assert_str(totp_passwd_cost(STR("")), "");
    assert_str(totp_passwd_cost(STR("$2")), "");
    assert_str(totp_passwd_cost(STR("$7$20")), "");
    assert_str(totp_passwd_cost(STR("_J9")), "");
    assert_str(totp_passwd_cost(STR("{SHA")), "");
    assert_str(totp_passwd_cost(STR("$2b$12$x")), "$2b$12$");
    assert_str(totp_passwd_cost(STR("$y$j9T$salt$x")), "$y$j9T$");
}


static void
odd_passwords(void **state)
{
    char        text[100];
    size_t      i;
    uint8_t     big[600];

    static const char  hash72[] =
        "$2y$04$abcdefghijklmnopqrstuup5OpK2YVWOf8zhcTL0LOco4/tHSabd2";

    (void) state;

    assert_int_equal(totp_passwd_verify(totp_str(NULL, 0), STR("{PLAIN}")), 1);
    assert_int_equal(totp_passwd_verify(STR("a"), STR("{PLAIN}")), 0);
    assert_int_equal(totp_passwd_verify(STR("a\0b"), STR("{PLAIN}a\0b")), 0);
    assert_int_equal(totp_passwd_verify(STR(PASSWORD "\0"),
                                        STR("{PLAIN}" PASSWORD)), 0);
    assert_int_equal(totp_passwd_verify(STR(PASSWORD "\0"),
                                        cstr(hashes[4].hash)), 0);

    /* bcrypt and its 72 bytes, as the header says */

    for (i = 0; i < sizeof(text); i++) {
        text[i] = (char) ('a' + i % 26);
    }

    assert_int_equal(totp_passwd_verify(totp_str(text, 100), cstr(hash72)), 1);
    assert_int_equal(totp_passwd_verify(totp_str(text, 72), cstr(hash72)), 1);
    assert_int_equal(totp_passwd_verify(totp_str(text, 71), cstr(hash72)), 0);

    /* more than libxcrypt takes */

    memset(big, 'a', sizeof(big));
    assert_int_equal(totp_passwd_verify(totp_str(big, sizeof(big)),
                                        cstr(hash72)), 0);
    assert_int_equal(totp_passwd_verify(totp_str(big, sizeof(big)),
                                        STR("{SHA}L55TUjtiq8FBorTWAZ0jy6g129A="
                                            )), 0);
}


static void
steps_through_a_file(void **state)
{
    size_t      i, pos;
    totp_str_t  file, user, hash;

    static const char  text[] =
        "# people\n"
        "alice:$6$salt$x\n"
        "\n"
        "\r\n"
        "bob:{PLAIN}pw:a comment:more\r\n"
        "carl:{PLAIN}pw\r\n"
        "nobody\n"
        ":x\n"
        "#eve:x\n"
        "empty:\n"
        "two::x\n"
        " spaced : x \n"
        "J\xc3\xbcrgen:abhfCpXqd4GrI";

    static const char *const  want[][2] = {
        { "alice", "$6$salt$x" },
        { "bob", "{PLAIN}pw" },
        { "carl", "{PLAIN}pw" },
        { "empty", "" },
        { "two", "" },
        { " spaced ", " x " },
        { "J\xc3\xbcrgen", "abhfCpXqd4GrI" },
    };

    (void) state;

    file = heap(text, sizeof(text) - 1);
    pos = 0;

    for (i = 0; i < N(want); i++) {
        assert_int_equal(totp_passwd_next(file, &pos, &user, &hash), 1);
        assert_true(totp_str_eq(user, cstr(want[i][0])));
        assert_true(totp_str_eq(hash, cstr(want[i][1])));
    }

    assert_int_equal(totp_passwd_next(file, &pos, &user, &hash), 0);
    heap_free(file);

    pos = 0;
    assert_int_equal(totp_passwd_next(totp_str(NULL, 0), &pos, &user, &hash),
                     0);

    pos = 0;
    assert_int_equal(totp_passwd_next(STR("#"), &pos, &user, &hash), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(verifies_every_scheme),
        cmocka_unit_test(a_changed_hash_is_wrong),
        cmocka_unit_test(what_is_no_hash),
        cmocka_unit_test(odd_passwords),
        cmocka_unit_test(steps_through_a_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
