#include "unit.h"
#include "totp_resp.h"


/* COMMANDS */

static void
formats(void **state)
{
    char    *command;
    size_t   len;

    totp_str_t  argv[] = {
        STR("SET"), STR("k\0ey"), STR("line\r\n$3\r\n"), STR("")
    };

    (void) state;

    command = totp_resp_format(&len, 4, argv);
    assert_non_null(command);
    assert_str(totp_str(command, len),
               "*4\r\n$3\r\nSET\r\n$4\r\nk\0ey\r\n"
               "$10\r\nline\r\n$3\r\n\r\n$0\r\n\r\n");
    totp_resp_free(command, len);

    argv[0] = totp_str(NULL, 0);
    command = totp_resp_format(&len, 1, argv);
    assert_non_null(command);
    assert_str(totp_str(command, len), "*1\r\n$0\r\n\r\n");
    totp_resp_free(command, len);
}


static void
formats_any_byte(void **state)
{
    char        *command;
    size_t       i, len;
    uint8_t      bytes[256];
    totp_str_t   argv[2];

    (void) state;

    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t) i;
    }

    argv[0] = STR("ECHO");
    argv[1] = heap(bytes, sizeof(bytes));

    command = totp_resp_format(&len, 2, argv);
    assert_non_null(command);
    assert_int_equal(len, 4 + 10 + 6 + 256 + 2);
    assert_memory_equal(command, "*2\r\n$4\r\nECHO\r\n$256\r\n", 20);
    assert_memory_equal(command + 20, bytes, 256);
    assert_memory_equal(command + 276, "\r\n", 2);

    totp_resp_free(command, len);
    heap_free(argv[1]);
}


static void
formats_many(void **state)
{
    char        *command;
    size_t       i, len;
    totp_str_t  *argv;

    (void) state;

    argv = malloc(5000 * sizeof(totp_str_t));
    assert_non_null(argv);

    for (i = 0; i < 5000; i++) {
        argv[i] = STR("ab");
    }

    command = totp_resp_format(&len, 5000, argv);
    assert_non_null(command);
    assert_int_equal(len, 7 + 5000 * 8);
    assert_memory_equal(command, "*5000\r\n$2\r\nab\r\n", 15);
    totp_resp_free(command, len);

    free(argv);
}


static void
refuses_to_format(void **state)
{
    size_t      len;
    totp_str_t  argv[2];

    (void) state;

    argv[0] = STR("PING");
    assert_null(totp_resp_format(&len, 0, argv));
    assert_null(totp_resp_format(&len, -1, argv));

    /* lengths that an int does not hold; none of the bytes is read */

    argv[1] = totp_str("x", SIZE_MAX);
    assert_null(totp_resp_format(&len, 2, argv));
    argv[1] = totp_str("x", 0x80000000);
    assert_null(totp_resp_format(&len, 2, argv));
    argv[0] = argv[1] = totp_str("x", 0x30000000);
    assert_null(totp_resp_format(&len, 2, argv));
    assert_int_equal(len, 0);

    totp_resp_free(NULL, 0);
}


/* REPLIES */

static totp_resp_reader_t *
reader(void)
{
    totp_resp_reader_t  *r;

    r = totp_resp_reader_create();
    assert_non_null(r);

    return r;
}


static void
feed(totp_resp_reader_t *r, totp_str_t bytes)
{
    assert_int_equal(totp_resp_feed(r, bytes.data, bytes.len), 0);
}


static totp_resp_t *
next(totp_resp_reader_t *r)
{
    totp_resp_t  *reply;

    assert_int_equal(totp_resp_next(r, &reply), 1);
    assert_non_null(reply);

    return reply;
}


static void
nothing_more(totp_resp_reader_t *r)
{
    totp_resp_t  *reply;

    reply = (totp_resp_t *) r;
    assert_int_equal(totp_resp_next(r, &reply), 0);
    assert_null(reply);
}


#define EVERYTHING                                                            \
    "*9\r\n+OK\r\n-ERR no such thing\r\n:-42\r\n$5\r\na\r\n\0b\r\n$-1\r\n"    \
    "*-1\r\n*0\r\n*2\r\n:1\r\n*1\r\n$0\r\n\r\n$2\r\n17\r\n"


static void
is_everything(totp_resp_t *reply)
{
    int                 ok;
    const totp_resp_t  *e;

    assert_int_equal(totp_resp_type(reply), TOTP_RESP_ARRAY);
    assert_int_equal(totp_resp_elements(reply), 9);

    e = totp_resp_element(reply, 0);
    assert_int_equal(totp_resp_type(e), TOTP_RESP_STATUS);
    assert_str(totp_resp_str(e), "OK");

    e = totp_resp_element(reply, 1);
    assert_int_equal(totp_resp_type(e), TOTP_RESP_ERROR);
    assert_str(totp_resp_str(e), "ERR no such thing");

    e = totp_resp_element(reply, 2);
    assert_int_equal(totp_resp_type(e), TOTP_RESP_INTEGER);
    assert_int_equal(totp_resp_int(e, &ok), -42);
    assert_int_equal(ok, 1);

    e = totp_resp_element(reply, 3);
    assert_int_equal(totp_resp_type(e), TOTP_RESP_STRING);
    assert_str(totp_resp_str(e), "a\r\n\0b");

    assert_int_equal(totp_resp_type(totp_resp_element(reply, 4)),
                     TOTP_RESP_NIL);
    assert_int_equal(totp_resp_type(totp_resp_element(reply, 5)),
                     TOTP_RESP_NIL);

    e = totp_resp_element(reply, 6);
    assert_int_equal(totp_resp_type(e), TOTP_RESP_ARRAY);
    assert_int_equal(totp_resp_elements(e), 0);

    e = totp_resp_element(reply, 7);
    assert_int_equal(totp_resp_elements(e), 2);
    assert_int_equal(totp_resp_int(totp_resp_element(e, 0), &ok), 1);
    e = totp_resp_element(totp_resp_element(e, 1), 0);
    assert_int_equal(totp_resp_type(e), TOTP_RESP_STRING);
    assert_str(totp_resp_str(e), "");

    assert_int_equal(totp_resp_int(totp_resp_element(reply, 8), &ok), 17);
    assert_int_equal(ok, 1);

    assert_null(totp_resp_element(reply, 9));
    assert_null(totp_resp_element(reply, SIZE_MAX));
}


static void
all_types(void **state)
{
    totp_resp_t         *reply;
    totp_resp_reader_t  *r;

    (void) state;

    r = reader();

    nothing_more(r);
    feed(r, STR(EVERYTHING));
    reply = next(r);
    is_everything(reply);
    totp_resp_reply_free(reply);
    nothing_more(r);

    totp_resp_reader_destroy(r);
    totp_resp_reader_destroy(NULL);
    totp_resp_reply_free(NULL);
}


/* Cut in two at every place, with another reply behind; byte by byte, too. */

static void
split(void **state)
{
    size_t               cut, len;
    totp_resp_t         *reply;
    totp_resp_reader_t  *r;

    static const char  bytes[] = EVERYTHING ":7\r\n";

    (void) state;

    len = sizeof(bytes) - 1;
    r = reader();

    for (cut = 0; cut < len - 4; cut++) {
        feed(r, totp_str(bytes, cut));
        nothing_more(r);
        feed(r, totp_str(bytes + cut, len - cut));

        reply = next(r);
        is_everything(reply);
        totp_resp_reply_free(reply);

        reply = next(r);
        assert_int_equal(totp_resp_int(reply, NULL), 7);
        totp_resp_reply_free(reply);

        nothing_more(r);
    }

    for (cut = 0; cut < len; cut++) {
        feed(r, totp_str(bytes + cut, 1));

        if (cut == len - 1 || cut == len - 5) {
            totp_resp_reply_free(next(r));
        }

        nothing_more(r);
    }

    totp_resp_reader_destroy(r);
}


/* Destroyed in the middle of a reply: what was built is freed. */

static void
given_up(void **state)
{
    size_t               cut;
    totp_resp_t         *reply;
    totp_resp_reader_t  *r;

    (void) state;

    for (cut = 0; cut < sizeof(EVERYTHING) - 1; cut++) {
        r = reader();
        feed(r, totp_str(EVERYTHING, cut));
        assert_int_equal(totp_resp_next(r, &reply), 0);
        totp_resp_reader_destroy(r);
    }
}


static void
pipelined(void **state)
{
    int                  i, ok;
    char                 bytes[32];
    totp_resp_t         *reply;
    totp_resp_reader_t  *r;

    (void) state;

    r = reader();

    for (i = 0; i < 5000; i++) {
        feed(r, totp_str(bytes, (size_t) snprintf(bytes, sizeof(bytes),
                                                  ":%d\r\n", i)));
    }

    for (i = 0; i < 5000; i++) {
        reply = next(r);
        assert_int_equal(totp_resp_int(reply, &ok), i);
        assert_int_equal(ok, 1);
        totp_resp_reply_free(reply);
    }

    nothing_more(r);
    totp_resp_reader_destroy(r);
}


/* Feeds, asks until the answer is not "another reply", and returns it. */

static int
outcome(totp_str_t bytes)
{
    int                  rc;
    totp_resp_t         *reply;
    totp_resp_reader_t  *r;

    r = reader();

    rc = totp_resp_feed(r, bytes.data, bytes.len);

    while (rc != -1) {
        rc = totp_resp_next(r, &reply);

        if (rc != 1) {
            assert_null(reply);
            break;
        }

        totp_resp_reply_free(reply);
    }

    if (rc == -1) {

        /* it stays so, whatever comes */

        assert_int_equal(totp_resp_feed(r, "+OK\r\n", 5), -1);
        assert_int_equal(totp_resp_next(r, &reply), -1);
        assert_null(reply);
    }

    totp_resp_reader_destroy(r);

    return rc;
}


static void
refuses(void **state)
{
    size_t  i;

    static const char *const  bad[] = {
        /* no type of RESP2 */
        "\r\n", " +OK\r\n", "OK\r\n", "x", "HTTP/1.1 400 Bad Request\r\n",
        "\xff", "\x16\x03\x01", "!5\r\nabcde\r\n", "|1\r\n", "?\r\n",

        /* RESP3 */
        "_\r\n", ",1.5\r\n", ",inf\r\n", "#t\r\n", "#f\r\n", "%1\r\n+a\r\n:1\r\n",
        "%0\r\n", "~1\r\n:1\r\n", "~0\r\n", ">1\r\n+x\r\n", ">0\r\n", "(12345\r\n",
        "=8\r\ntxt:abcd\r\n", "*1\r\n_\r\n", "*2\r\n:1\r\n#t\r\n",
        "*1\r\n%1\r\n+a\r\n:1\r\n", "*1\r\n=8\r\ntxt:abcd\r\n", "*1\r\n,1\r\n",
        /* at once, not only when complete */
        "_", ",", "#", "%", "~", ">", "(", "=", "*1\r\n=", "=1000\r\n",

        /* numbers */
        ":\r\n", ":+1\r\n", ":01\r\n", ":-\r\n", ":-0\r\n", ":1 \r\n", ": 1\r\n",
        ":1x\r\n", ":0x1\r\n", ":1.0\r\n", ":9223372036854775808\r\n",
        ":-9223372036854775809\r\n", ":99999999999999999999999999999\r\n",
        ":999999999999999999999999999999",

        /* lengths */
        "$\r\n", "$-2\r\n", "$-\r\n", "$+1\r\na\r\n", "$01\r\na\r\n", "$1 \r\n",
        "$x\r\n", "$1\rx", "$1x", "$ ", "*--", "$-9223372036854775808\r\n",
        "$9223372036854775807\r\n", "$9223372036854775808\r\n",
        "$18446744073709551615\r\n", "$18446744073709551617\r\na\r\n",
        "$4294967297\r\na\r\n", "$1048577\r\n", "$999999999999\r\n",
        "$99999999999999999999999999999999",
        "*\r\n", "*-2\r\n", "*+1\r\n:1\r\n", "*1x\r\n", "*65537\r\n",
        "*2147483647\r\n", "*2147483648\r\n", "*4294967295\r\n",
        "*4294967297\r\n:1\r\n", "*9223372036854775807\r\n",
        "*1\r\n*65537\r\n", "*1\r\n$-5\r\n", "*1\r\n$1048577\r\n",
        "*2\r\n:1\r\n*2147483648\r\n",

        /* a string that is not followed by its line's end */
        "$3\r\nabcXY", "$3\r\nabcdef\r\n", "$0\r\nab", "$3\r\nabc\n\r",
        "*2\r\n$1\r\nabc$1\r\na\r\n", "$3\r\nabc\rx",

        /* line ends within a line */
        "+a\nb\r\n", "-a\rb\r\n", "+\r\r\n", "*1\r\n+\n\r\n",

        /* right at first */
        "+OK\r\nx", "*1\r\n:1\r\n?", "$-1\r\n_\r\n"
    };

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (outcome(cstr(bad[i])) != -1) {
            fail_msg("taken: %s", bad[i]);
        }
    }

    assert_int_equal(outcome(STR("\0")), -1);
    assert_int_equal(outcome(STR(":1\0\r\n")), -1);
    assert_int_equal(outcome(STR("$1\0\r\na\r\n")), -1);
}


static void
waits(void **state)
{
    size_t  i;

    static const char *const  unfinished[] = {
        "", "+", "+O", "+OK", "+OK\r", "-", ":", ":1", ":1\r", "$", "$1", "$1\r",
        "$1\r\n", "$1\r\na", "$1\r\na\r", "$-", "$-1", "*", "*1", "*1\r\n", "*-",
        "*1\r\n*1\r\n", "*65536\r\n", "*65536\r\n:1\r\n", "$1048576\r\n",
        "*2\r\n$-1\r\n", "+OK\r\n+", ":-9223372036854775808\r"
    };

    (void) state;

    for (i = 0; i < sizeof(unfinished) / sizeof(unfinished[0]); i++) {
        if (outcome(cstr(unfinished[i])) != 0) {
            fail_msg("refused: %s", unfinished[i]);
        }
    }
}


/* n arrays of one element around a reply. */

static int
nested(size_t n, const char *inner)
{
    int     rc;
    char   *bytes;
    size_t  i;

    bytes = malloc(4 * n + strlen(inner) + 1);
    assert_non_null(bytes);

    for (i = 0; i < n; i++) {
        memcpy(bytes + 4 * i, "*1\r\n", 4);
    }

    strcpy(bytes + 4 * n, inner);

    rc = outcome(totp_str(bytes, 4 * n + strlen(inner)));

    free(bytes);

    return rc;
}


static void
depth(void **state)
{
    size_t  n;

    (void) state;

    for (n = 0; n <= TOTP_RESP_MAX_DEPTH; n++) {
        assert_int_equal(nested(n, ":1\r\n"), 0);
        assert_int_equal(nested(n, "$-1\r\n"), 0);
    }

    assert_int_equal(nested(TOTP_RESP_MAX_DEPTH, "*-1\r\n"), 0);
    assert_int_equal(nested(TOTP_RESP_MAX_DEPTH - 1, "*0\r\n"), 0);
    assert_int_equal(nested(TOTP_RESP_MAX_DEPTH, "*0\r\n"), -1);

    for (n = TOTP_RESP_MAX_DEPTH + 1; n < 40; n++) {
        assert_int_equal(nested(n, ":1\r\n"), -1);
        assert_int_equal(nested(n, ""), -1);
    }

    assert_int_equal(nested(200000, ""), -1);
}


/* An array of n integers, fed in pieces; 1 where it is read right. */

static int
array_of(size_t n)
{
    int                  rc;
    char                 head[32];
    size_t               i;
    totp_resp_t         *reply;
    totp_resp_reader_t  *r;

    r = reader();
    reply = NULL;

    rc = totp_resp_feed(r, head, (size_t) snprintf(head, sizeof(head),
                                                   "*%zu\r\n", n));
    rc = rc ? rc : totp_resp_next(r, &reply);

    for (i = 0; rc == 0 && i < n; i++) {
        rc = totp_resp_feed(r, ":5\r\n", 4);
        rc = rc ? rc : totp_resp_next(r, &reply);
    }

    if (rc == 1) {
        assert_int_equal(totp_resp_elements(reply), n);
        assert_int_equal(totp_resp_int(totp_resp_element(reply, n - 1), NULL),
                         5);
        totp_resp_reply_free(reply);
    }

    totp_resp_reader_destroy(r);

    return rc;
}


static void
elements(void **state)
{
    (void) state;

    assert_int_equal(array_of(1), 1);
    assert_int_equal(array_of(1000), 1);
    assert_int_equal(array_of(TOTP_RESP_MAX_ELEMENTS), 1);
    assert_int_equal(array_of(TOTP_RESP_MAX_ELEMENTS + 1), -1);
}


/* A string whose whole reply has this many bytes, fed in pieces of step. */

static int
string_of(totp_resp_reader_t *r, size_t size, size_t step)
{
    int           rc;
    char         *bytes;
    size_t        n, head, body;
    totp_resp_t  *reply;

    body = size - sizeof("$1048576\r\n\r\n") + 1;

    bytes = malloc(size + 1);
    assert_non_null(bytes);

    head = (size_t) snprintf(bytes, size, "$%zu\r\n", body);
    memset(bytes + head, 'x', body);
    memcpy(bytes + head + body, "\r\n", 2);
    assert_int_equal(head + body + 2, size);

    rc = 0;
    reply = NULL;

    for (n = 0; rc == 0 && n < size; n += step) {
        rc = totp_resp_feed(r, bytes + n, step < size - n ? step : size - n);
        rc = rc ? rc : totp_resp_next(r, &reply);
    }

    if (rc == 1) {
        assert_int_equal(totp_resp_str(reply).len, body);
        totp_resp_reply_free(reply);
    }

    free(bytes);

    return rc;
}


static void
large_replies(void **state)
{
    int                  i;
    size_t               s;
    totp_resp_reader_t  *r;

    static const size_t  steps[] = { 4096, 65536, 4 * TOTP_RESP_MAX_REPLY };

    (void) state;

    for (s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {

        /* each counts for itself, not the connection */

        r = reader();

        for (i = 0; i < 4; i++) {
            assert_int_equal(string_of(r, TOTP_RESP_MAX_REPLY, steps[s]), 1);
        }

        totp_resp_reader_destroy(r);

        r = reader();
        assert_int_equal(string_of(r, TOTP_RESP_MAX_REPLY + 1, steps[s]), -1);
        totp_resp_reader_destroy(r);
    }
}


/* Many small elements, a line without an end, replies that nobody takes. */

static void
endless(void **state)
{
    int                  rc;
    char                 line[4096], *large;
    size_t               fed;
    totp_resp_t         *reply;
    totp_resp_reader_t  *r;

    (void) state;

    memset(line, 'x', sizeof(line));

    r = reader();
    feed(r, STR("*65536\r\n"));
    nothing_more(r);

    for (rc = 0, fed = 0; rc == 0 && fed < 4 * TOTP_RESP_MAX_REPLY; ) {
        rc = totp_resp_feed(r, "$90\r\n", 5)
             | totp_resp_feed(r, line, 90)
             | totp_resp_feed(r, "\r\n", 2);
        rc = rc ? rc : totp_resp_next(r, &reply);
        fed += 97;
    }

    assert_int_equal(rc, -1);
    assert_true(fed > TOTP_RESP_MAX_REPLY - 200);
    assert_true(fed < TOTP_RESP_MAX_REPLY + 200);
    totp_resp_reader_destroy(r);

    r = reader();
    feed(r, STR("+"));

    for (rc = 0, fed = 1; rc == 0 && fed < 4 * TOTP_RESP_MAX_REPLY; ) {
        rc = totp_resp_feed(r, line, sizeof(line));
        rc = rc ? rc : totp_resp_next(r, &reply);
        fed += sizeof(line);
    }

    assert_int_equal(rc, -1);
    assert_true(fed < TOTP_RESP_MAX_REPLY + 2 * sizeof(line));
    totp_resp_reader_destroy(r);

    /* at the first look, not when more comes */

    large = malloc(TOTP_RESP_MAX_REPLY + 1);
    assert_non_null(large);
    memset(large, '+', TOTP_RESP_MAX_REPLY + 1);

    r = reader();
    feed(r, totp_str(large, TOTP_RESP_MAX_REPLY));
    nothing_more(r);
    totp_resp_reader_destroy(r);

    assert_int_equal(outcome(totp_str(large, TOTP_RESP_MAX_REPLY + 1)), -1);
    free(large);

    r = reader();

    for (rc = 0, fed = 0; rc == 0 && fed < 4 * TOTP_RESP_MAX_REPLY; ) {
        rc = totp_resp_feed(r, "$90\r\n", 5)
             | totp_resp_feed(r, line, 90)
             | totp_resp_feed(r, "\r\n", 2);
        fed += 97;
    }

    assert_int_equal(rc, -1);
    assert_true(fed < TOTP_RESP_MAX_REPLY + 200);
    assert_int_equal(totp_resp_next(r, &reply), -1);
    totp_resp_reader_destroy(r);
}


static void
absurd_feed(void **state)
{
    totp_resp_reader_t  *r;

    (void) state;

    /* refused before a byte of it is read */

    r = reader();
    assert_int_equal(totp_resp_feed(r, "x", SIZE_MAX), -1);
    totp_resp_reader_destroy(r);
}


static void
empty_views(void **state)
{
    int                  ok;
    size_t               i, n;
    totp_resp_t         *reply;
    const totp_resp_t   *e;
    totp_resp_reader_t  *r;

    (void) state;

    /* NULL is nil */

    ok = 1;
    assert_int_equal(totp_resp_type(NULL), TOTP_RESP_NIL);
    assert_str(totp_resp_str(NULL), "");
    assert_int_equal(totp_resp_int(NULL, &ok), -1);
    assert_int_equal(ok, 0);
    assert_int_equal(totp_resp_elements(NULL), 0);
    assert_null(totp_resp_element(NULL, 0));
    assert_int_equal(totp_resp_is_error(NULL, "ERR"), 0);

    r = reader();
    feed(r, STR("*6\r\n+12\r\n-12\r\n$3\r\nERR\r\n:12\r\n$-1\r\n*1\r\n:1\r\n"));
    reply = next(r);
    n = totp_resp_elements(reply);
    assert_int_equal(n, 6);

    for (i = 0; i < n; i++) {
        e = totp_resp_element(reply, i);

        if (totp_resp_type(e) != TOTP_RESP_ARRAY) {
            assert_int_equal(totp_resp_elements(e), 0);
            assert_null(totp_resp_element(e, 0));
        }

        if (totp_resp_type(e) != TOTP_RESP_INTEGER) {
            ok = 1;
            assert_int_equal(totp_resp_int(e, &ok), -1);
            assert_int_equal(ok, 0);

        } else {
            assert_str(totp_resp_str(e), "");
        }

        assert_int_equal(totp_resp_is_error(e, "ERR"), 0);
    }

    assert_str(totp_resp_str(totp_resp_element(reply, 5)), "");

    totp_resp_reply_free(reply);
    totp_resp_reader_destroy(r);
}


static void
integers(void **state)
{
    int                  ok;
    char                 bytes[64];
    size_t               i;
    int64_t              n;
    totp_resp_t         *reply;
    totp_resp_reader_t  *r;

    static const struct {
        const char  *text;
        int64_t      n;
    } good[] = {
        { "0", 0 }, { "1", 1 }, { "-1", -1 }, { "1700000000", 1700000000 },
        { "9223372036854775807", INT64_MAX },
        { "-9223372036854775808", INT64_MIN },
        { "-9223372036854775807", -INT64_MAX },
    };

    static const char *const  bad[] = {
        "", "-", "+1", "-0", "01", "00", "-01", " 1", "1 ", "1.0", "1e3", "0x1",
        "9223372036854775808", "-9223372036854775809", "18446744073709551616",
        "99999999999999999999999", "abc", "1\n", "--1"
    };

    (void) state;

    r = reader();

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        feed(r, totp_str(bytes, (size_t) snprintf(bytes, sizeof(bytes),
                                                  ":%s\r\n$%zu\r\n%s\r\n",
                                                  good[i].text,
                                                  strlen(good[i].text),
                                                  good[i].text)));

        reply = next(r);
        assert_int_equal(totp_resp_type(reply), TOTP_RESP_INTEGER);
        n = totp_resp_int(reply, &ok);
        assert_true(n == good[i].n && ok == 1);
        totp_resp_reply_free(reply);

        reply = next(r);
        assert_int_equal(totp_resp_type(reply), TOTP_RESP_STRING);
        n = totp_resp_int(reply, &ok);
        assert_true(n == good[i].n && ok == 1);
        totp_resp_reply_free(reply);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        feed(r, totp_str(bytes, (size_t) snprintf(bytes, sizeof(bytes),
                                                  "$%zu\r\n%s\r\n",
                                                  strlen(bad[i]), bad[i])));

        reply = next(r);
        n = totp_resp_int(reply, &ok);
        assert_true(n == -1 && ok == 0);
        totp_resp_reply_free(reply);
    }

    feed(r, STR("$2\r\n1\0\r\n"));
    reply = next(r);
    assert_int_equal(totp_resp_int(reply, &ok), -1);
    assert_int_equal(ok, 0);
    totp_resp_reply_free(reply);

    totp_resp_reader_destroy(r);
}


static void
errors(void **state)
{
    totp_resp_t         *reply;
    totp_resp_reader_t  *r;

    (void) state;

    r = reader();

    feed(r, STR("-NOSCRIPT No matching script.\r\n-LOADING\r\n+NOSCRIPT x\r\n"));

    reply = next(r);
    assert_int_equal(totp_resp_is_error(reply, "NOSCRIPT"), 1);
    assert_int_equal(totp_resp_is_error(reply, "NOSCRIP"), 0);
    assert_int_equal(totp_resp_is_error(reply, "NOSCRIPTS"), 0);
    assert_int_equal(totp_resp_is_error(reply, "noscript"), 0);
    totp_resp_reply_free(reply);

    reply = next(r);
    assert_int_equal(totp_resp_is_error(reply, "LOADING"), 1);
    assert_int_equal(totp_resp_is_error(reply, "LOADING "), 0);
    totp_resp_reply_free(reply);

    reply = next(r);
    assert_int_equal(totp_resp_is_error(reply, "NOSCRIPT"), 0);
    totp_resp_reply_free(reply);

    totp_resp_reader_destroy(r);
}


/*
 * A reply with bytes changed at random, in pieces: anything may come of it
 * but a crash (the generator is a fixed one, so that a failure comes again).
 */

static void
garbled(void **state)
{
    int                  rc;
    char                 bytes[sizeof(EVERYTHING)];
    size_t               i, k, n, len;
    uint32_t             seed;
    totp_str_t           piece;
    totp_resp_t         *reply;
    totp_resp_reader_t  *r;

    static const char  likely[] = "*$:+-_%#=>(,~0129\r\n";

    (void) state;

    seed = 2463534242;
    len = sizeof(EVERYTHING) - 1;

    for (i = 0; i < 20000; i++) {
        memcpy(bytes, EVERYTHING, len);

        for (k = 0; k < 1 + i % 4; k++) {
            seed ^= seed << 13;
            seed ^= seed >> 17;
            seed ^= seed << 5;

            bytes[seed % len] = likely[(seed >> 16) % (sizeof(likely) - 1)];
        }

        r = reader();
        rc = 0;

        for (k = 0; rc != -1 && k < len; k += n) {
            n = 1 + (seed >> k % 24) % 40;
            n = n < len - k ? n : len - k;

            piece = heap(bytes + k, n);
            rc = totp_resp_feed(r, piece.data, n);
            heap_free(piece);

            while (rc != -1 && (rc = totp_resp_next(r, &reply)) == 1) {
                assert_non_null(reply);
                totp_resp_reply_free(reply);
            }
        }

        totp_resp_reader_destroy(r);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(formats),
        cmocka_unit_test(formats_any_byte),
        cmocka_unit_test(formats_many),
        cmocka_unit_test(refuses_to_format),
        cmocka_unit_test(all_types),
        cmocka_unit_test(split),
        cmocka_unit_test(given_up),
        cmocka_unit_test(pipelined),
        cmocka_unit_test(refuses),
        cmocka_unit_test(waits),
        cmocka_unit_test(depth),
        cmocka_unit_test(elements),
        cmocka_unit_test(large_replies),
        cmocka_unit_test(endless),
        cmocka_unit_test(absurd_feed),
        cmocka_unit_test(empty_views),
        cmocka_unit_test(integers),
        cmocka_unit_test(errors),
        cmocka_unit_test(garbled),
    };

    return cmocka_run_group_tests_name("resp", tests, NULL, NULL);
}
