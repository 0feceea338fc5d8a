#include "codec/x264_rate.h"

#include <math.h>
#include <string.h>

#include "codec/x264_level.h"

#define RATE_MAX 2000000 /* kbit/s: x264 cuts what is above */
#define FRAMES 4         /* in the VBV buffer: with fewer x264 misses the bitrate */
#define SPEED_FASTEST 10 /* ultrafast has no 8x8 transforms */

/* burst_ms of the bitrate, and no fewer frames than this. */
static uint32_t buffer_kbit(const struct codec_rate *rate, double frames)
{
    const uint64_t burst = (uint64_t)rate->bitrate_kbps * rate->burst_ms / 1000;
    const double least = ceil(frames * ((double)rate->bitrate_kbps * rate->fps_den / rate->fps_num));
    return (uint32_t)fmax((double)burst, least);
}

/* x264 keeps the frame rate that it was opened with and gives each frame its share of the bitrate at that rate: at
 * another rate, the bitrate is the one whose share is right. The buffer holds real bits, so it is not scaled; but when
 * the rate falls it keeps up to four frames of what it held, because x264 spends 14 % too little with two frames and
 * 21 % with one (gameplay at 4000 kbit/s, 60 frames per second to 30 and 15; with four, 5 % and 9 %). */
bool rate_budget(const struct codec_rate *rate, const struct codec_rate *opened, struct budget *budget)
{
    const double was = (double)opened->fps_num / opened->fps_den, is = (double)rate->fps_num / rate->fps_den;
    const double exact = rate->bitrate_kbps * (was / is);
    const double whole = round(exact);
    const double held = rate->burst_ms * was / 1000;
    if (whole < 1 || whole > RATE_MAX || fabs(whole - exact) > exact / 100)
        return false;
    *budget = (struct budget){(int)whole, (int)buffer_kbit(rate, fmax(1, fmin(held, FRAMES)))};
    return true;
}

static struct level_load load(const struct culvert_config *config, const struct codec_geometry *geometry,
                              const struct codec_rate *rate)
{
    return (struct level_load){
        .width = geometry->width,
        .height = geometry->height,
        .fps_num = rate->fps_num,
        .fps_den = rate->fps_den,
        .bitrate_kbps = rate->bitrate_kbps,
        .buffer_kbit = buffer_kbit(rate, 1),
        /* Without 8x8 transforms x264 announces Main or Baseline all the same. */
        .high = config->profile == CULVERT_PROFILE_HIGH && config->speed != SPEED_FASTEST &&
                strstr(config->options, "8x8dct") == NULL,
    };
}

int rate_level(const struct culvert_config *config, const struct codec_geometry *geometry,
               const struct codec_rate *rate, uint32_t *level, char *why)
{
    const struct level_load demand = load(config, geometry, rate);
    return level_choose(&demand, config->level, level, why, CODEC_WHY);
}

bool rate_fits_live(const struct culvert_config *config, const struct codec_geometry *geometry, uint32_t level,
                    const struct codec_rate *opened, const struct codec_rate *rate, struct budget *budget)
{
    struct level_load demand = load(config, geometry, rate);
    if (!rate_budget(rate, opened, budget))
        return false;
    demand.buffer_kbit = (uint32_t)budget->buffer;
    return level_holds(level, &demand);
}
