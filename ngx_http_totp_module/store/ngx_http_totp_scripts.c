
#include "ngx_http_totp_scripts.h"

#include "totp_embedded.h"


/*
 * Around every script: the last argument is the call's mark, and comes back in
 * front of the answer, so that an answer tells what it belongs to.
 */

#define NGX_HTTP_TOTP_SCRIPTS_HEAD                                            \
    "local mark = table.remove(ARGV)\nlocal function answer()\n"
#define NGX_HTTP_TOTP_SCRIPTS_TAIL                                            \
    "\nend\nreturn {mark, answer()}\n"


#define ngx_http_totp_script(name)                                            \
    ngx_http_totp_script_t  ngx_http_totp_script_##name =                     \
        { "lua/" #name ".lua", { 0, NULL }, "" }


ngx_http_totp_script(hello);
ngx_http_totp_script(reserve);
ngx_http_totp_script(reserve_address);
ngx_http_totp_script(refund);
ngx_http_totp_script(signin);
ngx_http_totp_script(attempt);
ngx_http_totp_script(accept);
ngx_http_totp_script(burn);
ngx_http_totp_script(pending);
ngx_http_totp_script(enable);
ngx_http_totp_script(renew);
ngx_http_totp_script(codes);
ngx_http_totp_script(disable);
ngx_http_totp_script(logout);
ngx_http_totp_script(settings);


static ngx_http_totp_script_t  *ngx_http_totp_scripts[] = {
    &ngx_http_totp_script_reserve,
    &ngx_http_totp_script_reserve_address,
    &ngx_http_totp_script_refund,
    &ngx_http_totp_script_signin,
    &ngx_http_totp_script_attempt,
    &ngx_http_totp_script_accept,
    &ngx_http_totp_script_burn,
    &ngx_http_totp_script_pending,
    &ngx_http_totp_script_enable,
    &ngx_http_totp_script_renew,
    &ngx_http_totp_script_codes,
    &ngx_http_totp_script_disable,
    &ngx_http_totp_script_logout,
    &ngx_http_totp_script_settings
};


ngx_int_t
ngx_http_totp_scripts_init(ngx_cycle_t *cycle)
{
    u_char                  *p;
    size_t                   len;
    ngx_uint_t               i;
    totp_str_t               common;
    const totp_str_t        *body;
    ngx_http_totp_script_t  *script;

    common = totp_embedded_find("lua/common.lua")->data;

    ngx_http_totp_script_hello.source =
                                     totp_embedded_find("lua/hello.lua")->data;
    ngx_http_totp_script_prepare(&ngx_http_totp_script_hello);

    for (i = 0;
         i < sizeof(ngx_http_totp_scripts) / sizeof(ngx_http_totp_scripts[0]);
         i++)
    {
        script = ngx_http_totp_scripts[i];
        body = &totp_embedded_find(script->name)->data;

        len = sizeof(NGX_HTTP_TOTP_SCRIPTS_HEAD) - 1 + common.len + body->len
              + sizeof(NGX_HTTP_TOTP_SCRIPTS_TAIL) - 1;

        p = ngx_pnalloc(cycle->pool, len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        script->source = totp_str(p, len);

        p = ngx_cpymem(p, NGX_HTTP_TOTP_SCRIPTS_HEAD,
                       sizeof(NGX_HTTP_TOTP_SCRIPTS_HEAD) - 1);
        p = ngx_cpymem(p, common.data, common.len);
        p = ngx_cpymem(p, body->data, body->len);
        ngx_memcpy(p, NGX_HTTP_TOTP_SCRIPTS_TAIL,
                   sizeof(NGX_HTTP_TOTP_SCRIPTS_TAIL) - 1);

        ngx_http_totp_script_prepare(script);
    }

    return NGX_OK;
}
