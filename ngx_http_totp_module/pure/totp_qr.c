#include "totp_qr.h"
#include "totp_wipe.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include <qrencode.h>


#define TOTP_QR_DARK     1          /* libqrencode: bit 0 of a module */

#define TOTP_QR_RUN_MAX  (sizeof("M999 999h999v1h-999z") - 1)

static const char  totp_qr_head[] =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\""
    " shape-rendering=\"crispEdges\" role=\"img\" aria-label=\"%.*s\">"
    "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>"
    "<path fill=\"#000\" d=\"";

static const char  totp_qr_tail[] = "\"/></svg>";


/*
 * Steps to the next run of dark modules in a row: 1 with *x and *n, 0 at the
 * row's end.
 */

static int
totp_qr_run(const uint8_t *row, int width, int *x, int *n)
{
    int  i;

    i = *x + *n;

    while (i < width && !(row[i] & TOTP_QR_DARK)) {
        i++;
    }

    *x = i;

    while (i < width && (row[i] & TOTP_QR_DARK)) {
        i++;
    }

    *n = i - *x;

    return *n > 0;
}


static size_t
totp_qr_runs(const QRcode *qr)
{
    int     x, y, n;
    size_t  runs;

    runs = 0;

    for (y = 0; y < qr->width; y++) {
        x = n = 0;

        while (totp_qr_run(qr->data + y * qr->width, qr->width, &x, &n)) {
            runs++;
        }
    }

    return runs;
}


static char *
totp_qr_draw(const QRcode *qr, totp_str_t label, size_t *len)
{
    int      x, y, n, size;
    char    *svg;
    size_t   room, used;

    size = qr->width + 2 * TOTP_QR_QUIET;

    /* four numbers of at most three digits */

    room = sizeof(totp_qr_head) + 4 * 3 + label.len
           + totp_qr_runs(qr) * TOTP_QR_RUN_MAX + sizeof(totp_qr_tail);

    svg = malloc(room);
    if (svg == NULL) {
        return NULL;
    }

    used = (size_t) snprintf(svg, room, totp_qr_head, size, size,
                             (int) label.len,
                             label.len ? (const char *) label.data : "",
                             size, size);

    for (y = 0; y < qr->width; y++) {
        x = n = 0;

        while (totp_qr_run(qr->data + y * qr->width, qr->width, &x, &n)) {
            used += (size_t) snprintf(svg + used, room - used,
                                      "M%d %dh%dv1h-%dz",
                                      x + TOTP_QR_QUIET, y + TOTP_QR_QUIET,
                                      n, n);
        }
    }

    memcpy(svg + used, totp_qr_tail, sizeof(totp_qr_tail));

    *len = used + sizeof(totp_qr_tail) - 1;

    return svg;
}


char *
totp_qr_svg(totp_str_t text, totp_str_t label, size_t *len)
{
    char    *svg;
    QRcode  *qr;

    *len = 0;

    if (text.len == 0 || text.len > INT_MAX || label.len > INT_MAX / 2) {
        return NULL;
    }

    qr = QRcode_encodeData((int) text.len, text.data, 0, QR_ECLEVEL_M);
    if (qr == NULL) {
        return NULL;
    }

    svg = totp_qr_draw(qr, label, len);

    /* the picture holds a secret */

    totp_wipe(qr->data, (size_t) qr->width * (size_t) qr->width);
    QRcode_free(qr);

    return svg;
}
