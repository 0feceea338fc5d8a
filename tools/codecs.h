/* The codecs, as the command spells them. */
#ifndef TOOLS_CODECS_H
#define TOOLS_CODECS_H

#include <stddef.h>
#include <stdint.h>

struct codec_entry {
    uint32_t codec; /* enum culvert_codec */
    const char *name;
    const char *fourcc;  /* in IVF */
    const char *package; /* of Debian's, which a build with it needs; NULL: none */
};

extern const struct codec_entry codec_entries[];
extern const size_t codec_count;

/* CULVERT_CODEC_DEFAULT is H.264. */
const struct codec_entry *codec_entry(uint32_t codec);

#endif
