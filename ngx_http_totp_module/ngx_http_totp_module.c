
/*
 * The map of the module: where nginx calls us.  No logic here.
 */

#include "ngx_http_totp_conf.h"
#include "ngx_http_totp_vars.h"
#include "ngx_http_totp_first.h"
#include "ngx_http_totp_gate.h"
#include "ngx_http_totp_store.h"


static ngx_int_t ngx_http_totp_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_totp_init_phase(ngx_http_core_main_conf_t *cmcf,
    ngx_http_phases phase, ngx_http_handler_pt handler);
static ngx_int_t ngx_http_totp_init_process(ngx_cycle_t *cycle);
static void ngx_http_totp_exit_process(ngx_cycle_t *cycle);


static ngx_http_module_t  ngx_http_totp_module_ctx = {
    ngx_http_totp_vars_add,                /* preconfiguration */
    ngx_http_totp_init,                    /* postconfiguration */

    ngx_http_totp_create_main_conf,        /* create main configuration */
    ngx_http_totp_init_main_conf,          /* init main configuration */

    ngx_http_totp_create_srv_conf,         /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_totp_create_loc_conf,         /* create location configuration */
    ngx_http_totp_merge_loc_conf           /* merge location configuration */
};


ngx_module_t  ngx_http_totp_module = {
    NGX_MODULE_V1,
    &ngx_http_totp_module_ctx,             /* module context */
    ngx_http_totp_commands,                /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_totp_init_process,            /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_totp_exit_process,            /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_totp_init(ngx_conf_t *cf)
{
    ngx_uint_t                   i;
    ngx_array_t                 *phase;
    ngx_http_handler_pt         *h;
    ngx_http_core_main_conf_t   *cmcf;
    ngx_http_totp_main_conf_t   *mcf;

    if (ngx_http_totp_check_conf(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_totp_module);

    /*
     * A master that keeps its old configuration, since a new one has failed
     * late, has the filters of the new one: this one is always among them.
     */

    if (ngx_http_totp_gate_filter_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!mcf->used) {
        /* loaded, and nowhere switched on: no more than that */
        return NGX_OK;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (ngx_http_totp_init_phase(cmcf, NGX_HTTP_POST_READ_PHASE,
                                 ngx_http_totp_strip_handler)
        != NGX_OK
        || ngx_http_totp_init_phase(cmcf, NGX_HTTP_SERVER_REWRITE_PHASE,
                                    ngx_http_totp_strip_late_handler)
           != NGX_OK
        || ngx_http_totp_init_phase(cmcf, NGX_HTTP_REWRITE_PHASE,
                                    ngx_http_totp_strip_late_handler)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /*
     * The handlers of a phase run from the last to the first: ours moves to
     * the front, so that under "satisfy any" nobody after it could still let
     * in whom it has answered.
     */

    phase = &cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers;

    if (ngx_array_push(phase) == NULL) {
        return NGX_ERROR;
    }

    h = phase->elts;

    for (i = phase->nelts - 1; i; i--) {
        h[i] = h[i - 1];
    }

    h[0] = ngx_http_totp_gate_handler;

    return NGX_OK;
}


static ngx_int_t
ngx_http_totp_init_phase(ngx_http_core_main_conf_t *cmcf,
    ngx_http_phases phase, ngx_http_handler_pt handler)
{
    ngx_http_handler_pt  *h;

    h = ngx_array_push(&cmcf->phases[phase].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = handler;

    return NGX_OK;
}


static ngx_int_t
ngx_http_totp_init_process(ngx_cycle_t *cycle)
{
    ngx_http_totp_main_conf_t  *mcf;

    if (ngx_process != NGX_PROCESS_WORKER
        && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_totp_module);

    if (mcf == NULL || !mcf->used) {
        return NGX_OK;
    }

    if (ngx_http_totp_session_start(cycle) != NGX_OK
        || ngx_http_totp_first_start(cycle, &mcf->files) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_totp_store_start(cycle, mcf);
}


static void
ngx_http_totp_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_totp_store_stop();
    ngx_http_totp_session_stop();
}
