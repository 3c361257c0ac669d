/*
 * Texts of a language: lines of `key = text`, '#' begins a comment line.
 * The keys of the fallback language (English) are the reference.
 *
 * A key is 1 to 64 of [A-Za-z0-9_.-].  White space around keys and texts does
 * not count; CRLF is fine.  A key with an empty text is as good as missing.
 */

#ifndef TOTP_I18N_H
#define TOTP_I18N_H

#include "totp_str.h"


#define TOTP_I18N_LANGS  64


typedef struct {
    totp_str_t  key;
    totp_str_t  text;
} totp_i18n_entry_t;


typedef struct totp_i18n_s  totp_i18n_t;

struct totp_i18n_s {
    totp_str_t            tag;          /* "en", "pt", "zh-Hans" (BCP 47) */
    size_t                n;
    totp_i18n_entry_t    *entries;      /* sorted by key */
    const totp_i18n_t    *fallback;     /* NULL for English itself */
};


/*
 * How many entries a file holds: what the caller allocates.
 */
size_t totp_i18n_count(totp_str_t file);

/*
 * Parses file, whose memory must outlive the result, into entries[0..n) with
 * n from totp_i18n_count().  Returns NULL, or a static text that says what is
 * wrong (a line without '=', a bad key, a key twice, not UTF-8) with *line set.
 * lang->fallback is the caller's to set, before or after.
 */
const char *totp_i18n_parse(totp_i18n_t *lang, totp_str_t tag,
    totp_str_t file, totp_i18n_entry_t *entries, unsigned *line);

/* The text of a key, of the fallback where missing; len 0 where unknown. */
totp_str_t totp_i18n_text(const totp_i18n_t *lang, totp_str_t key);

/*
 * Which of n languages an Accept-Language header (RFC 9110, section 12.5.4)
 * asks for: its index, or 0.  Ranges match by prefix (RFC 4647, lookup):
 * "de-AT" finds "de"; failing that, "zh" also finds "zh-Hans".  "*" finds the
 * first.  Weights are honoured, of equal ones the first counts; q=0 excludes.
 * No more than TOTP_I18N_LANGS languages are looked at.
 */
size_t totp_i18n_choose(const totp_i18n_t *const *langs, size_t n,
    totp_str_t accept_language);


#endif /* TOTP_I18N_H */
