#include "keys.h"
#include "totp_base64.h"
#include "totp_hmac.h"
#include "totp_session.h"


/* Written by another implementation: sample() under the key 2a. */

#define COOKIE                                                                \
    "AQIyYQIBoKGio6SlpqeoqaqrrK2urwAAAABlU_EAAAAAAGVT8QUAAAAAZVP0hAAAAABlVJnA"\
    "AAAAAAAAAAfw8fLz9PX29wdkZWZhdWx0BWFsfGNldiL0mB0cgWPVOv9Otagpe2WPoph624V7"\
    "LTEBZYucAuo"

#define TOKEN  "r1qVUv7w4Ue0-wP0M3WIYGu0T0og5DU4ZDddFJmhq1c"

/* Where things are in its payload: version, id, stage, method, ... */

#define AT_VERSION  0
#define AT_ID       1
#define AT_STAGE    4
#define AT_METHOD   5
#define AT_REALM    70
#define AT_USER     78


static totp_session_t
sample(void)
{
    size_t          i;
    totp_session_t  s;

    memset(&s, 0, sizeof(s));

    s.stage = TOTP_STAGE_FULL;
    s.method = TOTP_METHOD_TOTP;
    s.issued = 1700000000;
    s.checked = 1700000005;
    s.renewed = 1700000900;
    s.expires = 1700043200;
    s.epoch = 7;
    s.realm = STR("default");
    s.user = STR("al|ce");

    for (i = 0; i < TOTP_SID_LEN; i++) {
        s.sid[i] = (uint8_t) (0xa0 + i);
    }

    for (i = 0; i < TOTP_FP_LEN; i++) {
        s.fp[i] = (uint8_t) (0xf0 + i);
    }

    return s;
}


static void
assert_same(const totp_session_t *a, const totp_session_t *b)
{
    assert_int_equal(a->stage, b->stage);
    assert_int_equal(a->method, b->method);
    assert_memory_equal(a->sid, b->sid, TOTP_SID_LEN);
    assert_true(a->issued == b->issued);
    assert_true(a->checked == b->checked);
    assert_true(a->renewed == b->renewed);
    assert_true(a->expires == b->expires);
    assert_true(a->epoch == b->epoch);
    assert_memory_equal(a->fp, b->fp, TOTP_FP_LEN);
    assert_true(totp_str_eq(a->realm, b->realm));
    assert_true(totp_str_eq(a->user, b->user));
}


static int
refused(const totp_keyring_t *ring, totp_str_t cookie)
{
    int             rc;
    uint8_t         buf[TOTP_COOKIE_MAX];
    totp_str_t      copy;
    totp_session_t  s;

    copy = heap(cookie.data, cookie.len);
    rc = totp_session_decode(&s, buf, ring, copy);
    heap_free(copy);

    return rc == -1;
}


static void
encodes(void **state)
{
    int             n;
    char            out[TOTP_COOKIE_MAX];
    totp_keyring_t  ring;
    totp_session_t  s;

    (void) state;

    ring_of(&ring, KEY_2A KEY_OLD);
    s = sample();

    n = totp_session_encode(out, &s, &ring);

    assert_true(n > 0);
    assert_str(totp_str(out, (size_t) n), COOKIE);
}


static void
decodes(void **state)
{
    uint8_t         buf[TOTP_COOKIE_MAX];
    totp_keyring_t  ring;
    totp_session_t  s, t;

    (void) state;

    s = sample();

    ring_of(&ring, KEY_2A);
    assert_int_equal(totp_session_decode(&t, buf, &ring, STR(COOKIE)), 0);
    assert_same(&s, &t);
    assert_true(t.user.data > buf && t.user.data < buf + sizeof(buf));

    /* after a new key was put first */

    ring_of(&ring, KEY_OLD KEY_2A);
    assert_int_equal(totp_session_decode(&t, buf, &ring, STR(COOKIE)), 0);
    assert_same(&s, &t);
}


static void
round_trips(void **state)
{
    int             n;
    char            out[TOTP_COOKIE_MAX], name[TOTP_USER_MAX];
    size_t          i;
    uint8_t         buf[TOTP_COOKIE_MAX];
    totp_stage_t    stage;
    totp_keyring_t  ring;
    totp_session_t  s, t;

    (void) state;

    ring_of(&ring, KEY_OLD KEY_2A);

    for (i = 0; i < sizeof(name); i++) {
        name[i] = (char) (i * 7);
    }

    for (stage = TOTP_STAGE_NONE; stage <= TOTP_STAGE_FULL; stage++) {
        for (i = 1; i <= sizeof(name); i++) {
            s = sample();
            s.stage = stage;
            s.method = (totp_method_t) (i % 3);
            s.realm = totp_str(name, 1 + i % TOTP_REALM_MAX);
            s.user = totp_str(name, stage == TOTP_STAGE_NONE ? 0 : i);
            s.issued = UINT64_MAX - i;
            s.epoch = UINT64_MAX;
            s.expires = 0;

            n = totp_session_encode(out, &s, &ring);
            assert_true(n > 0 && n <= TOTP_COOKIE_MAX);

            assert_int_equal(totp_session_decode(&t, buf, &ring,
                                                 totp_str(out, (size_t) n)),
                             0);
            assert_same(&s, &t);
        }
    }
}


static void
longest(void **state)
{
    int             n;
    char            out[TOTP_COOKIE_MAX], name[TOTP_USER_MAX + 1];
    totp_keyring_t  ring;
    totp_session_t  s;

    (void) state;

    ring_of(&ring, "0123456789abcdef:"
                   "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    memset(name, 'n', sizeof(name));

    s = sample();
    s.realm = totp_str(name, TOTP_REALM_MAX);
    s.user = totp_str(name, TOTP_USER_MAX);

    n = totp_session_encode(out, &s, &ring);
    assert_true(n > 0 && n <= TOTP_COOKIE_MAX);
    assert_false(refused(&ring, totp_str(out, (size_t) n)));

    s.user = totp_str(name, TOTP_USER_MAX + 1);
    assert_int_equal(totp_session_encode(out, &s, &ring), -1);

    s = sample();
    s.realm = totp_str(name, TOTP_REALM_MAX + 1);
    assert_int_equal(totp_session_encode(out, &s, &ring), -1);
}


static void
not_a_session(void **state)
{
    char            out[TOTP_COOKIE_MAX];
    totp_keyring_t  ring;
    totp_session_t  s;

    (void) state;

    ring_of(&ring, KEY_2A);

    s = sample();
    s.realm = STR("");
    assert_int_equal(totp_session_encode(out, &s, &ring), -1);

    s = sample();
    s.user = STR("");
    assert_int_equal(totp_session_encode(out, &s, &ring), -1);

    s = sample();
    s.stage = TOTP_STAGE_PASSWORD;
    s.user = STR("");
    assert_int_equal(totp_session_encode(out, &s, &ring), -1);

    s = sample();
    s.stage = TOTP_STAGE_NONE;
    assert_int_equal(totp_session_encode(out, &s, &ring), -1);

    s = sample();
    s.stage = (totp_stage_t) 3;
    assert_int_equal(totp_session_encode(out, &s, &ring), -1);

    s = sample();
    s.method = (totp_method_t) 3;
    assert_int_equal(totp_session_encode(out, &s, &ring), -1);
}


/* Every bit of the text, and every bit of what it stands for. */

static void
flipped_bits(void **state)
{
    int             n;
    char            text[sizeof(COOKIE)];
    size_t          bit;
    uint8_t         raw[TOTP_COOKIE_MAX];
    totp_keyring_t  ring;

    (void) state;

    ring_of(&ring, KEY_2A KEY_OLD);

    for (bit = 0; bit < 8 * (sizeof(COOKIE) - 1); bit++) {
        memcpy(text, COOKIE, sizeof(text));
        text[bit / 8] = (char) (text[bit / 8] ^ (1 << bit % 8));

        assert_true(refused(&ring, totp_str(text, sizeof(COOKIE) - 1)));
    }

    n = totp_base64url_decode(raw, sizeof(raw), STR(COOKIE));
    assert_true(n > 0);

    for (bit = 0; bit < 8 * (size_t) n; bit++) {
        raw[bit / 8] ^= (uint8_t) (1 << bit % 8);
        totp_base64url_encode(text, totp_str(raw, (size_t) n));
        raw[bit / 8] ^= (uint8_t) (1 << bit % 8);

        assert_true(refused(&ring, totp_str(text, sizeof(COOKIE) - 1)));
    }
}


/* Every other byte in the place of every character. */

static void
other_characters(void **state)
{
    int             ch;
    char            text[sizeof(COOKIE)];
    size_t          i;
    totp_keyring_t  ring;

    (void) state;

    ring_of(&ring, KEY_2A);

    for (i = 0; i < sizeof(COOKIE) - 1; i++) {
        for (ch = 0; ch < 256; ch++) {
            memcpy(text, COOKIE, sizeof(text));

            if ((char) ch == text[i]) {
                continue;
            }

            text[i] = (char) ch;

            assert_true(refused(&ring, totp_str(text, sizeof(COOKIE) - 1)));
        }
    }
}


static void
cut(void **state)
{
    size_t          n, len;
    totp_keyring_t  ring;

    (void) state;

    ring_of(&ring, KEY_2A);
    len = sizeof(COOKIE) - 1;

    for (n = 0; n < len; n++) {
        assert_true(refused(&ring, totp_str(COOKIE, n)));
        assert_true(refused(&ring, totp_str(&COOKIE[len - n], n)));
    }

    assert_false(refused(&ring, STR(COOKIE)));
}


static void
other_spellings(void **state)
{
    char            text[2 * TOTP_COOKIE_MAX];
    char           *p;
    totp_keyring_t  ring;

    (void) state;

    ring_of(&ring, KEY_2A);

    assert_true(refused(&ring, STR(COOKIE "=")));
    assert_true(refused(&ring, STR(COOKIE "==")));
    assert_true(refused(&ring, STR(COOKIE "A")));
    assert_true(refused(&ring, STR(COOKIE "AA")));
    assert_true(refused(&ring, STR(COOKIE "AAAA")));
    assert_true(refused(&ring, STR(COOKIE "\0")));
    assert_true(refused(&ring, STR(COOKIE " ")));
    assert_true(refused(&ring, STR(" " COOKIE)));
    assert_true(refused(&ring, STR(COOKIE "\r\n")));
    assert_true(refused(&ring, STR("\"" COOKIE "\"")));
    assert_true(refused(&ring, STR(COOKIE COOKIE)));
    assert_true(refused(&ring, STR(COOKIE "." COOKIE)));

    /* the usual alphabet */

    strcpy(text, COOKIE);
    p = strchr(text, '_');
    assert_non_null(p);
    *p = '/';
    assert_true(refused(&ring, cstr(text)));

    /* spare bits: 155 characters end with two of them ("o" = 40) */

    strcpy(text, COOKIE);
    text[sizeof(COOKIE) - 2] = 'p';
    assert_true(refused(&ring, cstr(text)));
    text[sizeof(COOKIE) - 2] = 'q';
    assert_true(refused(&ring, cstr(text)));
    text[sizeof(COOKIE) - 2] = 'r';
    assert_true(refused(&ring, cstr(text)));

    /* longer than any */

    memset(text, 'A', sizeof(text));
    assert_true(refused(&ring, totp_str(text, TOTP_COOKIE_MAX)));
    assert_true(refused(&ring, totp_str(text, TOTP_COOKIE_MAX + 1)));
    assert_true(refused(&ring, totp_str(text, sizeof(text))));
    assert_true(refused(&ring, totp_str(NULL, 0)));
}


static void
keys(void **state)
{
    totp_keyring_t  ring;

    (void) state;

    ring_of(&ring, KEY_OLD);
    assert_true(refused(&ring, STR(COOKIE)));

    /* another key under the same id */

    ring_of(&ring, "2a://79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=");
    assert_true(refused(&ring, STR(COOKIE)));

    /* the same key under another id */

    ring_of(&ring, "2b:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    assert_true(refused(&ring, STR(COOKIE)));
}


/* Signs a payload that totp_session_encode() would never have written. */

static size_t
sign(char *out, uint8_t *raw, size_t len, const uint8_t *key)
{
    totp_str_t  payload;

    payload = totp_str(raw, len);

    assert_int_equal(totp_hmac_sha256(raw + len, key, &payload, 1), 0);
    totp_base64url_encode(out, totp_str(raw, len + TOTP_HMAC_SHA256_LEN));

    return totp_base64url_len(len + TOTP_HMAC_SHA256_LEN);
}


static void
rightly_signed_nonsense(void **state)
{
    char            text[2 * TOTP_COOKIE_MAX];
    size_t          i, n, len;
    uint8_t         raw[TOTP_COOKIE_MAX], changed[TOTP_COOKIE_MAX];
    totp_keyring_t  ring;

    static const struct {
        size_t   at;
        uint8_t  value;
    } v[] = {
        { AT_VERSION, 0 }, { AT_VERSION, 2 }, { AT_VERSION, 255 },
        { AT_ID, 0 }, { AT_ID, 1 }, { AT_ID, 3 }, { AT_ID, 255 },
        { AT_STAGE, TOTP_STAGE_NONE }, { AT_STAGE, 3 }, { AT_STAGE, 255 },
        { AT_METHOD, 3 }, { AT_METHOD, 255 },
        { AT_REALM, 0 }, { AT_REALM, 6 }, { AT_REALM, 8 }, { AT_REALM, 255 },
        { AT_USER, 0 }, { AT_USER, 4 }, { AT_USER, 6 }, { AT_USER, 255 },
    };

    (void) state;

    ring_of(&ring, KEY_2A);

    len = (size_t) totp_base64url_decode(raw, sizeof(raw), STR(COOKIE))
          - TOTP_HMAC_SHA256_LEN;

    assert_int_equal(raw[AT_REALM], 7);
    assert_int_equal(raw[AT_USER], 5);

    for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
        memcpy(changed, raw, len);
        changed[v[i].at] = v[i].value;

        n = sign(text, changed, len, ring.keys[0].session);
        assert_true(refused(&ring, totp_str(text, n)));
    }

    /* every shorter one, and longer ones */

    for (i = 0; i < len; i++) {
        memcpy(changed, raw, len);
        n = sign(text, changed, i, ring.keys[0].session);
        assert_true(refused(&ring, totp_str(text, n)));
    }

    for (i = len + 1; i < len + 40; i++) {
        memset(changed, 0, sizeof(changed));
        memcpy(changed, raw, len);
        n = sign(text, changed, i, ring.keys[0].session);
        assert_true(refused(&ring, totp_str(text, n)));
    }

    /* signed, but for another purpose */

    memcpy(changed, raw, len);
    n = sign(text, changed, len, ring.keys[0].csrf);
    assert_true(refused(&ring, totp_str(text, n)));

    memcpy(changed, raw, len);
    n = sign(text, changed, len, ring.keys[0].backup);
    assert_true(refused(&ring, totp_str(text, n)));

    /* and the way back, so that the above were refused for their reason */

    memcpy(changed, raw, len);
    n = sign(text, changed, len, ring.keys[0].session);
    assert_str(totp_str(text, n), COOKIE);
    assert_false(refused(&ring, totp_str(text, n)));
}


static void
form_token(void **state)
{
    char            token[TOTP_CSRF_LEN + 1];
    size_t          i, bit;
    totp_keyring_t  ring, old, both;
    totp_session_t  s, t;

    (void) state;

    ring_of(&ring, KEY_2A);
    ring_of(&old, KEY_OLD);
    ring_of(&both, KEY_OLD KEY_2A);

    s = sample();

    token[TOTP_CSRF_LEN] = '#';
    assert_int_equal(totp_csrf_make(token, &s, &ring), 0);
    assert_memory_equal(token, TOKEN "#", TOTP_CSRF_LEN + 1);

    assert_int_equal(totp_csrf_verify(STR(TOKEN), &s, &ring), 0);
    assert_int_equal(totp_csrf_verify(STR(TOKEN), &s, &both), 0);
    assert_int_equal(totp_csrf_verify(STR(TOKEN), &s, &old), -1);

    assert_int_equal(totp_csrf_make(token, &s, &both), 0);
    assert_int_equal(totp_csrf_verify(totp_str(token, TOTP_CSRF_LEN), &s,
                                      &both),
                     0);
    assert_int_equal(totp_csrf_verify(totp_str(token, TOTP_CSRF_LEN), &s,
                                      &ring),
                     -1);

    /* of another session, of another stage */

    for (i = 0; i < TOTP_SID_LEN; i++) {
        t = s;
        t.sid[i] ^= 1;
        assert_int_equal(totp_csrf_verify(STR(TOKEN), &t, &ring), -1);
    }

    t = s;
    t.stage = TOTP_STAGE_PASSWORD;
    assert_int_equal(totp_csrf_verify(STR(TOKEN), &t, &ring), -1);

    /* renewed: the same session, the same token */

    t = s;
    t.renewed += 100;
    assert_int_equal(totp_csrf_verify(STR(TOKEN), &t, &ring), 0);

    for (bit = 0; bit < 8 * TOTP_CSRF_LEN; bit++) {
        memcpy(token, TOKEN, TOTP_CSRF_LEN);
        token[bit / 8] = (char) (token[bit / 8] ^ (1 << bit % 8));
        assert_int_equal(totp_csrf_verify(totp_str(token, TOTP_CSRF_LEN), &s,
                                          &ring),
                         -1);
    }

    for (i = 0; i < TOTP_CSRF_LEN; i++) {
        assert_int_equal(totp_csrf_verify(totp_str(TOKEN, i), &s, &ring), -1);
    }

    assert_int_equal(totp_csrf_verify(STR(TOKEN "="), &s, &ring), -1);
    assert_int_equal(totp_csrf_verify(STR(TOKEN "A"), &s, &ring), -1);
    assert_int_equal(totp_csrf_verify(STR(TOKEN "\0"), &s, &ring), -1);
    assert_int_equal(totp_csrf_verify(totp_str(NULL, 0), &s, &ring), -1);
}


/* HMAC over length, name and hash, cut; by another implementation. */

static void
fingerprints(void **state)
{
    uint8_t         fp[TOTP_FP_LEN], other[TOTP_FP_LEN], want[TOTP_FP_LEN];
    totp_keyring_t  ring;

    (void) state;

    ring_of(&ring, KEY_2A KEY_OLD);
    unhex(want, "99e32c6f32d93070");

    assert_int_equal(totp_session_fingerprint(fp, &ring.keys[0], STR("alice"),
                                              STR("{PLAIN}secret")), 0);
    assert_memory_equal(fp, want, TOTP_FP_LEN);

    /* another key, another border between name and hash */

    assert_int_equal(totp_session_fingerprint(other, &ring.keys[1],
                                              STR("alice"),
                                              STR("{PLAIN}secret")), 0);
    assert_memory_not_equal(fp, other, TOTP_FP_LEN);

    assert_int_equal(totp_session_fingerprint(other, &ring.keys[0],
                                              STR("alic"),
                                              STR("e{PLAIN}secret")), 0);
    assert_memory_not_equal(fp, other, TOTP_FP_LEN);
}


/* Which key of the ring has signed. */

static void
names_its_key(void **state)
{
    uint8_t         buf[TOTP_COOKIE_MAX];
    totp_keyring_t  ring;
    totp_session_t  s;

    (void) state;

    ring_of(&ring, KEY_OLD KEY_2A);

    assert_int_equal(totp_session_decode(&s, buf, &ring, STR(COOKIE)), 0);
    assert_ptr_equal(s.key, &ring.keys[1]);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(encodes),
        cmocka_unit_test(decodes),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(fingerprints),
        cmocka_unit_test(names_its_key),
        cmocka_unit_test(longest),
        cmocka_unit_test(not_a_session),
        cmocka_unit_test(flipped_bits),
        cmocka_unit_test(other_characters),
        cmocka_unit_test(cut),
        cmocka_unit_test(other_spellings),
        cmocka_unit_test(keys),
        cmocka_unit_test(rightly_signed_nonsense),
        cmocka_unit_test(form_token),
    };

    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
