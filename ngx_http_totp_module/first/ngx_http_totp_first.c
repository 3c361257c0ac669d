/*
 * The first factor: an htpasswd file.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_crypt.h>

#include "ngx_http_totp_first.h"
#include "ngx_http_totp_task.h"
#include "ngx_http_totp_users.h"
#include "totp_passwd.h"
#include "totp_wipe.h"


#define NGX_HTTP_TOTP_FIRST_LOOK  1000  /* ms */


struct ngx_http_totp_first_s {
    ngx_str_t                     path;
    ngx_http_totp_users_t        *users;    /* what is in force; NULL: nothing
                                               was ever read */
    ngx_file_info_t               read;     /* the version that users is of */
    ngx_file_info_t               seen;     /* the version of the last look */
    ngx_http_totp_users_error_t   error;    /* as logged; text NULL: none */
    ngx_event_t                   event;
};


/* The memory of a task: this, then password and hash with a NUL each. */

struct ngx_http_totp_first_call_s {
    ngx_http_totp_task_t         *task;
    ngx_http_totp_first_done_pt   done;
    void                         *data;
    totp_str_t                    password;
    totp_str_t                    hash;
    uint8_t                       fp[TOTP_FP_LEN];
    ngx_uint_t                    known;    /* the hash is the user's own */
    int                           right;    /* 1, 0; -1: not checked */
};


static void ngx_http_totp_first_explain(ngx_conf_t *cf, ngx_str_t *path,
    ngx_http_totp_users_error_t *error);
static void ngx_http_totp_first_warn(ngx_conf_t *cf, ngx_str_t *path,
    ngx_file_info_t *fi);

static void ngx_http_totp_first_look_handler(ngx_event_t *ev);
static void ngx_http_totp_first_look(ngx_http_totp_first_t *first);
static void ngx_http_totp_first_load(ngx_http_totp_first_t *first);
static void ngx_http_totp_first_state(ngx_http_totp_first_t *first,
    ngx_http_totp_users_error_t *error);
static void ngx_http_totp_first_cleanup(void *data);

static void ngx_http_totp_first_run(void *ctx);
static int ngx_http_totp_first_apr1(totp_str_t password, totp_str_t hash);
static void ngx_http_totp_first_done(void *ctx, void *data);


/*
 * The log of a pool that a thread makes.  Its level is below all that is ever
 * logged, debug lines as well: it has no file, and is only read.
 */

static ngx_log_t  ngx_http_totp_first_no_log;


ngx_http_totp_first_t *
ngx_http_totp_first_file(ngx_conf_t *cf, ngx_array_t *registry,
    ngx_str_t *path)
{
    ngx_fd_t                      fd;
    ngx_uint_t                    i;
    ngx_file_info_t               fi;
    ngx_http_totp_first_t        *first, **known;
    ngx_http_totp_users_error_t   error;

    known = registry->elts;

    for (i = 0; i < registry->nelts; i++) {
        if (known[i]->path.len == path->len
            && ngx_memcmp(known[i]->path.data, path->data, path->len) == 0)
        {
            return known[i];
        }
    }

    fd = ngx_http_totp_users_open(path->data, &fi, &error);

    if (fd == NGX_INVALID_FILE) {
        ngx_http_totp_first_explain(cf, path, &error);
        return NULL;
    }

    (void) ngx_close_file(fd);

    ngx_http_totp_first_warn(cf, path, &fi);

    first = ngx_pcalloc(cf->pool, sizeof(ngx_http_totp_first_t));
    if (first == NULL) {
        return NULL;
    }

    first->path = *path;

    known = ngx_array_push(registry);
    if (known == NULL) {
        return NULL;
    }

    *known = first;

    return first;
}


static void
ngx_http_totp_first_explain(ngx_conf_t *cf, ngx_str_t *path,
    ngx_http_totp_users_error_t *error)
{
    u_char  *p, text[NGX_MAX_ERROR_STR];

    if (error->err != NGX_ENOENT) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, error->err,
                           "\"totp_password_file\" \"%V\" %s",
                           path, error->text);
        return;
    }

    /* the errno would come last: the remedy is to */

    p = ngx_strerror(error->err, text, NGX_MAX_ERROR_STR);

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"totp_password_file\" \"%V\" %s: (%d: %*s); "
                       "make one with: htpasswd -B -c %V USER",
                       path, error->text, (int) error->err,
                       (size_t) (p - text), text, path);
}


/*
 * The master reads as root what its workers cannot.  Only the plain case, in
 * which nobody but another owner may read: groups and ACLs are not for guesses.
 */

static void
ngx_http_totp_first_warn(ngx_conf_t *cf, ngx_str_t *path, ngx_file_info_t *fi)
{
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);

    if (geteuid() != 0
        || ccf->user == (ngx_uid_t) NGX_CONF_UNSET_UINT
        || ccf->user == 0
        || ccf->user == fi->st_uid
        || (fi->st_mode & (S_IRGRP|S_IROTH)))
    {
        return;
    }

    ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                       "\"totp_password_file\" \"%V\" cannot be read by the "
                       "worker processes' user \"%s\"; mend that with: "
                       "chgrp and chmod g+r",
                       path, ccf->username);
}


ngx_int_t
ngx_http_totp_first_start(ngx_cycle_t *cycle, ngx_array_t *registry)
{
    ngx_event_t             *ev;
    ngx_uint_t               i;
    ngx_pool_cleanup_t      *cln;
    ngx_http_totp_first_t  **first;

    first = registry->elts;

    for (i = 0; i < registry->nelts; i++) {

        cln = ngx_pool_cleanup_add(cycle->pool, 0);
        if (cln == NULL) {
            return NGX_ERROR;
        }

        cln->handler = ngx_http_totp_first_cleanup;
        cln->data = first[i];

        ev = &first[i]->event;
        ev->handler = ngx_http_totp_first_look_handler;
        ev->data = first[i];
        ev->log = cycle->log;
        ev->cancelable = 1;

        /* both looks at once: there is nothing in force to wait with */

        ngx_http_totp_first_look(first[i]);
        ngx_http_totp_first_look(first[i]);

        ngx_add_timer(ev, NGX_HTTP_TOTP_FIRST_LOOK);
    }

    return NGX_OK;
}


static void
ngx_http_totp_first_look_handler(ngx_event_t *ev)
{
    ngx_http_totp_first_look(ev->data);

    ngx_add_timer(ev, NGX_HTTP_TOTP_FIRST_LOOK);
}


static void
ngx_http_totp_first_look(ngx_http_totp_first_t *first)
{
    ngx_file_info_t               fi;
    ngx_http_totp_users_error_t   error;

    error.text = NULL;
    error.err = 0;

    if (ngx_file_info(first->path.data, &fi) == NGX_FILE_ERROR) {
        error.text = "cannot be read";
        error.err = ngx_errno;
        ngx_http_totp_first_state(first, &error);
        return;
    }

    if (first->users && ngx_http_totp_users_same(&fi, &first->read)) {
        ngx_http_totp_first_state(first, &error);
        return;
    }

    if (!ngx_http_totp_users_same(&fi, &first->seen)) {
        first->seen = fi;
        return;
    }

    ngx_http_totp_first_load(first);
}


static void
ngx_http_totp_first_load(ngx_http_totp_first_t *first)
{
    ngx_http_totp_users_t        *users;
    ngx_http_totp_users_error_t   error;

    users = ngx_http_totp_users_read(first->path.data, &first->seen,
                                     first->event.log, &error);

    if (users == NULL) {

        if (error.text) {
            ngx_http_totp_first_state(first, &error);
        }

        return;
    }

    ngx_http_totp_first_state(first, &error);

    ngx_log_error(NGX_LOG_NOTICE, first->event.log, 0,
                  "\"totp_password_file\" \"%V\": %ui users",
                  &first->path, users->nusers);

    /* tasks under way have copies */

    if (first->users) {
        ngx_http_totp_users_destroy(first->users);
    }

    first->users = users;
    first->read = first->seen;
}


/* An error is logged when it begins, not each second that it lasts. */

static void
ngx_http_totp_first_state(ngx_http_totp_first_t *first,
    ngx_http_totp_users_error_t *error)
{
    if (error->text == first->error.text && error->err == first->error.err) {
        return;
    }

    first->error = *error;

    if (error->text) {
        ngx_log_error(NGX_LOG_ERR, first->event.log, error->err,
                      "\"totp_password_file\" \"%V\" %s",
                      &first->path, error->text);
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, first->event.log, 0,
                  "\"totp_password_file\" \"%V\" can be read again",
                  &first->path);
}


static void
ngx_http_totp_first_cleanup(void *data)
{
    ngx_http_totp_first_t *first = data;

    if (first->event.timer_set) {
        ngx_del_timer(&first->event);
    }

    if (first->users) {
        ngx_http_totp_users_destroy(first->users);
        first->users = NULL;
    }
}


ngx_int_t
ngx_http_totp_first_known(ngx_http_totp_first_t *first, ngx_str_t *user,
    const totp_key_t *key, const uint8_t fp[TOTP_FP_LEN])
{
    const uint8_t         *own;
    ngx_http_totp_user_t  *entry;

    if (first->users == NULL) {
        return NGX_ERROR;
    }

    entry = ngx_http_totp_users_find(first->users,
                                     totp_str(user->data, user->len));

    if (entry == NULL) {
        return NGX_DECLINED;
    }

    own = ngx_http_totp_users_fingerprint(entry, key);
    if (own == NULL) {
        return NGX_ERROR;
    }

    return totp_equal(own, fp, TOTP_FP_LEN) ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_http_totp_first_rekey(ngx_http_totp_first_t *first, totp_session_t *s,
    const totp_key_t *key)
{
    ngx_int_t              rc;
    ngx_str_t              user;
    const uint8_t         *fp;
    ngx_http_totp_user_t  *entry;

    user.len = s->user.len;
    user.data = (u_char *) s->user.data;

    rc = ngx_http_totp_first_known(first, &user, s->key, s->fp);
    if (rc != NGX_OK) {
        return rc;
    }

    entry = ngx_http_totp_users_find(first->users, s->user);

    fp = ngx_http_totp_users_fingerprint(entry, key);
    if (fp == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(s->fp, fp, TOTP_FP_LEN);
    s->key = key;

    return NGX_OK;
}


ngx_http_totp_first_call_t *
ngx_http_totp_first_verify(ngx_http_totp_first_t *first, ngx_str_t *user,
    ngx_str_t *password, const totp_key_t *key,
    ngx_http_totp_first_done_pt done, void *data, ngx_int_t *rc)
{
    u_char                      *p;
    totp_str_t                   hash;
    const uint8_t               *fp;
    ngx_http_totp_task_t        *task;
    ngx_http_totp_user_t        *entry;
    ngx_http_totp_first_call_t  *call;

    *rc = NGX_ERROR;

    if (first->users == NULL) {
        return NULL;
    }

    entry = ngx_http_totp_users_find(first->users,
                                     totp_str(user->data, user->len));

    if (entry && entry->hopeless) {
        entry = NULL;
    }

    hash = entry ? entry->hash : first->users->decoy;
    fp = entry ? ngx_http_totp_users_fingerprint(entry, key) : NULL;

    if (entry && fp == NULL) {
        return NULL;
    }

    task = ngx_http_totp_task_create(sizeof(ngx_http_totp_first_call_t)
                                     + password->len + 1 + hash.len + 1);
    if (task == NULL) {
        return NULL;
    }

    task->run = ngx_http_totp_first_run;
    task->done = ngx_http_totp_first_done;

    call = task->ctx;
    call->task = task;
    call->done = done;
    call->data = data;
    call->right = -1;

    if (entry) {
        call->known = 1;
        ngx_memcpy(call->fp, fp, TOTP_FP_LEN);
    }

    p = (u_char *) (call + 1);

    call->password = totp_str(p, password->len);
    p = ngx_cpymem(p, password->data, password->len) + 1;

    call->hash = totp_str(p, hash.len);
    ngx_memcpy(p, hash.data, hash.len);

    *rc = ngx_http_totp_task_post(task);

    if (*rc != NGX_OK) {
        ngx_http_totp_task_discard(task);
        return NULL;
    }

    return call;
}


void
ngx_http_totp_first_forget(ngx_http_totp_first_call_t *call)
{
    ngx_http_totp_task_forget(call->task);
}


/* On a thread. */

static void
ngx_http_totp_first_run(void *ctx)
{
    ngx_http_totp_first_call_t *call = ctx;

    if (totp_passwd_scheme(call->hash) == TOTP_PASSWD_APR1) {
        call->right = ngx_http_totp_first_apr1(call->password, call->hash);

    } else {
        call->right = totp_passwd_verify(call->password, call->hash);
    }
}


/* As totp_passwd_verify(), for the one scheme that crypt(3) lacks. */

static int
ngx_http_totp_first_apr1(totp_str_t password, totp_str_t hash)
{
    int          right;
    size_t       len;
    u_char      *encrypted;
    ngx_pool_t  *pool;

    /* both have a NUL after them, and must not have another */

    if (ngx_strlen(password.data) != password.len
        || ngx_strlen(hash.data) != hash.len)
    {
        return 0;
    }

    pool = ngx_create_pool(1024, &ngx_http_totp_first_no_log);
    if (pool == NULL) {
        return -1;
    }

    right = -1;

    if (ngx_crypt(pool, (u_char *) password.data, (u_char *) hash.data,
                  &encrypted)
        == NGX_OK)
    {
        len = ngx_strlen(encrypted);
        right = (len == hash.len && totp_equal(encrypted, hash.data, len));
        totp_wipe(encrypted, len);
    }

    ngx_destroy_pool(pool);

    return right;
}


static void
ngx_http_totp_first_done(void *ctx, void *data)
{
    ngx_int_t                    rc;
    ngx_http_totp_first_call_t  *call = ctx;

    if (call->right < 0) {
        rc = NGX_ERROR;

    } else if (call->right && call->known) {
        rc = NGX_OK;

    } else {
        rc = NGX_DECLINED;
    }

    call->done(call->data, rc, call->fp);
}
