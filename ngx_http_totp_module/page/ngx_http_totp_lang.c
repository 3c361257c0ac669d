
#include "ngx_http_totp_header.h"
#include "ngx_http_totp_lang.h"

#include "totp_ascii.h"
#include "totp_embedded.h"
#include "totp_plural.h"


static ngx_int_t ngx_http_totp_lang_load(ngx_conf_t *cf,
    ngx_http_totp_langs_t *langs, const totp_embedded_t *file);


ngx_http_totp_langs_t *
ngx_http_totp_langs(ngx_conf_t *cf)
{
    const totp_embedded_t  *e, *english;
    ngx_http_totp_langs_t  *langs;

    langs = ngx_pcalloc(cf->pool, sizeof(ngx_http_totp_langs_t));
    if (langs == NULL) {
        return NULL;
    }

    english = totp_embedded_find("lang/en.lang");

    if (ngx_http_totp_lang_load(cf, langs, english) != NGX_OK) {
        return NULL;
    }

    for (e = totp_embedded; e->name; e++) {
        if (e != english
            && ngx_strncmp(e->name, "lang/", 5) == 0
            && langs->n < TOTP_I18N_LANGS
            && ngx_http_totp_lang_load(cf, langs, e) != NGX_OK)
        {
            return NULL;
        }
    }

    return langs;
}


static ngx_int_t
ngx_http_totp_lang_load(ngx_conf_t *cf, ngx_http_totp_langs_t *langs,
    const totp_embedded_t *file)
{
    size_t              len;
    unsigned            line;
    ngx_str_t           rule;
    const char         *err, *tag;
    totp_i18n_t        *lang;
    totp_i18n_entry_t  *entries;

    tag = file->name + sizeof("lang/") - 1;
    len = ngx_strlen(tag) - (sizeof(".lang") - 1);

    lang = ngx_pcalloc(cf->pool, sizeof(totp_i18n_t));
    entries = ngx_palloc(cf->pool, (totp_i18n_count(file->data) + 1)
                                   * sizeof(totp_i18n_entry_t));
    if (lang == NULL || entries == NULL) {
        return NGX_ERROR;
    }

    err = totp_i18n_parse(lang, totp_str(tag, len), file->data, entries,
                          &line);
    if (err) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in %s:%ui", err,
                           file->name, (ngx_uint_t) line);
        return NGX_ERROR;
    }

    lang->fallback = langs->langs[0];

    rule = ngx_http_totp_lang_text(lang, "lang.plural");

    if (!totp_plural_known(ngx_http_totp_str(&rule))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown lang.plural \"%V\" in %s", &rule,
                           file->name);
        return NGX_ERROR;
    }

    langs->langs[langs->n++] = lang;

    return NGX_OK;
}


const totp_i18n_t *
ngx_http_totp_lang_find(ngx_http_totp_langs_t *langs, const ngx_str_t *tag)
{
    ngx_uint_t  i;

    for (i = 0; i < langs->n; i++) {
        if (totp_ascii_eq(langs->langs[i]->tag, ngx_http_totp_str(tag))) {
            return langs->langs[i];
        }
    }

    return NULL;
}


const totp_i18n_t *
ngx_http_totp_lang_choose(ngx_http_request_t *r, ngx_http_totp_langs_t *langs,
    const ngx_str_t *asked, const ngx_str_t *remembered)
{
    totp_str_t          accept;
    const totp_i18n_t  *lang;

    lang = ngx_http_totp_lang_find(langs, asked);

    if (lang == NULL) {
        lang = ngx_http_totp_lang_find(langs, remembered);
    }

    if (lang) {
        return lang;
    }

    accept = ngx_http_totp_header_find(r, "accept-language");

    return langs->langs[totp_i18n_choose(langs->langs, langs->n, accept)];
}


ngx_str_t
ngx_http_totp_lang_tag(const totp_i18n_t *lang)
{
    return (ngx_str_t) { lang->tag.len, (u_char *) lang->tag.data };
}


ngx_str_t
ngx_http_totp_lang_text(const totp_i18n_t *lang, const char *key)
{
    totp_str_t  text;

    text = totp_i18n_text(lang, totp_str(key, ngx_strlen(key)));

    return (ngx_str_t) { text.len, (u_char *) text.data };
}


ngx_str_t
ngx_http_totp_lang_span(ngx_pool_t *pool, const totp_i18n_t *lang,
    time_t seconds)
{
    time_t       n;
    u_char       digits[NGX_TIME_T_LEN];
    u_char       key[sizeof("unit.seconds.other")];
    ngx_str_t    text, rule, value;
    const char  *unit;

    static const ngx_str_t  name = ngx_string("n");

    if (seconds < 60) {
        n = seconds;
        unit = "seconds";

    } else if (seconds <= 5400) {
        n = (seconds + 59) / 60;
        unit = "minutes";

    } else {
        n = (seconds + 3599) / 3600;
        unit = "hours";
    }

    value.data = digits;
    value.len = ngx_sprintf(digits, "%T", n) - digits;

    rule = ngx_http_totp_lang_text(lang, "lang.plural");

    (void) ngx_sprintf(key, "unit.%s.%s%Z", unit,
                       totp_plural(ngx_http_totp_str(&rule), n));

    text = ngx_http_totp_lang_text(lang, (char *) key);

    return ngx_http_totp_lang_fill(pool, text, &name, &value, 1);
}


ngx_str_t
ngx_http_totp_lang_fill(ngx_pool_t *pool, ngx_str_t text,
    const ngx_str_t *names, const ngx_str_t *values, ngx_uint_t n)
{
    size_t       len;
    u_char      *p, *last, *end;
    ngx_str_t    out;
    ngx_uint_t   i;

    len = text.len;

    for (i = 0; i < n; i++) {
        /* a name may come twice; more often is of no use in one message */
        len += 2 * values[i].len;
    }

    out.len = 0;
    out.data = ngx_pnalloc(pool, len + 1);
    if (out.data == NULL) {
        return out;
    }

    p = out.data;
    last = text.data;
    end = last + text.len;

    while (last < end) {

        for (i = 0; *last == '{' && i < n; i++) {
            if ((size_t) (end - last) >= names[i].len + 2
                && ngx_memcmp(last + 1, names[i].data, names[i].len) == 0
                && last[names[i].len + 1] == '}'
                && (size_t) (out.data + len - p) >= values[i].len)
            {
                p = ngx_cpymem(p, values[i].data, values[i].len);
                last += names[i].len + 2;
                break;
            }
        }

        if (last >= end) {
            break;
        }

        if (*last == '{' && i < n) {
            continue;
        }

        if (p < out.data + len) {
            *p++ = *last;
        }

        last++;
    }

    out.len = p - out.data;

    return out;
}
