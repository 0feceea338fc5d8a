#include "codec/vpx_traits.h"

#include <stdio.h>

#define VP8_SIDE 16383 /* pixels: 14 bits (RFC 6386, 9.1) */

int vp8_admit(const struct culvert_config *config, const struct codec_geometry *geometry, const struct codec_rate *rate,
              char *why)
{
    (void)config, (void)rate;
    if (geometry->width <= VP8_SIDE && geometry->height <= VP8_SIDE)
        return 0;
    snprintf(why, CODEC_WHY, "%ux%u is more than VP8 can have, %d a side: scale it down, or take vp9", geometry->width,
             geometry->height, VP8_SIDE);
    return CULVERT_E_LEVEL;
}

int vp9_admit(const struct culvert_config *config, const struct codec_geometry *geometry, const struct codec_rate *rate,
              char *why)
{
    (void)config, (void)geometry, (void)rate, (void)why; /* 65536 a side */
    return 0;
}

/* libvpx writes an access unit into memory of its own, of two raw pictures (3 bytes a pixel), their sides rounded up to
 * 16 (VP8) or 32 (VP9), and of 32 KiB at least (VP8). */
size_t vpx_bound(const struct codec_geometry *geometry)
{
    const size_t width = (geometry->width + 31) & ~31u, height = (geometry->height + 31) & ~31u;
    const size_t bytes = width * height * 3;
    return bytes < 32768 ? 32768 : bytes;
}
