#include "codec/h264_traits.h"

#include <string.h>

#include "codec/h264_rate.h"

/* x264_encoder_reconfig leaves out what placebo and ultrafast alone have: exhaustive motion search, and no deblocking,
 * CABAC or search between pixels. An exhaustive search that the options ask for keeps its range as well. */
bool h264_reaches(const struct culvert_config *config, int32_t from, int32_t to)
{
    const bool between = from >= 1 && from <= 9 && to >= 1 && to <= 9;
    return from == to || (between && strstr(config->options, "esa") == NULL);
}

int h264_admit(const struct culvert_config *config, const struct codec_geometry *geometry,
               const struct codec_rate *rate, char *why)
{
    uint32_t level;
    return rate_level(config, geometry, rate, &level, why);
}

bool h264_outgrows(const struct culvert_config *config, const struct codec_geometry *geometry,
                   const struct codec_rate *opened, const struct codec_rate *wanted)
{
    uint32_t level;
    char why[CODEC_WHY];
    struct vbv vbv;
    return !h264_reaches(config, opened->speed, wanted->speed) ||
           rate_level(config, geometry, opened, &level, why) < 0 ||
           !rate_fits_live(config, geometry, level, opened, wanted, &vbv);
}

static size_t macroblocks(uint32_t pixels)
{
    return (pixels + 15) / 16;
}

size_t h264_bound(const struct codec_geometry *geometry)
{
    return H264_HEADER_BYTES + macroblocks(geometry->width) * macroblocks(geometry->height) * H264_MACROBLOCK_BYTES;
}
