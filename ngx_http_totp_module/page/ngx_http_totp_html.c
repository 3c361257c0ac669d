
#include "ngx_http_totp_html.h"
#include "ngx_http_totp_secret.h"

#include "totp_base32.h"
#include "totp_qr.h"
#include "totp_uri.h"
#include "totp_wipe.h"


#define NGX_HTTP_TOTP_MODEL_MAX  72


typedef struct {
    ngx_http_request_t      *request;
    ngx_http_totp_answer_t  *answer;
    const totp_i18n_t       *lang;
    ngx_uint_t               n;
    totp_model_t             entries[NGX_HTTP_TOTP_MODEL_MAX];
} ngx_http_totp_model_t;


typedef struct {
    ngx_http_request_t      *request;
    ngx_chain_t             *first;
    ngx_chain_t            **last;
    off_t                    size;
} ngx_http_totp_output_t;


static void ngx_http_totp_model_common(ngx_http_totp_model_t *m);
static void ngx_http_totp_model_languages(ngx_http_totp_model_t *m);
static void ngx_http_totp_model_page(ngx_http_totp_model_t *m);
static void ngx_http_totp_model_setup(ngx_http_totp_model_t *m);
static void ngx_http_totp_model_codes(ngx_http_totp_model_t *m);
static void ngx_http_totp_model_settings(ngx_http_totp_model_t *m);
static void ngx_http_totp_model_text(ngx_http_totp_model_t *m,
    const char *name, ngx_str_t text);
static void ngx_http_totp_model_number(ngx_http_totp_model_t *m,
    const char *name, ngx_int_t n);
static void ngx_http_totp_model_flag(ngx_http_totp_model_t *m,
    const char *name, ngx_uint_t flag);
static void ngx_http_totp_model_time(ngx_http_totp_model_t *m,
    const char *name, const char *iso, time_t t);
static int ngx_http_totp_output(void *data, totp_str_t piece);


ngx_chain_t *
ngx_http_totp_html(ngx_http_request_t *r, ngx_http_totp_answer_t *a,
    off_t *size)
{
    ngx_http_totp_theme_t   *theme;
    ngx_http_totp_model_t   *m;
    ngx_http_totp_output_t   out;

    theme = a->conf->theme;

    m = ngx_pcalloc(r->pool, sizeof(ngx_http_totp_model_t));
    if (m == NULL) {
        return NULL;
    }

    m->request = r;
    m->answer = a;
    m->lang = a->lang;

    ngx_http_totp_model_common(m);
    ngx_http_totp_model_page(m);

    out.request = r;
    out.first = NULL;
    out.last = &out.first;
    out.size = 0;

    if (totp_template_render(theme->templates[NGX_HTTP_TOTP_PAGE_LAYOUT],
                             theme->templates[a->page], m->entries, m->lang,
                             ngx_http_totp_output, &out)
        != 0)
    {
        return NULL;
    }

    *size = out.size;

    return out.first;
}


static void
ngx_http_totp_model_common(ngx_http_totp_model_t *m)
{
    u_char                  *p;
    ngx_str_t                title, error, uri;
    ngx_uint_t               i;
    ngx_http_totp_answer_t  *a;
    ngx_http_totp_asset_t   *asset;
    u_char                   key[64];

    static const char *names[NGX_HTTP_TOTP_ASSETS] = {
        "stylesheet", "script", "custom_stylesheet", "logo"
    };

    a = m->answer;

    error = ngx_http_totp_message(m->request, a);

    p = ngx_sprintf(key, "title.%V%Z", ngx_http_totp_page_name(a->page));

    for (p = key; *p; p++) {
        if (*p == '-') {
            *p = '_';
        }
    }

    title = ngx_http_totp_lang_text(m->lang, (char *) key);

    if (error.len && a->page != NGX_HTTP_TOTP_PAGE_ERROR) {
        uri = ngx_http_totp_lang_text(m->lang, "title.error_prefix");

        p = ngx_pnalloc(m->request->pool, uri.len + 1 + title.len);
        if (p) {
            title.len = ngx_sprintf(p, "%V %V", &uri, &title) - p;
            title.data = p;
        }
    }

    ngx_http_totp_model_text(m, "page", *ngx_http_totp_page_name(a->page));
    ngx_http_totp_model_text(m, "title", title);
    ngx_http_totp_model_languages(m);
    ngx_http_totp_model_text(m, "issuer",
                             ngx_http_totp_issuer(m->request, a->conf));
    ngx_http_totp_model_text(m, "portal", a->portal);

    for (i = 0; i < NGX_HTTP_TOTP_ASSETS; i++) {
        asset = &a->conf->theme->assets[i];

        if (asset->uri.len == 0) {
            continue;
        }

        uri.data = ngx_pnalloc(m->request->pool, a->portal.len
                                                 + asset->uri.len);
        if (uri.data == NULL) {
            continue;
        }

        uri.len = ngx_sprintf(uri.data, "%V%V", &a->portal, &asset->uri)
                  - uri.data;

        ngx_http_totp_model_text(m, names[i], uri);
    }

    ngx_http_totp_model_text(m, "user", a->user);
    ngx_http_totp_model_flag(m, "signed_in", a->stage == TOTP_STAGE_FULL);
    ngx_http_totp_model_text(m, "csrf", a->csrf);
    ngx_http_totp_model_text(m, "next", a->next);
    ngx_http_totp_model_text(m, "help", a->conf->help);
    ngx_http_totp_model_text(m, "error", error);
    ngx_http_totp_model_text(m, "error_word",
                             *ngx_http_totp_word_name(a->word));

    if (a->retry_after > 0) {
        ngx_http_totp_model_text(m, "retry_in",
                                 ngx_http_totp_lang_span(m->request->pool,
                                                         m->lang,
                                                         a->retry_after));
    }

    if (a->attempts_left >= 0) {
        ngx_http_totp_model_number(m, "attempts_left", a->attempts_left);
    }

    ngx_http_totp_model_flag(m, "required", a->required);
}


/* The language of the page, and the links to this page in the others. */

static void
ngx_http_totp_model_languages(ngx_http_totp_model_t *m)
{
    ngx_str_t                tag, uri;
    ngx_uint_t               i;
    totp_model_t            *entry;
    const totp_i18n_t       *lang;
    const totp_model_t     **list;
    ngx_http_totp_model_t   *item;
    ngx_http_totp_langs_t   *langs;
    ngx_http_totp_answer_t  *a;

    a = m->answer;
    langs = a->conf->theme->langs;

    ngx_http_totp_model_text(m, "lang", ngx_http_totp_lang_tag(m->lang));
    ngx_http_totp_model_text(m, "dir",
                             ngx_http_totp_lang_text(m->lang, "lang.dir"));

    if (a->page == NGX_HTTP_TOTP_PAGE_ERROR) {
        /* the same address might do something else when it is asked again */
        return;
    }

    list = ngx_palloc(m->request->pool, langs->n * sizeof(totp_model_t *));
    if (list == NULL) {
        return;
    }

    for (i = 0; i < langs->n; i++) {
        lang = langs->langs[i];
        tag = ngx_http_totp_lang_tag(lang);

        item = ngx_pcalloc(m->request->pool,
                           offsetof(ngx_http_totp_model_t, entries)
                           + 5 * sizeof(totp_model_t));
        if (item == NULL) {
            return;
        }

        uri.data = ngx_pnalloc(m->request->pool,
                               a->portal.len + tag.len + 3 * a->next.len
                               + sizeof("backup-codes?lang=&next="));
        if (uri.data == NULL) {
            return;
        }

        uri.len = ngx_sprintf(uri.data, "%V%V?lang=%V", &a->portal,
                              ngx_http_totp_page_name(a->page), &tag)
                  - uri.data;

        if (a->next.len) {
            uri.len = ngx_sprintf(uri.data + uri.len, "&next=") - uri.data;
            uri.len += totp_uri_escape((char *) uri.data + uri.len,
                                       ngx_http_totp_str(&a->next));
        }

        ngx_http_totp_model_text(item, "tag", tag);
        ngx_http_totp_model_text(item, "name",
                                 ngx_http_totp_lang_text(lang, "lang.name"));
        ngx_http_totp_model_text(item, "uri", uri);
        ngx_http_totp_model_flag(item, "current", lang == m->lang);

        list[i] = item->entries;
    }

    ngx_http_totp_model_text(m, "lang_name",
                             ngx_http_totp_lang_text(m->lang, "lang.name"));

    entry = &m->entries[m->n++];
    entry->name = totp_str("languages", 9);
    entry->type = TOTP_MODEL_LIST;
    entry->n = langs->n;
    entry->items = list;
}


static void
ngx_http_totp_model_page(ngx_http_totp_model_t *m)
{
    ngx_http_totp_answer_t  *a;

    a = m->answer;

    switch (a->page) {

    case NGX_HTTP_TOTP_PAGE_LOGIN:
        ngx_http_totp_model_text(m, "username", a->username);
        ngx_http_totp_model_flag(m, "expired", a->expired);
        ngx_http_totp_model_flag(m, "cookies_off",
                                 a->word == NGX_HTTP_TOTP_BAD_CSRF);
        break;

    case NGX_HTTP_TOTP_PAGE_CODE:
    case NGX_HTTP_TOTP_PAGE_SETUP:
        ngx_http_totp_model_flag(m, "fresh", a->fresh);
        ngx_http_totp_model_flag(m, "drift_ahead", a->drift > 0);
        ngx_http_totp_model_flag(m, "drift_behind", a->drift < 0);

        if (a->drift) {
            ngx_http_totp_model_text(m, "drift_about",
                          ngx_http_totp_lang_span(m->request->pool, m->lang,
                                                  a->drift > 0 ? a->drift
                                                               : -a->drift));
        }

        ngx_http_totp_model_flag(m, "code_used",
                                 a->word == NGX_HTTP_TOTP_CODE_USED);
        ngx_http_totp_model_flag(m, "locked",
                                 a->word == NGX_HTTP_TOTP_LOCKED);

        if (a->page == NGX_HTTP_TOTP_PAGE_SETUP) {
            ngx_http_totp_model_setup(m);

        } else {
            ngx_http_totp_model_number(m, "digits", a->conf->digits);
        }

        break;

    case NGX_HTTP_TOTP_PAGE_BACKUP_CODES:
        ngx_http_totp_model_codes(m);
        break;

    case NGX_HTTP_TOTP_PAGE_SETTINGS:
        ngx_http_totp_model_settings(m);
        break;

    case NGX_HTTP_TOTP_PAGE_ERROR:
        ngx_http_totp_model_number(m, "status",
                                   ngx_http_totp_word_status(a->word));
        ngx_http_totp_model_text(m, "login", a->login);
        ngx_http_totp_model_flag(m, "resend", a->resend);
        break;

    default:
        break;
    }
}


static void
ngx_http_totp_model_setup(ngx_http_totp_model_t *m)
{
    char                    *svg;
    size_t                   i, len;
    u_char                  *p;
    ngx_str_t                secret, groups, otpauth, label, picture;
    totp_model_t            *entry;
    ngx_pool_t              *pool;
    ngx_http_totp_answer_t  *a;

    a = m->answer;
    pool = m->request->pool;

    ngx_http_totp_model_flag(m, "setup_required", a->setup_required);

    if (a->reply == NULL || a->reply->secret == NULL) {
        return;
    }

    ngx_http_totp_model_flag(m, "replacing", a->reply->enabled);
    ngx_http_totp_model_number(m, "digits", a->reply->secret->params.digits);

    secret = ngx_http_totp_base32(m->request, a->reply->secret);
    otpauth = ngx_http_totp_otpauth(m->request, a);

    /* in groups of four, for typing */
    groups.len = 0;
    groups.data = ngx_http_totp_secret_alloc(pool,
                                             secret.len + secret.len / 4 + 1);
    if (groups.data == NULL) {
        return;
    }

    for (p = groups.data, i = 0; i < secret.len; i++) {
        if (i && i % 4 == 0) {
            *p++ = ' ';
        }

        *p++ = secret.data[i];
    }

    groups.len = p - groups.data;

    ngx_http_totp_model_text(m, "secret", groups);
    ngx_http_totp_model_text(m, "secret_plain", secret);
    ngx_http_totp_model_text(m, "otpauth", otpauth);

    label = ngx_http_totp_lang_text(m->lang, "setup.qr_label");

    svg = totp_qr_svg(ngx_http_totp_str(&otpauth), ngx_http_totp_str(&label),
                      &len);
    if (svg == NULL) {
        return;
    }

    picture.len = 0;
    picture.data = ngx_http_totp_secret_alloc(pool, len);

    if (picture.data) {
        ngx_memcpy(picture.data, svg, len);
        picture.len = len;
    }

    totp_wipe(svg, len);
    free(svg);

    entry = &m->entries[m->n++];
    entry->name = totp_str("qr", 2);
    entry->type = TOTP_MODEL_PICTURE;
    entry->text = ngx_http_totp_str(&picture);
}


static void
ngx_http_totp_model_codes(ngx_http_totp_model_t *m)
{
    ngx_uint_t               i, n;
    totp_model_t            *items, *entry;
    const totp_model_t     **list;
    ngx_http_totp_reply_t   *reply;

    reply = m->answer->reply;

    if (reply == NULL) {
        return;
    }

    ngx_http_totp_model_flag(m, "just_used", m->answer->just_used);
    ngx_http_totp_model_flag(m, "shown", reply->codes != NULL);
    ngx_http_totp_model_flag(m, "generate", reply->codes == NULL);
    ngx_http_totp_model_number(m, "left", reply->backup_left);
    ngx_http_totp_model_flag(m, "codes_none", reply->backup_left == 0);
    ngx_http_totp_model_flag(m, "codes_low", reply->backup_left > 0
                                             && reply->backup_left <= 2);

    if (reply->codes == NULL) {
        return;
    }

    ngx_http_totp_model_number(m, "expires_in",
                               (reply->expires_in + 999) / 1000);
    ngx_http_totp_model_number(m, "more_left", reply->more_left);
    ngx_http_totp_model_flag(m, "can_more", reply->more_left > 0);

    n = reply->codes->n;

    items = ngx_pcalloc(m->request->pool, 2 * n * sizeof(totp_model_t));
    list = ngx_palloc(m->request->pool, n * sizeof(totp_model_t *));
    if (items == NULL || list == NULL) {
        return;
    }

    for (i = 0; i < n; i++) {
        items[2 * i].name = totp_str("code", 4);
        items[2 * i].text = totp_str(reply->codes->shown[i],
                                     TOTP_BACKUP_SHOWN);
        list[i] = &items[2 * i];
    }

    entry = &m->entries[m->n++];
    entry->name = totp_str("codes", 5);
    entry->type = TOTP_MODEL_LIST;
    entry->n = n;
    entry->items = list;
}


static void
ngx_http_totp_model_settings(ngx_http_totp_model_t *m)
{
    u_char                   key[80];
    ngx_str_t                what;
    ngx_uint_t               i;
    totp_model_t            *entry;
    ngx_http_totp_model_t   *item;
    const totp_model_t     **list;
    ngx_http_totp_event_t   *e;
    ngx_http_totp_reply_t   *reply;

    reply = m->answer->reply;

    if (reply == NULL) {
        return;
    }

    ngx_http_totp_model_flag(m, "enabled", reply->enabled);
    ngx_http_totp_model_time(m, "enabled_at", "enabled_at_iso",
                             reply->enabled_at);
    ngx_http_totp_model_time(m, "last_used_at", "last_used_at_iso",
                             reply->last_used_at);
    ngx_http_totp_model_number(m, "backup_codes_left", reply->backup_left);
    ngx_http_totp_model_flag(m, "codes_none", reply->enabled
                                              && reply->backup_left == 0);
    ngx_http_totp_model_flag(m, "codes_low", reply->backup_left > 0
                                             && reply->backup_left <= 2);

    if (reply->failed_before) {
        ngx_http_totp_model_number(m, "failed_before", reply->failed_before);
    }

    if (reply->nevents == 0) {
        return;
    }

    list = ngx_palloc(m->request->pool,
                      reply->nevents * sizeof(totp_model_t *));
    if (list == NULL) {
        return;
    }

    for (i = 0; i < reply->nevents; i++) {
        e = &reply->events[i];

        item = ngx_pcalloc(m->request->pool, sizeof(ngx_http_totp_model_t));
        if (item == NULL) {
            return;
        }

        item->request = m->request;

        (void) ngx_snprintf(key, sizeof(key), "event.%*s%Z",
                            ngx_min(e->what.len, 64), e->what.data);
        what = ngx_http_totp_lang_text(m->lang, (char *) key);

        if (what.len == 0) {
            what.len = e->what.len;
            what.data = (u_char *) e->what.data;
        }

        ngx_http_totp_model_text(item, "what", what);
        ngx_http_totp_model_time(item, "when", "when_iso", e->when);
        ngx_http_totp_model_text(item, "address",
                          (ngx_str_t) { e->address.len,
                                        (u_char *) e->address.data });
        list[i] = item->entries;
    }

    entry = &m->entries[m->n++];
    entry->name = totp_str("events", 6);
    entry->type = TOTP_MODEL_LIST;
    entry->n = reply->nevents;
    entry->items = list;
}


static void
ngx_http_totp_model_text(ngx_http_totp_model_t *m, const char *name,
    ngx_str_t text)
{
    totp_model_t  *entry;

    entry = &m->entries[m->n++];
    entry->name = totp_str(name, ngx_strlen(name));
    entry->type = TOTP_MODEL_TEXT;
    entry->text = ngx_http_totp_str(&text);
}


static void
ngx_http_totp_model_number(ngx_http_totp_model_t *m, const char *name,
    ngx_int_t n)
{
    ngx_str_t  text;

    text.data = ngx_pnalloc(m->request->pool, NGX_INT_T_LEN);
    text.len = text.data ? ngx_sprintf(text.data, "%i", n) - text.data : 0;

    ngx_http_totp_model_text(m, name, text);
}


static void
ngx_http_totp_model_flag(ngx_http_totp_model_t *m, const char *name,
    ngx_uint_t flag)
{
    totp_model_t  *entry;

    entry = &m->entries[m->n++];
    entry->name = totp_str(name, ngx_strlen(name));
    entry->type = TOTP_MODEL_FLAG;
    entry->flag = (flag != 0);
}


/* "24 November 2026, 06:01 UTC" would need a language: digits do not. */

static void
ngx_http_totp_model_time(ngx_http_totp_model_t *m, const char *name,
    const char *iso, time_t t)
{
    ngx_tm_t   tm;
    ngx_str_t  text;

    if (t <= 0) {
        return;
    }

    ngx_gmtime(t, &tm);

    text.data = ngx_pnalloc(m->request->pool,
                            sizeof("2026-11-24T06:01:00Z"));
    if (text.data == NULL) {
        return;
    }

    text.len = ngx_sprintf(text.data, "%4d-%02d-%02d %02d:%02d UTC",
                           tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                           tm.ngx_tm_hour, tm.ngx_tm_min)
               - text.data;

    ngx_http_totp_model_text(m, name, text);

    text.data = ngx_pnalloc(m->request->pool,
                            sizeof("2026-11-24T06:01:00Z"));
    if (text.data == NULL) {
        return;
    }

    text.len = ngx_sprintf(text.data, "%4d-%02d-%02dT%02d:%02d:%02dZ",
                           tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                           tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec)
               - text.data;

    ngx_http_totp_model_text(m, iso, text);
}


ngx_str_t
ngx_http_totp_message(ngx_http_request_t *r, ngx_http_totp_answer_t *a)
{
    u_char              key[64];
    ngx_str_t           values[4];
    ngx_str_t           text;
    const totp_i18n_t  *lang;

    static const ngx_str_t  names[] = {
        ngx_string("attempts_left"),
        ngx_string("retry_in"),
        ngx_string("drift_about"),
        ngx_string("user")
    };

    if (a->word == NGX_HTTP_TOTP_OK) {
        return (ngx_str_t) ngx_null_string;
    }

    lang = a->lang;

    ngx_sprintf(key, "error.%V%s%Z", ngx_http_totp_word_name(a->word),
                a->word == NGX_HTTP_TOTP_LOCKED && a->retry_after < 0
                    ? "_forever"
                : a->word == NGX_HTTP_TOTP_BAD_CODE && a->bad_shape
                    ? "_shape" : "");

    text = ngx_http_totp_lang_text(lang, (char *) key);

    ngx_memzero(values, sizeof(values));

    if (a->attempts_left >= 0) {
        values[0].data = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
        values[0].len = values[0].data
                        ? ngx_sprintf(values[0].data, "%i", a->attempts_left)
                          - values[0].data
                        : 0;
    }

    if (a->retry_after > 0) {
        values[1] = ngx_http_totp_lang_span(r->pool, lang, a->retry_after);
    }

    if (a->drift) {
        values[2] = ngx_http_totp_lang_span(r->pool, lang,
                                            a->drift > 0 ? a->drift
                                                         : -a->drift);
    }

    values[3] = a->user;

    return ngx_http_totp_lang_fill(r->pool, text, names, values, 4);
}


ngx_str_t
ngx_http_totp_issuer(ngx_http_request_t *r, ngx_http_totp_loc_conf_t *conf)
{
    ngx_str_t                  issuer;
    ngx_http_core_srv_conf_t  *cscf;

    if (conf->issuer
        && ngx_http_complex_value(r, conf->issuer, &issuer) == NGX_OK
        && issuer.len)
    {
        return issuer;
    }

    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);

    return cscf->server_name;
}


ngx_str_t
ngx_http_totp_base32(ngx_http_request_t *r, ngx_http_totp_secret_t *secret)
{
    ngx_str_t  text;

    text.len = totp_base32_len(secret->len);
    text.data = ngx_http_totp_secret_alloc(r->pool, text.len);

    if (text.data == NULL) {
        text.len = 0;
        return text;
    }

    totp_base32_encode((char *) text.data, totp_str(secret->key,
                                                    secret->len));
    return text;
}


ngx_str_t
ngx_http_totp_otpauth(ngx_http_request_t *r, ngx_http_totp_answer_t *a)
{
    int        n;
    size_t     size;
    ngx_str_t  text, secret, issuer;

    issuer = ngx_http_totp_issuer(r, a->conf);
    secret = ngx_http_totp_base32(r, a->reply->secret);

    size = 128 + secret.len + 6 * issuer.len + 3 * a->user.len;

    text.len = 0;
    text.data = ngx_http_totp_secret_alloc(r->pool, size);
    if (text.data == NULL) {
        return text;
    }

    n = totp_uri_otpauth((char *) text.data, size, ngx_http_totp_str(&issuer),
                         ngx_http_totp_str(&a->user),
                         ngx_http_totp_str(&secret),
                         &a->reply->secret->params);
    if (n > 0) {
        text.len = n;
    }

    return text;
}


static int
ngx_http_totp_output(void *data, totp_str_t piece)
{
    ngx_http_totp_output_t *out = data;

    size_t        size;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (piece.len == 0) {
        return 0;
    }

    b = out->first ? ((ngx_chain_t *) ((u_char *) out->last
                      - offsetof(ngx_chain_t, next)))->buf : NULL;

    if (b == NULL || (size_t) (b->end - b->last) < piece.len) {

        size = ngx_max(piece.len, 4096);

        b = ngx_calloc_buf(out->request->pool);
        cl = ngx_alloc_chain_link(out->request->pool);
        if (b == NULL || cl == NULL) {
            return -1;
        }

        b->start = ngx_http_totp_secret_alloc(out->request->pool, size);
        if (b->start == NULL) {
            return -1;
        }

        b->pos = b->start;
        b->last = b->start;
        b->end = b->start + size;
        b->temporary = 1;

        cl->buf = b;
        cl->next = NULL;
        *out->last = cl;
        out->last = &cl->next;
    }

    b->last = ngx_cpymem(b->last, piece.data, piece.len);
    out->size += piece.len;

    return 0;
}
