#include "unit.h"
#include "totp_stream.h"


#define SID  "00112233445566778899aAbBcCdDeEfF"


/* A reply of Redis; the caller's to give back. */

static totp_resp_t *
reply(const char *wire)
{
    totp_resp_t         *r;
    totp_resp_reader_t  *reader;

    reader = totp_resp_reader_create();
    assert_non_null(reader);
    assert_int_equal(totp_resp_feed(reader, wire, strlen(wire)), 0);
    assert_int_equal(totp_resp_next(reader, &r), 1);
    totp_resp_reader_destroy(reader);

    return r;
}


static int
entry(totp_stream_entry_t *e, const char *wire)
{
    int           rc;
    totp_resp_t  *r;

    r = reply(wire);
    rc = totp_stream_entry(e, r);
    totp_resp_reply_free(r);

    return rc;
}


static void
reads_an_entry(void **state)
{
    totp_resp_t          *r;
    totp_stream_entry_t   e;

    (void) state;

    r = reply("*2\r\n$15\r\n1700000000000-7\r\n"
              "*4\r\n$4\r\nuser\r\n$1\r\na\r\n$5\r\nepoch\r\n$1\r\n3\r\n");
    assert_int_equal(totp_stream_entry(&e, r), 0);
    assert_true(e.ms == 1700000000000);
    assert_int_equal(e.seq, 7);
    assert_int_equal(totp_resp_elements(e.fields), 4);
    totp_resp_reply_free(r);

    assert_int_equal(entry(&e, "*2\r\n$41\r\n18446744073709551615-"
                               "18446744073709551615\r\n*0\r\n"), 0);
    assert_true(e.ms == UINT64_MAX && e.seq == UINT64_MAX);
}


static void
refuses_what_is_no_entry(void **state)
{
    size_t               i;
    totp_stream_entry_t  e;

    static const char *const  wires[] = {
        "$3\r\n1-1\r\n",
        "$-1\r\n",
        "*0\r\n",
        "*1\r\n$3\r\n1-1\r\n",
        "*2\r\n$3\r\n1-1\r\n$1\r\na\r\n",
        "*2\r\n$3\r\n1-1\r\n*-1\r\n",
        "*2\r\n$3\r\n1-1\r\n*1\r\n$1\r\na\r\n",
        "*3\r\n$3\r\n1-1\r\n*0\r\n*0\r\n",
        "*2\r\n:1\r\n*0\r\n",
        "*2\r\n$0\r\n\r\n*0\r\n",
        "*2\r\n$1\r\n1\r\n*0\r\n",
        "*2\r\n$1\r\n-\r\n*0\r\n",
        "*2\r\n$2\r\n1-\r\n*0\r\n",
        "*2\r\n$2\r\n-1\r\n*0\r\n",
        "*2\r\n$4\r\n1--1\r\n*0\r\n",
        "*2\r\n$4\r\n 1-1\r\n*0\r\n",
        "*2\r\n$5\r\n1-1-1\r\n*0\r\n",
        "*2\r\n$2\r\n11\r\n*0\r\n",
        "*2\r\n$4\r\n1:-1\r\n*0\r\n",
        "*2\r\n$4\r\n1-1:\r\n*0\r\n",
        "*2\r\n$4\r\n2/-1\r\n*0\r\n",
        "*2\r\n$22\r\n18446744073709551616-1\r\n*0\r\n",
        "*2\r\n$22\r\n1-18446744073709551616\r\n*0\r\n"
    };

    (void) state;

    for (i = 0; i < sizeof(wires) / sizeof(wires[0]); i++) {
        if (entry(&e, wires[i]) != -1) {
            fail_msg("taken for an entry: %s", wires[i]);
        }
    }
}


static void
reads_what_is_revoked(void **state)
{
    size_t           n;
    uint8_t          sid[TOTP_SID_LEN];
    totp_resp_t     *r;
    totp_revoked_t   revoked;

    (void) state;

    r = reply("*4\r\n$4\r\nuser\r\n$13\r\ndefault:alice\r\n"
              "$5\r\nepoch\r\n$19\r\n9223372036854775807\r\n");
    assert_int_equal(totp_stream_revoked(&revoked, r), 0);
    assert_int_equal(revoked.kind, TOTP_REVOKED_USER);
    assert_str(revoked.user, "default:alice");
    assert_true(revoked.number == INT64_MAX);
    totp_resp_reply_free(r);

    /* and what a later version may add */

    r = reply("*6\r\n$3\r\nsid\r\n$32\r\n" SID "\r\n"
              "$5\r\nuntil\r\n$10\r\n1700000000\r\n$1\r\na\r\n$1\r\nb\r\n");
    assert_int_equal(totp_stream_revoked(&revoked, r), 0);
    assert_int_equal(revoked.kind, TOTP_REVOKED_SESSION);
    n = unhex(sid, SID);
    assert_int_equal(n, TOTP_SID_LEN);
    assert_memory_equal(revoked.sid, sid, TOTP_SID_LEN);
    assert_true(revoked.number == 1700000000);
    totp_resp_reply_free(r);
}


static void
refuses_what_is_not_ours(void **state)
{
    size_t           i;
    totp_resp_t     *r;
    totp_revoked_t   revoked;

    static const char *const  wires[] = {
        "$-1\r\n",
        "*0\r\n",
        "*2\r\n$4\r\nuser\r\n$1\r\na\r\n",
        "*4\r\n$4\r\nuser\r\n$1\r\na\r\n$5\r\nepoch\r\n$2\r\n-1\r\n",
        "*4\r\n$4\r\nuser\r\n$1\r\na\r\n$5\r\nepoch\r\n$2\r\n01\r\n",
        "*4\r\n$4\r\nuser\r\n$1\r\na\r\n$5\r\nepoch\r\n"
            "$19\r\n9223372036854775808\r\n",
        "*4\r\n$4\r\nUser\r\n$1\r\na\r\n$5\r\nepoch\r\n$1\r\n1\r\n",
        "*4\r\n$5\r\nusers\r\n$1\r\na\r\n$5\r\nepoch\r\n$1\r\n1\r\n",
        "*4\r\n$3\r\nsid\r\n$2\r\n00\r\n$5\r\nuntil\r\n$1\r\n1\r\n",
        "*4\r\n$3\r\nsid\r\n$34\r\n" SID "00\r\n$5\r\nuntil\r\n$1\r\n1\r\n",
        "*4\r\n$3\r\nsid\r\n$32\r\n0011223344556677889900112233445g\r\n"
            "$5\r\nuntil\r\n$1\r\n1\r\n"
    };

    (void) state;

    for (i = 0; i < sizeof(wires) / sizeof(wires[0]); i++) {
        r = reply(wires[i]);

        if (totp_stream_revoked(&revoked, r) != -1) {
            fail_msg("taken for ours: %s", wires[i]);
        }

        totp_resp_reply_free(r);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(reads_an_entry),
        cmocka_unit_test(refuses_what_is_no_entry),
        cmocka_unit_test(reads_what_is_revoked),
        cmocka_unit_test(refuses_what_is_not_ours)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
