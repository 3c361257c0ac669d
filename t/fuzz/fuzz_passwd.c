/*
 * The lines of a password file.  The first line of an input is a password.
 */

#include "fuzz.h"
#include "totp_passwd.h"


/* Costs a moment, whatever its salt says: no number of rounds is in it. */

static int
cheap(totp_str_t hash)
{
    return totp_passwd_scheme(hash) != TOTP_PASSWD_CRYPT
           || hash.len == 0
           || (hash.data[0] != '$' && hash.data[0] != '_')
           || (hash.len > 3 && memcmp(hash.data, "$1$", 3) == 0);
}


static void
plain(totp_str_t password)
{
    int       right;
    uint8_t  *hash;

    hash = malloc(password.len + 8);
    CHECK(hash != NULL);

    memcpy(hash, "{PLAIN}", 7);

    if (password.len) {
        memcpy(hash + 7, password.data, password.len);
    }

    right = password.len == 0
            || memchr(password.data, '\0', password.len) == NULL;

    CHECK(totp_passwd_verify(password, totp_str(hash, password.len + 7))
          == right);

    hash[password.len + 7] = 'x';
    CHECK(totp_passwd_verify(password, totp_str(hash, password.len + 8)) == 0);

    free(hash);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int             rc, tries;
    size_t          pos, before;
    uint8_t        *copy, *one;
    totp_str_t      password, file, user, hash, cost;
    const uint8_t  *rest;

    copy = fuzz_copy(data, size);
    rest = copy;

    password = fuzz_line(&rest, &size);
    file = totp_str(rest, size);

    plain(password);

    before = 0;
    pos = 0;
    tries = 0;

    while (totp_passwd_next(file, &pos, &user, &hash)) {

        CHECK(pos > before && pos <= file.len);
        before = pos;

        CHECK(user.len != 0 && user.data[0] != '#');
        CHECK(memchr(user.data, ':', user.len) == NULL);
        CHECK(memchr(user.data, '\n', user.len) == NULL);
        CHECK(user.data >= file.data
              && hash.data + hash.len <= file.data + file.len);
        CHECK(user.data[user.len] == ':' && hash.data == user.data + user.len
                                                         + 1);

        one = fuzz_copy(hash.data, hash.len);
        hash.data = one;

        cost = totp_passwd_cost(hash);
        CHECK(cost.data == hash.data && cost.len <= hash.len);
        CHECK(totp_passwd_scheme(hash) == TOTP_PASSWD_CRYPT || cost.len != 0);

        if (cheap(hash) && tries++ < 4) {
            rc = totp_passwd_verify(password, hash);
            CHECK(rc == 0 || rc == 1);
            CHECK(rc == 0 || totp_passwd_scheme(hash) != TOTP_PASSWD_APR1);
        }

        free(one);
    }

    free(copy);

    return 0;
}
