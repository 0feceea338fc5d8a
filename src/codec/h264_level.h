/* H.264 levels: which is the lowest that a stream needs (Rec. ITU-T H.264, A.3.1 and Table A-1). */
#ifndef CODEC_H264_LEVEL_H
#define CODEC_H264_LEVEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/codec.h"

struct level_load {
    uint32_t width, height; /* coded */
    uint32_t references;    /* pictures that the decoder keeps, 1 to 16 */
    uint32_t fps_num, fps_den;
    uint32_t bitrate_kbps;
    uint32_t buffer_kbit; /* VBV */
    bool high;            /* in High profile a level allows 1.25 times the bitrate and buffer */
};

/* Levels are numbers times ten, 9 being 1b. 0 when there is such a level, and for 0; else CULVERT_E_RANGE with the list
 * of those that there are as the reason. */
int level_check(uint32_t level, char *why, size_t why_size);

/* The lowest level that holds the load, not above highest (0: none is too high; what no level holds then gets the
 * highest that exists). 0, or CULVERT_E_LEVEL with the reason. */
int level_choose(const struct level_load *load, uint32_t highest, uint32_t *level, char *why, size_t why_size);

/* Whether a level that was chosen before holds another load too. */
bool level_holds(uint32_t level, const struct level_load *load);

#endif
