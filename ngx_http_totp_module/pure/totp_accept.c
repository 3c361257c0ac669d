/*
 * Content negotiation: names and their weights.
 */

#include "totp_accept.h"
#include "totp_ascii.h"


typedef struct {
    unsigned  json;                 /* the weights, 0: not named */
    unsigned  html;
    unsigned  other;                /* the highest of all but html and xhtml */
} totp_accept_weights_t;


static totp_str_t  totp_accept_cut(totp_str_t *rest, uint8_t stop);
static unsigned  totp_accept_weight(totp_str_t value);
static void  totp_accept_weights(totp_accept_weights_t *w, totp_str_t accept);


int
totp_accept_json(totp_str_t accept)
{
    totp_accept_weights_t  w;

    totp_accept_weights(&w, accept);

    return w.json > w.html;
}


int
totp_accept_html(totp_str_t accept)
{
    totp_accept_weights_t  w;

    totp_accept_weights(&w, accept);

    return w.html != 0 && w.html >= w.other;
}


static void
totp_accept_weights(totp_accept_weights_t *w, totp_str_t accept)
{
    size_t      pos;
    unsigned    weight, *of;
    totp_str_t  name;

    w->json = 0;
    w->html = 0;
    w->other = 0;

    pos = 0;

    while (totp_accept_next(accept, &pos, &name, &weight)) {

        if (totp_ascii_is(name, "text/html")) {
            of = &w->html;

        } else if (totp_ascii_is(name, "application/xhtml+xml")
                   || name.len == 0
                   || name.data[name.len - 1] == '*')
        {
            continue;

        } else {
            of = &w->other;

            if (totp_ascii_is(name, "application/json") && weight > w->json) {
                w->json = weight;
            }
        }

        if (weight > *of) {
            *of = weight;
        }
    }
}


int
totp_accept_next(totp_str_t header, size_t *pos, totp_str_t *name,
    unsigned *weight)
{
    totp_str_t  rest, item, param;

    while (*pos < header.len) {

        rest = totp_str(header.data + *pos, header.len - *pos);
        item = totp_accept_cut(&rest, ',');
        *pos = header.len - rest.len;

        *name = totp_ascii_trim(totp_accept_cut(&item, ';'));
        if (name->len == 0) {
            continue;
        }

        *weight = 1000;

        while (item.len != 0) {
            param = totp_ascii_trim(totp_accept_cut(&item, ';'));

            if (totp_ascii_begins(param, "q=")) {
                *weight = totp_accept_weight(totp_str(param.data + 2,
                                                      param.len - 2));
                break;
            }
        }

        return 1;
    }

    return 0;
}


/* As totp_ascii_cut(), but not within a quoted string (RFC 9110, 5.6.4). */

static totp_str_t
totp_accept_cut(totp_str_t *rest, uint8_t stop)
{
    int         quoted;
    size_t      i;
    totp_str_t  part;

    part = *rest;
    quoted = 0;

    for (i = 0; i < part.len; i++) {

        if (part.data[i] == '"') {
            quoted = !quoted;

        } else if (quoted && part.data[i] == '\\') {
            i++;

        } else if (!quoted && part.data[i] == stop) {
            part.len = i;
            *rest = totp_str(part.data + i + 1, rest->len - i - 1);
            return part;
        }
    }

    *rest = totp_str(NULL, 0);

    return part;
}


/* "0" or "1", with up to three digits behind a dot; 0 for anything else */

static unsigned
totp_accept_weight(totp_str_t value)
{
    size_t    i;
    unsigned  weight, unit;

    if (value.len == 0 || value.len > 5
        || (value.data[0] != '0' && value.data[0] != '1')
        || (value.len > 1 && value.data[1] != '.'))
    {
        return 0;
    }

    weight = (value.data[0] - '0') * 1000u;
    unit = 100;

    for (i = 2; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9') {
            return 0;
        }

        weight += (value.data[i] - '0') * unit;
        unit /= 10;
    }

    return weight <= 1000 ? weight : 0;
}
