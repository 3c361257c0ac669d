
#include "ngx_http_totp_theme.h"

#include <openssl/evp.h>

#include "totp_embedded.h"


#define NGX_HTTP_TOTP_FILE_MAX  (1024 * 1024)   /* of an override, bytes */
#define NGX_HTTP_TOTP_HASH_LEN  8               /* of an asset, bytes shown */


static void *ngx_http_totp_theme_alloc(void *data, size_t size);
static ngx_int_t ngx_http_totp_theme_page(ngx_conf_t *cf,
    ngx_http_totp_theme_t *theme, ngx_http_totp_page_id_t page);
static ngx_int_t ngx_http_totp_theme_asset(ngx_conf_t *cf,
    ngx_http_totp_asset_t *asset, const char *stem, const char *suffix,
    const char *type, ngx_str_t *data);
static ngx_int_t ngx_http_totp_theme_logo(ngx_conf_t *cf,
    ngx_http_totp_theme_t *theme);
static ngx_int_t ngx_http_totp_theme_read(ngx_conf_t *cf, ngx_str_t *path,
    ngx_str_t *data, ngx_uint_t must_exist);


/* in the order of ngx_http_totp_page_id_t */

static ngx_str_t  ngx_http_totp_page_names[] = {
    ngx_string("login"),
    ngx_string("code"),
    ngx_string("settings"),
    ngx_string("setup"),
    ngx_string("backup-codes"),
    ngx_string("disable"),
    ngx_string("logout"),
    ngx_string("error"),
    ngx_string("layout")
};


/* what a template may name: see the model that ngx_http_totp_html.c makes */

#define ngx_http_totp_text(name)  { name, TOTP_MODEL_TEXT, NULL }
#define ngx_http_totp_flag(name)  { name, TOTP_MODEL_FLAG, NULL }


static const totp_template_name_t  ngx_http_totp_code_names[] = {
    ngx_http_totp_text("code"),
    { NULL, TOTP_MODEL_TEXT, NULL }
};


static const totp_template_name_t  ngx_http_totp_event_names[] = {
    ngx_http_totp_text("what"),
    ngx_http_totp_text("when"),
    ngx_http_totp_text("when_iso"),
    ngx_http_totp_text("address"),
    { NULL, TOTP_MODEL_TEXT, NULL }
};


static const totp_template_name_t  ngx_http_totp_language_names[] = {
    ngx_http_totp_text("tag"),
    ngx_http_totp_text("name"),
    ngx_http_totp_text("uri"),
    ngx_http_totp_flag("current"),
    { NULL, TOTP_MODEL_TEXT, NULL }
};


static const totp_template_name_t  ngx_http_totp_names[] = {
    ngx_http_totp_text("page"),
    ngx_http_totp_text("title"),
    ngx_http_totp_text("lang"),
    ngx_http_totp_text("dir"),
    ngx_http_totp_text("lang_name"),
    { "languages", TOTP_MODEL_LIST, ngx_http_totp_language_names },
    ngx_http_totp_text("issuer"),
    ngx_http_totp_text("logo"),
    ngx_http_totp_text("stylesheet"),
    ngx_http_totp_text("custom_stylesheet"),
    ngx_http_totp_text("script"),
    ngx_http_totp_text("portal"),
    ngx_http_totp_text("user"),
    ngx_http_totp_flag("signed_in"),
    ngx_http_totp_text("csrf"),
    ngx_http_totp_text("next"),
    ngx_http_totp_text("help"),
    ngx_http_totp_text("error"),
    ngx_http_totp_text("error_word"),
    ngx_http_totp_text("retry_in"),
    ngx_http_totp_text("attempts_left"),

    ngx_http_totp_text("username"),
    ngx_http_totp_flag("expired"),
    ngx_http_totp_flag("cookies_off"),

    ngx_http_totp_flag("fresh"),
    ngx_http_totp_text("digits"),
    ngx_http_totp_flag("drift_ahead"),
    ngx_http_totp_flag("drift_behind"),
    ngx_http_totp_text("drift_about"),
    ngx_http_totp_flag("code_used"),
    ngx_http_totp_flag("locked"),

    { "qr", TOTP_MODEL_PICTURE, NULL },
    ngx_http_totp_text("secret"),
    ngx_http_totp_text("secret_plain"),
    ngx_http_totp_text("otpauth"),
    ngx_http_totp_flag("replacing"),
    ngx_http_totp_flag("setup_required"),

    ngx_http_totp_flag("shown"),
    { "codes", TOTP_MODEL_LIST, ngx_http_totp_code_names },
    ngx_http_totp_text("expires_in"),
    ngx_http_totp_text("more_left"),
    ngx_http_totp_flag("can_more"),
    ngx_http_totp_text("left"),
    ngx_http_totp_flag("codes_low"),
    ngx_http_totp_flag("codes_none"),
    ngx_http_totp_flag("just_used"),
    ngx_http_totp_flag("generate"),

    ngx_http_totp_flag("enabled"),
    ngx_http_totp_text("enabled_at"),
    ngx_http_totp_text("last_used_at"),
    ngx_http_totp_text("enabled_at_iso"),
    ngx_http_totp_text("last_used_at_iso"),
    ngx_http_totp_text("backup_codes_left"),
    ngx_http_totp_flag("required"),
    ngx_http_totp_text("failed_before"),
    { "events", TOTP_MODEL_LIST, ngx_http_totp_event_names },

    ngx_http_totp_text("status"),
    ngx_http_totp_text("login"),
    ngx_http_totp_flag("resend"),

    { NULL, TOTP_MODEL_TEXT, NULL }
};


ngx_str_t *
ngx_http_totp_page_name(ngx_http_totp_page_id_t page)
{
    return &ngx_http_totp_page_names[page];
}


ngx_http_totp_theme_t *
ngx_http_totp_theme(ngx_conf_t *cf, ngx_array_t *themes, ngx_str_t *pages,
    ngx_str_t *logo, ngx_str_t *stylesheet)
{
    ngx_str_t                data;
    ngx_uint_t               i;
    const totp_str_t        *e;
    ngx_http_totp_theme_t   *theme, **tp;

    tp = themes->elts;

    for (i = 0; i < themes->nelts; i++) {
        theme = tp[i];

        if (totp_str_eq(ngx_http_totp_str(&theme->pages),
                        ngx_http_totp_str(pages))
            && totp_str_eq(ngx_http_totp_str(&theme->logo),
                           ngx_http_totp_str(logo))
            && totp_str_eq(ngx_http_totp_str(&theme->stylesheet),
                           ngx_http_totp_str(stylesheet)))
        {
            return theme;
        }
    }

    theme = ngx_pcalloc(cf->pool, sizeof(ngx_http_totp_theme_t));
    tp = ngx_array_push(themes);
    if (theme == NULL || tp == NULL) {
        return NULL;
    }

    *tp = theme;

    theme->pages = *pages;
    theme->logo = *logo;
    theme->stylesheet = *stylesheet;

    /* i is how many there were */

    theme->langs = i ? (*(ngx_http_totp_theme_t **) themes->elts)->langs
                     : ngx_http_totp_langs(cf);
    if (theme->langs == NULL) {
        return NULL;
    }

    for (i = 0; i < NGX_HTTP_TOTP_PAGES; i++) {
        if (ngx_http_totp_theme_page(cf, theme, i) != NGX_OK) {
            return NULL;
        }
    }

    e = &totp_embedded_find("assets/style.css")->data;
    data.data = (u_char *) e->data;
    data.len = e->len;

    if (ngx_http_totp_theme_asset(cf,
                                &theme->assets[NGX_HTTP_TOTP_ASSET_STYLE],
                                "style", "css", "text/css", &data)
        != NGX_OK)
    {
        return NULL;
    }

    e = &totp_embedded_find("assets/script.js")->data;
    data.data = (u_char *) e->data;
    data.len = e->len;

    if (ngx_http_totp_theme_asset(cf,
                                &theme->assets[NGX_HTTP_TOTP_ASSET_SCRIPT],
                                "script", "js", "text/javascript", &data)
        != NGX_OK)
    {
        return NULL;
    }

    if (stylesheet->len) {
        if (ngx_http_totp_theme_read(cf, stylesheet, &data, 1) != NGX_OK
            || ngx_http_totp_theme_asset(cf,
                             &theme->assets[NGX_HTTP_TOTP_ASSET_OWN_STYLE],
                             "own", "css", "text/css", &data)
               != NGX_OK)
        {
            return NULL;
        }
    }

    if (logo->len && ngx_http_totp_theme_logo(cf, theme) != NGX_OK) {
        return NULL;
    }

    return theme;
}


static void *
ngx_http_totp_theme_alloc(void *data, size_t size)
{
    return ngx_palloc(data, size);
}


/* The operator's file where there is one, else the built-in page. */

static ngx_int_t
ngx_http_totp_theme_page(ngx_conf_t *cf, ngx_http_totp_theme_t *theme,
    ngx_http_totp_page_id_t page)
{
    u_char                 *p;
    ngx_int_t               rc;
    ngx_str_t               path, data;
    totp_str_t              source;
    totp_template_mem_t     mem;
    totp_template_error_t   err;

    path.len = theme->pages.len + 1 + ngx_http_totp_page_names[page].len + 5;
    path.data = ngx_pnalloc(cf->pool, path.len + sizeof("pages/"));
    if (path.data == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_DECLINED;

    if (theme->pages.len) {
        p = ngx_sprintf(path.data, "%V/%V.html%Z", &theme->pages,
                        &ngx_http_totp_page_names[page]);
        path.len = p - 1 - path.data;

        rc = ngx_http_totp_theme_read(cf, &path, &data, 0);
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK) {
        source = ngx_http_totp_str(&data);

    } else {
        p = ngx_sprintf(path.data, "pages/%V.html%Z",
                        &ngx_http_totp_page_names[page]);
        path.len = p - 1 - path.data;

        source = totp_embedded_find((char *) path.data)->data;
    }

    mem.alloc = ngx_http_totp_theme_alloc;
    mem.data = cf->pool;

    theme->templates[page] = totp_template_parse(source, ngx_http_totp_names,
                                                 theme->langs->langs[0], &mem, &err);

    if (theme->templates[page] == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in %V:%ui", err.text,
                           &path, (ngx_uint_t) err.line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* assets/stem.HASH.suffix: a changed file is another address */

static ngx_int_t
ngx_http_totp_theme_asset(ngx_conf_t *cf, ngx_http_totp_asset_t *asset,
    const char *stem, const char *suffix, const char *type, ngx_str_t *data)
{
    u_char        *p;
    unsigned char  md[EVP_MAX_MD_SIZE];

    if (EVP_Digest(data->data, data->len, md, NULL, EVP_sha256(), NULL) != 1) {
        return NGX_ERROR;
    }

    asset->data = *data;
    asset->type.data = (u_char *) type;
    asset->type.len = ngx_strlen(type);

    p = ngx_pnalloc(cf->pool, sizeof("assets/..") + ngx_strlen(stem)
                              + ngx_strlen(suffix)
                              + 2 * NGX_HTTP_TOTP_HASH_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    asset->uri.data = p;

    p = ngx_sprintf(p, "assets/%s.", stem);
    p = ngx_hex_dump(p, md, NGX_HTTP_TOTP_HASH_LEN);
    p = ngx_sprintf(p, ".%s", suffix);

    asset->uri.len = p - asset->uri.data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_totp_theme_logo(ngx_conf_t *cf, ngx_http_totp_theme_t *theme)
{
    ngx_str_t   data, *path;
    ngx_uint_t  i;

    static const struct {
        ngx_str_t    ending;
        const char  *suffix;
        const char  *type;
    } types[] = {
        { ngx_string(".svg"), "svg", "image/svg+xml" },
        { ngx_string(".png"), "png", "image/png" },
        { ngx_string(".jpg"), "jpg", "image/jpeg" },
        { ngx_string(".jpeg"), "jpg", "image/jpeg" },
        { ngx_string(".webp"), "webp", "image/webp" },
        { ngx_string(".gif"), "gif", "image/gif" }
    };

    path = &theme->logo;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (path->len > types[i].ending.len
            && ngx_strncasecmp(path->data + path->len - types[i].ending.len,
                               types[i].ending.data, types[i].ending.len)
               == 0)
        {
            if (ngx_http_totp_theme_read(cf, path, &data, 1) != NGX_OK) {
                return NGX_ERROR;
            }

            return ngx_http_totp_theme_asset(cf,
                                 &theme->assets[NGX_HTTP_TOTP_ASSET_LOGO],
                                 "logo", types[i].suffix, types[i].type,
                                 &data);
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"totp_logo\" \"%V\" is not a .svg, .png, .jpg, .webp "
                       "or .gif file", path);
    return NGX_ERROR;
}


/* NGX_DECLINED: there is no such file, and there need not be one. */

static ngx_int_t
ngx_http_totp_theme_read(ngx_conf_t *cf, ngx_str_t *path, ngx_str_t *data,
    ngx_uint_t must_exist)
{
    ssize_t           n;
    ngx_fd_t          fd;
    ngx_int_t         rc;
    ngx_file_t        file;
    ngx_file_info_t   fi;

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        if (ngx_errno == NGX_ENOENT && !must_exist) {
            return NGX_DECLINED;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", path);
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    ngx_memzero(&file, sizeof(ngx_file_t));
    file.fd = fd;
    file.name = *path;
    file.log = cf->log;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR
        || ngx_file_size(&fi) > NGX_HTTP_TOTP_FILE_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is larger than 1 MiB", path);
        goto done;
    }

    data->len = ngx_file_size(&fi);
    data->data = ngx_pnalloc(cf->pool, data->len + 1);
    if (data->data == NULL) {
        goto done;
    }

    n = ngx_read_file(&file, data->data, data->len, 0);

    if (n < 0 || (size_t) n != data->len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_read_file_n " \"%V\" failed", path);
        goto done;
    }

    rc = NGX_OK;

done:

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", path);
    }

    return rc;
}
