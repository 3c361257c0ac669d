/*
 * One request to one of our pages: what the steps share, and how it ends.
 */

#ifndef NGX_HTTP_TOTP_PORTAL_H
#define NGX_HTTP_TOTP_PORTAL_H

#include "ngx_http_totp_session.h"
#include "ngx_http_totp_page.h"
#include "ngx_http_totp_store.h"
#include "ngx_http_totp_first.h"
#include "totp_form.h"
#include "totp_code.h"


#define NGX_HTTP_TOTP_BODY_MAX  8192    /* bytes */


typedef struct ngx_http_totp_portal_s  ngx_http_totp_portal_t;


/* A page: what may be asked of it, and who answers. */

typedef struct {
    ngx_http_totp_page_id_t  page;
    ngx_uint_t               post;      /* POST is allowed */
    totp_stage_t             stage;     /* the least that is needed, NONE: any */
    void                   (*get)(ngx_http_totp_portal_t *p);
    void                   (*submit)(ngx_http_totp_portal_t *p);
} ngx_http_totp_route_t;


/* form fields, in the order of portal->fields */
#define NGX_HTTP_TOTP_FIELD_CSRF        0
#define NGX_HTTP_TOTP_FIELD_NEXT        1
#define NGX_HTTP_TOTP_FIELD_USERNAME    2
#define NGX_HTTP_TOTP_FIELD_PASSWORD    3
#define NGX_HTTP_TOTP_FIELD_CODE        4
#define NGX_HTTP_TOTP_FIELD_MORE        5
#define NGX_HTTP_TOTP_FIELD_EVERYWHERE  6
#define NGX_HTTP_TOTP_FIELDS            7


struct ngx_http_totp_portal_s {
    ngx_http_request_t          *request;
    ngx_http_totp_loc_conf_t    *conf;
    ngx_http_totp_ctx_t         *ctx;
    const ngx_http_totp_route_t *route;
    ngx_http_totp_answer_t       answer;    /* filled in as things are known */
    ngx_http_totp_who_t          who;
    totp_session_t               sent;      /* as the request came with it */
    totp_session_t               session;   /* a copy: may be changed for the
                                               cookie that the answer sets */
    ngx_str_t                    cookie;    /* Set-Cookie of the answer */
    ngx_str_t                    next;      /* checked; empty where dropped */

    void                       (*body_done)(ngx_http_totp_portal_t *p);
    u_char                      *body;
    size_t                       body_len;
    totp_form_field_t            fields[NGX_HTTP_TOTP_FIELDS];

    /* what is under way: at most one, forgotten when the client vanishes */
    ngx_http_totp_op_t          *op;
    ngx_http_totp_first_call_t  *call;

    /* of the step: the id of a session to come, and what was typed */
    uint8_t                      sid[TOTP_SID_LEN];
    totp_code_t                  code;

    ngx_uint_t                   async;     /* off the phase engine by now */
};


/*
 * The ways out.  Each ends the request exactly once; the caller returns at
 * once and touches nothing of it again.
 */
void ngx_http_totp_portal_show(ngx_http_totp_portal_t *p);      /* the page,
                                               with answer.word's status */
void ngx_http_totp_portal_fail(ngx_http_totp_portal_t *p,
    ngx_http_totp_word_t word);             /* the route's page where it has a
                                               form to try again, else error */
void ngx_http_totp_portal_go(ngx_http_totp_portal_t *p,
    ngx_http_totp_page_id_t page, ngx_str_t *next); /* to a page of ours */
void ngx_http_totp_portal_leave(ngx_http_totp_portal_t *p,
    ngx_str_t *next);                       /* to next, or "/" */

/* Ends the request as ngx_http_finalize_request() does; for the ways out. */
void ngx_http_totp_portal_finish(ngx_http_totp_portal_t *p, ngx_int_t rc);

/* The address of a page, with next where not NULL or empty; into r->pool. */
ngx_str_t ngx_http_totp_portal_uri(ngx_http_totp_portal_t *p,
    ngx_http_totp_page_id_t page, ngx_str_t *next);

/* Where to come back to: this page, if it may stand in next. */
ngx_str_t ngx_http_totp_portal_here(ngx_http_totp_portal_t *p);

/*
 * Waits for a store operation (NULL op: answers "unavailable"), or for the
 * password's check; a client that vanishes meanwhile is noticed.  Every
 * callback begins with _resume.
 */
void ngx_http_totp_portal_wait(ngx_http_totp_portal_t *p,
    ngx_http_totp_op_t *op);
void ngx_http_totp_portal_wait_call(ngx_http_totp_portal_t *p,
    ngx_http_totp_first_call_t *call);
void ngx_http_totp_portal_resume(ngx_http_totp_portal_t *p);

/*
 * Answers what the store refused: LOCKED, STALE, UNAVAILABLE.  0: it did not.
 */
ngx_uint_t ngx_http_totp_portal_refused(ngx_http_totp_portal_t *p,
    ngx_http_totp_reply_t *reply);

/*
 * A new full or password session for the answer's cookie: a new id, user,
 * epoch, fingerprint as given in p->session; times from now (Redis' clock).
 * NGX_ERROR: answer "unavailable".
 */
ngx_int_t ngx_http_totp_portal_issue(ngx_http_totp_portal_t *p,
    totp_stage_t stage, totp_method_t method, uint64_t now);

/* The same session with other contents (epoch, checked), signed again. */
ngx_int_t ngx_http_totp_portal_reissue(ngx_http_totp_portal_t *p);

/*
 * Is the session fresh?  If not, answers: to code (or login) and back.
 */
ngx_uint_t ngx_http_totp_portal_fresh(ngx_http_totp_portal_t *p);

/*
 * May a visitor be sent to this address (next.c)?  A path of this server, and
 * of the portal's own pages only those that lead somewhere.
 */
ngx_uint_t ngx_http_totp_next_ok(ngx_http_totp_loc_conf_t *conf,
    totp_str_t next);


#endif /* NGX_HTTP_TOTP_PORTAL_H */
