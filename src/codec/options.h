/* Codec options as text, "name=value:name=value", by an allow-list of names. */
#ifndef CODEC_OPTIONS_H
#define CODEC_OPTIONS_H

#include <stddef.h>

/* Hands an option to the codec; value is NULL for a bare name. 0, or CULVERT_E_OPTION with the reason in why. */
typedef int options_apply(void *target, const char *name, const char *value, char *why, size_t why_size);

/* Walks the text. allowed is a NULL-terminated list of names; a name is also allowed with "no-" before it, and "_" for
 * "-". codec is named in messages. 0, or the first CULVERT_E_OPTION. */
int options_walk(const char *text, const char *codec, const char *const *allowed, options_apply *apply, void *target,
                 char *why, size_t why_size);

#endif
