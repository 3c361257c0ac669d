
#include "ngx_http_totp_scripts.h"

#include "totp_embedded.h"


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

        p = ngx_pnalloc(cycle->pool, common.len + body->len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(p, common.data, common.len);
        ngx_memcpy(p + common.len, body->data, body->len);

        script->source = totp_str(p, common.len + body->len);
        ngx_http_totp_script_prepare(script);
    }

    return NGX_OK;
}
