
#include <ngx_http.h>

#include "ngx_http_totp_word.h"


typedef struct {
    ngx_str_t   name;
    ngx_uint_t  status;
} ngx_http_totp_word_entry_t;


/* in the order of ngx_http_totp_word_t */

static ngx_http_totp_word_entry_t  ngx_http_totp_words[] = {
    { ngx_string(""), NGX_HTTP_OK },
    { ngx_string("bad_credentials"), NGX_HTTP_UNAUTHORIZED },
    { ngx_string("bad_code"), NGX_HTTP_UNAUTHORIZED },
    { ngx_string("code_used"), NGX_HTTP_UNAUTHORIZED },
    { ngx_string("clock_off"), NGX_HTTP_UNAUTHORIZED },
    { ngx_string("login_required"), NGX_HTTP_UNAUTHORIZED },
    { ngx_string("expired"), NGX_HTTP_UNAUTHORIZED },
    { ngx_string("code_required"), NGX_HTTP_UNAUTHORIZED },
    { ngx_string("setup_required"), NGX_HTTP_UNAUTHORIZED },
    { ngx_string("fresh_required"), NGX_HTTP_UNAUTHORIZED },
    { ngx_string("bad_csrf"), NGX_HTTP_FORBIDDEN },
    { ngx_string("not_found"), NGX_HTTP_NOT_FOUND },
    { ngx_string("bad_method"), NGX_HTTP_NOT_ALLOWED },
    { ngx_string("bad_request"), NGX_HTTP_BAD_REQUEST },
    { ngx_string("too_large"), NGX_HTTP_REQUEST_ENTITY_TOO_LARGE },
    { ngx_string("bad_type"), NGX_HTTP_UNSUPPORTED_MEDIA_TYPE },
    { ngx_string("locked"), NGX_HTTP_TOO_MANY_REQUESTS },
    { ngx_string("unavailable"), NGX_HTTP_SERVICE_UNAVAILABLE }
};


ngx_str_t *
ngx_http_totp_word_name(ngx_http_totp_word_t word)
{
    return &ngx_http_totp_words[word].name;
}


ngx_uint_t
ngx_http_totp_word_status(ngx_http_totp_word_t word)
{
    return ngx_http_totp_words[word].status;
}
