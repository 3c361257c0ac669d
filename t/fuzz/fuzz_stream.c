/*
 * Entries of the stream of revocations, as Redis sends them.  What is not
 * RESP2 is lent the frame of an entry: a line for each field, the first is
 * the id.
 */

#include "fuzz.h"
#include "totp_stream.h"


static void
revoked(const totp_resp_t *fields)
{
    char            again[2 * TOTP_SID_LEN + 1];
    size_t          i;
    totp_str_t      whom;
    totp_revoked_t  r;

    memset(&r, 0xff, sizeof(r));

    if (totp_stream_revoked(&r, fields) != 0) {
        return;
    }

    CHECK(r.number <= INT64_MAX);
    CHECK(totp_resp_elements(fields) >= 4);

    whom = totp_resp_str(totp_resp_element(fields, 1));

    if (r.kind == TOTP_REVOKED_USER) {
        CHECK(totp_str_eq(r.user, whom));
        return;
    }

    CHECK(r.kind == TOTP_REVOKED_SESSION);
    CHECK(whom.len == 2 * TOTP_SID_LEN);

    for (i = 0; i < TOTP_SID_LEN; i++) {
        snprintf(again + 2 * i, 3, "%02x", r.sid[i]);
    }

    for (i = 0; i < whom.len; i++) {
        CHECK((whom.data[i] | 0x20) == (uint8_t) (again[i] | 0x20));
    }
}


static void
entry(const totp_resp_t *reply)
{
    size_t               i;
    char                 again[64];
    totp_str_t           id;
    totp_stream_entry_t  e;

    if (totp_stream_entry(&e, reply) == 0) {

        CHECK(totp_resp_elements(reply) == 2);
        CHECK(e.fields == totp_resp_element(reply, 1));
        CHECK(totp_resp_elements(e.fields) % 2 == 0);

        /* but for zeros in front the id is spelt in one way only */

        id = totp_resp_str(totp_resp_element(reply, 0));
        i = (size_t) snprintf(again, sizeof(again), "%llu-%llu",
                              (unsigned long long) e.ms,
                              (unsigned long long) e.seq);
        CHECK(i <= id.len);
        CHECK(i < id.len || memcmp(id.data, again, i) == 0);

        revoked(e.fields);
    }

    revoked(reply);

    for (i = 0; i < totp_resp_elements(reply); i++) {
        entry(totp_resp_element(reply, i));
    }
}


static void
wire(const void *data, size_t size)
{
    totp_resp_t         *reply;
    totp_resp_reader_t  *reader;

    reader = totp_resp_reader_create();
    CHECK(reader != NULL);

    if (totp_resp_feed(reader, data, size) == 0) {

        while (totp_resp_next(reader, &reply) == 1) {
            entry(reply);
            totp_resp_reply_free(reply);
        }
    }

    totp_resp_reader_destroy(reader);
}


static void
framed(const uint8_t *data, size_t size)
{
    char        *text, *p;
    size_t       i, n, room;
    totp_str_t   line[8];

    room = size + 64;

    for (n = 0; n < 8 && (size != 0 || n == 0); n++) {
        line[n] = fuzz_line(&data, &size);
        room += 32;
    }

    text = malloc(room);
    CHECK(text != NULL);

    p = text;

    for (i = 0; i < n; i++) {

        if (i == 0) {
            p += sprintf(p, "*2\r\n");
        }

        if (i == 1) {
            p += sprintf(p, "*%zu\r\n", n - 1);
        }

        p += sprintf(p, "$%zu\r\n", line[i].len);

        if (line[i].len) {
            memcpy(p, line[i].data, line[i].len);
        }

        p += line[i].len;
        p += sprintf(p, "\r\n");
    }

    if (n == 1) {
        p += sprintf(p, "*0\r\n");
    }

    wire(text, (size_t) (p - text));

    free(text);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t  *copy;

    copy = fuzz_copy(data, size);

    wire(copy, size);
    framed(copy, size);

    free(copy);

    return 0;
}
