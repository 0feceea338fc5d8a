/* Pictures at another size than their own: filling it, or whole in the middle of it with black beside them. */
#ifndef FRAME_SCALE_H
#define FRAME_SCALE_H

#include <stdbool.h>
#include <stdint.h>

#include "frame/picture.h"

/* A part of a picture; all even. */
struct window {
    uint32_t x, y, width, height;
};

/* The largest window in the middle of width x height square pixels that has this display aspect; at least 2x2. */
struct window scale_window(uint32_t width, uint32_t height, uint32_t aspect_num, uint32_t aspect_den);

/* Scales `from` into the window of `to`, and blackens the rest of it. Bilinear, or nearest neighbour. libyuv allocates
 * a row or two for the former. */
void scale(const struct picture *from, const struct picture *to, const struct window *window, bool nearest,
           bool full_range);

#endif
