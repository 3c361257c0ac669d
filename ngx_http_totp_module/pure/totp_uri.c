/*
 * Addresses (RFC 3986, and the WHATWG URL standard for what browsers make of
 * them).
 */

#include "totp_uri.h"
#include "totp_ascii.h"
#include "totp_percent.h"


typedef struct {
    char    *p;
    size_t   left;
    int      full;
} totp_uri_out_t;


static int  totp_uri_path_ok(totp_str_t path);
static int  totp_uri_dots(totp_str_t segment);
static void  totp_uri_put(totp_uri_out_t *out, const char *text);
static void  totp_uri_put_escaped(totp_uri_out_t *out, totp_str_t text);
static void  totp_uri_put_number(totp_uri_out_t *out, unsigned n);
static int  totp_uri_host_port(totp_str_t *host, unsigned *port);


int
totp_uri_next_ok(totp_str_t next)
{
    size_t      i;
    totp_str_t  query;

    if (next.len == 0 || next.len > TOTP_NEXT_MAX || next.data[0] != '/') {
        return 0;
    }

    for (i = 0; i < next.len; i++) {

        if (next.data[i] <= 0x20 || next.data[i] >= 0x7f) {
            return 0;
        }

        switch (next.data[i]) {

        case '\\': case '"': case '<': case '>': case '^': case '`':
        case '{': case '|': case '}': case '#':
            return 0;
        }
    }

    query = next;

    return totp_uri_path_ok(totp_ascii_cut(&query, '?'));
}


/*
 * Walks the path as a browser does that takes dot segments out.  Where this
 * leads back to the root, what follows is what a path begins with: neither an
 * empty segment, which would make it "//host", nor one whose first character
 * an application that decodes too early might read so.
 */

static int
totp_uri_path_ok(totp_str_t path)
{
    int         c, dots;
    size_t      i, depth;
    totp_str_t  rest, segment;

    for (i = 0; i < path.len; i++) {

        if (path.data[i] != '%') {
            continue;
        }

        /* nginx would not have served it: a bad sequence, or a NUL */

        c = totp_percent_byte(path, i);

        if (c < 0x20 || c == 0x7f) {
            return 0;
        }
    }

    depth = 0;
    rest = totp_str(path.data + 1, path.len - 1);

    while (rest.data != NULL) {

        segment = totp_ascii_cut(&rest, '/');
        dots = totp_uri_dots(segment);

        if (dots != 0) {

            if (segment.data == path.data + 1 && rest.data != NULL) {
                return 0;
            }

            if (dots == 2 && depth != 0) {
                depth--;
            }

            continue;
        }

        if (depth == 0) {

            if (segment.len == 0 && rest.data != NULL) {
                return 0;
            }

            if (segment.len != 0 && segment.data[0] == '%') {
                c = totp_percent_byte(segment, 0);

                if (c == '/' || c == '\\') {
                    return 0;
                }
            }
        }

        depth++;
    }

    return 1;
}


/* 1 for ".", 2 for "..", however spelled; 0 for anything else. */

static int
totp_uri_dots(totp_str_t segment)
{
    int     dots;
    size_t  i;

    dots = 0;

    for (i = 0; i < segment.len; i++) {

        if (segment.data[i] == '%' && totp_percent_byte(segment, i) == '.') {
            i += 2;

        } else if (segment.data[i] != '.') {
            return 0;
        }

        if (++dots > 2) {
            return 0;
        }
    }

    return dots;
}


size_t
totp_uri_escape(char *out, totp_str_t src)
{
    return totp_percent_encode(out, src);
}


int
totp_uri_arg(uint8_t *out, size_t out_size, totp_str_t args, totp_str_t name)
{
    int         c, found;
    size_t      i, n;
    totp_str_t  value, found_value;

    found = 0;
    found_value = totp_str("", 0);

    while (args.len != 0) {

        value = totp_ascii_cut(&args, '&');

        if (!totp_str_eq(totp_ascii_cut(&value, '='), name)) {
            continue;
        }

        if (found) {
            return -2;
        }

        found = 1;
        found_value = value;
    }

    if (!found) {
        return -1;
    }

    n = 0;

    for (i = 0; i < found_value.len; i++) {
        c = found_value.data[i];

        if (c == '%') {
            c = totp_percent_byte(found_value, i);
            i += 2;
        }

        if (c <= 0 || n == out_size) {
            return -2;
        }

        out[n++] = (uint8_t) c;
    }

    return (int) n;
}


int
totp_uri_otpauth(char *out, size_t out_size, totp_str_t issuer,
    totp_str_t user, totp_str_t secret, const totp_params_t *params)
{
    totp_uri_out_t  o;

    o.p = out;
    o.left = out_size;
    o.full = 0;

    totp_uri_put(&o, "otpauth://totp/");

    if (issuer.len != 0) {
        totp_uri_put_escaped(&o, issuer);
        totp_uri_put(&o, ":");
    }

    totp_uri_put_escaped(&o, user);
    totp_uri_put(&o, "?secret=");
    totp_uri_put_escaped(&o, secret);

    if (issuer.len != 0) {
        totp_uri_put(&o, "&issuer=");
        totp_uri_put_escaped(&o, issuer);
    }

    totp_uri_put(&o, "&algorithm=");
    totp_uri_put(&o, totp_alg_name(params->alg));
    totp_uri_put(&o, "&digits=");
    totp_uri_put_number(&o, params->digits);
    totp_uri_put(&o, "&period=");
    totp_uri_put_number(&o, params->period);

    return o.full ? -1 : (int) (o.p - out);
}


static void
totp_uri_put(totp_uri_out_t *out, const char *text)
{
    size_t  n;

    n = strlen(text);

    if (out->full || n > out->left) {
        out->full = 1;
        return;
    }

    memcpy(out->p, text, n);
    out->p += n;
    out->left -= n;
}


static void
totp_uri_put_escaped(totp_uri_out_t *out, totp_str_t text)
{
    char    one[4];
    size_t  i;

    for (i = 0; i < text.len; i++) {
        one[totp_percent_encode(one, totp_str(text.data + i, 1))] = '\0';
        totp_uri_put(out, one);
    }
}


static void
totp_uri_put_number(totp_uri_out_t *out, unsigned n)
{
    char  text[sizeof(unsigned) * 3 + 1], *p;

    p = text + sizeof(text) - 1;
    *p = '\0';

    do {
        *--p = (char) ('0' + n % 10);
        n /= 10;
    } while (n != 0);

    totp_uri_put(out, p);
}


int
totp_uri_same_origin(totp_str_t origin, totp_str_t host, int https)
{
    unsigned  scheme_port, origin_port, host_port;

    if (totp_ascii_begins(origin, "https://")) {
        scheme_port = 443;
        origin = totp_str(origin.data + 8, origin.len - 8);

    } else if (!https && totp_ascii_begins(origin, "http://")) {
        scheme_port = 80;
        origin = totp_str(origin.data + 7, origin.len - 7);

    } else {
        return 0;
    }

    origin_port = scheme_port;
    host_port = scheme_port;

    return totp_uri_host_port(&origin, &origin_port) == 0
           && totp_uri_host_port(&host, &host_port) == 0
           && origin_port == host_port
           && totp_ascii_eq(origin, host);
}


/*
 * Splits host[:port]; *port stays where there is none.  -1 for what is neither
 * a name or address nor an IPv6 address in brackets (RFC 3986, 3.2.2).
 */

static int
totp_uri_host_port(totp_str_t *host, unsigned *port)
{
    size_t    i, n;
    uint8_t   c;
    unsigned  value;

    n = 0;

    if (host->len != 0 && host->data[0] == '[') {
        for (n = 1; n < host->len && host->data[n] != ']'; n++) {
            c = host->data[n];

            if (totp_percent_hex(c) < 0 && c != ':' && c != '.') {
                return -1;
            }
        }

        if (n == host->len) {
            return -1;
        }

        n++;

    } else {
        for (n = 0; n < host->len && host->data[n] != ':'; n++) {
            c = host->data[n];

            if (!totp_percent_unreserved(c)) {
                return -1;
            }
        }
    }

    if (n == 0) {
        return -1;
    }

    if (n < host->len) {

        if (host->data[n] != ':' || host->len == n + 1 || host->len > n + 6) {
            return -1;
        }

        value = 0;

        for (i = n + 1; i < host->len; i++) {
            if (host->data[i] < '0' || host->data[i] > '9') {
                return -1;
            }

            value = value * 10 + (host->data[i] - '0');
        }

        if (value > 65535) {
            return -1;
        }

        *port = value;
    }

    host->len = n;

    return 0;
}
