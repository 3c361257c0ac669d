#include "keys.h"
#include "totp_seen.h"


static totp_seen_table_t  table;
static totp_keyring_t     ring;


/* A cookie of the n-th session. */

static totp_str_t
cookie(char out[TOTP_COOKIE_MAX], const totp_keyring_t *keys, size_t n)
{
    int             len;
    totp_session_t  s;

    memset(&s, 0, sizeof(s));

    s.stage = TOTP_STAGE_FULL;
    s.method = TOTP_METHOD_TOTP;
    s.issued = n;
    s.realm = STR("default");
    s.user = STR("alice");
    memcpy(s.sid, &n, sizeof(n));

    len = totp_session_encode(out, &s, keys);
    assert_true(len > 0);

    return totp_str(out, (size_t) len);
}


static int
fresh(void **state)
{
    (void) state;

    totp_seen_wipe(&table);
    ring_of(&ring, KEY_2A KEY_OLD);

    return 0;
}


static void
finds_again(void **state)
{
    char          text[TOTP_COOKIE_MAX];
    totp_str_t    c;
    totp_seen_t  *seen;

    (void) state;

    c = cookie(text, &ring, 7);
    seen = totp_seen_find(&table, &ring, c);

    assert_non_null(seen);
    assert_true(seen->clear == TOTP_SEEN_NEVER);
    assert_true(seen->session.issued == 7);
    assert_str(seen->session.realm, "default");
    assert_str(seen->session.user, "alice");
    assert_ptr_equal(seen->session.key, &ring.keys[0]);

    /* the text may go: what is remembered is a copy */

    seen->clear = 1;
    c = heap(text, c.len);
    memset(text, 0, sizeof(text));

    assert_ptr_equal(totp_seen_find(&table, &ring, c), seen);
    assert_true(seen->clear == 1);
    assert_str(seen->session.user, "alice");

    heap_free(c);
}


/* Next to one that is remembered, nothing that differs is taken for it. */

static void
every_bit_counts(void **state)
{
    char        text[TOTP_COOKIE_MAX];
    size_t      bit, len;
    totp_str_t  c;

    (void) state;

    c = cookie(text, &ring, 1);
    assert_non_null(totp_seen_find(&table, &ring, c));

    for (bit = 0; bit < 8 * c.len; bit++) {
        text[bit / 8] ^= (char) (1 << bit % 8);
        assert_null(totp_seen_find(&table, &ring, c));
        text[bit / 8] ^= (char) (1 << bit % 8);
    }

    for (len = 0; len < c.len; len++) {
        c = heap(text, len);
        assert_null(totp_seen_find(&table, &ring, c));
        heap_free(c);
        c = cookie(text, &ring, 1);
    }

    assert_non_null(totp_seen_find(&table, &ring, c));
}


/* A key that is gone counts at once. */

static void
another_ring(void **state)
{
    char            text[TOTP_COOKIE_MAX];
    totp_str_t      c;
    totp_keyring_t  other;

    (void) state;

    c = cookie(text, &ring, 1);
    assert_non_null(totp_seen_find(&table, &ring, c));

    ring_of(&other, KEY_OLD);
    assert_null(totp_seen_find(&table, &other, c));

    ring_of(&other, KEY_OLD KEY_2A);
    assert_null(totp_seen_find(&table, &other, STR("")));
    assert_ptr_equal(totp_seen_find(&table, &other, c)->session.key,
                     &other.keys[1]);

    /* in the same place: the owner has to say so */

    ring_of(&other, KEY_OLD);
    totp_seen_wipe(&table);
    assert_null(totp_seen_find(&table, &other, c));
}


/* Far more than fit: each is still itself, and the newest is remembered. */

static void
bounded(void **state)
{
    char          text[TOTP_COOKIE_MAX];
    size_t        i;
    totp_str_t    c;
    totp_seen_t  *seen;

    (void) state;

    for (i = 0; i < 4 * TOTP_SEEN_SETS * TOTP_SEEN_WAYS; i++) {
        c = cookie(text, &ring, i);
        seen = totp_seen_find(&table, &ring, c);

        assert_non_null(seen);
        assert_true((uint8_t *) seen > (uint8_t *) &table
                    && (uint8_t *) (seen + 1) <= (uint8_t *) (&table + 1));
        assert_true(seen->session.issued == i);
        assert_true(seen->clear == TOTP_SEEN_NEVER);

        seen->clear = i;
        assert_ptr_equal(totp_seen_find(&table, &ring, c), seen);
        assert_true(seen->clear == i);
    }

    for (i = 0; i < 4 * TOTP_SEEN_SETS * TOTP_SEEN_WAYS; i++) {
        c = cookie(text, &ring, i);
        seen = totp_seen_find(&table, &ring, c);
        assert_non_null(seen);
        assert_true(seen->session.issued == i);
    }
}


static void
wipes(void **state)
{
    char    text[TOTP_COOKIE_MAX];
    size_t  i;

    (void) state;

    assert_non_null(totp_seen_find(&table, &ring, cookie(text, &ring, 1)));

    totp_seen_wipe(&table);

    for (i = 0; i < sizeof(table); i++) {
        assert_int_equal(((const uint8_t *) &table)[i], 0);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup(finds_again, fresh),
        cmocka_unit_test_setup(every_bit_counts, fresh),
        cmocka_unit_test_setup(another_ring, fresh),
        cmocka_unit_test_setup(bounded, fresh),
        cmocka_unit_test_setup(wipes, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
