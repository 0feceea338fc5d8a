/* Codec options as text, "name=value:name=value", checked against a table of those that the codec takes. */
#ifndef CODEC_OPTIONS_H
#define CODEC_OPTIONS_H

#include <stddef.h>

enum option_kind {
    OPTION_FLAG,    /* yes, no, true, false, 1 or 0 */
    OPTION_INTEGER, /* from min to max */
    OPTION_NUMBER,  /* from min to max, a decimal point allowed */
    OPTION_WORD     /* of words */
};

enum option_use {
    OPTION_BARE = 1,   /* the bare name means yes */
    OPTION_NEGATED = 2 /* the bare name with "no-" before it means no, of whatever kind it is */
};

struct option {
    const char *name; /* lower case, with "-"; the text may have "_" instead */
    enum option_kind kind;
    unsigned use;    /* enum option_use */
    unsigned values; /* the most that it takes, separated by "," */
    double min, max;
    const char *words; /* separated by blanks */
};

/* Hands an option over, its value in a form that the table allows: one by one as in the text, or "yes" or "no" for a
 * bare name. 0, or CULVERT_E_OPTION with the reason in why. */
typedef int options_apply(void *target, const char *name, const char *value, char *why, size_t why_size);

/* Walks the text. A nameless entry ends the table; codec is named in messages. 0, or the first CULVERT_E_OPTION. */
int options_walk(const char *text, const char *codec, const struct option *table, options_apply *apply, void *target,
                 char *why, size_t why_size);

#endif
