#include "codec/h264_rate.h"

#include <math.h>
#include <string.h>

#include "codec/h264_level.h"

#define RATE_MAX 2000000 /* kbit/s: x264 cuts what is above */
#define FRAMES 4         /* in the VBV buffer: with fewer x264 misses the bitrate */
#define FPS_USUAL 60     /* at which burst_ms says how many it is to hold */
#define SPEED_FASTEST 10 /* ultrafast has no 8x8 transforms */

/* burst_ms of the bitrate; when frames come slower than usual, as many of them as it would hold then, up to four and up
 * to a second, which every level's buffer holds; and one in any case. With 70 ms alone x264 spends 12 % too little at
 * 30 frames per second and 25 % at 15; with four frames, 1 % and 2 % (gameplay, 640x480 at 2000 kbit/s). */
static uint32_t buffer_kbit(const struct codec_rate *rate)
{
    const double fps = (double)rate->fps_num / rate->fps_den;
    const double usual = fmin(rate->burst_ms * fmax(fps, FPS_USUAL) / 1000, FRAMES);
    const double frames = fmax(1, fmin(usual, floor(fps)));
    const uint64_t burst = (uint64_t)rate->bitrate_kbps * rate->burst_ms / 1000;
    return (uint32_t)fmax((double)burst, ceil(frames * rate->bitrate_kbps * rate->fps_den / rate->fps_num));
}

/* x264 keeps the frame rate that it was opened with and gives each frame its share of the bitrate at that rate: at
 * another rate, the bitrate is the one whose share is right. The buffer holds real bits, so it is not scaled. */
bool rate_vbv(const struct codec_rate *rate, const struct codec_rate *opened, struct vbv *vbv)
{
    const double was = (double)opened->fps_num / opened->fps_den, is = (double)rate->fps_num / rate->fps_den;
    const double exact = rate->bitrate_kbps * (was / is);
    const double whole = round(exact);
    if (whole < 1 || whole > RATE_MAX || fabs(whole - exact) > exact / 100)
        return false;
    *vbv = (struct vbv){(int)whole, (int)buffer_kbit(rate)};
    return true;
}

static struct level_load load(const struct culvert_config *config, const struct codec_geometry *geometry,
                              const struct codec_rate *rate)
{
    return (struct level_load){
        .width = geometry->width,
        .height = geometry->height,
        .references = config->references != 0 ? config->references : 1,
        .fps_num = rate->fps_num,
        .fps_den = rate->fps_den,
        .bitrate_kbps = rate->bitrate_kbps,
        .buffer_kbit = buffer_kbit(rate),
        /* Without 8x8 transforms x264 announces Main or Baseline all the same. */
        .high = config->profile == CULVERT_PROFILE_HIGH && rate->speed != SPEED_FASTEST &&
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
                    const struct codec_rate *opened, const struct codec_rate *rate, struct vbv *vbv)
{
    const struct level_load demand = load(config, geometry, rate);
    return rate_vbv(rate, opened, vbv) && level_holds(level, &demand);
}
