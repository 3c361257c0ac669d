#include "totp_session.h"
#include "totp_base64.h"
#include "totp_be.h"
#include "totp_hmac.h"
#include "totp_wipe.h"


#define TOTP_SESSION_VERSION  1

/* version, key's id, stage, method, sid, five numbers, fp, realm, user */

#define TOTP_SESSION_PAYLOAD_MAX                                              \
    (1 + 1 + TOTP_KEY_ID_MAX + 1 + 1 + TOTP_SID_LEN + 5 * TOTP_BE64_LEN       \
     + TOTP_FP_LEN + 1 + TOTP_REALM_MAX + 1 + TOTP_USER_MAX)

#define TOTP_SESSION_MAX  (TOTP_SESSION_PAYLOAD_MAX + TOTP_HMAC_SHA256_LEN)


_Static_assert(totp_base64url_len(TOTP_SESSION_MAX) <= TOTP_COOKIE_MAX,
               "the longest session does not fit into a cookie");
_Static_assert(totp_base64url_len(TOTP_HMAC_SHA256_LEN) == TOTP_CSRF_LEN,
               "the length of a form token");


/*
 * What may be in a session at all, for the writer and the reader alike: only
 * a visitor who has signed in has a name.
 */

static int
totp_session_ok(const totp_session_t *s)
{
    return (unsigned) s->stage <= TOTP_STAGE_FULL
           && (unsigned) s->method <= TOTP_METHOD_BACKUP
           && s->realm.len >= 1 && s->realm.len <= TOTP_REALM_MAX
           && s->user.len <= TOTP_USER_MAX
           && (s->user.len == 0) == (s->stage == TOTP_STAGE_NONE);
}


static uint8_t *
totp_session_put(uint8_t *p, const void *data, size_t len)
{
    if (len) {
        memcpy(p, data, len);
    }

    return p + len;
}


static uint8_t *
totp_session_put_counted(uint8_t *p, const void *data, size_t len)
{
    *p++ = (uint8_t) len;

    return totp_session_put(p, data, len);
}


static uint8_t *
totp_session_put_number(uint8_t *p, uint64_t n)
{
    totp_be64_put(p, n);

    return p + TOTP_BE64_LEN;
}


int
totp_session_encode(char out[TOTP_COOKIE_MAX], const totp_session_t *s,
    const totp_keyring_t *ring)
{
    size_t             len;
    uint8_t            buf[TOTP_SESSION_MAX], *p;
    totp_str_t         payload;
    const totp_key_t  *key;

    if (!totp_session_ok(s)) {
        return -1;
    }

    key = &ring->keys[0];

    p = buf;

    *p++ = TOTP_SESSION_VERSION;
    p = totp_session_put_counted(p, key->id, key->id_len);
    *p++ = (uint8_t) s->stage;
    *p++ = (uint8_t) s->method;
    p = totp_session_put(p, s->sid, TOTP_SID_LEN);
    p = totp_session_put_number(p, s->issued);
    p = totp_session_put_number(p, s->checked);
    p = totp_session_put_number(p, s->renewed);
    p = totp_session_put_number(p, s->expires);
    p = totp_session_put_number(p, s->epoch);
    p = totp_session_put(p, s->fp, TOTP_FP_LEN);
    p = totp_session_put_counted(p, s->realm.data, s->realm.len);
    p = totp_session_put_counted(p, s->user.data, s->user.len);

    payload = totp_str(buf, (size_t) (p - buf));

    if (totp_hmac_sha256(p, key->session, &payload, 1) != 0) {
        return -1;
    }

    len = payload.len + TOTP_HMAC_SHA256_LEN;

    totp_base64url_encode(out, totp_str(buf, len));

    return (int) totp_base64url_len(len);
}


/* Reading: what is left of the payload; every step fails where it ends. */

static const uint8_t *
totp_session_get(totp_str_t *rest, size_t len)
{
    const uint8_t  *p;

    if (rest->len < len) {
        return NULL;
    }

    p = rest->data;

    rest->data += len;
    rest->len -= len;

    return p;
}


static int
totp_session_get_bytes(totp_str_t *rest, uint8_t *out, size_t len)
{
    const uint8_t  *p;

    p = totp_session_get(rest, len);
    if (p == NULL) {
        return -1;
    }

    memcpy(out, p, len);

    return 0;
}


static int
totp_session_get_counted(totp_str_t *rest, totp_str_t *out)
{
    const uint8_t  *p;

    p = totp_session_get(rest, 1);
    if (p == NULL) {
        return -1;
    }

    out->len = *p;
    out->data = totp_session_get(rest, out->len);

    return out->data ? 0 : -1;
}


static int
totp_session_get_number(totp_str_t *rest, uint64_t *out)
{
    const uint8_t  *p;

    p = totp_session_get(rest, TOTP_BE64_LEN);
    if (p == NULL) {
        return -1;
    }

    *out = totp_be64_get(p);

    return 0;
}


/*
 * Nothing but the key's id is looked at before the signature has been found
 * right; rest is then what follows the id.
 */

static const totp_key_t *
totp_session_verify(totp_str_t *rest, const totp_keyring_t *ring,
    const uint8_t *buf, size_t len)
{
    uint8_t            mac[TOTP_HMAC_SHA256_LEN];
    totp_str_t         payload, id;
    const uint8_t     *version;
    const totp_key_t  *key;

    if (len < TOTP_HMAC_SHA256_LEN) {
        return NULL;
    }

    payload = totp_str(buf, len - TOTP_HMAC_SHA256_LEN);
    *rest = payload;

    version = totp_session_get(rest, 1);

    if (version == NULL || *version != TOTP_SESSION_VERSION
        || totp_session_get_counted(rest, &id) != 0)
    {
        return NULL;
    }

    key = totp_keyring_find(ring, id);

    if (key == NULL
        || totp_hmac_sha256(mac, key->session, &payload, 1) != 0
        || !totp_equal(mac, buf + payload.len, TOTP_HMAC_SHA256_LEN))
    {
        return NULL;
    }

    return key;
}


int
totp_session_decode(totp_session_t *s, uint8_t buf[TOTP_COOKIE_MAX],
    const totp_keyring_t *ring, totp_str_t cookie)
{
    int         len;
    uint8_t     kind[2];            /* stage, method */
    totp_str_t  rest;

    if (cookie.len > TOTP_COOKIE_MAX) {
        return -1;
    }

    len = totp_base64url_decode(buf, TOTP_COOKIE_MAX, cookie);

    if (len < 0) {
        return -1;
    }

    s->key = totp_session_verify(&rest, ring, buf, (size_t) len);

    if (s->key == NULL) {
        return -1;
    }

    if (totp_session_get_bytes(&rest, kind, sizeof(kind)) != 0
        || totp_session_get_bytes(&rest, s->sid, TOTP_SID_LEN) != 0
        || totp_session_get_number(&rest, &s->issued) != 0
        || totp_session_get_number(&rest, &s->checked) != 0
        || totp_session_get_number(&rest, &s->renewed) != 0
        || totp_session_get_number(&rest, &s->expires) != 0
        || totp_session_get_number(&rest, &s->epoch) != 0
        || totp_session_get_bytes(&rest, s->fp, TOTP_FP_LEN) != 0
        || totp_session_get_counted(&rest, &s->realm) != 0
        || totp_session_get_counted(&rest, &s->user) != 0
        || rest.len != 0)
    {
        return -1;
    }

    s->stage = (totp_stage_t) kind[0];
    s->method = (totp_method_t) kind[1];

    return totp_session_ok(s) ? 0 : -1;
}


int
totp_session_fingerprint(uint8_t out[TOTP_FP_LEN], const totp_key_t *key,
    totp_str_t name, totp_str_t hash)
{
    uint8_t     len[TOTP_BE64_LEN], mac[TOTP_HMAC_SHA256_LEN];
    totp_str_t  parts[3];

    totp_be64_put(len, name.len);

    parts[0] = totp_str(len, sizeof(len));
    parts[1] = name;
    parts[2] = hash;

    if (totp_hmac_sha256(mac, key->entry, parts, 3) != 0) {
        return -1;
    }

    memcpy(out, mac, TOTP_FP_LEN);

    return 0;
}


static int
totp_csrf_sum(uint8_t out[TOTP_HMAC_SHA256_LEN], const totp_session_t *s,
    const totp_key_t *key)
{
    uint8_t     stage;
    totp_str_t  parts[2];

    stage = (uint8_t) s->stage;

    parts[0] = totp_str(s->sid, TOTP_SID_LEN);
    parts[1] = totp_str(&stage, 1);

    return totp_hmac_sha256(out, key->csrf, parts, 2);
}


int
totp_csrf_make(char out[TOTP_CSRF_LEN], const totp_session_t *s,
    const totp_keyring_t *ring)
{
    uint8_t  mac[TOTP_HMAC_SHA256_LEN];

    if (totp_csrf_sum(mac, s, &ring->keys[0]) != 0) {
        return -1;
    }

    totp_base64url_encode(out, totp_str(mac, sizeof(mac)));

    return 0;
}


int
totp_csrf_verify(totp_str_t token, const totp_session_t *s,
    const totp_keyring_t *ring)
{
    int      right;
    size_t   i;
    uint8_t  sent[TOTP_HMAC_SHA256_LEN], mac[TOTP_HMAC_SHA256_LEN];

    if (totp_base64url_decode(sent, sizeof(sent), token)
        != TOTP_HMAC_SHA256_LEN)
    {
        return -1;
    }

    right = 0;

    for (i = 0; i < ring->n; i++) {
        if (totp_csrf_sum(mac, s, &ring->keys[i]) != 0) {
            return -1;
        }

        right |= totp_equal(mac, sent, sizeof(mac));
    }

    return right ? 0 : -1;
}
