/*
 * Password files and the hashes in them.
 */

#include <crypt.h>
#include <errno.h>
#include <stdlib.h>
#include <openssl/evp.h>

#include "totp_passwd.h"
#include "totp_ascii.h"
#include "totp_base64.h"
#include "totp_wipe.h"


#define TOTP_PASSWD_SHA1      20    /* bytes of a SHA-1 digest */
#define TOTP_PASSWD_SHA_MAX   256   /* bytes of a digest with its salt */


static int  totp_passwd_begins(totp_str_t s, const char *word);
static size_t  totp_passwd_upto(totp_str_t s, size_t pos, uint8_t stop);
static int  totp_passwd_sha(totp_str_t password, totp_str_t encoded,
    int salted);
static int  totp_passwd_crypt(totp_str_t password, totp_str_t hash);


int
totp_passwd_next(totp_str_t file, size_t *pos, totp_str_t *user,
    totp_str_t *hash)
{
    totp_str_t  rest, line;

    while (*pos < file.len) {

        rest = totp_str(file.data + *pos, file.len - *pos);
        line = totp_ascii_cut(&rest, '\n');
        *pos = file.len - rest.len;

        if (line.len != 0 && line.data[line.len - 1] == '\r') {
            line.len--;
        }

        if (line.len == 0 || line.data[0] == '#') {
            continue;
        }

        *user = totp_ascii_cut(&line, ':');

        if (line.data == NULL || user->len == 0) {
            continue;
        }

        *hash = totp_ascii_cut(&line, ':');

        return 1;
    }

    return 0;
}


totp_passwd_scheme_t
totp_passwd_scheme(totp_str_t hash)
{
    if (totp_passwd_begins(hash, "{PLAIN}")) {
        return TOTP_PASSWD_PLAIN;
    }

    if (totp_passwd_begins(hash, "{SHA}")) {
        return TOTP_PASSWD_SHA;
    }

    if (totp_passwd_begins(hash, "{SSHA}")) {
        return TOTP_PASSWD_SSHA;
    }

    if (totp_passwd_begins(hash, "$apr1$")) {
        return TOTP_PASSWD_APR1;
    }

    return TOTP_PASSWD_CRYPT;
}


/*
 * crypt(5) lists what stands where: most schemes have their cost, if any,
 * between the second and the third '$'.
 */

totp_str_t
totp_passwd_cost(totp_str_t hash)
{
    size_t  n;

    n = 0;

    switch (totp_passwd_scheme(hash)) {

    case TOTP_PASSWD_PLAIN:
    case TOTP_PASSWD_SHA:
    case TOTP_PASSWD_SSHA:
        n = totp_passwd_upto(hash, 0, '}');
        break;

    case TOTP_PASSWD_APR1:
        n = sizeof("$apr1$") - 1;
        break;

    case TOTP_PASSWD_CRYPT:

        if (totp_passwd_begins(hash, "_")) {

            /* BSDi: four characters of rounds */

            n = hash.len < 5 ? 0 : 5;
            break;
        }

        if (!totp_passwd_begins(hash, "$")) {
            break;
        }

        n = totp_passwd_upto(hash, 1, '$');

        if (n == 0) {
            break;
        }

        if (totp_passwd_begins(hash, "$2")
            || totp_passwd_begins(hash, "$y$")
            || totp_passwd_begins(hash, "$gy$")
            || totp_passwd_begins(hash, "$sha1$")
            || totp_passwd_begins(hash, "$5$rounds=")
            || totp_passwd_begins(hash, "$6$rounds="))
        {
            n = totp_passwd_upto(hash, n, '$');

        } else if (totp_passwd_begins(hash, "$7$")) {

            /* scrypt: one character of N, five each of r and p */

            n = hash.len < 14 ? 0 : 14;
        }

        break;
    }

    return totp_str(hash.data, n);
}


/* The length up to and with stop, from pos on; 0 where there is none. */

static size_t
totp_passwd_upto(totp_str_t s, size_t pos, uint8_t stop)
{
    size_t  i;

    for (i = pos; i < s.len; i++) {
        if (s.data[i] == stop) {
            return i + 1;
        }
    }

    return 0;
}


int
totp_passwd_verify(totp_str_t password, totp_str_t hash)
{
    /* nothing may be at NULL, which memcpy() and its kin do not take */

    if (password.len == 0) {
        password.data = (const uint8_t *) "";
    }

    if (hash.len == 0
        || memchr(password.data, '\0', password.len) != NULL
        || memchr(hash.data, '\0', hash.len) != NULL)
    {
        return 0;
    }

    switch (totp_passwd_scheme(hash)) {

    case TOTP_PASSWD_PLAIN:
        hash = totp_str(hash.data + 7, hash.len - 7);

        return password.len == hash.len
               && totp_equal(password.data, hash.data, hash.len);

    case TOTP_PASSWD_SHA:
        return totp_passwd_sha(password,
                               totp_str(hash.data + 5, hash.len - 5), 0);

    case TOTP_PASSWD_SSHA:
        return totp_passwd_sha(password,
                               totp_str(hash.data + 6, hash.len - 6), 1);

    case TOTP_PASSWD_APR1:
        return 0;

    case TOTP_PASSWD_CRYPT:
        break;
    }

    return totp_passwd_crypt(password, hash);
}


/* base64(SHA1(password || salt) || salt), RFC 2307 and its salted kin */

static int
totp_passwd_sha(totp_str_t password, totp_str_t encoded, int salted)
{
    int          n, rc;
    uint8_t      want[TOTP_PASSWD_SHA_MAX], got[EVP_MAX_MD_SIZE];
    EVP_MD_CTX  *ctx;

    n = totp_base64_decode(want, sizeof(want), encoded);

    if (n < TOTP_PASSWD_SHA1 || (!salted && n != TOTP_PASSWD_SHA1)) {
        return 0;
    }

    ctx = EVP_MD_CTX_new();
    if (ctx == NULL) {
        return -1;
    }

    rc = -1;

    if (EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) == 1
        && EVP_DigestUpdate(ctx, password.data, password.len) == 1
        && EVP_DigestUpdate(ctx, want + TOTP_PASSWD_SHA1,
                            (size_t) n - TOTP_PASSWD_SHA1)
           == 1
        && EVP_DigestFinal_ex(ctx, got, NULL) == 1)
    {
        rc = totp_equal(got, want, TOTP_PASSWD_SHA1);
    }

    EVP_MD_CTX_free(ctx);
    totp_wipe(got, sizeof(got));
    totp_wipe(want, sizeof(want));

    return rc;
}


static int
totp_passwd_crypt(totp_str_t password, totp_str_t hash)
{
    int                 rc;
    char               *copy, *setting;
    const char         *got;
    struct crypt_data  *data;

    rc = -1;

    /* struct crypt_data has 32 KB: too much for the stack of a thread */

    data = calloc(1, sizeof(struct crypt_data));
    copy = calloc(1, password.len + 1);
    setting = calloc(1, hash.len + 1);

    if (data != NULL && copy != NULL && setting != NULL) {

        memcpy(copy, password.data, password.len);
        memcpy(setting, hash.data, hash.len);

        errno = 0;
        got = crypt_r(copy, setting, data);

        if (got == NULL || got[0] == '*') {
            rc = (errno == ENOMEM) ? -1 : 0;

        } else {
            rc = strlen(got) == hash.len && totp_equal(got, setting, hash.len);
        }
    }

    if (data != NULL) {
        totp_wipe(data, sizeof(struct crypt_data));
    }

    if (copy != NULL) {
        totp_wipe(copy, password.len);
    }

    if (setting != NULL) {
        totp_wipe(setting, hash.len);
    }

    free(data);
    free(copy);
    free(setting);

    return rc;
}


static int
totp_passwd_begins(totp_str_t s, const char *word)
{
    size_t  n;

    n = strlen(word);

    return s.len >= n && memcmp(s.data, word, n) == 0;
}
