/*
 * The files that are compiled into the module: pages, assets, languages and
 * Lua scripts.  embed.sh writes totp_embedded.c, which holds them, when the
 * build is configured; make writes it again when one of them changes.
 *
 * A name is the folder and the file: "pages/login.html", "assets/style.css",
 * "lang/en.lang", "lua/attempt.lua".  The table is sorted by name, byte by
 * byte, and ends with an entry whose name is NULL.  A NUL that is not counted
 * follows the data of each file.
 */

#ifndef TOTP_EMBEDDED_H
#define TOTP_EMBEDDED_H

#include "totp_str.h"


typedef struct {
    const char  *name;
    totp_str_t   data;
} totp_embedded_t;


extern const totp_embedded_t  totp_embedded[];


/* NULL: no such file was compiled in. */

static inline const totp_embedded_t *
totp_embedded_find(const char *name)
{
    const totp_embedded_t  *e;

    for (e = totp_embedded; e->name != NULL; e++) {
        if (strcmp(e->name, name) == 0) {
            return e;
        }
    }

    return NULL;
}


#endif /* TOTP_EMBEDDED_H */
