/*
 * The stream of revocations: what one entry of XRANGE or XREAD says.
 */

#ifndef TOTP_STREAM_H
#define TOTP_STREAM_H

#include "totp_resp.h"
#include "totp_session.h"


typedef struct {
    uint64_t            ms;
    uint64_t            seq;
    const totp_resp_t  *fields;     /* name, value, ... */
} totp_stream_entry_t;


typedef enum {
    TOTP_REVOKED_USER,              /* all sessions of an older epoch */
    TOTP_REVOKED_SESSION
} totp_revoked_kind_t;


typedef struct {
    totp_revoked_kind_t  kind;
    totp_str_t           user;      /* of a user: realm and name, as in keys */
    uint8_t              sid[TOTP_SID_LEN];     /* of a session */
    uint64_t             number;    /* the user's epoch now, or until when the
                                       session would have lasted */
} totp_revoked_t;


/*
 * [id, [name, value, ...]] with an id of "ms-seq".  Returns 0, or -1 for what
 * no stream of Redis holds.
 */
int totp_stream_entry(totp_stream_entry_t *entry, const totp_resp_t *reply);

/*
 * "user", realm and name, "epoch", n; or "sid", hexadecimal, "until", n; more
 * may follow.  Returns 0, or -1 where it is not an entry of ours.
 */
int totp_stream_revoked(totp_revoked_t *revoked, const totp_resp_t *fields);


#endif /* TOTP_STREAM_H */
