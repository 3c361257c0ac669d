#include "totp_resp.h"
#include "totp_wipe.h"

#include <limits.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>


/* hiredis 1.0: size_t instead of int, pointers to tasks instead of tasks */

#if (HIREDIS_MAJOR >= 1)

typedef size_t  totp_resp_count_t;

#define totp_resp_task(r)  ((r)->task[(r)->ridx])

#else

typedef int  totp_resp_count_t;

#define totp_resp_task(r)  (&(r)->rstack[(r)->ridx])

#endif


/* Bytes of a number's line: the sign, 19 digits, CRLF, and some. */

#define TOTP_RESP_MAX_NUMBER  24


struct totp_resp_reader_s {
    redisReader                *reader;
    redisReplyObjectFunctions   fn;         /* ours: the originals, guarded */
    redisReplyObjectFunctions  *original;
    size_t                      pending;    /* bytes fed since the end of the
                                               last reply that was taken */
    int                         failed;
};


/* COMMANDS */

char *
totp_resp_format(size_t *len, int argc, const totp_str_t *argv)
{
    int           i;
    char         *command;
    size_t        total, *lens;
    long long     n;
    const char  **args;

    *len = 0;

    if (argc < 1) {
        return NULL;
    }

    /* hiredis 0.14 adds up in int, and asserts the sum */

    total = 0;

    for (i = 0; i < argc; i++) {
        if (argv[i].len > INT_MAX / 2) {
            return NULL;
        }

        total += argv[i].len + TOTP_RESP_MAX_NUMBER;

        if (total > INT_MAX / 2) {
            return NULL;
        }
    }

    args = malloc((size_t) argc * (sizeof(char *) + sizeof(size_t)));
    if (args == NULL) {
        return NULL;
    }

    lens = (size_t *) (args + argc);

    for (i = 0; i < argc; i++) {
        args[i] = argv[i].len ? (const char *) argv[i].data : "";
        lens[i] = argv[i].len;
    }

    n = redisFormatCommandArgv(&command, argc, args, lens);

    free(args);

    if (n < 0) {
        return NULL;
    }

    *len = (size_t) n;

    return command;
}


void
totp_resp_free(char *command, size_t len)
{
    if (command) {
        totp_wipe(command, len);
        redisFreeCommand(command);
    }
}


/*
 * GUARDS: what hiredis would build for a task is refused (NULL, the reader
 * fails) where it is not RESP2 or beyond the limits.
 */

static redisReplyObjectFunctions *
totp_resp_original(const redisReadTask *task)
{
    return ((totp_resp_reader_t *) task->privdata)->original;
}


static void *
totp_resp_create_string(const redisReadTask *task, char *str, size_t len)
{
    switch (task->type) {

    case REDIS_REPLY_STRING:

        /* hiredis skips two bytes here, whatever they are */

        if (memcmp(str + len, "\r\n", 2) != 0) {
            return NULL;
        }

        break;

    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:

        if (memchr(str, '\r', len) || memchr(str, '\n', len)) {
            return NULL;
        }

        break;

    default:                        /* RESP3 */
        return NULL;
    }

    return totp_resp_original(task)->createString(task, str, len);
}


static void *
totp_resp_create_array(const redisReadTask *task, totp_resp_count_t elements)
{
    int                   depth;
    const redisReadTask  *t;

    if (task->type != REDIS_REPLY_ARRAY
        || elements > TOTP_RESP_MAX_ELEMENTS)
    {
        return NULL;
    }

    /*
     * hiredis 0.14 counts to eight by itself, 1.x does not count, and its
     * freeReplyObject() is recursive
     */

    depth = 0;

    for (t = task; t; t = t->parent) {
        depth++;
    }

    if (depth > TOTP_RESP_MAX_DEPTH) {
        return NULL;
    }

    return totp_resp_original(task)->createArray(task, elements);
}


static void *
totp_resp_create_nil(const redisReadTask *task)
{
    /* RESP3's own nil has a type of its own */

    if (task->type != REDIS_REPLY_STRING && task->type != REDIS_REPLY_ARRAY) {
        return NULL;
    }

    return totp_resp_original(task)->createNil(task);
}


#if (HIREDIS_MAJOR >= 1)

static void *
totp_resp_create_double(const redisReadTask *task, double value, char *str,
    size_t len)
{
    (void) task;
    (void) value;
    (void) str;
    (void) len;

    return NULL;
}


static void *
totp_resp_create_bool(const redisReadTask *task, int value)
{
    (void) task;
    (void) value;

    return NULL;
}

#endif


/* READER */

totp_resp_reader_t *
totp_resp_reader_create(void)
{
    totp_resp_reader_t  *r;

    r = calloc(1, sizeof(totp_resp_reader_t));
    if (r == NULL) {
        return NULL;
    }

    r->reader = redisReaderCreate();
    if (r->reader == NULL) {
        free(r);
        return NULL;
    }

    r->original = r->reader->fn;

    r->fn = *r->original;
    r->fn.createString = totp_resp_create_string;
    r->fn.createArray = totp_resp_create_array;
    r->fn.createNil = totp_resp_create_nil;

#if (HIREDIS_MAJOR >= 1)
    r->fn.createDouble = totp_resp_create_double;
    r->fn.createBool = totp_resp_create_bool;
#endif

    r->reader->fn = &r->fn;
    r->reader->privdata = r;

    /*
     * A large buffer is kept: hiredis 0.14 asserts that it gets a new one.
     * The limits bound it.
     */

    r->reader->maxbuf = 0;

    return r;
}


void
totp_resp_reader_destroy(totp_resp_reader_t *r)
{
    if (r) {
        redisReaderFree(r->reader);
        free(r);
    }
}


int
totp_resp_feed(totp_resp_reader_t *r, const void *data, size_t len)
{
    if (r->failed) {
        return -1;
    }

    /*
     * After totp_resp_next() has returned 0 it is one unfinished reply that
     * is pending.  (hiredis looks for line ends in int.)
     */

    if (r->pending > TOTP_RESP_MAX_REPLY
        || len > INT_MAX / 2
        || redisReaderFeed(r->reader, data, len) != REDIS_OK)
    {
        r->failed = 1;
        return -1;
    }

    r->pending += len;

    return 0;
}


/*
 * An unfinished reply: does what there is of its current item tell already
 * that it can only end in an error?  Else a length that never comes would
 * keep the connection waiting.
 */

static int
totp_resp_hopeless(const redisReader *reader)
{
    int          type;
    size_t       i, n, value;
    const char  *p;

    if (reader->ridx < 0) {
        return 0;
    }

    type = totp_resp_task(reader)->type;

    switch (type) {

    case -1:                        /* not a byte of it yet */
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
        return 0;

    case REDIS_REPLY_INTEGER:
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_ARRAY:
        break;

    default:                        /* RESP3 */
        return 1;
    }

    p = reader->buf + reader->pos;
    n = reader->len - reader->pos;
    value = 0;

    for (i = 0; i < n && i < TOTP_RESP_MAX_NUMBER; i++) {

        if (p[i] == '\r') {
            return (i + 1 < n && p[i + 1] != '\n')
                   || (type == REDIS_REPLY_STRING
                       && value > TOTP_RESP_MAX_REPLY);
        }

        if (p[i] == '-' && i == 0) {
            continue;
        }

        if (p[i] < '0' || p[i] > '9') {
            return 1;
        }

        /* without overflow: once too large, it stays so */

        if (value <= TOTP_RESP_MAX_REPLY) {
            value = value * 10 + (size_t) (p[i] - '0');
        }
    }

    return i == TOTP_RESP_MAX_NUMBER;
}


int
totp_resp_next(totp_resp_reader_t *r, totp_resp_t **reply)
{
    void    *object;
    size_t   size, left;

    *reply = NULL;

    if (r->failed) {
        return -1;
    }

    if (redisReaderGetReply(r->reader, &object) != REDIS_OK) {
        r->failed = 1;
        return -1;
    }

    if (object == NULL) {

        if (r->pending > TOTP_RESP_MAX_REPLY
            || totp_resp_hopeless(r->reader))
        {
            r->failed = 1;
            return -1;
        }

        return 0;
    }

    left = r->reader->len - r->reader->pos;
    size = r->pending - left;
    r->pending = left;

    if (size > TOTP_RESP_MAX_REPLY) {
        freeReplyObject(object);
        r->failed = 1;
        return -1;
    }

    *reply = object;

    return 1;
}


void
totp_resp_reply_free(totp_resp_t *reply)
{
    freeReplyObject(reply);
}


/* VIEWS: a totp_resp_t is hiredis' redisReply under another name */

static const redisReply *
totp_resp_reply(const totp_resp_t *reply)
{
    return (const redisReply *) reply;
}


totp_resp_type_t
totp_resp_type(const totp_resp_t *reply)
{
    if (reply == NULL) {
        return TOTP_RESP_NIL;
    }

    switch (totp_resp_reply(reply)->type) {

    case REDIS_REPLY_STRING:
        return TOTP_RESP_STRING;

    case REDIS_REPLY_STATUS:
        return TOTP_RESP_STATUS;

    case REDIS_REPLY_ERROR:
        return TOTP_RESP_ERROR;

    case REDIS_REPLY_INTEGER:
        return TOTP_RESP_INTEGER;

    case REDIS_REPLY_ARRAY:
        return TOTP_RESP_ARRAY;
    }

    return TOTP_RESP_NIL;
}


totp_str_t
totp_resp_str(const totp_resp_t *reply)
{
    switch (totp_resp_type(reply)) {

    case TOTP_RESP_STRING:
    case TOTP_RESP_STATUS:
    case TOTP_RESP_ERROR:
        return totp_str(totp_resp_reply(reply)->str,
                        totp_resp_reply(reply)->len);

    default:
        return totp_str("", 0);
    }
}


/*
 * A whole number as Redis writes it: no '+', no leading zeros, no "-0", and
 * within 64 bits.
 */

static int
totp_resp_number(int64_t *out, totp_str_t s)
{
    int       negative;
    size_t    i;
    uint64_t  n, max, digit;

    negative = (s.len && s.data[0] == '-');
    max = (uint64_t) INT64_MAX + (negative ? 1 : 0);

    if (negative) {
        s.data++;
        s.len--;
    }

    if (s.len == 0 || (s.data[0] == '0' && (s.len > 1 || negative))) {
        return -1;
    }

    n = 0;

    for (i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') {
            return -1;
        }

        digit = (uint64_t) (s.data[i] - '0');

        if (n > (max - digit) / 10) {
            return -1;
        }

        n = n * 10 + digit;
    }

    /* the lowest number has no positive twin */

    *out = negative ? -(int64_t) (n - 1) - 1 : (int64_t) n;

    return 0;
}


int64_t
totp_resp_int(const totp_resp_t *reply, int *ok)
{
    int      good;
    int64_t  n;

    good = 0;
    n = -1;

    switch (totp_resp_type(reply)) {

    case TOTP_RESP_INTEGER:
        n = totp_resp_reply(reply)->integer;
        good = 1;
        break;

    case TOTP_RESP_STRING:
        good = (totp_resp_number(&n, totp_resp_str(reply)) == 0);
        break;

    default:
        break;
    }

    if (ok) {
        *ok = good;
    }

    return n;
}


size_t
totp_resp_elements(const totp_resp_t *reply)
{
    return totp_resp_type(reply) == TOTP_RESP_ARRAY
           ? totp_resp_reply(reply)->elements
           : 0;
}


const totp_resp_t *
totp_resp_element(const totp_resp_t *reply, size_t i)
{
    return i < totp_resp_elements(reply)
           ? (const totp_resp_t *) totp_resp_reply(reply)->element[i]
           : NULL;
}


int
totp_resp_is_error(const totp_resp_t *reply, const char *word)
{
    size_t      len;
    totp_str_t  text;

    if (totp_resp_type(reply) != TOTP_RESP_ERROR) {
        return 0;
    }

    len = strlen(word);
    text = totp_resp_str(reply);

    return text.len >= len && memcmp(text.data, word, len) == 0
           && (text.len == len || text.data[len] == ' ');
}
