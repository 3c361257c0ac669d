
#include "ngx_http_totp_html.h"
#include "ngx_http_totp_json.h"
#include "ngx_http_totp_secret.h"

#include "totp_json.h"


#define NGX_HTTP_TOTP_JSON_SIZE  1024   /* bytes to begin with */


/* What is written grows; a failure is kept until it is asked for. */

typedef struct {
    ngx_pool_t  *pool;
    u_char      *start;
    u_char      *last;
    u_char      *end;
    unsigned     first:1;               /* no comma before what comes */
    unsigned     failed:1;
} ngx_http_totp_json_t;


static void ngx_http_totp_json_error(ngx_http_totp_json_t *j,
    ngx_http_request_t *r, ngx_http_totp_answer_t *a);
static void ngx_http_totp_json_setup(ngx_http_totp_json_t *j,
    ngx_http_request_t *r, ngx_http_totp_answer_t *a);
static void ngx_http_totp_json_codes(ngx_http_totp_json_t *j,
    ngx_http_totp_reply_t *reply);
static void ngx_http_totp_json_settings(ngx_http_totp_json_t *j,
    ngx_http_totp_answer_t *a);
static void ngx_http_totp_json_stage(ngx_http_totp_json_t *j,
    totp_stage_t stage);

static ngx_int_t ngx_http_totp_json_room(ngx_http_totp_json_t *j, size_t n);
static void ngx_http_totp_json_put(ngx_http_totp_json_t *j, const void *data,
    size_t len);
static void ngx_http_totp_json_name(ngx_http_totp_json_t *j,
    const char *name);
static void ngx_http_totp_json_open(ngx_http_totp_json_t *j,
    const char *name, const char *bracket);
static void ngx_http_totp_json_close(ngx_http_totp_json_t *j,
    const char *bracket);
static void ngx_http_totp_json_string(ngx_http_totp_json_t *j,
    const char *name, totp_str_t value);
static void ngx_http_totp_json_number(ngx_http_totp_json_t *j,
    const char *name, int64_t n);
static void ngx_http_totp_json_time(ngx_http_totp_json_t *j,
    const char *name, time_t t);
static void ngx_http_totp_json_flag(ngx_http_totp_json_t *j,
    const char *name, ngx_uint_t flag);


ngx_chain_t *
ngx_http_totp_json(ngx_http_request_t *r, ngx_http_totp_answer_t *a,
    ngx_str_t *next, off_t *size)
{
    ngx_buf_t             *b;
    ngx_chain_t           *cl;
    ngx_http_totp_json_t   j;

    ngx_memzero(&j, sizeof(ngx_http_totp_json_t));
    j.pool = r->pool;
    j.first = 1;

    ngx_http_totp_json_open(&j, NULL, "{");

    if (next == NULL && a->word != NGX_HTTP_TOTP_OK) {
        ngx_http_totp_json_error(&j, r, a);

    } else {
        ngx_http_totp_json_stage(&j, a->stage);
        ngx_http_totp_json_string(&j, "user", ngx_http_totp_str(&a->user));
        ngx_http_totp_json_string(&j, "csrf", ngx_http_totp_str(&a->csrf));

        if (next) {
            ngx_http_totp_json_string(&j, "next", ngx_http_totp_str(next));

            if (a->show_left && a->reply) {
                ngx_http_totp_json_number(&j, "backup_codes_left",
                                          a->reply->backup_left);
            }

        } else if (a->reply) {

            switch (a->page) {

            case NGX_HTTP_TOTP_PAGE_SETUP:
                ngx_http_totp_json_setup(&j, r, a);
                break;

            case NGX_HTTP_TOTP_PAGE_BACKUP_CODES:
                ngx_http_totp_json_codes(&j, a->reply);
                break;

            case NGX_HTTP_TOTP_PAGE_SETTINGS:
                ngx_http_totp_json_settings(&j, a);
                break;

            default:
                break;
            }
        }
    }

    ngx_http_totp_json_close(&j, "}\n");

    b = ngx_calloc_buf(r->pool);
    cl = ngx_alloc_chain_link(r->pool);

    if (j.failed || b == NULL || cl == NULL) {
        return NULL;
    }

    b->start = j.start;
    b->pos = j.start;
    b->last = j.last;
    b->end = j.end;
    b->temporary = 1;

    cl->buf = b;
    cl->next = NULL;

    *size = j.last - j.start;

    return cl;
}


static void
ngx_http_totp_json_error(ngx_http_totp_json_t *j, ngx_http_request_t *r,
    ngx_http_totp_answer_t *a)
{
    ngx_str_t  message;

    message = ngx_http_totp_message(r, a);

    ngx_http_totp_json_string(j, "error",
                         ngx_http_totp_str(ngx_http_totp_word_name(a->word)));
    ngx_http_totp_json_string(j, "message", ngx_http_totp_str(&message));

    if (a->retry_after > 0) {
        ngx_http_totp_json_number(j, "retry_after", a->retry_after);
    }

    if (a->attempts_left >= 0) {
        ngx_http_totp_json_number(j, "attempts_left", a->attempts_left);
    }

    if (a->drift) {
        ngx_http_totp_json_number(j, "drift", a->drift);
    }

    if (a->login.len) {
        ngx_http_totp_json_string(j, "login", ngx_http_totp_str(&a->login));
    }

    if (a->csrf.len) {
        ngx_http_totp_json_stage(j, a->stage);
        ngx_http_totp_json_string(j, "csrf", ngx_http_totp_str(&a->csrf));
    }
}


static void
ngx_http_totp_json_setup(ngx_http_totp_json_t *j, ngx_http_request_t *r,
    ngx_http_totp_answer_t *a)
{
    ngx_str_t  secret, otpauth;

    if (a->reply->secret == NULL) {
        return;
    }

    secret = ngx_http_totp_base32(r, a->reply->secret);
    otpauth = ngx_http_totp_otpauth(r, a);

    if (secret.len == 0 || otpauth.len == 0) {
        j->failed = 1;
        return;
    }

    ngx_http_totp_json_string(j, "secret", ngx_http_totp_str(&secret));
    ngx_http_totp_json_string(j, "otpauth", ngx_http_totp_str(&otpauth));
    ngx_http_totp_json_number(j, "digits", a->reply->secret->params.digits);
    ngx_http_totp_json_flag(j, "replacing", a->reply->enabled);
}


static void
ngx_http_totp_json_codes(ngx_http_totp_json_t *j, ngx_http_totp_reply_t *reply)
{
    ngx_uint_t              i;
    ngx_http_totp_codes_t  *codes;

    codes = reply->codes;

    ngx_http_totp_json_open(j, "codes", "[");

    for (i = 0; codes && i < codes->n; i++) {
        ngx_http_totp_json_string(j, NULL, totp_str(codes->shown[i],
                                                    TOTP_BACKUP_SHOWN));
    }

    ngx_http_totp_json_close(j, "]");

    ngx_http_totp_json_number(j, "expires_in",
                              codes ? (reply->expires_in + 999) / 1000 : 0);
    ngx_http_totp_json_number(j, "more_left", codes ? reply->more_left : 0);
    ngx_http_totp_json_number(j, "backup_codes_left", reply->backup_left);
}


static void
ngx_http_totp_json_settings(ngx_http_totp_json_t *j, ngx_http_totp_answer_t *a)
{
    ngx_uint_t              i;
    ngx_http_totp_event_t  *event;
    ngx_http_totp_reply_t  *reply;

    reply = a->reply;

    ngx_http_totp_json_flag(j, "enabled", reply->enabled);
    ngx_http_totp_json_time(j, "enabled_at", reply->enabled_at);
    ngx_http_totp_json_time(j, "last_used_at", reply->last_used_at);
    ngx_http_totp_json_number(j, "backup_codes_left", reply->backup_left);
    ngx_http_totp_json_flag(j, "required", a->required);
    ngx_http_totp_json_number(j, "failed_before", reply->failed_before);

    ngx_http_totp_json_open(j, "events", "[");

    for (i = 0; i < reply->nevents; i++) {
        event = &reply->events[i];

        ngx_http_totp_json_open(j, NULL, "{");
        ngx_http_totp_json_string(j, "what", event->what);
        ngx_http_totp_json_time(j, "when", event->when);
        ngx_http_totp_json_string(j, "address", event->address);
        ngx_http_totp_json_close(j, "}");
    }

    ngx_http_totp_json_close(j, "]");
}


static void
ngx_http_totp_json_stage(ngx_http_totp_json_t *j, totp_stage_t stage)
{
    static const totp_str_t  names[] = {
        totp_string("none"),
        totp_string("password"),
        totp_string("full")
    };

    ngx_http_totp_json_string(j, "stage", names[stage]);
}


/* The writer. */


static ngx_int_t
ngx_http_totp_json_room(ngx_http_totp_json_t *j, size_t n)
{
    size_t   used, size;
    u_char  *p;

    if (j->failed) {
        return NGX_ERROR;
    }

    if ((size_t) (j->end - j->last) >= n) {
        return NGX_OK;
    }

    used = j->last - j->start;
    size = ngx_max(2 * (used + n), NGX_HTTP_TOTP_JSON_SIZE);

    p = ngx_http_totp_secret_alloc(j->pool, size);
    if (p == NULL) {
        j->failed = 1;
        return NGX_ERROR;
    }

    if (used) {
        ngx_memcpy(p, j->start, used);
    }

    j->start = p;
    j->last = p + used;
    j->end = p + size;

    return NGX_OK;
}


static void
ngx_http_totp_json_put(ngx_http_totp_json_t *j, const void *data, size_t len)
{
    if (ngx_http_totp_json_room(j, len) == NGX_OK) {
        j->last = ngx_cpymem(j->last, data, len);
    }
}


/* What stands before a value: a comma, and in an object its name. */

static void
ngx_http_totp_json_name(ngx_http_totp_json_t *j, const char *name)
{
    if (!j->first) {
        ngx_http_totp_json_put(j, ",", 1);
    }

    j->first = 0;

    if (name) {
        ngx_http_totp_json_put(j, "\"", 1);
        ngx_http_totp_json_put(j, name, ngx_strlen(name));
        ngx_http_totp_json_put(j, "\":", 2);
    }
}


static void
ngx_http_totp_json_open(ngx_http_totp_json_t *j, const char *name,
    const char *bracket)
{
    ngx_http_totp_json_name(j, name);
    ngx_http_totp_json_put(j, bracket, 1);
    j->first = 1;
}


static void
ngx_http_totp_json_close(ngx_http_totp_json_t *j, const char *bracket)
{
    ngx_http_totp_json_put(j, bracket, ngx_strlen(bracket));
    j->first = 0;
}


static void
ngx_http_totp_json_string(ngx_http_totp_json_t *j, const char *name,
    totp_str_t value)
{
    ngx_http_totp_json_name(j, name);

    if (ngx_http_totp_json_room(j, 6 * value.len + 2) != NGX_OK) {
        return;
    }

    *j->last++ = '"';
    j->last += totp_json_escape((char *) j->last, value);
    *j->last++ = '"';
}


static void
ngx_http_totp_json_number(ngx_http_totp_json_t *j, const char *name,
    int64_t n)
{
    u_char  buf[NGX_INT64_LEN];

    ngx_http_totp_json_name(j, name);
    ngx_http_totp_json_put(j, buf, ngx_sprintf(buf, "%L", n) - buf);
}


/* Unix seconds; null where it has never been. */

static void
ngx_http_totp_json_time(ngx_http_totp_json_t *j, const char *name, time_t t)
{
    if (t > 0) {
        ngx_http_totp_json_number(j, name, t);
        return;
    }

    ngx_http_totp_json_name(j, name);
    ngx_http_totp_json_put(j, "null", 4);
}


static void
ngx_http_totp_json_flag(ngx_http_totp_json_t *j, const char *name,
    ngx_uint_t flag)
{
    ngx_http_totp_json_name(j, name);

    if (flag) {
        ngx_http_totp_json_put(j, "true", 4);

    } else {
        ngx_http_totp_json_put(j, "false", 5);
    }
}
