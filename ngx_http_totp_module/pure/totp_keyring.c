#include "totp_keyring.h"
#include "totp_base64.h"
#include "totp_hkdf.h"
#include "totp_wipe.h"


/* HKDF's info: a part of the wire formats, never to be changed. */

static const totp_str_t  totp_key_session = totp_string("totp session");
static const totp_str_t  totp_key_csrf = totp_string("totp csrf");
static const totp_str_t  totp_key_entry = totp_string("totp entry");
static const totp_str_t  totp_key_seal = totp_string("totp seal");
static const totp_str_t  totp_key_backup = totp_string("totp backup");


static int
totp_key_derive(uint8_t out[TOTP_KEY_LEN], totp_str_t key, totp_str_t purpose)
{
    return totp_hkdf_sha256(out, TOTP_KEY_LEN, key, totp_str(NULL, 0),
                            purpose);
}


static const char *
totp_key_set_id(totp_key_t *key, totp_str_t id)
{
    size_t   i;
    uint8_t  ch;

    if (id.len == 0) {
        return "the key has no id";
    }

    if (id.len > TOTP_KEY_ID_MAX) {
        return "the id is longer than 16 characters";
    }

    for (i = 0; i < id.len; i++) {
        ch = id.data[i];

        if (!((ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z')
              || (ch >= '0' && ch <= '9') || ch == '_' || ch == '-'))
        {
            return "the id may hold only letters, digits, \"_\" and \"-\"";
        }
    }

    key->id_len = (uint8_t) id.len;
    memcpy(key->id, id.data, id.len);

    return NULL;
}


static const char *
totp_key_set_secret(totp_key_t *key, totp_str_t text)
{
    int         rc;
    uint8_t     bytes[TOTP_KEY_LEN];
    totp_str_t  secret;

    if (totp_base64_decode(bytes, TOTP_KEY_LEN, text) != TOTP_KEY_LEN) {
        totp_wipe(bytes, sizeof(bytes));
        return "the key is not 32 bytes in base64";
    }

    secret = totp_str(bytes, TOTP_KEY_LEN);

    rc = totp_key_derive(key->session, secret, totp_key_session)
         | totp_key_derive(key->csrf, secret, totp_key_csrf)
         | totp_key_derive(key->entry, secret, totp_key_entry)
         | totp_key_derive(key->seal, secret, totp_key_seal)
         | totp_key_derive(key->backup, secret, totp_key_backup);

    totp_wipe(bytes, sizeof(bytes));

    return rc == 0 ? NULL : "the crypto library failed";
}


static const char *
totp_keyring_line(totp_keyring_t *ring, totp_str_t line)
{
    totp_key_t     *key;
    const char     *err;
    totp_str_t      id, secret;
    const uint8_t  *colon;

    colon = memchr(line.data, ':', line.len);
    if (colon == NULL) {
        return "the line is not id:key";
    }

    if (ring->n == TOTP_KEYRING_MAX) {
        return "there are more than 16 keys";
    }

    id = totp_str(line.data, (size_t) (colon - line.data));
    secret = totp_str(colon + 1, line.len - id.len - 1);

    if (totp_keyring_find(ring, id) != NULL) {
        return "the id is used twice";
    }

    key = &ring->keys[ring->n];

    err = totp_key_set_id(key, id);
    if (err == NULL) {
        err = totp_key_set_secret(key, secret);
    }

    if (err == NULL) {
        ring->n++;
    }

    return err;
}


const char *
totp_keyring_parse(totp_keyring_t *ring, totp_str_t file, unsigned *line)
{
    const char     *err;
    totp_str_t      text;
    const uint8_t  *p, *end, *lf;

    totp_wipe(ring, sizeof(totp_keyring_t));

    err = NULL;
    *line = 0;

    p = file.data;
    end = file.len ? file.data + file.len : p;

    while (p != end) {
        lf = memchr(p, '\n', (size_t) (end - p));
        text = totp_str(p, (size_t) ((lf ? lf : end) - p));
        p = lf ? lf + 1 : end;

        (*line)++;

        if (text.len && text.data[text.len - 1] == '\r') {
            text.len--;
        }

        if (text.len == 0 || text.data[0] == '#') {
            continue;
        }

        err = totp_keyring_line(ring, text);
        if (err) {
            break;
        }
    }

    if (err == NULL && ring->n == 0) {
        *line = 0;
        err = "there is no key";
    }

    if (err) {
        totp_wipe(ring, sizeof(totp_keyring_t));
    }

    return err;
}


const totp_key_t *
totp_keyring_find(const totp_keyring_t *ring, totp_str_t id)
{
    size_t  i;

    for (i = 0; i < ring->n; i++) {
        if (totp_str_eq(totp_str(ring->keys[i].id, ring->keys[i].id_len), id)) {
            return &ring->keys[i];
        }
    }

    return NULL;
}
