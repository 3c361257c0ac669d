/*
 * The small change of header parsing: white space and case (RFC 9110, 5.6.3).
 */

#ifndef TOTP_ASCII_H
#define TOTP_ASCII_H

#include "totp_str.h"


static inline int
totp_ascii_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}


static inline uint8_t
totp_ascii_lower(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') ? (uint8_t) (c | 0x20) : c;
}


static inline totp_str_t
totp_ascii_trim(totp_str_t s)
{
    while (s.len != 0 && totp_ascii_blank(s.data[0])) {
        s.data++;
        s.len--;
    }

    while (s.len != 0 && totp_ascii_blank(s.data[s.len - 1])) {
        s.len--;
    }

    return s;
}


/* Does s begin with word, in whatever case?  word is in lower case. */

static inline int
totp_ascii_begins(totp_str_t s, const char *word)
{
    size_t  i;

    for (i = 0; word[i] != '\0'; i++) {
        if (i == s.len || totp_ascii_lower(s.data[i]) != (uint8_t) word[i]) {
            return 0;
        }
    }

    return 1;
}


static inline int
totp_ascii_is(totp_str_t s, const char *word)
{
    return s.len == strlen(word) && totp_ascii_begins(s, word);
}


static inline int
totp_ascii_eq(totp_str_t a, totp_str_t b)
{
    size_t  i;

    if (a.len != b.len) {
        return 0;
    }

    for (i = 0; i < a.len; i++) {
        if (totp_ascii_lower(a.data[i]) != totp_ascii_lower(b.data[i])) {
            return 0;
        }
    }

    return 1;
}


/*
 * Cuts *rest at the first stop: returns what stands before it and leaves what
 * stands after it.  Where there is none, all is returned and rest->data
 * becomes NULL, which tells "nothing left" from "an empty part is left".
 */

static inline totp_str_t
totp_ascii_cut(totp_str_t *rest, uint8_t stop)
{
    totp_str_t      part;
    const uint8_t  *p;

    part = *rest;
    p = part.len != 0 ? memchr(part.data, stop, part.len) : NULL;

    if (p == NULL) {
        *rest = totp_str(NULL, 0);
        return part;
    }

    part.len = (size_t) (p - part.data);
    *rest = totp_str(p + 1, rest->len - part.len - 1);

    return part;
}


#endif /* TOTP_ASCII_H */
