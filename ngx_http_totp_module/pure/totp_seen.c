#include "totp_seen.h"
#include "totp_wipe.h"


static size_t  totp_seen_set(totp_str_t cookie);
static int  totp_seen_is(const totp_seen_t *seen, totp_str_t cookie);
static totp_seen_t *totp_seen_add(totp_seen_table_t *table, size_t set,
    const totp_session_t *s, totp_str_t cookie);


totp_seen_t *
totp_seen_find(totp_seen_table_t *table, const totp_keyring_t *ring,
    totp_str_t cookie)
{
    size_t          i, set;
    uint8_t         buf[TOTP_COOKIE_MAX];
    totp_seen_t    *seen;
    totp_session_t  s;

    if (table->ring != ring) {
        totp_seen_wipe(table);
        table->ring = ring;
    }

    if (cookie.len < sizeof(uint64_t) || cookie.len > TOTP_COOKIE_MAX) {
        return NULL;
    }

    set = totp_seen_set(cookie);

    for (i = 0; i < TOTP_SEEN_WAYS; i++) {
        seen = &table->seen[set][i];

        if (totp_seen_is(seen, cookie)) {
            return seen;
        }
    }

    if (totp_session_decode(&s, buf, ring, cookie) != 0) {
        return NULL;
    }

    return totp_seen_add(table, set, &s, cookie);
}


/*
 * By the last characters: they are of the signature, which is as good as
 * random, and which nobody can choose who has not the key.
 */

static size_t
totp_seen_set(totp_str_t cookie)
{
    uint64_t  tail;

    memcpy(&tail, cookie.data + cookie.len - sizeof(tail), sizeof(tail));

    return (size_t) ((tail * UINT64_C(0x9e3779b97f4a7c15)) >> 32)
           % TOTP_SEEN_SETS;
}


/*
 * Is it the same cookie, byte for byte?  In the same time wherever they
 * differ: this is a comparison with somebody's credential.  By words, for it
 * is long, and compared for every request.
 */

static int
totp_seen_is(const totp_seen_t *seen, totp_str_t cookie)
{
    size_t          n;
    uint64_t        a, b, differ;
    const uint8_t  *p, *q;

    if (seen->len != cookie.len) {
        return 0;
    }

    differ = 0;
    p = cookie.data;
    q = seen->cookie;

    for (n = cookie.len; n >= sizeof(a); n -= sizeof(a)) {
        memcpy(&a, p, sizeof(a));
        memcpy(&b, q, sizeof(b));
        differ |= a ^ b;
        p += sizeof(a);
        q += sizeof(b);
    }

    /* the last word once more, as far as it was not whole */

    memcpy(&a, cookie.data + cookie.len - sizeof(a), sizeof(a));
    memcpy(&b, seen->cookie + cookie.len - sizeof(b), sizeof(b));
    differ |= a ^ b;

    return differ == 0;
}


static totp_seen_t *
totp_seen_add(totp_seen_table_t *table, size_t set, const totp_session_t *s,
    totp_str_t cookie)
{
    uint8_t      *p;
    totp_seen_t  *seen;

    seen = &table->seen[set][table->next[set]];
    table->next[set] = (uint8_t) ((table->next[set] + 1) % TOTP_SEEN_WAYS);

    totp_wipe(seen, sizeof(totp_seen_t));

    p = seen->names;

    seen->session = *s;

    memcpy(p, s->realm.data, s->realm.len);
    seen->session.realm.data = p;
    p += s->realm.len;

    if (s->user.len) {
        memcpy(p, s->user.data, s->user.len);
    }

    seen->session.user.data = p;

    seen->clear = TOTP_SEEN_NEVER;
    seen->len = cookie.len;
    memcpy(seen->cookie, cookie.data, cookie.len);

    return seen;
}


void
totp_seen_wipe(totp_seen_table_t *table)
{
    /* one that was never used takes no memory, and is left so */

    if (table->ring) {
        totp_wipe(table, sizeof(totp_seen_table_t));
    }
}
