/*
 * Memory for secrets: what belongs to a request is wiped when the request
 * ends, what is kept for long lies on pages that no core dump shows.
 */

#ifndef NGX_HTTP_TOTP_SECRET_H
#define NGX_HTTP_TOTP_SECRET_H

#include <ngx_config.h>
#include <ngx_core.h>


/*
 * size bytes of the pool, which are wiped when it is destroyed.  NULL when out
 * of memory.  They are not to be given to ngx_pfree().
 */
void *ngx_http_totp_secret_alloc(ngx_pool_t *pool, size_t size);

/*
 * Pages of their own, zeroed.  _unmap wipes them; size is that of _map.  NULL
 * when out of memory, which is logged.
 */
void *ngx_http_totp_secret_map(size_t size, ngx_log_t *log);
void ngx_http_totp_secret_unmap(void *p, size_t size);

/* Such pages, for as long as a pool lives.  NULL when out of memory (logged). */
void *ngx_http_totp_secret_keep(ngx_pool_t *pool, size_t size);


#endif /* NGX_HTTP_TOTP_SECRET_H */
