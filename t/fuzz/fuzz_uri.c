/*
 * Where a visitor may be sent to, query arguments, origins, otpauth: URIs.
 * Lines: what may be next and a query, an origin, a host.
 */

#include "fuzz.h"
#include "totp_uri.h"


/*
 * What a browser makes of a reference, in the most suspicious reading: tabs
 * and line ends are left out, '\' is '/', leading controls and spaces go, dot
 * segments are resolved.  Does it stay on this server?
 */

static int
local(totp_str_t next)
{
    char    *p, *path, *segment, *end, *out;
    size_t   i, n;
    int      dots, stays;

    p = malloc(next.len + 2);
    path = malloc(next.len + 2);
    CHECK(p != NULL && path != NULL);

    n = 0;

    for (i = 0; i < next.len && next.data[i] != '?' && next.data[i] != '#';
         i++)
    {
        if (next.data[i] <= 0x20) {
            continue;
        }

        if (next.len - i >= 3 && next.data[i] == '%' && next.data[i + 1] == '2'
            && (next.data[i + 2] | 0x20) == 'e')
        {
            p[n++] = '.';
            i += 2;
            continue;
        }

        p[n++] = next.data[i] == '\\' ? '/' : (char) next.data[i];
    }

    p[n] = '\0';

    stays = p[0] == '/' && p[1] != '/' && strlen(p) == n;

    /* resolved into path, which holds "/segment" for each that is left */

    out = path;

    for (segment = p; stays && *segment == '/'; segment = end) {

        segment++;
        end = segment + strcspn(segment, "/");
        n = (size_t) (end - segment);

        dots = (n == 1 && segment[0] == '.') ? 1
               : (n == 2 && memcmp(segment, "..", 2) == 0) ? 2 : 0;

        if (dots == 2) {
            while (out != path && *--out != '/') { /* void */ }
        }

        if (dots == 0) {
            *out++ = '/';
            memcpy(out, segment, n);
            out += n;

        } else if (*end == '\0') {
            *out++ = '/';
        }
    }

    *out = '\0';

    stays = stays && path[0] == '/' && path[1] != '/'
            && strncmp(path, "/%2f", 4) != 0 && strncmp(path, "/%2F", 4) != 0
            && strncmp(path, "/%5c", 4) != 0 && strncmp(path, "/%5C", 4) != 0;

    free(p);
    free(path);

    return stays;
}


static void
next(totp_str_t s)
{
    size_t  i;

    if (!totp_uri_next_ok(s)) {
        return;
    }

    CHECK(s.len <= TOTP_NEXT_MAX);
    CHECK(local(s));

    for (i = 0; i < s.len; i++) {
        CHECK(s.data[i] > 0x20 && s.data[i] < 0x7f);
        CHECK(strchr("\\\"<>^`{|}#", s.data[i]) == NULL);
    }
}


static void
arg(totp_str_t s)
{
    int       n;
    char     *args;
    size_t    len;
    uint8_t   out[64], *back;

    n = totp_uri_arg(out, sizeof(out), s, totp_str("next", 4));
    CHECK(n >= -2 && n <= (int) sizeof(out));

    if (n >= 0) {
        CHECK(memchr(out, '\0', sizeof(out)) == NULL
              || (uint8_t *) memchr(out, '\0', sizeof(out)) >= out + n
              || n == 0);
    }

    /* what is written comes back, but for a NUL */

    args = malloc(3 * s.len + 16);
    back = malloc(s.len ? s.len : 1);
    CHECK(args != NULL && back != NULL);

    memcpy(args, "x&next=", 7);
    len = 7 + totp_uri_escape(args + 7, s);

    n = totp_uri_arg(back, s.len, totp_str(args, len), totp_str("next", 4));

    if (s.len != 0 && memchr(s.data, '\0', s.len) != NULL) {
        CHECK(n == -2);

    } else {
        CHECK(n == (int) s.len);
        CHECK(totp_str_eq(totp_str(back, s.len), s));
    }

    memcpy(args + len, "&next", 5);
    CHECK(totp_uri_arg(back, s.len, totp_str(args, len + 5),
                       totp_str("next", 4)) == -2);

    free(args);
    free(back);
}


static void
origin(totp_str_t o, totp_str_t host)
{
    int     secure, plain;
    char   *text;
    size_t  i;

    secure = totp_uri_same_origin(o, host, 1);
    plain = totp_uri_same_origin(o, host, 0);

    CHECK(!secure || plain);

    if (plain) {

        CHECK(o.len > 7 && host.len != 0);
        CHECK(!secure || (o.data[4] | 0x20) == 's');

        for (i = 0; i < o.len; i++) {
            CHECK(o.data[i] > 0x20 && o.data[i] < 0x7f);
            CHECK(strchr("@?#\\,", o.data[i]) == NULL);
        }
    }

    /* a host is the same as itself, or is none at all */

    text = malloc(host.len + 9);
    CHECK(text != NULL);

    memcpy(text, "https://", 8);

    if (host.len) {
        memcpy(text + 8, host.data, host.len);
    }

    plain = totp_uri_same_origin(totp_str(text, host.len + 8), host, 0);
    secure = totp_uri_same_origin(totp_str(text, host.len + 8), host, 1);
    CHECK(plain == secure);

    memcpy(text + 1, "http://", 7);
    CHECK(totp_uri_same_origin(totp_str(text + 1, host.len + 7), host, 0)
          == plain);
    CHECK(!totp_uri_same_origin(totp_str(text + 1, host.len + 7), host, 1));

    free(text);
}


static void
otpauth(totp_str_t issuer, totp_str_t user)
{
    int            n, i, questions, ampersands;
    char          *out;
    size_t         size;
    totp_params_t  params;

    params.alg = TOTP_SHA1;
    params.digits = 6;
    params.period = 30;

    size = 200 + 6 * issuer.len + 3 * user.len;
    out = malloc(size);
    CHECK(out != NULL);

    n = totp_uri_otpauth(out, size, issuer, user, totp_str("GEZDGNBV", 8),
                         &params);
    CHECK(n > 0);

    questions = 0;
    ampersands = 0;

    for (i = 0; i < n; i++) {
        CHECK(out[i] > 0x20 && out[i] < 0x7f);
        CHECK(strchr("\"'<>#\\", out[i]) == NULL);
        questions += out[i] == '?';
        ampersands += out[i] == '&';
    }

    CHECK(questions == 1);
    CHECK(ampersands == (issuer.len ? 4 : 3));
    CHECK(totp_uri_otpauth(out, (size_t) n - 1, issuer, user,
                           totp_str("GEZDGNBV", 8), &params) == -1);

    free(out);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t        *copy;
    totp_str_t      first, second, third;
    const uint8_t  *rest;

    copy = fuzz_copy(data, size);
    rest = copy;

    next(totp_str(copy, size));
    arg(totp_str(copy, size));

    first = fuzz_line(&rest, &size);
    second = fuzz_line(&rest, &size);
    third = fuzz_line(&rest, &size);

    next(first);
    arg(first);
    origin(second, third);
    otpauth(second, first);

    free(copy);

    return 0;
}
