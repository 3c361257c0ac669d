/*
 * RESP2, the wire language of Redis.  The only file that knows hiredis: its
 * formatter and its reader, never its connections.
 */

#ifndef TOTP_RESP_H
#define TOTP_RESP_H

#include "totp_str.h"


#define TOTP_RESP_MAX_REPLY     (1024 * 1024)   /* bytes of one reply */
#define TOTP_RESP_MAX_ELEMENTS  65536           /* of one array */
#define TOTP_RESP_MAX_DEPTH     7               /* of arrays in arrays */


typedef struct totp_resp_reader_s  totp_resp_reader_t;
typedef struct totp_resp_s         totp_resp_t;


typedef enum {
    TOTP_RESP_NIL = 0,
    TOTP_RESP_STRING,               /* bulk string */
    TOTP_RESP_STATUS,               /* +OK */
    TOTP_RESP_ERROR,                /* -WORD text */
    TOTP_RESP_INTEGER,
    TOTP_RESP_ARRAY
} totp_resp_type_t;


/*
 * Formats a command, binary safe; returns bytes to give back with
 * totp_resp_free() and *len, or NULL: out of memory, no argument at all, or
 * more than INT_MAX / 2 bytes.
 */
char *totp_resp_format(size_t *len, int argc, const totp_str_t *argv);
void totp_resp_free(char *command, size_t len);     /* wipes, then frees */

totp_resp_reader_t *totp_resp_reader_create(void);
void totp_resp_reader_destroy(totp_resp_reader_t *reader);

/*
 * Feeds bytes as they arrived.  Take all replies out with totp_resp_next(),
 * until it returns 0, before feeding more.  Returns 0, or -1: out of memory,
 * or one reply grows beyond TOTP_RESP_MAX_REPLY (so do replies that nobody
 * takes).  Drop the connection then; the reader stays failed.
 */
int totp_resp_feed(totp_resp_reader_t *reader, const void *data, size_t len);

/*
 * Takes the next whole reply: 1 with *reply (owned by the caller, give back
 * with totp_resp_reply_free), 0 where more bytes are needed, -1 where what
 * came is not RESP2 or beyond the limits; then the connection's order cannot
 * be trusted any more.
 */
int totp_resp_next(totp_resp_reader_t *reader, totp_resp_t **reply);
void totp_resp_reply_free(totp_resp_t *reply);

/*
 * Views.  A NULL reply is nil.  A view of another type than asked for is
 * empty: the string "", the integer -1 with *ok = 0 (ok may be NULL), no
 * elements.
 */
totp_resp_type_t totp_resp_type(const totp_resp_t *reply);
totp_str_t totp_resp_str(const totp_resp_t *reply);     /* also of a status
                                                           and an error */
int64_t totp_resp_int(const totp_resp_t *reply, int *ok);   /* a string of
                                                   digits is one, too */
size_t totp_resp_elements(const totp_resp_t *reply);
const totp_resp_t *totp_resp_element(const totp_resp_t *reply, size_t i);

/* Is it an error reply whose first word is this ("NOSCRIPT")? */
int totp_resp_is_error(const totp_resp_t *reply, const char *word);


#endif /* TOTP_RESP_H */
