#include "totp_stream.h"
#include "totp_percent.h"


static int  totp_stream_id(totp_stream_entry_t *entry, totp_str_t id);
static int  totp_stream_number(uint64_t *n, totp_str_t s);
static int  totp_stream_sid(uint8_t sid[TOTP_SID_LEN], totp_str_t hex);


int
totp_stream_entry(totp_stream_entry_t *entry, const totp_resp_t *reply)
{
    entry->fields = totp_resp_element(reply, 1);

    if (totp_resp_elements(reply) != 2
        || totp_resp_type(entry->fields) != TOTP_RESP_ARRAY
        || totp_resp_elements(entry->fields) % 2)
    {
        return -1;
    }

    return totp_stream_id(entry, totp_resp_str(totp_resp_element(reply, 0)));
}


static int
totp_stream_id(totp_stream_entry_t *entry, totp_str_t id)
{
    size_t          n;
    const uint8_t  *dash;

    dash = id.len ? memchr(id.data, '-', id.len) : NULL;

    if (dash == NULL) {
        return -1;
    }

    n = (size_t) (dash - id.data);

    if (totp_stream_number(&entry->ms, totp_str(id.data, n)) != 0) {
        return -1;
    }

    return totp_stream_number(&entry->seq,
                              totp_str(dash + 1, id.len - n - 1));
}


static int
totp_stream_number(uint64_t *n, totp_str_t s)
{
    size_t    i;
    uint64_t  digit;

    if (s.len == 0) {
        return -1;
    }

    *n = 0;

    for (i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') {
            return -1;
        }

        digit = (uint64_t) (s.data[i] - '0');

        if (*n > (UINT64_MAX - digit) / 10) {
            return -1;
        }

        *n = *n * 10 + digit;
    }

    return 0;
}


int
totp_stream_revoked(totp_revoked_t *revoked, const totp_resp_t *fields)
{
    int         ok;
    int64_t     n;
    totp_str_t  what, whom;

    what = totp_resp_str(totp_resp_element(fields, 0));
    whom = totp_resp_str(totp_resp_element(fields, 1));
    n = totp_resp_int(totp_resp_element(fields, 3), &ok);

    if (!ok || n < 0) {
        return -1;
    }

    revoked->number = (uint64_t) n;

    if (totp_str_eq(what, totp_str("user", 4))) {
        revoked->kind = TOTP_REVOKED_USER;
        revoked->user = whom;
        return 0;
    }

    if (totp_str_eq(what, totp_str("sid", 3))) {
        revoked->kind = TOTP_REVOKED_SESSION;
        return totp_stream_sid(revoked->sid, whom);
    }

    return -1;
}


static int
totp_stream_sid(uint8_t sid[TOTP_SID_LEN], totp_str_t hex)
{
    int     high, low;
    size_t  i;

    if (hex.len != 2 * TOTP_SID_LEN) {
        return -1;
    }

    for (i = 0; i < TOTP_SID_LEN; i++) {
        high = totp_percent_hex(hex.data[2 * i]);
        low = totp_percent_hex(hex.data[2 * i + 1]);

        if (high < 0 || low < 0) {
            return -1;
        }

        sid[i] = (uint8_t) (high * 16 + low);
    }

    return 0;
}
