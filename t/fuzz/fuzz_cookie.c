/*
 * A Cookie header, the session in a cookie, and the token of its forms.
 */

#include "fuzz.h"
#include "totp_cookie.h"
#include "totp_session.h"


static const totp_str_t  names[] = {
    totp_string("__Host-totp"),
    totp_string("T"),
};


/* The next pair of any name, found in another way. */

static int
next(totp_str_t h, size_t *pos, totp_str_t *name, totp_str_t *value)
{
    size_t  from, to, eq;

    while (*pos < h.len) {

        for (from = *pos; *pos < h.len && h.data[*pos] != ';'; (*pos)++) { }

        to = *pos;
        (*pos)++;

        while (from < to && strchr(" \t", h.data[from]) && h.data[from]) {
            from++;
        }

        while (from < to && strchr(" \t", h.data[to - 1])
               && h.data[to - 1])
        {
            to--;
        }

        if (from == to) {
            continue;
        }

        for (eq = from; eq < to && h.data[eq] != '='; eq++) { }

        *name = totp_str(h.data + from, eq == to ? 0 : eq - from);
        *value = eq == to ? totp_str(h.data + from, to - from)
                          : totp_str(h.data + eq + 1, to - eq - 1);
        return 1;
    }

    return 0;
}


static int
ours(totp_str_t name)
{
    return totp_str_eq(name, names[0]) || totp_str_eq(name, names[1]);
}


/*
 * Ours are found, in their order, and what the cut leaves are the others, in
 * theirs.
 */

static void
header(totp_str_t h)
{
    size_t      n, i, j, k, which, found, others;
    uint8_t    *out;
    totp_str_t  left, name, value, name_left, value_left, own;

    out = malloc(h.len ? h.len : 1);
    CHECK(out != NULL);

    n = totp_cookie_cut(out, h, names, 2);
    CHECK(n <= h.len);

    left = totp_str(out, n);

    k = 0;
    CHECK(!totp_cookie_next(left, &k, names, 2, &which, &own));

    k = 0;
    found = 0;
    others = 0;
    i = 0;
    j = 0;

    while (next(h, &i, &name, &value)) {

        if (ours(name)) {
            CHECK(totp_cookie_next(h, &k, names, 2, &which, &own) == 1);
            CHECK(k <= h.len);
            CHECK(totp_str_eq(name, names[which]));
            CHECK(totp_str_eq(value, own));
            found++;
            continue;
        }

        others++;
        CHECK(next(left, &j, &name_left, &value_left) == 1);
        CHECK(totp_str_eq(name, name_left));
        CHECK(totp_str_eq(value, value_left));
    }

    CHECK(!next(left, &j, &name_left, &value_left));
    CHECK(!totp_cookie_next(h, &k, names, 2, &which, &own));
    CHECK(found != 0 || (n == h.len && totp_str_eq(left, h)));
    CHECK(found == 0 || others != 0 || n == 0);

    free(out);
}


static const totp_keyring_t *
keyring(void)
{
    unsigned     line;
    totp_str_t   file;

    static totp_keyring_t  ring;

    if (ring.n == 0) {
        file = totp_str("2a:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
                        "old://79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=\n",
                        97);
        CHECK(totp_keyring_parse(&ring, file, &line) == NULL);
        CHECK(ring.n == 2);
    }

    return &ring;
}


/* Whatever is read is what the twin would have written. */

static void
forged(totp_str_t cookie)
{
    int             n;
    char            again[TOTP_COOKIE_MAX];
    uint8_t         buf[TOTP_COOKIE_MAX];
    totp_session_t  s;

    if (totp_session_decode(&s, buf, keyring(), cookie) == 0) {
        n = totp_session_encode(again, &s, keyring());
        CHECK(n > 0 && totp_str_eq(totp_str(again, (size_t) n), cookie));
    }
}


/* A session of these bytes comes back, and in no other spelling. */

static void
genuine(const uint8_t *data, size_t size)
{
    int             n, ok;
    char            cookie[TOTP_COOKIE_MAX];
    size_t          at;
    uint8_t         buf[TOTP_COOKIE_MAX], change;
    totp_session_t  s, back;

    if (size < 100) {
        return;
    }

    memset(&s, 0, sizeof(s));

    s.stage = data[0] & 3;
    s.method = data[1] & 3;
    memcpy(s.sid, data + 2, TOTP_SID_LEN);
    memcpy(&s.issued, data + 18, 8);
    memcpy(&s.checked, data + 26, 8);
    memcpy(&s.renewed, data + 34, 8);
    memcpy(&s.expires, data + 42, 8);
    memcpy(&s.epoch, data + 50, 8);
    memcpy(s.fp, data + 58, TOTP_FP_LEN);
    s.realm = totp_str(data + 66, data[98] % (TOTP_REALM_MAX + 1));
    s.user = totp_str(data + 100, size - 100);

    ok = s.stage <= TOTP_STAGE_FULL && s.method <= TOTP_METHOD_BACKUP
         && s.realm.len != 0 && s.user.len <= TOTP_USER_MAX
         && (s.user.len == 0) == (s.stage == TOTP_STAGE_NONE);

    n = totp_session_encode(cookie, &s, keyring());
    CHECK((n > 0) == ok);

    if (!ok) {
        return;
    }

    CHECK(n <= TOTP_COOKIE_MAX);
    CHECK(totp_session_decode(&back, buf, keyring(),
                              totp_str(cookie, (size_t) n)) == 0);

    CHECK(back.stage == s.stage && back.method == s.method);
    CHECK(memcmp(back.sid, s.sid, TOTP_SID_LEN) == 0);
    CHECK(back.issued == s.issued && back.checked == s.checked);
    CHECK(back.renewed == s.renewed && back.expires == s.expires);
    CHECK(back.epoch == s.epoch);
    CHECK(memcmp(back.fp, s.fp, TOTP_FP_LEN) == 0);
    CHECK(totp_str_eq(back.realm, s.realm));
    CHECK(totp_str_eq(back.user, s.user));

    at = (size_t) (data[99] + data[98] * 256) % (size_t) n;
    change = (uint8_t) (data[66] | 1);
    cookie[at] = (char) (cookie[at] ^ change);

    CHECK(totp_session_decode(&back, buf, keyring(),
                              totp_str(cookie, (size_t) n)) == -1);

    cookie[at] = (char) (cookie[at] ^ change);

    CHECK(totp_session_decode(&back, buf, keyring(),
                              totp_str(cookie, at)) == -1);
}


/* The one token of a session, of either key, and no other. */

static void
token(totp_str_t sent)
{
    char                   right[TOTP_CSRF_LEN];
    uint8_t                buf[TOTP_COOKIE_MAX];
    totp_session_t         s;
    const totp_keyring_t  *ring;

    ring = keyring();
    memset(&s, 0, sizeof(s));

    if (totp_session_decode(&s, buf, ring, sent) != 0 && sent.len != 0) {
        s.stage = sent.data[0] % 3;
        s.sid[0] = sent.data[sent.len - 1];
    }

    CHECK(totp_csrf_make(right, &s, ring) == 0);
    CHECK(totp_csrf_verify(totp_str(right, TOTP_CSRF_LEN), &s, ring) == 0);
    CHECK(totp_csrf_verify(totp_str(right, TOTP_CSRF_LEN - 1), &s, ring) == -1);
    CHECK(totp_csrf_verify(sent, &s, ring) == -1
          || totp_str_eq(sent, totp_str(right, TOTP_CSRF_LEN)));

    /* of another session, or of this one at another stage */

    s.sid[1] ^= 1;
    CHECK(totp_csrf_verify(totp_str(right, TOTP_CSRF_LEN), &s, ring) == -1);

    s.sid[1] ^= 1;
    s.stage = (s.stage + 1) % 3;
    CHECK(totp_csrf_verify(totp_str(right, TOTP_CSRF_LEN), &s, ring) == -1);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t  *copy;

    copy = fuzz_copy(data, size);

    header(totp_str(copy, size));
    forged(totp_str(copy, size));
    genuine(copy, size);
    token(totp_str(copy, size));

    free(copy);

    return 0;
}
