/*
 * The keyrings of the tests: "2a" is 00 01 .. 1f, "old" is ff fe .. e0.
 */

#ifndef KEYS_H
#define KEYS_H

#include "unit.h"
#include "totp_keyring.h"


#define KEY_2A   "2a:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
#define KEY_OLD  "old://79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=\n"


static inline void
ring_of(totp_keyring_t *ring, const char *file)
{
    unsigned  line;

    assert_null(totp_keyring_parse(ring, cstr(file), &line));
}


#endif /* KEYS_H */
