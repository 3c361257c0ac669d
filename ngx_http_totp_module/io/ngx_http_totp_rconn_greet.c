
#include "ngx_http_totp_rconn_greet.h"


/*
 * The greeting leaves in one send, and commands after its last answer only:
 * after a SELECT that was refused they would meet another database.
 */

ngx_int_t
ngx_http_totp_rconn_greet_make(ngx_http_totp_rconn_t *rc)
{
    int                    argc;
    u_char                 db[NGX_INT_T_LEN];
    totp_str_t             argv[3];
    ngx_uint_t             i;
    ngx_http_totp_rcmd_t  *cmd[3];

    ngx_memzero(cmd, sizeof(cmd));

    i = 0;

    if (rc->conf->password.len) {
        argc = 0;
        argv[argc++] = totp_str("AUTH", 4);

        if (rc->conf->user.len) {
            argv[argc++] = totp_str(rc->conf->user.data, rc->conf->user.len);
        }

        argv[argc++] = totp_str(rc->conf->password.data,
                                rc->conf->password.len);

        cmd[i] = ngx_http_totp_rcmd_create(rc, ngx_http_totp_rcmd_auth, argc,
                                           argv, 0);
        if (cmd[i++] == NULL) {
            goto failed;
        }
    }

    if (rc->conf->db) {
        argv[0] = totp_str("SELECT", 6);
        argv[1] = totp_str(db, ngx_sprintf(db, "%i", rc->conf->db) - db);

        cmd[i] = ngx_http_totp_rcmd_create(rc, ngx_http_totp_rcmd_select, 2,
                                           argv, 0);
        if (cmd[i++] == NULL) {
            goto failed;
        }
    }

    argv[0] = totp_str("PING", 4);

    cmd[i] = ngx_http_totp_rcmd_create(rc, ngx_http_totp_rcmd_hello, 1, argv,
                                       0);
    if (cmd[i++] == NULL) {
        goto failed;
    }

    for (argc = 0; argc < (int) i; argc++) {
        ngx_queue_insert_tail(&rc->greeting, &cmd[argc]->queue);
    }

    return NGX_OK;

failed:

    for (i = 0; i < 3; i++) {
        if (cmd[i]) {
            ngx_http_totp_rcmd_free(cmd[i]);
        }
    }

    return NGX_ERROR;
}


const char *
ngx_http_totp_rconn_greet_judge(ngx_http_totp_rcmd_kind_e kind,
    const totp_resp_t *reply)
{
    const char  *why;
    totp_str_t   expected;

    expected = totp_str("OK", 2);

    switch (kind) {

    case ngx_http_totp_rcmd_auth:
        why = totp_resp_is_error(reply, "ERR")
              ? "AUTH was refused, it may have no password set"
              : "AUTH was refused";
        break;

    case ngx_http_totp_rcmd_select:
        why = totp_resp_is_error(reply, "ERR")
              ? "SELECT was refused, it may have no such database"
              : "SELECT was refused";
        break;

    default:
        why = "not ready";
        expected = totp_str("PONG", 4);

        /* whoever may not PING has got in all the same */

        if (totp_resp_is_error(reply, "NOPERM")) {
            return NULL;
        }

        break;
    }

    if (totp_resp_type(reply) == TOTP_RESP_ERROR) {
        return why;
    }

    if (totp_resp_type(reply) != TOTP_RESP_STATUS
        || !totp_str_eq(totp_resp_str(reply), expected))
    {
        return "its answers are not Redis'";
    }

    return NULL;
}
