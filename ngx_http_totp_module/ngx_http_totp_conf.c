
#include "ngx_http_totp_conf.h"
#include "ngx_http_totp_first.h"
#include "ngx_http_totp_routes.h"
#include "ngx_http_totp_task.h"
#include "ngx_http_totp_theme.h"
#include "ngx_http_totp_tls.h"
#include "ngx_http_totp_zone.h"


/* What only the configuration itself needs to know lies behind the settings. */

typedef struct {
    ngx_http_totp_srv_conf_t   settings;
    ngx_array_t                gates;       /* of ngx_str_t: where they lead */
    ngx_uint_t                 secure;      /* a portal sets a secure cookie */
} ngx_http_totp_server_t;


typedef struct {
    ngx_http_totp_loc_conf_t   settings;
    ngx_uint_t                 below;       /* the gate of nested locations: a
                                               portal's exemption is its own */
} ngx_http_totp_location_t;


typedef struct {
    ngx_str_t                  name;
    ngx_str_t                  password_file;
} ngx_http_totp_realm_t;


static ngx_int_t ngx_http_totp_merge_gate(ngx_conf_t *cf,
    ngx_http_totp_location_t *prev, ngx_http_totp_location_t *conf);
static ngx_int_t ngx_http_totp_merge_cookie(ngx_conf_t *cf,
    ngx_http_totp_loc_conf_t *prev, ngx_http_totp_loc_conf_t *conf);
static ngx_int_t ngx_http_totp_use(ngx_conf_t *cf,
    ngx_http_totp_loc_conf_t *conf);
static ngx_int_t ngx_http_totp_use_realm(ngx_conf_t *cf,
    ngx_http_totp_main_conf_t *mcf, ngx_http_totp_loc_conf_t *conf);
static ngx_int_t ngx_http_totp_add_name(ngx_array_t *names, ngx_str_t *name);
static ngx_uint_t ngx_http_totp_has_name(ngx_array_t *names, ngx_str_t *name);
static void ngx_http_totp_check_server(ngx_conf_t *cf,
    ngx_http_core_srv_conf_t *cscf);
static ngx_uint_t ngx_http_totp_has_tls(ngx_conf_t *cf,
    ngx_http_core_srv_conf_t *cscf);


void *
ngx_http_totp_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_totp_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_totp_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    ngx_str_set(&mcf->redis.prefix, "totp:");
    mcf->redis.connect_timeout = NGX_CONF_UNSET_MSEC;
    mcf->redis.timeout = NGX_CONF_UNSET_MSEC;

    mcf->threads = NGX_CONF_UNSET_UINT;
    mcf->max_queue = NGX_CONF_UNSET_UINT;
    mcf->offline = NGX_CONF_UNSET;

    if (ngx_array_init(&mcf->files, cf->pool, 4,
                       sizeof(ngx_http_totp_first_t *)) != NGX_OK
        || ngx_array_init(&mcf->themes, cf->pool, 4,
                          sizeof(ngx_http_totp_theme_t *)) != NGX_OK
        || ngx_array_init(&mcf->names, cf->pool, 4, sizeof(ngx_str_t))
           != NGX_OK
        || ngx_array_init(&mcf->realms, cf->pool, 4,
                          sizeof(ngx_http_totp_realm_t)) != NGX_OK)
    {
        return NULL;
    }

    return mcf;
}


char *
ngx_http_totp_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_totp_main_conf_t *mcf = conf;

    ngx_conf_init_msec_value(mcf->redis.connect_timeout, 1000);
    ngx_conf_init_msec_value(mcf->redis.timeout, 2000);
    ngx_conf_init_uint_value(mcf->threads, 2);
    ngx_conf_init_uint_value(mcf->max_queue, 64);
    ngx_conf_init_value(mcf->offline, 3600);

    if (mcf->zone_name.len == 0) {
        ngx_str_set(&mcf->zone_name, "totp");
        mcf->zone_size = 16 * 1024 * 1024;
    }

    return NGX_CONF_OK;
}


void *
ngx_http_totp_create_srv_conf(ngx_conf_t *cf)
{
    ngx_http_totp_server_t  *server;

    server = ngx_pcalloc(cf->pool, sizeof(ngx_http_totp_server_t));
    if (server == NULL) {
        return NULL;
    }

    if (ngx_array_init(&server->settings.strict, cf->pool, 2,
                       sizeof(ngx_str_t)) != NGX_OK
        || ngx_array_init(&server->settings.portals, cf->pool, 2,
                          sizeof(ngx_str_t)) != NGX_OK
        || ngx_array_init(&server->gates, cf->pool, 2, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NULL;
    }

    return server;
}


void *
ngx_http_totp_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_totp_location_t  *location;
    ngx_http_totp_loc_conf_t  *conf;

    location = ngx_pcalloc(cf->pool, sizeof(ngx_http_totp_location_t));
    if (location == NULL) {
        return NULL;
    }

    location->below = NGX_CONF_UNSET_UINT;

    conf = &location->settings;

    conf->gate = NGX_CONF_UNSET_UINT;
    conf->alg = NGX_CONF_UNSET_UINT;
    conf->digits = NGX_CONF_UNSET_UINT;
    conf->period = NGX_CONF_UNSET;
    conf->skew = NGX_CONF_UNSET_UINT;
    conf->backup_codes = NGX_CONF_UNSET_UINT;
    conf->backup_display = NGX_CONF_UNSET;
    conf->login_timeout = NGX_CONF_UNSET;
    conf->session_timeout = NGX_CONF_UNSET;
    conf->session_lifetime = NGX_CONF_UNSET;
    conf->fresh = NGX_CONF_UNSET;
    conf->cookie_strict = NGX_CONF_UNSET_UINT;
    conf->cookie_secure = NGX_CONF_UNSET_UINT;
    conf->attempts = NGX_CONF_UNSET_UINT;
    conf->attempts_time = NGX_CONF_UNSET;

    return location;
}


char *
ngx_http_totp_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_totp_loc_conf_t *prev = parent;
    ngx_http_totp_loc_conf_t *conf = child;

    ngx_http_totp_main_conf_t  *mcf;

    conf->server = ngx_http_conf_get_module_srv_conf(cf, ngx_http_totp_module);

    if (ngx_http_totp_merge_gate(cf, parent, child) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_conf_merge_str_value(conf->portal_uri, prev->portal_uri, "/2fa/");
    ngx_conf_merge_str_value(conf->password_file, prev->password_file, "");
    ngx_conf_merge_str_value(conf->realm, prev->realm, "default");

    if (conf->issuer == NULL) {
        conf->issuer = prev->issuer;
    }

    ngx_conf_merge_uint_value(conf->alg, prev->alg, TOTP_SHA1);
    ngx_conf_merge_uint_value(conf->digits, prev->digits, 6);
    ngx_conf_merge_sec_value(conf->period, prev->period, 30);
    ngx_conf_merge_uint_value(conf->skew, prev->skew, 1);
    ngx_conf_merge_uint_value(conf->backup_codes, prev->backup_codes, 5);
    ngx_conf_merge_sec_value(conf->backup_display, prev->backup_display, 30);

    ngx_conf_merge_sec_value(conf->login_timeout, prev->login_timeout, 300);
    ngx_conf_merge_sec_value(conf->session_timeout, prev->session_timeout,
                             1800);
    ngx_conf_merge_sec_value(conf->session_lifetime, prev->session_lifetime,
                             43200);
    ngx_conf_merge_sec_value(conf->fresh, prev->fresh, 300);

    ngx_conf_merge_uint_value(conf->attempts, prev->attempts, 5);
    ngx_conf_merge_sec_value(conf->attempts_time, prev->attempts_time, 300);

    ngx_conf_merge_str_value(conf->pages, prev->pages, "");
    ngx_conf_merge_str_value(conf->logo, prev->logo, "");
    ngx_conf_merge_str_value(conf->stylesheet, prev->stylesheet, "");
    ngx_conf_merge_str_value(conf->help, prev->help, "");

    if (ngx_http_totp_merge_cookie(cf, prev, conf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    /* also where the gate is off: a variable may ask who is signed in */

    if (conf->password_file.len) {
        mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_totp_module);

        conf->first = ngx_http_totp_first_file(cf, &mcf->files,
                                               &conf->password_file);
        if (conf->first == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if ((conf->portal || conf->gate != NGX_HTTP_TOTP_GATE_OFF)
        && ngx_http_totp_use(cf, conf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_totp_merge_gate(ngx_conf_t *cf, ngx_http_totp_location_t *prev,
    ngx_http_totp_location_t *conf)
{
    ngx_uint_t                 above;
    ngx_http_core_loc_conf_t  *clcf;

    /* what was not merged itself, the http block's, has nothing below yet */

    above = (prev->below != NGX_CONF_UNSET_UINT) ? prev->below
                                                 : prev->settings.gate;

    ngx_conf_merge_uint_value(conf->settings.gate, above,
                              NGX_HTTP_TOTP_GATE_OFF);

    conf->below = conf->settings.gate;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* an "if" or a limit_except in a portal is the portal still */

    if (prev->settings.portal && clcf->noname) {
        conf->settings.portal = 1;
        conf->settings.path = prev->settings.path;

        if (clcf->handler == NULL) {
            clcf->handler = ngx_http_totp_portal_handler;
        }
    }

    if (!conf->settings.portal) {
        return NGX_OK;
    }

    if (clcf->handler != ngx_http_totp_portal_handler) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"totp_portal\" in location \"%V\" conflicts with "
                           "another directive that answers it", &clcf->name);
        return NGX_ERROR;
    }

    conf->settings.gate = NGX_HTTP_TOTP_GATE_OFF;

    /*
     * The body is bounded by us, who have a page to say so, and no password
     * is ever written to a file.
     */

    clcf->client_max_body_size = 0;
    clcf->client_body_in_file_only = 0;     /* off */

    return NGX_OK;
}


static ngx_int_t
ngx_http_totp_merge_cookie(ngx_conf_t *cf, ngx_http_totp_loc_conf_t *prev,
    ngx_http_totp_loc_conf_t *conf)
{
    u_char     *p;
    ngx_str_t   base;
    ngx_uint_t  suffix;

    /* the directive is inherited whole */

    if (conf->cookie_secure == NGX_CONF_UNSET_UINT) {

        if (prev->cookie_secure == NGX_CONF_UNSET_UINT) {
            conf->cookie_secure = 1;
            conf->cookie_strict = 0;

        } else {
            conf->cookie_secure = prev->cookie_secure;
            conf->cookie_strict = prev->cookie_strict;
            conf->cookie_domain = prev->cookie_domain;
            conf->cookie_base = prev->cookie_base;
        }
    }

    base = conf->cookie_base;

    if (base.len == 0) {

        if (!conf->cookie_secure) {
            ngx_str_set(&base, "totp");

        } else if (conf->cookie_domain.len) {
            ngx_str_set(&base, "__Secure-totp");

        } else {
            ngx_str_set(&base, "__Host-totp");
        }
    }

    /* not "-lang": that may be a realm */

    p = ngx_pnalloc(cf->pool, base.len + sizeof("_lang") - 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    conf->lang_cookie.data = p;
    conf->lang_cookie.len = ngx_sprintf(p, "%V_lang", &base) - p;

    suffix = (conf->realm.len != sizeof("default") - 1
              || ngx_memcmp(conf->realm.data, "default", conf->realm.len)
                 != 0);

    p = ngx_pnalloc(cf->pool, base.len + 1 + conf->realm.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    conf->cookie_name.data = p;

    p = ngx_cpymem(p, base.data, base.len);

    if (suffix) {
        *p++ = '-';
        p = ngx_cpymem(p, conf->realm.data, conf->realm.len);
    }

    conf->cookie_name.len = p - conf->cookie_name.data;

    p = ngx_pnalloc(cf->pool,
                    sizeof("; Path=/; HttpOnly; SameSite=Strict; Secure"
                           "; Domain=")
                    + conf->cookie_domain.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    conf->cookie_attrs.data = p;

    p = ngx_sprintf(p, "; Path=/; HttpOnly; SameSite=%s%s",
                    conf->cookie_strict ? "Strict" : "Lax",
                    conf->cookie_secure ? "; Secure" : "");

    if (conf->cookie_domain.len) {
        p = ngx_sprintf(p, "; Domain=%V", &conf->cookie_domain);
    }

    conf->cookie_attrs.len = p - conf->cookie_attrs.data;

    return NGX_OK;
}


/* A gate or a portal: what it needs, and what the others have to know of it. */

static ngx_int_t
ngx_http_totp_use(ngx_conf_t *cf, ngx_http_totp_loc_conf_t *conf)
{
    ngx_http_totp_server_t     *server;
    ngx_http_totp_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_totp_module);
    server = ngx_http_conf_get_module_srv_conf(cf, ngx_http_totp_module);

    mcf->used = 1;
    mcf->keep = ngx_max(mcf->keep, conf->session_lifetime);
    mcf->keep = ngx_max(mcf->keep, conf->login_timeout);

    if (ngx_http_totp_use_realm(cf, mcf, conf) != NGX_OK) {
        return NGX_ERROR;
    }

    conf->theme = ngx_http_totp_theme(cf, &mcf->themes, &conf->pages,
                                      &conf->logo, &conf->stylesheet);
    if (conf->theme == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_totp_add_name(&mcf->names, &conf->cookie_name) != NGX_OK
        || ngx_http_totp_add_name(&mcf->names, &conf->lang_cookie) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (conf->portal) {
        server->secure |= conf->cookie_secure;
        return ngx_http_totp_add_name(&server->settings.portals, &conf->path);
    }

    if (conf->gate == NGX_HTTP_TOTP_GATE_ON
        && ngx_http_totp_add_name(&server->settings.strict, &conf->realm)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_totp_add_name(&server->gates, &conf->portal_uri);
}


static ngx_int_t
ngx_http_totp_use_realm(ngx_conf_t *cf, ngx_http_totp_main_conf_t *mcf,
    ngx_http_totp_loc_conf_t *conf)
{
    ngx_uint_t              i;
    ngx_http_totp_realm_t  *realm;

    if (conf->first == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%s\" needs a first factor: set "
                           "\"totp_password_file\" beside it or further out",
                           conf->portal ? "totp_portal" : "totp");
        return NGX_ERROR;
    }

    realm = mcf->realms.elts;

    for (i = 0; i < mcf->realms.nelts; i++) {

        if (!totp_str_eq(ngx_http_totp_str(&realm[i].name),
                         ngx_http_totp_str(&conf->realm)))
        {
            continue;
        }

        if (totp_str_eq(ngx_http_totp_str(&realm[i].password_file),
                        ngx_http_totp_str(&conf->password_file)))
        {
            return NGX_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "realm \"%V\" has two first factors, "
                           "\"totp_password_file\" \"%V\" and \"%V\": give "
                           "one of them another \"totp_realm\"",
                           &conf->realm, &realm[i].password_file,
                           &conf->password_file);
        return NGX_ERROR;
    }

    realm = ngx_array_push(&mcf->realms);
    if (realm == NULL) {
        return NGX_ERROR;
    }

    realm->name = conf->realm;
    realm->password_file = conf->password_file;

    return NGX_OK;
}


/* Into a list of ngx_str_t, which totp_str_t is the twin of, once. */

static ngx_int_t
ngx_http_totp_add_name(ngx_array_t *names, ngx_str_t *name)
{
    ngx_str_t  *s;

    if (ngx_http_totp_has_name(names, name)) {
        return NGX_OK;
    }

    s = ngx_array_push(names);
    if (s == NULL) {
        return NGX_ERROR;
    }

    *s = *name;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_totp_has_name(ngx_array_t *names, ngx_str_t *name)
{
    ngx_str_t   *s;
    ngx_uint_t   i;

    s = names->elts;

    for (i = 0; i < names->nelts; i++) {
        if (totp_str_eq(ngx_http_totp_str(&s[i]), ngx_http_totp_str(name))) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_totp_check_conf(ngx_conf_t *cf)
{
    ngx_uint_t                    i;
    ngx_http_core_srv_conf_t    **cscfp;
    ngx_http_core_main_conf_t    *cmcf;
    ngx_http_totp_main_conf_t    *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_totp_module);

    if (!mcf->used) {
        return NGX_OK;
    }

    if (mcf->redis.text.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"totp\" needs a Redis: set \"totp_redis\" in the "
                           "http block");
        return NGX_ERROR;
    }

    if (mcf->keys == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"totp\" needs keys: set \"totp_keys\" in the "
                           "http block");
        return NGX_ERROR;
    }

    mcf->zone = ngx_http_totp_zone_add(cf, &mcf->zone_name, mcf->zone_size,
                                       &ngx_http_totp_module);
    if (mcf->zone == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_totp_task_init(cf, mcf->threads, mcf->max_queue) != NGX_OK) {
        return NGX_ERROR;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    cscfp = cmcf->servers.elts;

    for (i = 0; i < cmcf->servers.nelts; i++) {
        ngx_http_totp_check_server(cf, cscfp[i]);
        ngx_http_totp_tls_wipe_input(cscfp[i]);
    }

    return NGX_OK;
}


/* What works, but hardly as it was meant to. */

static void
ngx_http_totp_check_server(ngx_conf_t *cf, ngx_http_core_srv_conf_t *cscf)
{
    ngx_str_t               *uri;
    ngx_uint_t               i;
    ngx_http_totp_server_t  *server;

    server = cscf->ctx->srv_conf[ngx_http_totp_module.ctx_index];

    if (server->secure && !ngx_http_totp_has_tls(cf, cscf)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "totp: the portal of server \"%V\" in %s:%ui sets a "
                           "secure cookie, but no \"listen\" there has \"ssl\": "
                           "browsers keep it only where something else in "
                           "front speaks TLS",
                           &cscf->server_name, cscf->file_name, cscf->line);
    }

    uri = server->gates.elts;

    for (i = 0; i < server->gates.nelts; i++) {

        if (ngx_http_totp_has_name(&server->settings.portals, &uri[i])) {
            continue;
        }

        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "totp: a gate of server \"%V\" in %s:%ui leads to "
                           "\"%V\", but there is no portal: add "
                           "\"location %V { totp_portal; }\" there, or set "
                           "\"totp_portal_uri\"",
                           &cscf->server_name, cscf->file_name, cscf->line,
                           &uri[i], &uri[i]);
    }
}


static ngx_uint_t
ngx_http_totp_has_tls(ngx_conf_t *cf, ngx_http_core_srv_conf_t *cscf)
{
    ngx_uint_t                   p, a, s;
    ngx_http_conf_port_t        *port;
    ngx_http_conf_addr_t        *addr;
    ngx_http_core_srv_conf_t   **server;
    ngx_http_core_main_conf_t   *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (cmcf->ports == NULL) {
        return 0;
    }

    port = cmcf->ports->elts;

    for (p = 0; p < cmcf->ports->nelts; p++) {

        addr = port[p].addrs.elts;

        for (a = 0; a < port[p].addrs.nelts; a++) {

            if (!addr[a].opt.ssl) {
                continue;
            }

            server = addr[a].servers.elts;

            for (s = 0; s < addr[a].servers.nelts; s++) {
                if (server[s] == cscf) {
                    return 1;
                }
            }
        }
    }

    return 0;
}
