#include "keys.h"
#include "totp_base64.h"
#include "totp_seal.h"


#define PLAIN  "12345678901234567890"

/* Sealed by another implementation of GCM under the key 2a. */

#define SEALED                                                                \
    "2a.AAECAwQFBgcICQoLIBAlQHkWg11rjm9fWSbT0mCbjWhoqwk9cBAXHmrmPJf_Wiag"

#define ID_LEN  3                   /* "2a." */

static const uint8_t  nonce[TOTP_SEAL_NONCE_LEN] = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
};

static const totp_seal_for_t  alice = {
    totp_string("secret"), totp_string("default"), totp_string("alice")
};


/* What open_() found. */

static uint8_t  plain[64];
static size_t   plain_len;
static int      stale;


static totp_seal_rc_t
open_(const totp_keyring_t *ring, const totp_seal_for_t *what,
    totp_str_t sealed)
{
    size_t          i;
    totp_str_t      copy;
    totp_seal_rc_t  rc;

    memset(plain, 0, sizeof(plain));

    copy = heap(sealed.data, sealed.len);
    rc = totp_unseal(plain, sizeof(plain), &plain_len, &stale, ring, what,
                     copy);
    heap_free(copy);

    /* a refusal leaves nothing that could be taken for a plain text */

    if (rc != TOTP_SEAL_OK) {
        assert_int_equal(plain_len, 0);
        assert_int_equal(stale, 0);

        for (i = 0; i < sizeof(plain); i++) {
            assert_int_equal(plain[i], 0);
        }
    }

    return rc;
}


static void
seals(void **state)
{
    char            out[totp_seal_max(sizeof(PLAIN) - 1)];
    size_t          len;
    totp_keyring_t  ring;

    (void) state;

    ring_of(&ring, KEY_2A KEY_OLD);

    assert_int_equal(totp_seal(out, &len, &ring, &alice, STR(PLAIN), nonce),
                     TOTP_SEAL_OK);
    assert_str(totp_str(out, len), SEALED);
}


static void
opens(void **state)
{
    totp_keyring_t  ring;

    (void) state;

    ring_of(&ring, KEY_2A);
    assert_int_equal(open_(&ring, &alice, STR(SEALED)), TOTP_SEAL_OK);
    assert_str(totp_str(plain, plain_len), PLAIN);
    assert_int_equal(stale, 0);

    ring_of(&ring, KEY_OLD KEY_2A);
    assert_int_equal(open_(&ring, &alice, STR(SEALED)), TOTP_SEAL_OK);
    assert_str(totp_str(plain, plain_len), PLAIN);
    assert_int_equal(stale, 1);

    assert_int_equal(totp_unseal(plain, sizeof(plain), &plain_len, NULL,
                                 &ring, &alice, STR(SEALED)),
                     TOTP_SEAL_OK);
}


static void
lengths(void **state)
{
    char           *out;
    size_t          n, len, left;
    uint8_t         in[200], back[201];
    totp_keyring_t  ring;

    (void) state;

    ring_of(&ring, "0123456789abcdef:"
                   "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");

    for (n = 0; n < sizeof(in); n++) {
        in[n] = (uint8_t) (n * 31);
    }

    for (n = 0; n <= sizeof(in); n++) {
        out = malloc(totp_seal_max(n));

        assert_int_equal(totp_seal(out, &len, &ring, &alice, totp_str(in, n),
                                   nonce),
                         TOTP_SEAL_OK);
        assert_true(len <= totp_seal_max(n));

        memset(back, '#', sizeof(back));

        assert_int_equal(totp_unseal(back, n, &left, NULL, &ring, &alice,
                                     totp_str(out, len)),
                         TOTP_SEAL_OK);
        assert_int_equal(left, n);
        assert_memory_equal(back, in, n);
        assert_int_equal(back[n], '#');

        /* a byte too little room */

        if (n) {
            memset(back, '#', sizeof(back));

            assert_int_equal(totp_unseal(back, n - 1, &left, NULL, &ring,
                                         &alice, totp_str(out, len)),
                             TOTP_SEAL_BAD);
            assert_int_equal(left, 0);
            assert_int_equal(back[0], '#');
        }

        free(out);
    }
}


static void
nonce_counts(void **state)
{
    char            a[totp_seal_max(5)], b[totp_seal_max(5)];
    size_t          a_len, b_len;
    uint8_t         other[TOTP_SEAL_NONCE_LEN];
    totp_keyring_t  ring;

    (void) state;

    ring_of(&ring, KEY_2A);

    memcpy(other, nonce, sizeof(other));
    other[11] ^= 1;

    totp_seal(a, &a_len, &ring, &alice, STR("hello"), nonce);
    totp_seal(b, &b_len, &ring, &alice, STR("hello"), other);

    assert_int_equal(a_len, b_len);
    assert_memory_not_equal(a + ID_LEN + 16, b + ID_LEN + 16,
                            a_len - ID_LEN - 16);
    assert_int_equal(open_(&ring, &alice, totp_str(b, b_len)), TOTP_SEAL_OK);
    assert_str(totp_str(plain, plain_len), "hello");
}


/* Nobody has that much to hide; out is not even looked at. */

static void
too_long(void **state)
{
    char            out[1];
    size_t          len;
    totp_keyring_t  ring;

    (void) state;

    ring_of(&ring, KEY_2A);

    len = 1;
    assert_int_equal(totp_seal(out, &len, &ring, &alice,
                               totp_str("", 1024 * 1024 + 1), nonce),
                     TOTP_SEAL_FAILED);
    assert_int_equal(len, 0);
}


static void
bound_to_what_it_is_for(void **state)
{
    size_t           i;
    totp_keyring_t   ring;
    totp_seal_for_t  what;

    static const char *const  others[][3] = {
        { "pending", "default", "alice" },
        { "Secret", "default", "alice" },
        { "", "default", "alice" },
        { "secret", "defaulT", "alice" },
        { "secret", "staff", "alice" },
        { "secret", "default", "Alice" },
        { "secret", "default", "alice " },
        { "secret", "default", "bob" },
        { "secret", "default", "" },
        /* the same bytes, cut elsewhere */
        { "secretd", "efault", "alice" },
        { "secre", "tdefault", "alice" },
        { "secret", "defaulta", "lice" },
        { "secret", "defaul", "talice" },
        { "secret", "", "defaultalice" },
        { "secretdefaultalice", "", "" },
        /* another order */
        { "secret", "alice", "default" },
    };

    (void) state;

    ring_of(&ring, KEY_2A);

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        what.purpose = cstr(others[i][0]);
        what.realm = cstr(others[i][1]);
        what.user = cstr(others[i][2]);

        assert_int_equal(open_(&ring, &what, STR(SEALED)), TOTP_SEAL_BAD);
    }
}


static void
keys(void **state)
{
    totp_keyring_t  ring;

    (void) state;

    /* its key is gone */
    ring_of(&ring, KEY_OLD);
    assert_int_equal(open_(&ring, &alice, STR(SEALED)), TOTP_SEAL_NO_KEY);

    /* another key under its id */
    ring_of(&ring, "2a://79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=");
    assert_int_equal(open_(&ring, &alice, STR(SEALED)), TOTP_SEAL_BAD);

    /* relabelled as another key of the ring */
    ring_of(&ring, KEY_2A KEY_OLD);
    assert_int_equal(open_(&ring, &alice,
                           STR("old.AAECAwQFBgcICQoLIBAlQHkWg11rjm9fWSbT0mCb"
                               "jWhoqwk9cBAXHmrmPJf_Wiag")),
                     TOTP_SEAL_BAD);
    assert_int_equal(open_(&ring, &alice,
                           STR("2A.AAECAwQFBgcICQoLIBAlQHkWg11rjm9fWSbT0mCb"
                               "jWhoqwk9cBAXHmrmPJf_Wiag")),
                     TOTP_SEAL_NO_KEY);
}


/* Every bit of nonce, ciphertext and tag. */

static void
flipped_bits(void **state)
{
    int             n;
    char            text[sizeof(SEALED)];
    size_t          bit;
    uint8_t         raw[64];
    totp_keyring_t  ring;

    (void) state;

    ring_of(&ring, KEY_2A);

    n = totp_base64url_decode(raw, sizeof(raw), cstr(&SEALED[ID_LEN]));
    assert_int_equal(n, TOTP_SEAL_NONCE_LEN + 20 + TOTP_SEAL_TAG_LEN);

    memcpy(text, SEALED, sizeof(text));

    for (bit = 0; bit < 8 * (size_t) n; bit++) {
        raw[bit / 8] ^= (uint8_t) (1 << bit % 8);
        totp_base64url_encode(text + ID_LEN, totp_str(raw, (size_t) n));
        raw[bit / 8] ^= (uint8_t) (1 << bit % 8);

        assert_int_equal(open_(&ring, &alice,
                               totp_str(text, sizeof(SEALED) - 1)),
                         TOTP_SEAL_BAD);
    }
}


/* Every bit of the text: in the id it may be a key that is not there. */

static void
flipped_text(void **state)
{
    char            text[sizeof(SEALED)];
    size_t          bit;
    totp_keyring_t  ring;
    totp_seal_rc_t  rc;

    (void) state;

    ring_of(&ring, KEY_2A);

    for (bit = 0; bit < 8 * (sizeof(SEALED) - 1); bit++) {
        memcpy(text, SEALED, sizeof(text));
        text[bit / 8] = (char) (text[bit / 8] ^ (1 << bit % 8));

        rc = open_(&ring, &alice, totp_str(text, sizeof(SEALED) - 1));

        if (bit / 8 < ID_LEN - 1) {
            assert_true(rc == TOTP_SEAL_NO_KEY || rc == TOTP_SEAL_BAD);

        } else {
            assert_int_equal(rc, TOTP_SEAL_BAD);
        }
    }
}


static void
cut_or_lengthened(void **state)
{
    size_t          n;
    totp_keyring_t  ring;

    (void) state;

    ring_of(&ring, KEY_2A);

    for (n = 0; n < sizeof(SEALED) - 1; n++) {
        assert_int_equal(open_(&ring, &alice, totp_str(SEALED, n)),
                         TOTP_SEAL_BAD);

        if (n > ID_LEN) {
            assert_int_not_equal(open_(&ring, &alice,
                                       totp_str(&SEALED[n],
                                                sizeof(SEALED) - 1 - n)),
                                 TOTP_SEAL_OK);
        }
    }

    assert_int_equal(open_(&ring, &alice, STR(SEALED "\0")), TOTP_SEAL_BAD);
    assert_int_equal(open_(&ring, &alice, STR(SEALED "=")), TOTP_SEAL_BAD);
    assert_int_equal(open_(&ring, &alice, STR(SEALED "A")), TOTP_SEAL_BAD);
    assert_int_equal(open_(&ring, &alice, STR(SEALED "AAAA")), TOTP_SEAL_BAD);
    assert_int_equal(open_(&ring, &alice, STR(SEALED "\n")), TOTP_SEAL_BAD);
    assert_int_equal(open_(&ring, &alice, STR(" " SEALED)), TOTP_SEAL_NO_KEY);
    assert_int_equal(open_(&ring, &alice, STR("2a")), TOTP_SEAL_BAD);
    assert_int_equal(open_(&ring, &alice, STR("." SEALED)), TOTP_SEAL_BAD);
    assert_int_equal(open_(&ring, &alice, STR("0123456789abcdefg.AAAA")),
                     TOTP_SEAL_BAD);
    assert_int_equal(open_(&ring, &alice, totp_str(NULL, 0)), TOTP_SEAL_BAD);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(seals),
        cmocka_unit_test(opens),
        cmocka_unit_test(lengths),
        cmocka_unit_test(nonce_counts),
        cmocka_unit_test(too_long),
        cmocka_unit_test(bound_to_what_it_is_for),
        cmocka_unit_test(keys),
        cmocka_unit_test(flipped_bits),
        cmocka_unit_test(flipped_text),
        cmocka_unit_test(cut_or_lengthened),
    };

    return cmocka_run_group_tests_name("seal", tests, NULL, NULL);
}
