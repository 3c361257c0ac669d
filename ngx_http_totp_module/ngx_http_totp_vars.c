
#include "ngx_http_totp_vars.h"
#include "ngx_http_totp_gate.h"

#include <openssl/evp.h>


#define NGX_HTTP_TOTP_VARS_ID  4    /* bytes of a digest, shown in hex */


static ngx_int_t ngx_http_totp_vars_user(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_totp_vars_stage(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_totp_vars_method(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_totp_vars_time(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_totp_vars_session(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_totp_vars_error(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static totp_session_t *ngx_http_totp_vars_find(ngx_http_request_t *r);
static ngx_int_t ngx_http_totp_vars_say(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, const void *data, size_t len);


static ngx_http_variable_t  ngx_http_totp_vars[] = {

    { ngx_string("totp_user"), NULL, ngx_http_totp_vars_user, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("totp_stage"), NULL, ngx_http_totp_vars_stage, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("totp_method"), NULL, ngx_http_totp_vars_method, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("totp_time"), NULL, ngx_http_totp_vars_time, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("totp_session"), NULL, ngx_http_totp_vars_session, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("totp_error"), NULL, ngx_http_totp_vars_error, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


static ngx_str_t  ngx_http_totp_vars_stages[] = {
    ngx_string("none"),
    ngx_string("password"),
    ngx_string("full")
};


static ngx_str_t  ngx_http_totp_vars_methods[] = {
    ngx_string("none"),
    ngx_string("totp"),
    ngx_string("backup")
};


ngx_int_t
ngx_http_totp_vars_add(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_totp_vars; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_totp_vars_user(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    totp_session_t       *s;
    ngx_http_totp_ctx_t  *ctx;

    ctx = ngx_http_totp_ctx_find(r);

    if (ctx == NULL || !ngx_http_totp_gate_passed(r, ctx)) {
        return ngx_http_totp_vars_say(r, v, NULL, 0);
    }

    s = ngx_http_totp_vars_find(r);

    if (s == NULL || s->stage != TOTP_STAGE_FULL) {
        return ngx_http_totp_vars_say(r, v, NULL, 0);
    }

    return ngx_http_totp_vars_say(r, v, s->user.data, s->user.len);
}


static ngx_int_t
ngx_http_totp_vars_stage(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t       *name;
    totp_session_t  *s;

    s = ngx_http_totp_vars_find(r);
    name = &ngx_http_totp_vars_stages[s ? s->stage : TOTP_STAGE_NONE];

    return ngx_http_totp_vars_say(r, v, name->data, name->len);
}


static ngx_int_t
ngx_http_totp_vars_method(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t       *name;
    totp_session_t  *s;

    s = ngx_http_totp_vars_find(r);
    name = &ngx_http_totp_vars_methods[s ? s->method : TOTP_METHOD_NONE];

    return ngx_http_totp_vars_say(r, v, name->data, name->len);
}


static ngx_int_t
ngx_http_totp_vars_time(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    u_char          *p;
    totp_session_t  *s;

    s = ngx_http_totp_vars_find(r);

    if (s == NULL || s->method == TOTP_METHOD_NONE) {
        return ngx_http_totp_vars_say(r, v, NULL, 0);
    }

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_totp_vars_say(r, v, p,
                                  ngx_sprintf(p, "%uL", s->checked) - p);
}


/* The id itself never shows; whoever has the log cannot find it either. */

static ngx_int_t
ngx_http_totp_vars_session(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char          *p;
    unsigned char    md[EVP_MAX_MD_SIZE];
    totp_session_t  *s;

    s = ngx_http_totp_vars_find(r);

    if (s == NULL || s->stage == TOTP_STAGE_NONE) {
        return ngx_http_totp_vars_say(r, v, NULL, 0);
    }

    p = ngx_pnalloc(r->pool, 2 * NGX_HTTP_TOTP_VARS_ID);

    if (p == NULL
        || EVP_Digest(s->sid, TOTP_SID_LEN, md, NULL, EVP_sha256(), NULL) != 1)
    {
        return NGX_ERROR;
    }

    ngx_hex_dump(p, md, NGX_HTTP_TOTP_VARS_ID);

    return ngx_http_totp_vars_say(r, v, p, 2 * NGX_HTTP_TOTP_VARS_ID);
}


static ngx_int_t
ngx_http_totp_vars_error(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t            *name;
    ngx_http_totp_ctx_t  *ctx;

    ctx = ngx_http_totp_ctx_find(r);
    name = ngx_http_totp_word_name(ctx ? ctx->error : NGX_HTTP_TOTP_OK);

    return ngx_http_totp_vars_say(r, v, name->data, name->len);
}


/*
 * The session of this request's cookie, as the location judges it, or NULL.
 * A request without a context has sent no cookie of ours.
 */

static totp_session_t *
ngx_http_totp_vars_find(ngx_http_request_t *r)
{
    ngx_http_totp_ctx_t       *ctx;
    ngx_http_totp_loc_conf_t  *conf;

    ctx = ngx_http_totp_ctx_find(r);
    if (ctx == NULL) {
        return NULL;
    }

    conf = ngx_http_totp_loc_conf(r);

    if (conf->gate != NGX_HTTP_TOTP_GATE_OFF && !conf->portal
        && ngx_http_totp_gate_passed(r, ctx))
    {
        /* a subrequest's location may differ from the gate's */
        conf = ctx->passed;
    }

    if (ngx_http_totp_session_find(r, ctx, conf) != NGX_HTTP_TOTP_OK) {
        return NULL;
    }

    return &ctx->session;
}


/*
 * "valid" stays 0: nginx then asks again each time.  NOCACHEABLE alone does
 * not reach the access log, which would show what was found before the gate.
 */

static ngx_int_t
ngx_http_totp_vars_say(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    const void *data, size_t len)
{
    v->len = len;
    v->valid = 0;
    v->no_cacheable = 1;
    v->data = (u_char *) (len ? data : "");

    /* a "-" in the log, where nothing can come any more */

    v->not_found = (len == 0 && r->main->header_sent);

    return NGX_OK;
}
