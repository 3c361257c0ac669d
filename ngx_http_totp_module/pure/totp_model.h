/*
 * What a page shows: names with values, given to a template.
 *
 * A model is an array that lives as long as the rendering; nothing is copied.
 */

#ifndef TOTP_MODEL_H
#define TOTP_MODEL_H

#include "totp_str.h"


typedef enum {
    TOTP_MODEL_TEXT = 0,            /* printed escaped; true where not empty */
    TOTP_MODEL_PICTURE,             /* markup of our own making; {{&name}} */
    TOTP_MODEL_FLAG,
    TOTP_MODEL_LIST
} totp_model_type_t;


typedef struct totp_model_s  totp_model_t;

struct totp_model_s {
    totp_str_t           name;
    totp_model_type_t    type;
    totp_str_t           text;      /* TEXT, PICTURE */
    int                  flag;      /* FLAG */
    size_t               n;         /* LIST: items, each an array of its own */
    const totp_model_t *const *items;   /* each ends with an empty name */
};


#endif /* TOTP_MODEL_H */
