/*
 * An operation of the store: one call of a script, or two that leave together,
 * and the building of its keys and arguments.  For the files of the store
 * alone.
 */

#ifndef NGX_HTTP_TOTP_OP_H
#define NGX_HTTP_TOTP_OP_H

#include "ngx_http_totp_store.h"
#include "ngx_http_totp_scripts.h"
#include "ngx_http_totp_zone.h"


/* keys and arguments of one call; what they point to stands in scratch */
#define NGX_HTTP_TOTP_ARGS            (16 + TOTP_KEYRING_MAX + TOTP_BACKUP_MAX)
#define NGX_HTTP_TOTP_SCRATCH         (12 * 1024)


/*
 * Reads an answer of "ok" into out; what cannot be trusted makes out->rc
 * UNAVAILABLE.
 */
typedef void (*ngx_http_totp_op_parse_pt)(ngx_http_totp_op_t *op,
    const totp_resp_t *reply, ngx_http_totp_reply_t *out);


/* Answers may come in another order: a script Redis forgot is sent again. */

typedef struct {
    ngx_http_totp_op_t          *op;
    ngx_http_totp_call_t        *call;      /* NULL: answered */
    ngx_uint_t                   counted;   /* reserve: a failure was counted */
} ngx_http_totp_op_slot_t;


struct ngx_http_totp_op_s {
    ngx_http_totp_op_slot_t      slots[2];  /* reserve: the user's, then the
                                               address's; else only the first */
    ngx_uint_t                   sent;
    ngx_uint_t                   waiting;
    ngx_http_totp_store_rc_t     failed;    /* the first that was not OK */
    time_t                       retry_after;

    ngx_http_totp_op_parse_pt    parse;
    void                       (*refused)(ngx_http_totp_op_t *op);  /* or NULL */
    ngx_http_totp_store_done_pt  done;
    void                        *data;

    ngx_http_totp_loc_conf_t    *conf;
    size_t                       user_len;
    u_char                       user[TOTP_USER_MAX];
    u_char                       network[NGX_SOCKADDR_STRLEN];
    size_t                       network_len;

    /* a session that ends when the operation succeeds */
    u_char                       sid[TOTP_SID_LEN];
    uint64_t                     until;

    /* what is open only until done has returned */
    ngx_http_totp_secret_t       secret;
    ngx_http_totp_codes_t        codes;
};


typedef struct {
    ngx_uint_t                   nkeys;
    ngx_uint_t                   n;
    totp_str_t                   argv[NGX_HTTP_TOTP_ARGS];
    u_char                      *last;
    u_char                       scratch[NGX_HTTP_TOTP_SCRATCH];
    ngx_str_t                    name;      /* realm:escaped-user */
} ngx_http_totp_args_t;


/* The configuration of this worker's store. */
extern ngx_http_totp_main_conf_t  *ngx_http_totp_op_mcf;


ngx_int_t ngx_http_totp_op_start(ngx_cycle_t *cycle,
    ngx_http_totp_main_conf_t *mcf);
void ngx_http_totp_op_stop(void);
ngx_uint_t ngx_http_totp_op_up(void);

/* NULL when out of memory: _send takes that, too.  parse may be NULL. */
ngx_http_totp_op_t *ngx_http_totp_op_create(ngx_http_totp_who_t *who,
    ngx_http_totp_op_parse_pt parse, ngx_http_totp_store_done_pt done,
    void *data);

/*
 * Sends a call of the operation; wipes the arguments.  NULL: it could not be
 * sent, and the operation is no more.
 */
ngx_http_totp_op_t *ngx_http_totp_op_send(ngx_http_totp_op_t *op,
    const ngx_http_totp_script_t *script, ngx_http_totp_args_t *a);

/* The i-th element, a number that is not negative; else out->rc changes. */
uint64_t ngx_http_totp_op_int(const totp_resp_t *reply, ngx_uint_t i,
    ngx_http_totp_reply_t *out);

/* A bulk string; else out->rc changes. */
totp_str_t ngx_http_totp_op_str(const totp_resp_t *reply, ngx_uint_t i,
    ngx_http_totp_reply_t *out);

/* "?" where it is not one that a keyring could have. */
ngx_str_t ngx_http_totp_op_key_id(totp_str_t s);

/* Redis is empty or another store: tells the operator what confirms it. */
void ngx_http_totp_op_foreign(void);


/* Keys first, beginning with the store's; _begin ends them. */
void ngx_http_totp_args_init(ngx_http_totp_args_t *a,
    ngx_http_totp_who_t *who);
void ngx_http_totp_args_key(ngx_http_totp_args_t *a, const char *kind,
    ngx_str_t *suffix);
void ngx_http_totp_args_session_key(ngx_http_totp_args_t *a,
    const char *kind, const u_char *sid);
void ngx_http_totp_args_global_key(ngx_http_totp_args_t *a, const char *kind,
    ngx_str_t *suffix);
void ngx_http_totp_args_begin(ngx_http_totp_args_t *a);

/* Then arguments. _str does not copy: what it is given lives until _send. */
void ngx_http_totp_args_str(ngx_http_totp_args_t *a, totp_str_t s);
void ngx_http_totp_args_num(ngx_http_totp_args_t *a, uint64_t n);
void ngx_http_totp_args_sid(ngx_http_totp_args_t *a, const u_char *sid);


#endif /* NGX_HTTP_TOTP_OP_H */
