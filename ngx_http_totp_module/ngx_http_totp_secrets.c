
#include "ngx_http_totp_directives.h"
#include "ngx_http_totp_secret.h"

#include "totp_wipe.h"


#define NGX_HTTP_TOTP_REDIS_PORT    6379
#define NGX_HTTP_TOTP_PREFIX_MAX    64      /* bytes */
#define NGX_HTTP_TOTP_DB_MAX        65535


static char *ngx_http_totp_redis_parameter(ngx_conf_t *cf,
    ngx_http_totp_redis_conf_t *redis, ngx_str_t *value);
static char *ngx_http_totp_redis_password(ngx_conf_t *cf,
    ngx_http_totp_redis_conf_t *redis, ngx_str_t *path);
static ngx_uint_t ngx_http_totp_redis_is_local(ngx_http_totp_redis_conf_t *rd);
static ngx_uint_t ngx_http_totp_is_key(ngx_str_t *s);


char *
ngx_http_totp_set_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_totp_main_conf_t *mcf = conf;

    char                        *rv;
    ngx_url_t                    u;
    ngx_str_t                   *value;
    ngx_uint_t                   i;
    ngx_http_totp_redis_conf_t  *redis;

    redis = &mcf->redis;

    if (redis->text.len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strlchr(value[1].data, value[1].data + value[1].len, '@')) {
        /* it is not shown: there may be a password in it */
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"@\" in \"totp_redis\" address: it is HOST:PORT "
                           "or unix:PATH; user= and password_file= go behind it");
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = value[1];
    u.default_port = NGX_HTTP_TOTP_REDIS_PORT;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.naddrs == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s in \"totp_redis\" address \"%V\": it is "
                           "HOST:PORT or unix:PATH",
                           u.err ? u.err : "no address", &u.url);
        return NGX_CONF_ERROR;
    }

    redis->text = value[1];
    redis->addrs = u.addrs;
    redis->naddrs = u.naddrs;

    for (i = 2; i < cf->args->nelts; i++) {
        rv = ngx_http_totp_redis_parameter(cf, redis, &value[i]);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (redis->user.len && redis->password.len == 0) {
        return "has a \"user=\" without a \"password_file=\"";
    }

    if (!ngx_http_totp_redis_is_local(redis)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"totp_redis\" \"%V\" is reached over the network "
                           "in plain text: whoever is between can read and "
                           "change it; use a tunnel, or a network of its own",
                           &redis->text);
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_totp_redis_parameter(ngx_conf_t *cf,
    ngx_http_totp_redis_conf_t *redis, ngx_str_t *value)
{
    u_char     *p, c;
    size_t      i;
    ngx_int_t   n;
    ngx_str_t   s;

    if (ngx_strncmp(value->data, "db=", 3) == 0) {

        n = ngx_atoi(value->data + 3, value->len - 3);

        if (n < 0 || n > NGX_HTTP_TOTP_DB_MAX) {
            goto invalid;
        }

        redis->db = n;

        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value->data, "user=", 5) == 0) {

        redis->user.data = value->data + 5;
        redis->user.len = value->len - 5;

        if (redis->user.len == 0) {
            goto invalid;
        }

        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value->data, "password_file=", 14) == 0) {

        s.data = value->data + 14;
        s.len = value->len - 14;

        if (s.len == 0) {
            goto invalid;
        }

        return ngx_http_totp_redis_password(cf, redis, &s);
    }

    if (ngx_strncmp(value->data, "prefix=", 7) == 0) {

        s.data = value->data + 7;
        s.len = value->len - 7;

        if (s.len > NGX_HTTP_TOTP_PREFIX_MAX) {
            goto invalid;
        }

        for (i = 0; i < s.len; i++) {
            c = s.data[i];

            /* braces would take the place of the keys' own hash tag */

            if (c <= ' ' || c >= 0x7f || c == '{' || c == '}') {
                goto invalid;
            }
        }

        redis->prefix = s;

        return NGX_CONF_OK;
    }

    /* its value may be a password */

    p = ngx_strlchr(value->data, value->data + value->len, '=');

    s.data = value->data;
    s.len = p ? (size_t) (p + 1 - value->data) : value->len;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"totp_redis\" has no parameter \"%V\": there are "
                       "db=, user=, password_file= and prefix=", &s);
    return NGX_CONF_ERROR;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" of \"totp_redis\"", value);
    return NGX_CONF_ERROR;
}


static char *
ngx_http_totp_redis_password(ngx_conf_t *cf,
    ngx_http_totp_redis_conf_t *redis, ngx_str_t *path)
{
    size_t     n;
    ngx_str_t  text;

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK
        || ngx_http_totp_secret_file(cf, path, "", &text) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    n = text.len;

    while (n && (text.data[n - 1] == LF || text.data[n - 1] == CR)) {
        n--;
    }

    redis->password.len = n;
    redis->password.data = ngx_http_totp_secret_keep(cf->pool, n + 1);

    if (redis->password.data) {
        ngx_memcpy(redis->password.data, text.data, n);
    }

    totp_wipe(text.data, text.len);
    ngx_free(text.data);

    if (redis->password.data == NULL) {
        return NGX_CONF_ERROR;
    }

    if (n == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"totp_redis\" password file \"%V\" is empty",
                           path);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* Do all addresses stay on this host? */

static ngx_uint_t
ngx_http_totp_redis_is_local(ngx_http_totp_redis_conf_t *redis)
{
    ngx_uint_t            i;
    struct sockaddr      *sa;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    for (i = 0; i < redis->naddrs; i++) {

        sa = redis->addrs[i].sockaddr;

        switch (sa->sa_family) {

#if (NGX_HAVE_UNIX_DOMAIN)
        case AF_UNIX:
            break;
#endif

#if (NGX_HAVE_INET6)
        case AF_INET6:
            sin6 = (struct sockaddr_in6 *) sa;

            if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)
                && sin6->sin6_addr.s6_addr[12] == 127)
            {
                break;
            }

            if (!IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr)) {
                return 0;
            }

            break;
#endif

        default: /* AF_INET */
            sin = (struct sockaddr_in *) sa;

            if ((ntohl(sin->sin_addr.s_addr) >> 24) != 127) {
                return 0;
            }

            break;
        }
    }

    return 1;
}


/* A line of a keyring: an id, a colon, 32 bytes in base64. */

static ngx_uint_t
ngx_http_totp_is_key(ngx_str_t *s)
{
    u_char  *p;

    p = ngx_strlchr(s->data, s->data + s->len, ':');

    return p && s->len - (p - s->data) - 1 >= 43
           && ngx_strlchr(s->data, p, '/') == NULL;
}


char *
ngx_http_totp_set_keys(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_totp_main_conf_t *mcf = conf;

    unsigned         line;
    ngx_str_t       *value, text;
    const char      *error;
    totp_keyring_t  *ring;

    if (mcf->keys) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_http_totp_is_key(&value[1])) {
        /* not shown, either */
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"totp_keys\" takes the name of a file, not a key");
        return NGX_CONF_ERROR;
    }

    if (ngx_conf_full_name(cf->cycle, &value[1], 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    mcf->keys_path = value[1];

    if (ngx_http_totp_secret_file(cf, &value[1],
                                  "; make one with: (umask 077; printf "
                                  "'k1:%%s\\n' \"$(openssl rand -base64 32)\" "
                                  "> %V)",
                                  &text)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    ring = ngx_http_totp_secret_keep(cf->pool, sizeof(totp_keyring_t));

    line = 0;
    error = ring ? totp_keyring_parse(ring, ngx_http_totp_str(&text), &line)
                 : NULL;

    totp_wipe(text.data, text.len);
    ngx_free(text.data);

    if (ring == NULL) {
        return NGX_CONF_ERROR;
    }

    if (error) {

        if (line) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"totp_keys\" \"%V\", line %ui: %s",
                               &value[1], (ngx_uint_t) line, error);

        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"totp_keys\" \"%V\": %s", &value[1], error);
        }

        return NGX_CONF_ERROR;
    }

    mcf->keys = ring;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_totp_secret_file(ngx_conf_t *cf, ngx_str_t *path, const char *hint,
    ngx_str_t *text)
{
    u_char           *p, remedy[NGX_MAX_CONF_ERRSTR];
    ssize_t           n;
    ngx_fd_t          fd;
    ngx_err_t         err;
    ngx_str_t        *value;
    ngx_file_info_t   fi;

    value = cf->args->elts;
    text->data = NULL;

    /* not to wait for the other end of a pipe */
    fd = ngx_open_file(path->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        err = ngx_errno;

        if (err == NGX_ENOENT) {
            p = ngx_snprintf(remedy, sizeof(remedy), hint, path);

            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" file \"%V\" does not exist%*s",
                               &value[0], path, (size_t) (p - remedy),
                               remedy);
        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, err,
                               "\"%V\" file \"%V\" cannot be opened",
                               &value[0], path);
        }

        return NGX_ERROR;
    }

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_fd_info_n " \"%V\" failed", path);
        goto failed;
    }

    if (!ngx_is_file(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" file \"%V\" is not a regular file",
                           &value[0], path);
        goto failed;
    }

    if (ngx_file_access(&fi) & (S_IROTH|S_IWOTH)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" file \"%V\" is open to everybody on this "
                           "host; take that away with: chmod o-rwx %V, and "
                           "consider what is in it as known",
                           &value[0], path, path);
        goto failed;
    }

    if (ngx_file_size(&fi) > NGX_HTTP_TOTP_SECRET_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" file \"%V\" is too large: more than %d "
                           "bytes",
                           &value[0], path, NGX_HTTP_TOTP_SECRET_MAX);
        goto failed;
    }

    text->len = 0;
    text->data = ngx_alloc(NGX_HTTP_TOTP_SECRET_MAX, cf->log);
    if (text->data == NULL) {
        goto failed;
    }

    while (text->len < NGX_HTTP_TOTP_SECRET_MAX) {

        n = ngx_read_fd(fd, text->data + text->len,
                        NGX_HTTP_TOTP_SECRET_MAX - text->len);

        if (n == 0) {
            break;
        }

        if (n < 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                               ngx_read_fd_n " \"%V\" failed", path);
            totp_wipe(text->data, text->len);
            goto failed;
        }

        text->len += n;
    }

    (void) ngx_close_file(fd);

    return NGX_OK;

failed:

    (void) ngx_close_file(fd);

    if (text->data) {
        ngx_free(text->data);
    }

    return NGX_ERROR;
}
