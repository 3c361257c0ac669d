/*
 * Replies of Redis, in one piece and in any other: what is read must not
 * depend on how it was cut.  The first byte seeds the cuts.
 */

#include "fuzz.h"
#include "totp_resp.h"


/* A digest of all that was read, by FNV-1a. */

static uint64_t
mix(uint64_t h, const void *data, size_t n)
{
    const uint8_t  *p;

    for (p = data; n != 0; n--) {
        h = (h ^ *p++) * 1099511628211u;
    }

    return h;
}


static uint64_t
digest(uint64_t h, const totp_resp_t *reply)
{
    int               ok;
    size_t            i, n;
    int64_t           number;
    totp_str_t        s;
    totp_resp_type_t  type;

    type = totp_resp_type(reply);
    h = mix(h, &type, sizeof(type));

    s = totp_resp_str(reply);
    h = mix(h, &s.len, sizeof(s.len));

    if (s.len != 0) {
        h = mix(h, s.data, s.len);
    }

    number = totp_resp_int(reply, &ok);
    CHECK(ok || number == -1);
    CHECK(number == totp_resp_int(reply, NULL));
    h = mix(h, &number, sizeof(number));
    h = mix(h, &ok, sizeof(ok));

    n = totp_resp_elements(reply);
    h = mix(h, &n, sizeof(n));

    CHECK(n <= TOTP_RESP_MAX_ELEMENTS);
    CHECK(type == TOTP_RESP_ARRAY || n == 0);
    CHECK(s.len == 0 || type == TOTP_RESP_STRING || type == TOTP_RESP_STATUS
          || type == TOTP_RESP_ERROR);
    CHECK(type == TOTP_RESP_ERROR || !totp_resp_is_error(reply, "NOSCRIPT"));

    for (i = 0; i < n; i++) {
        h = digest(h, totp_resp_element(reply, i));
    }

    CHECK(totp_resp_type(totp_resp_element(reply, n)) == TOTP_RESP_NIL);

    return h;
}


/* Feeds in pieces of 1 to most bytes; 0: in one. */

static uint64_t
read_all(const uint8_t *data, size_t size, unsigned seed, size_t most)
{
    int                  rc;
    size_t               n;
    uint8_t             *piece;
    uint64_t             h;
    totp_resp_t         *reply;
    totp_resp_reader_t  *reader;

    reader = totp_resp_reader_create();
    CHECK(reader != NULL);

    h = 14695981039346656037u;
    rc = 0;

    while (size != 0 && rc == 0) {

        n = size;

        if (most != 0) {
            seed = seed * 1103515245 + 12345;
            n = 1 + (seed >> 16) % most;
            n = n < size ? n : size;
        }

        piece = fuzz_copy(data, n);
        rc = totp_resp_feed(reader, piece, n);
        free(piece);

        data += n;
        size -= n;

        while (rc == 0 && (rc = totp_resp_next(reader, &reply)) == 1) {
            h = digest(h, reply);
            totp_resp_reply_free(reply);
            rc = 0;
        }
    }

    if (rc != 0) {
        CHECK(rc == -1);
        CHECK(totp_resp_next(reader, &reply) == -1);
    }

    totp_resp_reader_destroy(reader);

    return mix(h, &rc, sizeof(rc));
}


/* A command is what a server reads as an array of these strings. */

static void
command(const uint8_t *data, size_t size)
{
    int                  argc;
    char                *text;
    size_t               len, i;
    totp_str_t           argv[8];
    totp_resp_t         *reply;
    totp_resp_reader_t  *reader;

    for (argc = 0; argc < 8 && (size != 0 || argc == 0); argc++) {
        argv[argc] = fuzz_line(&data, &size);
    }

    text = totp_resp_format(&len, argc, argv);
    CHECK(text != NULL);

    reader = totp_resp_reader_create();
    CHECK(reader != NULL);
    CHECK(totp_resp_feed(reader, text, len) == 0);
    CHECK(totp_resp_next(reader, &reply) == 1);
    CHECK(totp_resp_type(reply) == TOTP_RESP_ARRAY);
    CHECK(totp_resp_elements(reply) == (size_t) argc);

    for (i = 0; i < (size_t) argc; i++) {
        CHECK(totp_resp_type(totp_resp_element(reply, i)) == TOTP_RESP_STRING);
        CHECK(totp_str_eq(totp_resp_str(totp_resp_element(reply, i)),
                          argv[i]));
    }

    totp_resp_reply_free(reply);
    CHECK(totp_resp_next(reader, &reply) == 0);

    totp_resp_reader_destroy(reader);
    totp_resp_free(text, len);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t  whole;

    if (size == 0) {
        return 0;
    }

    whole = read_all(data + 1, size - 1, 0, 0);

    CHECK(read_all(data + 1, size - 1, 0, 1) == whole);
    CHECK(read_all(data + 1, size - 1, data[0], 7) == whole);
    CHECK(read_all(data + 1, size - 1, data[0], 64) == whole);

    command(data + 1, size - 1);

    return 0;
}
