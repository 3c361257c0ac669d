/*
 * What the operator configured, as every layer reads it.  Filled in by
 * ngx_http_totp_conf.c alone, and not changed after the start.
 */

#ifndef NGX_HTTP_TOTP_SETTINGS_H
#define NGX_HTTP_TOTP_SETTINGS_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "totp_otp.h"
#include "totp_session.h"
#include "ngx_http_totp_rconn_types.h"


#define NGX_HTTP_TOTP_GATE_OFF       0
#define NGX_HTTP_TOTP_GATE_ON        1
#define NGX_HTTP_TOTP_GATE_OPTIONAL  2


struct ngx_http_totp_first_s;
struct ngx_http_totp_theme_s;


typedef struct {
    ngx_http_totp_redis_conf_t    redis;        /* text.len 0: not configured */
    totp_keyring_t               *keys;         /* NULL: not configured */
    ngx_str_t                     keys_path;

    ngx_shm_zone_t               *zone;
    ngx_str_t                     zone_name;
    ssize_t                       zone_size;

    ngx_uint_t                    threads;
    ngx_uint_t                    max_queue;

    time_t                        offline;      /* seconds */
    time_t                        keep;         /* the longest session of the
                                                   configuration, seconds: how
                                                   long a revocation is kept */

    ngx_array_t                   files;        /* of ngx_http_totp_first_t * */
    ngx_array_t                   themes;       /* of ngx_http_totp_theme_t * */
    ngx_array_t                   names;        /* of totp_str_t: every cookie
                                                   name, taken out for apps */
    ngx_array_t                   realms;       /* realm and its first factor */

    ngx_uint_t                    used;         /* some gate or portal is on */
} ngx_http_totp_main_conf_t;


typedef struct {
    ngx_array_t                   strict;       /* of ngx_str_t: realms that a
                                                   gate of this server demands
                                                   a second factor in */
    ngx_array_t                   portals;      /* of ngx_str_t: paths */
} ngx_http_totp_srv_conf_t;


typedef struct {
    ngx_uint_t                    gate;
    ngx_uint_t                    portal;       /* this location is one */
    ngx_str_t                     path;         /* of this portal, with '/' */
    ngx_http_totp_srv_conf_t     *server;

    ngx_str_t                     portal_uri;   /* where the gate leads to */

    struct ngx_http_totp_first_s *first;
    ngx_str_t                     password_file;

    ngx_http_complex_value_t     *issuer;
    ngx_str_t                     realm;

    ngx_uint_t                    alg;          /* totp_alg_t */
    ngx_uint_t                    digits;
    time_t                        period;       /* seconds, as all below */
    ngx_uint_t                    skew;         /* steps */
    ngx_uint_t                    backup_codes;
    time_t                        backup_display;

    time_t                        login_timeout;
    time_t                        session_timeout;
    time_t                        session_lifetime;
    time_t                        fresh;

    ngx_str_t                     cookie_name;
    ngx_str_t                     lang_cookie;  /* name of the one that
                                                   remembers a language */
    ngx_str_t                     cookie_attrs; /* "; Path=/; HttpOnly..." */
    ngx_str_t                     cookie_base;  /* as written */
    ngx_str_t                     cookie_domain;
    ngx_uint_t                    cookie_strict;
    ngx_uint_t                    cookie_secure;

    ngx_uint_t                    attempts;     /* NGX_CONF_UNSET_UINT */
    time_t                        attempts_time;

    struct ngx_http_totp_theme_s *theme;
    ngx_str_t                     pages;        /* directory, or empty */
    ngx_str_t                     logo;         /* path of a file, or empty */
    ngx_str_t                     stylesheet;   /* path of a file, or empty */
    ngx_str_t                     help;
} ngx_http_totp_loc_conf_t;


extern ngx_module_t  ngx_http_totp_module;


#define ngx_http_totp_main_conf(r)                                            \
    ((ngx_http_totp_main_conf_t *)                                            \
         ngx_http_get_module_main_conf(r, ngx_http_totp_module))

#define ngx_http_totp_loc_conf(r)                                             \
    ((ngx_http_totp_loc_conf_t *)                                             \
         ngx_http_get_module_loc_conf(r, ngx_http_totp_module))

/* nginx's strings as the pure layer's, without copying */

static ngx_inline totp_str_t
ngx_http_totp_str(const ngx_str_t *s)
{
    return totp_str(s->data, s->len);
}


#endif /* NGX_HTTP_TOTP_SETTINGS_H */
