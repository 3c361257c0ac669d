/*
 * The entries of one htpasswd file.
 */

#include <ngx_config.h>
#include <ngx_core.h>


#include "ngx_http_totp_users.h"
#include "ngx_http_totp_secret.h"
#include "totp_passwd.h"


#define NGX_HTTP_TOTP_USERS_COSTS  32   /* different costs that are counted */


/* A cost, how often it occurs, and the first hash that has it. */

typedef struct {
    totp_str_t   word;
    totp_str_t   hash;
    ngx_uint_t   n;
} ngx_http_totp_users_cost_t;


static ngx_http_totp_users_t *ngx_http_totp_users_load(ngx_fd_t fd,
    size_t size, ngx_log_t *log, ngx_http_totp_users_error_t *error);
static u_char *ngx_http_totp_users_text(ngx_http_totp_users_t *users,
    ngx_fd_t fd, size_t size, ngx_http_totp_users_error_t *error);
static ngx_int_t ngx_http_totp_users_index(ngx_http_totp_users_t *users);
static ngx_http_totp_user_t **ngx_http_totp_users_slot(
    ngx_http_totp_users_t *users, totp_str_t name);
static ngx_uint_t ngx_http_totp_users_hopeless(totp_str_t hash);
static totp_str_t ngx_http_totp_users_decoy(ngx_http_totp_users_t *users);


/*
 * Where a file has no hash to take for a stranger: bcrypt of cost 10, of a
 * random password that was never kept.
 */

static totp_str_t  ngx_http_totp_users_no_decoy = totp_string(
    "$2y$10$7ZvD4i9Z8OvyaY8pK/ueouT02M24..QmBCTch3OcFCm6tRSiYpclu");


ngx_fd_t
ngx_http_totp_users_open(u_char *path, ngx_file_info_t *fi,
    ngx_http_totp_users_error_t *error)
{
    ngx_fd_t  fd;

    error->text = NULL;
    error->err = 0;

    /* not to wait for a writer where it is a pipe */

    fd = ngx_open_file(path, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK, NGX_FILE_OPEN,
                       0);

    if (fd == NGX_INVALID_FILE) {
        error->text = "cannot be read";
        error->err = ngx_errno;
        return NGX_INVALID_FILE;
    }

    if (ngx_fd_info(fd, fi) == NGX_FILE_ERROR) {
        error->text = "cannot be read";
        error->err = ngx_errno;

    } else if (!ngx_is_file(fi)) {
        error->text = "is not a regular file";

    } else if (fi->st_mode & S_IWOTH) {
        error->text = "may be written by everybody; mend that with: chmod o-w";

    } else if (ngx_file_size(fi) > NGX_HTTP_TOTP_USERS_SIZE) {
        error->text = "is larger than 16 MB";
    }

    if (error->text) {
        (void) ngx_close_file(fd);
        return NGX_INVALID_FILE;
    }

    return fd;
}


ngx_uint_t
ngx_http_totp_users_same(const ngx_file_info_t *a, const ngx_file_info_t *b)
{
    return a->st_dev == b->st_dev
           && a->st_ino == b->st_ino
           && a->st_size == b->st_size
           && a->st_mtim.tv_sec == b->st_mtim.tv_sec
           && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec
           && a->st_ctim.tv_sec == b->st_ctim.tv_sec
           && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}


ngx_http_totp_users_t *
ngx_http_totp_users_read(u_char *path, const ngx_file_info_t *fi,
    ngx_log_t *log, ngx_http_totp_users_error_t *error)
{
    ngx_fd_t                fd;
    ngx_file_info_t         now;
    ngx_http_totp_users_t  *users;

    fd = ngx_http_totp_users_open(path, &now, error);
    if (fd == NGX_INVALID_FILE) {
        return NULL;
    }

    users = NULL;

    if (ngx_http_totp_users_same(fi, &now)) {
        users = ngx_http_totp_users_load(fd, (size_t) ngx_file_size(&now), log,
                                         error);
    }

    if (users
        && (ngx_fd_info(fd, &now) == NGX_FILE_ERROR
            || !ngx_http_totp_users_same(fi, &now)))
    {
        ngx_http_totp_users_destroy(users);
        users = NULL;
    }

    (void) ngx_close_file(fd);

    return users;
}


static ngx_http_totp_users_t *
ngx_http_totp_users_load(ngx_fd_t fd, size_t size, ngx_log_t *log,
    ngx_http_totp_users_error_t *error)
{
    u_char                 *text;
    ngx_pool_t             *pool;
    ngx_http_totp_users_t  *users;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, log);
    if (pool == NULL) {
        error->text = "cannot be kept: out of memory";
        return NULL;
    }

    users = ngx_pcalloc(pool, sizeof(ngx_http_totp_users_t));
    if (users == NULL) {
        error->text = "cannot be kept: out of memory";
        ngx_destroy_pool(pool);
        return NULL;
    }

    users->pool = pool;

    text = ngx_http_totp_users_text(users, fd, size, error);

    if (text == NULL) {
        ngx_http_totp_users_destroy(users);
        return NULL;
    }

    if (ngx_http_totp_users_index(users) != NGX_OK) {
        error->text = "cannot be kept: out of memory";
        ngx_http_totp_users_destroy(users);
        return NULL;
    }

    users->decoy = ngx_http_totp_users_decoy(users);

    return users;
}


/* A file cut short meanwhile is no error: its time has changed as well. */

static u_char *
ngx_http_totp_users_text(ngx_http_totp_users_t *users, ngx_fd_t fd,
    size_t size, ngx_http_totp_users_error_t *error)
{
    u_char   *text;
    size_t    len;
    ssize_t   n;

    /* one byte more, for there is no empty mapping */

    text = ngx_http_totp_secret_map(size + 1, users->pool->log);
    if (text == NULL) {
        error->text = "cannot be kept: out of memory";
        return NULL;
    }

    users->text = totp_str(text, size);

    for (len = 0; len < size; len += n) {

        n = ngx_read_fd(fd, text + len, size - len);

        if (n == -1) {
            error->text = "cannot be read";
            error->err = ngx_errno;
            return NULL;
        }

        if (n == 0) {
            return NULL;
        }
    }

    return text;
}


static ngx_int_t
ngx_http_totp_users_index(ngx_http_totp_users_t *users)
{
    size_t                  pos;
    ngx_uint_t              n, slots;
    totp_str_t              name, hash;
    ngx_http_totp_user_t   *user, **slot;

    n = 0;
    pos = 0;

    while (totp_passwd_next(users->text, &pos, &name, &hash)) {
        n++;
    }

    /* never more than half full: a look-up always meets an empty slot */

    for (slots = 2; slots < 2 * n; slots *= 2) { /* void */ }

    users->mask = slots - 1;
    users->slot = ngx_pcalloc(users->pool,
                              slots * sizeof(ngx_http_totp_user_t *));
    users->user = ngx_pcalloc(users->pool,
                              (n + 1) * sizeof(ngx_http_totp_user_t));

    if (users->slot == NULL || users->user == NULL) {
        return NGX_ERROR;
    }

    pos = 0;

    while (totp_passwd_next(users->text, &pos, &name, &hash)) {

        slot = ngx_http_totp_users_slot(users, name);

        if (*slot) {
            continue;
        }

        user = &users->user[users->nusers];
        user->name = name;
        user->hash = hash;
        user->hopeless = ngx_http_totp_users_hopeless(hash);

        users->nusers++;
        *slot = user;
    }

    return NGX_OK;
}


/* Where the name is, or where it would be put. */

static ngx_http_totp_user_t **
ngx_http_totp_users_slot(ngx_http_totp_users_t *users, totp_str_t name)
{
    ngx_uint_t  i;

    i = ngx_murmur_hash2((u_char *) name.data, name.len) & users->mask;

    while (users->slot[i] && !totp_str_eq(users->slot[i]->name, name)) {
        i = (i + 1) & users->mask;
    }

    return &users->slot[i];
}


/*
 * crypt(3) refuses at once what does not begin with a scheme of its own or two
 * characters of DES salt: "!", "*", "x", a hash behind a "!", an empty field.
 * Argon2 is nothing to Debian's crypt(3) either.
 */

static ngx_uint_t
ngx_http_totp_users_hopeless(totp_str_t hash)
{
    ngx_uint_t  i;

    static const u_char  argon2[] = "$argon2";

    if (totp_passwd_scheme(hash) != TOTP_PASSWD_CRYPT) {
        return 0;
    }

    if (totp_passwd_cost(hash).len != 0) {
        return hash.len >= sizeof(argon2) - 1
               && ngx_memcmp(hash.data, argon2, sizeof(argon2) - 1) == 0;
    }

    if (hash.len < 13) {
        return 1;
    }

    for (i = 0; i < 2; i++) {
        if (!((hash.data[i] >= '.' && hash.data[i] <= '9')
              || (hash.data[i] >= 'A' && hash.data[i] <= 'Z')
              || (hash.data[i] >= 'a' && hash.data[i] <= 'z')))
        {
            return 1;
        }
    }

    return 0;
}


/*
 * A stranger must cost what a user costs: a hash of the most frequent cost.
 * A hash that costs nothing because it can never be right does not count.
 */

static totp_str_t
ngx_http_totp_users_decoy(ngx_http_totp_users_t *users)
{
    totp_str_t                   word;
    ngx_uint_t                   i, k, n;
    ngx_http_totp_user_t        *user;
    ngx_http_totp_users_cost_t  *best, cost[NGX_HTTP_TOTP_USERS_COSTS];

    n = 0;
    best = NULL;

    for (i = 0; i < users->nusers; i++) {

        user = &users->user[i];

        if (user->hopeless) {
            continue;
        }

        word = totp_passwd_cost(user->hash);

        for (k = 0; k < n && !totp_str_eq(cost[k].word, word); k++) {
            /* void */
        }

        if (k == NGX_HTTP_TOTP_USERS_COSTS) {
            continue;
        }

        if (k == n) {
            cost[k].word = word;
            cost[k].hash = user->hash;
            cost[k].n = 0;
            n++;
        }

        cost[k].n++;

        if (best == NULL || cost[k].n > best->n) {
            best = &cost[k];
        }
    }

    return best ? best->hash : ngx_http_totp_users_no_decoy;
}


void
ngx_http_totp_users_destroy(ngx_http_totp_users_t *users)
{
    if (users->text.data) {
        ngx_http_totp_secret_unmap((u_char *) users->text.data,
                                   users->text.len + 1);
    }

    ngx_destroy_pool(users->pool);
}


ngx_http_totp_user_t *
ngx_http_totp_users_find(ngx_http_totp_users_t *users, totp_str_t name)
{
    return *ngx_http_totp_users_slot(users, name);
}


const uint8_t *
ngx_http_totp_users_fingerprint(ngx_http_totp_user_t *user,
    const totp_key_t *key)
{
    if (user->key != key) {

        user->key = NULL;

        if (totp_session_fingerprint(user->fp, key, user->name, user->hash)
            != 0)
        {
            return NULL;
        }

        user->key = key;
    }

    return user->fp;
}
