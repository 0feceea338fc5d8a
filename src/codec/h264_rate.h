/* What x264's rate controller is told for a rate that is wanted, and which level that needs. */
#ifndef CODEC_H264_RATE_H
#define CODEC_H264_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/codec.h"

struct vbv {
    int bitrate, buffer; /* kbit/s, kbit */
};

/* For an encoder that was opened at one rate and is to run at another. False: no whole number of kbit/s that x264 takes
 * comes near. */
bool rate_vbv(const struct codec_rate *rate, const struct codec_rate *opened, struct vbv *vbv);

/* The level that an encoder of this geometry and rate announces: 0, or CULVERT_E_LEVEL with the reason. */
int rate_level(const struct culvert_config *config, const struct codec_geometry *geometry,
               const struct codec_rate *rate, uint32_t *level, char *why);

/* Whether an encoder that announced this level, opened at one rate, can have another; and with which VBV. */
bool rate_fits_live(const struct culvert_config *config, const struct codec_geometry *geometry, uint32_t level,
                    const struct codec_rate *opened, const struct codec_rate *rate, struct vbv *vbv);

#endif
