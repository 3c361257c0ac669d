
#include "ngx_http_totp_conf.h"
#include "ngx_http_totp_directives.h"
#include "ngx_http_totp_routes.h"

#include "totp_ascii.h"
#include "totp_backup.h"


#define NGX_HTTP_TOTP_ANY                                                     \
    (NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF)

#define NGX_HTTP_TOTP_ZONE_PAGES  8         /* at least */
#define NGX_HTTP_TOTP_COOKIE_MAX  64        /* characters of a name */


static char *ngx_http_totp_set_portal(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_totp_set_portal_uri(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_totp_set_path(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_totp_set_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_totp_set_threads(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_totp_set_realm(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_totp_set_attempts(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_totp_set_cookie(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_totp_cookie_option(ngx_conf_t *cf,
    ngx_http_totp_loc_conf_t *conf, ngx_str_t *value);
static char *ngx_http_totp_cookie_prefix(ngx_conf_t *cf,
    ngx_http_totp_loc_conf_t *conf);
static char *ngx_http_totp_check_number(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_totp_check_time(ngx_conf_t *cf, void *post, void *data);
static char *ngx_http_totp_check_bounds(ngx_conf_t *cf,
    ngx_conf_num_bounds_t *bounds, ngx_int_t n, const char *unit);
static char *ngx_http_totp_check_msec(ngx_conf_t *cf, void *post, void *data);
static char *ngx_http_totp_check_digits(ngx_conf_t *cf, void *post,
    void *data);
static ngx_uint_t ngx_http_totp_all_of(ngx_str_t *s, const char *others);


static ngx_conf_enum_t  ngx_http_totp_gates[] = {
    { ngx_string("off"), NGX_HTTP_TOTP_GATE_OFF },
    { ngx_string("on"), NGX_HTTP_TOTP_GATE_ON },
    { ngx_string("optional"), NGX_HTTP_TOTP_GATE_OPTIONAL },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_totp_algorithms[] = {
    { ngx_string("sha1"), TOTP_SHA1 },
    { ngx_string("sha256"), TOTP_SHA256 },
    { ngx_string("sha512"), TOTP_SHA512 },
    { ngx_null_string, 0 }
};


static ngx_conf_num_bounds_t  ngx_http_totp_skew_bounds = {
    ngx_http_totp_check_number, 0, TOTP_DRIFT_STEPS
};

static ngx_conf_num_bounds_t  ngx_http_totp_backup_bounds = {
    ngx_http_totp_check_number, 1, TOTP_BACKUP_MAX
};

/* in seconds */

static ngx_conf_num_bounds_t  ngx_http_totp_period_bounds = {
    ngx_http_totp_check_time, 1, 120
};

static ngx_conf_num_bounds_t  ngx_http_totp_time_bounds = {
    ngx_http_totp_check_time, 1, -1
};

static ngx_conf_num_bounds_t  ngx_http_totp_offline_bounds = {
    ngx_http_totp_check_time, 0, -1
};

static ngx_conf_post_t  ngx_http_totp_msec = { ngx_http_totp_check_msec };

static ngx_conf_post_t  ngx_http_totp_digits = { ngx_http_totp_check_digits };


ngx_command_t  ngx_http_totp_commands[] = {

    /* of all nodes and workers */

    { ngx_string("totp_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_totp_set_redis,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("totp_redis_connect_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_totp_main_conf_t, redis.connect_timeout),
      &ngx_http_totp_msec },

    { ngx_string("totp_redis_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_totp_main_conf_t, redis.timeout),
      &ngx_http_totp_msec },

    { ngx_string("totp_keys"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_totp_set_keys,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("totp_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_totp_set_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("totp_threads"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_totp_set_threads,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("totp_offline"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_totp_main_conf_t, offline),
      &ngx_http_totp_offline_bounds },

    /* gate and portal */

    { ngx_string("totp"),
      NGX_HTTP_TOTP_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_totp_loc_conf_t, gate),
      ngx_http_totp_gates },

    { ngx_string("totp_portal"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_totp_set_portal,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("totp_portal_uri"),
      NGX_HTTP_TOTP_ANY|NGX_CONF_TAKE1,
      ngx_http_totp_set_portal_uri,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /* users */

    { ngx_string("totp_password_file"),
      NGX_HTTP_TOTP_ANY|NGX_CONF_TAKE1,
      ngx_http_totp_set_path,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_totp_loc_conf_t, password_file),
      NULL },

    { ngx_string("totp_realm"),
      NGX_HTTP_TOTP_ANY|NGX_CONF_TAKE1,
      ngx_http_totp_set_realm,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("totp_attempts"),
      NGX_HTTP_TOTP_ANY|NGX_CONF_TAKE2,
      ngx_http_totp_set_attempts,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /* codes */

    { ngx_string("totp_issuer"),
      NGX_HTTP_TOTP_ANY|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_totp_loc_conf_t, issuer),
      NULL },

    { ngx_string("totp_algorithm"),
      NGX_HTTP_TOTP_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_totp_loc_conf_t, alg),
      ngx_http_totp_algorithms },

    { ngx_string("totp_digits"),
      NGX_HTTP_TOTP_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_totp_loc_conf_t, digits),
      &ngx_http_totp_digits },

    { ngx_string("totp_period"),
      NGX_HTTP_TOTP_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_totp_loc_conf_t, period),
      &ngx_http_totp_period_bounds },

    { ngx_string("totp_skew"),
      NGX_HTTP_TOTP_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_totp_loc_conf_t, skew),
      &ngx_http_totp_skew_bounds },

    { ngx_string("totp_backup_codes"),
      NGX_HTTP_TOTP_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_totp_loc_conf_t, backup_codes),
      &ngx_http_totp_backup_bounds },

    { ngx_string("totp_backup_codes_display"),
      NGX_HTTP_TOTP_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_totp_loc_conf_t, backup_display),
      &ngx_http_totp_time_bounds },

    /* sessions */

    { ngx_string("totp_login_timeout"),
      NGX_HTTP_TOTP_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_totp_loc_conf_t, login_timeout),
      &ngx_http_totp_time_bounds },

    { ngx_string("totp_session_timeout"),
      NGX_HTTP_TOTP_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_totp_loc_conf_t, session_timeout),
      &ngx_http_totp_time_bounds },

    { ngx_string("totp_session_lifetime"),
      NGX_HTTP_TOTP_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_totp_loc_conf_t, session_lifetime),
      &ngx_http_totp_time_bounds },

    { ngx_string("totp_fresh"),
      NGX_HTTP_TOTP_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_totp_loc_conf_t, fresh),
      &ngx_http_totp_time_bounds },

    { ngx_string("totp_cookie"),
      NGX_HTTP_TOTP_ANY|NGX_CONF_1MORE,
      ngx_http_totp_set_cookie,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    /* pages */

    { ngx_string("totp_pages"),
      NGX_HTTP_TOTP_ANY|NGX_CONF_TAKE1,
      ngx_http_totp_set_path,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_totp_loc_conf_t, pages),
      NULL },

    { ngx_string("totp_logo"),
      NGX_HTTP_TOTP_ANY|NGX_CONF_TAKE1,
      ngx_http_totp_set_path,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_totp_loc_conf_t, logo),
      NULL },

    { ngx_string("totp_stylesheet"),
      NGX_HTTP_TOTP_ANY|NGX_CONF_TAKE1,
      ngx_http_totp_set_path,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_totp_loc_conf_t, stylesheet),
      NULL },

    { ngx_string("totp_help"),
      NGX_HTTP_TOTP_ANY|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_totp_loc_conf_t, help),
      NULL },

      ngx_null_command
};


static char *
ngx_http_totp_set_portal(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_totp_loc_conf_t *lcf = conf;

    u_char                    *p;
    size_t                     len;
    ngx_http_core_loc_conf_t  *clcf;

    if (lcf->portal) {
        return "is duplicate";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->named || clcf->noname || clcf->exact_match
#if (NGX_PCRE)
        || clcf->regex
#endif
        || clcf->name.len == 0 || clcf->name.data[0] != '/')
    {
        return "works in a plain prefix location alone, such as: "
               "location /2fa/ { totp_portal; }";
    }

    if (clcf->handler) {
        return "conflicts with another directive that answers this location";
    }

    len = clcf->name.len;

    p = ngx_pnalloc(cf->pool, len + 1);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memcpy(p, clcf->name.data, len);

    if (p[len - 1] != '/') {
        p[len++] = '/';
    }

    lcf->portal = 1;
    lcf->path.len = len;
    lcf->path.data = p;

    clcf->handler = ngx_http_totp_portal_handler;

    return NGX_CONF_OK;
}


static char *
ngx_http_totp_set_portal_uri(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_totp_loc_conf_t *lcf = conf;

    u_char      *p;
    size_t       i;
    ngx_str_t   *value;

    if (lcf->portal_uri.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strncasecmp(value[1].data, (u_char *) "https://", 8) == 0
        || ngx_strncasecmp(value[1].data, (u_char *) "http://", 7) == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"totp_portal_uri\" on another server is not "
                           "supported yet: \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (value[1].len == 0 || value[1].data[0] != '/'
        || (value[1].len > 1 && value[1].data[1] == '/'))
    {
        return "needs a path that begins with one \"/\", such as \"/2fa/\"";
    }

    for (i = 0; i < value[1].len; i++) {
        if (value[1].data[i] <= ' ' || value[1].data[i] >= 0x7f
            || ngx_strchr("?#\\\"", value[1].data[i]))
        {
            return "needs a plain path, without query, spaces or quotes";
        }
    }

    p = ngx_pnalloc(cf->pool, value[1].len + 1);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    lcf->portal_uri.data = p;

    p = ngx_cpymem(p, value[1].data, value[1].len);

    if (p[-1] != '/') {
        *p++ = '/';
    }

    lcf->portal_uri.len = p - lcf->portal_uri.data;

    return NGX_CONF_OK;
}


/* A file or directory, relative to that of nginx.conf. */

static char *
ngx_http_totp_set_path(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char       *rv;
    ngx_str_t  *path, *value;

    value = cf->args->elts;

    if (value[1].len == 0) {
        return "needs a path";
    }

    rv = ngx_conf_set_str_slot(cf, cmd, conf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    path = (ngx_str_t *) (void *) ((u_char *) conf + cmd->offset);

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_totp_set_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_totp_main_conf_t *mcf = conf;

    u_char     *p;
    ngx_str_t  *value, size;

    if (mcf->zone_name.len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    p = (u_char *) ngx_strchr(value[1].data, ':');

    if (p == NULL || p == value[1].data) {
        return "needs a name and a size, such as \"totp:16m\"";
    }

    size.data = p + 1;
    size.len = value[1].data + value[1].len - size.data;

    mcf->zone_size = ngx_parse_size(&size);

    if (mcf->zone_size == NGX_ERROR) {
        return "needs a name and a size, such as \"totp:16m\"";
    }

    if (mcf->zone_size < (ssize_t) (NGX_HTTP_TOTP_ZONE_PAGES * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"totp_zone\" \"%V\" is too small: at least %uzk",
                           &value[1],
                           NGX_HTTP_TOTP_ZONE_PAGES * ngx_pagesize / 1024);
        return NGX_CONF_ERROR;
    }

    mcf->zone_name.data = value[1].data;
    mcf->zone_name.len = p - value[1].data;

    return NGX_CONF_OK;
}


static char *
ngx_http_totp_set_threads(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_totp_main_conf_t *mcf = conf;

    ngx_int_t   n;
    ngx_str_t  *value;

    if (mcf->threads != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    n = ngx_atoi(value[1].data, value[1].len);

    if (n < 1 || n > 256) {
        return "needs a number of threads from 1 to 256";
    }

    mcf->threads = n;

    if (cf->args->nelts == 3) {

        n = (ngx_strncmp(value[2].data, "max_queue=", 10) == 0)
            ? ngx_atoi(value[2].data + 10, value[2].len - 10) : NGX_ERROR;

        if (n < 0 || n > 65536) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" of \"totp_threads\": "
                               "it is max_queue=NUMBER, from 0 to 65536",
                               &value[2]);
            return NGX_CONF_ERROR;
        }

        mcf->max_queue = n;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_totp_set_realm(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_totp_loc_conf_t *lcf = conf;

    ngx_str_t  *value;

    if (lcf->realm.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0 || value[1].len > TOTP_REALM_MAX
        || !ngx_http_totp_all_of(&value[1], "-_"))
    {
        return "needs a name of 1 to 32 letters, digits, \"-\" and \"_\"";
    }

    lcf->realm = value[1];

    return NGX_CONF_OK;
}


static char *
ngx_http_totp_set_attempts(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_totp_loc_conf_t *lcf = conf;

    ngx_int_t   n, seconds;
    ngx_str_t  *value;

    if (lcf->attempts != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    n = ngx_atoi(value[1].data, value[1].len);
    seconds = ngx_parse_time(&value[2], 1);

    if (n < 1 || n > 100) {
        return "needs a number of attempts from 1 to 100";
    }

    if (seconds < 1) {
        return "needs a time of at least a second, such as \"5m\"";
    }

    lcf->attempts = n;
    lcf->attempts_time = seconds;

    return NGX_CONF_OK;
}


/* The name may be left out: a parameter has a "=", a name cannot. */

static char *
ngx_http_totp_set_cookie(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_totp_loc_conf_t *lcf = conf;

    char        *rv;
    ngx_str_t   *value;
    ngx_uint_t   i;

    if (lcf->cookie_secure != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    lcf->cookie_secure = 1;
    lcf->cookie_strict = 0;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strchr(value[i].data, '=')) {

            rv = ngx_http_totp_cookie_option(cf, lcf, &value[i]);
            if (rv != NGX_CONF_OK) {
                return rv;
            }

            continue;
        }

        if (i != 1 || value[1].len == 0
            || value[1].len > NGX_HTTP_TOTP_COOKIE_MAX
            || !ngx_http_totp_all_of(&value[1], "-_."))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid cookie name \"%V\" of \"totp_cookie\": "
                               "one name of at most %d letters, digits, "
                               "\"-\", \"_\" and \".\", then parameters",
                               &value[i], NGX_HTTP_TOTP_COOKIE_MAX);
            return NGX_CONF_ERROR;
        }

        lcf->cookie_base = value[1];
    }

    return ngx_http_totp_cookie_prefix(cf, lcf);
}


static char *
ngx_http_totp_cookie_option(ngx_conf_t *cf, ngx_http_totp_loc_conf_t *conf,
    ngx_str_t *value)
{
    ngx_str_t  domain;

    if (ngx_strncmp(value->data, "domain=", 7) == 0) {

        domain.data = value->data + 7;
        domain.len = value->len - 7;

        if (domain.len && domain.data[0] == '.') {
            domain.data++;
            domain.len--;
        }

        if (domain.len && ngx_http_totp_all_of(&domain, "-.")) {
            conf->cookie_domain = domain;
            return NGX_CONF_OK;
        }

    } else if (ngx_strcmp(value->data, "samesite=lax") == 0) {
        conf->cookie_strict = 0;
        return NGX_CONF_OK;

    } else if (ngx_strcmp(value->data, "samesite=strict") == 0) {
        conf->cookie_strict = 1;
        return NGX_CONF_OK;

    } else if (ngx_strcmp(value->data, "secure=on") == 0) {
        conf->cookie_secure = 1;
        return NGX_CONF_OK;

    } else if (ngx_strcmp(value->data, "secure=off") == 0) {
        conf->cookie_secure = 0;
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" of \"totp_cookie\": there are "
                       "domain=NAME, samesite=lax, samesite=strict, secure=on "
                       "and secure=off", value);

    return NGX_CONF_ERROR;
}


/* Browsers take such names in any case for what they promise. */

static char *
ngx_http_totp_cookie_prefix(ngx_conf_t *cf, ngx_http_totp_loc_conf_t *conf)
{
    totp_str_t  name;

    name = ngx_http_totp_str(&conf->cookie_base);

    if (totp_ascii_begins(name, "__host-")) {

        if (!conf->cookie_secure) {
            return "has a name that begins with \"__Host-\" and secure=off: "
                   "browsers refuse that";
        }

        if (conf->cookie_domain.len) {
            return "has a name that begins with \"__Host-\" and a domain=: "
                   "browsers refuse that; use \"__Secure-\"";
        }
    }

    if (totp_ascii_begins(name, "__secure-") && !conf->cookie_secure) {
        return "has a name that begins with \"__Secure-\" and secure=off: "
               "browsers refuse that";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_totp_check_number(ngx_conf_t *cf, void *post, void *data)
{
    ngx_int_t *np = data;

    return ngx_http_totp_check_bounds(cf, post, *np, "");
}


static char *
ngx_http_totp_check_time(ngx_conf_t *cf, void *post, void *data)
{
    time_t *tp = data;

    return ngx_http_totp_check_bounds(cf, post, *tp, " seconds");
}


static char *
ngx_http_totp_check_bounds(ngx_conf_t *cf, ngx_conf_num_bounds_t *bounds,
    ngx_int_t n, const char *unit)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (bounds->high == -1) {

        if (n >= bounds->low) {
            return NGX_CONF_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must be at least %i%s", &value[0],
                           bounds->low, unit);
        return NGX_CONF_ERROR;
    }

    if (n >= bounds->low && n <= bounds->high) {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V\" must be from %i to %i%s", &value[0],
                       bounds->low, bounds->high, unit);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_totp_check_msec(ngx_conf_t *cf, void *post, void *data)
{
    ngx_msec_t *msp = data;

    if (*msp == 0) {
        return "must not be 0";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_totp_check_digits(ngx_conf_t *cf, void *post, void *data)
{
    ngx_int_t *np = data;

    if (*np != 6 && *np != 8) {
        return "must be 6 or 8";
    }

    return NGX_CONF_OK;
}


/* Does s consist of ASCII letters, digits, and these? */

static ngx_uint_t
ngx_http_totp_all_of(ngx_str_t *s, const char *others)
{
    size_t  i;
    u_char  c;

    for (i = 0; i < s->len; i++) {
        c = s->data[i];

        if ((c >= '0' && c <= '9')
            || (totp_ascii_lower(c) >= 'a' && totp_ascii_lower(c) <= 'z')
            || (c != '\0' && strchr(others, c)))
        {
            continue;
        }

        return 0;
    }

    return 1;
}
