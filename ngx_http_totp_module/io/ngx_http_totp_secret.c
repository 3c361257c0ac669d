
#include "ngx_http_totp_secret.h"

#include <sys/mman.h>

#include "totp_wipe.h"


typedef struct {
    void    *data;
    size_t   size;
} ngx_http_totp_secret_wipe_t;


static void ngx_http_totp_secret_cleanup(void *data);
static void ngx_http_totp_secret_release(void *data);


void *
ngx_http_totp_secret_alloc(ngx_pool_t *pool, size_t size)
{
    ngx_pool_cleanup_t           *cln;
    ngx_http_totp_secret_wipe_t  *wipe;

    cln = ngx_pool_cleanup_add(pool, sizeof(ngx_http_totp_secret_wipe_t));
    if (cln == NULL) {
        return NULL;
    }

    wipe = cln->data;

    wipe->size = size;
    wipe->data = ngx_palloc(pool, size);

    if (wipe->data) {
        cln->handler = ngx_http_totp_secret_cleanup;
    }

    return wipe->data;
}


static void
ngx_http_totp_secret_cleanup(void *data)
{
    ngx_http_totp_secret_wipe_t *wipe = data;

    totp_wipe(wipe->data, wipe->size);
}


void *
ngx_http_totp_secret_map(size_t size, ngx_log_t *log)
{
    void  *p;

    p = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1,
             0);

    if (p == MAP_FAILED) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      "totp: mmap() of %uz bytes failed", size);
        return NULL;
    }

#ifdef MADV_DONTDUMP
    if (madvise(p, size, MADV_DONTDUMP) == -1) {
        ngx_log_error(NGX_LOG_NOTICE, log, ngx_errno,
                      "totp: madvise(MADV_DONTDUMP) failed");
    }
#endif

    return p;
}


void
ngx_http_totp_secret_unmap(void *p, size_t size)
{
    totp_wipe(p, size);
    (void) munmap(p, size);
}


void *
ngx_http_totp_secret_keep(ngx_pool_t *pool, size_t size)
{
    ngx_pool_cleanup_t           *cln;
    ngx_http_totp_secret_wipe_t  *keep;

    cln = ngx_pool_cleanup_add(pool, sizeof(ngx_http_totp_secret_wipe_t));
    if (cln == NULL) {
        return NULL;
    }

    keep = cln->data;

    keep->data = ngx_http_totp_secret_map(size, pool->log);
    if (keep->data == NULL) {
        return NULL;
    }

    keep->size = size;

    cln->handler = ngx_http_totp_secret_release;

    return keep->data;
}


static void
ngx_http_totp_secret_release(void *data)
{
    ngx_http_totp_secret_wipe_t *keep = data;

    ngx_http_totp_secret_unmap(keep->data, keep->size);
}
