/*
 * Templates, a small part of mustache(5):
 *
 *     {{name}}            a text, escaped for HTML text and quoted attributes
 *     {{&name}}           a picture (markup made by our own code), as it is
 *     {{#name}}..{{/name}}  once for a true flag or non-empty text, for each
 *                         item of a list
 *     {{^name}}..{{/name}}  where it is false or empty
 *     {{t.key}}           a text of the language, escaped; in it, {name}
 *                         stands for a text of the model
 *     {{>content}}        in the layout: the page itself
 *     {{! ..}}            a comment
 *
 * Escaping (& < > " ') is the only way to print.  Names are checked when a
 * template is parsed, so a mistake stops the start and never a page.
 *
 * Within a list the names of its item come first, then those around it.  A
 * name is made of [A-Za-z0-9_].  White space within the braces does not count.
 * A section may lie within others, eight deep at most.  The tag of a section
 * or a comment that is alone on its line leaves no line behind.  {{>content}}
 * may stand once in a template and is nothing where there is no page to put in;
 * the page knows nothing of the lists that it may stand in.
 */

#ifndef TOTP_TEMPLATE_H
#define TOTP_TEMPLATE_H

#include "totp_model.h"
#include "totp_i18n.h"


typedef struct totp_template_s  totp_template_t;


typedef struct {
    void        *(*alloc)(void *data, size_t size);     /* never freed here */
    void          *data;
} totp_template_mem_t;


typedef struct {
    unsigned     line;
    char         text[160];         /* what is wrong, NUL-terminated */
} totp_template_error_t;


/* The names a page's model may have; in a list, those of its items. */

typedef struct totp_template_name_s  totp_template_name_t;

struct totp_template_name_s {
    const char                  *name;      /* NULL ends the array */
    totp_model_type_t            type;
    const totp_template_name_t  *items;     /* LIST */
};


/*
 * Parses source, which must live as long as the template.  names are those
 * that may be used; keys are looked up in lang, and the {names} in their texts
 * are checked, too: whether they are TEXT, and known where the key stands.  (To
 * check another language parse with it.)  Both are needed no more afterwards.
 * Returns NULL with *err filled in (line 1-based) on an unknown name or key, a
 * wrong kind, an unclosed or crossed section, or when out of memory.
 */
totp_template_t *totp_template_parse(totp_str_t source,
    const totp_template_name_t *names, const totp_i18n_t *lang,
    const totp_template_mem_t *mem, totp_template_error_t *err);

/*
 * Renders a page within a layout (layout may be NULL).  out is called with
 * pieces in order, and returns 0 to go on; 0 is returned, or what it returned
 * otherwise.  What the model lacks, or holds as another type than the template
 * was parsed with, is empty.  A {name} that a text of lang should not have
 * stands as it is.
 */
int totp_template_render(const totp_template_t *layout,
    const totp_template_t *page, const totp_model_t *model,
    const totp_i18n_t *lang, int (*out)(void *data, totp_str_t piece),
    void *data);


#endif /* TOTP_TEMPLATE_H */
