/* Pixel formats, and where a frame's planes lie in a host's buffer. */
#ifndef FRAME_FORMAT_H
#define FRAME_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "culvert/culvert.h"

struct format {
    uint32_t id;      /* enum culvert_format */
    const char *name; /* "rgb565", as the command spells it */
    uint32_t planes;
    bool rgb;
    int pixel_format; /* libavutil's enum AVPixelFormat */
};

/* NULL when there is no such format. */
const struct format *format_find(uint32_t id);
/* By name, for the tools' and tests' tables: the index-th format, NULL behind the last. */
const struct format *format_at(uint32_t index);

struct layout {
    size_t offset[3];
    size_t stride[3];
    size_t bytes; /* to the end of the last row of the plane that ends last */
};

/* The tight layout of a size that is 2x2 to 16384x16384. */
void format_tight(const struct format *format, uint32_t width, uint32_t height, struct layout *layout);

/* The layout that a frame declares, checked against a buffer of `available` bytes: 0, CULVERT_E_SIZE (below 2x2 or
 * above 16384), or CULVERT_E_ARGUMENT, the reason as one line in why (why_size bytes). Planes that a format does not
 * have must have offset and stride 0. A plane whose rows span more than 2 GiB is refused, because libyuv counts them
 * with int. */
int format_layout(const struct format *format, const struct culvert_frame *frame, size_t available,
                  struct layout *layout, char *why, size_t why_size);

#endif
