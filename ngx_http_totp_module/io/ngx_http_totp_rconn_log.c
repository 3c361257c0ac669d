
#include "ngx_http_totp_rconn_log.h"


static ngx_uint_t ngx_http_totp_rconn_log_says(totp_str_t text,
    const char *words);


static const struct {
    const char  *word;
    const char  *hint;
} ngx_http_totp_rconn_log_hints[] = {
    { "NOAUTH",      "Redis wants a password" },
    { "WRONGPASS",   "user or password are wrong, or the user is disabled" },
    { "DENIED",      "Redis runs in protected mode and takes local clients"
                     " only" },
    { "OOM",         "Redis has reached its maxmemory" },
    { "READONLY",    "this Redis is a replica, not the primary" },
    { "MASTERDOWN",  "this Redis is a replica without its primary" },
    { "NOREPLICAS",  "too few replicas for min-replicas-to-write" },
    { "MISCONF",     "Redis cannot save to disk, see its log" },
    { "LOADING",     "Redis is reading its data set" },
    { "BUSY",        "a script or function runs for too long in Redis" },
    { "WRONGTYPE",   "key of the wrong type" },
    { "CLUSTERDOWN", "the cluster does not serve all slots" },
    { "TRYAGAIN",    "the cluster is moving slots" },
    { "MOVED",       "this Redis is a node of a cluster" },
    { "ASK",         "this Redis is a node of a cluster" },
    { "CROSSSLOT",   "this Redis is a node of a cluster" },
    { NULL, NULL }
};


const char *
ngx_http_totp_rconn_log_hint(const totp_resp_t *error, ngx_str_t *word)
{
    size_t       n;
    ngx_uint_t   i;
    totp_str_t   text;

    text = totp_resp_str(error);

    for (n = 0; n < text.len && n < 32; n++) {
        if (text.data[n] < 'A' || text.data[n] > 'Z') {
            break;
        }
    }

    if (n == 0 || n == 32 || (n < text.len && text.data[n] != ' ')) {
        ngx_str_set(word, "ERR");
        return "";
    }

    word->data = (u_char *) text.data;
    word->len = n;

    /* within a script it is an ERR, worded otherwise since Redis 7.2 */

    if (totp_resp_is_error(error, "NOPERM")
        || ngx_http_totp_rconn_log_says(text, "The user executing the script")
        || ngx_http_totp_rconn_log_says(text, "ACL failure in script"))
    {
        if (ngx_http_totp_rconn_log_says(text, "access")) {
            return "the ACL of this user lacks a key pattern";
        }

        return "the ACL of this user lacks a command";
    }

    for (i = 0; ngx_http_totp_rconn_log_hints[i].word; i++) {
        if (totp_resp_is_error(error, ngx_http_totp_rconn_log_hints[i].word)) {
            return ngx_http_totp_rconn_log_hints[i].hint;
        }
    }

    return "";
}


static ngx_uint_t
ngx_http_totp_rconn_log_says(totp_str_t text, const char *words)
{
    return text.len
           && ngx_strlcasestrn((u_char *) text.data,
                               (u_char *) text.data + text.len,
                               (u_char *) words, ngx_strlen(words) - 1)
              != NULL;
}


/* The same reason in a row is logged once. */

void
ngx_http_totp_rconn_log_lost(ngx_http_totp_rconn_t *rc, ngx_err_t err,
    const char *why, const totp_resp_t *error)
{
    ngx_str_t    word;
    ngx_uint_t   key;
    const char  *hint;
    ngx_str_t   *name;

    name = rc->conf->naddrs > 1 ? &rc->conf->addrs[rc->addr].name
                                : &rc->conf->text;

    ngx_str_null(&word);
    hint = "";

    if (error) {
        hint = ngx_http_totp_rconn_log_hint(error, &word);
    }

    key = ngx_hash_key((u_char *) why, ngx_strlen(why));
    key = ngx_hash(key, ngx_hash_key(word.data, word.len));
    key = ngx_hash(key, (ngx_uint_t) err);

    /* 0 stands for: nothing logged */

    key |= 1;

    if (key == rc->logged) {
        return;
    }

    rc->logged = key;

    ngx_log_error(NGX_LOG_ERR, rc->log, err,
                  "totp: redis \"%V\": %s%s%V%s%s", name, why,
                  error ? ": " : "", &word, *hint ? ", " : "", hint);
}


void
ngx_http_totp_rconn_log_restored(ngx_http_totp_rconn_t *rc)
{
    if (rc->logged) {
        rc->logged = 0;
        ngx_log_error(NGX_LOG_NOTICE, rc->log, 0,
                      "totp: redis \"%V\": connection restored",
                      &rc->conf->text);
    }
}
