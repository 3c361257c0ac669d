/*
 * Templates: parsed into a flat list of operations, a section being followed
 * by what it holds and knowing where that ends.
 */

#include <stdarg.h>
#include <stdio.h>

#include "totp_template.h"
#include "totp_ascii.h"


#define TOTP_TEMPLATE_DEPTH  8


typedef enum {
    TOTP_OP_LITERAL = 0,
    TOTP_OP_TEXT,
    TOTP_OP_PICTURE,
    TOTP_OP_SECTION,
    TOTP_OP_INVERTED,
    TOTP_OP_KEY,
    TOTP_OP_CONTENT
} totp_op_type_t;


typedef struct {
    totp_op_type_t     type;
    totp_model_type_t  of;          /* SECTION, INVERTED: what the name is */
    totp_str_t         str;         /* the literal, the name, the key */
    size_t             end;         /* SECTION, INVERTED: the op after it */
} totp_op_t;


struct totp_template_s {
    size_t     n;
    totp_op_t  ops[];
};


/* A section that the parser is in. */

typedef struct {
    totp_op_t                   *op;
    size_t                       start;     /* of its tag, in source */
    const totp_template_name_t  *items;     /* LIST, or NULL */
} totp_scope_t;


typedef struct {
    totp_str_t                   source;
    size_t                       pos;
    totp_template_t             *t;
    const totp_template_name_t  *names;
    const totp_i18n_t           *lang;
    size_t                       depth;
    totp_scope_t                 scopes[TOTP_TEMPLATE_DEPTH];
    int                          content;   /* {{>content}} was there */
    totp_template_error_t       *err;
} totp_parser_t;


/* An item of a list within the model, or the model itself. */

typedef struct totp_frame_s  totp_frame_t;

struct totp_frame_s {
    const totp_model_t  *model;
    const totp_frame_t  *up;
};


typedef struct {
    const totp_template_t  *page;
    const totp_frame_t     *root;
    const totp_i18n_t      *lang;
    int                   (*out)(void *data, totp_str_t piece);
    void                   *data;
} totp_writer_t;


static int  totp_template_tag(totp_parser_t *p, size_t start, totp_str_t tag);
static int  totp_template_print(totp_parser_t *p, size_t start,
    totp_str_t name, totp_op_type_t type);
static int  totp_template_key(totp_parser_t *p, size_t start, totp_str_t key);
static int  totp_template_open(totp_parser_t *p, size_t start,
    totp_str_t name, totp_op_type_t type);
static int  totp_template_close(totp_parser_t *p, size_t start,
    totp_str_t name);
static void  totp_template_literal(totp_parser_t *p, size_t end);
static totp_op_t *totp_template_add(totp_parser_t *p, totp_op_type_t type,
    totp_str_t str);
static void  totp_template_lines(totp_parser_t *p, size_t *start, size_t *end);
static const totp_template_name_t *totp_template_name(const totp_parser_t *p,
    totp_str_t name);
static int  totp_template_error(totp_parser_t *p, size_t at, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

static int  totp_template_run(const totp_writer_t *w, const totp_template_t *t,
    size_t from, size_t to, const totp_frame_t *frame);
static int  totp_template_section(const totp_writer_t *w,
    const totp_template_t *t, size_t at, const totp_frame_t *frame);
static int  totp_template_true(const totp_model_t *m);
static const totp_model_t *totp_template_find(const totp_frame_t *frame,
    totp_str_t name, totp_model_type_t type);
static int  totp_template_phrase(const totp_writer_t *w, totp_str_t text,
    const totp_frame_t *frame);
static int  totp_template_escaped(const totp_writer_t *w, totp_str_t text);
static int  totp_template_piece(const totp_writer_t *w, totp_str_t piece);
static size_t  totp_template_placeholder(totp_str_t text, size_t *pos,
    totp_str_t *name);


totp_template_t *
totp_template_parse(totp_str_t source, const totp_template_name_t *names,
    const totp_i18n_t *lang, const totp_template_mem_t *mem,
    totp_template_error_t *err)
{
    size_t         i, n, start, end, next;
    totp_str_t     tag;
    totp_parser_t  p;

    err->line = 0;
    err->text[0] = '\0';

    p.source = source;
    p.pos = 0;
    p.names = names;
    p.lang = lang;
    p.depth = 0;
    p.content = 0;
    p.err = err;

    /* a tag is an operation at most, and so is what stands before it */

    n = 1;

    for (i = 0; i + 1 < source.len; i++) {
        if (source.data[i] == '{' && source.data[i + 1] == '{') {
            n += 2;
            i++;
        }
    }

    p.t = mem->alloc(mem->data,
                     sizeof(totp_template_t) + n * sizeof(totp_op_t));
    if (p.t == NULL) {
        totp_template_error(&p, 0, "out of memory");
        return NULL;
    }

    p.t->n = 0;

    for (start = 0; start + 1 < source.len; start = p.pos) {

        while (start + 1 < source.len
               && (source.data[start] != '{' || source.data[start + 1] != '{'))
        {
            start++;
        }

        if (start + 1 >= source.len) {
            break;
        }

        end = start + 2;

        while (end + 1 < source.len
               && (source.data[end] != '}' || source.data[end + 1] != '}'))
        {
            end++;
        }

        if (end + 1 >= source.len) {
            totp_template_error(&p, start, "\"{{\" without \"}}\"");
            return NULL;
        }

        tag = totp_str(source.data + start + 2, end - start - 2);
        i = start;
        next = end + 2;

        if (tag.len != 0 && memchr("#^/!", tag.data[0], 4) != NULL) {
            totp_template_lines(&p, &i, &next);
        }

        totp_template_literal(&p, i);

        if (totp_template_tag(&p, start, tag) != 0) {
            return NULL;
        }

        p.pos = next;
    }

    totp_template_literal(&p, source.len);

    if (p.depth != 0) {
        totp_template_error(&p, p.scopes[p.depth - 1].start,
                            "section \"%.*s\" is not closed",
                            (int) p.scopes[p.depth - 1].op->str.len,
                            (const char *) p.scopes[p.depth - 1].op->str.data);
        return NULL;
    }

    return p.t;
}


static int
totp_template_tag(totp_parser_t *p, size_t start, totp_str_t tag)
{
    uint8_t     kind;
    totp_str_t  name;

    kind = tag.len != 0 ? tag.data[0] : '\0';

    switch (kind) {

    case '!':
        return 0;

    case '#': case '^': case '/': case '&': case '>':
        name = totp_ascii_trim(totp_str(tag.data + 1, tag.len - 1));
        break;

    default:
        kind = '\0';
        name = totp_ascii_trim(tag);
        break;
    }

    switch (kind) {

    case '#':
        return totp_template_open(p, start, name, TOTP_OP_SECTION);

    case '^':
        return totp_template_open(p, start, name, TOTP_OP_INVERTED);

    case '/':
        return totp_template_close(p, start, name);

    case '&':
        return totp_template_print(p, start, name, TOTP_OP_PICTURE);

    case '>':
        if (!totp_str_eq(name, totp_str("content", 7))) {
            return totp_template_error(p, start,
                                       "there is nothing but {{>content}}");
        }

        if (p->content) {
            return totp_template_error(p, start,
                                       "{{>content}} for the second time");
        }

        p->content = 1;
        (void) totp_template_add(p, TOTP_OP_CONTENT, name);

        return 0;
    }

    if (name.len > 2 && memcmp(name.data, "t.", 2) == 0) {
        return totp_template_key(p, start,
                                 totp_str(name.data + 2, name.len - 2));
    }

    return totp_template_print(p, start, name, TOTP_OP_TEXT);
}


static int
totp_template_print(totp_parser_t *p, size_t start, totp_str_t name,
    totp_op_type_t type)
{
    const totp_template_name_t  *known;

    known = totp_template_name(p, name);

    if (known == NULL) {
        return totp_template_error(p, start, "unknown name \"%.*s\"",
                                   (int) name.len, (const char *) name.data);
    }

    if (type == TOTP_OP_TEXT && known->type != TOTP_MODEL_TEXT) {
        return totp_template_error(p, start, "\"%s\" is not a text",
                                   known->name);
    }

    if (type == TOTP_OP_PICTURE && known->type != TOTP_MODEL_PICTURE) {
        return totp_template_error(p, start, "\"%s\" is not a picture",
                                   known->name);
    }

    (void) totp_template_add(p, type, name);

    return 0;
}


static int
totp_template_key(totp_parser_t *p, size_t start, totp_str_t key)
{
    size_t                       pos;
    totp_str_t                   text, name;
    const totp_template_name_t  *known;

    text = totp_i18n_text(p->lang, key);

    if (text.len == 0) {
        return totp_template_error(p, start, "unknown text \"%.*s\"",
                                   (int) key.len, (const char *) key.data);
    }

    pos = 0;

    while (totp_template_placeholder(text, &pos, &name) != text.len) {

        known = totp_template_name(p, name);

        if (known == NULL || known->type != TOTP_MODEL_TEXT) {
            return totp_template_error(p, start, "in the text \"%.*s\" "
                                       "\"{%.*s}\" is not a text of this page",
                                       (int) key.len, (const char *) key.data,
                                       (int) name.len,
                                       (const char *) name.data);
        }
    }

    (void) totp_template_add(p, TOTP_OP_KEY, key);

    return 0;
}


static int
totp_template_open(totp_parser_t *p, size_t start, totp_str_t name,
    totp_op_type_t type)
{
    totp_scope_t                *scope;
    const totp_template_name_t  *known;

    known = totp_template_name(p, name);

    if (known == NULL) {
        return totp_template_error(p, start, "unknown name \"%.*s\"",
                                   (int) name.len, (const char *) name.data);
    }

    if (p->depth == TOTP_TEMPLATE_DEPTH) {
        return totp_template_error(p, start, "more than %d sections deep",
                                   TOTP_TEMPLATE_DEPTH);
    }

    scope = &p->scopes[p->depth++];
    scope->start = start;
    scope->op = totp_template_add(p, type, name);
    scope->op->of = known->type;

    /* where a list is empty there is no item to name things of */

    scope->items = NULL;

    if (known->type == TOTP_MODEL_LIST && type == TOTP_OP_SECTION) {
        scope->items = known->items;
    }

    return 0;
}


static int
totp_template_close(totp_parser_t *p, size_t start, totp_str_t name)
{
    totp_op_t  *op;

    if (p->depth == 0) {
        return totp_template_error(p, start, "no section \"%.*s\" is open",
                                   (int) name.len, (const char *) name.data);
    }

    op = p->scopes[p->depth - 1].op;

    if (!totp_str_eq(op->str, name)) {
        return totp_template_error(p, start, "\"%.*s\" is closed where "
                                   "\"%.*s\" is open",
                                   (int) name.len, (const char *) name.data,
                                   (int) op->str.len,
                                   (const char *) op->str.data);
    }

    op->end = p->t->n;
    p->depth--;

    return 0;
}


/* What stands from where the parser is up to end. */

static void
totp_template_literal(totp_parser_t *p, size_t end)
{
    if (end > p->pos) {
        (void) totp_template_add(p, TOTP_OP_LITERAL,
                                 totp_str(p->source.data + p->pos,
                                          end - p->pos));
    }
}


static totp_op_t *
totp_template_add(totp_parser_t *p, totp_op_type_t type, totp_str_t str)
{
    totp_op_t  *op;

    op = &p->t->ops[p->t->n++];

    op->type = type;
    op->of = TOTP_MODEL_TEXT;
    op->str = str;
    op->end = 0;

    return op;
}


/* Widens a tag from *start to *end to its line, where that holds no more. */

static void
totp_template_lines(totp_parser_t *p, size_t *start, size_t *end)
{
    size_t          from, to;
    const uint8_t  *s;

    s = p->source.data;

    for (from = *start; from > 0 && s[from - 1] != '\n'; from--) {
        if (!totp_ascii_blank(s[from - 1])) {
            return;
        }
    }

    for (to = *end; to < p->source.len && s[to] != '\n'; to++) {
        if (!totp_ascii_blank(s[to]) && s[to] != '\r') {
            return;
        }
    }

    *start = from;
    *end = to < p->source.len ? to + 1 : to;
}


static const totp_template_name_t *
totp_template_name(const totp_parser_t *p, totp_str_t name)
{
    size_t                       i;
    const totp_template_name_t  *n;

    for (i = p->depth + 1; i-- > 0; /* void */ ) {

        n = (i == 0) ? p->names : p->scopes[i - 1].items;

        for ( /* void */ ; n != NULL && n->name != NULL; n++) {
            if (totp_str_eq(totp_str(n->name, strlen(n->name)), name)) {
                return n;
            }
        }
    }

    return NULL;
}


static int
totp_template_error(totp_parser_t *p, size_t at, const char *fmt, ...)
{
    size_t   i;
    va_list  args;

    p->err->line = 1;

    for (i = 0; i < at; i++) {
        p->err->line += (p->source.data[i] == '\n');
    }

    va_start(args, fmt);
    (void) vsnprintf(p->err->text, sizeof(p->err->text), fmt, args);
    va_end(args);

    return -1;
}


int
totp_template_render(const totp_template_t *layout,
    const totp_template_t *page, const totp_model_t *model,
    const totp_i18n_t *lang, int (*out)(void *data, totp_str_t piece),
    void *data)
{
    totp_frame_t   root;
    totp_writer_t  w;

    root.model = model;
    root.up = NULL;

    w.page = layout != NULL ? page : NULL;
    w.root = &root;
    w.lang = lang;
    w.out = out;
    w.data = data;

    if (layout == NULL) {
        layout = page;
    }

    return totp_template_run(&w, layout, 0, layout->n, &root);
}


static int
totp_template_run(const totp_writer_t *w, const totp_template_t *t,
    size_t from, size_t to, const totp_frame_t *frame)
{
    int                  rc;
    size_t               i;
    totp_writer_t        within;
    const totp_op_t     *op;
    const totp_model_t  *found;

    for (i = from; i < to; i++) {

        op = &t->ops[i];
        rc = 0;

        switch (op->type) {

        case TOTP_OP_LITERAL:
            rc = totp_template_piece(w, op->str);
            break;

        case TOTP_OP_TEXT:
            found = totp_template_find(frame, op->str, TOTP_MODEL_TEXT);

            if (found != NULL) {
                rc = totp_template_escaped(w, found->text);
            }

            break;

        case TOTP_OP_PICTURE:
            found = totp_template_find(frame, op->str, TOTP_MODEL_PICTURE);

            if (found != NULL) {
                rc = totp_template_piece(w, found->text);
            }

            break;

        case TOTP_OP_KEY:
            rc = totp_template_phrase(w, totp_i18n_text(w->lang, op->str),
                                      frame);
            break;

        case TOTP_OP_SECTION:
        case TOTP_OP_INVERTED:
            rc = totp_template_section(w, t, i, frame);
            i = op->end - 1;
            break;

        case TOTP_OP_CONTENT:

            if (w->page != NULL) {
                within = *w;
                within.page = NULL;

                rc = totp_template_run(&within, w->page, 0, w->page->n,
                                       w->root);
            }

            break;
        }

        if (rc != 0) {
            return rc;
        }
    }

    return 0;
}


static int
totp_template_section(const totp_writer_t *w, const totp_template_t *t,
    size_t at, const totp_frame_t *frame)
{
    int                  rc, is;
    size_t               i;
    totp_frame_t         item;
    const totp_op_t     *op;
    const totp_model_t  *found;

    op = &t->ops[at];
    found = totp_template_find(frame, op->str, op->of);
    is = found != NULL && totp_template_true(found);

    if (is != (op->type == TOTP_OP_SECTION)) {
        return 0;
    }

    if (!is || op->of != TOTP_MODEL_LIST) {
        return totp_template_run(w, t, at + 1, op->end, frame);
    }

    for (i = 0; i < found->n; i++) {

        item.model = found->items[i];
        item.up = frame;

        rc = totp_template_run(w, t, at + 1, op->end, &item);

        if (rc != 0) {
            return rc;
        }
    }

    return 0;
}


static int
totp_template_true(const totp_model_t *m)
{
    switch (m->type) {

    case TOTP_MODEL_FLAG:
        return m->flag != 0;

    case TOTP_MODEL_LIST:
        return m->n != 0;

    case TOTP_MODEL_TEXT:
    case TOTP_MODEL_PICTURE:
        break;
    }

    return m->text.len != 0;
}


static const totp_model_t *
totp_template_find(const totp_frame_t *frame, totp_str_t name,
    totp_model_type_t type)
{
    const totp_model_t  *m;

    for ( /* void */ ; frame != NULL; frame = frame->up) {
        for (m = frame->model; m != NULL && m->name.len != 0; m++) {
            if (m->type == type && totp_str_eq(m->name, name)) {
                return m;
            }
        }
    }

    return NULL;
}


static int
totp_template_phrase(const totp_writer_t *w, totp_str_t text,
    const totp_frame_t *frame)
{
    int                  rc;
    size_t               pos, from, at;
    totp_str_t           name;
    const totp_model_t  *found;

    pos = 0;

    do {
        from = pos;
        at = totp_template_placeholder(text, &pos, &name);

        rc = totp_template_escaped(w, totp_str(text.data + from, at - from));

        if (rc == 0 && at != text.len) {
            found = totp_template_find(frame, name, TOTP_MODEL_TEXT);

            rc = totp_template_escaped(w, found != NULL ? found->text
                                          : totp_str(text.data + at,
                                                     pos - at));
        }

    } while (rc == 0 && pos < text.len);

    return rc;
}


/*
 * Looks for the next {name} from *pos on: returns where it begins and moves
 * *pos behind it; both are text.len where there is none.
 */

static size_t
totp_template_placeholder(totp_str_t text, size_t *pos, totp_str_t *name)
{
    size_t   i, at;
    uint8_t  c;

    for (at = *pos; at < text.len; at++) {

        if (text.data[at] != '{') {
            continue;
        }

        for (i = at + 1; i < text.len; i++) {
            c = totp_ascii_lower(text.data[i]);

            if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_') {
                break;
            }
        }

        if (i < text.len && text.data[i] == '}' && i > at + 1) {
            *name = totp_str(text.data + at + 1, i - at - 1);
            *pos = i + 1;
            return at;
        }
    }

    *pos = text.len;

    return text.len;
}


static int
totp_template_escaped(const totp_writer_t *w, totp_str_t text)
{
    int          rc;
    size_t       i, from;
    const char  *entity;

    from = 0;

    for (i = 0; i < text.len; i++) {

        switch (text.data[i]) {

        case '&':
            entity = "&amp;";
            break;

        case '<':
            entity = "&lt;";
            break;

        case '>':
            entity = "&gt;";
            break;

        case '"':
            entity = "&quot;";
            break;

        case '\'':
            entity = "&#39;";
            break;

        default:
            continue;
        }

        rc = totp_template_piece(w, totp_str(text.data + from, i - from));

        if (rc == 0) {
            rc = totp_template_piece(w, totp_str(entity, strlen(entity)));
        }

        if (rc != 0) {
            return rc;
        }

        from = i + 1;
    }

    return totp_template_piece(w, totp_str(text.data + from, text.len - from));
}


static int
totp_template_piece(const totp_writer_t *w, totp_str_t piece)
{
    return piece.len != 0 ? w->out(w->data, piece) : 0;
}
