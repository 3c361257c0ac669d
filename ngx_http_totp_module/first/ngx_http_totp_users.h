/*
 * The entries of one htpasswd file as it was read: a table that never changes
 * (but for fingerprints, made when they are asked for), in a pool of its own.
 */

#ifndef NGX_HTTP_TOTP_USERS_H
#define NGX_HTTP_TOTP_USERS_H

#include <ngx_config.h>
#include <ngx_core.h>

#include "totp_str.h"
#include "totp_session.h"


#define NGX_HTTP_TOTP_USERS_SIZE  (16 * 1024 * 1024)    /* bytes of a file */


typedef struct {
    totp_str_t               name;
    totp_str_t               hash;
    const totp_key_t        *key;               /* that fp is of; NULL: none */
    uint8_t                  fp[TOTP_FP_LEN];   /* of name and hash */
    unsigned                 hopeless:1;        /* crypt(3) has no such scheme:
                                                   a locked entry, as a rule */
} ngx_http_totp_user_t;


typedef struct {
    ngx_pool_t              *pool;
    totp_str_t               text;              /* the file, on pages of its
                                                   own: passwords may stand
                                                   in it as they are */
    ngx_http_totp_user_t    *user;              /* in the file's order */
    ngx_uint_t               nusers;
    ngx_http_totp_user_t   **slot;              /* open hash over user */
    ngx_uint_t               mask;              /* slots - 1 */
    totp_str_t               decoy;             /* the hash for whoever is not
                                                   here; never empty */
} ngx_http_totp_users_t;


/* What is wrong with a file, to be read after its name.  text is static. */

typedef struct {
    const char              *text;
    ngx_err_t                err;               /* errno or 0 */
} ngx_http_totp_users_error_t;


/*
 * Opens a file and tells about it.  Only a regular file that not everybody may
 * write.  Returns the descriptor, or NGX_INVALID_FILE with *error.
 */
ngx_fd_t ngx_http_totp_users_open(u_char *path, ngx_file_info_t *fi,
    ngx_http_totp_users_error_t *error);

/*
 * Is this the same version of the same file?  Time and size, but the inode and
 * the time of its change, too: tools that keep times and sizes do not fool it.
 */
ngx_uint_t ngx_http_totp_users_same(const ngx_file_info_t *a,
    const ngx_file_info_t *b);

/*
 * Reads a file, provided that it is, and stays, the version fi tells of.
 * Returns NULL with *error, whose text is NULL when it is another version.
 * Blocks for as long as the disk does.
 */
ngx_http_totp_users_t *ngx_http_totp_users_read(u_char *path,
    const ngx_file_info_t *fi, ngx_log_t *log,
    ngx_http_totp_users_error_t *error);

/* Wipes what was in the file. */
void ngx_http_totp_users_destroy(ngx_http_totp_users_t *users);

/* NULL when there is none. */
ngx_http_totp_user_t *ngx_http_totp_users_find(ngx_http_totp_users_t *users,
    totp_str_t name);

/*
 * The fingerprint of an entry under a key of the ring, kept until another key
 * is asked for; NULL when the crypto library fails.
 */
const uint8_t *ngx_http_totp_users_fingerprint(ngx_http_totp_user_t *user,
    const totp_key_t *key);


#endif /* NGX_HTTP_TOTP_USERS_H */
